"""Exact membranes on a GPU: what the loops over the grid and over events have in common for one trial and neuron.

The functions of ``grid``, ``events`` and ``exact`` are compiled for a row of one neuron, which ends up in registers.
"""

from __future__ import annotations

import functools

import numpy as np

from . import exact, exact_rows, grid
from .codes import BIN_FULL
from .cuda import cuda, device_function, on_device
from .cuda_spikes import COUNT, DENSE, FIRST, SPARSE, bin_spike

MOST_AT_ONCE = 8  # spikes of an interval that a thread notes by itself

_CROSSING = {
    (None, None): exact.cross_pair,  # not called: without leak and with one current there is `advance_single`
    (None, True): exact.cross_pair,
    (True, None): exact.cross_leaky,
    (True, True): exact.cross_leaky_pair,
}

advance_single, move = on_device(exact.advance_single), on_device(exact.move)
step_row, open_gates = on_device(exact_rows.step_row), on_device(exact_rows.open_gates)
sample_row = on_device(grid.sample_row)


def crossing(leaks, pair):
    """How to find the time to threshold."""
    return on_device(_CROSSING[leaks, pair])


@functools.cache
def advancer(leaks, pair):
    """Return the device function that moves a neuron to `end` and keeps its spikes.

    A few spikes are noted by the thread and then kept. If there are more, room is taken for all of them, and the neuron takes
    the same way again: what happens on it does not depend on where spikes are noted.
    """
    advance, cross = on_device(exact.advance), crossing(leaks, pair)
    coupled = True if leaks is not None or pair is not None else None

    @device_function
    def advance_neuron(
        t, end, v, i, third, phase, transition, threshold, reset, leak, tau_mem, tau_syn, tau_inh, scale, clamp_time, holdoff_time,
        emit_from, trial, task, times, tasks, status, what, spike_time, spike_task, n_spike, count, first,
        spikes, bin_at, n_row, n_recorded, begin, start_step, dt,
    ):  # fmt: skip
        """Return (v, third, phase, transition); `third` is the asymptote or the second current, as in ``grid``.

        The bins of the neuron are those of `spikes` from element `bin_at` on, `n_recorded` apart.
        """
        to_time, to_task, place = times, tasks, np.int64(0)
        noted = False
        while True:
            if coupled is None:
                new, asymptote, new_phase, ends, found = advance_single(
                    t, end, v, third, i, phase, transition, threshold, reset, tau_syn, scale, clamp_time, holdoff_time,
                    emit_from, trial, task, to_time, to_task, place, status)  # fmt: skip
            if coupled is not None:
                asymptote = third
                j = None
                t_inh = None
                rest = None
                if pair is not None:
                    j = third
                    t_inh = tau_inh
                if leaks is not None:
                    rest = leak
                new, new_phase, ends, found, _ = advance(
                    t, end, v, i, j, phase, transition,
                    move, cross, threshold, reset, rest, tau_mem, tau_syn, t_inh, clamp_time, holdoff_time, None,
                    np.int64(0), None, emit_from, trial, task, to_time, to_task, place, status)  # fmt: skip
            if status[0] != 0 or found == 0:
                return new, asymptote, new_phase, ends
            if what == DENSE and (noted or found <= MOST_AT_ONCE):
                for k in range(place, found):
                    if not bin_spike(to_time[k], begin, start_step, dt, spikes, bin_at, n_row, n_recorded):
                        status[0] = BIN_FULL
                        return new, asymptote, new_phase, ends
                return new, asymptote, new_phase, ends
            if what == COUNT:
                count[task] += found
            if what == FIRST:
                first[task] = min(first[task], times[0])
            if noted or (what != SPARSE and what != DENSE):
                return new, asymptote, new_phase, ends
            place = cuda.atomic.add(n_spike, 0, found)
            if found <= MOST_AT_ONCE:
                for k in range(found):
                    if place + k < spike_time.size:
                        spike_time[place + k] = times[k]
                        spike_task[place + k] = task
                return new, asymptote, new_phase, ends
            if place + found > spike_time.size:  # the run will be repeated, with room for all
                return new, asymptote, new_phase, ends
            to_time, to_task = spike_time, spike_task
            noted = True

    return advance_neuron
