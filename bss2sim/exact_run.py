"""Run the exact kernels: inputs on the grid, or at arbitrary times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory
from .errors import InputError, ParameterError
from .kernels import events, exact, grid
from .kernels.coefficients import fill_grid_coefficients
from .outputs import Partition, SpikeBuffers, partition
from .plan import Plan, raise_status
from .state import State
from .threads import run_chunks

# (leaks, pair of synaptic time constants) -> how to find the time to threshold; None: by one logarithm
_CROSSING = {
    (False, False): None,
    (False, True): exact.cross_pair,
    (True, False): exact.cross_leaky,
    (True, True): exact.cross_leaky_pair,
}


def run_exact(plan: Plan) -> None:
    """Integrate exactly; results go to the outputs, the spikes and the state of the plan."""
    _refuse_endless_firing(plan)
    if plan.drive.kind == "sparse":
        _run_events(plan)
    else:
        _run_grid(plan)


def _refuse_endless_firing(plan: Plan) -> None:
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


def _run_chunks(plan: Plan, part: Partition, spike_share: int, call: Callable[..., tuple[int, bool]]) -> None:
    """Run every chunk with its spike buffer, then collect spikes and reports. `call` runs the kernel."""
    state, record = plan.state, plan.record
    sparse = plan.neurons.fires and record.spikes == "sparse"
    buffers = SpikeBuffers(part.n_chunk, np.float64, spike_share)
    per_task = np.zeros(part.n_task, np.int64)
    status = np.zeros((part.n_chunk, 3), np.int64)

    def work(chunk: int, worker: int) -> None:
        arrays = [state.membrane, state.current, state.inhibitory, state.phase, state.transition]
        restore = part.keep(chunk, arrays) if sparse else None
        low, high = part.bounds[chunk], part.bounds[chunk + 1]

        def run(time: np.ndarray | None, neuron: np.ndarray | None, capacity: int) -> tuple[int, bool]:
            found, in_order = call(low, high, worker, per_task, status[chunk], time, neuron, capacity)
            if found > capacity and restore is not None:
                restore()  # the chunk runs again, from the same state
            return found, in_order

        if sparse:
            buffers.fill(chunk, run)
        else:
            run(None, None, 0)

    if part.n_task:
        run_chunks(part.n_chunk, part.threads, work)
    for report in status:
        raise_status(plan, report)
    if sparse:
        plan.spike_time, plan.spike_neuron, plan.row_size = buffers.collect(per_task, part.n_block)


def _neuron_arguments(plan: Plan) -> dict[str, Any]:
    """Parameters of the neurons as both kernels take them."""
    p, neurons = plan.parameters, plan.neurons
    firing = {
        name: p[name] if neurons.fires else None for name in ("threshold", "reset", "refractory_time", "holdoff_time")
    }
    return {
        "crossing": _CROSSING[neurons.leaks, "tau_inh" in p],
        "threshold": firing["threshold"],
        "reset": firing["reset"],
        "leak": p["leak"] if neurons.leaks else None,
        "tau_mem": p["tau_mem"],
        "tau_syn": p["tau_syn"],
        "tau_inh": p.get("tau_inh"),
        "clamp_time": p["refractory_time"] - p["holdoff_time"] if neurons.fires else None,
        "holdoff_time": firing["holdoff_time"],
        "spike_mask": plan.spike_mask if neurons.fires else None,
    }


def _fill_coefficients(dt: float, tau_mem: Any, tau: Any, gain: Any, kept: Any, loss: Any) -> None:
    """Coefficients of the grid; of a population without variation the same function runs once, uncompiled."""
    fill = fill_grid_coefficients
    if (tau_mem == tau_mem.flat[0]).all() and (tau == tau.flat[0]).all():
        one = [None if array is None else np.empty((1, 1)) for array in (gain, kept, loss)]
        fill.py_func(dt, tau_mem[:1, :1], tau[:1, :1], *one)
        for array, value in zip((gain, kept, loss), one, strict=True):
            if array is not None and value is not None:
                array[...] = value
    else:
        fill(dt, tau_mem, tau, gain, kept, loss)


def _column_of(plan: Plan) -> np.ndarray | None:
    """Column of each neuron in dense spikes, -1 if it is not recorded; None if all are."""
    if plan.selected is None:
        return None
    column = np.full(plan.n_neuron, -1, np.int64)
    column[plan.selected] = np.arange(plan.selected.size)
    return column


def _run_grid(plan: Plan) -> None:
    state, drive, outputs, n = plan.state, plan.drive, plan.outputs, plan.n_neuron
    arguments = _neuron_arguments(plan)
    if (state.time != state.begin).any() or state.step < 0:
        raise InputError(
            "this state lies between grid steps: it comes from a run with sparse inputs, and only a run with sparse "
            "inputs continues it with the same bits"
        )
    tau_mem = arguments["tau_mem"]
    currents: list[tuple[Any, Any]] = []
    loss = np.empty_like(tau_mem) if plan.neurons.leaks else None
    for tau in (arguments["tau_syn"], arguments["tau_inh"]):
        if tau is None:
            currents.append((None, None))
            continue
        gain, kept = np.empty_like(tau_mem), np.empty_like(tau_mem)
        _fill_coefficients(plan.dt, tau_mem, tau, gain, kept, loss)
        currents.append((gain, kept))
    (gain, kept), (gain_inh, kept_inh) = currents
    part = partition(plan.trials.size, n, plan.n_time, plan.threads)
    if "spikes" in outputs.dense:
        outputs.dense["spikes"][1][...] = 0
    if plan.first_spike is not None:
        plan.first_spike[...] = np.nan
    scratch = [
        (
            *(memory.zeros((grid.N_STATE_ROW * grid.BLOCK,), np.float64) for _ in range(2)),
            memory.zeros((grid.N_COEFFICIENT_ROW * grid.BLOCK,), np.float64),
            memory.zeros((2 * grid.BLOCK,), np.float64),
            memory.zeros((grid.BLOCK,), np.float64),
            np.zeros(grid.BLOCK, np.int64),
            np.zeros(grid.BLOCK, np.int64),
            np.zeros(grid.RING, np.int64),
            memory.zeros((grid.BLOCK,), np.uint8),
            np.empty(max(plan.n_input, 1), np.int64),
            memory.zeros((2 * grid.BLOCK,), np.float64),
        )
        for _ in range(part.threads)
    ]
    sample_time = plan.record.sample_time
    stream = outputs.streams(part.block) and n % part.block == 0
    column_of = _column_of(plan)
    jumps = drive.flat if drive.kind == "jumps" else None
    direct = True if jumps is not None and jumps.dtype == np.float64 and gain_inh is None else None

    def call(low, high, worker, per_task, status, time, neuron, capacity):  # type: ignore[no-untyped-def]  # see _run_chunks
        return grid.run_grid(
            low, high, part.block, n, plan.n_time, state.step, plan.dt,
            plan.input_row, plan.weight_row, plan.parameter_row,
            jumps, direct, drive.time_stride,
            drive.flat if drive.kind == "dense" else None, plan.n_input, plan.weight, plan.column, plan.pointer,
            gain, kept, gain_inh, kept_inh, loss,
            *arguments.values(),
            state.membrane, state.current, state.inhibitory, state.phase, state.transition,
            outputs.flat("membrane"), outputs.flat("current"), outputs.flat("spikes"), plan.selected, column_of,
            sample_time,
            time, neuron, capacity, per_task, plan.spike_count, plan.first_spike,
            stream, status, *scratch[worker],
        )  # fmt: skip

    share = part.n_task * part.block * plan.n_time // part.n_chunk if part.n_task else 0
    _run_chunks(plan, part, share // 64 + 1024, call)
    state.time = np.full(plan.trials.size, (state.step + plan.n_time) * plan.dt)


def _grid_times(plan: Plan, state: State) -> np.ndarray:
    """Times of the rows of the grid [s]."""
    if state.step >= 0:
        return (state.step + np.arange(plan.n_time)) * plan.dt
    return state.begin + np.arange(plan.n_time) * plan.dt


def _run_events(plan: Plan) -> None:
    state, drive, outputs, n = plan.state, plan.drive, plan.outputs, plan.n_neuron
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    arguments = _neuron_arguments(plan)
    tau_syn = arguments["tau_syn"]
    uniform = bool((tau_syn == tau_syn[:, :1]).all())
    n_event = drive.time.size / max(1, drive.pointer.size - 1)
    traces = plan.record.membrane or plan.record.current
    sample_time = np.empty(0)
    if traces:
        sample_time = _grid_times(plan, state) if plan.record.sample_time is None else np.array(plan.record.sample_time)
        n_event += sample_time.size
    # An input that is meant to be on the grid, but was rounded, comes before the row of its bin.
    near = 1e-9 * plan.dt if plan.record.sample_time is None else 0.0
    part = partition(plan.trials.size, n, n_event, plan.threads)
    if "spikes" in outputs.dense:
        outputs.dense["spikes"][1][...] = 0
    if plan.first_spike is not None:
        plan.first_spike[...] = np.nan
    scratch = [
        (
            *(memory.zeros((grid.N_STATE_ROW * grid.BLOCK,), np.float64) for _ in range(2)),
            memory.zeros((grid.N_COEFFICIENT_ROW * grid.BLOCK,), np.float64),
            memory.zeros((grid.BLOCK,), np.float64),
            memory.zeros((grid.BLOCK,), np.float64),
            memory.zeros((grid.BLOCK,), np.uint8),
            memory.zeros((2 * grid.BLOCK,), np.float64),
        )
        for _ in range(part.threads)
    ]
    stream = outputs.streams(part.block) and n % part.block == 0
    column_of = _column_of(plan)
    new_time = np.zeros(part.n_task)

    def call(low, high, worker, per_task, status, time, neuron, capacity):  # type: ignore[no-untyped-def]  # see _run_chunks
        return events.run_events(
            low, high, part.block, n, state.begin, plan.finish,
            plan.input_row, plan.weight_row, plan.parameter_row,
            drive.time, drive.source, drive.pointer, plan.n_input, plan.weight, plan.column, plan.pointer,
            uniform, *arguments.values(),
            state.membrane, state.current, state.inhibitory, state.phase, state.transition, state.time, new_time,
            outputs.flat("membrane"), outputs.flat("current"), plan.selected, column_of, sample_time, near,
            outputs.flat("spikes"), plan.n_time, plan.dt,
            time, neuron, capacity, per_task, plan.spike_count, plan.first_spike,
            stream, status, *scratch[worker],
        )  # fmt: skip

    share = int(part.n_task * part.block * n_event) // part.n_chunk if part.n_task else 0
    _run_chunks(plan, part, share // 64 + 1024, call)
    state.time = new_time[:: part.n_block].copy()
