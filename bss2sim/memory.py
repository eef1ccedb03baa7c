"""Aligned arrays: results and scratch start on a cache line, so that whole lines can be streamed.

The system hands out fresh memory page by page, and zeroing the pages of a recording takes longer than computing it.
So the memory of results and of buffers that nobody holds any more is kept for the next one of about the same size, up to
``KEPT`` bytes and ``MOST_KEPT`` blocks in all.

Arrays that a kernel reads and writes together should differ in where they start within a page: while a store past the
caches is under way, a load or store at the same place of another page waits for it, which made recording membrane and
current two to three times slower.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
from typing import Any

import numpy as np

LINE = 64
KEPT, MOST_KEPT = 256 * 2**20, 128
_LARGE = 2**17  # from where on a C library may take pages from the system each time, and give them back

_PAGE = 4096
_PLACE = 9 * LINE  # between the places of a page; rows of 512 float32 repeat every half page

_blocks: list[np.ndarray] = []
_lock = threading.RLock()  # collecting garbage inside may drop a result and end up here again


def _forget() -> None:
    """Start anew in a forked child, where the lock may be held by a thread that is not there."""
    global _lock
    _lock = threading.RLock()
    _blocks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _block(size: int) -> np.ndarray:
    """Return a block of memory that no array uses."""
    if size < _LARGE or size > KEPT // 2:
        return np.empty(size, np.uint8)
    # rounded up by at most an eighth, so that results of about the same size find the memory of one another
    grain = 1 << (size.bit_length() - 4)
    size = -(-size // grain) * grain
    with _lock:
        for k in range(len(_blocks) - 1, -1, -1):
            # Held by the list and by the argument of getrefcount alone: no array is a view of it.
            if _blocks[k].size == size and sys.getrefcount(_blocks[k]) == 2:
                block = _blocks.pop(k)
                break
        else:
            block = np.empty(size, np.uint8)
            while len(_blocks) >= MOST_KEPT or size + sum(kept.size for kept in _blocks) > KEPT:
                del _blocks[0]  # the longest unused; arrays that still view it keep it alive
        _blocks.append(block)
        return block


def empty(shape: tuple[int, ...], dtype: Any, place: int | None = None) -> np.ndarray:
    """Return an uninitialised C-contiguous array that starts on a cache line, or at a place 0 .. 6 of a page."""
    dtype = np.dtype(dtype)
    # numpy's own whole numbers, as kernels return them without JIT, have no bit_length
    size = int(math.prod(shape)) * dtype.itemsize
    memory = _block(size + (LINE if place is None else 2 * _PAGE))
    # The address as ctypes tells it: asking the array takes four times as long.
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory.data))
    start = -address % LINE if place is None else -address % _PAGE + place * _PLACE
    return np.ndarray(shape, dtype, memory, start)


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a zeroed C-contiguous array that starts on a cache line."""
    array = empty(shape, dtype)
    array[...] = 0
    return array


def is_aligned(array: np.ndarray) -> bool:
    """Whether an array starts on a cache line."""
    return array.ctypes.data % LINE == 0
