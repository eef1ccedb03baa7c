"""Forward and backward runs of training: pieces of a population, all steps of time, groups of neurons innermost.

A piece is at most ``BLOCK`` of the neurons of all trials, which are one flat axis (trial, neuron): rows of time stay
contiguous, and small populations fill whole lines. Where input goes through weights, a piece belongs to one trial.
The way back takes the steps of an interval again, from the state that was kept at its start, to get what it needs
of them in the first-level cache, and then backwards.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, NOT_FINITE, WHOLE
from .jit import kernel, part
from .packed import gather_packed, list_dense, list_events, mark_dense
from .superspike_steps import (
    BUSY,
    CURRENT,
    G_V,
    K_MEM,
    K_SYN,
    LEAK,
    N_HOLD,
    N_REF,
    N_SUM,
    RESET,
    S_THRESHOLD,
    THRESHOLD,
    V,
    advance,
    retrace,
)
from .vector import LINE, clear_row, copy_row
from .weight_gradient import add_steps_of_events, begin_lists, count_sources, list_steps_of_dense

N_PAD = 7  # rows a step of a group that does not fill a line


@part
def _load_coefficients(
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
def _copy_in(pads, row, n_step, source, at, stride, n, width):
    """Copy the last, narrow group of a piece to pads."""
    for t in range(n_step):
        copy_row(pads, (row + t) * width, source, at + t * stride, n)


@part
def _copy_out(target, at, stride, pads, row, n_step, n, width):
    """Copy the last, narrow group of a piece from pads."""
    for t in range(n_step):
        copy_row(target, at + t * stride, pads, (row + t) * width, n)


@part
def _first_event(event_step, low, high, step):
    """Index of the first event of a trial at a step or later."""
    while low < high:
        middle = (low + high) // 2
        if event_step[middle] < step:
            low = middle + 1
        else:
            high = middle
    return low


@part
def _list(
    trial, n_batch, t_first, n_step, spikes_in, event_step, event_source, event_pointer, n_input, width,
    index, grade, count, order, lists, bins, words, words_at,
):  # fmt: skip
    """List the input spikes of some steps of a trial, and mark dense ones; return whether all are 1."""
    plain = True
    if spikes_in is not None:
        plain = list_dense(spikes_in, (t_first * n_batch + trial) * n_input, n_batch * n_input, n_step, n_input, width,
                           index, grade, count, order, lists, bins, words, words_at)  # fmt: skip
    if event_step is not None:
        event = _first_event(event_step, event_pointer[trial], event_pointer[trial + 1], t_first)
        list_events(event_step, event_source, event, event_pointer[trial + 1], t_first, n_step, n_input, width,
                    index, count, order, lists, bins)  # fmt: skip
    return plain


@part
def _list_steps(
    trial, n_trial, n_batch, n_time, t_first, n_step, room, filler, spikes_in, event_step, event_source, event_pointer, n_input,
    width, marked, source, ends, index, grade, count, order, lists, bins, words,
):  # fmt: skip
    """List for each input the steps of its spikes, some steps of trials, `room` rows apart; return whether all are 1.

    Dense spikes are read from `marked` if that is not empty: bits of all steps, (trial, time, word), spikes that are all 1.
    """
    plain = True
    if spikes_in is not None:
        n_word = (n_input + 63) // 64
        at = (t_first * n_batch + trial) * n_input
        from_words, words_at, word_stride = marked, (trial * n_time + t_first) * n_word, n_time * n_word
        if marked.size == 0:
            from_words, words_at, word_stride = words, np.int64(0), n_step * n_word
            for k in range(n_trial):
                if not mark_dense(
                    spikes_in, at + k * n_input, n_batch * n_input, n_step, n_input, words, k * word_stride
                ):
                    plain = False
        list_steps_of_dense(
            from_words, words_at, word_stride, spikes_in, at, n_input, n_batch * n_input, plain, n_trial, n_step, room, filler,
            n_input, width, source, ends, index, grade, count, order, lists, bins)  # fmt: skip
    if event_step is not None:
        count[:n_input] = 0
        for k in range(trial, trial + n_trial):
            first = _first_event(event_step, event_pointer[k], event_pointer[k + 1], t_first)
            last = _first_event(event_step, first, event_pointer[k + 1], t_first + n_step)
            ends[2 * (k - trial)], ends[2 * (k - trial) + 1] = first, last
            count_sources(event_source, first, last, count)
        begin_lists(filler, n_input, index, count, order, lists, bins)
        for k in range(n_trial):
            add_steps_of_events(
                event_step, event_source, ends[2 * k], ends[2 * k + 1], t_first, k * room, width, index, count
            )
    return plain


@kernel
def run_forward(
    first_piece, last_piece, piece_low, piece_size, n_neuron, n_batch, n_time, tile, interval,
    jumps, jump_stride, ahead, spikes_in, event_step, event_source, event_pointer, n_input, packed,
    forced, forced_stride, recorded, recorded_stride,
    k_mem, k_syn, decays, threshold, reset, leak, n_refractory, n_holdoff,
    kept_membrane, kept_current, kept_busy, marked, graded,
    spikes, membrane, current, how, status,
    floats, integers, pads, drive, index, grade, count, order, lists, bins, words,
):  # fmt: skip
    """Run pieces first_piece .. last_piece: neurons piece_low .. + piece_size of the flat axis, at most `tile` steps at a time.

    Inputs: `jumps` flat (time, trial, neuron), rows of time `jump_stride` apart; or spikes through weights, `packed`: `spikes_in`
    flat (time, trial, input), or events of each trial. Outputs: flat (time, trial, neuron), spikes empty if none fires. Every
    `interval` steps membrane, current and the last busy step are kept, (interval, trial, neuron), where these are not empty. Dense
    spikes are marked in `marked`, a bit each, (trial, time, word), if that is not empty; `graded`[0] is set if any is not 1.
    """
    width = LINE // floats.itemsize
    n_flat = n_batch * n_neuron
    for piece in range(first_piece, last_piece):
        low = piece_low[piece]
        n = piece_size[piece]
        _load_coefficients(
            low, n, n_neuron, k_mem, k_syn, threshold, reset, leak, n_refractory, n_holdoff, floats, integers
        )
        if leak is not None:
            copy_row(floats, V, floats, LEAK, n)
        if leak is None:
            copy_row(floats, V, floats, RESET, n)
        t_first = np.int64(0)
        while t_first < n_time:
            n_step = min(tile, n_time - t_first, interval - t_first % interval)
            if t_first % interval == 0:
                at = t_first // interval * n_flat + low
                if kept_membrane.size:
                    copy_row(kept_membrane, at, floats, V, n)
                if kept_current.size:
                    copy_row(kept_current, at, floats, CURRENT, n)
                if threshold is not None:
                    if kept_busy.size:
                        copy_row(kept_busy, at, integers, BUSY, n)
            plain = True
            if packed is not None:
                trial = low // n_neuron
                to_words, words_at = words, np.int64(0)
                if marked.size:
                    to_words, words_at = marked, (trial * n_time + t_first) * ((n_input + 63) // 64)
                plain = _list(trial, n_batch, t_first, n_step, spikes_in, event_step, event_source, event_pointer, n_input, width,
                              index, grade, count, order, lists, bins, to_words, words_at)  # fmt: skip
                if not plain:
                    graded[0] = 1
                gather_packed(packed, low % n_neuron * (n_input + 1), index, grade, plain, order, lists, n_step,
                              drive, 0, None, None)  # fmt: skip
            now, then = np.int64(0), n_step * width  # where the jumps of a group are, and of the one after it
            for g in range(0, n, width):
                here = t_first * n_flat + low + g
                source, x_at, x_stride, x_ahead = drive, now, np.int64(width), np.int64(0)
                given, given_at, given_stride = forced, t_first * forced_stride + low + g, forced_stride
                measured, measured_at, measured_stride = recorded, t_first * recorded_stride + low + g, recorded_stride
                to_spikes, to_membrane, to_current = spikes, membrane, current
                out_at, out_stride, out_how = here, n_flat, how
                if g + width <= n:
                    if jumps is not None:
                        source, x_at, x_stride, x_ahead = jumps, t_first * jump_stride + low + g, jump_stride, ahead
                else:  # rows of the last, narrow group pass through pads
                    if jumps is not None:
                        x_at = np.int64(0)  # not the side of a group whose jumps are gathered
                        _copy_in(drive, 0, n_step, jumps, t_first * jump_stride + low + g, jump_stride, n - g, width)
                    if forced is not None:
                        _copy_in(pads, 0, n_step, forced, given_at, given_stride, n - g, width)
                        given, given_at, given_stride = pads, np.int64(0), np.int64(width)
                    if recorded is not None:
                        _copy_in(pads, tile, n_step, recorded, measured_at, measured_stride, n - g, width)
                        measured, measured_at, measured_stride = pads, tile * width, np.int64(width)
                    to_spikes = pads[2 * tile * width :]
                    to_membrane = pads[3 * tile * width :]
                    to_current = pads[4 * tile * width :]
                    out_at, out_stride, out_how = np.int64(0), np.int64(width), WHOLE
                following = (low % n_neuron + g + width) * (n_input + 1) if g + width < n else -1
                advance(g, t_first, n_step, source, x_at, x_stride, x_ahead, None, 0, 0,
                        given, given_at, given_stride, measured, measured_at, measured_stride,
                        threshold, leak, decays, n_holdoff, floats, integers,
                        to_spikes, to_membrane, to_current, out_at, out_stride, out_how, None, None, 0, None, None,
                        packed, following, index, grade, plain, order, lists, then)  # fmt: skip
                now, then = then, now
                if g + width > n:
                    if spikes.size:
                        _copy_out(spikes, here, n_flat, pads, 2 * tile, n_step, n - g, width)
                    _copy_out(membrane, here, n_flat, pads, 3 * tile, n_step, n - g, width)
                    _copy_out(current, here, n_flat, pads, 4 * tile, n_step, n - g, width)
            t_first += n_step
        for j in range(n):
            if status[0] == 0 and not (math.isfinite(floats[V + j]) and math.isfinite(floats[CURRENT + j])):
                status[0], status[1], status[2] = NOT_FINITE, (low + j) // n_neuron, (low + j) % n_neuron


@kernel
def run_backward(
    first_piece, last_piece, piece_low, piece_size, n_block, bundle, n_neuron, n_batch, n_time, interval,
    pair, known, spikes_in, event_step, event_source, event_pointer, n_input, packed,
    forced, forced_stride, recorded, recorded_stride,
    k_mem, k_syn, decays, threshold, reset, leak, n_refractory, n_holdoff, alpha,
    kept_membrane, kept_current, kept_busy, marked,
    spike_gradient, spike_stride, membrane_gradient, membrane_stride, current_gradient, current_stride,
    sums, jump_gradient, how, weight_gradient,
    floats, integers, pads, drive, local, cuts, index, grade, count, order, lists, bins, words, plain,
    rows, of_source, of_ends, of_index, of_grade, of_count, of_order, of_lists, of_bins, of_words,
):  # fmt: skip
    """Run the pieces of :func:`run_forward` backwards, from what it kept; return nothing.

    The trials of a `bundle`, each of `n_block` pieces, take turns group by group; then the gradient of the weights of a group
    gathers what they left in `rows`. Scratch `floats`, `integers`, lists and `plain` are of each trial of a bundle, (trial, ...).
    `pair` not None: groups of two lines of neurons, so that what waits for one goes on with the other; without
    `weight_gradient` only.
    `known` not None: the current of the run, from which it is read instead of being integrated again out of spikes through weights,
    `packed`. `marked`: the bits of dense spikes that :func:`run_forward` left, if they are all 1, or empty.
    `spike_gradient` and so on: of the outputs, (time, trial, neuron), rows of time strides apart, or empty. Outputs:
    `jump_gradient`, (time, trial, neuron) or empty; `weight_gradient`, not None: that of the weights, packed, the sum over the
    pieces, for which `rows` holds the steps of an interval of all trials of a bundle and one of zeros; `sums`, not None: those of
    the parameters, (parameter, trial, neuron), see ``superspike_steps``.
    """
    line = LINE // floats.itemsize
    width = line  # of a group of neurons
    if pair is not None:
        width *= 2
    single = drive[interval * width :]
    n_flat = n_batch * n_neuron
    n_interval = (n_time + interval - 1) // interval
    trials = (last_piece - first_piece) // n_block
    for task in range((trials + bundle - 1) // bundle * n_block):
        begin = task // n_block * bundle
        n_trial = min(bundle, trials - begin)
        first = first_piece + begin * n_block + task % n_block
        n = piece_size[first]
        for k in range(n_trial):
            _load_coefficients(
                piece_low[first + k * n_block], n, n_neuron, k_mem, k_syn, threshold, reset, leak, n_refractory, n_holdoff,
                floats[k], integers[k],
            )  # fmt: skip
        for back in range(n_interval):
            segment = n_interval - 1 - back
            t_first = segment * interval
            n_step = min(interval, n_time - t_first)
            for k in range(n_trial):
                low = piece_low[first + k * n_block]
                at = segment * n_flat + low
                copy_row(floats[k], V, kept_membrane, at, n)
                if threshold is not None:
                    copy_row(integers[k], BUSY, kept_busy, at, n)
                if known is None:
                    copy_row(floats[k], CURRENT, kept_current, at, n)
                if known is not None:
                    clear_row(floats[k], CURRENT, n)
                    if t_first > 0:
                        copy_row(floats[k], CURRENT, known, (t_first - 1) * n_flat + low, n)
                if packed is not None:
                    plain[k] = _list(low // n_neuron, n_batch, t_first, n_step, spikes_in, event_step, event_source,
                                     event_pointer, n_input, line,
                                     index[k], grade[k], count[k], order[k], lists[k], bins[k], words[k], 0)  # fmt: skip
            of_plain = True
            if weight_gradient is not None:
                of_plain = _list_steps(
                    piece_low[first] // n_neuron, n_trial, n_batch, n_time, t_first, n_step, interval,
                    bundle * interval * line, spikes_in, event_step, event_source, event_pointer, n_input, line,
                    marked, of_source, of_ends, of_index, of_grade, of_count, of_order, of_lists, of_bins, of_words,
                )  # fmt: skip
            for m in range((n + width - 1) // width * n_trial):
                g, k = m // n_trial * width, m % n_trial
                low = piece_low[first + k * n_block]
                ahead = (piece_low[first + (k + 1) * n_block] if k + 1 < n_trial else piece_low[first] + width) - low
                here = t_first * n_flat + low + g
                group = (low % n_neuron + g) * (n_input + 1)
                before, before_at, before_stride = known, here, n_flat
                given, given_at, given_stride = forced, t_first * forced_stride + low + g, forced_stride
                measured, measured_at, measured_stride = recorded, t_first * recorded_stride + low + g, recorded_stride
                of_spikes, spike_at, spike_row = spike_gradient, t_first * spike_stride + low + g, spike_stride
                of_membrane, membrane_at, membrane_row = (
                    membrane_gradient, t_first * membrane_stride + low + g, membrane_stride)  # fmt: skip
                of_current, current_at, current_row = (
                    current_gradient,
                    t_first * current_stride + low + g,
                    current_stride,
                )
                to_jumps, out_at, out_stride, out_how = jump_gradient, here, n_flat, how
                if packed is not None:
                    if pair is None:
                        gather_packed(packed, group, index[k], grade[k], plain[k], order[k], lists[k], n_step,
                                      drive, 0, None, None)  # fmt: skip
                    if pair is not None:
                        for at in range(0, min(width, n - g), line):
                            gather_packed(packed, group + at * (n_input + 1), index[k], grade[k], plain[k], order[k], lists[k],
                                          n_step, single, 0, None, None)  # fmt: skip
                            for t in range(n_step):
                                copy_row(drive, t * width + at, single, t * line, line)
                if g + width > n:  # rows of the last, narrow group pass through pads
                    if known is not None:
                        _copy_in(pads, 0, n_step, known, here, n_flat, n - g, width)
                        before, before_at, before_stride = pads, np.int64(0), np.int64(width)
                    if forced is not None:
                        _copy_in(pads, interval, n_step, forced, given_at, given_stride, n - g, width)
                        given, given_at, given_stride = pads, interval * width, np.int64(width)
                    if recorded is not None:
                        _copy_in(pads, 2 * interval, n_step, recorded, measured_at, measured_stride, n - g, width)
                        measured, measured_at, measured_stride = pads, 2 * interval * width, np.int64(width)
                    if spike_gradient.size:
                        _copy_in(pads, 3 * interval, n_step, spike_gradient, spike_at, spike_row, n - g, width)
                        of_spikes, spike_at, spike_row = pads, 3 * interval * width, np.int64(width)
                    if membrane_gradient.size:
                        _copy_in(pads, 4 * interval, n_step, membrane_gradient, membrane_at, membrane_row, n - g, width)
                        of_membrane, membrane_at, membrane_row = pads, 4 * interval * width, np.int64(width)
                    if current_gradient.size:
                        _copy_in(pads, 5 * interval, n_step, current_gradient, current_at, current_row, n - g, width)
                        of_current, current_at, current_row = pads, 5 * interval * width, np.int64(width)
                    if jump_gradient.size:
                        to_jumps = pads
                        out_at, out_stride, out_how = 6 * interval * width, np.int64(width), WHOLE
                if known is not None:
                    advance(g, t_first, n_step, None, 0, 0, ahead, before, before_at, before_stride,
                            given, given_at, given_stride, measured, measured_at, measured_stride,
                            threshold, leak, decays, n_holdoff, floats[k], integers[k],
                            pads[:0], pads[:0], pads[:0], 0, 0, WHOLE, local, cuts, alpha, sums, pair,
                            None, 0, None, None, True, None, None, 0)  # fmt: skip
                if known is None:
                    advance(g, t_first, n_step, drive, 0, width, 0, None, 0, 0,
                            given, given_at, given_stride, measured, measured_at, measured_stride,
                            threshold, leak, decays, n_holdoff, floats[k], integers[k],
                            pads[:0], pads[:0], pads[:0], 0, 0, WHOLE, local, cuts, alpha, sums, pair,
                            None, 0, None, None, True, None, None, 0)  # fmt: skip
                to_rows = rows
                if weight_gradient is not None:
                    to_rows = rows[k * interval * line :]
                retrace(g, n_step, of_spikes, spike_at, spike_row, of_membrane, membrane_at, membrane_row,
                        of_current, current_at, current_row, threshold, leak, decays, sums, floats[k], local, cuts,
                        to_jumps, out_at, out_stride, out_how, to_rows, ahead, pair)  # fmt: skip
                if weight_gradient is not None:
                    if k == n_trial - 1:
                        gather_packed(rows, 0, of_index, of_grade, of_plain, of_order, of_lists, n_input,
                                      weight_gradient[group:], 0, None, begin > 0 or back > 0)  # fmt: skip
                if g + width > n:
                    if jump_gradient.size:
                        _copy_out(jump_gradient, here, n_flat, pads, 6 * interval, n_step, n - g, width)
        if sums is not None:
            for k in range(n_trial):
                low = piece_low[first + k * n_block]
                for what in range(N_SUM):
                    copy_row(sums, what * n_flat + low, floats[k], S_THRESHOLD + what * BLOCK, n)
                # The first membrane is the leak, or without leak the reset.
                start = (4 if leak is not None else 1) * n_flat + low
                for j in range(n):
                    sums[start + j] += floats[k, G_V + j]
