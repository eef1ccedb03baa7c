"""Working memory of the Euler kernel, one set for each thread, used again by later runs of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from . import memory
from .kernels.codes import BLOCK
from .kernels.euler import DRIVE_ROW, N_FLOAT_ROW, N_INTEGER_ROW, N_TRACE
from .spike_lists import ListSizes, make_lists

# Steps a group of neurons takes at a time; measured with 512 neurons. Few, because memory gives and takes rows best one after
# the other, and rows of some distance share a set of the first-level cache: eight lines, those of a tile and of the next.
TILE = 4

Scratch = tuple[np.ndarray, ...]
_MOST_IDLE = 64 * 2**20  # bytes of the sets of one shape that wait for a run
_MOST_SHAPES = 4

_idle: dict[tuple[str, int, int, bool, ListSizes | None], list[Scratch]] = {}


def _make(dtype: np.dtype, tile: int, n_input: int, emits: bool, sizes: ListSizes | None) -> Scratch:
    """Make a set, in the order of the kernel's arguments; without packed weights the index alone is read."""
    lists = (np.empty(max(n_input, 1), np.int32), np.empty(0, dtype), *(np.empty(0, np.int64) for _ in range(4)))
    if sizes is not None:
        lists = make_lists(sizes, dtype)
    return (
        memory.zeros((N_FLOAT_ROW * BLOCK,), dtype),
        memory.zeros((N_INTEGER_ROW * BLOCK,), np.int32 if dtype == np.float32 else np.int64),
        memory.empty((N_TRACE * min(tile, TILE) * BLOCK,), dtype),
        memory.empty((0 if emits else tile * BLOCK,), np.uint8),
        memory.empty((tile * BLOCK // 64 if emits else 0,), np.uint64),
        memory.zeros((tile * DRIVE_ROW,), dtype),
        *lists,
    )


@contextmanager
def borrow(
    n: int, dtype: np.dtype, tile: int, n_input: int, emits: bool, sizes: ListSizes | None
) -> Iterator[list[Scratch]]:
    """Lend n sets: floats, integers, traces, fired, marks, drive, index, grade, count, order, lists, bins (``kernels.euler``).

    `emits`: spikes are put out one by one. `sizes` are those of the lists of input spikes if the weights are packed. No two runs
    ever hold the same set.
    """
    key = (dtype.char, tile, n_input, emits, sizes)
    if key not in _idle and len(_idle) >= _MOST_SHAPES:
        _idle.pop(next(iter(_idle)), None)  # the oldest shape
    idle = _idle.setdefault(key, [])
    sets: list[Scratch] = []
    while len(sets) < n:
        try:
            sets.append(idle.pop())  # one step, so no other thread gets the same set
        except IndexError:
            sets.append(_make(dtype, tile, n_input, emits, sizes))
    yield sets  # after an error they are dropped: nobody knows whether all threads are done with them
    if sets and sum(array.nbytes for array in sets[0]) * (len(idle) + n) <= _MOST_IDLE:
        idle.extend(sets)
