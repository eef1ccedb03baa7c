"""Run a kernel on a GPU: what stays there, chunks of trials that fit, and the way back of the results.

Two chunks are under way at a time, each in a stream of its own: while the results of one are copied, the other is computed.
A trial never depends on the chunk it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .device_spikes import BYTES_OF_SPIKE, ChunkSpikes, DeviceSpikes
from .errors import DeviceError
from .kernels import cuda as gpu
from .kernels.codes import NOT_FINITE, TOO_FAST
from .kernels.cuda_spikes import NO_FAULT, NOTHING
from .plan import Plan, raise_status

_SHARE = 0.9  # of the free memory that a run may take
_UNDER_WAY = 2


@dataclass
class Chunk:
    """Trials low .. high on the GPU.

    Attributes
    ----------
    rows : list of array (trial,)
        Where the trials read: inputs, weights, parameters, state.
    flat, time_stride : array, int
        Dense inputs, and the elements between their rows of time.
    after : list of array (trial, neuron)
        State to be written.
    outputs : dict of array
        Recordings, flat.
    spikes, report : ChunkSpikes, array
        Spikes, and the faults of neurons (``cuda_spikes``).
    """

    low: int
    high: int
    stream: Any
    rows: list[Any]
    flat: Any
    time_stride: int
    after: list[Any]
    outputs: dict[str, Any]
    spikes: ChunkSpikes
    report: Any

    def recordings(self, dtype: Any) -> tuple[Any, ...]:
        """Return the recordings as kernels take them: whether membrane and current are recorded, and the arrays."""
        unused = gpu.empty(1, dtype, self.stream)
        arrays = [self.outputs.get(name, unused) for name in ("membrane", "current")]
        dense = self.outputs.get("spikes")
        if dense is None:
            dense = gpu.empty(1, np.uint8, self.stream)
        return "membrane" in self.outputs, "current" in self.outputs, *arrays, dense


class DeviceRun:
    """A run on a GPU.

    Parameters
    ----------
    plan : Plan
        The run.
    shared : list of array
        Arrays that all trials read.
    after : list of array or None
        Arrays (trial, neuron) or (trial,) of the state to be written.
    spikes : DeviceSpikes or None
        Where spikes go.
    steps : float
        Steps of a neuron, to guess the number of its spikes.
    launch : callable
        ``launch(chunk, shared)`` starts the kernel.
    """

    def __init__(
        self, plan: Plan, shared: list[np.ndarray], after: list[np.ndarray | None], spikes: DeviceSpikes | None,
        steps: float, launch: Callable[[Chunk, list[Any]], None],
    ) -> None:  # fmt: skip
        self._plan, self._spikes, self._launch, self._host_shared = plan, spikes, launch, shared
        self._after = [array if array is not None else np.empty((0, 0)) for array in after]
        self._outputs = {name: array for name, (_, array) in plan.outputs.dense.items()}
        if spikes is not None and spikes.dense is not None:
            self._outputs.pop("spikes")  # binned on the processor
        self._expected = plan.n_neuron * steps / 64  # spikes of a trial for which memory is taken at first
        self._dtype = np.dtype(np.float64) if spikes is None else spikes.dtype

    def run(self) -> None:
        """Run all trials, and look at the reports."""
        n_trial = self._plan.trials.size
        if n_trial == 0:
            return
        flat = self._plan.drive.flat
        size, whole = self._chunk_size()
        try:
            first_stream = gpu.make_stream()
            shared = [gpu.send(array, first_stream) for array in self._host_shared]
            whole_flat = None
            if whole:
                whole_flat = gpu.send(np.empty(0, np.uint8), first_stream) if flat is None else flat
                if flat is not None and self._plan.drive.on_device is None:
                    whole_flat = gpu.send(flat, first_stream)
            first_stream.synchronize()
            waiting: list[Chunk] = []
            for low in range(0, n_trial, size):
                chunk = self._make_chunk(low, min(low + size, n_trial), whole_flat)
                self._launch(chunk, shared)
                waiting.append(chunk)
                if len(waiting) == _UNDER_WAY:
                    self._finish(waiting.pop(0), shared)
            for chunk in waiting:
                self._finish(chunk, shared)
        except gpu.OutOfDeviceMemory as reason:
            raise DeviceError(
                f"the GPU has no room for another {_bytes(reason.args[0])} of this run: more spikes than expected, or another "
                "program takes memory. Run fewer trials at once, or record spikes as 'count' or 'first'"
            ) from reason

    def _row_bytes(self) -> int:
        """Bytes of the dense inputs of a trial, if every trial has its own."""
        flat, drive = self._plan.drive.flat, self._plan.drive
        return 0 if flat is None else (drive.n_time or 0) * drive.width * flat.itemsize

    def _chunk_size(self) -> tuple[int, bool]:
        """Trials of a chunk, and whether the dense inputs are on the GPU as a whole."""
        plan = self._plan
        n_trial, flat = plan.trials.size, plan.drive.flat
        fixed = sum(array.nbytes for array in self._host_shared)
        trial = sum(array.nbytes // n_trial for array in self._outputs.values()) + 4 * 8
        trial += sum(array.nbytes // n_trial for array in self._after)
        trial += self._bytes_of_spikes()
        free = gpu.free_memory() * _SHARE
        resident = plan.drive.on_device is not None
        inputs = 0 if flat is None or resident else flat.nbytes
        if fixed + inputs + n_trial * trial <= free:
            return n_trial, True
        trial += 0 if resident else self._row_bytes()
        size = int((free - fixed) // (_UNDER_WAY * trial)) if free > fixed else 0
        if size < 1:
            raise DeviceError(
                f"a trial needs {_bytes(trial)} on the GPU, {_UNDER_WAY} of them at a time, beside {_bytes(fixed)} that all trials "
                f"share; {_bytes(int(free))} are free. Record fewer neurons (neuron=) or traces, spikes as 'count' or 'first', "
                "or run a shorter piece at a time (return_state=True)"
            )
        return min(size, n_trial), resident

    def _bytes_of_spikes(self) -> int:
        """Bytes that the spikes of a trial take."""
        if self._spikes is None:
            return 0
        if self._spikes.count is not None or self._spikes.first is not None:
            return 8 * self._plan.n_neuron
        return int(self._expected + 1) * BYTES_OF_SPIKE

    def _make_chunk(self, low: int, high: int, whole_flat: Any) -> Chunk:
        """Take memory for a chunk, and send what its trials read."""
        plan, n = self._plan, high - low
        stream = gpu.make_stream()
        rows = [array[low:high] for array in (plan.input_row, plan.weight_row, plan.parameter_row, plan.state.row)]
        flat, time_stride = whole_flat, plan.drive.time_stride
        if flat is None:
            cut, rows[0], time_stride = self._cut(rows[0])
            flat = gpu.send(cut, stream)
        kept = n if plan.keeps_state else 0
        after = [gpu.empty((kept, *array.shape[1:]), array.dtype, stream) for array in self._after]
        n_total = plan.trials.size
        outputs = {
            name: gpu.empty(array.size // n_total * n, array.dtype, stream) for name, array in self._outputs.items()
        }
        for name, array in plan.outputs.on_device.items():
            outputs[name] = array[array.size // n_total * low : array.size // n_total * high]
        what = NOTHING if self._spikes is None else self._spikes.what
        spikes = ChunkSpikes(what, n * plan.n_neuron, int(self._expected * n) + 1024, self._dtype, stream)
        return Chunk(
            low, high, stream, [gpu.send(row, stream) for row in rows], flat, time_stride, after, outputs, spikes,
            gpu.send(np.full(2, NO_FAULT, np.int64), stream),
        )  # fmt: skip

    def _cut(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Copy the dense inputs of some trials together; returns them flat, where each begins, and the stride of time."""
        drive = self._plan.drive
        if drive.flat is None:
            return np.empty(0, np.uint8), at, 0
        starts, which = np.unique(at, return_inverse=True)
        item, width, n_time = drive.flat.itemsize, drive.width, drive.n_time or 0
        rows = np.empty((n_time, starts.size, width), drive.flat.dtype)
        for k, start in enumerate(starts):
            rows[:, k] = np.lib.stride_tricks.as_strided(
                drive.flat[start:], (n_time, width), (drive.time_stride * item, item), writeable=False
            )
        return rows.reshape(-1), which.reshape(-1) * width, starts.size * width

    def _finish(self, chunk: Chunk, shared: list[Any]) -> None:
        """Wait for a chunk, run it again if its spikes did not fit, and bring its results home."""
        plan, spikes, stream = self._plan, self._spikes, chunk.stream
        report = np.empty(2, np.int64)
        gpu.fetch(chunk.report, report, stream)
        for fault in (TOO_FAST, NOT_FINITE):
            task = int(report[fault - 1])
            if task != NO_FAULT:
                trial, neuron = divmod(task, plan.n_neuron)
                raise_status(plan, np.array([fault, chunk.low + trial, neuron]))
        if spikes is not None:
            found = chunk.spikes.n_found() if chunk.spikes.capacity else 0
            if found > chunk.spikes.capacity:
                self._expected = max(self._expected, 1.125 * found / (chunk.high - chunk.low))
                chunk.spikes.reset(found)
                self._launch(chunk, shared)
            spikes.finish(chunk.low, chunk.high, chunk.spikes)
        n_total = plan.trials.size
        for name, result in self._outputs.items():
            host = result.reshape(-1)
            per_trial = host.size // n_total
            gpu.fetch(chunk.outputs[name], host[chunk.low * per_trial : chunk.high * per_trial], stream)
        if plan.keeps_state:
            for device_array, target in zip(chunk.after, self._after, strict=True):
                if target.size:
                    gpu.fetch(device_array, target[chunk.low : chunk.high], stream)


def _bytes(n: int) -> str:
    """Name a number of bytes."""
    return f"{n} bytes" if n < 2**20 else f"{n} bytes ({n / 2**30:.3g} GiB)"
