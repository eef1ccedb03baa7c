"""Inputs that are on a GPU already: arrays of CuPy, PyTorch, JAX, Numba and others, taken without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .device import require_cuda
from .device_arrays import UNREADABLE, DeviceArray
from .errors import InputError
from .inputs import Drive
from .synapse import Synapse


def take_device_array(inputs: Any, device: str) -> DeviceArray:
    """Return what is on a GPU.

    Raises
    ------
    InputError
        If the run is on the processor, or the array cannot be read where it is.
    """
    if device == "cpu":
        raise InputError("inputs are on a GPU; run with device='cuda', or copy them to the processor first")
    require_cuda()
    try:
        return DeviceArray(inputs)
    except UNREADABLE as reason:
        raise InputError(f"inputs on a GPU cannot be read: {reason}") from reason


def read_device_array(array: DeviceArray, synapse: Synapse | None, size: int, dtypes: tuple[Any, ...]) -> Drive:
    """Read (time, batch, neuron or input) or (time, neuron or input); `dtypes` are those that jumps may have."""
    from .kernels import cuda as gpu

    axis, shape, strides = "neuron" if synapse is None else "input", array.shape, array.strides
    if len(shape) not in (2, 3):
        raise InputError(f"inputs have shape {shape}; on a GPU give an array (time, batch, {axis}) or (time, {axis})")
    wanted = size if synapse is None else synapse.n_input
    if shape[-1] != wanted:
        what = "neurons in the population" if synapse is None else "inputs in the weights"
        raise InputError(f"inputs have {shape[-1]} entries along {axis}; there are {wanted} {what}")
    if shape[0] == 0:
        raise InputError("inputs have no time steps; give at least one")
    if synapse is not None:
        dtypes = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))
    dtype = np.dtype(np.uint8) if array.dtype == bool and synapse is not None else array.dtype
    if dtype not in dtypes:
        names = " or ".join(str(np.dtype(kind)) for kind in dtypes)
        raise InputError(f"inputs on a GPU have dtype {array.dtype}; convert them there to {names}")
    if not array.usable or (shape[-1] > 1 and strides[-1] != 1):
        raise InputError(f"inputs on a GPU must be contiguous along {axis}; their strides are {strides} elements")
    n_batch = shape[1] if len(shape) == 3 else 1
    at = np.arange(n_batch, dtype=np.int64) * (strides[1] if len(shape) == 3 else 0)
    length = 0 if 0 in shape else 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    sizes: dict[Any, int] = {"batch": n_batch} if len(shape) == 3 else {}
    return Drive(
        "jumps" if synapse is None else "dense", sizes, {}, n_time=shape[0],
        flat=gpu.view(array.owner, array.address, length, dtype),
        at=at.reshape(tuple(sizes.values())), time_stride=strides[0], width=shape[-1],
        binary=array.dtype == bool, on_device=array,
    )  # fmt: skip
