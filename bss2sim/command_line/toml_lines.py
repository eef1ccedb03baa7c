"""The lines of the keys of a TOML file, which Python's reader does not keep: for errors that say where."""

from __future__ import annotations

import re

Keys = tuple[str, ...]

_PART = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[A-Za-z0-9_-]+"
_KEY = re.compile(rf"\s*((?:{_PART})(?:\s*\.\s*(?:{_PART}))*)\s*=")
_HEADER = re.compile(rf"\s*\[\[?\s*((?:{_PART})(?:\s*\.\s*(?:{_PART}))*)\s*\]")
# texts of one line and comments, whose brackets are none
_OPAQUE = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|#.*")


def key_lines(text: str) -> dict[Keys, int]:
    r"""Return the line, from 1, of every table and key of a valid TOML text; keys of inline tables are in that of their table.

    Examples
    --------
    >>> from bss2sim.command_line.toml_lines import key_lines
    >>> sorted(key_lines("dt = 1e-6\n[neurons]\nsize = 4").items())
    [(('dt',), 1), (('neurons',), 2), (('neurons', 'size'), 3)]
    """
    found: dict[Keys, int] = {}
    implied: dict[Keys, int] = {}  # tables that have no line of their own

    def note(keys: Keys, number: int) -> None:
        found.setdefault(keys, number)
        for length in range(1, len(keys)):
            implied.setdefault(keys[:length], number)

    table: Keys = ()
    depth, closing = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if closing:  # in a text of several lines
            if closing not in line:
                continue
            line, closing = line.split(closing, 1)[1], ""
        elif depth == 0:
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _parts(header[1])
                note(table, number)
                continue
            if key:
                note(table + _parts(key[1]), number)
                line = line[key.end() :]
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                line, closing = line.split(quotes, 1)[0], quotes
        rest = _OPAQUE.sub("", line)
        depth += rest.count("[") + rest.count("{") - rest.count("]") - rest.count("}")
    return {**implied, **found}


def _parts(key: str) -> Keys:
    """Split a dotted key."""
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, key))


def line_of(lines: dict[Keys, int], keys: Keys) -> int:
    """Return the line of a key, or of what it is in."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, 1)
