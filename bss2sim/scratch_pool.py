"""Working memory of kernels, one set of arrays for each thread, used again by later runs of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import numpy as np

Scratch = tuple[np.ndarray | None, ...]

_MOST_IDLE = 64 * 2**20  # bytes of all sets of a pool that wait for a run


class ScratchPool:
    """Sets of arrays by what they depend on; those of the shapes that runs had last are kept.

    Parameters
    ----------
    most_shapes : int
        Shapes kept.

    Attributes
    ----------
    idle : dict of list of tuple of array
        Sets that no run holds, the shape used last at the end.
    """

    def __init__(self, most_shapes: int) -> None:
        self.most_shapes = most_shapes
        self.idle: dict[Hashable, list[Scratch]] = {}

    @contextmanager
    def borrow(self, n: int, key: Hashable, make: Callable[[], Scratch]) -> Iterator[list[Scratch]]:
        """Lend n sets, made if there are none. No two runs ever hold the same set."""
        # Each line of these is one step for other threads; a shape that one of them drops meanwhile is made anew.
        idle = self.idle.pop(key, [])
        self.idle[key] = idle
        for oldest in list(self.idle)[: -self.most_shapes]:
            self.idle.pop(oldest, None)
        sets: list[Scratch] = []
        made = False
        while len(sets) < n:
            try:
                sets.append(idle.pop())
            except IndexError:
                sets.append(make())
                made = True
        yield sets  # after an error they are dropped: nobody knows whether all threads are done with them
        idle.extend(sets)
        if made:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Drop the shapes used longest ago until those left are small enough together."""
        waiting = [(key, list(sets)) for key, sets in list(self.idle.items())]
        size = {key: sum(array.nbytes for one in sets for array in one if array is not None) for key, sets in waiting}
        total = sum(size.values())
        for key, bytes_of_shape in size.items():
            if total <= _MOST_IDLE:
                return
            self.idle.pop(key, None)
            total -= bytes_of_shape
