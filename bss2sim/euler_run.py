"""Run the Euler kernel: chunks, scratch, spikes."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .euler_coefficients import MOST_COUNTED, euler_coefficients
from .euler_scratch import TILE, Scratch, borrow
from .inputs import step_of
from .kernels import euler
from .partition import partition
from .plan import Plan, raise_status
from .spike_lists import list_sizes
from .threads import run_chunks

PACKED_TILE = 128  # steps of a tile with packed weights, if nothing but spikes is recorded: they are loaded once a tile


def run_euler(plan: Plan) -> None:
    """Integrate in Euler steps; results go to the outputs, the spikes and the state of the plan."""
    f, state, drive, n = plan.dtype, plan.state, plan.drive, plan.n_neuron
    k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, mask = euler_coefficients(plan)
    refuse_long_counter(plan)

    event_step = event_source = event_pointer = None
    if drive.kind == "sparse":
        event_step, event_source, event_pointer = events_on_grid(plan)
    jumps = drive.flat if drive.kind == "jumps" else None
    spikes_in = drive.flat if drive.kind == "dense" else None

    packed = plan.packed
    weighted = None if packed is None and plan.weight is None else True
    part = partition(plan.trials.size, n, plan.n_time, plan.threads)
    outputs = plan.outputs
    # Dense spikes are rows like any other; all else goes through buffers.
    buffers = None if plan.spikes == "dense" else plan.make_buffers(part, plan.n_time)
    how = plan.row_mode(part.block)
    traces = "membrane" in outputs.dense or "current" in outputs.dense
    tile = min(TILE if packed is None or traces else PACKED_TILE, plan.n_time)
    status = np.zeros((part.n_chunk, 3), np.int64)
    sizes = None if packed is None else list_sizes(tile, plan.n_input, event_step, event_pointer)
    # an LINeuron has no counter of refractory steps
    old = [*state.arrays()[:3], state.busy]
    new = [*plan.after.arrays()[:3], plan.after.busy]

    n_spike = np.zeros(part.n_task, np.int64) if buffers is None else buffers.per_task
    # All that threads have to do in Python, one at a time, is to call the kernel.
    arguments = (
        part.block, n, plan.n_time, tile, plan.input_row, plan.weight_row, plan.parameter_row, jumps, drive.time_stride,
        spikes_in, drive.binary, plan.n_input, event_step, event_source, event_pointer,
        weighted, plan.weight, plan.column, plan.pointer, packed,
        k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, mask,
        state.row, *old, plan.keeps_state, *new,
        outputs.flat("membrane", f), outputs.flat("current", f), outputs.flat("spikes", np.uint8),
        plan.selected, how, buffers is not None, state.step, plan.dt,
    )  # fmt: skip

    def work(chunk: int, scratch: Scratch) -> None:
        def run(time: np.ndarray, neuron: np.ndarray) -> tuple[int, bool]:
            first, last = part.bounds[chunk], part.bounds[chunk + 1]
            return euler.run_euler(first, last, *arguments, time, neuron, n_spike, status[chunk], *scratch), True

        if buffers is not None:
            buffers.fill(chunk, run)
        else:
            run(np.empty(0), np.empty(0, np.int32))

    if part.n_task:
        with borrow(min(part.threads, part.n_chunk), f, tile, plan.n_input, sizes) as sets:
            run_chunks(part.n_chunk, part.threads, lambda chunk, worker: work(chunk, sets[worker]))
    for report in status:
        raise_status(plan, report)


def refuse_long_counter(plan: Plan) -> None:
    """Refuse a state whose counter of refractory steps would not hold the steps of the run."""
    busy = plan.state.busy
    most, limit = 0 if busy is None else busy.max(initial=0), MOST_COUNTED - plan.n_time
    if most >= limit:
        raise InputError(
            f"state_refractory_step is {most} steps; in a run of {plan.n_time} steps fewer than {limit} are possible"
        )


def events_on_grid(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (from the start of the run) and inputs of sparse spikes; those outside of the run are left out."""
    drive = plan.drive
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    step = step_of(drive.time, plan.dt) - plan.state.step
    inside = (step >= 0) & (step < plan.n_time)
    before = np.concatenate([[0], np.cumsum(inside)])
    return step[inside], drive.source[inside], before[drive.pointer]
