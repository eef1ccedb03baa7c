"""Arrays on a GPU that a caller passes, of CuPy, PyTorch, JAX, Numba and others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class DeviceArray:
    """An array on a GPU, as its ``__cuda_array_interface__`` describes it.

    Attributes
    ----------
    owner : object
        What was passed; it keeps the memory.
    shape, strides : tuple
        Strides in elements.
    dtype : dtype
        Of the elements.
    """

    def __init__(self, owner: Any) -> None:
        given = owner.__cuda_array_interface__
        self.owner, self.shape, self.dtype = owner, tuple(given["shape"]), np.dtype(given["typestr"])
        strides = given.get("strides")
        if strides is None:
            strides = [self.dtype.itemsize * math.prod(self.shape[k + 1 :]) for k in range(len(self.shape))]
        self.usable = all(stride % self.dtype.itemsize == 0 and stride >= 0 for stride in strides)
        self.strides = tuple(stride // self.dtype.itemsize for stride in strides)

    @property
    def bounds(self) -> tuple[int, int]:
        """Addresses of the first byte, and of the one after the last."""
        first = int(self.owner.__cuda_array_interface__["data"][0])
        if 0 in self.shape:
            return first, first
        last = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        return first, first + (last + 1) * self.dtype.itemsize
