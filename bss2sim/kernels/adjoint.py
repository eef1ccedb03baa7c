"""Exact gradients of neurons without leak: the adjoint of the exact integrator (EventProp), backwards in time.

Of the run nothing is kept but its spikes. Synaptic currents do not depend on spikes, so a pass forwards over the inputs finds
the slope of the membrane at each spike and at the end of its clamp; a pass backwards follows the adjoint of each neuron.

With q = (tau_syn/tau_mem) i, the charge still to come, and a, b the adjoints of v and q: `lv` is a (0 in the clamp), `p` is b - a,
and `m` gathers what belongs to tau_syn. a jumps at spikes and at ends of clamps, b never does. With a pair of synaptic time
constants there are two of b, `p` and `m`; the sign of a weight says which of them it feels, 0 counting as positive. All float64.

Source: T. Wunderlich and C. Pehle, Scientific Reports 11:12829, 2021, for neurons without leak, with clamp and holdoff.
"""

from __future__ import annotations

import math

import numpy as np

from .adjoint_slopes import find_slopes
from .elementary import called_decay, decay
from .jit import kernel, part, rule
from .scalars import larger
from .vector import use_wide_registers

# Rows of the sums over trials, and of the scratch of a task; the inhibitory row of two follows the other.
THRESHOLD, RESET, TAU_SYN, TAU_INH, REFRACTORY_TIME, CLAMP_TIME = range(6)
N_SUM = 6
OF_MEMBRANE, OF_CHARGE, OF_CHARGE_INH, OF_TAU, OF_TAU_INH, NEXT, CARRY, INVERSE_MEM, TERM = range(9)
N_ROW = 9
LAST, CLAMPED, MOVED = range(3)
N_INDEX_ROW = 3
N_MOVED = 4


@rule
def adjoint_interval(lv, p, m, kept, lost, share):
    """Adjoint an interval s earlier: p exp(-x) and m exp(-x) + lv (1 - exp(-x)) + p x exp(-x), `share` = x exp(-x), x = s/tau_syn.

    Returns (p, m) [gradient of the loss / unit of the membrane]; lv stays.
    """
    return p * kept, m * kept + lv * lost + p * share


@part
def adjoint_row(a, b, c, s, uniform, tau, n):
    """Take all neurons of a row back by s [s]: lv, p, m."""
    use_wide_registers()
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
def move_one(rows, k, s, tau_syn, neuron):
    """Take neuron number k of its block back by s [s]."""
    for j in range(tau_syn.shape[0]):
        x = s / tau_syn[j, neuron]
        kept, lost = called_decay(x)
        rows[OF_CHARGE + j, k], rows[OF_TAU + j, k] = adjoint_interval(
            rows[OF_MEMBRANE, k], rows[OF_CHARGE + j, k], rows[OF_TAU + j, k], kept, lost, x * kept)  # fmt: skip


@part
def set_adjoint(rows, k, lv):
    """Let the adjoint of the membrane jump to `lv`; that of the charges does not."""
    change = lv - rows[OF_MEMBRANE, k]
    rows[OF_MEMBRANE, k] = lv
    rows[OF_CHARGE, k] -= change
    rows[OF_CHARGE_INH, k] -= change


@part
def cross_transitions(
    t, end, k, neuron, spike_time, at_spike, at_release, previous, of_time, threshold, reset, tau_syn, clamp_time,
    holdoff_time, floor, rows, index, sums,
):  # fmt: skip
    """Take neuron `neuron`, number k of its block, back from t to `end` [s] through spikes and ends of clamps on the way."""
    while rows[NEXT, k] >= end:
        spike = index[LAST, k]
        if rows[NEXT, k] < t:
            move_one(rows, k, t - rows[NEXT, k], tau_syn, neuron)
            t = rows[NEXT, k]
        if index[CLAMPED, k] == 0:
            # The end of the clamp moves with the spike: later by dt, it leaves v lower by v' dt.
            g = -rows[OF_MEMBRANE, k] * at_release[spike]
            sums[RESET, k] += rows[OF_MEMBRANE, k]
            sums[CLAMP_TIME, k] += g
            rows[CARRY, k] += g
            set_adjoint(rows, k, 0.0)
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
                lv = -g / larger(at_spike[spike], floor[neuron])
                sums[THRESHOLD, k] -= lv
                set_adjoint(rows, k, lv)
            index[CLAMPED, k] = 0
            index[LAST, k] = before
            rows[NEXT, k] = -math.inf
            if before >= 0:
                rows[NEXT, k] = spike_time[before] + clamp_time[neuron]
    if end < t:
        move_one(rows, k, t - end, tau_syn, neuron)


@part
def add_event(weight, at, rows, of_weight, sums, n, pair):
    """Gradients of one input: its weights, and their part in those of the synaptic time constants."""
    use_wide_registers()
    w = weight[at : at + n]
    a = rows[OF_MEMBRANE, :n]
    b = rows[OF_CHARGE, :n]
    c = rows[OF_TAU, :n]
    to = of_weight[at : at + n]
    tau = sums[TAU_SYN, :n]
    if not pair:
        for k in range(n):
            to[k] = to[k] + (a[k] + b[k])
            tau[k] = tau[k] + w[k] * c[k]
    else:
        b_inh = rows[OF_CHARGE_INH, :n]
        c_inh = rows[OF_TAU_INH, :n]
        tau_inh = sums[TAU_INH, :n]
        for k in range(n):
            inhibits = w[k] < 0.0
            to[k] = to[k] + (a[k] + (b_inh[k] if inhibits else b[k]))
            tau[k] = tau[k] + (0.0 if inhibits else w[k] * c[k])
            tau_inh[k] = tau_inh[k] + (w[k] * c_inh[k] if inhibits else 0.0)


@part
def time_gradient(weight, at, rows, n, pair):
    """Gradient of the time of one input [1/s]."""
    use_wide_registers()
    w = weight[at : at + n]
    b = rows[OF_CHARGE, :n]
    rate = rows[INVERSE_MEM, :n]
    term = rows[TERM, :n]
    if not pair:
        for k in range(n):
            term[k] = w[k] * b[k] * rate[k]
    else:
        b_inh = rows[OF_CHARGE_INH, :n]
        for k in range(n):
            term[k] = w[k] * (b_inh[k] if w[k] < 0.0 else b[k]) * rate[k]
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
    at_spike, at_release, previous, current, rows, index, moved,
):  # fmt: skip
    """Gradients of neurons low .. low + n in some trials.

    Inputs in [0, `finish`) [s] by trial, `weight` flat (input, neuron). Spikes by trial, sorted by time, and `of_time` the gradient
    of the loss with respect to their times [1/s]; `of_membrane` flat (trial, sample, neuron), to the membrane at `sample_time`.
    `tau_syn`: (1 or 2, neuron); `uniform`: all neurons share it. `floor`: least slope at a spike that its gradient is divided by
    [unit of the membrane/s]. `at_spike`, `at_release`, `previous` are scratch of as many entries as there are spikes.

    Outputs are added to: `of_weight` flat (input, neuron), in units of tau_syn/tau_mem; `sums` (N_SUM, n), those of tau_syn in
    units of 1/tau_mem; and, if `time_too`, `of_event`, written [1/s].
    """
    n_sample = sample_time.size
    pair = tau_syn.shape[0] == 2
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
            at_spike, at_release, previous, current, rows[NEXT], index[LAST])  # fmt: skip
        latest = -math.inf
        for k in range(n):
            for row in range(OF_MEMBRANE, NEXT):
                rows[row, k] = 0.0
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
            # Neurons with something on the way keep their numbers aside: the rows move all at once.
            n_moved = 0
            if latest >= end:
                for k in range(n):
                    if rows[NEXT, k] >= end:
                        for row in range(N_MOVED):
                            moved[n_moved, row] = rows[OF_CHARGE + row, k]
                        index[MOVED, n_moved] = k
                        n_moved += 1
            if end < t:
                for j in range(tau_syn.shape[0]):
                    adjoint_row(rows[OF_MEMBRANE], rows[OF_CHARGE + j], rows[OF_TAU + j], t - end, uniform,
                                tau_syn[j, low : low + n], n)  # fmt: skip
            for m in range(n_moved):
                k = index[MOVED, m]
                for row in range(N_MOVED):
                    rows[OF_CHARGE + row, k] = moved[m, row]
                cross_transitions(
                    t, end, k, low + k, spike_time, at_spike, at_release, previous, of_time, threshold, reset, tau_syn,
                    clamp_time, holdoff_time, floor, rows, index, sums)  # fmt: skip
            if n_moved > 0:
                latest = -math.inf
                for k in range(n):
                    latest = larger(latest, rows[NEXT, k])
            t = end
            if is_sample:
                sample -= 1
                at = (trial * n_sample + sample) * n_neuron + low
                for k in range(n):
                    g = of_membrane[at + k]
                    if index[CLAMPED, k] != 0:
                        sums[RESET, k] += g
                    else:
                        set_adjoint(rows, k, rows[OF_MEMBRANE, k] + g)
            elif is_event:
                event -= 1
                at = np.int64(event_source[event]) * n_neuron + low
                add_event(weight, at, rows, of_weight, sums, n, pair)
                if time_too:
                    of_event[event] = time_gradient(weight, at, rows, n, pair)
            else:
                break
        for k in range(n):  # the membrane starts at the reset
            sums[RESET, k] += rows[OF_MEMBRANE, k]
