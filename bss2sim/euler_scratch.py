"""Working memory of the Euler kernel."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from . import memory
from .kernels.codes import BLOCK
from .kernels.euler import DRIVE_ROW, N_FLOAT_ROW, N_INTEGER_ROW, N_TRACE
from .scratch_pool import Scratch, ScratchPool
from .spike_lists import ListSizes, make_lists

# Steps a group of neurons takes at a time; measured with 512 neurons. Few, because memory gives and takes rows best one after
# the other, and rows of some distance share a set of the first-level cache: it has room for eight lines.
TILE = 8

_pool = ScratchPool(4)


def _make(dtype: np.dtype, tile: int, n_input: int, sizes: ListSizes | None) -> Scratch:
    """Make a set, in the order of the kernel's arguments; without packed weights the index alone is read."""
    lists: tuple[np.ndarray, ...] = (
        np.empty(max(n_input, 1), np.int32), np.empty(0, dtype), *(np.empty(0, np.int64) for _ in range(4)), np.empty(0, np.uint64)
    )  # fmt: skip
    if sizes is not None:
        lists = make_lists(sizes, dtype)
    return (
        memory.zeros((N_FLOAT_ROW * BLOCK,), dtype),
        memory.zeros((N_INTEGER_ROW * BLOCK,), np.int32 if dtype == np.float32 else np.int64),
        memory.empty((N_TRACE * min(tile, TILE) * BLOCK,), dtype),
        memory.empty((BLOCK,), np.uint8),
        memory.empty((tile * BLOCK // 64,), np.uint64),
        memory.zeros((tile * DRIVE_ROW,), dtype),
        *lists,
    )


def borrow(
    n: int, dtype: np.dtype, tile: int, n_input: int, sizes: ListSizes | None
) -> AbstractContextManager[list[Scratch]]:
    """Lend n sets: floats, integers, traces, fired, marks, drive, lists of input spikes (``kernels.euler``).

    `sizes` are those of the lists of input spikes if the weights are packed.
    """
    key = (dtype.char, tile, n_input, sizes)
    return _pool.borrow(n, key, lambda: _make(dtype, tile, n_input, sizes))
