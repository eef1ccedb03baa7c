"""A look at every link of the built pages: what it leads to inside the documentation must be there."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_OF_SPHINX = {"genindex.html", "search.html", "py-modindex.html"}


class _Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element links to, and what links to it."""
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        link = found.get("href") if tag in ("a", "link") else found.get("src") if tag in ("img", "script") else None
        if link:
            self.links.append(link)


def dead_links(folder: Path) -> list[str]:
    """Return ``page: link`` for every link of the HTML pages of a folder that leads nowhere inside of it."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    dead = []
    for path, page in pages.items():
        if path.name in _OF_SPHINX or "_static" in path.parts:
            continue
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or (not parts.path and parts.fragment in ("", "top")):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.exists()
            if there and parts.fragment and target in pages:
                there = unquote(parts.fragment) in pages[target].anchors
            if not there:
                dead.append(f"{path.relative_to(folder)}: {link}")
    return dead


def _check(app: Sphinx, error: Exception | None) -> None:
    """Warn of dead links; with ``-W`` that fails the build."""
    from sphinx.util import logging

    if error is None and app.builder.format == "html":
        log = logging.getLogger(__name__)
        for link in dead_links(Path(app.outdir).resolve()):
            log.warning("dead link in %s", link)


def setup(app: Sphinx) -> dict[str, bool]:
    """Check links when all pages are written."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
