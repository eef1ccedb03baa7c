"""Run the Euler kernel: chunks, scratch, spikes."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .euler_coefficients import euler_coefficients
from .euler_scratch import TRACE_TILE, Scratch, borrow
from .inputs import step_of
from .kernels import euler
from .kernels.codes import UNROLL
from .partition import partition
from .plan import Plan, raise_status
from .threads import run_chunks

# Steps a group of neurons takes at a time; measured with 512 neurons. A tile of inputs fits the second-level cache; packed
# weights of a group are loaded once a tile.
TILE, PACKED_TILE = 16, 128


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
    buffers = None if plan.spikes == "dense" else plan.make_buffers(part, plan.n_time, np.int32)
    how = plan.row_mode(part.block)
    # Rows that follow one another in memory are fetched by the hardware.
    tile = _tile(plan, packed is not None)
    ahead = tile * drive.time_stride if jumps is not None and drive.time_stride != part.block else 0
    status = np.zeros((part.n_chunk, 3), np.int64)
    unused = np.zeros(part.n_task, np.int64)
    n_listed = _listed(plan, tile) if packed is not None else 0
    # an LINeuron has no counter of refractory steps
    old = [*state.arrays()[:3], state.busy]
    new = [*plan.after.arrays()[:3], plan.after.busy]

    def work(chunk: int, scratch: Scratch) -> None:
        def run(time: np.ndarray, neuron: np.ndarray) -> tuple[int, bool]:
            found = euler.run_euler(
                part.bounds[chunk], part.bounds[chunk + 1], part.block, n, plan.n_time, tile,
                plan.input_row, plan.weight_row, plan.parameter_row,
                jumps, drive.time_stride, ahead,
                spikes_in, plan.n_input, event_step, event_source, event_pointer,
                weighted, plan.weight, plan.column, plan.pointer, packed,
                k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, mask,
                state.row, *old, plan.keeps_state, *new,
                outputs.flat("membrane", f), outputs.flat("current", f), outputs.flat("spikes", np.uint8),
                plan.selected, how,
                buffers is not None, time, neuron, unused if buffers is None else buffers.per_task,
                status[chunk], *scratch,
            )  # fmt: skip
            return found, True

        if buffers is not None:
            buffers.fill(chunk, run)
        else:
            run(np.empty(0, np.int32), np.empty(0, np.int32))

    if part.n_task:
        with borrow(min(part.threads, part.n_chunk), f, tile, plan.n_input, n_listed) as sets:
            run_chunks(part.n_chunk, part.threads, lambda chunk, worker: work(chunk, sets[worker]))
    for report in status:
        raise_status(plan, report)


def refuse_long_counter(plan: Plan) -> None:
    """Refuse a state whose counter of refractory steps would not hold the steps of the run."""
    busy = plan.state.busy
    if busy is not None and busy.max(initial=0) >= np.iinfo(np.int32).max - plan.n_time:
        raise InputError("state_refractory_step is too large for the number of steps of this run")


def _tile(plan: Plan, packed: bool) -> int:
    """Steps that a group of neurons takes at a time.

    Many, while packed weights of the group stay in the first-level cache; few, if rows of traces are written to memory,
    which takes them best one after the other.
    """
    if "membrane" in plan.outputs.dense or "current" in plan.outputs.dense:
        return TRACE_TILE
    return min(PACKED_TILE if packed else TILE, plan.n_time)


def _listed(plan: Plan, tile: int) -> int:
    """Most input spikes of a tile, each step filled up to a multiple of UNROLL."""
    pointer = plan.drive.pointer
    most = tile * plan.n_input if pointer is None else int(np.diff(pointer).max(initial=0))
    # rounded up, so that runs with about as many spikes find the scratch of one another
    return 1 << (most + tile * UNROLL - 1).bit_length()


def events_on_grid(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (from the start of the run) and inputs of sparse spikes; those outside of the run are left out."""
    drive = plan.drive
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    step = step_of(drive.time, plan.dt) - plan.state.step
    inside = (step >= 0) & (step < plan.n_time)
    before = np.concatenate([[0], np.cumsum(inside)])
    return step[inside], drive.source[inside], before[drive.pointer]
