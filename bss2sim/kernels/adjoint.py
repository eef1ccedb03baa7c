"""Exact gradients of neurons without leak: the adjoint of the exact integrator (EventProp), backwards in time.

Of the run nothing is kept but its spikes. Synaptic currents do not depend on spikes, so a pass forwards over the inputs finds
the slope of the membrane at each spike and at the end of its clamp; a pass backwards follows the adjoint of each neuron.

With q = (tau_syn/tau_mem) i, the charge still to come, and a, b the adjoints of v and q: `lv` is a (0 in the clamp), `p` is b - a,
and `m` gathers what belongs to tau_syn. a jumps at spikes and at ends of clamps, b never does. All float64.

Source: T. Wunderlich and C. Pehle, Scientific Reports 11:12829, 2021, for neurons without leak, with clamp and holdoff.
"""

from __future__ import annotations

import math

import numpy as np

from .elementary import called_decay, decay
from .gather import add_rows
from .jit import kernel, part, rule
from .scalars import larger
from .vector import use_wide_registers

# Rows of the sums over trials, and of the scratch of a task.
THRESHOLD, RESET, TAU_SYN, REFRACTORY_TIME, CLAMP_TIME = range(5)
N_SUM = 5
CURRENT, OF_MEMBRANE, OF_CHARGE, OF_TAU, NEXT, CARRY, INVERSE_MEM, TERM = range(8)
N_ROW = 8
LAST, CLAMPED = range(2)
N_INDEX_ROW = 2


@rule
def adjoint_interval(lv, p, m, kept, lost, share):
    """Adjoint an interval s earlier: p exp(-x) and m exp(-x) + lv (1 - exp(-x)) + p x exp(-x), `share` = x exp(-x), x = s/tau_syn.

    Returns (p, m) [gradient of the loss / unit of the membrane]; lv stays.
    """
    return p * kept, m * kept + lv * lost + p * share


@part
def decay_row(row, s, uniform, tau_syn, low, n):
    """Let the currents of a row decay for s [s]."""
    use_wide_registers()
    to = row[:n]
    tau = tau_syn[low : low + n]
    if uniform:
        kept = called_decay(s / tau[0])[0]
        for k in range(n):
            to[k] = to[k] * kept
    else:
        for k in range(n):
            to[k] = to[k] * decay(s / tau[k])[0]


@part
def adjoint_row(lv, p, m, s, uniform, tau_syn, low, n):
    """Take all neurons of a row back by s [s]."""
    use_wide_registers()
    tau = tau_syn[low : low + n]
    a = lv[:n]
    b = p[:n]
    c = m[:n]
    if uniform:
        x = s / tau[0]
        kept, lost = called_decay(x)
        for k in range(n):
            b[k], c[k] = adjoint_interval(a[k], b[k], c[k], kept, lost, x * kept)
    else:
        for k in range(n):
            x = s / tau[k]
            kept, lost = decay(x)
            b[k], c[k] = adjoint_interval(a[k], b[k], c[k], kept, lost, x * kept)


@part
def find_slopes(
    first_event, last_event, event_time, event_source, weight, first_spike, last_spike, spike_time, spike_neuron,
    n_neuron, low, n, finish, uniform, tau_mem, tau_syn, clamp_time,
    slope, slope_after, previous, rows, last,
):  # fmt: skip
    """Slope of the free membrane at each spike of neurons low .. low + n, and at the end of its clamp if that is before `finish`.

    Also links each spike to the one before of its neuron (-1: none); `last` becomes the last of each. Instants at the end of an
    interval belong to the next, as in ``events``.
    """
    current = rows[CURRENT]
    due = rows[NEXT]
    for k in range(n):
        current[k] = 0.0
        due[k] = math.inf
        last[k] = -1
    t = 0.0
    soonest = math.inf
    event = first_event
    spike = first_spike
    while True:
        is_event = event < last_event and event_time[event] < finish
        end = finish
        if is_event:
            end = event_time[event]
        while spike < last_spike and spike_time[spike] < end:
            k = spike_neuron[spike] - low
            if 0 <= k < n:
                start = current[k] / tau_mem[low + k]
                if due[k] <= spike_time[spike]:
                    slope_after[last[k]] = start * called_decay((due[k] - t) / tau_syn[low + k])[0]
                slope[spike] = start * called_decay((spike_time[spike] - t) / tau_syn[low + k])[0]
                previous[spike] = last[k]
                last[k] = spike
                due[k] = spike_time[spike] + clamp_time[low + k]
                soonest = min(soonest, due[k])
            spike += 1
        if soonest < end:
            soonest = math.inf
            for k in range(n):
                if due[k] < end:
                    start = current[k] / tau_mem[low + k]
                    slope_after[last[k]] = start * called_decay((due[k] - t) / tau_syn[low + k])[0]
                    due[k] = math.inf
                soonest = min(soonest, due[k])
        if not is_event:
            return
        decay_row(current, end - t, uniform, tau_syn, low, n)
        n_event = 1
        while event + n_event < last_event and event_time[event + n_event] == end:
            n_event += 1
        add_rows(event_source, event, n_event, weight, low, n_neuron, n, current)
        event += n_event
        t = end


@part
def cross_transitions(
    t, end, k, neuron, spike_time, slope, slope_after, previous, of_time, threshold, reset, tau_syn, clamp_time,
    holdoff_time, floor, rows, index, sums,
):  # fmt: skip
    """Take neuron `neuron`, number k of its block, back from t to `end` [s] through spikes and ends of clamps on the way."""
    lv = rows[OF_MEMBRANE, k]
    p = rows[OF_CHARGE, k]
    m = rows[OF_TAU, k]
    tau = tau_syn[neuron]
    while rows[NEXT, k] >= end:
        spike = index[LAST, k]
        at = rows[NEXT, k]
        if at < t:
            x = (t - at) / tau
            kept, lost = called_decay(x)
            p, m = adjoint_interval(lv, p, m, kept, lost, x * kept)
            t = at
        if index[CLAMPED, k] == 0:
            # The end of the clamp moves with the spike: later by dt, it leaves v lower by v' dt.
            g = -lv * slope_after[spike]
            sums[RESET, k] += lv
            sums[CLAMP_TIME, k] += g
            rows[CARRY, k] += g
            p = p + lv
            lv = 0.0
            index[CLAMPED, k] = 1
            rows[NEXT, k] = spike_time[spike]
        else:
            g = rows[CARRY, k] + of_time[spike]
            rows[CARRY, k] = 0.0
            before = previous[spike]
            is_first = before < 0 and spike_time[spike] == 0.0 and reset[neuron] > threshold[neuron]
            is_repeated = False
            if before >= 0:
                is_repeated = spike_time[spike] == (spike_time[before] + clamp_time[neuron]) + holdoff_time[neuron]
            if is_repeated:  # at the end of the refractory period, which moves with the spike before
                sums[REFRACTORY_TIME, k] += g
                rows[CARRY, k] = g
            elif not is_first:
                lv = -g / larger(slope[spike], floor[neuron])
                sums[THRESHOLD, k] -= lv
                p = p - lv
            index[CLAMPED, k] = 0
            index[LAST, k] = before
            rows[NEXT, k] = -math.inf
            if before >= 0:
                rows[NEXT, k] = spike_time[before] + clamp_time[neuron]
    if end < t:
        x = (t - end) / tau
        kept, lost = called_decay(x)
        p, m = adjoint_interval(lv, p, m, kept, lost, x * kept)
    rows[OF_MEMBRANE, k] = lv
    return p, m


@part
def add_event(weight, at, rows, of_weight, of_tau, n, time_too):
    """Gradients of one input: its weights and their part in that of tau_syn; return that of its time, if `time_too`."""
    use_wide_registers()
    w = weight[at : at + n]
    a = rows[OF_MEMBRANE, :n]
    b = rows[OF_CHARGE, :n]
    c = rows[OF_TAU, :n]
    to = of_weight[at : at + n]
    tau = of_tau[:n]
    for k in range(n):
        to[k] = to[k] + (a[k] + b[k])
        tau[k] = tau[k] + w[k] * c[k]
    if not time_too:
        return 0.0
    rate = rows[INVERSE_MEM, :n]
    term = rows[TERM, :n]
    for k in range(n):
        term[k] = w[k] * b[k] * rate[k]
    size = n  # halves are added until one is left: an order that the processor can pack
    while size > 1:
        half = (size + 1) // 2
        lower = term[: size - half]
        upper = term[half:size]
        for k in range(size - half):
            lower[k] = lower[k] + upper[k]
        size = half
    return term[0]


@kernel
def spiking_adjoint(
    first_trial, last_trial, n_neuron, low, n, finish, uniform,
    event_time, event_source, event_pointer, weight, spike_time, spike_neuron, spike_pointer, sample_time,
    threshold, reset, tau_mem, tau_syn, clamp_time, holdoff_time, floor,
    of_time, of_membrane, of_weight, of_event, time_too, sums,
    slope, slope_after, previous, rows, index, moved,
):  # fmt: skip
    """Gradients of neurons low .. low + n in some trials.

    Inputs in [0, `finish`) [s] by trial, `weight` flat (input, neuron). Spikes by trial, sorted by time, and `of_time` the gradient
    of the loss with respect to their times [1/s]; `of_membrane` flat (trial, sample, neuron), to the membrane at `sample_time`.
    `floor`: least slope at a spike that its gradient is divided by [unit of the membrane/s]. Outputs are added to: `of_weight` flat
    (input, neuron), in units of tau_syn/tau_mem; `sums` (N_SUM, n), that of tau_syn in units of 1/tau_mem; and, if `time_too`,
    `of_event`, written [1/s]. `slope`, `slope_after`, `previous` are scratch of as many entries as there are spikes.
    """
    n_sample = sample_time.size
    for k in range(n):
        rows[INVERSE_MEM, k] = 1.0 / tau_mem[low + k]
    for trial in range(first_trial, last_trial):
        first_event = event_pointer[trial]
        event = event_pointer[trial + 1]
        while event > first_event and not event_time[event - 1] < finish:
            event -= 1
            if time_too:
                of_event[event] = 0.0
        find_slopes(
            first_event, event, event_time, event_source, weight, spike_pointer[trial], spike_pointer[trial + 1],
            spike_time, spike_neuron, n_neuron, low, n, finish, uniform, tau_mem, tau_syn, clamp_time,
            slope, slope_after, previous, rows, index[LAST])  # fmt: skip
        latest = -math.inf
        for k in range(n):
            rows[OF_MEMBRANE, k] = 0.0
            rows[OF_CHARGE, k] = 0.0
            rows[OF_TAU, k] = 0.0
            rows[CARRY, k] = 0.0
            rows[NEXT, k] = -math.inf
            index[CLAMPED, k] = 0
            spike = index[LAST, k]
            if spike >= 0:
                rows[NEXT, k] = spike_time[spike] + clamp_time[low + k]
                if not rows[NEXT, k] < finish:
                    rows[NEXT, k] = spike_time[spike]
                    index[CLAMPED, k] = 1
                latest = larger(latest, rows[NEXT, k])
        sample = np.int64(n_sample)
        t = finish
        while True:
            end = 0.0
            is_event = event > first_event
            if is_event:
                end = event_time[event - 1]
            is_sample = False
            if sample > 0:
                is_sample = not is_event or sample_time[sample - 1] >= end
            if is_sample:
                end = sample_time[sample - 1]
            n_moved = 0
            if latest >= end:
                latest = -math.inf
                for k in range(n):
                    if rows[NEXT, k] >= end:
                        moved[n_moved, 0], moved[n_moved, 1] = cross_transitions(
                            t, end, k, low + k, spike_time, slope, slope_after, previous, of_time, threshold, reset,
                            tau_syn, clamp_time, holdoff_time, floor, rows, index, sums)  # fmt: skip
                        moved[n_moved, 2] = k
                        n_moved += 1
                    latest = larger(latest, rows[NEXT, k])
            if end < t:
                adjoint_row(rows[OF_MEMBRANE], rows[OF_CHARGE], rows[OF_TAU], t - end, uniform, tau_syn, low, n)
            for j in range(n_moved):
                k = int(moved[j, 2])
                rows[OF_CHARGE, k] = moved[j, 0]
                rows[OF_TAU, k] = moved[j, 1]
            t = end
            if is_sample:
                sample -= 1
                at = (trial * n_sample + sample) * n_neuron + low
                for k in range(n):
                    g = of_membrane[at + k]
                    if index[CLAMPED, k] != 0:
                        sums[RESET, k] += g
                    else:
                        rows[OF_MEMBRANE, k] += g
                        rows[OF_CHARGE, k] -= g
            elif is_event:
                event -= 1
                at = np.int64(event_source[event]) * n_neuron + low
                g = add_event(weight, at, rows, of_weight, sums[TAU_SYN], n, time_too)
                if time_too:
                    of_event[event] = g
            else:
                break
        for k in range(n):  # the membrane starts at the reset
            sums[RESET, k] += rows[OF_MEMBRANE, k]
