"""Working memory of the Euler kernel, one set for each thread, used again by later runs of the same shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from . import memory
from .kernels.codes import BLOCK, ROWS
from .kernels.euler import DRIVE_ROW, N_FLOAT_ROW, N_INTEGER_ROW, N_TRACE

# Steps a group of neurons takes at a time; measured with 512 neurons. Few, because memory gives and takes rows best one after
# the other, and rows of some distance share a set of the first-level cache: eight lines, those of a tile and of the next.
TILE = 4

Scratch = tuple[np.ndarray, ...]
_MOST_IDLE = 64 * 2**20  # bytes of the sets of one shape that wait for a run
_MOST_SHAPES = 4

_idle: dict[tuple[str, int, int, int, int], list[Scratch]] = {}


def _make(dtype: np.dtype, tile: int, n_input: int, n_listed: int, most: int) -> Scratch:
    """Make a set, in the order of the kernel's arguments."""
    return (
        memory.zeros((N_FLOAT_ROW * BLOCK,), dtype),
        memory.zeros((N_INTEGER_ROW * BLOCK,), np.int32 if dtype == np.float32 else np.int64),
        memory.empty((N_TRACE * min(tile, TILE) * BLOCK,), dtype),
        memory.empty((tile * BLOCK,), np.uint8),
        memory.zeros((tile * DRIVE_ROW,), dtype),
        np.empty(max(n_listed, n_input, 1), np.int32),
        np.empty(n_listed, dtype),
        np.empty(tile, np.int64),
        np.empty(tile + ROWS - 1, np.int64),
        np.empty(-(-tile // ROWS) + 1, np.int64),
        np.empty(most + 2, np.int64),
    )


@contextmanager
def borrow(n: int, dtype: np.dtype, tile: int, n_input: int, n_listed: int, most: int) -> Iterator[list[Scratch]]:
    """Lend n sets: floats, integers, traces, fired, drive, index, grade, count, order, lists, bins (``kernels.euler``).

    `n_listed` entries of the lists of a tile find room, `most` input spikes of a step. No two runs ever hold the same set.
    """
    key = (dtype.char, tile, n_input, n_listed, most)
    if key not in _idle and len(_idle) >= _MOST_SHAPES:
        _idle.pop(next(iter(_idle)), None)  # the oldest shape
    idle = _idle.setdefault(key, [])
    sets: list[Scratch] = []
    while len(sets) < n:
        try:
            sets.append(idle.pop())  # one step, so no other thread gets the same set
        except IndexError:
            sets.append(_make(dtype, tile, n_input, n_listed, most))
    try:
        yield sets
    finally:
        if sets and sum(array.nbytes for array in sets[0]) * (len(idle) + n) <= _MOST_IDLE:
            idle.extend(sets)
