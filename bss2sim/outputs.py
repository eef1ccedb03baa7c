"""Memory of the dense results: fresh and aligned, or that of an earlier result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from . import memory
from .errors import InputError, ParameterError

Labels = tuple[Any, ...]


@dataclass
class Outputs:
    """Arrays a run writes to. Dense ones by variable name, with dims; memory order (trial dims, time, neuron).

    Those `on_device` are flat, the caller's, and no part of the result; the caller works on them on these `streams`.
    """

    dense: dict[str, tuple[Labels, np.ndarray]] = field(default_factory=dict)
    on_device: dict[str, Any] = field(default_factory=dict)
    streams: list[Any] = field(default_factory=list)

    def flat(self, name: str, dtype: Any) -> np.ndarray:
        """Flat view of a dense output, empty if it is not recorded."""
        return self.dense[name][1].reshape(-1) if name in self.dense else np.empty(0, dtype)

    def stream(self, block: int) -> bool:
        """Whether every row of a block of neurons fills whole cache lines from an aligned start."""
        return block % memory.LINE == 0 and all(
            memory.is_aligned(array) and array.shape[-1] % block == 0 for _, array in self.dense.values()
        )


def _reused(previous: Any, name: str, dims: Labels, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return the memory of a variable of an earlier result."""
    if not isinstance(previous, xr.Dataset):
        raise InputError(f"out must be a Dataset returned by simulate; got {type(previous).__name__}")
    if name not in previous:
        raise InputError(f"out has no variable {name!r} to overwrite; pass a result of the same recording")
    variable = previous.variables[name]
    array = variable.values
    if variable.dims != dims or array.shape != shape or array.dtype != dtype:
        raise InputError(
            f"{name} of out has dims {dict(variable.sizes)} and dtype {array.dtype}; this run needs "
            f"{dict(zip(dims, shape, strict=True))} and {np.dtype(dtype)}"
        )
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise InputError(f"{name} of out is read-only or not contiguous; pass a result as simulate returned it")
    return array


def _allocated(name: str, dims: Labels, shape: tuple[int, ...], dtype: Any, place: int) -> np.ndarray:
    """Return fresh memory for a variable, at a place of its page that no other output has."""
    try:
        return memory.empty(shape, dtype, place)
    except (MemoryError, ValueError, OverflowError) as reason:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        raise ParameterError(
            f"{name} with {dict(zip(dims, shape, strict=True))} needs {size / 2**30:.3g} GiB, more than can be had; record "
            "fewer neurons (neuron=), times (sample_time=) or trials at once"
        ) from reason


def make_outputs(
    wanted: dict[str, tuple[Labels, tuple[int, ...], Any]], previous: Any, read: list[np.ndarray]
) -> Outputs:
    """Allocate the dense outputs, or take the memory of `previous`; `read` are arrays the run still reads."""
    outputs = Outputs()
    for name, (dims, shape, dtype) in wanted.items():
        if previous is None:
            array = _allocated(name, dims, shape, dtype, 1 + len(outputs.dense))
        else:
            array = _reused(previous, name, dims, shape, dtype)
            if any(np.may_share_memory(array, other) for other in read):
                raise InputError(f"{name} of out shares memory with the inputs; it cannot be overwritten while read")
            for other, (_, taken) in outputs.dense.items():
                if np.may_share_memory(array, taken):
                    raise InputError(f"{name} and {other} of out share memory; each needs its own")
        outputs.dense[name] = (dims, array)
    if previous is not None and not isinstance(previous, xr.Dataset):
        raise InputError(f"out must be a Dataset returned by simulate; got {type(previous).__name__}")
    return outputs
