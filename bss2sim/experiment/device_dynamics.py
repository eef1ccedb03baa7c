"""The circuits of the emulated chip on a GPU; what they are is in ``dynamics``, which checks and lays out everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..device_chunk import Chunk
from ..device_run import DeviceRun
from ..device_spikes import DeviceSpikes
from ..inputs import Drive
from ..kernels.cuda_circuits import circuits_kernel
from ..outputs import Outputs


@dataclass(frozen=True)
class _Size:
    size: int


@dataclass(frozen=True)
class _Rows:
    row: np.ndarray


@dataclass
class CircuitPlan:
    """A run of circuits as :class:`DeviceRun` reads it; the attributes of the same names are those of ``Plan``."""

    trials: _Size
    drive: Drive
    outputs: Outputs
    n_neuron: int
    input_row: np.ndarray
    weight_row: np.ndarray
    parameter_row: np.ndarray
    state: _Rows
    keeps_state: bool
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float64))


def run_circuits_on_device(
    drive: Drive, where: list[np.ndarray], who: list[np.ndarray], gain: np.ndarray, weights: list[np.ndarray], own: list[Any],
    old: list[np.ndarray], new: list[np.ndarray], *, dt: float, n_time: int, start_step: int, begin: float, finish: float,
    times: np.ndarray, samples: np.ndarray, spikes: bool, keep_state: bool, refuse: Callable[[np.ndarray], None],
) -> DeviceSpikes | None:  # fmt: skip
    """Run circuits; samples and the new state are written, spikes returned.

    Arguments as in ``dynamics.run_circuits``, laid out as its kernel takes them: `where` are the rows of inputs, weights
    and circuits, `who` the circuits and the identity of the trials, `own` the circuits' laws and parameters.
    ``refuse((fault, trial, neuron))`` raises what the kernel reported.
    """
    _, _, leaks, *parameters, limits, tau_reset, noise = own
    n_trial, n = gain.shape
    dense = True if drive.kind == "dense" else None
    steps: float = n_time
    event_time, event_source, event_pointer = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
    if dense is None:
        assert drive.time is not None and drive.source is not None and drive.pointer is not None
        event_time, event_source, event_pointer = drive.time, drive.source, drive.pointer
        steps = max(n_time, event_time.size / max(1, event_pointer.size - 1))
    found = None
    if spikes:
        found = DeviceSpikes("sparse", n_trial, n, np.float64, begin, finish - begin, start_step, dt)
    input_row, weight_row, circuit_row = where
    outputs = Outputs({"samples": ((), samples)} if samples.size else {})
    state = _Rows(input_row)  # the old state is that of all trials, and read by their number
    plan = CircuitPlan(_Size(n_trial), drive, outputs, n, input_row, weight_row, circuit_row, state, keep_state)
    n_input = weights[0].shape[1]
    flat = [np.ascontiguousarray(weight, np.float32).reshape(-1) for weight in weights]
    shared = [gain, event_time, event_source, event_pointer, *flat, *parameters, *who, *old, times]
    kernel = circuits_kernel(dense, leaks)
    n_parameter, n_sample = len(parameters), times.shape[1]

    def launch(chunk: Chunk, arrays: list[Any]) -> None:
        n_task = (chunk.high - chunk.low) * n
        first = 6 + n_parameter
        kernel.launch(
            n_task, chunk.stream, n_task, n, n_time, start_step, dt, begin, finish, chunk.low, *chunk.rows[:3], arrays[0],
            chunk.flat, chunk.time_stride, *arrays[1:4], n_input, *arrays[4:first], *limits, tau_reset, noise,
            *arrays[first:-1], keep_state, *chunk.after, arrays[-1], n_sample, chunk.outputs.get("samples", chunk.unused["d"]),
            *chunk.spikes.arguments(), chunk.report,
        )  # fmt: skip

    DeviceRun(plan, shared, list(new), found, steps, launch, refuse).run()
    return found
