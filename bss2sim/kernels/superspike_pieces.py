"""Parts that both runs of training share: coefficients, narrow groups, lists of the spikes of a trial."""

from __future__ import annotations

import numpy as np

from .jit import part
from .packed import list_dense, list_events
from .superspike_steps import BUSY, K_MEM, K_SYN, LEAK, N_HOLD, N_REF, RESET, THRESHOLD
from .vector import clear_row, copy_row

N_PAD = 7  # rows a step of a group that does not fill a line


@part
def load_coefficients(
    low, n, n_neuron, k_mem, k_syn, threshold, reset, leak, n_refractory, n_holdoff, floats, integers
):
    """Fill the scratch for neurons low .. low + n of the flat axis; lanes beyond never fire and stay 0."""
    clear_row(floats, 0, floats.size)
    clear_row(integers, 0, integers.size)
    done = np.int64(0)
    while done < n:
        first = (low + done) % n_neuron
        part = min(n_neuron - first, n - done)
        copy_row(floats, K_MEM + done, k_mem, first, part)
        copy_row(floats, K_SYN + done, k_syn, first, part)
        if leak is not None:
            copy_row(floats, LEAK + done, leak, first, part)
        if threshold is not None:
            copy_row(floats, THRESHOLD + done, threshold, first, part)
            copy_row(floats, RESET + done, reset, first, part)
            for j in range(part):
                integers[BUSY + done + j] = -1
                integers[N_REF + done + j] = n_refractory[first + j]
                if n_holdoff is not None:
                    integers[N_HOLD + done + j] = n_holdoff[first + j]
        done += part


@part
def copy_in(pads, row, n_step, source, at, stride, n, width):
    """Copy the last, narrow group of a piece to pads."""
    for t in range(n_step):
        copy_row(pads, (row + t) * width, source, at + t * stride, n)


@part
def copy_out(target, at, stride, pads, row, n_step, n, width):
    """Copy the last, narrow group of a piece from pads."""
    for t in range(n_step):
        copy_row(target, at + t * stride, pads, (row + t) * width, n)


@part
def first_event(event_step, low, high, step):
    """Index of the first event of a trial at a step or later."""
    while low < high:
        middle = (low + high) // 2
        if event_step[middle] < step:
            low = middle + 1
        else:
            high = middle
    return low


@part
def list_spikes(
    trial, n_batch, t_first, n_step, spikes_in, event_step, event_source, event_pointer, n_input,
    index, grade, count, order, lists, bins, words, words_at,
):  # fmt: skip
    """List the input spikes of some steps of a trial, and mark dense ones; return whether all are 1."""
    plain = True
    if spikes_in is not None:
        plain = list_dense(spikes_in, (t_first * n_batch + trial) * n_input, n_batch * n_input, n_step, n_input,
                           index, grade, count, order, lists, bins, words, words_at)  # fmt: skip
    if event_step is not None:
        event = first_event(event_step, event_pointer[trial], event_pointer[trial + 1], t_first)
        list_events(event_step, event_source, event, event_pointer[trial + 1], t_first, n_step, n_input,
                    index, count, order, lists, bins)  # fmt: skip
    return plain
