"""Metadata, README and continuous integration say the same."""

import configparser
import contextlib
import importlib.metadata
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bss2sim

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    """Parsed setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirement_names(text: str) -> set[str]:
    """Names in a list of requirements, in lower case, without the package's own extras."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in lines if line} - {"bss2sim"}


def readme_command(name: str) -> str:
    """The command between README's markers, as .ci/run extracts it."""
    (found,) = re.findall(rf"<!-- {name} command -->\n```sh\n(.*?)\n```\n<!-- end -->", README, re.DOTALL)
    return found


def test_version__is_the_same_everywhere(setup: configparser.ConfigParser) -> None:
    version = setup["metadata"]["version"]
    assert bss2sim.__version__ == version
    assert f"version = {{{version}}}" in README
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)


def test_changelog__has_an_entry_for_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(bss2sim.__version__)}\] - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE)


def test_readme__commands_install_and_run() -> None:
    assert readme_command("main") == 'python -m pip install ".[demo]" && python -m bss2sim'
    assert readme_command("test") == 'python -m pip install ".[test]" && python -m pytest -n auto --dist loadfile'


def test_ci__runs_the_commands_of_readme() -> None:
    assert "main_job=$(readme_command main)" in CI and 'in_environment user "$main_job"' in CI
    assert "tests=$(readme_command test)" in CI and 'in_environment tester "$tests"' in CI
    # The function that extracts them gives what this file sees.
    function = re.search(r"^readme_command\(\) \{.*?^\}", CI, re.MULTILINE | re.DOTALL)
    assert function
    for name in ("main", "test"):
        script = f"{function[0]}\nreadme_command {name}"
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == readme_command(name) + "\n"


def test_readme__example_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"<!-- example -->\n```python\n(.*?)```\n<!-- output -->\n```text\n(.*?)```", README, re.DOTALL)
    assert found
    code, expected = found.groups()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "__readme__"})
    assert printed.getvalue() == expected
    assert (tmp_path / "run.nc").stat().st_size > 0


def test_readme__links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_constraints__cover_what_the_package_asks_for(setup: configparser.ConfigParser) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    asked = requirement_names(setup["options"]["install_requires"])
    for extra in setup["options.extras_require"].values():
        asked |= requirement_names(extra)
    assert asked <= pinned


def test_requirements__have_a_lower_bound(setup: configparser.ConfigParser) -> None:
    for line in setup["options"]["install_requires"].split():
        assert ">=" in line


def test_torch__is_an_extra_of_its_own(setup: configparser.ConfigParser) -> None:
    """Installing it costs gigabytes: neither the package nor the main job needs it; tests, pages and examples do."""
    extras = setup["options.extras_require"]
    assert {name for name in extras if "torch" in requirement_names(extras[name])} == {"benchmark", "torch"}
    assert "torch" not in requirement_names(setup["options"]["install_requires"])
    own = {name: set(re.findall(r"bss2sim\[(.*)\]", extras[name])) for name in ("demo", "test", "docs")}
    assert own == {"demo": set(), "test": {"demo,dask,neo,nir,torch,zarr"}, "docs": {"demo,dask,torch,zarr"}}
    assert "pip install --quiet '.[demo,dask,torch,zarr]'" in CI


def test_package__ships_its_types(setup: configparser.ConfigParser) -> None:
    assert setup["options.package_data"]["bss2sim"].split() == ["py.typed"]
    assert (ROOT / "bss2sim" / "py.typed").is_file()


def installed(*names: str) -> bool:
    """Whether packages are installed; a folder `build` that pip leaves behind is none."""
    found = {distribution.metadata["Name"] for distribution in importlib.metadata.distributions()}
    return found.issuperset(names)


@pytest.mark.skipif(not installed("build", "setuptools"), reason="needs build and setuptools")
def test_wheel__is_pure_python(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "bss2sim").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = source / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    # Without isolation nothing is downloaded.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check", "--outdir"]
    done = subprocess.run([*command, str(tmp_path), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"bss2sim-{bss2sim.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert "bss2sim/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"bss2sim", f"bss2sim-{bss2sim.__version__}.dist-info"}
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / "bss2sim").rglob("*.py")}
    assert expected <= set(names)
