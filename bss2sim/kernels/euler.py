"""Euler steps of the reference, for a range of trials: the loop around the rules of ``membrane``.

A task is one trial and one block of at most ``BLOCK`` neurons. Its state and coefficients lie in one scratch
array with constant distances, so that LLVM sees them apart and packs the loop over neurons. Arguments that are
None cost nothing: Numba compiles the loop without them.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, NOT_FINITE
from .gather import gather_dense, gather_events
from .jit import kernel
from .membrane import (
    euler_current,
    euler_decayed_current,
    euler_fire,
    euler_fire_holdoff,
    euler_leaky_membrane,
    euler_membrane,
)
from .vector import (
    LINE,
    nonzero_mask,
    prefetch_line,
    record_row,
    trailing_zeros,
    use_wide_registers,
    without_lowest,
)

N_FLOAT_ROW = 9  # rows of the float scratch, below
_V, _I, _J, _K_MEM, _K_SYN, _K_INH, _THRESHOLD, _RESET, _LEAK = (BLOCK * k for k in range(N_FLOAT_ROW))
_SEGMENT = 256
N_INTEGER_ROW = 3
_BUSY, _N_REF, _N_HOLD = (BLOCK * k for k in range(N_INTEGER_ROW))


@kernel
def run_euler(
    first_task, last_task, block, n_neuron, n_time,
    input_at, weight_row, parameter_row,
    jumps, direct, time_stride, ahead,
    spikes_in, n_input, event_step, event_source, event_pointer, weight, column, pointer,
    k_mem, k_syn, k_inh, decays, threshold, reset, leak, n_refractory, n_holdoff, spike_mask,
    state_row, old_membrane, old_current, old_inhibitory, old_busy,
    keeps, new_membrane, new_current, new_inhibitory, new_busy,
    membrane, current, spikes, selected, how, emits, spike_step, spike_neuron, n_spike, status,
    floats, integers, fired, index, drive,
):  # fmt: skip
    """Run tasks first_task .. last_task; return the number of spikes found, also beyond the buffer.

    Inputs: one of `jumps` and `spikes_in` (flat, neurons or inputs contiguous; a trial starts at element `input_at`,
    rows of time are `time_stride` elements apart; `direct` None: jumps are split by sign before use; lines
    `ahead` elements further on are asked for early if that is above 0), the latter
    through `weight` (see ``gather``), or the events (`event_step`, `event_source`; trial from
    `event_pointer[input_at]`), also through `weight`. Coefficients: (parameter row, neuron). `threshold` None: the
    membrane never fires. `k_inh` not None: a second synaptic current takes the negative jumps. `decays` not None:
    `k_syn` and `k_inh` are the factors 1 - dt/tau. State: (state row, neuron) before, (trial, neuron) after if `keeps`.
    Outputs: flat (trial, time, neuron), empty if not recorded, of the neurons `selected` and written as `how` says;
    spikes as (step, neuron) if `emits`.
    """
    use_wide_registers()
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)
    n_recorded = selected.size
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = min(block, n_neuron - low)
        p = parameter_row[trial]
        q = state_row[trial]
        for j in range(n):
            floats[_V + j] = old_membrane[q, low + j]
            floats[_I + j] = old_current[q, low + j]
            floats[_K_MEM + j] = k_mem[p, low + j]
            floats[_K_SYN + j] = k_syn[p, low + j]
            if k_inh is not None:
                floats[_J + j] = old_inhibitory[q, low + j]
                floats[_K_INH + j] = k_inh[p, low + j]
            if leak is not None:
                floats[_LEAK + j] = leak[p, low + j]
            if threshold is not None:
                floats[_THRESHOLD + j] = threshold[p, low + j]
                floats[_RESET + j] = reset[p, low + j]
                integers[_BUSY + j] = old_busy[q, low + j] - 1
                integers[_N_REF + j] = n_refractory[p, low + j]
                if n_holdoff is not None:
                    integers[_N_HOLD + j] = n_holdoff[p, low + j]
        for j in range(n, BLOCK):
            fired[j] = 0  # of a wider block before this one; masks are read 64 neurons at a time
        event = 0
        last_event = 0
        if event_step is not None:
            event = event_pointer[input_at[trial]]
            last_event = event_pointer[input_at[trial] + 1]
        start = n_found
        for t in range(n_time):
            step = np.int32(t)
            at = input_at[trial] + t * time_stride
            if jumps is not None:
                if k_inh is not None:
                    for j in range(n):
                        x = jumps[at + low + j]
                        zero = floats.dtype.type(0)
                        drive[j] = zero if x < zero else x
                        drive[BLOCK + j] = x if x < zero else zero
            if spikes_in is not None:
                gather_dense(spikes_in, at, n_input, weight, column, pointer, weight_row[trial], n_neuron,
                             low, n, index, drive, k_inh)  # fmt: skip
            if event_step is not None:
                n_event = 0
                while event + n_event < last_event and event_step[event + n_event] == t:
                    n_event += 1
                gather_events(event_source, event, n_event, n_input, weight, column, pointer, weight_row[trial],
                              n_neuron, low, n, drive, k_inh)  # fmt: skip
                event += n_event
            if direct is not None:
                jump = jumps[at + low : at + low + n]
            else:
                jump = drive[:n]
            out = (trial * n_time + t) * n_recorded
            for first in range(0, n, _SEGMENT):
                m = min(_SEGMENT, n - first)
                if jumps is not None:
                    if ahead > 0:
                        # rows far apart are invisible to the hardware; a few lines at a time leave it room to answer
                        for k in range(first, first + m, LINE // floats.itemsize):
                            prefetch_line(jumps, at + low + ahead + k)
                x = jump[first : first + m]
                state = floats[first:]
                counter = integers[first:]
                fires = fired[first:]
                if k_inh is not None:
                    inhibition = drive[BLOCK + first : BLOCK + first + m]
                for j in range(m):
                    v = state[_V + j]
                    i = state[_I + j]
                    if decays is not None:
                        state[_I + j] = euler_decayed_current(i, state[_K_SYN + j], x[j])
                    else:
                        state[_I + j] = euler_current(i, state[_K_SYN + j], x[j])
                    if k_inh is not None:
                        i_inh = state[_J + j]
                        if decays is not None:
                            state[_J + j] = euler_decayed_current(i_inh, state[_K_INH + j], inhibition[j])
                        else:
                            state[_J + j] = euler_current(i_inh, state[_K_INH + j], inhibition[j])
                        i = i + i_inh
                    if leak is not None:
                        u = euler_leaky_membrane(v, i, state[_K_MEM + j], state[_LEAK + j])
                    else:
                        u = euler_membrane(v, i, state[_K_MEM + j])
                    if threshold is not None:
                        if n_holdoff is not None:
                            u, busy, spike = euler_fire_holdoff(
                                u, state[_THRESHOLD + j], state[_RESET + j], step, counter[_BUSY + j],
                                counter[_N_REF + j], counter[_N_HOLD + j])  # fmt: skip
                        else:
                            u, busy, spike = euler_fire(
                                u, state[_THRESHOLD + j], state[_RESET + j], step, counter[_BUSY + j],
                                counter[_N_REF + j])  # fmt: skip
                        counter[_BUSY + j] = busy
                        fires[j] = spike
                    state[_V + j] = u
                if membrane.size:
                    record_row(membrane, out, floats, _V + first, selected, low + first, m, how)
                if current.size:
                    if k_inh is not None:
                        record_row(current, 2 * out, floats, _I + first, selected, low + first, m, how)
                        record_row(current, 2 * out + n_recorded, floats, _J + first, selected, low + first, m, how)
                    else:
                        record_row(current, out, floats, _I + first, selected, low + first, m, how)
            if threshold is not None:
                if spike_mask is not None:
                    for j in range(n):
                        fired[j] = fired[j] & spike_mask[p, low + j]
                if spikes.size:
                    record_row(spikes, out, fired, np.int64(0), selected, low, n, how)
                if emits:
                    for k in range(0, n, 64):
                        mask = nonzero_mask(fired, k)
                        while mask != 0:
                            if n_found < spike_step.size:
                                spike_step[n_found] = step
                                spike_neuron[n_found] = low + k + trailing_zeros(mask)
                            mask = without_lowest(mask)
                            n_found += 1
        n_spike[task] = n_found - start
        for j in range(n):
            finite = math.isfinite(floats[_V + j]) and math.isfinite(floats[_I + j])
            if k_inh is not None:
                finite = finite and math.isfinite(floats[_J + j])
            if not finite and status[0] == 0:  # NaN and infinity never leave a current: no pass over the inputs needed
                status[0], status[1], status[2] = NOT_FINITE, trial, low + j
            if keeps:
                new_membrane[trial, low + j] = floats[_V + j]
                new_current[trial, low + j] = floats[_I + j]
                if k_inh is not None:
                    new_inhibitory[trial, low + j] = floats[_J + j]
                if threshold is not None:
                    new_busy[trial, low + j] = max(0, integers[_BUSY + j] - (np.int32(n_time) - 1))
    return n_found
