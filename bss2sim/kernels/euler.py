"""Euler steps of the reference, for a range of trials: the loop around the rules of ``membrane``.

A task is one trial and one block of at most ``BLOCK`` neurons. Time is cut into tiles: the inputs of a tile are
found for all neurons, then a group of neurons, as many as fill a line of memory, takes all steps of the tile with its
state in registers (``lanes``), then the spikes of the tile are put out in the order of time. Arguments that are None
cost nothing: Numba compiles the loop without them.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, NOT_FINITE, ROWS, SELECTED
from .gather import gather_dense, gather_events
from .jit import kernel, part
from .lanes import element, fill_lanes, lane_count, load_lanes, put_element, put_lanes, select, store_lanes, store_marks
from .membrane import (
    euler_current,
    euler_decayed_current,
    euler_fire,
    euler_fire_holdoff,
    euler_leaky_membrane,
    euler_membrane,
)
from .packed import gather_list, gather_packed, list_dense, list_events
from .prefetch import prefetch_line, prefetch_row
from .scalars import larger, smaller
from .vector import (
    clear_row,
    copy_row,
    count_bits,
    put_bits,
    record_row,
    trailing_zeros,
    use_wide_registers,
    without_lowest,
)

N_FLOAT_ROW = 9  # rows of the float scratch, below
_V, _I, _J, _K_MEM, _K_SYN, _K_INH, _THRESHOLD, _RESET, _LEAK = (BLOCK * k for k in range(N_FLOAT_ROW))
N_INTEGER_ROW = 3
_BUSY, _N_REF, _N_HOLD = (BLOCK * k for k in range(N_INTEGER_ROW))
N_TRACE = 3  # membrane and two currents
DRIVE_ROW = 2 * BLOCK  # jumps of a step, split by sign


@part
def _emit(t_first, n_step, dt, low, n, p, spike_mask, marks, spike_time, spike_neuron, n_found):
    """Put out the spikes marked in a tile, those beyond the buffer in number only; return the number found so far.

    Its first step is number `t_first` of the grid of `dt` [s].
    """
    use_wide_registers()
    for t in range(n_step):
        time = np.float64(t_first + t) * dt
        for k in range(0, n, 64):
            mask = element(marks, (t * BLOCK + k) // 64)
            if spike_mask is not None:
                left = mask
                while left != 0:
                    rest = without_lowest(left)
                    if not spike_mask[p, low + k + trailing_zeros(left)]:
                        mask ^= left ^ rest
                    left = rest
            end = n_found + count_bits(mask)
            if n_found + 2 <= spike_time.size:
                # Two without a branch that depends on them: a word of 64 neurons seldom has more. What is not a
                # spike is written over by the next one.
                for m in range(n_found, n_found + 2):
                    put_element(spike_time, m, time)
                    put_element(spike_neuron, m, low + k + trailing_zeros(mask))
                    mask = without_lowest(mask)
                n_found += 2
            while mask != 0:
                if n_found < spike_time.size:
                    spike_time[n_found] = time
                    spike_neuron[n_found] = low + k + trailing_zeros(mask)
                mask = without_lowest(mask)
                n_found += 1
            n_found = end
    return n_found


@kernel
def run_euler(
    first_task, last_task, block, n_neuron, n_time, tile,
    input_at, weight_row, parameter_row,
    jumps, time_stride,
    spikes_in, binary, n_input, event_step, event_source, event_pointer, weighted, weight, column, pointer, packed,
    k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, spike_mask,
    state_row, old_membrane, old_current, old_inhibitory, old_busy,
    keeps, new_membrane, new_current, new_inhibitory, new_busy,
    membrane, current, spikes, selected, how, emits, start_step, dt, spike_time, spike_neuron, n_spike, status,
    floats, integers, traces, fired, marks, drive, index, grade, count, order, lists, bins, words,
):  # fmt: skip
    """Run tasks first_task .. last_task, `tile` steps at a time; return the number of spikes found, also beyond the buffer.

    Inputs: one of `jumps` and `spikes_in` (flat, neurons or inputs contiguous; a trial starts at element `input_at`,
    rows of time are `time_stride` elements apart), or the events (`event_step`, `event_source`; trial from
    `event_pointer[input_at]`). `binary`, with `packed`: dense spikes that are not 0 are 1, whatever they are. Spikes and events
    go through weights, `weighted` not None: `packed` (group of neurons, input and a last one of zeros, neuron of the group), or,
    if that is None, `weight` (see ``gather``). Coefficients: (parameter row, neuron). `threshold` None: the
    membrane never fires. `k_inh` not None: a second synaptic current takes the negative jumps. `decays` not None:
    `k_syn` and `k_inh` are the factors 1 - dt/tau. State: (state row, neuron) before, (trial, neuron) after if `keeps`.
    Outputs: flat (trial, time, neuron), empty if not recorded, of the neurons `selected` and written as `how` says;
    spikes as (time [s], neuron) if `emits`, then `spikes` is empty, and the run begins at `start_step` of the grid of `dt` [s].
    Scratch, see ``euler_scratch``: `traces` (membrane and two currents, step of the tile, BLOCK), spikes (step, BLOCK), a bit each
    in `marks`, those of a step as bytes in `fired`, `drive` (step, sign, BLOCK), or with packed weights (sign, step, neuron of the
    group).
    """
    width = lane_count(floats)
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)
    n_recorded = selected.size
    whole = n_neuron % width == 0 and block % width == 0
    direct = whole and how != SELECTED
    traced = membrane.size > 0 or current.size > 0
    one = integers.dtype.type(1)
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = smaller(block, n_neuron - low)
        p = parameter_row[trial]
        q = state_row[trial]
        # Lanes beyond the last neuron have threshold = reset = k_mem = 0: whatever an earlier task left in `drive` and
        # `integers`, v is 0 or NaN there and never fires. Spikes are read 64 neurons at a time.
        clear_row(floats, 0, floats.size)
        clear_row(marks, 0, marks.size)
        copy_row(floats, _V, old_membrane, q * n_neuron + low, n)
        copy_row(floats, _I, old_current, q * n_neuron + low, n)
        copy_row(floats, _K_MEM, k_mem, p * n_neuron + low, n)
        copy_row(floats, _K_SYN, k_syn, p * n_neuron + low, n)
        if k_inh is not None:
            copy_row(floats, _J, old_inhibitory, q * n_neuron + low, n)
            copy_row(floats, _K_INH, k_inh, p * n_neuron + low, n)
        if leak is not None:
            copy_row(floats, _LEAK, leak, p * n_neuron + low, n)
        if threshold is not None:
            copy_row(floats, _THRESHOLD, threshold, p * n_neuron + low, n)
            copy_row(floats, _RESET, reset, p * n_neuron + low, n)
            for j in range(n):
                put_element(integers, _BUSY + j, element(old_busy, q * n_neuron + low + j) - 1)
                put_element(integers, _N_REF + j, element(n_refractory, p * n_neuron + low + j))
                if n_holdoff is not None:
                    put_element(integers, _N_HOLD + j, element(n_holdoff, p * n_neuron + low + j))
        event = 0
        last_event = 0
        if event_step is not None:
            event = event_pointer[input_at[trial]]
            last_event = event_pointer[input_at[trial] + 1]
        start = n_found
        for t_first in range(0, n_time, tile):
            t_last = smaller(t_first + tile, n_time)
            at = input_at[trial] + t_first * time_stride
            plain = True
            if jumps is not None:
                if not whole:
                    for t in range(t_last - t_first):
                        copy_row(drive, t * DRIVE_ROW, jumps, at + t * time_stride + low, n)
            if packed is not None:
                if spikes_in is not None:
                    plain = list_dense(spikes_in, at, time_stride, t_last - t_first, n_input,
                                       index, grade, count, order, lists, bins, words, 0)  # fmt: skip
                    plain = plain or binary
                if event_step is not None:
                    event = list_events(event_step, event_source, event, last_event, t_first, t_last - t_first, n_input,
                                        index, count, order, lists, bins)  # fmt: skip
            if weight is not None:
                for t in range(t_last - t_first):
                    jump = drive[t * DRIVE_ROW : (t + 1) * DRIVE_ROW]
                    if spikes_in is not None:
                        gather_dense(spikes_in, at + t * time_stride, n_input, weight, column, pointer,
                                     weight_row[trial], n_neuron, low, n, index, jump, k_inh)  # fmt: skip
                    if event_step is not None:
                        n_event = 0
                        while event + n_event < last_event and event_step[event + n_event] == t_first + t:
                            n_event += 1
                        gather_events(event_source, event, n_event, n_input, weight, column, pointer,
                                      weight_row[trial], n_neuron, low, n, jump, k_inh)  # fmt: skip
                        event += n_event

            # Jumps of one group are gathered while another one takes its steps: a step waits for the one before, and additions
            # of weights wait for nobody.
            here = np.int64(0)
            other = 2 * tile * width
            # What the processor does not foresee: the rows that are listed next.
            ahead = at + tile * time_stride
            if t_last == n_time and task + 1 < last_task:
                ahead = input_at[(task + 1) // n_block]
            if packed is not None:
                gather_packed(packed, low * (n_input + 1), index, grade, plain, order, lists, t_last - t_first,
                              drive, here, k_inh, None)  # fmt: skip
            for g in range(0, n, width):
                v = load_lanes(floats, _V + g)
                i = load_lanes(floats, _I + g)
                k_mem_g = load_lanes(floats, _K_MEM + g)
                k_syn_g = load_lanes(floats, _K_SYN + g)
                zero = fill_lanes(0, v)
                if k_inh is not None:
                    i_inh = load_lanes(floats, _J + g)
                    k_inh_g = load_lanes(floats, _K_INH + g)
                if leak is not None:
                    leak_g = load_lanes(floats, _LEAK + g)
                if threshold is not None:
                    threshold_g = load_lanes(floats, _THRESHOLD + g)
                    reset_g = load_lanes(floats, _RESET + g)
                    busy = load_lanes(integers, _BUSY + g)
                    n_ref_g = load_lanes(integers, _N_REF + g)
                    step = fill_lanes(t_first, busy)
                    next_step = fill_lanes(one, busy)
                    if n_holdoff is not None:
                        n_hold_g = load_lanes(integers, _N_HOLD + g)
                # Where the jumps of the group are: (step of the tile, neuron), negative ones apart if they are split.
                x_at = np.int64(g)
                x_stride = np.int64(DRIVE_ROW)
                x_inh_at = np.int64(g + BLOCK)
                following = (low + g + width) * (n_input + 1)
                if packed is not None:
                    if spikes_in is not None:
                        for row in range(g * tile // n, (g + width) * tile // n):
                            prefetch_row(spikes_in, ahead + row * time_stride, n_input)
                    x_at = here
                    x_stride = np.int64(width)
                    x_inh_at = here + (t_last - t_first) * x_stride
                for t in range(t_last - t_first):
                    if jumps is not None:
                        if whole:
                            x = load_lanes(jumps, at + t * time_stride + low + g)
                            # The processor foresees neither rows far apart nor a tile taken group by group.
                            prefetch_line(jumps, at + (t + tile) * time_stride + low + g)
                        else:
                            x = load_lanes(drive, x_at + t * x_stride)
                        if k_inh is not None:
                            x_inh = select(x < zero, x, zero)
                            x = select(x < zero, zero, x)
                    if packed is not None:
                        if t % ROWS == 0:
                            if g + width < n:
                                gather_list(packed, following, index, grade, plain, order, lists, t, t_last - t_first,
                                            drive, other, k_inh, None)  # fmt: skip
                    if weighted is not None:
                        x = load_lanes(drive, x_at + t * x_stride)
                        if k_inh is not None:
                            x_inh = load_lanes(drive, x_inh_at + t * x_stride)
                    i_sum = i
                    if decays is not None:
                        i = euler_decayed_current(i, k_syn_g, x)
                    else:
                        i = euler_current(i, k_syn_g, x)
                    if k_inh is not None:
                        i_sum = i_sum + i_inh
                        if decays is not None:
                            i_inh = euler_decayed_current(i_inh, k_inh_g, x_inh)
                        else:
                            i_inh = euler_current(i_inh, k_inh_g, x_inh)
                    if leak is not None:
                        v = euler_leaky_membrane(v, i_sum, k_mem_g, leak_g)
                    else:
                        v = euler_membrane(v, i_sum, k_mem_g)
                    if threshold is not None:
                        if n_holdoff is not None:
                            v, busy, fires = euler_fire_holdoff(v, threshold_g, reset_g, step, busy, n_ref_g, n_hold_g)
                        else:
                            v, busy, fires = euler_fire(v, threshold_g, reset_g, step, busy, n_ref_g)
                        step = step + next_step
                        store_marks(marks, t * (BLOCK // 8) + g // 8, fires)
                    if traced:
                        out = (trial * n_time + t_first + t) * n_recorded + low + g
                        if membrane.size:
                            put_lanes(membrane, out, v, traces, t * BLOCK + g, direct, how)
                        if current.size:
                            if k_inh is not None:
                                out = 2 * out - (low + g)
                                put_lanes(current, out, i, traces, (tile + t) * BLOCK + g, direct, how)
                                put_lanes(
                                    current, out + n_recorded, i_inh, traces, (2 * tile + t) * BLOCK + g, direct, how
                                )
                            else:
                                put_lanes(current, out, i, traces, (tile + t) * BLOCK + g, direct, how)
                here, other = other, here
                store_lanes(floats, _V + g, v)
                store_lanes(floats, _I + g, i)
                if k_inh is not None:
                    store_lanes(floats, _J + g, i_inh)
                if threshold is not None:
                    store_lanes(integers, _BUSY + g, busy)

            for t in range(t_last - t_first):
                out = (trial * n_time + t_first + t) * n_recorded
                if not direct:
                    if membrane.size:
                        record_row(membrane, out, traces, t * BLOCK, selected, low, n, how)
                    if current.size:
                        if k_inh is not None:
                            record_row(current, 2 * out, traces, (tile + t) * BLOCK, selected, low, n, how)
                            record_row(
                                current, 2 * out + n_recorded, traces, (2 * tile + t) * BLOCK, selected, low, n, how)  # fmt: skip
                        else:
                            record_row(current, out, traces, (tile + t) * BLOCK, selected, low, n, how)
                if spikes.size:
                    for k in range(0, n, 64):
                        put_bits(fired, k, element(marks, t * (BLOCK // 64) + k // 64))
                    if spike_mask is not None:
                        for j in range(n):
                            fired[j] = fired[j] & spike_mask[p, low + j]
                    record_row(spikes, out, fired, 0, selected, low, n, how)
            if emits:
                n_found = _emit(
                    start_step + t_first, t_last - t_first, dt, low, n, p, spike_mask, marks, spike_time, spike_neuron, n_found
                )  # fmt: skip
        n_spike[task] = n_found - start
        # NaN and infinity never leave a current: no pass over the inputs is needed. They alone are not 0 less themselves.
        v = load_lanes(floats, _V)
        unfit = v - v
        for g in range(0, n, width):
            v = load_lanes(floats, _V + g)
            i = load_lanes(floats, _I + g)
            unfit = unfit + ((v - v) + (i - i))
            if k_inh is not None:
                i_inh = load_lanes(floats, _J + g)
                unfit = unfit + (i_inh - i_inh)
        store_lanes(floats, _K_MEM, unfit)
        is_finite = True
        for j in range(width):
            is_finite = is_finite and floats[_K_MEM + j] == 0
        if not is_finite and status[0] == 0:
            for j in range(n - 1, -1, -1):
                finite = math.isfinite(floats[_V + j]) and math.isfinite(floats[_I + j])
                if k_inh is not None:
                    finite = finite and math.isfinite(floats[_J + j])
                if not finite:
                    status[0], status[1], status[2] = NOT_FINITE, trial, low + j
        if keeps:
            copy_row(new_membrane, trial * n_neuron + low, floats, _V, n)
            copy_row(new_current, trial * n_neuron + low, floats, _I, n)
            if k_inh is not None:
                copy_row(new_inhibitory, trial * n_neuron + low, floats, _J, n)
            if threshold is not None:
                for j in range(n):
                    new_busy[trial, low + j] = larger(0, integers[_BUSY + j] - (n_time - 1))
    return n_found
