"""Exact membranes with inputs at arbitrary times, on a GPU: one thread for each trial and neuron; see ``events``."""

from __future__ import annotations

import functools
import math

import numpy as np

from . import events
from .codes import FREE, NOT_FINITE
from .cuda import ROWS, Kernel, cuda, on_device
from .cuda_exact import MOST_AT_ONCE, advancer, open_gates, step_row
from .cuda_gather import adders
from .cuda_spikes import DENSE, NOTHING, clear_bins, report_fault
from .exact import SLACK
from .exact_rows import N_COEFFICIENT_ROW, N_STATE_ROW

MEMBRANE, CURRENT, THIRD = ROWS["MEMBRANE"], ROWS["CURRENT"], ROWS["INHIBITORY"]
LEAK, SCALE, GATE = ROWS["LEAK"], ROWS["SCALE"], ROWS["GATE"]

fill_coefficients = on_device(events.fill_coefficients)


@functools.cache
def events_kernel(sparse, pair, leaks, fires):
    """Return the kernel for dense or `sparse` weights and what the population has (True or None)."""
    _, add_events = adders(np.float64, sparse, pair, None)
    advance_neuron = advancer(leaks, pair)
    coupled = True if leaks is not None or pair is not None else None

    def run_events(
        n_task, n_neuron, n_row, begin, finish, start_step, dt, input_at, weight_row, parameter_row, state_row,
        event_time, event_source, event_pointer, n_input, weight, column, pointer, uniform,
        threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time, spike_mask,
        old_membrane, old_current, old_third, old_phase, old_transition, old_time, sample_time, n_sample, near,
        keeps, new_membrane, new_current, new_third, new_phase, new_transition, new_time,
        column_of, n_recorded, records_membrane, records_current, membrane, current, spikes,
        what, spike_time, spike_task, n_spike, count, first, report,
    ):  # fmt: skip
        """Run the tasks 0 .. n_task (trial, neuron) of a chunk; arguments as in ``events.run_events`` and ``cuda_spikes``."""
        task = cuda.grid(1)
        if task >= n_task:
            return
        trial = task // n_neuron
        n = task - trial * n_neuron
        p, q = parameter_row[trial], state_row[trial]
        base = weight_row[trial] * n_input
        out_column = column_of[n]
        before = cuda.local.array(N_STATE_ROW, np.float64)
        after = cuda.local.array(N_STATE_ROW, np.float64)
        coefficients = cuda.local.array(N_COEFFICIENT_ROW, np.float64)
        jump = cuda.local.array(1, np.float64)
        jump_inh = cuda.local.array(1, np.float64)
        inverse_mem = cuda.local.array(1, np.float64)
        flag = cuda.local.array(1, np.uint8)
        times = cuda.local.array(MOST_AT_ONCE, np.float64)
        tasks = cuda.local.array(MOST_AT_ONCE, np.int64)
        status = cuda.local.array(3, np.int64)
        status[0] = 0
        flag[0] = 0
        jump[0] = 0.0
        jump_inh[0] = 0.0
        mem, syn = tau_mem[p, n], tau_syn[p, n]
        inverse_mem[0] = 1.0 / mem
        coefficients[GATE] = 1.0
        scale = syn * inverse_mem[0]
        coefficients[SCALE] = scale
        before[MEMBRANE] = old_membrane[q, n]
        before[CURRENT] = old_current[q, n]
        before[THIRD] = 0.0
        rest, t_inh = 0.0, 0.0
        all_leak = None
        all_inh = None
        if coupled is None:
            before[THIRD] = old_third[q, n]
        if pair is not None:
            before[THIRD] = old_third[q, n]
            t_inh = tau_inh[p, n]
            all_inh = tau_inh
        if leaks is not None:
            rest = leak[p, n]
            coefficients[LEAK] = rest
            all_leak = leak
        emit_from = math.inf
        top, bottom, clamp, holdoff = 0.0, 0.0, 0.0, 0.0
        phase = np.int64(FREE)
        transition = math.inf
        if fires is not None:
            top, bottom = threshold[p, n], reset[p, n]
            clamp, holdoff = clamp_time[p, n], holdoff_time[p, n]
            transition = old_transition[q, n]
            phase = np.int64(old_phase[q, n])
            open_gates(coefficients, 0.0, 0.0, 0.0, 0, phase, top, SLACK)
            if spike_mask[p, n] != 0 and what != NOTHING and (what != DENSE or out_column >= 0):
                emit_from = begin
        bin_at = trial * n_row * n_recorded + out_column
        if what == DENSE and out_column >= 0:
            clear_bins(spikes, bin_at, n_row, n_recorded)
        t = old_time[q]
        event = event_pointer[input_at[trial]]
        last_event = event_pointer[input_at[trial] + 1]
        while event < last_event and event_time[event] < begin:
            event += 1
        sample = np.int64(0)
        while True:
            # The next instant: an input, else a sample (after inputs of the same time, within `near`), else the end.
            is_event = event < last_event and event_time[event] < finish
            is_sample = False
            if sample < n_sample:
                is_sample = not is_event or sample_time[sample] + near < event_time[event]
            end = finish
            if is_sample:
                end = max(sample_time[sample], t)
            elif is_event:
                end = event_time[event]
            fill_coefficients(
                coefficients, end - t, p, n, 1, uniform, coupled, all_leak, tau_mem, tau_syn, all_inh, inverse_mem
            )
            step_row(before, after, coefficients, jump, jump_inh, coupled, pair, leaks, fires, SLACK, flag, 1)
            if fires is not None:
                if flag[0] != 0 or transition < end:
                    emits_from = emit_from
                    if is_sample:
                        emits_from = math.inf
                    third = before[THIRD] + jump_inh[0]
                    if coupled is None:
                        third = before[THIRD] + scale * jump[0]
                    v, asymptote, now_phase, ends = advance_neuron(
                        t, end, before[MEMBRANE], before[CURRENT] + jump[0], third, phase, transition, top, bottom, rest, mem,
                        syn, t_inh, scale, clamp, holdoff, emits_from, trial, task, times, tasks, status,
                        what, spike_time, spike_task, n_spike, count, first,
                        spikes, bin_at, n_row, n_recorded, begin, start_step, dt)  # fmt: skip
                    if status[0] != 0:
                        report_fault(report, status[0], task)
                        return
                    if coupled is None:
                        after[THIRD] = asymptote
                    after[MEMBRANE] = v
                    if is_event and not is_sample:
                        transition = ends
                        if now_phase != phase:
                            phase = now_phase
                            open_gates(coefficients, 0.0, 0.0, 0.0, 0, phase, top, SLACK)
            if is_sample:
                if out_column >= 0:
                    out = (trial * n_sample + sample) * n_recorded + out_column
                    if records_membrane:
                        membrane[out] = after[MEMBRANE]
                    if records_current:
                        if pair is not None:
                            current[2 * out - out_column] = after[CURRENT]
                            current[2 * out - out_column + n_recorded] = after[THIRD]
                        if pair is None:
                            current[out] = after[CURRENT]
                sample += 1
            elif is_event:
                last = event + 1
                while last < last_event and event_time[last] == end:
                    last += 1
                x, x_inh = add_events(event_source, event, last, base, n_neuron, n, weight, column, pointer)
                jump[0] = x
                jump_inh[0] = x_inh
                event = last
                t = end
                before[MEMBRANE] = after[MEMBRANE]
                before[CURRENT] = after[CURRENT]
                if coupled is None:
                    before[THIRD] = after[THIRD]
                if pair is not None:
                    before[THIRD] = after[THIRD]
            else:
                break
        i = before[CURRENT] + jump[0]
        third = before[THIRD] + jump_inh[0]
        if coupled is None:
            third = before[THIRD] + scale * jump[0]
        finite = math.isfinite(before[MEMBRANE]) and math.isfinite(i)
        if pair is not None:
            finite = finite and math.isfinite(third)
        if not finite:
            report_fault(report, NOT_FINITE, task)
        if keeps:
            new_membrane[trial, n] = before[MEMBRANE]
            new_current[trial, n] = i
            if coupled is None:
                new_third[trial, n] = third
            if pair is not None:
                new_third[trial, n] = third
            if fires is not None:
                new_phase[trial, n] = phase
                new_transition[trial, n] = transition
            if n == 0:
                new_time[trial] = t

    return Kernel(run_events)
