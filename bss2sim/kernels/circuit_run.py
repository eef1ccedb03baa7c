"""Run the circuits of the emulated chip: inputs on a grid or at arbitrary times, samples at times of each trial.

An instant of input is the start of a bin of the grid, an input spike, or the start of the run. What happens between two of them
does not depend on samples: those look at a copy.
"""

from __future__ import annotations

import math

import numpy as np

from .circuit import (
    CURRENT,
    INHIBITORY,
    MEMBRANE,
    PER_EXC,
    PER_INH,
    STEP,
    STEP_INH,
    bounded,
    fill_interval,
    fill_trial,
    inject,
    open_gates,
    sample_circuits,
    step_circuits,
)
from .codes import BLOCK, FREE, NOT_FINITE
from .exact import advance, noisy_threshold, pulled, sort_spikes
from .gather import add_graded_row, add_rows, gather_events, is_plain, list_spikes
from .jit import kernel
from .vector import nonzero_mask, trailing_zeros, without_lowest

SNAP = 1e-6  # a last bin whose length differs by less, relative, is a whole one


@kernel
def gather_counts(spikes, offset, n_input, weight_exc, weight_inh, row, n_neuron, low, n, index, drive):
    """Sum the weights of the spikes of a bin, excitatory ones to drive[:n] and inhibitory ones to drive[BLOCK : BLOCK + n]."""
    drive[:n] = 0
    drive[BLOCK : BLOCK + n] = 0
    n_spike = list_spikes(spikes, offset, n_input, index)
    origin = row * n_input * n_neuron + low
    if is_plain(spikes, offset, n_input):
        add_rows(index, np.int64(0), n_spike, weight_exc, origin, n_neuron, n, drive)
        add_rows(index, np.int64(0), n_spike, weight_inh, origin, n_neuron, n, drive[BLOCK:])
    else:
        for k in range(n_spike):
            count = drive.dtype.type(spikes[offset + index[k]])
            at = origin + index[k] * n_neuron
            add_graded_row(count, weight_exc, at, n, drive, None)
            add_graded_row(count, weight_inh, at, n, drive[BLOCK:], None)


@kernel
def run_circuits(
    first_task, last_task, block, n_neuron, n_step, start_step, dt, begin, finish,
    input_at, weight_row, circuit_row, gain,
    spikes_in, time_stride, event_time, event_source, event_pointer, n_input, weight_exc, weight_inh,
    moving, crossing, leaks, threshold, reset, rest, tau_mem, tau_exc, tau_inh, step_exc, step_inh,
    clamp_time, holdoff_time, spike_mask,
    limits, tau_reset, noise, circuit, batch, run, seed,
    old_membrane, old_current, old_inhibitory, old_phase, old_transition, old_number,
    keeps, new_membrane, new_current, new_inhibitory, new_phase, new_transition, new_number,
    sample_time, samples, emits, spike_time, spike_neuron, n_spike, status,
    before, after, coefficients, transition, phase, number, level, flag, index, drive,
):  # fmt: skip
    """Run tasks first_task .. last_task; return (number of spikes found, also beyond the buffer; all are sorted).

    Task k is block k % n_block of trial k // n_block. Dense input (`spikes_in` not None) has the bins start_step ..
    start_step + n_step of dt [s]; of sparse input the spikes in [begin, finish) count. Weights are flat (weight row, input,
    neuron), parameters (circuit row, neuron); `gain` (trial, neuron) multiplies both steps. `moving` and `crossing`
    go to ``exact.advance``; `leaks` and `rest` are those of ``circuit``. `limits`: lower and upper bound [LSB], inverse ranges of
    inhibition and excitation [1/LSB]. `noise` is the spread of the threshold [LSB]. The old state is (trial, neuron) at
    `begin`, the new one at `finish`; `sample_time` (trial, sample) [s], `samples` flat (trial, sample, neuron).
    """
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)  # a plain 0 would be typed as a literal and compile every callee twice
    is_sorted = True
    n_sample = sample_time.shape[1]
    lower, upper, per_inhibition, per_excitation = limits
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = min(block, n_neuron - low)
        p = circuit_row[trial]
        coefficients[:] = 0.0
        drive[:] = 0
        flag[:] = 0
        for k in range(n):
            m = low + k
            before[MEMBRANE + k] = old_membrane[trial, m]
            before[CURRENT + k] = old_current[trial, m]
            before[INHIBITORY + k] = old_inhibitory[trial, m]
            phase[k] = old_phase[trial, m]
            transition[k] = old_transition[trial, m]
            number[k] = old_number[trial, m]
            level[k] = threshold[p, m]
            if noise > 0.0:
                own = (level[k], noise, circuit[m], batch[trial], run[trial], seed[trial])
                level[k] = noisy_threshold(threshold[p, m], number[k], own)
        fastest = fill_trial(coefficients, p, low, n, leaks, tau_mem, tau_exc, tau_inh, step_exc, step_inh, gain, trial)
        for k in range(n):
            m = low + k
            open_gates(coefficients, k, phase[k], level[k], reset[p, m], rest[p, m], leaks, 0.0)
        pull = 0.0
        if spikes_in is not None:
            pull = fill_interval(coefficients, dt, n, leaks, tau_reset)

        t = begin
        step = start_step
        event = np.int64(0)
        last_event = np.int64(0)
        if event_time is not None:
            event = event_pointer[input_at[trial]]
            last_event = event_pointer[input_at[trial] + 1]
            while event < last_event and event_time[event] < begin:
                event += 1
        sample = 0
        start = n_found
        is_last = False
        while not is_last:
            if spikes_in is not None:
                at = input_at[trial] + (step - start_step) * time_stride
                gather_counts(
                    spikes_in, at, n_input, weight_exc, weight_inh, weight_row[trial], n_neuron, low, n, index, drive
                )
                step += 1
                is_last = step == start_step + n_step
                end = finish if is_last else step * dt
                if is_last and abs(end - t - dt) > SNAP * dt:  # the run ends within a bin
                    fill_interval(coefficients, end - t, n, leaks, tau_reset)
            if event_time is not None:
                is_last = not (event < last_event and event_time[event] < finish)
                end = finish if is_last else event_time[event]
                fill_interval(coefficients, end - t, n, leaks, tau_reset)
            step_circuits(before, after, coefficients, drive, transition, end - t, end,
                          lower, upper, per_inhibition, per_excitation, leaks, flag, n)  # fmt: skip

            first_sample = sample
            while sample < n_sample and (is_last or sample_time[trial, sample] < end):
                sample_circuits(
                    samples, (trial * n_sample + sample) * n_neuron + low, before, coefficients, drive,
                    sample_time[trial, sample] - t, lower, upper, per_inhibition, per_excitation, leaks, tau_reset,
                    fastest, n)  # fmt: skip
                sample += 1

            found_before = n_found
            for first_flag in range(0, n, 64):
                mask = nonzero_mask(flag, first_flag)
                while mask != 0:
                    k = first_flag + trailing_zeros(mask)
                    mask = without_lowest(mask)
                    if k >= n:
                        break
                    m = low + k
                    v, i, j = inject(
                        before[MEMBRANE + k], before[CURRENT + k], before[INHIBITORY + k], drive[k], drive[BLOCK + k],
                        coefficients[STEP + k], coefficients[STEP_INH + k], lower, upper, per_inhibition,
                        per_excitation)  # fmt: skip
                    own = (level[k], noise, circuit[m], batch[trial], run[trial], seed[trial])
                    # as the functions of ``circuit_law`` take them
                    exc, inh = coefficients[PER_EXC + k], coefficients[PER_INH + k]
                    if leaks is not None:
                        exc, inh = tau_exc[p, m], tau_inh[p, m]
                    was, was_until, fired = phase[k], transition[k], number[k]
                    first = math.inf
                    # The interval first, then copies up to the samples; one call, as it is compiled into this function.
                    for q in range(first_sample - 1, sample):
                        commits = q < first_sample
                        emit_from = math.inf
                        when = end
                        if commits:
                            if emits and spike_mask[p, m]:
                                emit_from = -math.inf
                        else:
                            when = sample_time[trial, q]
                            if when <= first:  # the row holds what is right
                                continue
                            if was == FREE and when <= first + clamp_time[p, m]:  # clamped since the first spike
                                seen = pulled(threshold[p, m], reset[p, m], when - first, tau_reset)
                                samples[(trial * n_sample + q) * n_neuron + m] = bounded(seen, lower, upper)
                                continue
                        new, now_phase, ends, found, (now_number, now_level, spike) = advance(
                            t, when, v, i, j, was, was_until,
                            moving, crossing, threshold[p, m], reset[p, m], rest[p, m], tau_mem[p, m], exc, inh,
                            clamp_time[p, m], holdoff_time[p, m], tau_reset, fired, own,
                            emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                        if not commits:
                            samples[(trial * n_sample + q) * n_neuron + m] = bounded(new, lower, upper)
                            continue
                        n_found = found
                        first = min(spike, was_until)
                        after[MEMBRANE + k] = new
                        transition[k] = ends
                        if now_phase != was or now_number != fired:
                            phase[k] = now_phase
                            number[k] = now_number
                            level[k] = now_level
                            open_gates(coefficients, k, now_phase, now_level, reset[p, m], rest[p, m], leaks, pull)
            if status[0] != 0:
                return n_found, is_sorted
            if n_found > found_before + 1 and n_found <= spike_time.size:
                is_sorted = sort_spikes(spike_time, spike_neuron, found_before, n_found) and is_sorted
            before, after = after, before
            t = end
            if event_time is not None:
                if not is_last:
                    n_event = 1
                    while event + n_event < last_event and event_time[event + n_event] == end:
                        n_event += 1
                    gather_events(event_source, event, n_event, n_input, weight_exc, None, None, weight_row[trial],
                                  n_neuron, low, n, drive, None)  # fmt: skip
                    gather_events(event_source, event, n_event, n_input, weight_inh, None, None, weight_row[trial],
                                  n_neuron, low, n, drive[BLOCK:], None)  # fmt: skip
                    event += n_event
        n_spike[task] = n_found - start
        for k in range(n):
            m = low + k
            v = before[MEMBRANE + k]
            i = before[CURRENT + k]
            j = before[INHIBITORY + k]
            if not (math.isfinite(v) and math.isfinite(i) and math.isfinite(j)) and status[0] == 0:
                status[0], status[1], status[2] = NOT_FINITE, trial, m
            if keeps:
                new_membrane[trial, m] = v
                new_current[trial, m] = i
                new_inhibitory[trial, m] = j
                new_phase[trial, m] = phase[k]
                new_transition[trial, m] = transition[k]
                new_number[trial, m] = number[k]
    return n_found, is_sorted
