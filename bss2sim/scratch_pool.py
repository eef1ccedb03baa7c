"""Working memory of kernels, one set of arrays for each thread, used again by later runs of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import numpy as np

Scratch = tuple[np.ndarray | None, ...]

MOST_SHAPES = 4
_MOST_IDLE = 64 * 2**20  # bytes of the sets of one shape that wait for a run


class ScratchPool:
    """Sets of arrays by what they depend on; of the shapes that runs had last, a few are kept.

    Attributes
    ----------
    idle : dict of list of tuple of array
        Sets that no run holds.
    """

    def __init__(self) -> None:
        self.idle: dict[Hashable, list[Scratch]] = {}

    @contextmanager
    def borrow(self, n: int, key: Hashable, make: Callable[[], Scratch]) -> Iterator[list[Scratch]]:
        """Lend n sets, made if there are none. No two runs ever hold the same set."""
        if key not in self.idle and len(self.idle) >= MOST_SHAPES:
            self.idle.pop(next(iter(self.idle)), None)  # the oldest shape
        idle = self.idle.setdefault(key, [])
        sets: list[Scratch] = []
        while len(sets) < n:
            try:
                sets.append(idle.pop())  # one step, so no other thread gets the same set
            except IndexError:
                sets.append(make())
        yield sets  # after an error they are dropped: nobody knows whether all threads are done with them
        if sets and sum(array.nbytes for array in sets[0] if array is not None) * (len(idle) + n) <= _MOST_IDLE:
            idle.extend(sets)
