"""Spikes on a GPU: found by threads in any order, put into the order (trial, time, neuron) without the processor's help.

A thread takes a place in the buffer by an atomic count, which goes on beyond the end of the buffer: too small a one is
seen, and the run repeated. Spikes are then sorted by counting: those of a trial fall into bins of time, a bin into its part of
the result, and within a bin a spike stands where as many precede it as it has predecessors. No two spikes of a trial have
the same time and neuron, so the result is the same in whatever order they were found.
"""

from __future__ import annotations

import numpy as np

from . import bins
from .codes import MOST_IN_BIN
from .cuda import Kernel, cuda, device_function, on_device

SPARSE, COUNT, FIRST, DENSE, NOTHING = 0, 1, 2, 3, 4  # what is kept of spikes
# What threads report: the lowest task (trial * n_neuron + neuron) of each fault, this if there is none.
NO_FAULT = 2**62

row_of_spike = on_device(bins.row_of_spike)


@device_function
def keep_spike(time, task, what, spike_time, spike_task, n_spike, count, first):
    """Keep a spike of a task: in the buffer, as one more of the task, or as its first. `time` [s], or a step."""
    if what == SPARSE:
        place = cuda.atomic.add(n_spike, 0, 1)
        if place < spike_time.size:
            spike_time[place] = time
            spike_task[place] = task
    if what == COUNT:
        count[task] += 1
    if what == FIRST:
        if time < first[task]:
            first[task] = time


@device_function
def clear_bins(spikes, at, n_row, stride):
    """Empty the bins of a task: those from element `at` on, a stride apart."""
    for row in range(n_row):
        spikes[at + row * stride] = 0


@device_function
def bin_spike(time, begin, start_step, dt, spikes, at, n_row, stride):
    """Count a spike at `time` [s] in its bin; return whether the bin could hold it."""
    row = row_of_spike(time, begin, start_step, dt)
    row = max(0, min(row, n_row - 1))  # the last bin may be a part of dt; its spikes are before the end
    place = at + row * stride
    if spikes[place] == MOST_IN_BIN:
        return False
    spikes[place] += 1
    return True


@device_function
def report_fault(report, fault, task):
    """Note a fault (``codes``: TOO_FAST, NOT_FINITE, BIN_FULL) of a task."""
    cuda.atomic.min(report, fault - 1, task)


@device_function
def bin_of(time, begin, width, n_bin):
    """Bin of a time, in bins of a width from `begin` on; never one before that of an earlier time."""
    at = (time - begin) / width
    if at < 1:
        return np.int64(0)
    return min(np.int64(at), np.int64(n_bin - 1))


def _count(n_spike, spike_time, spike_task, n_neuron, begin, width, n_bin, size):
    """Count the spikes of each bin (trial, bin)."""
    k = cuda.grid(1)
    if k < n_spike:
        at = spike_task[k] // n_neuron * n_bin + bin_of(spike_time[k], begin, width, n_bin)
        cuda.atomic.add(size, at, 1)


def _scatter(n_spike, spike_time, spike_task, n_neuron, begin, width, n_bin, place, time, task):
    """Put spikes into the part of their bin; `place` (trial, bin) is where it begins, and where it ends afterwards."""
    k = cuda.grid(1)
    if k < n_spike:
        at = spike_task[k] // n_neuron * n_bin + bin_of(spike_time[k], begin, width, n_bin)
        to = cuda.atomic.add(place, at, 1)
        time[to] = spike_time[k]
        task[to] = spike_task[k]


def _rank(n_spike, time, task, n_neuron, begin, width, n_bin, place, sorted_time, sorted_neuron):
    """Put each spike where it stands within its bin; `place` is where the bins end."""
    k = cuda.grid(1)
    if k < n_spike:
        t = time[k]
        m = task[k]
        at = m // n_neuron * n_bin + bin_of(t, begin, width, n_bin)
        low = 0
        if at > 0:
            low = place[at - 1]
        to = low
        for other in range(low, place[at]):
            if time[other] < t or (time[other] == t and task[other] < m):
                to += 1
        sorted_time[to] = t
        sorted_neuron[to] = m % n_neuron


count_bins, scatter_bins, rank_bins = Kernel(_count), Kernel(_scatter), Kernel(_rank)
