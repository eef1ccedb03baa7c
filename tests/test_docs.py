"""The pages of docs/: their examples run, and the API page lists every public name."""

import doctest
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import bss2sim
from bss2sim.hardware.transfer import LAWS
from bss2sim.variables import TRIAL, VARIABLES

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.rst"))
WITH_EXAMPLES = [page for page in PAGES if ">>>" in (DOCS / page).read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_page__examples_give_what_they_say(page: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=flags)
    assert result.attempted > 0 and result.failed == 0


def test_api_page__lists_every_public_name() -> None:
    text = (DOCS / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   ([A-Za-z]\w*(?:\.\w+)?)$", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    public = {name for name in bss2sim.__all__ if name != "__version__"}
    for module in bss2sim._MODULES:
        if module != "errors":
            # what the package itself exports is listed there, not a second time under the submodule
            home = getattr(bss2sim, module)
            public |= {
                f"{module}.{name}" for name in home.__all__ if getattr(home, name) is not getattr(bss2sim, name, None)
            }
    assert set(listed) == public


def test_coming_from_hxtorch__has_every_argument_of_iaf_neurons() -> None:
    pytest.importorskip("torch")
    text = (DOCS / "coming_from_hxtorch.rst").read_text(encoding="utf-8")
    table = text.split("Arguments of IAFNeuron")[1].split("What to watch")[0]
    cells = re.findall(r"^   \* - (.*)$", table, re.MULTILINE)
    listed = [name for cell in cells[1:] for name in re.findall(r"``(\w+)``", cell)]
    both = [
        name
        for kind in (bss2sim.hxtorch.IAFNeuron, bss2sim.IAFNeuron)
        for name in inspect.signature(kind).parameters
        if name != "spike_mask"  # hxtorch has none
    ]
    assert sorted(listed) == sorted(set(both))


def test_index__reaches_every_page() -> None:
    index = (DOCS / "index.rst").read_text(encoding="utf-8")
    entries = set(re.findall(r"^   (\w+)(?:/index)?$", index, re.MULTILINE))
    assert {page.removesuffix(".rst") for page in PAGES} - {"index"} <= entries


def test_data_model__explains_every_dim_of_the_registry() -> None:
    text = (DOCS / "data_model.rst").read_text(encoding="utf-8")
    dims = {dim for variable in VARIABLES.values() for part in variable.dims for dim in part.strip("[]").split("|")}
    assert "atomic_neuron" in dims and len(dims) > 10
    for dim in dims - {TRIAL}:
        assert f"``{dim}``" in text, f"docs/data_model.rst does not say what dim {dim} is"


def test_chip__has_every_law() -> None:
    """The table is made of docstrings: each begins with the quantity and its equation."""
    for name, law in LAWS.items():
        first = inspect.cleandoc(type(law).__doc__ or "").splitlines()[0]
        assert re.fullmatch(r"[^:]+: \S.* = .*\.", first), f"{name}: {first}"
        assert "Source: " in (type(law).__doc__ or ""), f"the law of {name} has no source"


def test_links__dead_ones_are_found(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("links", DOCS / "_ext" / "links.py")
    assert spec is not None and spec.loader is not None
    links = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(links)
    (tmp_path / "api").mkdir()
    (tmp_path / "picture.svg").write_text("<svg/>")
    (tmp_path / "api" / "simulate.html").write_text('<h1 id="simulate">x</h1><a href="../index.html#here">back</a>')
    good = (
        '<p id="here"><a href="api/simulate.html">a</a><a href="api/simulate.html#simulate">b</a><a href="#here">c</a>'
        '<a href="https://example.org/x">d</a><a href="#">top</a><img src="picture.svg">'
    )
    (tmp_path / "index.html").write_text(good)
    assert links.dead_links(tmp_path) == []
    (tmp_path / "index.html").write_text(
        good
        + '<a href="api/simulat.html">e</a><a href="api/simulate.html#simulat">f</a><a href="#there">g</a><img src="x.png">'
    )
    assert links.dead_links(tmp_path) == [
        "index.html: api/simulat.html",
        "index.html: api/simulate.html#simulat",
        "index.html: #there",
        "index.html: x.png",
    ]


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_links__of_the_repository_lead_somewhere(name: str) -> None:
    root = DOCS.parent
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|<img[^>]* src=\"([^\"]+)\"", (root / name).read_text(encoding="utf-8"))
    inside = [link for pair in links for link in pair if link and "://" not in link]
    assert name != "README.md" or inside
    for link in inside:
        assert (root / link).exists(), f"{name} links to {link}, which is not there"
