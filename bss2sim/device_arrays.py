"""Arrays on a GPU that a caller passes, of CuPy, PyTorch, JAX, Numba and others, and the streams their owners work on."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from .device import GPU_MEMORY
from .device_dlpack import Exported

UNREADABLE = (AttributeError, BufferError, KeyError, RuntimeError, TypeError, ValueError)  # what reading one may raise
_LEGACY = 1  # number of the stream that CUDA calls the legacy default stream


class DeviceArray:
    """An array on a GPU, as its ``__cuda_array_interface__`` or, if it has none, DLPack describes it.

    Attributes
    ----------
    owner : object
        What keeps the memory.
    address : int
        Of the first element.
    shape, strides : tuple
        Strides in elements.
    dtype : dtype
        Of the elements.
    usable, read_only : bool
        Whether strides are whole numbers of elements, none below 0; whether the array must not be written.
    stream : stream or None
        What its owner did to it is done when this stream is done up to here; None if there is nothing to wait for.

    Raises
    ------
    UNREADABLE
        If it is no array on a GPU, or cannot be read there.
    """

    strides: tuple[int, ...]

    def __init__(self, owner: Any) -> None:
        torch = sys.modules.get("torch")
        self._refuse_other_gpu(owner)
        if torch is not None and isinstance(owner, torch.Tensor):
            if owner.requires_grad:
                raise RuntimeError("it requires gradients, which simulate does not give; pass .detach()")
            self._read_interface(owner, torch.cuda.current_stream(owner.device).cuda_stream)
            return
        kind = type(owner)
        given = owner.__cuda_array_interface__ if hasattr(kind, "__cuda_array_interface__") else None
        if given is not None and given["version"] >= 3:  # before, interfaces did not say their stream
            self._read_interface(owner, given.get("stream"))
        elif hasattr(kind, "__dlpack__"):
            self._read_dlpack(owner)
        else:
            self._read_interface(owner, None)
            from .kernels import cuda_streams

            cuda_streams.wait_for_all()

    def _refuse_other_gpu(self, owner: Any) -> None:
        """Refuse an array on another GPU than that of the run."""
        if not hasattr(type(owner), "__dlpack_device__"):
            return
        from .kernels import cuda_streams

        kind, number = owner.__dlpack_device__()
        ours = cuda_streams.device_number()
        if kind == GPU_MEMORY[0] and number != ours:
            raise RuntimeError(f"it is on GPU {number}, the run uses GPU {ours}: copy it there")
        if kind not in GPU_MEMORY:
            raise TypeError("it is not on a GPU")

    def _read_interface(self, owner: Any, stream: int | None) -> None:
        """Read what ``__cuda_array_interface__`` says; the owner works on the stream of a number, None for none."""
        given = owner.__cuda_array_interface__
        if given.get("mask") is not None:
            raise TypeError("it has a mask; pass an array without one")
        self._describe(owner, given["shape"], np.dtype(given["typestr"]))
        self.address, self.read_only = int(given["data"][0] or 0), bool(given["data"][1])
        strides = given.get("strides")
        if strides is not None:
            item = self.dtype.itemsize
            self.usable = all(stride % item == 0 for stride in strides)
            self.strides = tuple(stride // item for stride in strides)
        self.usable = self.usable and all(stride >= 0 for stride in self.strides)
        if stream is not None:
            from .kernels import cuda_streams

            self.stream = cuda_streams.stream_of_caller(stream or _LEGACY)

    def _read_dlpack(self, owner: Any) -> None:
        """Let the owner hand the array over to a stream of ours."""
        from .kernels import cuda_streams

        stream = cuda_streams.make_stream()
        given = Exported(owner, cuda_streams.number_of(stream))
        if given.device[0] not in GPU_MEMORY:
            raise TypeError("it is not on a GPU")
        self._describe(given, given.shape, given.dtype)
        self.address, self.read_only, self.stream = given.address, given.read_only, stream
        self.strides = self.strides if given.strides is None else given.strides
        self.usable = all(stride >= 0 for stride in self.strides)

    def _describe(self, owner: Any, shape: Any, dtype: np.dtype) -> None:
        """Note what both ways have in common, as of a contiguous array."""
        self.owner, self.shape, self.dtype = owner, tuple(shape), dtype
        self.strides = tuple(math.prod(self.shape[k + 1 :]) for k in range(len(self.shape)))
        self.usable, self.stream = True, None

    @property
    def bounds(self) -> tuple[int, int]:
        """Addresses of the first byte, and of the one after the last."""
        if 0 in self.shape:
            return self.address, self.address
        last = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        return self.address, self.address + (last + 1) * self.dtype.itemsize
