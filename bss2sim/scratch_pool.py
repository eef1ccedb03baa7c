"""Working memory of kernels, one set of arrays for each thread, used again by later runs of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import numpy as np

Scratch = tuple[np.ndarray | None, ...]

_MOST_IDLE = 64 * 2**20  # bytes of the sets of one shape that wait for a run


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
        while len(sets) < n:
            try:
                sets.append(idle.pop())
            except IndexError:
                sets.append(make())
        yield sets  # after an error they are dropped: nobody knows whether all threads are done with them
        if sets and sum(array.nbytes for array in sets[0] if array is not None) * (len(idle) + n) <= _MOST_IDLE:
            idle.extend(sets)
