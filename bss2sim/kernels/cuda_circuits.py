"""Circuits of the emulated chip on a GPU: one thread for each trial and circuit; see ``circuit_run``.

The functions of ``circuit`` and ``circuit_line`` are compiled for a row of one circuit. What becomes of a circuit depends
neither on those beside it in a row nor on how spikes are noted, so the bits are those of the processor.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from . import circuit as rows
from . import circuit_law, circuit_line, exact
from .circuit_run import SNAP
from .codes import FREE, NOT_FINITE
from .cuda import CIRCUIT_ROWS, Kernel, cuda, on_device
from .cuda_exact import MOST_AT_ONCE
from .cuda_spikes import SPARSE, report_fault

MEMBRANE, CURRENT, INHIBITORY = (CIRCUIT_ROWS[name] for name in ("MEMBRANE", "CURRENT", "INHIBITORY"))
NOW, NOW_EXC, NOW_INH = (CIRCUIT_ROWS[name] for name in ("NOW", "NOW_EXC", "NOW_INH"))
PER_EXC, PER_INH = CIRCUIT_ROWS["PER_EXC"], CIRCUIT_ROWS["PER_INH"]
N_STATE_ROW, N_COEFFICIENT_ROW, N_LINE_ROW = rows.N_STATE_ROW, rows.N_COEFFICIENT_ROW, circuit_line.N_LINE_ROW

fill_circuits, fill_steps = on_device(rows.fill_circuits), on_device(rows.fill_steps)
fill_interval, open_gates = on_device(rows.fill_interval), on_device(rows.open_gates)
step_circuits, sample_circuits, bounded = (
    on_device(rows.step_circuits),
    on_device(rows.sample_circuits),
    on_device(rows.bounded),
)
settle, advance = on_device(circuit_line.settle), on_device(exact.advance)
pulled, noisy_threshold = on_device(exact.pulled), on_device(exact.noisy_threshold)


@functools.cache
def circuits_kernel(dense, leaks):
    """Return the kernel for `dense` spikes or events, with or without `leaks` (True or None)."""
    moving = on_device(circuit_law.move_drift if leaks is None else circuit_law.move_leak)
    crossing = on_device(circuit_law.cross_drift if leaks is None else circuit_law.cross_leak)
    f = np.float32

    def run_circuits(
        n_task, n_neuron, n_step, start_step, dt, begin, finish, first_trial, input_at, weight_row, circuit_row, gain,
        spikes_in, time_stride, event_time, event_source, event_pointer, n_input, weight_exc, weight_inh,
        threshold, reset, rest, tau_mem, tau_exc, tau_inh, step_exc, step_inh, clamp_time, holdoff_time, spike_mask,
        lower, upper, per_inhibition, per_excitation, tau_reset, noise, circuit, batch, run, seed,
        old_membrane, old_current, old_inhibitory, old_phase, old_transition, old_number,
        keeps, new_membrane, new_current, new_inhibitory, new_phase, new_transition, new_number,
        sample_time, n_sample, samples, what, spike_time, spike_task, n_spike, count, first, report,
    ):  # fmt: skip
        """Run the tasks 0 .. n_task (trial, circuit) of a chunk; arguments as in ``circuit_run`` and ``cuda_spikes``.

        Trials of the chunk are those from `first_trial` on of arrays that have all.
        """
        task = cuda.grid(1)
        if task >= n_task:
            return
        here = task // n_neuron
        m = task - here * n_neuron
        trial = first_trial + here
        p = circuit_row[here]
        base = weight_row[here] * n_input
        emits = what == SPARSE and spike_mask[p, m] != 0
        state = cuda.local.array(N_STATE_ROW, np.float64)
        coefficients = cuda.local.array(N_COEFFICIENT_ROW, np.float64)
        line = cuda.local.array(N_LINE_ROW, np.float64)
        transition = cuda.local.array(1, np.float64)
        phase = cuda.local.array(1, np.int64)
        number = cuda.local.array(1, np.int64)
        followed = cuda.local.array(1, np.int64)
        level = cuda.local.array(1, np.float64)
        following = cuda.local.array(1, np.float64)
        spent = cuda.local.array(1, np.int64)  # no room for a list: levels after the next spike are drawn when it comes
        flag = cuda.local.array(1, np.uint8)
        flagged = cuda.local.array(1, np.int64)
        drive = cuda.local.array(2, np.float32)
        times = cuda.local.array(MOST_AT_ONCE, np.float64)
        tasks = cuda.local.array(MOST_AT_ONCE, np.int64)
        status = cuda.local.array(3, np.int64)
        state[MEMBRANE] = old_membrane[trial, m]
        state[CURRENT] = old_current[trial, m]
        state[INHIBITORY] = old_inhibitory[trial, m]
        transition[0] = old_transition[trial, m]
        phase[0] = old_phase[trial, m]
        number[0] = old_number[trial, m]
        followed[0] = number[0] + 1
        status[0] = 0
        spent[0] = 0
        flag[0] = 0
        drive[0] = f(0)
        drive[1] = f(0)
        own = (0.0, noise, circuit[m], batch[trial], run[trial], seed[trial])
        level[0] = noisy_threshold(threshold[p, m], number[0], own)
        following[0] = noisy_threshold(threshold[p, m], followed[0], own)
        fastest = fill_circuits(coefficients, p, m, 1, leaks, tau_mem, tau_exc, tau_inh)
        pull = 0.0
        if dense is not None:
            pull = fill_interval(coefficients, dt, 1, leaks, tau_reset)
        fill_steps(coefficients, p, m, 1, leaks, tau_mem, tau_exc, tau_inh, step_exc, step_inh, gain, trial)
        open_gates(coefficients, 0, phase[0], level[0], reset[p, m], rest[p, m], leaks, pull)
        exc, inh = coefficients[PER_EXC], coefficients[PER_INH]  # as the functions of ``circuit_law`` take them
        if leaks is not None:
            exc, inh = tau_exc[p, m], tau_inh[p, m]

        t = begin
        step = start_step
        end = finish
        event = np.int64(0)
        last_event = np.int64(0)
        if dense is None:
            event = event_pointer[input_at[here]]
            last_event = event_pointer[input_at[here] + 1]
            while event < last_event and event_time[event] < begin:
                event += 1
        sample = np.int64(0)
        origin = here * n_sample * n_neuron + m
        is_last = False
        while not is_last:
            if dense is not None:
                at = input_at[here] + (step - start_step) * time_stride
                up, down = f(0), f(0)
                for k in range(n_input):
                    grade = spikes_in[at + k]
                    if grade != 0:
                        up = up + f(grade) * weight_exc[(base + k) * n_neuron + m]
                        down = down + f(grade) * weight_inh[(base + k) * n_neuron + m]
                drive[0] = up
                drive[1] = down
                step += 1
                is_last = step == start_step + n_step
                end = finish if is_last else step * dt
                if is_last and abs(end - t - dt) > SNAP * dt:  # the run ends within a bin
                    pull = fill_interval(coefficients, end - t, 1, leaks, tau_reset)
            if dense is None:
                is_last = not (event < last_event and event_time[event] < finish)
                end = finish if is_last else event_time[event]
                pull = fill_interval(coefficients, end - t, 1, leaks, tau_reset)
            step_circuits(state, coefficients, drive, 0, transition, end - t, end,
                          lower, upper, per_inhibition, per_excitation, leaks, flag, 1)  # fmt: skip

            first_sample = sample
            while sample < n_sample and (is_last or sample_time[trial, sample] < end):
                sample_circuits(samples, origin + sample * n_neuron, state, coefficients, sample_time[trial, sample] - t,
                                lower, upper, leaks, tau_reset, fastest, 1)  # fmt: skip
                sample += 1

            if flag[0] != 0:
                n_other = np.int64(1)
                found = np.int64(0)
                flagged[0] = 0
                if leaks is None:
                    found, n_other = settle(
                        line, flagged, n_other, t, end, m, trial,
                        state, coefficients, transition, phase, number, level, following, followed, spent,
                        threshold[p], reset[p], rest[p], clamp_time[p], holdoff_time[p], tau_reset, noise, circuit, batch, run,
                        seed, pull, emits, spike_mask[p], times, tasks, found, sample_time, first_sample, sample, samples, origin,
                        lower, upper)  # fmt: skip
                    if found > 0:
                        place = cuda.atomic.add(n_spike, 0, found)
                        if place < spike_time.size:
                            spike_time[place] = times[0]
                            spike_task[place] = task
                if n_other > 0:
                    v, i, j = state[NOW], state[NOW_EXC], state[NOW_INH]
                    own = (level[0], noise, circuit[m], batch[trial], run[trial], seed[trial])
                    was, was_until, fired = phase[0], transition[0], number[0]
                    first_spike = math.inf
                    to_time, to_task, place = times, tasks, np.int64(0)
                    noted = False
                    q = first_sample - 1
                    # The interval first, twice if it has many spikes, then copies up to the samples.
                    while q < sample:
                        commits = q < first_sample
                        emit_from = math.inf
                        when = end
                        if commits:
                            if emits:
                                emit_from = -math.inf
                        else:
                            when = sample_time[trial, q]
                            if when <= first_spike:
                                q += 1
                                continue
                            if was == FREE and when <= first_spike + clamp_time[p, m]:
                                seen = pulled(threshold[p, m], reset[p, m], when - first_spike, tau_reset)
                                samples[origin + q * n_neuron] = bounded(seen, lower, upper)
                                q += 1
                                continue
                        new, now_phase, ends, found, (now_number, now_level, spike) = advance(
                            t, when, v, i, j, was, was_until,
                            moving, crossing, threshold[p, m], reset[p, m], rest[p, m], tau_mem[p, m], exc, inh,
                            clamp_time[p, m], holdoff_time[p, m], tau_reset, fired, own,
                            emit_from, trial, task, to_time, to_task, place, status)  # fmt: skip
                        if status[0] != 0:
                            report_fault(report, status[0], task)
                            return
                        if not commits:
                            samples[origin + q * n_neuron] = bounded(new, lower, upper)
                            q += 1
                            continue
                        if found > 0 and not noted:
                            place = cuda.atomic.add(n_spike, 0, found)
                            if found <= MOST_AT_ONCE:
                                for k in range(found):
                                    if place + k < spike_time.size:
                                        spike_time[place + k] = times[k]
                                        spike_task[place + k] = task
                            elif place + found <= spike_time.size:
                                to_time, to_task = spike_time, spike_task
                                noted = True
                                continue
                        first_spike = min(spike, was_until)
                        state[MEMBRANE] = new
                        transition[0] = ends
                        if now_phase != was or now_number != fired:
                            phase[0] = now_phase
                            number[0] = now_number
                            level[0] = now_level
                            open_gates(coefficients, 0, now_phase, now_level, reset[p, m], rest[p, m], leaks, pull)
                        q += 1
            t = end
            if dense is None:
                up, down = f(0), f(0)
                if not is_last:
                    while event < last_event and event_time[event] == end:
                        up = up + weight_exc[(base + event_source[event]) * n_neuron + m]
                        down = down + weight_inh[(base + event_source[event]) * n_neuron + m]
                        event += 1
                drive[0] = up
                drive[1] = down
        v, i, j = state[MEMBRANE], state[CURRENT], state[INHIBITORY]
        if not (math.isfinite(v) and math.isfinite(i) and math.isfinite(j)):
            report_fault(report, NOT_FINITE, task)
        if keeps:
            new_membrane[here, m] = v
            new_current[here, m] = i
            new_inhibitory[here, m] = j
            new_phase[here, m] = phase[0]
            new_transition[here, m] = transition[0]
            new_number[here, m] = number[0]

    return Kernel(run_circuits)
