"""Aligned arrays: results and scratch start on a cache line, so that whole lines can be streamed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LINE = 64


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an uninitialised C-contiguous array that starts on a cache line."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a zeroed C-contiguous array that starts on a cache line."""
    array = empty(shape, dtype)
    array[...] = 0
    return array


def is_aligned(array: np.ndarray) -> bool:
    """Whether an array starts on a cache line."""
    return array.ctypes.data % LINE == 0
