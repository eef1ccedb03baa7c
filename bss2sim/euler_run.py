"""Run the Euler kernel: chunks, scratch, spikes."""

from __future__ import annotations

import numpy as np

from . import memory
from .errors import InputError
from .euler_coefficients import euler_coefficients
from .inputs import step_of
from .kernels import euler
from .kernels.codes import BLOCK, UNROLL
from .partition import partition
from .plan import Plan, raise_status
from .threads import run_chunks

_MOST_PACKED = 64 * 2**10  # bytes of the weights of a group of neurons


def run_euler(plan: Plan) -> None:
    """Integrate in Euler steps; results go to the outputs, the spikes and the state of the plan."""
    f, state, drive, neurons, n = plan.dtype, plan.state, plan.drive, plan.neurons, plan.n_neuron
    k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, mask = euler_coefficients(plan)
    if neurons.fires and state.busy is not None and state.busy.max(initial=0) >= np.iinfo(np.int32).max - plan.n_time:
        raise InputError("state_refractory_step is too large for the number of steps of this run")

    event_step = event_source = event_pointer = None
    if drive.kind == "sparse":
        event_step, event_source, event_pointer = _events_on_grid(plan)
    jumps = drive.flat if drive.kind == "jumps" else None
    spikes_in = drive.flat if drive.kind == "dense" else None

    packed = _packed(plan)
    # Kernels are compiled for one form of the weights.
    weights = (plan.weight, plan.column, plan.pointer) if packed is None else (None, None, None)
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
    scratch = [
        (
            memory.zeros((euler.N_FLOAT_ROW * BLOCK,), f),
            memory.zeros((euler.N_INTEGER_ROW * BLOCK,), np.int32 if f == np.float32 else np.int64),
            memory.empty((euler.N_TRACE * tile * BLOCK,), f),
            memory.empty((tile * BLOCK,), np.uint8),
            memory.empty((tile * euler.DRIVE_ROW,), f),
            np.empty(max(n_listed, plan.n_input, 1), np.int64),
            np.empty(n_listed, f),
            np.empty(tile + 1, np.int64),
            np.empty(tile, np.int64),
            np.empty(plan.n_input // UNROLL + 3, np.int64),
        )
        for _ in range(part.threads)
    ]

    # an LINeuron has no counter of refractory steps
    old = [*state.arrays()[:3], state.busy]
    new = [*plan.after.arrays()[:3], plan.after.busy]

    def work(chunk: int, worker: int) -> None:
        def run(time: np.ndarray, neuron: np.ndarray) -> tuple[int, bool]:
            found = euler.run_euler(
                part.bounds[chunk], part.bounds[chunk + 1], part.block, n, plan.n_time, tile,
                plan.input_row, plan.weight_row, plan.parameter_row,
                jumps, drive.time_stride, ahead,
                spikes_in, plan.n_input, event_step, event_source, event_pointer,
                None if plan.weight is None else True, *weights, packed,
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


def _tile(plan: Plan, packed: bool) -> int:
    """Steps that a group of neurons takes at a time.

    Many, while packed weights of the group stay in the first-level cache; few, if rows of traces are written to memory,
    which takes them best one after the other.
    """
    if "membrane" in plan.outputs.dense or "current" in plan.outputs.dense:
        return 8
    return min(64 if packed else 16, plan.n_time)


def _packed(plan: Plan) -> np.ndarray | None:
    """Weights of groups of neurons, flat (group, input and one of zeros, neuron of the group); None where rows are better.

    A group is as many neurons as fill a cache line. Its weights stay in the first-level cache over the steps of a
    tile, if there are not too many inputs; so they must be those of all trials.
    """
    weight, width = plan.weight, memory.LINE // plan.dtype.itemsize
    if weight is None or plan.column is not None or weight.size != plan.n_input * plan.n_neuron:
        return None
    if plan.n_input * memory.LINE > _MOST_PACKED:
        return None
    n_group = -(-plan.n_neuron // width)
    packed = memory.empty((n_group, plan.n_input + 1, width), plan.dtype)
    packed[:, -1] = 0
    packed[-1] = 0
    rows = weight.reshape(plan.n_input, plan.n_neuron)
    n_whole = plan.n_neuron // width
    packed[:n_whole, :-1] = rows[:, : n_whole * width].reshape(plan.n_input, n_whole, width).swapaxes(0, 1)
    if n_whole < n_group:
        packed[-1, :-1, : plan.n_neuron - n_whole * width] = rows[:, n_whole * width :]
    return packed.reshape(-1)


def _listed(plan: Plan, tile: int) -> int:
    """Most input spikes of a tile, each step filled up to a multiple of UNROLL."""
    pointer = plan.drive.pointer
    most = tile * plan.n_input if pointer is None else int(np.diff(pointer).max(initial=0))
    return most + tile * UNROLL


def _events_on_grid(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (from the start of the run) and inputs of sparse spikes; those outside of the run are left out."""
    drive = plan.drive
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    step = step_of(drive.time, plan.dt) - plan.state.step
    inside = (step >= 0) & (step < plan.n_time)
    before = np.concatenate([[0], np.cumsum(inside)])
    return step[inside], drive.source[inside], before[drive.pointer]
