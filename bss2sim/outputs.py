"""Memory of the results: dense arrays, reused on request, and spike buffers that never lose a spike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from . import memory
from .errors import InputError

Labels = tuple[Any, ...]


@dataclass
class Outputs:
    """Arrays a run writes to. Dense ones by variable name, with dims; memory order (trial dims, time, neuron)."""

    dense: dict[str, tuple[Labels, np.ndarray]] = field(default_factory=dict)

    def flat(self, name: str) -> np.ndarray | None:
        """Flat view of a dense output, None if it is not recorded."""
        return self.dense[name][1].reshape(-1) if name in self.dense else None

    def streams(self, n: int) -> bool:
        """Whether every row of n neurons fills whole cache lines from an aligned start."""
        return all(
            memory.is_aligned(array) and array.shape[-1] * array.itemsize % memory.LINE == 0 and n % memory.LINE == 0
            for _, array in self.dense.values()
        )


def _reused(previous: Any, name: str, dims: Labels, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return the memory of a variable of an earlier result."""
    if not isinstance(previous, xr.Dataset):
        raise InputError(f"out must be a Dataset returned by simulate; got {type(previous).__name__}")
    if name not in previous:
        raise InputError(f"out has no variable {name!r} to overwrite; pass a result of the same recording")
    variable = previous[name].variable
    array = variable.values
    if variable.dims != dims or array.shape != shape or array.dtype != dtype:
        raise InputError(
            f"{name} of out has dims {dict(variable.sizes)} and dtype {array.dtype}; this run needs "
            f"{dict(zip(dims, shape, strict=True))} and {np.dtype(dtype)}"
        )
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise InputError(f"{name} of out is read-only or not contiguous; pass a result as simulate returned it")
    return array


def make_outputs(
    wanted: dict[str, tuple[Labels, tuple[int, ...], Any]], previous: Any, read: list[np.ndarray]
) -> Outputs:
    """Allocate the dense outputs, or take the memory of `previous`; `read` are arrays the run still reads."""
    outputs = Outputs()
    for name, (dims, shape, dtype) in wanted.items():
        if previous is None:
            array = memory.empty(shape, dtype)
        else:
            array = _reused(previous, name, dims, shape, dtype)
            if any(np.may_share_memory(array, other) for other in read):
                raise InputError(f"{name} of out shares memory with the inputs; it cannot be overwritten while read")
        outputs.dense[name] = (dims, array)
    if previous is not None and not isinstance(previous, xr.Dataset):
        raise InputError(f"out must be a Dataset returned by simulate; got {type(previous).__name__}")
    return outputs


class SpikeBuffers:
    """One growing buffer for each chunk of tasks. A chunk that found more spikes than fit is run again with room."""

    def __init__(self, n_chunk: int, time_dtype: Any, expected: int) -> None:
        self._time: list[np.ndarray] = [np.empty(0, time_dtype)] * n_chunk
        self._neuron: list[np.ndarray] = [np.empty(0, np.int32)] * n_chunk
        self._dtype = time_dtype
        self._expected = expected
        self.is_sorted = True

    def fill(self, chunk: int, run: Callable[[np.ndarray, np.ndarray, int], tuple[int, bool]]) -> None:
        """Call ``run(time, neuron, capacity) -> (found, sorted)`` until everything found fits."""
        capacity = self._expected
        while True:
            time, neuron = np.empty(capacity, self._dtype), np.empty(capacity, np.int32)
            found, in_order = run(time, neuron, capacity)
            if found <= capacity:
                break
            capacity = found
            self._expected = max(self._expected, found + found // 8)  # neighbours are likely to need as much
        self._time[chunk], self._neuron[chunk] = time[:found], neuron[:found]
        if not in_order:
            self.is_sorted = False

    def collect(self, per_task: np.ndarray, n_block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (time, neuron, spikes of each trial), sorted by (trial, time, neuron)."""
        time, neuron = np.concatenate(self._time), np.concatenate(self._neuron)
        per_trial = per_task.reshape(-1, n_block).sum(axis=1)
        if not self.is_sorted:
            order = np.lexsort((neuron, time, np.repeat(np.arange(per_trial.size), per_trial)))
            return time[order], neuron[order], per_trial
        if n_block > 1 and time.size:
            from .kernels.merge import merge_blocks

            merged = np.empty_like(time), np.empty_like(neuron)
            pointer = np.concatenate([[0], np.cumsum(per_task)]).astype(np.int64)
            merge_blocks(time, neuron, pointer, n_block, *merged, np.empty(n_block, np.int64))
            time, neuron = merged
        return time, neuron, per_trial


@dataclass(frozen=True)
class Partition:
    """How a run is cut: blocks of neurons make tasks with the trials, consecutive tasks make chunks."""

    block: int
    n_block: int
    n_task: int
    bounds: list[int]
    threads: int

    @property
    def n_chunk(self) -> int:
        return len(self.bounds) - 1

    def keep(self, chunk: int, arrays: list[np.ndarray | None]) -> Callable[[], None]:
        """Copy what a chunk changes of arrays (trial, neuron); return the function that puts it back."""
        kept = []
        for task in range(self.bounds[chunk], self.bounds[chunk + 1]):
            low = task % self.n_block * self.block
            place = (task // self.n_block, slice(low, low + self.block))
            kept += [(array, place, array[place].copy()) for array in arrays if array is not None]

        def restore() -> None:
            for array, place, values in kept:
                array[place] = values

        return restore


_SMALL = 100_000  # neuron-steps below which waking a thread costs more than it gains
_CHUNKS_PER_THREAD = 6
_WIDEST = 512


def partition(n_trial: int, n_neuron: int, work_per_neuron: float, threads: int) -> Partition:
    """Cut a run for some threads; the result of the run does not depend on the cut."""
    if n_trial * n_neuron * work_per_neuron < _SMALL:
        threads = 1
    block = min(_WIDEST, n_neuron)
    if 0 < n_trial < threads and n_neuron >= 128:
        share = math.ceil(n_neuron * n_trial / threads)
        block = min(block, max(64, 64 * math.ceil(share / 64)))
    n_block = math.ceil(n_neuron / block)
    n_task = n_trial * n_block
    n_chunk = max(1, min(n_task, _CHUNKS_PER_THREAD * threads if threads > 1 else 1))
    bounds = [n_task * k // n_chunk for k in range(n_chunk + 1)]
    return Partition(block, n_block, n_task, bounds, threads)
