"""Exact membranes with inputs on a regular grid.

Every interval has the length dt, so its exponentials are constants of the neuron: the closed-form step costs what an
Euler step costs. Time is cut into tiles; a group of neurons, as many as fill a line of memory, takes all steps of a tile
with its state in registers (``lanes``). Only neurons that may fire, or whose clamp or holdoff ends in the interval, take the
scalar path of ``exact``. While a neuron is clamped its gains are zero, and while it cannot fire its screen is infinite: the
lanes need no branch.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, FREE, NOT_FINITE, SELECTED
from .elementary import decay
from .exact import advance, advance_single, move, sort_spikes
from .exact_rows import (
    ASYMPTOTE,
    CHORD,
    CURRENT,
    GAIN,
    GAIN_INH,
    INHIBITORY,
    KEPT,
    KEPT_INH,
    LEAK,
    LOSS,
    MEMBRANE,
    SCALE,
    SCREEN,
    open_gates,
)
from .gather import gather_dense
from .jit import kernel, part
from .lanes import element, fill_lanes, load_lanes, load_lanes_as, marks_of, put_element, put_lanes, select, store_lanes
from .membrane import exact_asymptote, exact_bound, exact_leaky_membrane, exact_membrane, upwards
from .prefetch import prefetch_line
from .scalars import larger, smaller
from .vector import LINE, clear_row, copy_row, record_row, trailing_zeros, without_lowest

N_TRACE = 3  # membrane and two currents
DRIVE_ROW = 2 * BLOCK  # jumps of a step, split by sign
CROWD = 8  # spikes of a step beyond which a tile has one step: those of a tile are sorted by insertion
_LANES = LINE // 8


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


@part
def fill_jumps(jumps, at, n, jump, pair):
    """Jumps of a row of graded input, negative ones apart if `pair` is not None."""
    for k in range(n):
        x = np.float64(jumps[at + k])
        if pair is not None:
            jump[k] = larger(x, 0.0)
            jump[BLOCK + k] = smaller(x, 0.0)
        else:
            jump[k] = x


@kernel
def run_grid(
    first_task, last_task, block, n_neuron, n_time, tile, start_step, dt,
    input_at, weight_row, parameter_row,
    jumps, time_stride, spikes_in, n_input, weight, column, pointer,
    gain, kept, gain_inh, kept_inh, loss,
    coupled, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time, spike_mask,
    state_row, old_membrane, old_current, old_third, old_phase, old_transition,
    keeps, new_membrane, new_current, new_third, new_phase, new_transition,
    membrane, current, selected, how, sample_time, emits, spike_time, spike_neuron, n_spike, status,
    state, coefficients, transition, phase, traces, index, drive, given,
):  # fmt: skip
    """Run tasks first_task .. last_task, up to `tile` steps at a time; return (number of spikes, all are sorted).

    The number counts spikes beyond the buffer, too. Inputs and outputs as in ``euler.run_euler``. `gain` as in
    ``coefficients``, `kept` = exp(-dt/tau_syn), `loss` = 1 - exp(-dt/tau_mem), (parameter row, neuron). State at the
    start of step `start_step`: membrane, current and a third row (the second current, or the asymptote), phase and its
    end [s]. `sample_time` not None: traces are (trial, sample_time, neuron). Scratch: rows of ``exact_rows``, `traces`
    (membrane and two currents, step of the tile, BLOCK), `drive` (step, sign, BLOCK), of graded input as it is,
    `given` (sign, BLOCK).
    """
    n_block = (n_neuron + block - 1) // block
    n_found = np.int64(0)  # a plain 0 would be typed as a literal and compile every callee twice
    is_sorted = True
    n_recorded = selected.size
    whole = n_neuron % _LANES == 0 and block % _LANES == 0
    direct = whole and how != SELECTED
    records = membrane.size > 0 or current.size > 0
    if sample_time is not None:
        records = False
    for task in range(first_task, last_task):
        trial = task // n_block
        low = (task % n_block) * block
        n = smaller(block, n_neuron - low)
        p = parameter_row[trial]
        q = state_row[trial]
        if n % _LANES != 0:
            # Lanes beyond the last neuron stay at v = 0, or NaN, and are never flagged, whatever is in `drive`.
            clear_row(state, np.int64(0), state.size)
            clear_row(coefficients, np.int64(0), coefficients.size)
            for k in range(_LANES):
                put_element(transition, n + k, math.inf)
        of_state = q * n_neuron + low
        of_parameter = p * n_neuron + low
        copy_row(state, MEMBRANE, old_membrane, of_state, n)
        copy_row(state, CURRENT, old_current, of_state, n)
        copy_row(coefficients, KEPT, kept, of_parameter, n)
        copy_row(coefficients, GAIN, gain, of_parameter, n)
        if old_third is not None:
            copy_row(state, INHIBITORY, old_third, of_state, n)  # or ASYMPTOTE, the same row
        if tau_inh is not None:
            copy_row(coefficients, KEPT_INH, kept_inh, of_parameter, n)
            copy_row(coefficients, GAIN_INH, gain_inh, of_parameter, n)
        if leak is not None:
            copy_row(coefficients, LEAK, leak, of_parameter, n)
            copy_row(coefficients, LOSS, loss, of_parameter, n)
        if threshold is not None:
            copy_row(coefficients, SCREEN, threshold, of_parameter, n)
            copy_row(transition, np.int64(0), old_transition, of_state, n)
        for k in range(n):
            mem = element(tau_mem, of_parameter + k)
            if coupled is None:
                put_element(coefficients, SCALE + k, element(tau_syn, of_parameter + k) / mem)
            if coupled is not None:
                put_element(coefficients, CHORD + k, dt / mem)
            if threshold is not None:
                put_element(phase, k, element(old_phase, of_state + k))
                if element(phase, k) != FREE:
                    inh = 0.0
                    if tau_inh is not None:
                        inh = element(gain_inh, of_parameter + k)
                    lost = 0.0
                    if leak is not None:
                        lost = element(loss, of_parameter + k)
                    open_gates(coefficients, element(gain, of_parameter + k), inh, lost, k, element(phase, k),
                               element(threshold, of_parameter + k), 0.0)  # fmt: skip
        sample = 0
        start = n_found
        t_first = 0
        most = tile
        while t_first < n_time:
            t_last = smaller(t_first + most, n_time)
            at = input_at[trial] + t_first * time_stride
            next_sample = sample
            if sample_time is not None:
                # A step with samples is the first of its tile.
                while next_sample < sample_time.size and sample_time[next_sample] < (start_step + t_first + 1) * dt:
                    next_sample += 1
                if next_sample < sample_time.size:
                    t_free = t_first + 1
                    while t_free < t_last and not sample_time[next_sample] < (start_step + t_free + 1) * dt:
                        t_free += 1
                    t_last = t_free
            n_step = t_last - t_first
            source = drive
            origin = np.int64(0)
            stride = np.int64(DRIVE_ROW)
            if jumps is not None:
                if whole:
                    source = jumps
                    origin = at + low
                    stride = time_stride
                else:
                    for t in range(n_step):
                        copy_row(drive, t * DRIVE_ROW, jumps, at + t * time_stride + low, n)
            if spikes_in is not None:
                for t in range(n_step):
                    gather_dense(spikes_in, at + t * time_stride, n_input, weight, column, pointer, weight_row[trial], n_neuron,
                                 low, n, index, drive[t * DRIVE_ROW : (t + 1) * DRIVE_ROW], tau_inh)  # fmt: skip
            if sample_time is not None:
                if sample < next_sample:
                    jump = given
                    if jumps is not None:
                        fill_jumps(jumps, at + low, n, given, tau_inh)
                    if spikes_in is not None:
                        jump = drive
                    now = (start_step + t_first) * dt
                    while sample < next_sample:
                        sample_row(
                            now, sample_time[sample], (trial * sample_time.size + sample) * n_recorded, state, jump,
                            jump[BLOCK:], phase, trial, transition, p, low, n, selected,
                            coupled, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time,
                            holdoff_time, membrane, current, spike_time, spike_neuron, status)  # fmt: skip
                        sample += 1

            first = n_found
            for g in range(0, n, _LANES):
                t = 0
                while True:
                    # The steps of the tile up to one in which a neuron needs a closer look, or to the end.
                    v = load_lanes(state, MEMBRANE + g)
                    i = load_lanes(state, CURRENT + g)
                    gain_g = load_lanes(coefficients, GAIN + g)
                    kept_g = load_lanes(coefficients, KEPT + g)
                    zero = fill_lanes(0, v)
                    before = v
                    charged = i
                    if coupled is None:
                        asymptote = load_lanes(state, ASYMPTOTE + g)
                        scale_g = load_lanes(coefficients, SCALE + g)
                    if coupled is not None:
                        chord_g = load_lanes(coefficients, CHORD + g)
                    if tau_inh is not None:
                        i_inh = load_lanes(state, INHIBITORY + g)
                        gain_inh_g = load_lanes(coefficients, GAIN_INH + g)
                        kept_inh_g = load_lanes(coefficients, KEPT_INH + g)
                        charged_inh = i_inh
                    if leak is not None:
                        leak_g = load_lanes(coefficients, LEAK + g)
                        loss_g = load_lanes(coefficients, LOSS + g)
                    if threshold is not None:
                        screen_g = load_lanes(coefficients, SCREEN + g)
                        transition_g = load_lanes(transition, g)
                    x_at = origin + t * stride + g
                    flagged = np.uint64(0)
                    while t < n_step:
                        x = load_lanes_as(source, x_at, v)
                        if jumps is not None:
                            # The processor foresees neither rows far apart nor a tile taken group by group.
                            prefetch_line(source, x_at + tile * stride)
                            if tau_inh is not None:
                                x_inh = select(zero < x, zero, x)
                                x = select(zero > x, zero, x)
                        if spikes_in is not None:
                            if tau_inh is not None:
                                x_inh = load_lanes(drive, x_at + BLOCK)
                        x_at += stride

                        # The jumps act at the start; traces on the grid have the membrane there, and the current just after.
                        before = v
                        charged = i + x
                        if tau_inh is not None:
                            charged_inh = i_inh + x_inh
                        if records:
                            out = (trial * n_time + t_first + t) * n_recorded + low + g
                            if membrane.size:
                                put_lanes(membrane, out, before, traces, t * BLOCK + g, direct, how)
                            if current.size:
                                if tau_inh is not None:
                                    out = 2 * out - (low + g)
                                    put_lanes(current, out + n_recorded, charged_inh, traces, (2 * tile + t) * BLOCK + g,
                                              direct, how)  # fmt: skip
                                put_lanes(current, out, charged, traces, (tile + t) * BLOCK + g, direct, how)

                        v = exact_membrane(before, charged, gain_g)
                        i = charged * kept_g
                        if coupled is None:
                            asymptote = exact_asymptote(asymptote, x, scale_g)
                        if coupled is not None:
                            push = upwards(charged, zero)
                            if tau_inh is not None:
                                v = exact_membrane(v, charged_inh, gain_inh_g)
                                i_inh = charged_inh * kept_inh_g
                                push = push + upwards(charged_inh, zero)
                            if leak is not None:
                                v = exact_leaky_membrane(v, before, leak_g, loss_g)
                                push = upwards(push + (leak_g - before), zero)
                        t += 1
                        # Neurons that may fire, and those whose phase ends in this step. Not coupled, v is monotone: they
                        # fire only if they end above the screen. Coupled, they may too if a bound of v is above it.
                        if threshold is not None:
                            end = (start_step + t_first + t) * dt
                            may = (v > screen_g) | (transition_g < fill_lanes(end, v))
                            if coupled is not None:
                                may = may | (exact_bound(before, push, chord_g) > screen_g)
                            flagged = marks_of(may)
                            if flagged != 0:
                                break
                    store_lanes(state, MEMBRANE + g, v)
                    store_lanes(state, CURRENT + g, i)
                    if coupled is None:
                        store_lanes(state, ASYMPTOTE + g, asymptote)
                    if tau_inh is not None:
                        store_lanes(state, INHIBITORY + g, i_inh)
                    if flagged == 0:
                        break

                    if threshold is not None:
                        step = start_step + t_first + t
                        now = (step - 1) * dt
                        end = step * dt
                        store_lanes(given, np.int64(0), before)
                        store_lanes(given, np.int64(_LANES), charged)
                        if tau_inh is not None:
                            store_lanes(given, np.int64(2 * _LANES), charged_inh)
                        while flagged != 0:
                            lane = trailing_zeros(flagged)
                            flagged = without_lowest(flagged)
                            k = g + lane
                            m = low + k
                            inh = 0.0
                            lost = 0.0
                            emit_from = math.inf
                            if emits and spike_mask[p, m]:
                                emit_from = 0.0
                            phase_before = phase[k]
                            if coupled is None:
                                moved, level, now_phase, ends, n_found = advance_single(
                                    now, end, given[lane], state[ASYMPTOTE + k], given[_LANES + lane], phase_before, transition[k],
                                    threshold[p, m], reset[p, m], tau_syn[p, m], coefficients[SCALE + k], clamp_time[p, m],
                                    holdoff_time[p, m], emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                                state[ASYMPTOTE + k] = level
                            if coupled is not None:
                                j = None
                                t_inh = None
                                rest = None
                                if tau_inh is not None:
                                    j = given[2 * _LANES + lane]
                                    t_inh = tau_inh[p, m]
                                    inh = gain_inh[p, m]
                                if leak is not None:
                                    rest = leak[p, m]
                                    lost = loss[p, m]
                                moved, now_phase, ends, n_found, _ = advance(
                                    now, end, given[lane], given[_LANES + lane], j, phase_before, transition[k],
                                    move, crossing, threshold[p, m], reset[p, m], rest, tau_mem[p, m], tau_syn[p, m], t_inh,
                                    clamp_time[p, m], holdoff_time[p, m], None, np.int64(0), None,
                                    emit_from, trial, m, spike_time, spike_neuron, n_found, status)  # fmt: skip
                            state[MEMBRANE + k] = moved
                            transition[k] = ends
                            if now_phase != phase_before:
                                phase[k] = now_phase
                                open_gates(coefficients, gain[p, m], inh, lost, k, now_phase, threshold[p, m], 0.0)
                        if status[0] != 0:
                            return n_found, is_sorted

            if threshold is not None:
                most = tile
                if n_found - first > CROWD * n_step:
                    most = np.int64(1)
                if n_found > first + 1 and n_found <= spike_time.size:
                    is_sorted = sort_spikes(spike_time, spike_neuron, first, n_found) and is_sorted
            if records and not direct:
                for t in range(n_step):
                    out = (trial * n_time + t_first + t) * n_recorded
                    if membrane.size:
                        record_row(membrane, out, traces, t * BLOCK, selected, low, n, how)
                    if current.size:
                        if tau_inh is not None:
                            out = 2 * out
                            record_row(current, out + n_recorded, traces, (2 * tile + t) * BLOCK, selected, low, n, how)
                        record_row(current, out, traces, (tile + t) * BLOCK, selected, low, n, how)
            t_first = t_last
        n_spike[task] = n_found - start
        for k in range(n):
            finite = math.isfinite(element(state, MEMBRANE + k)) and math.isfinite(element(state, CURRENT + k))
            if tau_inh is not None:
                finite = finite and math.isfinite(element(state, INHIBITORY + k))
            if not finite and status[0] == 0:
                status[0], status[1], status[2] = NOT_FINITE, trial, low + k
        if keeps:
            to = trial * n_neuron + low
            copy_row(new_membrane, to, state, MEMBRANE, n)
            copy_row(new_current, to, state, CURRENT, n)
            if new_third is not None:
                copy_row(new_third, to, state, INHIBITORY, n)
            if threshold is not None:
                copy_row(new_transition, to, transition, np.int64(0), n)
                for k in range(n):
                    put_element(new_phase, to + k, element(phase, k))
    return n_found, is_sorted
