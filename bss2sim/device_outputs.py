"""Recordings that stay on a GPU, in arrays of the caller."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .device import is_on_gpu
from .device_arrays import UNREADABLE, DeviceArray
from .errors import InputError, suggestion


def take_device_outputs(
    wanted: dict[str, Any], out: dict[str, Any], read: DeviceArray | None
) -> tuple[dict[str, Any], list[Any]]:
    """Return the arrays of the caller, flat, by the name of the variable, and the streams that they are used on.

    Parameters
    ----------
    wanted : dict
        Dims, shape and dtype of what the run records.
    out : dict
        What the caller gave.
    read : DeviceArray or None
        Inputs that the run reads on the GPU.

    Raises
    ------
    InputError
        If an array is not what the run writes, or shares its memory with another one.
    """
    from .kernels import cuda as gpu

    taken: dict[str, DeviceArray] = {}
    for name, given in out.items():
        if name not in wanted:
            raise InputError(f"out has {name!r}, which this run does not record{suggestion(str(name), wanted)}")
        dims, shape, dtype = wanted[name]
        try:
            array = DeviceArray(given)
        except UNREADABLE as reason:
            got = f"{type(given).__name__}, {reason}" if is_on_gpu(given) else type(given).__name__
            raise InputError(f"{name} of out must be an array on the GPU; got {got}") from reason
        if array.read_only:
            raise InputError(f"{name} of out is read-only; give an array that may be written")
        steps = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
        plain = all(n <= 1 or a == b for n, a, b in zip(shape, array.strides, steps, strict=False))
        if array.shape != shape or array.dtype != dtype or not (plain and array.usable):
            raise InputError(
                f"{name} of out has shape {array.shape} and dtype {array.dtype}; this run needs a contiguous array "
                f"{dict(zip(dims, shape, strict=True))} of {np.dtype(dtype)}"
            )
        others = {**taken, **({} if read is None else {"the inputs": read})}
        for other, memory in others.items():
            if max(array.bounds[0], memory.bounds[0]) < min(array.bounds[1], memory.bounds[1]):
                raise InputError(f"{name} of out shares memory with {other}; each needs its own")
        taken[name] = array
    flat = {
        name: gpu.view(array.owner, array.address, math.prod(array.shape), array.dtype) for name, array in taken.items()
    }
    return flat, [array.stream for array in taken.values() if array.stream is not None]
