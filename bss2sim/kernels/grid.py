"""Exact membranes with inputs on a regular grid.

Every interval has the length dt, so its exponentials are constants of the neuron: the closed-form step costs what an
Euler step costs. Only neurons that may fire, or whose clamp or holdoff ends in the interval, take the scalar path of
``exact``. While a neuron is clamped its gains are zero, and while it cannot fire its screen is infinite: the vector
loop needs no branch.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, CLAMPED, FREE, NOT_FINITE
from .elementary import decay
from .exact import advance, advance_single, move, sort_spikes
from .gather import gather_dense
from .jit import kernel, part
from .membrane import exact_leaky_membrane, exact_membrane
from .scalars import larger, smaller
from .vector import LINE, nonzero_mask, prefetch_line, record_row, trailing_zeros, use_wide_registers, without_lowest

# Rows that started alike in their pages would share the sets of the first-level cache: eight lines, fewer than there are rows.
ROW = BLOCK + 40
N_STATE_ROW = 3
MEMBRANE, CURRENT, INHIBITORY = (ROW * k for k in range(N_STATE_ROW))
ASYMPTOTE = INHIBITORY  # of neurons without leak and with one current, see ``exact.advance_single``
N_COEFFICIENT_ROW = 10
GAIN, KEPT, GAIN_INH, KEPT_INH, LOSS, LEAK, SCREEN, CHORD, GATE, SCALE = (ROW * k for k in range(N_COEFFICIENT_ROW))
RING = 256  # steps ahead for which transitions wait in a list of their own


@part
def step_row(before, after, coefficients, jump, jump_inh, coupled, pair, leak, fires, slack, flag, n):
    """Move a row of neurons over one interval; flag those that may fire in it.

    The jumps act at the start. `coupled`, `pair`, `leak`, `fires`: None switches leak and second current, the second
    current, the leak, and firing off. `slack` None: the screen needs no margin. Not coupled, v is monotone, and a
    neuron fires only if it ends above the screen. Coupled, it may also if the chord, a bound of v in the interval, is
    above the screen.
    """
    use_wide_registers()
    if coupled is None:
        for k in range(n):
            x = jump[k]
            v = before[MEMBRANE + k]
            i = before[CURRENT + k] + x
            new = exact_membrane(v, i, coefficients[GAIN + k])
            after[MEMBRANE + k] = new
            after[CURRENT + k] = i * coefficients[KEPT + k]
            after[ASYMPTOTE + k] = before[ASYMPTOTE + k] + coefficients[SCALE + k] * x
            may = new > coefficients[SCREEN + k]
            if slack is not None:
                may = may or new + slack * abs(new - v) > coefficients[SCREEN + k]
            flag[k] = may
    if coupled is not None:
        for k in range(n):
            v = before[MEMBRANE + k]
            i = before[CURRENT + k] + jump[k]
            after[CURRENT + k] = i * coefficients[KEPT + k]
            new = exact_membrane(v, i, coefficients[GAIN + k])
            up = larger(i, 0.0)
            if pair is not None:
                j = before[INHIBITORY + k] + jump_inh[k]
                after[INHIBITORY + k] = j * coefficients[KEPT_INH + k]
                new = exact_membrane(new, j, coefficients[GAIN_INH + k])
                up = up + larger(j, 0.0)
            if leak is not None:
                new = exact_leaky_membrane(new, v, coefficients[LEAK + k], coefficients[LOSS + k])
                up = larger(up + (coefficients[LEAK + k] - v), 0.0)
            after[MEMBRANE + k] = new
            if fires is not None:
                may = new > coefficients[SCREEN + k]
                if slack is not None:
                    may = may or new + slack * abs(new - v) > coefficients[SCREEN + k]
                flag[k] = may or v + coefficients[CHORD + k] * up > coefficients[SCREEN + k]


@part
def open_gates(coefficients, gain, gain_inh, loss, k, phase, threshold, slack):
    """Set the gains and the screen of neuron k for its phase."""
    clamped = phase == CLAMPED
    coefficients[GAIN + k] = 0.0 if clamped else gain
    coefficients[GAIN_INH + k] = 0.0 if clamped else gain_inh
    coefficients[LOSS + k] = 0.0 if clamped else loss
    coefficients[GATE + k] = 0.0 if clamped else 1.0
    coefficients[SCREEN + k] = threshold - slack * abs(threshold) if phase == FREE else math.inf


@part
def step_holding(time, dt, first):
    """Return the step k >= first with k dt <= time < (k + 1) dt, with the products as they are rounded."""
    k = np.int64(math.floor(smaller(time / dt, 9e18)))
    if k * dt > time:
        k -= 1
    elif (k + 1) * dt <= time:
        k += 1
    return larger(k, first)


@part
def sample_row(
    now, when, out, before, jump, jump_inh, phase, trial, transition, p, low, n, selected,
    coupled, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time,
    membrane, current, spike_time, spike_neuron, status,
):  # fmt: skip
    """Record a row at the time `when` [s] inside a step that starts at `now`, on a copy of the state."""
    for m in range(selected.size):
        k = selected[m] - low
        if 0 <= k < n:
            q = low + k
            i = before[CURRENT + k] + jump[k]
            if coupled is None:
                scale = tau_syn[p, q] / tau_mem[p, q]
                asymptote = before[ASYMPTOTE + k] + scale * jump[k]
                moved = 0.0
                if threshold is not None:
                    moved, _, _, _, _ = advance_single(
                        now, when, before[MEMBRANE + k], asymptote, i, phase[k], transition[k],
                        threshold[p, q], reset[p, q], tau_syn[p, q], scale, clamp_time[p, q], holdoff_time[p, q],
                        math.inf, trial, q, spike_time, spike_neuron, np.int64(0), status)  # fmt: skip
                i_now = i * decay((when - now) / tau_syn[p, q])[0]
                j_now = 0.0
            if coupled is not None:
                v = before[MEMBRANE + k]
                j = None
                t_inh = None
                rest = None
                if tau_inh is not None:
                    j = before[INHIBITORY + k] + jump_inh[k]
                    t_inh = tau_inh[p, q]
                if leak is not None:
                    rest = leak[p, q]
                moved, i_now, j_now = move(v, i, j, when - now, rest, tau_mem[p, q], tau_syn[p, q], t_inh)
                if threshold is not None:
                    moved, _, _, _, _ = advance(
                        now, when, v, i, j, phase[k], transition[k],
                        move, crossing, threshold[p, q], reset[p, q], rest, tau_mem[p, q], tau_syn[p, q], t_inh,
                        clamp_time[p, q], holdoff_time[p, q], None, np.int64(0), None,
                        math.inf, trial, q, spike_time, spike_neuron, np.int64(0), status)  # fmt: skip
            if membrane.size:
                membrane[out + m] = moved
            if current.size:
                if tau_inh is not None:
                    current[2 * out + m] = i_now
                    current[2 * out + selected.size + m] = j_now
                else:
                    current[out + m] = i_now


@kernel
def run_grid(
    first_task, last_task, block, n_neuron, n_time, start_step, dt,
    input_at, weight_row, parameter_row,
    jumps, direct, time_stride, spikes_in, n_input, weight, column, pointer,
    gain, kept, gain_inh, kept_inh, loss,
    coupled, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time, spike_mask,
    state_row, old_membrane, old_current, old_third, old_phase, old_transition,
    keeps, new_membrane, new_current, new_third, new_phase, new_transition,
    membrane, current, selected, how, sample_time, emits, spike_time, spike_neuron, n_spike, status,
    before, after, coefficients, scratch, transition, phase, due, link, ring, flag, index, drive,
):  # fmt: skip
    """Run tasks first_task .. last_task; return (number of spikes found, also beyond the buffer; all are sorted).

    Inputs and outputs as in ``euler.run_euler``; `direct` None: jumps are converted or split before use. `gain` as in
    ``coefficients``, `kept` = exp(-dt/tau_syn), `loss` = 1 - exp(-dt/tau_mem), (parameter row, neuron). State at the
    start of step `start_step`: membrane, current and a third row (the second current, or the asymptote), phase and its
    end [s]. `sample_time` not None: traces are (trial, sample_time, neuron).
    """
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)  # a plain 0 would be typed as a literal and compile every callee twice
    is_sorted = True
    n_recorded = selected.size
    is_sampled = False
    if sample_time is not None:
        is_sampled = True
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = smaller(block, n_neuron - low)
        p = parameter_row[trial]
        q = state_row[trial]
        ring[:] = -1
        for k in range(n):
            m = low + k
            before[MEMBRANE + k] = old_membrane[q, m]
            before[CURRENT + k] = old_current[q, m]
            coefficients[KEPT + k] = kept[p, m]
            coefficients[GAIN + k] = gain[p, m]
            coefficients[CHORD + k] = dt / tau_mem[p, m]
            coefficients[SCALE + k] = tau_syn[p, m] / tau_mem[p, m]
            if old_third is not None:
                before[INHIBITORY + k] = old_third[q, m]  # or ASYMPTOTE, the same row
            if tau_inh is not None:
                coefficients[KEPT_INH + k] = kept_inh[p, m]
                coefficients[GAIN_INH + k] = gain_inh[p, m]
            if leak is not None:
                coefficients[LEAK + k] = leak[p, m]
                coefficients[LOSS + k] = loss[p, m]
            if threshold is not None:
                transition[k] = old_transition[q, m]
                phase[k] = old_phase[q, m]
                inh = 0.0
                if tau_inh is not None:
                    inh = gain_inh[p, m]
                lost = 0.0
                if leak is not None:
                    lost = loss[p, m]
                open_gates(coefficients, gain[p, m], inh, lost, k, phase[k], threshold[p, m], 0.0)
                if phase[k] != FREE:
                    due[k] = step_holding(transition[k], dt, start_step)
                    link[k] = ring[due[k] % RING]
                    ring[due[k] % RING] = k
        sample = 0
        start = n_found
        for t in range(n_time):
            step = start_step + t
            now = step * dt
            end = (step + 1) * dt
            at = input_at[trial] + t * time_stride
            if jumps is not None:
                if direct is None:
                    for k in range(n):
                        x = np.float64(jumps[at + low + k])
                        if tau_inh is not None:
                            drive[k] = larger(x, 0.0)
                            drive[BLOCK + k] = smaller(x, 0.0)
                        else:
                            drive[k] = x
            if spikes_in is not None:
                gather_dense(spikes_in, at, n_input, weight, column, pointer, weight_row[trial], n_neuron,
                             low, n, index, drive, tau_inh)  # fmt: skip
            if direct is not None:
                jump = jumps[at + low : at + low + n]
            else:
                jump = drive[:n]
            jump_inh = drive[BLOCK : BLOCK + n]

            # Traces on the grid: the membrane at the start of the step, the current just after its jump.
            if not is_sampled and (membrane.size or current.size):
                out = (trial * n_time + t) * n_recorded
                if membrane.size:
                    record_row(membrane, out, before, np.int64(MEMBRANE), selected, low, n, how)
                if current.size:
                    for k in range(n):
                        scratch[k] = before[CURRENT + k] + jump[k]
                    if tau_inh is not None:
                        for k in range(n):
                            scratch[BLOCK + k] = before[INHIBITORY + k] + jump_inh[k]
                        record_row(current, 2 * out, scratch, np.int64(0), selected, low, n, how)
                        record_row(current, 2 * out + n_recorded, scratch, np.int64(BLOCK), selected, low, n, how)
                    else:
                        record_row(current, out, scratch, np.int64(0), selected, low, n, how)

            if jumps is not None:
                for k in range(0, n, LINE // jumps.itemsize):  # the processor does not foresee rows far apart
                    prefetch_line(jumps, at + time_stride + low + k)
            slack = None
            step_row(before, after, coefficients, jump, jump_inh, coupled, tau_inh, leak, threshold, slack, flag, n)

            if sample_time is not None:
                while sample < sample_time.size and sample_time[sample] < end:
                    sample_row(
                        now, sample_time[sample], (trial * sample_time.size + sample) * n_recorded, before, jump,
                        jump_inh, phase, trial, transition, p, low, n, selected,
                        coupled, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time,
                        holdoff_time, membrane, current, spike_time, spike_neuron, status)  # fmt: skip
                    sample += 1

            # Neurons whose phase ends in this step, then those that may fire.
            if threshold is not None:
                found_before = n_found
                slot = ring[step % RING]
                ring[step % RING] = -1
                first_flag = 0
                mask = np.uint64(0)
                while True:
                    if slot >= 0:
                        k = slot
                        slot = link[k]
                        if due[k] != step:  # further ahead than the ring is long
                            link[k] = ring[step % RING]
                            ring[step % RING] = k
                            continue
                    else:
                        while mask == 0 and first_flag < n:
                            mask = nonzero_mask(flag, first_flag)
                            first_flag += 64
                        if mask == 0:
                            break
                        k = first_flag - 64 + trailing_zeros(mask)
                        mask = without_lowest(mask)
                        if k >= n:
                            break
                    m = low + k
                    inh = 0.0
                    lost = 0.0
                    emit_from = math.inf
                    if emits and spike_mask[p, m]:
                        emit_from = 0.0
                    phase_before = phase[k]
                    i = before[CURRENT + k] + jump[k]
                    if coupled is None:
                        v, asymptote, now_phase, ends, n_found = advance_single(
                            now, end, before[MEMBRANE + k], before[ASYMPTOTE + k] + coefficients[SCALE + k] * jump[k], i,
                            phase_before, transition[k], threshold[p, m], reset[p, m], tau_syn[p, m],
                            coefficients[SCALE + k], clamp_time[p, m], holdoff_time[p, m],
                            emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                        after[ASYMPTOTE + k] = asymptote
                    if coupled is not None:
                        j = None
                        t_inh = None
                        rest = None
                        if tau_inh is not None:
                            j = before[INHIBITORY + k] + jump_inh[k]
                            t_inh = tau_inh[p, m]
                            inh = gain_inh[p, m]
                        if leak is not None:
                            rest = leak[p, m]
                            lost = loss[p, m]
                        v, now_phase, ends, n_found, _ = advance(
                            now, end, before[MEMBRANE + k], i, j, phase_before, transition[k],
                            move, crossing, threshold[p, m], reset[p, m], rest, tau_mem[p, m], tau_syn[p, m], t_inh,
                            clamp_time[p, m], holdoff_time[p, m], None, np.int64(0), None,
                            emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                    after[MEMBRANE + k] = v
                    transition[k] = ends
                    phase[k] = now_phase
                    if now_phase != phase_before:
                        open_gates(coefficients, gain[p, m], inh, lost, k, now_phase, threshold[p, m], 0.0)
                    if now_phase != FREE:
                        due[k] = step_holding(ends, dt, step + 1)
                        link[k] = ring[due[k] % RING]
                        ring[due[k] % RING] = k
                if status[0] != 0:
                    return n_found, is_sorted
                if n_found > found_before + 1 and n_found <= spike_time.size:
                    is_sorted = sort_spikes(spike_time, spike_neuron, found_before, n_found) and is_sorted
            before, after = after, before
        n_spike[task] = n_found - start
        for k in range(n):
            m = low + k
            finite = math.isfinite(before[MEMBRANE + k]) and math.isfinite(before[CURRENT + k])
            if tau_inh is not None:
                finite = finite and math.isfinite(before[INHIBITORY + k])
            if not finite and status[0] == 0:
                status[0], status[1], status[2] = NOT_FINITE, trial, m
            if keeps:
                new_membrane[trial, m] = before[MEMBRANE + k]
                new_current[trial, m] = before[CURRENT + k]
                if new_third is not None:
                    new_third[trial, m] = before[INHIBITORY + k]
                if threshold is not None:
                    new_phase[trial, m] = phase[k]
                    new_transition[trial, m] = transition[k]
    return n_found, is_sorted
