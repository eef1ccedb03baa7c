"""Run a kernel on a GPU: what stays there, chunks of trials that fit, and the way back of the results.

Two chunks are under way at a time, in two sets of memory that are used in turn. Inputs, kernels and results have a stream
each: while a chunk is computed, the results of the one before are fetched, then the inputs of the next one sent. A trial never
depends on the chunk it is in.

The processor waits for these three streams alone. Kernels wait for what was queued in the streams of the caller before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .device_chunk import Chunk, InputRows, Memory
from .device_spikes import BYTES_OF_SPIKE, ChunkSpikes, DeviceSpikes
from .errors import DeviceError
from .kernels import cuda as gpu
from .kernels import cuda_streams as streams
from .kernels.codes import BIN_FULL, NOT_FINITE, TOO_FAST
from .kernels.cuda_gather import pack_rows, words_of
from .kernels.cuda_spikes import NO_FAULT, NOTHING
from .options import thread_count
from .threads import run_chunks

_SHARE = 0.9  # of the free memory that a run may take
_UNDER_WAY = 2
_PART = 2**19  # bytes worth a thread that copies
_MOST_COPYING = 8  # threads; more wait for memory
_FAULTS = (TOO_FAST, NOT_FINITE, BIN_FULL)


class DeviceRun:
    """A run on a GPU.

    Parameters
    ----------
    plan : Plan or CircuitPlan
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
    refuse : callable
        ``refuse((fault, trial, neuron))`` raises what the kernel reported.
    packs : bool
        Whether the kernel takes dense inputs packed, too.
    """

    def __init__(
        self, plan: Any, shared: list[np.ndarray], after: list[np.ndarray | None], spikes: DeviceSpikes | None,
        steps: float, launch: Callable[[Chunk, list[Any]], None], refuse: Callable[[np.ndarray], None], packs: bool = False,
    ) -> None:  # fmt: skip
        self._refuse, self._words = refuse, 0
        if packs:
            self._words = plan.n_time * words_of(plan.n_input)
        self._plan, self._spikes, self._launch, self._host_shared = plan, spikes, launch, shared
        self._after = [array if array is not None else np.empty((0, 0)) for array in after]
        self._outputs = {name: array for name, (_, array) in plan.outputs.dense.items()}
        self._expected = plan.n_neuron * steps / 64  # spikes of a trial for which memory is taken at first
        self._dtype = np.dtype(np.float64) if spikes is None else spikes.dtype

    def run(self) -> None:
        """Run all trials, and look at the reports."""
        plan = self._plan
        n_trial, flat = plan.trials.size, plan.drive.flat
        if n_trial == 0:
            return
        size, whole = self._chunk_size()
        resident = plan.drive.on_device is not None
        home = sum(array.nbytes for array in (*self._outputs.values(), *self._after))
        self._up = streams.Copier(0 if flat is None or resident else flat.nbytes, _spread)
        self._down = streams.Copier(home + n_trial * self._bytes_of_spikes(), _spread)
        self._work = streams.make_stream()
        try:
            self._follow_caller()
            shared = Memory()
            arrays = [shared.send(str(k), array, self._up.stream) for k, array in enumerate(self._host_shared)]
            whole_flat = None
            if flat is None or resident:
                whole_flat = shared.take("flat", 0, np.uint8) if flat is None else flat
            elif whole:
                assert flat is not None
                whole_flat = shared.take("flat", flat.size, flat.dtype)
                self._up.up(lambda low, high: flat[low:high], flat.size, whole_flat)
            memory = [Memory() for _ in range(_UNDER_WAY)]
            before: Chunk | None = None
            for number, low in enumerate(range(0, n_trial, size)):
                chunk = self._make_chunk(low, min(low + size, n_trial), whole_flat, memory[number % _UNDER_WAY])
                if before is not None:
                    self._settle(before, arrays)
                streams.follow(self._work, chunk.sent)
                self._pack(chunk)
                self._launch(chunk, arrays)
                if before is not None:
                    self._bring_home(before)
                before = chunk
            assert before is not None
            self._settle(before, arrays)
            self._bring_home(before)
        except gpu.OutOfDeviceMemory as reason:
            raise DeviceError(
                f"the GPU has no room for another {_bytes(reason.args[0])} of this run: more spikes than expected, or another "
                "program takes memory. Run fewer trials at once, or record spikes as 'count' or 'first'"
            ) from reason
        finally:  # nothing may be dropped that is still read or written
            streams.finish(self._work)
            self._up.close()
            self._down.close()

    def _follow_caller(self) -> None:
        """Let the kernels wait for what the caller queued, on its streams, for arrays that are on the GPU."""
        plan = self._plan
        theirs = list(plan.outputs.streams)
        if plan.drive.on_device is not None and plan.drive.on_device.stream is not None:
            theirs.append(plan.drive.on_device.stream)
        for stream in theirs:
            streams.follow(self._work, streams.mark(stream))

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
        trial += self._bytes_of_spikes() + 4 * self._words
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
        """Bytes that the spikes of a trial take, beside dense ones."""
        if self._spikes is None or self._spikes.kind == "dense":
            return 0
        if self._spikes.kind in ("count", "first"):
            return 8 * self._plan.n_neuron
        return int(self._expected + 1) * BYTES_OF_SPIKE

    def _make_chunk(self, low: int, high: int, whole_flat: Any, memory: Memory) -> Chunk:
        """Lay out a chunk in some memory, and send what its trials read."""
        plan, n, stream = self._plan, high - low, self._up.stream
        rows = [array[low:high] for array in (plan.input_row, plan.weight_row, plan.parameter_row, plan.state.row)]
        flat, time_stride = whole_flat, plan.drive.time_stride
        if flat is None:
            assert plan.drive.flat is not None
            inputs = InputRows(plan.drive, rows[0])
            rows[0], time_stride = inputs.at, inputs.time_stride
            flat = memory.take("flat", inputs.size, plan.drive.flat.dtype)
            self._up.up(inputs.read, inputs.size, flat)
        kept = n if plan.keeps_state else 0
        after = [
            memory.take(f"after {k}", (kept, *array.shape[1:]), array.dtype) for k, array in enumerate(self._after)
        ]
        n_total = plan.trials.size
        outputs = {
            name: memory.take(name, array.size // n_total * n, array.dtype) for name, array in self._outputs.items()
        }
        for name, array in plan.outputs.on_device.items():
            outputs[name] = array[array.size // n_total * low : array.size // n_total * high]
        what, expected = NOTHING, 0
        if self._spikes is not None:
            what, expected = self._spikes.what, 0 if self._spikes.kind == "dense" else int(self._expected * n)
        unused = {kind: gpu.nothing(1, kind) for kind in (plan.dtype.char, "B")}
        return Chunk(
            low, high, self._work, [memory.send(f"rows {k}", row, stream) for k, row in enumerate(rows)], flat, time_stride,
            memory.take("packed", n * self._words, np.uint32), after, outputs, unused,
            ChunkSpikes(what, n * plan.n_neuron, expected + 1024, self._dtype, memory, stream),
            memory.send("report", np.full(len(_FAULTS), NO_FAULT, np.int64), stream), streams.mark(stream),
        )  # fmt: skip

    def _pack(self, chunk: Chunk) -> None:
        """Pack the dense inputs of a chunk."""
        plan, size = self._plan, (chunk.high - chunk.low) * self._words
        if size:
            of = size, words_of(plan.n_input), plan.n_time, plan.n_input
            pack_rows.launch(size, self._work, *of, chunk.rows[0], chunk.flat, chunk.time_stride, chunk.packed)

    def _settle(self, chunk: Chunk, shared: list[Any]) -> None:
        """Wait for a chunk's kernel, run it again if its spikes did not fit, and put them in order."""
        self._look_at_report(chunk)
        if self._spikes is not None:
            found = chunk.spikes.n_found(self._work) if chunk.spikes.capacity else 0
            if found > chunk.spikes.capacity:
                self._expected = max(self._expected, 1.125 * found / (chunk.high - chunk.low))
                chunk.spikes.reset(found, self._work)
                self._launch(chunk, shared)
                self._look_at_report(chunk)
            self._spikes.order(chunk.high - chunk.low, found, chunk.spikes, self._work)
        chunk.settled = streams.mark(self._work)

    def _look_at_report(self, chunk: Chunk) -> None:
        """Wait for a chunk's kernel, and raise what it reported."""
        plan, report = self._plan, np.empty(len(_FAULTS), np.int64)
        gpu.fetch(chunk.report, report, self._work)
        for fault in _FAULTS:
            task = int(report[fault - 1])
            if task != NO_FAULT:
                trial, neuron = divmod(task, plan.n_neuron)
                self._refuse(np.array([fault, chunk.low + trial, neuron]))

    def _bring_home(self, chunk: Chunk) -> None:
        """Fetch the results of a chunk that is settled; another one may be under way."""
        streams.follow(self._down.stream, chunk.settled)
        if self._spikes is not None:
            self._spikes.take(chunk.low, chunk.high, chunk.spikes, self._down)
        n_total = self._plan.trials.size
        for name, result in self._outputs.items():
            host = result.reshape(-1)
            per_trial = host.size // n_total
            self._down.down(chunk.outputs[name], host[chunk.low * per_trial : chunk.high * per_trial])
        if self._plan.keeps_state:
            for device_array, target in zip(chunk.after, self._after, strict=True):
                if target.size:
                    self._down.down(device_array.reshape(-1), target[chunk.low : chunk.high].reshape(-1))


def _spread(size: int, item: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(low, high)`` for parts of `size` elements of `item` bytes, in several threads if it is worth it."""
    threads = min(thread_count(), _MOST_COPYING, max(1, size * item // _PART))
    run_chunks(threads, threads, lambda k, _: work(size * k // threads, size * (k + 1) // threads))


def _bytes(n: int) -> str:
    """Name a number of bytes."""
    return f"{n} bytes" if n < 2**20 else f"{n} bytes ({n / 2**30:.3g} GiB)"
