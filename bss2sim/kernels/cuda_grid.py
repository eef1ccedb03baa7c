"""Exact membranes with inputs on a regular grid, on a GPU: one thread for each trial and neuron; see ``grid``."""

from __future__ import annotations

import functools
import math

import numpy as np

from .codes import FREE, NOT_FINITE
from .cuda import ROWS, Kernel, cuda, element
from .cuda_exact import MOST_AT_ONCE, advancer, crossing, open_gates, sample_row, step_row
from .cuda_gather import adders
from .cuda_spikes import DENSE, NOTHING, clear_bins, report_fault
from .exact_rows import N_COEFFICIENT_ROW, N_STATE_ROW

MEMBRANE, CURRENT, THIRD = ROWS["MEMBRANE"], ROWS["CURRENT"], ROWS["INHIBITORY"]
GAIN, KEPT, GAIN_INH, KEPT_INH = ROWS["GAIN"], ROWS["KEPT"], ROWS["GAIN_INH"], ROWS["KEPT_INH"]
LOSS, LEAK, SCALE, CHORD = ROWS["LOSS"], ROWS["LEAK"], ROWS["SCALE"], ROWS["CHORD"]


@functools.cache
def grid_kernel(kind, graded, sparse, pair, leaks, fires, sampled):
    """Return the kernel for a kind of input (``inputs.Drive``) and what the population has (True or None)."""
    add_dense, _ = adders(np.float64, sparse, pair, graded)
    advance_neuron, cross = advancer(leaks, pair), crossing(leaks, pair)
    jumps = True if kind == "jumps" else None
    coupled = True if leaks is not None or pair is not None else None

    def run_grid(
        n_task, n_neuron, n_time, begin, start_step, dt, input_at, weight_row, parameter_row, state_row,
        flat, time_stride, n_input, packed, n_word, weight, column, pointer,
        gain, kept, gain_inh, kept_inh, loss,
        threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time, spike_mask,
        old_membrane, old_current, old_third, old_phase, old_transition, sample_time, n_sample,
        keeps, new_membrane, new_current, new_third, new_phase, new_transition,
        column_of, n_recorded, records_membrane, records_current, membrane, current, spikes,
        what, spike_time, spike_task, n_spike, count, first, report,
    ):  # fmt: skip
        """Run the tasks 0 .. n_task (trial, neuron) of a chunk; arguments as in ``grid.run_grid`` and ``cuda_spikes``."""
        task = cuda.grid(1)
        if task >= n_task:
            return
        trial = task // n_neuron
        n = task - trial * n_neuron
        p, q = parameter_row[trial], state_row[trial]
        at = input_at[trial]
        base = weight_row[trial] * n_input
        out_column = column_of[n]
        before = cuda.local.array(N_STATE_ROW, np.float64)
        after = cuda.local.array(N_STATE_ROW, np.float64)
        coefficients = cuda.local.array(N_COEFFICIENT_ROW, np.float64)
        jump = cuda.local.array(1, np.float64)
        jump_inh = cuda.local.array(1, np.float64)
        flag = cuda.local.array(1, np.uint8)
        phase = cuda.local.array(1, np.int64)
        transition = cuda.local.array(1, np.float64)
        times = cuda.local.array(MOST_AT_ONCE, np.float64)
        tasks = cuda.local.array(MOST_AT_ONCE, np.int64)
        status = cuda.local.array(3, np.int64)
        here = cuda.local.array(1, np.int64)
        sampled_membrane = cuda.local.array(1, np.float64)
        sampled_current = cuda.local.array(2, np.float64)
        status[0] = 0
        flag[0] = 0
        here[0] = n
        before[MEMBRANE] = old_membrane[q, n]
        before[CURRENT] = old_current[q, n]
        before[THIRD] = 0.0
        coefficients[KEPT] = kept[p, n]
        coefficients[GAIN] = gain[p, n]
        coefficients[CHORD] = dt / tau_mem[p, n]
        scale = tau_syn[p, n] / tau_mem[p, n]
        coefficients[SCALE] = scale
        inh, lost, rest, t_inh = 0.0, 0.0, 0.0, 0.0
        if coupled is None:
            before[THIRD] = old_third[q, n]
        if pair is not None:
            before[THIRD] = old_third[q, n]
            coefficients[KEPT_INH] = kept_inh[p, n]
            inh = gain_inh[p, n]
            coefficients[GAIN_INH] = inh
            t_inh = tau_inh[p, n]
        if leaks is not None:
            rest = leak[p, n]
            lost = loss[p, n]
            coefficients[LEAK] = rest
            coefficients[LOSS] = lost
        emit_from = math.inf
        top, bottom, clamp, holdoff = 0.0, 0.0, 0.0, 0.0
        phase[0] = FREE
        transition[0] = math.inf
        if fires is not None:
            top, bottom = threshold[p, n], reset[p, n]
            clamp, holdoff = clamp_time[p, n], holdoff_time[p, n]
            transition[0] = old_transition[q, n]
            phase[0] = old_phase[q, n]
            open_gates(coefficients, coefficients[GAIN], inh, lost, 0, phase[0], top, 0.0)
            if spike_mask[p, n] != 0 and what != NOTHING and (what != DENSE or out_column >= 0):
                emit_from = 0.0
        bin_at = trial * n_time * n_recorded + out_column
        if what == DENSE and out_column >= 0:
            clear_bins(spikes, bin_at, n_time, n_recorded)
        sample = 0
        for t in range(n_time):
            step = start_step + t
            now = step * dt
            end = (step + 1) * dt
            if jumps is not None:
                x = np.float64(flat[element(at + t * time_stride + n)])
                x_inh = 0.0
                if pair is not None:
                    x_inh = x if x < 0.0 else 0.0
                    x = 0.0 if x < 0.0 else x
            if jumps is None:
                row, word = at + t * time_stride, (trial * n_time + t) * n_word
                x, x_inh = add_dense(flat, row, packed, word, n_word, base, n_neuron, n, weight, column, pointer)
            jump[0] = x
            jump_inh[0] = x_inh

            # Traces on the grid: the membrane at the start of the step, the current just after its jump.
            if sampled is None:
                if out_column >= 0:
                    out = (trial * n_time + t) * n_recorded + out_column
                    if records_membrane:
                        membrane[out] = before[MEMBRANE]
                    if records_current:
                        if pair is not None:
                            current[2 * out - out_column] = before[CURRENT] + x
                            current[2 * out - out_column + n_recorded] = before[THIRD] + x_inh
                        if pair is None:
                            current[out] = before[CURRENT] + x
            step_row(before, after, coefficients, jump, jump_inh, coupled, pair, leaks, fires, None, flag, 1)
            if sampled is not None:
                while sample < n_sample and sample_time[sample] < end:
                    if out_column >= 0:
                        inhibitory = None
                        leak_or_none = None
                        threshold_or_none = None
                        if pair is not None:
                            inhibitory = tau_inh
                        if leaks is not None:
                            leak_or_none = leak
                        if fires is not None:
                            threshold_or_none = threshold
                        sample_row(
                            now, sample_time[sample], 0, before, jump, jump_inh, phase, trial, transition, p, n, 1, here,
                            coupled, cross, threshold_or_none, reset, leak_or_none, tau_mem, tau_syn, inhibitory, clamp_time,
                            holdoff_time, sampled_membrane, sampled_current, times, tasks, status)  # fmt: skip
                        out = (trial * n_sample + sample) * n_recorded + out_column
                        if records_membrane:
                            membrane[out] = sampled_membrane[0]
                        if records_current:
                            if pair is not None:
                                current[2 * out - out_column] = sampled_current[0]
                                current[2 * out - out_column + n_recorded] = sampled_current[1]
                            if pair is None:
                                current[out] = sampled_current[0]
                    sample += 1
            if fires is not None:
                if flag[0] != 0 or (phase[0] != FREE and transition[0] < end):
                    i = before[CURRENT] + x
                    third = before[THIRD] + x_inh
                    if coupled is None:
                        third = before[THIRD] + scale * x
                    v, asymptote, now_phase, ends = advance_neuron(
                        now, end, before[MEMBRANE], i, third, phase[0], transition[0], top, bottom, rest, tau_mem[p, n],
                        tau_syn[p, n], t_inh, scale, clamp, holdoff, emit_from, trial, task, times, tasks, status,
                        what, spike_time, spike_task, n_spike, count, first,
                        spikes, bin_at, n_time, n_recorded, begin, start_step, dt)  # fmt: skip
                    if status[0] != 0:
                        report_fault(report, status[0], task)
                        return
                    if coupled is None:
                        after[THIRD] = asymptote
                    after[MEMBRANE] = v
                    transition[0] = ends
                    if now_phase != phase[0]:
                        phase[0] = now_phase
                        open_gates(coefficients, gain[p, n], inh, lost, 0, phase[0], top, 0.0)
            before[MEMBRANE] = after[MEMBRANE]
            before[CURRENT] = after[CURRENT]
            if coupled is None:
                before[THIRD] = after[THIRD]
            if pair is not None:
                before[THIRD] = after[THIRD]
        finite = math.isfinite(before[MEMBRANE]) and math.isfinite(before[CURRENT])
        if pair is not None:
            finite = finite and math.isfinite(before[THIRD])
        if not finite:
            report_fault(report, NOT_FINITE, task)
        if keeps:
            new_membrane[trial, n] = before[MEMBRANE]
            new_current[trial, n] = before[CURRENT]
            if coupled is None:
                new_third[trial, n] = before[THIRD]
            if pair is not None:
                new_third[trial, n] = before[THIRD]
            if fires is not None:
                new_phase[trial, n] = phase[0]
                new_transition[trial, n] = transition[0]

    return Kernel(run_grid)
