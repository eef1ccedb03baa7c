"""Spikes of a run on a GPU: buffers that count past their end, put in order there, and collected chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .kernels import cuda as gpu
from .kernels import cuda_spikes as kernels

_IN_BIN = 32  # spikes of a bin, about: each is compared with the others of its bin
_MOST_BINS = 2**22  # of a chunk
BYTES_OF_SPIKE = 8 + 8 + 8 + 8 + 8 + 4  # in the buffer, by bins, sorted
_WHAT = {"sparse": kernels.SPARSE, "count": kernels.COUNT, "first": kernels.FIRST, "dense": kernels.DENSE}


class ChunkSpikes:
    """Arrays of a chunk of trials on the GPU."""

    def __init__(self, what: int, n_task: int, capacity: int, dtype: np.dtype, stream: Any) -> None:
        self.what, self.n_task, self.dtype, self.stream = what, n_task, dtype, stream
        self.capacity = 0
        self.reset(capacity if what == kernels.SPARSE else 0)

    def reset(self, capacity: int) -> None:
        """Start anew, with room for some spikes."""
        stream, what = self.stream, self.what
        if capacity > self.capacity or self.capacity == 0:
            self.capacity = capacity
            self.time = gpu.empty(capacity, self.dtype, stream)
            self.task = gpu.empty(capacity, np.int64, stream)
        self.found = gpu.send(np.zeros(1, np.int64), stream)
        self.count = gpu.send(np.zeros(self.n_task if what == kernels.COUNT else 0, np.int64), stream)
        self.first = gpu.send(np.full(self.n_task if what == kernels.FIRST else 0, _latest(self.dtype)), stream)

    def arguments(self) -> tuple[Any, ...]:
        """Return what the kernels take of it."""
        return self.what, self.time, self.task, self.found, self.count, self.first

    def n_found(self) -> int:
        """Spikes that were found, also beyond the room for them; waits for the kernel."""
        found = np.zeros(1, np.int64)
        gpu.fetch(self.found, found, self.stream)
        return int(found[0])


def _latest(dtype: np.dtype) -> Any:
    """A time after all others."""
    return dtype.type(np.inf) if dtype.kind == "f" else dtype.type(np.iinfo(dtype).max)


class DeviceSpikes:
    """The spikes of a run; as :class:`SpikeBuffers`, for a GPU.

    Parameters
    ----------
    kind : {"sparse", "dense", "count", "first"}
        What is recorded.
    in_kernel : bool
        Whether the kernel writes dense spikes itself; else they are found as sparse ones and binned by `dense`.
    n_trial, n_neuron : int
        Trials and neurons of the run.
    dtype : dtype
        Of the times the kernel writes: float64 [s], or int32 steps.
    begin, length : float
        Start and length of the run, in these times.
    start_step, dt : int, float
        Of the run, to turn steps into times [s].
    """

    def __init__(
        self, kind: str, in_kernel: bool, n_trial: int, n_neuron: int, dtype: Any, begin: float, length: float,
        start_step: int, dt: float,
    ) -> None:  # fmt: skip
        self.kind, self.n_neuron = kind, n_neuron
        self.what = _WHAT[kind]
        if kind == "dense" and not in_kernel:
            self.what = kernels.SPARSE
        self.dense: Callable[[np.ndarray, np.ndarray, np.ndarray], None] | None = None
        self.count = np.zeros(n_trial * n_neuron, np.int64) if kind == "count" else None
        self.first = np.full(n_trial * n_neuron, np.inf) if kind == "first" else None
        self.dtype, self._begin, self._length = np.dtype(dtype), begin, length
        self._start, self._dt = start_step, dt
        self._row_size = np.zeros(n_trial, np.int64)
        self._time: list[np.ndarray] = []
        self._neuron: list[np.ndarray] = []

    def finish(self, low: int, high: int, spikes: ChunkSpikes) -> None:
        """Take the spikes of the trials low .. high; chunks finish in order."""
        here = slice(low * self.n_neuron, high * self.n_neuron)
        if self.count is not None:
            gpu.fetch(spikes.count, self.count[here], spikes.stream)
        elif self.first is not None:
            first = np.empty(spikes.n_task, self.dtype)
            gpu.fetch(spikes.first, first, spikes.stream)
            self.first[here] = np.where(first == _latest(self.dtype), np.inf, self._seconds(first))
        elif self.what == kernels.SPARSE:
            time, neuron, row_size = self._sorted(high - low, spikes)
            if self.dense is not None:
                self.dense(np.repeat(np.arange(low, high), row_size), time, neuron)
            else:
                self._row_size[low:high] = row_size
                self._time.append(time)
                self._neuron.append(neuron)

    def collect(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return sparse spikes as (time [s], neuron, trial, spikes of each trial), sorted by (trial, time, neuron)."""
        time = np.concatenate([np.empty(0), *self._time])
        neuron = np.concatenate([np.empty(0, np.int32), *self._neuron])
        return time, neuron, np.repeat(np.arange(self._row_size.size), self._row_size), self._row_size

    def _seconds(self, time: np.ndarray) -> np.ndarray:
        """Times of the kernel in seconds."""
        return time if self.dtype.kind == "f" else (time + np.int64(self._start)) * self._dt

    def _sorted(self, n_trial: int, spikes: ChunkSpikes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sort the spikes of a chunk by (trial, time, neuron); times in seconds, neurons, spikes of each trial."""
        n, stream = spikes.n_found(), spikes.stream
        time, neuron = np.empty(n, self.dtype), np.empty(n, np.int32)
        if n == 0:
            return self._seconds(time), neuron, np.zeros(n_trial, np.int64)
        n_bin = max(1, min(n // (n_trial * _IN_BIN), _MOST_BINS // n_trial))
        binned = self.n_neuron, self._begin, self._length / n_bin, n_bin
        size = gpu.send(np.zeros(n_trial * n_bin, np.int64), stream)
        kernels.count_bins.launch(n, stream, n, spikes.time, spikes.task, *binned, size)
        sizes = np.empty(n_trial * n_bin, np.int64)
        gpu.fetch(size, sizes, stream)
        place = gpu.send(np.cumsum(sizes) - sizes, stream)
        by_bin = gpu.empty(n, self.dtype, stream), gpu.empty(n, np.int64, stream)
        kernels.scatter_bins.launch(n, stream, n, spikes.time, spikes.task, *binned, place, *by_bin)
        in_order = gpu.empty(n, self.dtype, stream), gpu.empty(n, np.int32, stream)
        kernels.rank_bins.launch(n, stream, n, *by_bin, *binned, place, *in_order)
        gpu.fetch(in_order[0], time, stream)
        gpu.fetch(in_order[1], neuron, stream)
        return self._seconds(time), neuron, sizes.reshape(n_trial, n_bin).sum(axis=1)
