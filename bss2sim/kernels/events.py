"""Exact membranes with inputs at arbitrary times: one vector pass over a block of neurons per instant of input.

State is committed at instants of input only. Samples, and the end of the run, look at a copy: cutting a run or
recording it does not change a bit. Spikes between the last input and a cut are put out before the cut; the
continuation finds them again and leaves them out.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, NOT_FINITE
from .elementary import decay, leaky_gain
from .exact import SLACK, advance, advance_single, move, sort_spikes
from .exact_rows import (
    ASYMPTOTE,
    CHORD,
    CURRENT,
    GAIN,
    GAIN_INH,
    GATE,
    INHIBITORY,
    KEPT,
    KEPT_INH,
    LEAK,
    LOSS,
    MEMBRANE,
    SCALE,
    open_gates,
    step_row,
)
from .gather import gather_events
from .jit import kernel, part
from .vector import nonzero_mask, record_row, trailing_zeros, use_wide_registers, without_lowest


@part
def fill_coefficients(coefficients, s, p, low, n, uniform, coupled, leak, tau_mem, tau_syn, tau_inh, inverse_mem):
    """Coefficients of every neuron for an interval of s [s]; one exponential for all if `uniform`."""
    use_wide_registers()
    if leak is None:
        if uniform:
            scale = tau_syn[p, low]
            kept, lost = decay(s / scale)
            for k in range(n):
                coefficients[KEPT + k] = kept
                coefficients[GAIN + k] = coefficients[GATE + k] * (scale * inverse_mem[k] * lost)
        else:
            tau = tau_syn[p, low : low + n]
            for k in range(n):
                kept, lost = decay(s / tau[k])
                coefficients[KEPT + k] = kept
                coefficients[GAIN + k] = coefficients[GATE + k] * (tau[k] * inverse_mem[k] * lost)
        if tau_inh is not None:
            tau = tau_inh[p, low : low + n]
            for k in range(n):
                kept, lost = decay(s / tau[k])
                coefficients[KEPT_INH + k] = kept
                coefficients[GAIN_INH + k] = coefficients[GATE + k] * (tau[k] * inverse_mem[k] * lost)
    else:
        mem = tau_mem[p, low : low + n]
        tau = tau_syn[p, low : low + n]
        for k in range(n):
            coefficients[LOSS + k] = coefficients[GATE + k] * decay(s / mem[k])[1]
            coefficients[KEPT + k] = decay(s / tau[k])[0]
            coefficients[GAIN + k] = coefficients[GATE + k] * leaky_gain(s, mem[k], tau[k])
        if tau_inh is not None:
            tau = tau_inh[p, low : low + n]
            for k in range(n):
                coefficients[KEPT_INH + k] = decay(s / tau[k])[0]
                coefficients[GAIN_INH + k] = coefficients[GATE + k] * leaky_gain(s, mem[k], tau[k])
    if coupled is not None:
        for k in range(n):
            coefficients[CHORD + k] = s * inverse_mem[k]


@part
def flag_transitions(transition, end, flag, n):
    """Flag the neurons whose phase ends before `end`."""
    use_wide_registers()
    for k in range(n):
        flag[k] = flag[k] | (transition[k] < end)


@kernel
def run_events(
    first_task, last_task, block, n_neuron, begin, finish,
    input_at, weight_row, parameter_row,
    event_time, event_source, event_pointer, n_input, weight, column, pointer,
    uniform, coupled, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time, spike_mask,
    state_row, old_membrane, old_current, old_third, old_phase, old_transition, old_time,
    keeps, new_membrane, new_current, new_third, new_phase, new_transition, new_time,
    membrane, current, selected, how, sample_time, near, emits, spike_time, spike_neuron, n_spike, status,
    before, after, coefficients, inverse_mem, transition, phase, flag, drive,
):  # fmt: skip
    """Run tasks first_task .. last_task from `begin` to `finish` [s].

    Returns (number of spikes found, also beyond the buffer; all are sorted). Inputs and outputs as in
    ``grid.run_grid``; events are those in [begin, finish). Traces are at `sample_time` [s], after inputs up to `near`
    [s] later. `uniform`: the neurons of a parameter row share one synaptic time constant. State: as at `old_time`
    (state row,), the last instant of input; after the run as at `new_time` (trial,).
    """
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)  # a plain 0 would be typed as a literal and compile every callee twice
    is_sorted = True
    n_recorded = selected.size
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = min(block, n_neuron - low)
        p = parameter_row[trial]
        q = state_row[trial]
        flag[:] = 0
        drive[:] = 0.0
        for k in range(n):
            m = low + k
            before[MEMBRANE + k] = old_membrane[q, m]
            before[CURRENT + k] = old_current[q, m]
            inverse_mem[k] = 1.0 / tau_mem[p, m]
            coefficients[GATE + k] = 1.0
            coefficients[SCALE + k] = tau_syn[p, m] * inverse_mem[k]
            if old_third is not None:
                before[INHIBITORY + k] = old_third[q, m]  # or ASYMPTOTE, the same row
            if leak is not None:
                coefficients[LEAK + k] = leak[p, m]
            if threshold is not None:
                transition[k] = old_transition[q, m]
                phase[k] = old_phase[q, m]
                open_gates(coefficients, 0.0, 0.0, 0.0, k, phase[k], threshold[p, m], SLACK)
        t = old_time[q]
        event = event_pointer[input_at[trial]]
        last_event = event_pointer[input_at[trial] + 1]
        while event < last_event and event_time[event] < begin:
            event += 1
        sample = 0
        n_sample = sample_time.size
        start = n_found
        while True:
            # The next instant: an input, else a sample (after inputs of the same time, within `near`), else the end.
            is_event = event < last_event and event_time[event] < finish
            is_sample = False
            if sample < n_sample:
                is_sample = not is_event or sample_time[sample] + near < event_time[event]
            if is_sample:
                end = max(sample_time[sample], t)
            elif is_event:
                end = event_time[event]
            else:
                end = finish
            fill_coefficients(
                coefficients, end - t, p, low, n, uniform, coupled, leak, tau_mem, tau_syn, tau_inh, inverse_mem
            )
            step_row(before, after, coefficients, drive[:n], drive[BLOCK : BLOCK + n], coupled, tau_inh, leak, threshold,
                     SLACK, flag, n)  # fmt: skip
            if threshold is not None:
                flag_transitions(transition, end, flag, n)
                found_before = n_found
                for first_flag in range(0, n, 64):
                    mask = nonzero_mask(flag, first_flag)
                    while mask != 0:
                        k = first_flag + trailing_zeros(mask)
                        mask = without_lowest(mask)
                        if k >= n:
                            break
                        m = low + k
                        emit_from = math.inf
                        if emits and spike_mask[p, m] and not is_sample:
                            emit_from = begin
                        i = before[CURRENT + k] + drive[k]
                        if coupled is None:
                            scale = coefficients[SCALE + k]
                            v, asymptote, now_phase, ends, n_found = advance_single(
                                t, end, before[MEMBRANE + k], before[ASYMPTOTE + k] + scale * drive[k], i, phase[k],
                                transition[k], threshold[p, m], reset[p, m], tau_syn[p, m], scale,
                                clamp_time[p, m], holdoff_time[p, m],
                                emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                            after[ASYMPTOTE + k] = asymptote
                        if coupled is not None:
                            j = None
                            t_inh = None
                            rest = None
                            if tau_inh is not None:
                                j = before[INHIBITORY + k] + drive[BLOCK + k]
                                t_inh = tau_inh[p, m]
                            if leak is not None:
                                rest = leak[p, m]
                            v, now_phase, ends, n_found, _ = advance(
                                t, end, before[MEMBRANE + k], i, j, phase[k], transition[k],
                                move, crossing, threshold[p, m], reset[p, m], rest, tau_mem[p, m], tau_syn[p, m], t_inh,
                                clamp_time[p, m], holdoff_time[p, m], None, np.int64(0), None,
                                emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                        after[MEMBRANE + k] = v
                        if is_event and not is_sample:
                            transition[k] = ends
                            if now_phase != phase[k]:
                                phase[k] = now_phase
                                open_gates(coefficients, 0.0, 0.0, 0.0, k, now_phase, threshold[p, m], SLACK)
                if status[0] != 0:
                    return n_found, is_sorted
                if n_found > found_before + 1 and n_found <= spike_time.size:
                    is_sorted = sort_spikes(spike_time, spike_neuron, found_before, n_found) and is_sorted
            if is_sample:
                out = (trial * n_sample + sample) * n_recorded
                if membrane.size:
                    record_row(membrane, out, after, np.int64(MEMBRANE), selected, low, n, how)
                if current.size:
                    if tau_inh is not None:
                        record_row(current, 2 * out, after, np.int64(CURRENT), selected, low, n, how)
                        record_row(current, 2 * out + n_recorded, after, np.int64(INHIBITORY), selected, low, n, how)
                    else:
                        record_row(current, out, after, np.int64(CURRENT), selected, low, n, how)
                sample += 1
            elif is_event:
                n_event = 1
                while event + n_event < last_event and event_time[event + n_event] == end:
                    n_event += 1
                gather_events(event_source, event, n_event, n_input, weight, column, pointer, weight_row[trial],
                              n_neuron, low, n, drive, tau_inh)  # fmt: skip
                event += n_event
                t = end
                before, after = after, before
            else:
                break
        n_spike[task] = n_found - start
        for k in range(n):
            m = low + k
            v = before[MEMBRANE + k]
            i = before[CURRENT + k] + drive[k]
            finite = math.isfinite(v) and math.isfinite(i)
            if tau_inh is not None:
                finite = finite and math.isfinite(before[INHIBITORY + k] + drive[BLOCK + k])
            if not finite and status[0] == 0:
                status[0], status[1], status[2] = NOT_FINITE, trial, m
            if keeps:
                new_membrane[trial, m] = v
                new_current[trial, m] = i
                if new_third is not None:
                    third = before[INHIBITORY + k]
                    if tau_inh is not None:
                        third = third + drive[BLOCK + k]
                    else:
                        third = third + coefficients[SCALE + k] * drive[k]
                    new_third[trial, m] = third
                if threshold is not None:
                    new_phase[trial, m] = phase[k]
                    new_transition[trial, m] = transition[k]
        if keeps and low == 0:
            new_time[trial] = t
    return n_found, is_sorted
