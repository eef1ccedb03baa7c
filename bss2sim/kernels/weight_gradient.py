"""The gradient of packed weights: every input gathers that of the jumps in the steps of its spikes.

It is ``packed`` with the parts exchanged: there a step adds up the weights of its spikes, here an input adds the gradients of
the jumps in the steps of its spikes to what it has. So a sum is loaded and stored once for all steps of an interval, where
adding spike by spike would load and store it for each. Steps come in falling order, as the way back takes them.
"""

from __future__ import annotations

import numpy as np

from .codes import ROWS, ROWS_AHEAD
from .gather import is_plain
from .jit import part
from .packed import lay_out, prefetch_row
from .vector import nonzero_mask, trailing_zeros, without_lowest


@part
def _begin_lists(filler, n_input, index, count, order, lists, bins):
    """Lay out the lists of the inputs, filled up; `count` becomes where the list of an input starts.

    The copies of the last input that ``lay_out`` appends become the one beyond the last, which is none.
    """
    for k in range(lay_out(count, n_input, order, lists, bins)):
        index[k] = filler
    for m in range(n_input, n_input + ROWS - 1):
        order[m] = n_input
    for m in range(n_input):
        count[order[m]] = lists[m // ROWS] + m % ROWS


@part
def list_steps_of_dense(
    spikes, at, time_stride, n_row, filler, n_input, width, index, grade, count, order, lists, bins
):
    """List for each input of dense spikes the steps in which it spikes, the last one first; return whether all are 1.

    `index` is the element at which a step starts in rows of `width` neurons, `grade` the number that multiplies them: lists of four
    inputs at a time, from lists[k] on those of order[4 k : 4 k + 4], filled up with the element `filler`.
    """
    plain = True
    count[:n_input] = 0
    for row in range(n_row):
        prefetch_row(spikes, at + (row + ROWS_AHEAD) * time_stride, n_input)
        here = spikes[at + row * time_stride : at + row * time_stride + n_input]
        for k in range(n_input):
            count[k] += np.int64(here[k] != 0)
        if not is_plain(spikes, at + row * time_stride, n_input):
            plain = False
    _begin_lists(filler, n_input, index, count, order, lists, bins)
    if not plain:
        grade[: lists[(n_input + ROWS - 1) // ROWS]] = 0
    whole = n_input - n_input % 64
    for back in range(n_row):
        row = n_row - 1 - back
        offset = at + row * time_stride
        for first in range(0, whole, 64):
            mask = nonzero_mask(spikes, offset + first)
            while mask != 0:
                k = first + trailing_zeros(mask)
                mask = without_lowest(mask)
                index[count[k]] = row * width
                if not plain:
                    grade[count[k]] = spikes[offset + k]
                count[k] += ROWS
        for k in range(whole, n_input):
            if spikes[offset + k] != 0:
                index[count[k]] = row * width
                if not plain:
                    grade[count[k]] = spikes[offset + k]
                count[k] += ROWS
    return plain


@part
def list_steps_of_events(
    event_step, source, event, last_event, step, n_row, filler, n_input, width, index, count, order, lists, bins
):
    """List the steps of each input as :func:`list_steps_of_dense`, from the events `event` on of `n_row` steps from `step`."""
    count[:n_input] = 0
    first = event
    while event < last_event and event_step[event] < step + n_row:
        count[source[event]] += 1
        event += 1
    _begin_lists(filler, n_input, index, count, order, lists, bins)
    while event > first:
        event -= 1
        k = source[event]
        index[count[k]] = (event_step[event] - step) * width
        count[k] += ROWS
