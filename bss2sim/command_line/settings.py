"""Settings in a TOML file: tables whose keys are taken one by one, and errors that name file, line and key."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import xarray as xr

from bss2sim.errors import Bss2SimError, FileError, ParameterError, suggestion

from .toml_lines import Keys, key_lines, line_of

MOST_VALUES = 10**8  # of a dim to sweep: more would not fit into the memory of a process as labels
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "a table",
    list: "a list",
}


class Settings:
    """A table of a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    lines : dict
        Line of every key of the file.
    keys : tuple of str
        Where the table is.
    content : dict
        What it holds.
    """

    def __init__(self, path: Path, lines: dict[Keys, int], keys: Keys, content: dict[str, Any]) -> None:
        self.path, self.lines, self.keys, self.content = path, lines, keys, content

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read a file.

        Raises
        ------
        FileError
            If it cannot be read, or is no TOML.
        """
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, key_lines(text), (), tomllib.loads(text))
        except tomllib.TOMLDecodeError as reason:
            place = re.search(r"\(at line (\d+), column (\d+)\)", str(reason))
            where = f", line {place[1]}" if place else ""
            raise FileError(f"{path}{where}: not valid TOML: {reason}") from reason
        except (OSError, UnicodeDecodeError) as reason:
            raise FileError(f"{path} cannot be read: {reason}") from reason

    def refuse(self, key: str | None, message: str) -> NoReturn:
        """Raise ParameterError that names file, line and key; without a key those of the table."""
        keys = self.keys if key is None else (*self.keys, key)
        name = ".".join(keys)
        raise ParameterError(f"{self.path}, line {line_of(self.lines, keys)}: {name + ': ' if name else ''}{message}")

    def check_keys(self, known: Iterable[str]) -> None:
        """Refuse keys that do not exist."""
        known = list(known)
        for key in self.content:
            if key not in known:
                self.refuse(key, f"there is no such key{suggestion(key, known)}")

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def get(self, key: str, kind: type, usual: Any = None, *, needed: bool = False) -> Any:
        """Return a value of one kind."""
        if key not in self.content:
            if needed:
                self.refuse(None, f"the key {key!r} is missing; it is {KINDS[kind]}")
            return usual
        value = self.content[key]
        fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            self.refuse(key, f"must be {KINDS[kind]}; got {value!r}")
        return value

    def table(self, key: str) -> Settings:
        """Return a table in this one, empty if it is not there."""
        return Settings(self.path, self.lines, (*self.keys, key), self.get(key, dict, {}))

    def file(self, key: str) -> Path:
        """Return a path; one that is not absolute is relative to the folder of the settings."""
        path = self.path.parent / self.get(key, str, needed=True)
        if not path.exists():
            self.refuse(key, f"there is no file {path}")
        return path

    def values(self, key: str) -> Any:
        """Return a text, or numbers: one, a list (one for each neuron), a pair, or a dim to sweep.

        A pair is a table with `excitatory` and `inhibitory`. That of a dim has `dim` and either `values`, or `start`, `stop` and
        `num` (`stop` included), and for whole numbers `start` and `stop` (not included).
        """
        value = self.content[key]
        if not isinstance(value, dict):
            if isinstance(value, list) and not all(isinstance(part, int | float) for part in value):
                self.refuse(key, f"a list must hold numbers; got {value!r}")
            return np.array(value) if isinstance(value, list) else value
        table = self.table(key)
        if "excitatory" in value or "inhibitory" in value:
            table.check_keys(("excitatory", "inhibitory"))
            for part in ("excitatory", "inhibitory"):
                if part not in table:
                    self.refuse(key, f"a pair needs {part!r}, too")
            return tuple(table.values(part) for part in ("excitatory", "inhibitory"))
        table.check_keys(("dim", "values", "start", "stop", "num"))
        dim = table.get("dim", str, needed=True)
        if "values" in table:
            listed = table.get("values", list)
            if len(table.content) != 2:
                table.refuse("values", "goes without start, stop and num")
            if not listed or not all(isinstance(part, int | float) for part in listed):
                table.refuse("values", f"must be a list of one or more numbers; got {listed!r}")
            array = np.array(listed)
        elif "num" in table:
            start, stop = (table.get(name, float, needed=True) for name in ("start", "stop"))
            num = table.get("num", int)
            for name, value in (("start", start), ("stop", stop)):
                if not math.isfinite(value):
                    table.refuse(name, f"must be finite; got {value}")
            if not 1 <= num <= MOST_VALUES:
                table.refuse("num", f"must be 1 to {MOST_VALUES}; got {num}")
            array = np.linspace(start, stop, num)
        else:
            start, stop = (table.get(name, int, needed=True) for name in ("start", "stop"))
            if stop <= start:
                table.refuse("stop", f"must be above start, {start}; got {stop}")
            if stop - start > MOST_VALUES or max(abs(start), abs(stop)) > 2**63 - 1:
                table.refuse("stop", f"must be at most {MOST_VALUES} above start, {start}, both below 2^63; got {stop}")
            array = np.arange(start, stop)
        return xr.DataArray(array, {dim: array}, (dim,))

    @contextmanager
    def naming(self, *kinds: type[Bss2SimError], key: str | None = None) -> Iterator[None]:
        """Name the file, and the line of the key that an error is about.

        Parameters
        ----------
        *kinds
            Kinds of errors; of any kind if none is given.
        key : str, optional
            What it is about; found in its text if it is not given.
        """
        try:
            yield
        except Bss2SimError as error:
            # one that begins with a file or an option has been named
            if (kinds and not isinstance(error, kinds)) or str(error).startswith((f"{self.path}", "--")):
                raise
            keys = (*self.keys, key) if key else (*self.keys, *self._about(str(error)))
            where = f", line {line_of(self.lines, keys)}: {'.'.join(keys)}" if keys else ""
            raise type(error)(f"{self.path}{where}: {error}") from error

    def _about(self, text: str) -> Keys:
        """Return the key of this table that a message is about; what it begins with may be a key of a table in it."""
        # chunks['level'] is chunks.level
        words = re.findall(r"\w+(?:\.\w+)*", re.sub(r"\['(\w+)'\]", r".\1", text))
        tables = {key: value for key, value in self.content.items() if isinstance(value, dict)}
        for word in words:
            first, _, rest = word.partition(".")
            if first in self.content:
                return (first, rest) if rest in tables.get(first, {}) else (first,)
        within = [key for key, value in tables.items() if words and words[0] in value]
        return (within[0], words[0]) if len(within) == 1 else ()

    def make(self, kind: Callable[..., Any], *given: Any, **arguments: Any) -> Any:
        """Call what makes something of this table, whose errors get file, line and key."""
        with self.naming():
            return kind(*given, **arguments)
