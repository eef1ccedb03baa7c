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
    NOW,
    NOW_EXC,
    NOW_INH,
    PER_EXC,
    PER_INH,
    bounded,
    fill_circuits,
    fill_interval,
    fill_steps,
    open_gates,
    sample_circuits,
    step_circuits,
)
from .circuit_input import DRIVE_ROW, TILE, gather_tile
from .circuit_line import settle
from .codes import BLOCK, FREE, NOT_FINITE
from .exact import advance, pulled, sort_spikes
from .gather import gather_events
from .jit import kernel, part
from .noise import THRESHOLD, normal_row
from .vector import nonzero_mask, trailing_zeros, without_lowest

MOST_SPENT = 16  # circuits that wait for the level after their next spike: as many are drawn together
SNAP = 1e-6  # a last bin whose length differs by less, relative, is a whole one


@part
def draw_levels(level, threshold, noise, p, low, n, number, circuit, batch, run, seed):
    """Fill the thresholds of spikes `number` of a row of circuits, as ``exact.noisy_threshold`` draws them."""
    if noise > 0.0:
        normal_row(level[:n], number, circuit[low : low + n], np.int64(THRESHOLD), batch, run, seed)
    for k in range(n):
        level[k] = threshold[p, low + k] + noise * level[k] if noise > 0.0 else threshold[p, low + k]


@part
def draw_spent(spent, following, followed, number, threshold, noise, low, circuit, batch, run, seed, index, who, drawn):
    """Draw the levels after the next spike of circuits in the list `spent`, and empty it; `index`, `who`, `drawn` are scratch."""
    n = spent[0]
    for q in range(n):
        k = spent[1 + q]
        index[q] = number[k] + 1
        who[q] = circuit[low + k]
    if noise > 0.0:
        normal_row(drawn[:n], index[:n], who[:n], np.int64(THRESHOLD), batch, run, seed)
    for q in range(n):
        k = spent[1 + q]
        following[k] = threshold[low + k] + noise * drawn[q] if noise > 0.0 else threshold[low + k]
        followed[k] = index[q]
    spent[0] = 0


@kernel
def run_circuits(
    first_task, last_task, block, n_neuron, n_step, start_step, dt, begin, finish,
    input_at, weight_row, circuit_row, gain,
    spikes_in, time_stride, event_time, event_source, event_pointer, n_input, packed, weight_exc, weight_inh,
    moving, crossing, leaks, threshold, reset, rest, tau_mem, tau_exc, tau_inh, step_exc, step_inh,
    clamp_time, holdoff_time, spike_mask,
    limits, tau_reset, noise, circuit, batch, run, seed,
    old_membrane, old_current, old_inhibitory, old_phase, old_transition, old_number,
    keeps, new_membrane, new_current, new_inhibitory, new_phase, new_transition, new_number,
    sample_time, samples, sampled_from, emits, spike_time, spike_neuron, n_spike, status,
    state, coefficients, transition, phase, number, level, following, followed, spent, drawn, flag, flagged, line,
    index, grade, count, order, lists, bins, words, drive,
):  # fmt: skip
    """Run tasks first_task .. last_task; return (number of spikes found, also beyond the buffer; all are sorted).

    Task k is block k % n_block of trial k // n_block. Dense input (`spikes_in` not None) has the bins start_step ..
    start_step + n_step of dt [s]; of sparse input the spikes in [begin, finish) count. Weights are flat (weight row, input,
    neuron), parameters (circuit row, neuron); `gain` (trial, neuron) multiplies both steps. `moving` and `crossing`
    go to ``exact.advance``; `leaks` and `rest` are those of ``circuit``. `limits`: lower and upper bound [LSB], inverse ranges of
    inhibition and excitation [1/LSB]. `noise` is the spread of the threshold [LSB]. The old state is (trial, neuron) at
    `begin`, the new one at `finish`; `sample_time` (trial, sample) [s], `samples` flat (trial from
    `sampled_from` on, sample, neuron).
    """
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)  # a plain 0 would be typed as a literal and compile every callee twice
    is_sorted = True
    n_sample = sample_time.shape[1]
    lower, upper, per_inhibition, per_excitation = limits
    filled_row, filled_low = np.int64(-1), np.int64(-1)  # circuits that the coefficients are filled for
    fastest, pull = 0.0, 0.0
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = min(block, n_neuron - low)
        p = circuit_row[trial]
        drive[:DRIVE_ROW] = 0
        flag[:] = 0
        for k in range(n):
            m = low + k
            state[MEMBRANE + k] = old_membrane[trial, m]
            state[CURRENT + k] = old_current[trial, m]
            state[INHIBITORY + k] = old_inhibitory[trial, m]
            phase[k] = old_phase[trial, m]
            transition[k] = old_transition[trial, m]
            number[k] = old_number[trial, m]
            followed[k] = number[k] + 1
        draw_levels(level, threshold, noise, p, low, n, number, circuit, batch[trial], run[trial], seed[trial])
        draw_levels(following, threshold, noise, p, low, n, followed, circuit, batch[trial], run[trial], seed[trial])
        spent[0, 0] = 0
        origin = (trial - sampled_from) * n_sample * n_neuron + low  # of the samples of this task
        if p != filled_row or low != filled_low:
            fastest = fill_circuits(coefficients, p, low, n, leaks, tau_mem, tau_exc, tau_inh)
            if spikes_in is not None:
                pull = fill_interval(coefficients, dt, n, leaks, tau_reset)
            filled_row, filled_low = p, low
        fill_steps(coefficients, p, low, n, leaks, tau_mem, tau_exc, tau_inh, step_exc, step_inh, gain, trial)
        for k in range(n):
            m = low + k
            open_gates(coefficients, k, phase[k], level[k], reset[p, m], rest[p, m], leaks, pull)

        t = begin
        step = start_step
        event = np.int64(0)
        last_event = np.int64(0)
        if event_time is not None:
            event = event_pointer[input_at[trial]]
            last_event = event_pointer[input_at[trial] + 1]
            while event < last_event and event_time[event] < begin:
                event += 1
        sample = np.int64(0)
        start = n_found
        row = np.int64(0)  # of the bins of a tile
        is_last = False
        while not is_last:
            if spikes_in is not None:
                row = (step - start_step) % TILE
                if row == 0:
                    at = input_at[trial] + (step - start_step) * time_stride
                    gather_tile(spikes_in, at, time_stride, min(TILE, start_step + n_step - step), n_input, packed,
                                weight_row[trial], n_neuron, low, n, index, grade, count, order, lists, bins, words,
                                drive)  # fmt: skip
                step += 1
                is_last = step == start_step + n_step
                end = finish if is_last else step * dt
                if is_last and abs(end - t - dt) > SNAP * dt:  # the run ends within a bin
                    pull = fill_interval(coefficients, end - t, n, leaks, tau_reset)
                    filled_row = np.int64(-1)
            if event_time is not None:
                is_last = not (event < last_event and event_time[event] < finish)
                end = finish if is_last else event_time[event]
                pull = fill_interval(coefficients, end - t, n, leaks, tau_reset)
            step_circuits(state, coefficients, drive, row * DRIVE_ROW, transition, end - t, end,
                          lower, upper, per_inhibition, per_excitation, leaks, flag, n)  # fmt: skip

            first_sample = sample
            while sample < n_sample and (is_last or sample_time[trial, sample] < end):
                sample_circuits(
                    samples, origin + sample * n_neuron, state, coefficients,
                    sample_time[trial, sample] - t, lower, upper, leaks, tau_reset, fastest, n)  # fmt: skip
                sample += 1

            found_before = n_found
            n_flagged = np.int64(0)
            for first_flag in range(0, n, 64):
                mask = nonzero_mask(flag, first_flag)
                while mask != 0:
                    flagged[n_flagged] = first_flag + trailing_zeros(mask)
                    mask = without_lowest(mask)
                    n_flagged += 1
            if leaks is None:
                if n_flagged > 0:
                    n_found, n_flagged = settle(
                        line, flagged, n_flagged, t, end, low, trial,
                        state, coefficients, transition, phase, number, level, following, followed, spent[0],
                        threshold[p], reset[p], rest[p], clamp_time[p], holdoff_time[p], tau_reset, noise, circuit, batch, run,
                        seed, pull, emits, spike_mask[p], spike_time, spike_neuron, n_found, sample_time, first_sample, sample,
                        samples, origin, lower, upper)  # fmt: skip
                    if spent[0, 0] >= MOST_SPENT:
                        draw_spent(spent[0], following, followed, number, threshold[p], noise, low, circuit, batch[trial],
                                   run[trial], seed[trial], spent[1], spent[2], drawn)  # fmt: skip
            for r in range(n_flagged):
                k = flagged[r]
                m = low + k
                v, i, j = state[NOW + k], state[NOW_EXC + k], state[NOW_INH + k]
                own = (level[k], noise, circuit[m], batch[trial], run[trial], seed[trial])
                # as the functions of ``circuit_law`` take them
                exc, inh = coefficients[PER_EXC + k], coefficients[PER_INH + k]
                if leaks is not None:
                    exc, inh = tau_exc[p, m], tau_inh[p, m]
                was, was_until, fired = phase[k], transition[k], number[k]
                first_spike = math.inf
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
                        if when <= first_spike:  # the row holds what is right
                            continue
                        if was == FREE and when <= first_spike + clamp_time[p, m]:  # clamped since the first spike
                            seen = pulled(threshold[p, m], reset[p, m], when - first_spike, tau_reset)
                            samples[origin + q * n_neuron + k] = bounded(seen, lower, upper)
                            continue
                    new, now_phase, ends, found, (now_number, now_level, spike) = advance(
                        t, when, v, i, j, was, was_until,
                        moving, crossing, threshold[p, m], reset[p, m], rest[p, m], tau_mem[p, m], exc, inh,
                        clamp_time[p, m], holdoff_time[p, m], tau_reset, fired, own,
                        emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                    if not commits:
                        samples[origin + q * n_neuron + k] = bounded(new, lower, upper)
                        continue
                    n_found = found
                    first_spike = min(spike, was_until)
                    state[MEMBRANE + k] = new
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
            v = state[MEMBRANE + k]
            i = state[CURRENT + k]
            j = state[INHIBITORY + k]
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
