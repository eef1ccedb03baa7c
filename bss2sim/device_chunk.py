"""A chunk of the trials of a run on a GPU: its memory, and the inputs it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .device_spikes import ChunkSpikes
from .inputs import Drive
from .kernels import cuda as gpu
from .kernels import cuda_streams as streams


class Memory:
    """Memory of the GPU by name, which the next chunk but one uses again."""

    def __init__(self) -> None:
        self._arrays: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self._sent: dict[str, np.ndarray] = {}  # on its way until the name is used again

    def take(self, name: str, shape: int | tuple[int, ...], dtype: Any) -> Any:
        """Return an array that is not initialised; an empty one becomes an element that nobody touches."""
        shape = shape if isinstance(shape, tuple) else (shape,)
        if 0 in shape:
            return gpu.nothing(len(shape), np.dtype(dtype))
        array, taken = self._arrays.get(name, (None, (0,)))
        if math.prod(taken) < math.prod(shape):
            array = None
            self._arrays.pop(name, None)  # given back before more is taken
            array, taken = self._arrays[name] = gpu.empty(shape, dtype, 0), shape
        if taken == shape:
            return array
        return array.reshape(math.prod(taken))[: math.prod(shape)].reshape(shape)

    def send(self, name: str, array: np.ndarray, stream: Any) -> Any:
        """Queue a copy of a small array to the GPU; an empty one becomes elements that nobody reads."""
        target = self.take(name, array.shape, array.dtype)
        if array.size:
            self._sent[name] = np.ascontiguousarray(array)
            streams.copy_up(self._sent[name], target, stream)
        return target


class InputRows:
    """The dense inputs of some trials (time, trial, neuron or input), those that trials share once, without gaps.

    Attributes
    ----------
    at, time_stride : array (trial,), int
        Where the trials begin, and the elements between rows of time.
    size : int
        Elements.
    """

    def __init__(self, drive: Drive, at: np.ndarray) -> None:
        assert drive.flat is not None and drive.n_time is not None
        self._starts, which = np.unique(at, return_inverse=True)
        self._width, self._stride, n = drive.width, drive.time_stride, self._starts.size
        self.at, self.time_stride = which.reshape(-1) * self._width, n * self._width
        self.size = drive.n_time * self.time_stride
        item = drive.flat.itemsize
        shape = max(0, drive.flat.size - self._width + 1), self._width
        # every stretch of a row's length, wherever it begins
        self._rows = np.lib.stride_tricks.as_strided(drive.flat, shape, (item, item), writeable=False)

    def read(self, low: int, high: int) -> np.ndarray:
        """Return a copy of the elements low .. high."""
        first, last = low // self._width, -(-high // self._width)
        row = np.arange(first, last)
        n = self._starts.size
        rows = self._rows[self._starts[row % n] + row // n * self._stride]
        return rows.reshape(-1)[low - first * self._width : high - first * self._width]


@dataclass
class Chunk:
    """Trials low .. high on the GPU.

    Attributes
    ----------
    stream : stream
        Of the kernels.
    rows : list of array (trial,)
        Where the trials read: inputs, weights, parameters, state.
    flat, time_stride : array, int
        Dense inputs, and the elements between their rows of time.
    packed : array (trial, time, word)
        Which of them are not 0, a bit each (``cuda_gather``), if kernels ask for it.
    after : list of array (trial, neuron)
        State to be written.
    outputs : dict of array
        Recordings, flat.
    unused : dict of array
        What stands for recordings that are not made, by dtype.
    spikes, report : ChunkSpikes, array
        Spikes, and the faults of neurons (``cuda_spikes``).
    sent, settled : event
        When its inputs are there; when its results are.
    """

    low: int
    high: int
    stream: Any
    rows: list[Any]
    flat: Any
    time_stride: int
    packed: Any
    after: list[Any]
    outputs: dict[str, Any]
    unused: dict[str, Any]
    spikes: ChunkSpikes
    report: Any
    sent: Any
    settled: Any = None

    def recordings(self, dtype: Any) -> tuple[Any, ...]:
        """Return the recordings as kernels take them: whether membrane and current are recorded, and the arrays."""
        unused = self.unused[np.dtype(dtype).char]
        arrays = [self.outputs.get(name, unused) for name in ("membrane", "current")]
        dense = self.outputs.get("spikes", self.unused["B"])
        return "membrane" in self.outputs, "current" in self.outputs, *arrays, dense
