"""What was worked out before and still holds, kept for the next run: a few values by key, the oldest dropped first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any


class Kept:
    """A small store of values that depend on their key (and on its owner, which never changes) alone.

    Whoever takes a value out must not write to it: the next run gets the same object.

    Parameters
    ----------
    most : int
        Values kept; one more drops the oldest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the value of a key, made if it is not there; an error of `make` leaves nothing behind."""
        try:
            return self._values[key]
        except KeyError:
            pass
        value = make()
        # A changed copy takes the place of the dict: another thread may be reading this one, and losing the value of
        # one of two threads that come at once costs only its work.
        values = dict(self._values)
        values.pop(key, None)
        while len(values) >= self._most:
            del values[next(iter(values))]
        values[key] = value
        self._values = values
        return value
