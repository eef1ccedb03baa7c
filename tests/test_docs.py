"""The pages of docs/: their examples run, and the API page lists every public name."""

import doctest
import re
from pathlib import Path

import pytest

import bss2sim

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


def test_index__reaches_every_page() -> None:
    index = (DOCS / "index.rst").read_text(encoding="utf-8")
    entries = set(re.findall(r"^   (\w+)(?:/index)?$", index, re.MULTILINE))
    assert {page.removesuffix(".rst") for page in PAGES} - {"index"} <= entries
