"""One neuron from one instant to another, exactly: crossings, and the ends of clamp and holdoff.

The vector loops (``grid``, ``events``) move whole rows of neurons over an interval in closed form. A neuron that may
fire in the interval, or whose clamp or holdoff ends in it, goes through :func:`advance` or :func:`advance_single`
instead. All float64.

Phases: FREE, CLAMPED (v = reset) and HOLDOFF (free but silent). An interval is half open: what happens exactly at its
end belongs to the next one, so that a run can be cut anywhere.
"""

from __future__ import annotations

import math

from .codes import CLAMPED, FREE, HOLDOFF, MOST_SPIKES, TOO_FAST
from .crossing import crossing_leaky, crossing_pair
from .elementary import called_decay as decay
from .elementary import called_log1p as log1p
from .elementary import leaky_gain
from .jit import part
from .noise import THRESHOLD, standard_normal
from .scalars import smaller

MOST_SORTED = 256  # spikes of one interval sorted by insertion; more are left to a better algorithm
# A test that only decides whether to look closer errs on this side, so that the decision itself, which compares
# crossing times, does not depend on where an interval ends.
SLACK = 1e-14


@part
def move(v, i, j, s, leak, tau_mem, tau_syn, tau_inh):
    """Free membrane and currents after a time s [s]. `tau_inh` None: one current; `leak` None: no leak."""
    kept, lost = decay(s / tau_syn)
    if leak is None:
        change = tau_syn / tau_mem * lost * i
        if tau_inh is not None:
            kept_inh, lost_inh = decay(s / tau_inh)
            change = change + tau_inh / tau_mem * lost_inh * j
            return v + change, i * kept, j * kept_inh
        return v + change, i * kept, j
    change = leaky_gain(s, tau_mem, tau_syn) * i - (v - leak) * decay(s / tau_mem)[1]
    if tau_inh is not None:
        change = change + leaky_gain(s, tau_mem, tau_inh) * j
        return v + change, i * kept, j * decay(s / tau_inh)[0]
    return v + change, i * kept, j


@part
def cross_pair(v, i, j, threshold, leak, tau_mem, tau_syn, tau_inh, within):
    """Time until v first rises through the threshold [s], infinity if never; no leak, two currents.

    This and the next two take the same arguments, used or not, so that :func:`advance` can be given any of them; a time
    beyond `within` [s] need not be right.
    """
    return crossing_pair(v, i, j, threshold, tau_mem, tau_syn, tau_inh)


@part
def cross_leaky(v, i, j, threshold, leak, tau_mem, tau_syn, tau_inh, within):
    """The same with leak and one current."""
    return crossing_leaky(v, i, None, threshold, leak, tau_mem, tau_syn, None)


@part
def cross_leaky_pair(v, i, j, threshold, leak, tau_mem, tau_syn, tau_inh, within):
    """The same with leak and two currents."""
    return crossing_leaky(v, i, j, threshold, leak, tau_mem, tau_syn, tau_inh)


@part
def pulled(v, reset, s, tau_reset):
    """Clamped membrane after a time s [s]."""
    return reset + (v - reset) * decay(s / tau_reset)[0]


@part
def noisy_threshold(threshold, number, noise):
    """Threshold of spike `number`, counted from 0, of a circuit; `noise` as in :func:`advance`."""
    _, spread, circuit, batch, run, seed = noise
    if not spread > 0.0:
        return threshold
    return threshold + spread * standard_normal(number, circuit, THRESHOLD, batch, run, seed)


@part
def advance(
    t, end, v, i, j, phase, transition,
    moving, crossing, threshold, reset, leak, tau_mem, tau_syn, tau_inh, clamp_time, holdoff_time, tau_reset, number, noise,
    emit_from, trial, neuron, spike_time, spike_neuron, n_found, status,
):  # fmt: skip
    """Move one neuron with leak, or with two currents, from t to `end` through everything that happens on the way.

    Times in seconds. Parameters are those of the neuron; `moving` is the free membrane (:func:`move`, or one like it),
    `crossing` finds the time to threshold (one of the functions above), `transition` is the end of the phase.
    `tau_reset` is the time constant [s] of the clamp, which pulls the membrane from the threshold to the reset; None:
    v = reset in the clamp. `noise` is None, or (level, spread, circuit, batch, run, seed): the present threshold, which is
    drawn anew after each spike (:func:`noisy_threshold`), `number` having been fired, and the arguments of
    ``noise.standard_normal``. Spikes before `emit_from` are not put out (infinity: none); those beyond the length of
    `spike_time` are counted. `status` receives a code, the trial and the neuron if something is wrong. Returns (v, phase,
    transition, n_found, (number, level, time of the first spike found here, else infinity)); the currents do not depend
    on what happens here.
    """
    level = threshold
    if noise is not None:
        level = noise[0]
    if phase == CLAMPED and transition >= end:
        if tau_reset is None:
            v = reset
        if tau_reset is not None:
            v = pulled(v, reset, end - t, tau_reset)
        return v, phase, transition, n_found, (number, level, math.inf)
    last = -math.inf
    first = math.inf
    n_fired = 0
    while True:
        fires = False
        if phase == CLAMPED:
            stop = smaller(transition, end)
            if tau_reset is None:
                v = reset
            if stop > t:
                if tau_reset is not None:
                    v = pulled(v, reset, stop - t, tau_reset)
            if transition >= end:
                return v, phase, transition, n_found, (number, level, first)
            if transition > t:
                _, i, j = moving(v, i, j, transition - t, leak, tau_mem, tau_syn, tau_inh)
                t = transition
            phase = HOLDOFF
            transition = t + holdoff_time
        if phase == HOLDOFF:
            if transition >= end:
                v, _, _ = moving(v, i, j, end - t, leak, tau_mem, tau_syn, tau_inh)
                return v, phase, transition, n_found, (number, level, first)
            if transition > t:
                v, i, j = moving(v, i, j, transition - t, leak, tau_mem, tau_syn, tau_inh)
                t = transition
            phase = FREE
            transition = math.inf
            fires = v > level
        if not fires:
            s = crossing(v, i, j, level, leak, tau_mem, tau_syn, tau_inh, end - t)
            if not t + s < end:
                v, _, _ = moving(v, i, j, end - t, leak, tau_mem, tau_syn, tau_inh)
                return v, phase, transition, n_found, (number, level, first)
            _, i, j = moving(v, i, j, s, leak, tau_mem, tau_syn, tau_inh)
            t = t + s
        n_fired += 1
        if t == last or n_fired > MOST_SPIKES:
            status[0], status[1], status[2] = TOO_FAST, trial, neuron
            return v, phase, transition, n_found, (number, level, first)
        last = t
        first = smaller(first, t)
        number += 1
        v = reset
        if tau_reset is not None:
            v = threshold
        if noise is not None:
            level = noisy_threshold(threshold, number, noise)
        phase = CLAMPED
        transition = t + clamp_time
        if t >= emit_from:
            if n_found < spike_time.size:
                spike_time[n_found] = t
                spike_neuron[n_found] = neuron
            n_found += 1
        if transition >= end:
            if tau_reset is not None:
                v = pulled(v, reset, end - t, tau_reset)
            return v, phase, transition, n_found, (number, level, first)


@part
def advance_single(
    t, end, v, asymptote, i, phase, transition, threshold, reset, tau_syn, scale, clamp_time, holdoff_time,
    emit_from, trial, neuron, spike_time, spike_neuron, n_found, status,
):  # fmt: skip
    """Move one neuron without leak and with one current from t to `end`; as :func:`advance`.

    `asymptote` is what the present current leads to, v + `scale` i with `scale` = tau_syn/tau_mem. It changes at inputs
    only, so no rounding adds up in it from step to step: a neuron whose asymptote is the threshold never fires,
    however long it takes. Returns (v, asymptote, phase, transition, n_found).
    """
    if phase == CLAMPED and transition >= end:
        return reset, asymptote, phase, transition, n_found
    last = -math.inf
    n_fired = 0
    moved = False
    while True:
        fires = False
        if phase != FREE:
            if phase == CLAMPED:
                if transition > t:
                    i = i * decay((transition - t) / tau_syn)[0]
                    t = transition
                v = reset
                asymptote = reset + scale * i
                phase = HOLDOFF
                transition = t + holdoff_time
            stop = smaller(transition, end)
            if stop > t:
                kept, lost = decay((stop - t) / tau_syn)
                v = v + scale * lost * i
                i = i * kept
                t = stop
            if transition >= end:
                return v, asymptote, phase, transition, n_found
            phase = FREE
            transition = math.inf
            fires = v > threshold
            moved = True
        if not fires:
            charge = scale * i
            t_next = math.inf
            if asymptote > threshold and charge > 0.0:
                # v is monotone: no logarithm unless it ends above threshold, or so near that rounding may decide
                v_end = v
                if moved:
                    v_end = v + charge * decay((end - t) / tau_syn)[1]
                if not moved or v_end + SLACK * (abs(v) + abs(v_end - v)) > threshold:
                    share = (threshold - v) / charge
                    if share <= 0.0:
                        t_next = t
                    elif share < 1.0:
                        t_next = t - tau_syn * log1p(-share)
            if not t_next < end:
                return v + charge * decay((end - t) / tau_syn)[1], asymptote, phase, transition, n_found
            if t_next > t:
                i = i - (threshold - v) / scale  # exact: what the membrane rose, the charge lost
                t = t_next
        n_fired += 1
        if t == last or n_fired > MOST_SPIKES:
            status[0], status[1], status[2] = TOO_FAST, trial, neuron
            return v, asymptote, phase, transition, n_found
        last = t
        phase = CLAMPED
        transition = t + clamp_time
        if t >= emit_from:
            if n_found < spike_time.size:
                spike_time[n_found] = t
                spike_neuron[n_found] = neuron
            n_found += 1
        if transition >= end:
            return reset, asymptote, phase, transition, n_found


@part
def sort_spikes(spike_time, spike_neuron, first, end):
    """Sort the spikes of one interval by (time, neuron) if they are few; return whether they are sorted."""
    for k in range(first + 1, end):
        t = spike_time[k]
        n = spike_neuron[k]
        m = k
        while m > first and (spike_time[m - 1] > t or (spike_time[m - 1] == t and spike_neuron[m - 1] > n)):
            if end - first > MOST_SORTED:
                return False
            spike_time[m] = spike_time[m - 1]
            spike_neuron[m] = spike_neuron[m - 1]
            m -= 1
        spike_time[m] = t
        spike_neuron[m] = n
    return True
