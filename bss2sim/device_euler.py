"""Euler steps on a GPU: what the kernel of a run takes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .device_chunk import Chunk
from .device_run import DeviceRun
from .device_spikes import DeviceSpikes
from .euler_coefficients import euler_coefficients
from .euler_run import events_on_grid, refuse_long_counter
from .kernels.cuda_euler import euler_kernel
from .kernels.cuda_gather import words_of
from .plan import Plan, raise_status


def run_euler_on_device(plan: Plan) -> None:
    """Integrate in Euler steps; results go to the outputs, the spikes and the state of the plan."""
    f, state, drive, neurons, n = plan.dtype, plan.state, plan.drive, plan.neurons, plan.n_neuron
    k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, mask = euler_coefficients(plan)
    refuse_long_counter(plan)
    event_step, event_source, event_pointer = [np.empty(0, np.int64)] * 3
    if drive.kind == "sparse":
        event_step, event_source, event_pointer = events_on_grid(plan)
    fires = True if neurons.fires else None

    def real(array: np.ndarray | None) -> np.ndarray:
        return np.empty((0, 0), f) if array is None else array

    def whole(array: np.ndarray | None, value: int, dtype: Any) -> np.ndarray:
        if array is None:
            return np.full(k_mem.shape if fires else (0, 0), value, dtype)
        return array

    shared = [
        event_step, event_source, event_pointer, *flat_weights_of(plan, f),
        k_mem, k_syn, real(k_inh), real(threshold), real(reset), real(leak),
        whole(n_refractory, 0, np.int32), whole(n_holdoff, 0, np.int32), whole(mask, 1, np.uint8),
        state.membrane, state.current, real(state.inhibitory), whole(state.busy, 0, np.int32),
        column_of_neurons(plan),
    ]  # fmt: skip
    number: Any = f.type
    kernel = euler_kernel(
        number, drive.kind, graded(plan), None if plan.column is None else True, None if k_inh is None else True,
        True if neurons.leaks else None, decays, fires,
    )  # fmt: skip
    spikes = None
    if plan.spikes is not None:
        spikes = DeviceSpikes(plan.spikes, plan.trials.size, n, np.int32, 0.0, float(plan.n_time), state.step, plan.dt)
        plan.buffers = spikes

    def launch(chunk: Chunk, arrays: list[Any]) -> None:
        input_at, weight_row, parameter_row, state_row = chunk.rows
        n_task = (chunk.high - chunk.low) * n
        kernel.launch(
            n_task, chunk.stream, n_task, n, plan.n_time, input_at, weight_row, parameter_row, state_row,
            chunk.flat, chunk.time_stride, plan.n_input, chunk.packed, words_of(plan.n_input),
            *arrays[:-1], plan.keeps_state, *chunk.after,
            arrays[-1], plan.selected.size, *chunk.recordings(f), *chunk.spikes.arguments(), chunk.report,
        )  # fmt: skip

    after = plan.after
    DeviceRun(
        plan,
        shared,
        [after.membrane, after.current, after.inhibitory, after.busy],
        spikes,
        plan.n_time,
        launch,
        partial(raise_status, plan),
        packs=drive.kind == "dense",
    ).run()


def graded(plan: Plan) -> bool | None:
    """Whether dense spikes of the inputs may be others than one; True or None."""
    return None if plan.drive.binary or plan.drive.kind != "dense" else True


def flat_weights_of(plan: Plan, f: np.dtype) -> list[np.ndarray]:
    """Values, columns and pointers of the weights; empty what there is not."""
    none = np.empty(0, np.int64)
    return [
        np.empty(0, f) if plan.weight is None else plan.weight,
        none if plan.column is None else plan.column,
        none if plan.pointer is None else plan.pointer,
    ]


def column_of_neurons(plan: Plan) -> np.ndarray:
    """Column of each neuron in recordings, -1 if it is not recorded."""
    column_of = np.full(plan.n_neuron, -1, np.int64)
    column_of[plan.selected] = np.arange(plan.selected.size)
    return column_of
