"""The gradient of packed weights: every input gathers that of the jumps in the steps of its spikes.

It is ``packed`` with the parts exchanged: there a step adds up the weights of its spikes, here an input adds the gradients of
the jumps in the steps of its spikes to what it has. So a sum is loaded and stored once for all steps of an interval of some
trials, where adding spike by spike would load and store it for each. Steps of a trial come in falling order, as the way back
takes them.
"""

from __future__ import annotations

import numpy as np

from .codes import AT_ONCE, ROWS
from .jit import part
from .lanes import element, put_element, select
from .packed import lay_out
from .vector import count_bits, trailing_zeros, without_lowest


@part
def begin_lists(filler, n_input, index, count, order, lists, bins):
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
def _collect(words, first, n_word, n_input, source, to):
    """Write the inputs that are marked in words first .. first + n_word to `source`, from entry `to` on; return the next entry."""
    for k in range(n_word):
        mask = element(words, first + k)
        n_spike = count_bits(mask)
        for _ in range(0, n_spike, AT_ONCE):
            for _ in range(AT_ONCE):  # several without a branch; what is no spike is written over later
                put_element(source, to, select(mask != 0, 64 * k + trailing_zeros(mask), n_input))
                mask = without_lowest(mask)
                to += 1
        to += n_spike - (n_spike + AT_ONCE - 1) // AT_ONCE * AT_ONCE
    return to


@part
def count_sources(source, first, last, count):
    """Count the spikes of each input among those first .. last."""
    for e in range(first, last):
        k = np.int64(element(source, e))
        put_element(count, k, element(count, k) + 1)


@part
def list_steps_of_dense(
    words, words_at, word_stride, spikes, at, trial_stride, time_stride, plain, n_trial, n_row, room, filler, n_input,
    source, ends, index, grade, count, order, lists, bins,
):  # fmt: skip
    """List for each input of dense spikes the steps in which it spikes, trial by trial, last first.

    Spikes are marked in `words`, those of a trial `word_stride` words apart (``packed.mark_dense``); those that are not `plain` are
    looked up. `index` is the row of a step, those of a trial `room` rows apart; `grade` the number that multiplies it: lists of
    four inputs at a time, from lists[k] on those of order[4 k : 4 k + 4], filled up with the row `filler`. Scratch: `source`,
    `ends`.
    """
    n_word = (n_input + 63) // 64
    count[:n_input] = 0
    to = np.int64(0)
    for trial in range(n_trial):
        for row in range(n_row):
            to = _collect(words, words_at + trial * word_stride + row * n_word, n_word, n_input, source, to)
            ends[trial * n_row + row] = to
    count_sources(source, 0, to, count)
    begin_lists(filler, n_input, index, count, order, lists, bins)
    if not plain:
        grade[: lists[(n_input + ROWS - 1) // ROWS]] = 0
    for trial in range(n_trial):
        for back in range(n_row):
            row = n_row - 1 - back
            m = trial * n_row + row
            for e in range(ends[m - 1] if m > 0 else np.int64(0), ends[m]):
                k = np.int64(element(source, e))
                place = element(count, k)
                put_element(index, place, trial * room + row)
                if not plain:
                    grade[place] = spikes[at + trial * trial_stride + row * time_stride + k]
                put_element(count, k, place + ROWS)


@part
def add_steps_of_events(event_step, source, first, last, step, row, index, count):
    """List the events first .. last of a trial, whose rows begin with `row` at `step`, as :func:`list_steps_of_dense` does."""
    event = last
    while event > first:
        event -= 1
        k = np.int64(element(source, event))
        place = element(count, k)
        put_element(index, place, row + event_step[event] - step)
        put_element(count, k, place + ROWS)
