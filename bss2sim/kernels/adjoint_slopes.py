"""Slopes of membranes without leak where their spikes and clamps need them, worked out again from the inputs.

Synaptic currents do not depend on spikes: with the times of the spikes known, one pass over the inputs finds v' = i/tau_mem at
each of them.
"""

from __future__ import annotations

import math

from .codes import BLOCK
from .elementary import called_decay, decay
from .gather import add_rows, add_signed_rows
from .jit import part
from .vector import use_wide_registers


@part
def decay_row(to, s, uniform, tau, n):
    """Let the currents of a row decay for s [s]."""
    use_wide_registers()
    if uniform:
        kept = called_decay(s / tau[0])[0]
        for k in range(n):
            to[k] = to[k] * kept
    else:
        for k in range(n):
            to[k] = to[k] * decay(s / tau[k])[0]


@part
def slope_after(current, k, s, tau_mem, tau_syn, neuron):
    """Slope of the free membrane of neuron number k of its block after s [s] [unit of the membrane/s]."""
    total = 0.0
    for x in range(tau_syn.shape[0]):
        total += current[x * BLOCK + k] * called_decay(s / tau_syn[x, neuron])[0]
    return total / tau_mem[neuron]


@part
def find_slopes(
    first_event, last_event, event_time, event_source, weight, first_spike, last_spike, spike_time, spike_neuron,
    n_neuron, low, n, finish, uniform, tau_mem, tau_syn, clamp_time,
    at_spike, at_release, previous, current, due, last,
):  # fmt: skip
    """Slope of the free membrane at each spike of neurons low .. low + n, and at the end of its clamp if that is before `finish`.

    Also links each spike to the one before of its neuron (-1: none); `last` becomes the last of each. Instants at the end of an
    interval belong to the next, as in ``events``.
    """
    pair = tau_syn.shape[0] == 2
    for k in range(n):
        current[k] = 0.0
        current[BLOCK + k] = 0.0
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
                if due[k] <= spike_time[spike]:
                    at_release[last[k]] = slope_after(current, k, due[k] - t, tau_mem, tau_syn, low + k)
                at_spike[spike] = slope_after(current, k, spike_time[spike] - t, tau_mem, tau_syn, low + k)
                previous[spike] = last[k]
                last[k] = spike
                due[k] = spike_time[spike] + clamp_time[low + k]
                soonest = min(soonest, due[k])
            spike += 1
        if soonest < end:
            soonest = math.inf
            for k in range(n):
                if due[k] < end:
                    at_release[last[k]] = slope_after(current, k, due[k] - t, tau_mem, tau_syn, low + k)
                    due[k] = math.inf
                soonest = min(soonest, due[k])
        if not is_event:
            return
        decay_row(current[:n], end - t, uniform, tau_syn[0, low : low + n], n)
        n_event = 1
        while event + n_event < last_event and event_time[event + n_event] == end:
            n_event += 1
        if pair:
            decay_row(current[BLOCK : BLOCK + n], end - t, uniform, tau_syn[1, low : low + n], n)
            add_signed_rows(event_source, event, n_event, weight, low, n_neuron, n, current)
        else:
            add_rows(event_source, event, n_event, weight, low, n_neuron, n, current)
        event += n_event
        t = end
