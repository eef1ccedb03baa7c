"""Exact integration on a GPU: what the kernel of a run takes, for inputs on the grid or at arbitrary times."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .device_chunk import Chunk
from .device_euler import column_of_neurons, flat_weights_of, graded
from .device_run import DeviceRun
from .device_spikes import DeviceSpikes
from .exact_run import grid_coefficients, neuron_arguments, refuse_endless_firing, refuse_state_off_grid, times_of_rows
from .kernels.cuda_events import events_kernel
from .kernels.cuda_gather import words_of
from .kernels.cuda_grid import grid_kernel
from .plan import Plan, raise_status


def run_exact_on_device(plan: Plan) -> None:
    """Integrate exactly; results go to the outputs, the spikes and the state of the plan."""
    refuse_endless_firing(plan)
    if plan.drive.kind == "sparse":
        _run_events(plan)
    else:
        _run_grid(plan)


def _table(array: np.ndarray | None, dtype: Any = np.float64) -> np.ndarray:
    """An array (row, neuron), empty if there is none."""
    return np.empty((0, 0), dtype) if array is None else array


def _features(plan: Plan) -> tuple[bool | None, ...]:
    """What the kernels are made for: sparse weights, a pair of currents, a leak, spikes; True or None."""
    pair = "tau_inh" in plan.parameters
    return tuple(
        True if has else None for has in (plan.column is not None, pair, plan.neurons.leaks, plan.neurons.fires)
    )


def _neurons(plan: Plan) -> list[np.ndarray]:
    """Parameters of the neurons."""
    arguments = neuron_arguments(plan)
    names = ("threshold", "reset", "leak", "tau_mem", "tau_syn", "tau_inh", "clamp_time", "holdoff_time")
    return [*(_table(arguments[name]) for name in names), _table(arguments["spike_mask"], np.uint8)]


def _state(plan: Plan) -> list[np.ndarray]:
    """State at the start; a third array is the second current or the asymptote."""
    state = plan.state
    third = state.inhibitory if state.asymptote is None else state.asymptote
    return [
        state.membrane, state.current, _table(third), _table(state.phase, np.int8), _table(state.transition),
    ]  # fmt: skip


def _spikes(plan: Plan) -> DeviceSpikes | None:
    """Where spikes go."""
    if plan.spikes is None:
        return None
    begin = plan.state.begin
    spikes = DeviceSpikes(
        plan.spikes, plan.trials.size, plan.n_neuron, np.float64, begin, plan.finish - begin, plan.state.step, plan.dt
    )
    plan.buffers = spikes
    return spikes


def _run_grid(plan: Plan) -> None:
    """Inputs on the grid."""
    state, n = plan.state, plan.n_neuron
    refuse_state_off_grid(plan)
    coefficients = grid_coefficients(plan)
    sample_time = np.empty(0) if plan.record.sample_time is None else np.array(plan.record.sample_time)
    sampled = None if plan.record.sample_time is None else True
    shared = [
        *flat_weights_of(plan, np.dtype(np.float64)), *(_table(array) for array in coefficients), *_neurons(plan),
        *_state(plan), sample_time, column_of_neurons(plan),
    ]  # fmt: skip
    kernel = grid_kernel(plan.drive.kind, graded(plan), *_features(plan), sampled)

    def launch(chunk: Chunk, arrays: list[Any]) -> None:
        n_task = (chunk.high - chunk.low) * n
        kernel.launch(
            n_task, chunk.stream, n_task, n, plan.n_time, state.begin, state.step, plan.dt, *chunk.rows,
            chunk.flat, chunk.time_stride, plan.n_input, chunk.packed, words_of(plan.n_input),
            *arrays[:-1], sample_time.size, plan.keeps_state, *chunk.after,
            arrays[-1], plan.selected.size, *chunk.recordings(np.float64), *chunk.spikes.arguments(), chunk.report,
        )  # fmt: skip

    refuse, packs = partial(raise_status, plan), plan.drive.kind == "dense"
    DeviceRun(plan, shared, plan.after.arrays(), _spikes(plan), plan.n_time, launch, refuse, packs).run()


def _run_events(plan: Plan) -> None:
    """Inputs at arbitrary times."""
    state, drive, n = plan.state, plan.drive, plan.n_neuron
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    sample_time = np.empty(0)
    if plan.record.membrane or plan.record.current:
        sample_time = times_of_rows(plan)
    # An input that is meant to be on the grid, but was rounded, comes before the row of its bin.
    near = 1e-9 * plan.dt if plan.record.sample_time is None else 0.0
    tau_syn = plan.parameters["tau_syn"]
    uniform = bool((tau_syn == tau_syn[:, :1]).all())
    shared = [
        drive.time, drive.source, drive.pointer, *flat_weights_of(plan, np.dtype(np.float64)), *_neurons(plan), *_state(plan),
        state.time, sample_time, column_of_neurons(plan),
    ]  # fmt: skip
    kernel = events_kernel(*_features(plan))

    def launch(chunk: Chunk, arrays: list[Any]) -> None:
        n_task = (chunk.high - chunk.low) * n
        kernel.launch(
            n_task, chunk.stream, n_task, n, plan.n_time, state.begin, plan.finish, state.step, plan.dt, *chunk.rows,
            *arrays[:3], plan.n_input, *arrays[3:6], uniform, *arrays[6:-1], sample_time.size, near, plan.keeps_state, *chunk.after,
            arrays[-1], plan.selected.size, *chunk.recordings(np.float64), *chunk.spikes.arguments(), chunk.report,
        )  # fmt: skip

    refuse = partial(raise_status, plan)
    steps = drive.time.size / max(1, drive.pointer.size - 1)
    DeviceRun(plan, shared, [*plan.after.arrays(), plan.after.time], _spikes(plan), steps, launch, refuse).run()
