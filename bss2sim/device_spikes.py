"""Spikes of a run on a GPU: buffers that count past their end, put in order there, and collected chunk by chunk."""

from __future__ import annotations

from typing import Any

import numpy as np

from .kernels import cuda as gpu
from .kernels import cuda_spikes as kernels

_IN_BIN = 32  # spikes of a bin, about: each is compared with the others of its bin
_MOST_BINS = 2**22  # of a chunk
BYTES_OF_SPIKE = 8 + 8 + 8 + 8 + 8 + 4  # in the buffer, by bins, sorted
_WHAT = {"sparse": kernels.SPARSE, "count": kernels.COUNT, "first": kernels.FIRST, "dense": kernels.DENSE}


class ChunkSpikes:
    """Arrays of a chunk of trials on the GPU.

    Attributes
    ----------
    what, n_task, capacity : int
        What is kept of spikes (``cuda_spikes``), pairs of trial and neuron, spikes for which there is room.
    sorted : tuple
        After :meth:`DeviceSpikes.order`: times and neurons on the GPU, and how many each trial has.
    """

    def __init__(self, what: int, n_task: int, capacity: int, dtype: np.dtype, memory: Any, stream: Any) -> None:
        self.what, self.n_task, self.dtype, self.memory = what, n_task, dtype, memory
        self.sorted: tuple[Any, Any, np.ndarray] | None = None
        self.reset(capacity if what in (kernels.SPARSE, kernels.DENSE) else 0, stream)

    def reset(self, capacity: int, stream: Any) -> None:
        """Start anew, with room for some spikes."""
        memory, what = self.memory, self.what
        self.capacity = capacity
        self.time = self.task = None  # given back before more is taken
        self.time = memory.take("spike time", capacity, self.dtype)
        self.task = memory.take("spike task", capacity, np.int64)
        self.found = memory.send("found", np.zeros(1, np.int64), stream)
        count = np.zeros(self.n_task if what == kernels.COUNT else 0, np.int64)
        self.count = memory.send("count", count, stream)
        first = np.full(self.n_task if what == kernels.FIRST else 0, _latest(self.dtype))
        self.first = memory.send("first", first, stream)

    def arguments(self) -> tuple[Any, ...]:
        """Return what the kernels take of it."""
        return self.what, self.time, self.task, self.found, self.count, self.first

    def n_found(self, stream: Any) -> int:
        """Spikes that were found, also beyond the room for them; waits for the kernel."""
        found = np.zeros(1, np.int64)
        gpu.fetch(self.found, found, stream)
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
        self, kind: str, n_trial: int, n_neuron: int, dtype: Any, begin: float, length: float,
        start_step: int, dt: float,
    ) -> None:  # fmt: skip
        self.kind, self.n_neuron = kind, n_neuron
        self.what = _WHAT[kind]
        self.count = np.zeros(n_trial * n_neuron, np.int64) if kind == "count" else None
        self.first = np.full(n_trial * n_neuron, np.inf) if kind == "first" else None
        self.dtype, self._begin, self._length = np.dtype(dtype), begin, length
        self._start, self._dt = start_step, dt
        self._row_size = np.zeros(n_trial, np.int64)
        self._time: list[np.ndarray] = []
        self._neuron: list[np.ndarray] = []

    def order(self, n_trial: int, n: int, spikes: ChunkSpikes, stream: Any) -> None:
        """Sort the `n` spikes of a chunk by (trial, time, neuron), on the GPU."""
        if self.what != kernels.SPARSE:
            return
        memory = spikes.memory
        time, neuron = memory.take("sorted time", n, self.dtype), memory.take("sorted neuron", n, np.int32)
        sizes = np.zeros(n_trial, np.int64)
        if n:
            n_bin = max(1, min(n // (n_trial * _IN_BIN), _MOST_BINS // n_trial))
            binned = self.n_neuron, self._begin, self._length / n_bin, n_bin
            size = memory.send("bin size", np.zeros(n_trial * n_bin, np.int64), stream)
            kernels.count_bins.launch(n, stream, n, spikes.time, spikes.task, *binned, size)
            sizes = np.empty(n_trial * n_bin, np.int64)
            gpu.fetch(size, sizes, stream)
            place = memory.send("bin place", np.cumsum(sizes) - sizes, stream)
            by_bin = memory.take("binned time", n, self.dtype), memory.take("binned task", n, np.int64)
            kernels.scatter_bins.launch(n, stream, n, spikes.time, spikes.task, *binned, place, *by_bin)
            kernels.rank_bins.launch(n, stream, n, *by_bin, *binned, place, time, neuron)
            sizes = sizes.reshape(n_trial, n_bin).sum(axis=1)
        spikes.sorted = time, neuron, sizes

    def take(self, low: int, high: int, spikes: ChunkSpikes, down: Any) -> None:
        """Fetch the spikes of the trials low .. high; chunks come in order."""
        here = slice(low * self.n_neuron, high * self.n_neuron)
        if self.count is not None:
            down.down(spikes.count, self.count[here])
        elif self.first is not None:
            first = np.empty(spikes.n_task, self.dtype)
            down.down(spikes.first, first)
            self.first[here] = np.where(first == _latest(self.dtype), np.inf, self._seconds(first))
        elif spikes.sorted is not None:
            n = int(spikes.sorted[2].sum())
            time, neuron = np.empty(n, self.dtype), np.empty(n, np.int32)
            down.down(spikes.sorted[0], time)
            down.down(spikes.sorted[1], neuron)
            self._row_size[low:high] = spikes.sorted[2]
            self._time.append(self._seconds(time))
            self._neuron.append(neuron)

    def collect(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return sparse spikes as (time [s], neuron, trial, spikes of each trial), sorted by (trial, time, neuron)."""
        time = np.concatenate([np.empty(0), *self._time])
        neuron = np.concatenate([np.empty(0, np.int32), *self._neuron])
        return time, neuron, np.repeat(np.arange(self._row_size.size), self._row_size), self._row_size

    def _seconds(self, time: np.ndarray) -> np.ndarray:
        """Times of the kernel in seconds."""
        return time if self.dtype.kind == "f" else (time + np.int64(self._start)) * self._dt
