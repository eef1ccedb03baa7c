"""Run the Euler kernel: coefficients, chunks, spikes."""

from __future__ import annotations

import numpy as np

from . import memory
from .errors import InputError, ParameterError
from .inputs import SNAP, step_of
from .kernels import euler
from .partition import partition
from .plan import Plan, raise_status
from .threads import run_chunks


def count_steps(duration: np.ndarray, dt: float) -> np.ndarray:
    """Return how many steps a duration [s] takes: the nearest whole number within 1e-6 relative, else rounded up."""
    ratio = np.asarray(duration, np.float64) / dt
    nearest = np.rint(ratio)
    return np.where(np.abs(ratio - nearest) <= SNAP * nearest, nearest, np.ceil(ratio)).astype(np.int64)


def _steps(plan: Plan, name: str) -> np.ndarray:
    """Steps of a duration of the neurons, refused if the counter could not hold them."""
    steps = count_steps(plan.parameters[name], plan.dt)
    limit = np.iinfo(np.int32).max - plan.n_time
    if steps.max(initial=0) >= limit:
        raise ParameterError(f"{name} is {steps.max()} steps of dt = {plan.dt} s; fewer than {limit} are possible")
    return steps.astype(np.int32)


def run_euler(plan: Plan) -> None:
    """Integrate in Euler steps; results go to the outputs, the spikes and the state of the plan."""
    f, p, state, drive = plan.dtype, plan.parameters, plan.state, plan.drive
    dt, neurons, n = plan.dt, plan.neurons, plan.n_neuron
    pair = "tau_inh" in p
    # The reference's roundings: quotients in float64, then the dtype of the run; in its LIF the factor 1 - dt/tau.
    decays = True if neurons.leaks and neurons.fires else None

    def synaptic(tau: np.ndarray) -> np.ndarray:
        return ((1 - dt / tau) if decays else dt / tau).astype(f)

    k_mem, k_syn = (dt / p["tau_mem"]).astype(f), synaptic(p["tau_syn"])
    k_inh = synaptic(p["tau_inh"]) if pair else None
    leak = p["leak"].astype(f) if neurons.leaks else None
    threshold = reset = n_refractory = n_holdoff = None
    if neurons.fires:
        threshold, reset = p["threshold"].astype(f), p["reset"].astype(f)
        n_refractory, n_holdoff = _steps(plan, "refractory_time"), _steps(plan, "holdoff_time")
        if not n_holdoff.any():
            n_holdoff = None
        if state.busy is not None and state.busy.max(initial=0) >= np.iinfo(np.int32).max - plan.n_time:
            raise InputError("state_refractory_step is too large for the number of steps of this run")

    event_step = event_source = event_pointer = None
    if drive.kind == "sparse":
        event_step, event_source, event_pointer = _events_on_grid(plan)
    jumps = drive.flat if drive.kind == "jumps" else None
    spikes_in = drive.flat if drive.kind == "dense" else None

    part = partition(plan.trials.size, n, plan.n_time, plan.threads)
    outputs = plan.outputs
    # Dense spikes are rows like any other; all else goes through buffers.
    buffers = None if plan.spikes == "dense" else plan.make_buffers(part, plan.n_time, np.int32)
    mask = p["spike_mask"] if neurons.fires and not p["spike_mask"].all() else None
    how = plan.row_mode(part.block)
    # Rows that follow one another in memory are fetched by the hardware.
    ahead = 2 * drive.time_stride if jumps is not None and drive.time_stride != part.block else 0
    status = np.zeros((part.n_chunk, 3), np.int64)
    unused = np.zeros(part.n_task, np.int64)
    scratch = [
        (
            memory.zeros((euler.N_FLOAT_ROW * euler.BLOCK,), f),
            memory.zeros((euler.N_INTEGER_ROW * euler.BLOCK,), np.int32),
            memory.zeros((euler.BLOCK,), np.uint8),
            np.empty(max(plan.n_input, 1), np.int64),
            memory.zeros((2 * euler.BLOCK,), f),
        )
        for _ in range(part.threads)
    ]

    # an LINeuron has no counter of refractory steps
    old = [*state.arrays()[:3], state.busy]
    new = [*plan.after.arrays()[:3], plan.after.busy]

    def work(chunk: int, worker: int) -> None:
        def run(time: np.ndarray, neuron: np.ndarray) -> tuple[int, bool]:
            found = euler.run_euler(
                part.bounds[chunk], part.bounds[chunk + 1], part.block, n, plan.n_time,
                plan.input_row, plan.weight_row, plan.parameter_row,
                jumps, True if jumps is not None and not pair else None, drive.time_stride, ahead,
                spikes_in, plan.n_input, event_step, event_source, event_pointer,
                plan.weight, plan.column, plan.pointer,
                k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, mask,
                state.row, *old, plan.keeps_state, *new,
                outputs.flat("membrane", f), outputs.flat("current", f), outputs.flat("spikes", np.uint8),
                plan.selected, how,
                buffers is not None, time, neuron, unused if buffers is None else buffers.per_task,
                status[chunk], *scratch[worker],
            )  # fmt: skip
            return found, True

        if buffers is not None:
            buffers.fill(chunk, run)
        else:
            run(np.empty(0, np.int32), np.empty(0, np.int32))

    if part.n_task:
        run_chunks(part.n_chunk, part.threads, work)
    for report in status:
        raise_status(plan, report)


def _events_on_grid(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (from the start of the run) and inputs of sparse spikes; those outside of the run are left out."""
    drive = plan.drive
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    step = step_of(drive.time, plan.dt) - plan.state.step
    inside = (step >= 0) & (step < plan.n_time)
    before = np.concatenate([[0], np.cumsum(inside)])
    return step[inside], drive.source[inside], before[drive.pointer]
