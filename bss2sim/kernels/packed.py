"""From input spikes to jumps of the synaptic current through weights packed by groups of neurons.

The spikes of a tile of steps are listed once for all neurons, then each group of neurons, whose weights fit the first-level
cache, adds its weights for four steps at a time: four sums that do not wait for one another. Steps of about as many spikes go
together, and the shorter lists of four are filled up with a last input, whose weights are zero. The sum of a step is in the order
of the inputs, as everywhere (``gather``).
"""

from __future__ import annotations

import numpy as np

from .codes import AT_ONCE, ON_TOP, ONWARDS, ROWS, ROWS_AHEAD
from .jit import part, rule
from .lanes import element, fill_lanes, four_elements, lane_count, load_lanes, put_element, select, store_lanes
from .prefetch import prefetch_row
from .scalars import larger
from .vector import (
    count_bits,
    graded_mask,
    inline_here,
    nonzero_mask,
    trailing_zeros,
    without_lowest,
)


@part
def lay_out(count, n_row, order, lists, bins):
    """Order steps by their number of spikes, and find where the lists of four of them start (`lists`); the last entry is the end.

    `order` ends with copies of the last step, up to a multiple of four.
    """
    most = np.int64(0)
    for row in range(n_row):
        most = larger(most, count[row])
    bins[: most + 2] = 0
    for row in range(n_row):
        bins[count[row] + 1] += 1
    for k in range(most + 1):
        bins[k + 1] += bins[k]
    for row in range(n_row):
        order[bins[count[row]]] = row
        bins[count[row]] += 1
    last = order[n_row - 1]
    for m in range(n_row, n_row + ROWS - 1):
        order[m] = last
    lists[0] = 0
    n_list = (n_row + ROWS - 1) // ROWS
    for k in range(n_list):
        lists[k + 1] = lists[k] + ROWS * count[order[ROWS * k + ROWS - 1]]
    return lists[n_list]


@part
def mark_dense(spikes, at, time_stride, n_row, n_input, words, words_at):
    """Mark the spikes of some steps of dense input, a bit each; return whether all are 1.

    A step is as many words of 64 inputs as it takes, from words[words_at] on.
    """
    graded = np.uint64(0)
    whole = n_input - n_input % 64
    to = words_at
    for row in range(n_row):
        offset = at + row * time_stride
        prefetch_row(spikes, offset + ROWS_AHEAD * time_stride, n_input)
        for first in range(0, whole, 64):
            put_element(words, to, nonzero_mask(spikes, offset + first))
            graded |= graded_mask(spikes, offset + first)
            to += 1
        if whole < n_input:
            mask = np.uint64(0)
            for k in range(n_input - whole):
                if spikes[offset + whole + k] != 0:
                    mask |= np.uint64(1) << np.uint64(k)
                    if spikes[offset + whole + k] != 1:
                        graded |= np.uint64(1)
            put_element(words, to, mask)
            to += 1
    return graded == 0


@part
def list_dense(spikes, at, time_stride, n_row, n_input, index, grade, count, order, lists, bins, words, words_at):
    """List the spikes of some steps of dense input; return whether all are 1.

    `index` is the input of a spike, `grade` the number that multiplies its weights: four lists at a time (spike, step), from
    lists[k] on those of the steps order[4 k : 4 k + 4], the shorter ones filled up with input n_input. Marks the spikes too, see
    :func:`mark_dense`.
    """
    plain = mark_dense(spikes, at, time_stride, n_row, n_input, words, words_at)
    n_word = (n_input + 63) // 64
    for row in range(n_row):
        n_spike = np.int64(0)
        for k in range(n_word):
            n_spike += count_bits(element(words, words_at + row * n_word + k))
        count[row] = n_spike
    end = lay_out(count, n_row, order, lists, bins)
    for k in range(end):
        index[k] = n_input
    for m in range((n_row + ROWS - 1) // ROWS * ROWS):
        to = lists[m // ROWS] + m % ROWS
        for word in range(n_word):
            mask = element(words, words_at + order[m] * n_word + word)
            n_spike = count_bits(mask)
            for _ in range(0, n_spike, AT_ONCE):
                # Several without a branch that depends on them; what is not a spike adds nothing, and
                # where it does not belong to this step it is written over later.
                for _ in range(AT_ONCE):
                    put_element(index, to, select(mask != 0, 64 * word + trailing_zeros(mask), n_input))
                    mask = without_lowest(mask)
                    to += ROWS
            to += ROWS * (n_spike - (n_spike + AT_ONCE - 1) // AT_ONCE * AT_ONCE)
        if not plain:
            offset = at + order[m] * time_stride
            for k in range(lists[m // ROWS] + m % ROWS, to, ROWS):
                grade[k] = spikes[offset + np.int64(index[k])]
            for k in range(to, lists[m // ROWS + 1], ROWS):
                grade[k] = 0
    return plain


@part
def list_events(event_step, source, event, last_event, step, n_row, n_input, index, count, order, lists, bins):
    """List the events from `event` on of some steps, from `step`, as :func:`list_dense`; return the first after them."""
    first = event
    for row in range(n_row):
        before = event
        while event < last_event and event_step[event] == step + row:
            event += 1
        count[row] = event - before
    end = lay_out(count, n_row, order, lists, bins)
    for k in range(end):
        index[k] = n_input
    for row in range(n_row):  # where the events of a step start
        count[row], first = first, first + count[row]
    for m in range((n_row + ROWS - 1) // ROWS * ROWS):
        k = count[order[m]]
        to = lists[m // ROWS] + m % ROWS
        while k < event and event_step[k] == step + order[m]:
            index[to] = source[k]
            to += ROWS
            k += 1
    return event


@rule
def weighted_lanes(packed, start, grade, k, plain):
    """Weights of a spike's input for a group of neurons, times the grade of the spike."""
    w = load_lanes(packed, start)
    if not plain:
        w = fill_lanes(grade[k], w) * w
    return w


@part
def gather_list(packed, here, index, grade, plain, order, lists, m, n_row, drive, at, pair, onto):
    """Jumps of a group of neurons in the steps order[m : m + 4] of a tile, see :func:`gather_packed`."""
    inline_here()
    zero = fill_lanes(0, load_lanes(packed, here))
    width = lane_count(drive)
    a = zero
    b = zero
    c = zero
    d = zero
    first = lists[m // ROWS]
    end = lists[m // ROWS + 1]
    a_at = at + order[m] * width
    b_at = at + order[m + 1] * width
    c_at = at + order[m + 2] * width
    d_at = at + order[m + 3] * width
    if onto is not None:
        if onto == ONWARDS:
            if first == end:
                return
            a = load_lanes(drive, a_at)
            b = load_lanes(drive, b_at)
            c = load_lanes(drive, c_at)
            d = load_lanes(drive, d_at)
    a_inh = zero
    b_inh = zero
    c_inh = zero
    d_inh = zero
    for k in range(first, end, ROWS):
        first_input, second, third, fourth = four_elements(index, k)
        w = weighted_lanes(packed, here + first_input * width, grade, k, plain)
        x = weighted_lanes(packed, here + second * width, grade, k + 1, plain)
        y = weighted_lanes(packed, here + third * width, grade, k + 2, plain)
        z = weighted_lanes(packed, here + fourth * width, grade, k + 3, plain)
        if pair is not None:
            a_inh = a_inh + select(w < zero, w, zero)
            b_inh = b_inh + select(x < zero, x, zero)
            c_inh = c_inh + select(y < zero, y, zero)
            d_inh = d_inh + select(z < zero, z, zero)
            w = select(w < zero, zero, w)
            x = select(x < zero, zero, x)
            y = select(y < zero, zero, y)
            z = select(z < zero, zero, z)
        a = a + w
        b = b + x
        c = c + y
        d = d + z
    if onto is not None:
        if onto == ON_TOP:
            a = load_lanes(drive, a_at) + a
            b = load_lanes(drive, b_at) + b
            c = load_lanes(drive, c_at) + c
            d = load_lanes(drive, d_at) + d
    store_lanes(drive, a_at, a)
    store_lanes(drive, b_at, b)
    store_lanes(drive, c_at, c)
    store_lanes(drive, d_at, d)
    if pair is not None:
        size = n_row * width
        store_lanes(drive, size + a_at, a_inh)
        store_lanes(drive, size + b_at, b_inh)
        store_lanes(drive, size + c_at, c_inh)
        store_lanes(drive, size + d_at, d_inh)


@part
def gather_packed(packed, here, index, grade, plain, order, lists, n_row, drive, at, pair, onto):
    """Jumps of a group of neurons in the steps of a tile: `drive` from element `at` on (sign, step, neuron), sign with `pair` only.

    `packed` holds the weights of the group, (input, neuron) and a last input of zeros, from element `here` on. With `onto` None or
    IN_PLACE all steps are written; ONWARDS adds weights, one after the other, to what `drive` holds, and leaves steps without
    spikes alone; ON_TOP adds the sums of weights to it.
    """
    for m in range(0, n_row, ROWS):
        gather_list(packed, here, index, grade, plain, order, lists, m, n_row, drive, at, pair, onto)
