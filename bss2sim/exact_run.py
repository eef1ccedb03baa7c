"""Run the exact kernels: inputs on the grid, or at arbitrary times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory
from .errors import InputError, ParameterError
from .kernels import events, exact, exact_rows, grid
from .kernels.codes import BLOCK
from .kernels.coefficients import fill_grid_coefficients
from .kernels.jit import plain
from .partition import Partition, partition
from .plan import Plan, raise_status
from .spike_buffers import bin_spikes
from .threads import run_chunks

TILE = 8  # steps that a group of neurons takes at a time, as in ``euler_scratch``

# (leaks, pair of synaptic time constants) -> how to find the time to threshold; None: by one logarithm
_CROSSING = {
    (False, False): None,
    (False, True): exact.cross_pair,
    (True, False): exact.cross_leaky,
    (True, True): exact.cross_leaky_pair,
}


def run_exact(plan: Plan) -> None:
    """Integrate exactly; results go to the outputs, the spikes and the state of the plan."""
    refuse_endless_firing(plan)
    if plan.drive.kind == "sparse":
        _run_events(plan)
    else:
        _run_grid(plan)


def refuse_endless_firing(plan: Plan) -> None:
    """Without refractory time, a reset at or above threshold would fire infinitely often."""
    if not plan.neurons.fires:
        return
    p = plan.parameters
    bad = (p["refractory_time"] == 0) & (p["reset"] >= p["threshold"])
    if bad.any():
        row, n = (int(k) for k in np.argwhere(bad)[0])
        raise ParameterError(
            f"refractory_time 0 needs reset below threshold, else a neuron fires infinitely often; neuron {n} has "
            f"reset {p['reset'][row, n]}, threshold {p['threshold'][row, n]}. Give refractory_time above 0 s"
        )


def _run_chunks(plan: Plan, part: Partition, steps: float, call: Callable[..., tuple[int, bool]]) -> None:
    """Run every chunk with its spike buffer, then look at the reports. `call` runs the kernel."""
    state = plan.state
    buffers = plan.make_buffers(part, steps)
    if buffers is not None and buffers.kind == "dense":
        column_of = np.full(plan.n_neuron, -1, np.int64)
        column_of[plan.selected] = np.arange(plan.selected.size)
        spikes = plan.outputs.dense["spikes"][1]
        buffers.dense = bin_spikes(spikes, state.begin, state.step, plan.dt, column_of)
    status = np.zeros((part.n_chunk, 3), np.int64)
    unused = np.zeros(part.n_task, np.int64)

    def work(chunk: int, worker: int) -> None:
        low, high = part.bounds[chunk], part.bounds[chunk + 1]

        def run(time: np.ndarray, neuron: np.ndarray) -> tuple[int, bool]:
            per_task = unused if buffers is None else buffers.per_task
            found, in_order = call(low, high, worker, buffers is not None, time, neuron, per_task, status[chunk])
            if status[chunk, 0]:  # stopped early: there will be an error, not a result
                per_task[low:high] = 0
                return 0, True
            return found, in_order

        if buffers is not None:
            buffers.fill(chunk, run)
        else:
            run(np.empty(0), np.empty(0, np.int32))

    if part.n_task:
        run_chunks(part.n_chunk, part.threads, work)
    for report in status:
        raise_status(plan, report)


def neuron_arguments(plan: Plan) -> dict[str, Any]:
    """Parameters of the neurons as both kernels take them."""
    p, neurons = plan.parameters, plan.neurons
    firing = {
        name: p[name] if neurons.fires else None for name in ("threshold", "reset", "refractory_time", "holdoff_time")
    }
    return {
        "coupled": True if neurons.leaks or "tau_inh" in p else None,
        "crossing": _CROSSING[neurons.leaks, "tau_inh" in p],
        "threshold": firing["threshold"],
        "reset": firing["reset"],
        "leak": p["leak"] if neurons.leaks else None,
        "tau_mem": p["tau_mem"],
        "tau_syn": p["tau_syn"],
        "tau_inh": p.get("tau_inh"),
        "clamp_time": p["refractory_time"] - p["holdoff_time"] if neurons.fires else None,
        "holdoff_time": firing["holdoff_time"],
        "spike_mask": p.get("spike_mask"),
    }


def _fill_coefficients(dt: float, tau_mem: Any, tau: Any, gain: Any, kept: Any, loss: Any) -> None:
    """Coefficients of the grid; of a population without variation once, in plain Python, which saves compiling them."""
    fill = fill_grid_coefficients
    if (tau_mem == tau_mem.flat[0]).all() and (tau == tau.flat[0]).all():
        one = [None if array is None else np.empty((1, 1)) for array in (gain, kept, loss)]
        plain(fill)(dt, tau_mem[:1, :1], tau[:1, :1], *one)
        for array, value in zip((gain, kept, loss), one, strict=True):
            if array is not None and value is not None:
                array[...] = value
    else:
        fill(dt, tau_mem, tau, gain, kept, loss)


def grid_coefficients(plan: Plan) -> tuple[Any, Any, Any, Any, Any]:
    """Gain and kept part of each current, and the loss, (parameter row, neuron); None what the neurons do not have."""
    p = plan.parameters
    tau_mem = p["tau_mem"]
    currents: list[tuple[Any, Any]] = []
    loss = np.empty_like(tau_mem) if plan.neurons.leaks else None
    for tau in (p["tau_syn"], p.get("tau_inh")):
        if tau is None:
            currents.append((None, None))
            continue
        gain, kept = np.empty_like(tau_mem), np.empty_like(tau_mem)
        _fill_coefficients(plan.dt, tau_mem, tau, gain, kept, loss)
        currents.append((gain, kept))
    return *currents[0], *currents[1], loss


def refuse_state_off_grid(plan: Plan) -> None:
    """Refuse a state that a run on the grid cannot continue with the same bits."""
    if (plan.state.time != plan.state.begin).any():
        raise InputError(
            "this state lies between grid steps: it comes from a run with sparse inputs, and only a run with sparse "
            "inputs continues it with the same bits"
        )


def _run_grid(plan: Plan) -> None:
    """Inputs on the grid: lay out coefficients and scratch, and run the chunks."""
    state, drive, outputs, n = plan.state, plan.drive, plan.outputs, plan.n_neuron
    arguments = neuron_arguments(plan)
    refuse_state_off_grid(plan)
    gain, kept, gain_inh, kept_inh, loss = grid_coefficients(plan)
    jumps = drive.flat if drive.kind == "jumps" else None
    part = partition(plan.trials.size, n, plan.n_time, plan.threads)
    tile = min(TILE, plan.n_time)
    scratch = [
        (
            memory.zeros((exact_rows.N_STATE_ROW * exact_rows.ROW,), np.float64),
            memory.zeros((exact_rows.N_COEFFICIENT_ROW * exact_rows.ROW,), np.float64),
            memory.zeros((exact_rows.ROW,), np.float64),
            np.zeros(exact_rows.ROW, np.int64),
            memory.empty((grid.N_TRACE * tile * BLOCK,), np.float64),
            np.empty(max(plan.n_input, 1), np.int64),
            memory.zeros((tile * grid.DRIVE_ROW,), np.float64 if jumps is None else jumps.dtype),
            memory.empty((grid.DRIVE_ROW,), np.float64),
        )
        for _ in range(part.threads)
    ]
    sample_time = None if plan.record.sample_time is None else np.array(plan.record.sample_time)
    how = plan.row_mode(part.block)

    def call(low, high, worker, emits, time, neuron, per_task, status):  # type: ignore[no-untyped-def]  # see _run_chunks
        return grid.run_grid(
            low, high, part.block, n, plan.n_time, tile, state.step, plan.dt,
            plan.input_row, plan.weight_row, plan.parameter_row,
            jumps, drive.time_stride,
            drive.flat if drive.kind == "dense" else None, plan.n_input, plan.weight, plan.column, plan.pointer,
            gain, kept, gain_inh, kept_inh, loss,
            *arguments.values(),
            state.row, *state.arrays(), plan.keeps_state, *plan.after.arrays(),
            outputs.flat("membrane", np.float64), outputs.flat("current", np.float64), plan.selected, how,
            sample_time, emits, time, neuron, per_task, status, *scratch[worker],
        )  # fmt: skip

    _run_chunks(plan, part, plan.n_time, call)


def times_of_rows(plan: Plan) -> np.ndarray:
    """Times at which a run records traces [s]: its sample times, or those of the rows of the grid."""
    state = plan.state
    if plan.record.sample_time is not None:
        return np.array(plan.record.sample_time)
    if state.step >= 0:
        return (state.step + np.arange(plan.n_time)) * plan.dt
    return state.begin + np.arange(plan.n_time) * plan.dt


def _run_events(plan: Plan) -> None:
    """Inputs at arbitrary times: lay out scratch and sample times, and run the chunks."""
    state, drive, outputs, n = plan.state, plan.drive, plan.outputs, plan.n_neuron
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    arguments = neuron_arguments(plan)
    tau_syn = arguments["tau_syn"]
    uniform = bool((tau_syn == tau_syn[:, :1]).all())
    n_event = drive.time.size / max(1, drive.pointer.size - 1)
    traces = plan.record.membrane or plan.record.current
    sample_time = np.empty(0)
    if traces:
        sample_time = times_of_rows(plan)
        n_event += sample_time.size
    # An input that is meant to be on the grid, but was rounded, comes before the row of its bin.
    near = 1e-9 * plan.dt if plan.record.sample_time is None else 0.0
    part = partition(plan.trials.size, n, n_event, plan.threads)
    scratch = [
        (
            *(memory.zeros((exact_rows.N_STATE_ROW * exact_rows.ROW,), np.float64) for _ in range(2)),
            memory.zeros((exact_rows.N_COEFFICIENT_ROW * exact_rows.ROW,), np.float64),
            memory.zeros((BLOCK,), np.float64),
            memory.zeros((BLOCK,), np.float64),
            np.zeros(BLOCK, np.int64),
            memory.zeros((BLOCK,), np.uint8),
            memory.zeros((2 * BLOCK,), np.float64),
        )
        for _ in range(part.threads)
    ]
    how = plan.row_mode(part.block)

    def call(low, high, worker, emits, time, neuron, per_task, status):  # type: ignore[no-untyped-def]  # see _run_chunks
        return events.run_events(
            low, high, part.block, n, state.begin, plan.finish,
            plan.input_row, plan.weight_row, plan.parameter_row,
            drive.time, drive.source, drive.pointer, plan.n_input, plan.weight, plan.column, plan.pointer,
            uniform, *arguments.values(),
            state.row, *state.arrays(), state.time, plan.keeps_state, *plan.after.arrays(), plan.after.time,
            outputs.flat("membrane", np.float64), outputs.flat("current", np.float64), plan.selected, how,
            sample_time, near, emits, time, neuron, per_task, status, *scratch[worker],
        )  # fmt: skip

    _run_chunks(plan, part, n_event, call)
