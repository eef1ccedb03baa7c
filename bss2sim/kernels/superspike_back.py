"""The run back of training, over the pieces of ``superspike``.

The steps of an interval are taken again, from the state that was kept at its start, to get what the way back needs of them in
the first-level cache, and then backwards.
"""

from __future__ import annotations

import numpy as np

from .codes import BLOCK, IN_PLACE, ON_TOP, ONWARDS, WHOLE
from .jit import kernel, part
from .lanes import lane_count
from .packed import gather_packed, mark_dense
from .superspike_pieces import copy_in, copy_out, first_event, list_spikes, load_coefficients
from .superspike_steps import BUSY, CURRENT, G_V, N_SUM, S_THRESHOLD, V, advance, retrace
from .vector import clear_row, copy_row, count_bits, use_wide_registers
from .weight_gradient import add_steps_of_events, begin_lists, count_sources, list_steps_of_dense


@part
def _list_steps(
    trial, n_trial, n_batch, n_time, t_first, n_step, room, filler, spikes_in, event_step, event_source, event_pointer, n_input,
    marked, source, ends, index, grade, count, order, lists, bins, words,
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
            n_input, source, ends, index, grade, count, order, lists, bins)  # fmt: skip
    if event_step is not None:
        count[:n_input] = 0
        for k in range(trial, trial + n_trial):
            first = first_event(event_step, event_pointer[k], event_pointer[k + 1], t_first)
            last = first_event(event_step, first, event_pointer[k + 1], t_first + n_step)
            ends[2 * (k - trial)], ends[2 * (k - trial) + 1] = first, last
            count_sources(event_source, first, last, count)
        begin_lists(filler, n_input, index, count, order, lists, bins)
        for k in range(n_trial):
            add_steps_of_events(event_step, event_source, ends[2 * k], ends[2 * k + 1], t_first, k * room, index, count)
    return plain


@part
def _run_lot(
    first_piece, last_piece, piece_low, piece_size, n_block, bundle, n_neuron, n_batch, n_time, interval,
    pair, known, spikes_in, event_step, event_source, event_pointer, n_input, packed,
    forced, forced_stride, recorded, recorded_stride,
    k_mem, k_syn, decays, threshold, reset, leak, n_refractory, n_holdoff, alpha,
    kept_membrane, kept_current, kept_busy, marked,
    spike_gradient, spike_stride, membrane_gradient, membrane_stride, current_gradient, current_stride,
    sums, jump_gradient, how, weight_gradient,
    floats, integers, pads, drive, local, cuts, index, grade, count, order, lists, bins, words, plain,
    rows, of_source, of_ends, of_index, of_grade, of_count, of_order, of_lists, of_bins, of_words, level, onto,
):  # fmt: skip
    """Run pieces first_piece .. last_piece backwards, see :func:`run_backward`.

    `level`, `onto`: row of `weight_gradient` for that of these pieces, and whether it is written IN_PLACE of what is there or, if
    it is gathered all at once, put ON_TOP.
    """
    line = lane_count(floats)
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
            load_coefficients(
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
                    plain[k] = list_spikes(
                        low // n_neuron, n_batch, t_first, n_step, spikes_in, event_step, event_source, event_pointer, n_input,
                        index[k], grade[k], count[k], order[k], lists[k], bins[k], words[k], 0,
                    )  # fmt: skip
            of_plain = True
            if weight_gradient is not None:
                of_plain = _list_steps(
                    piece_low[first] // n_neuron, n_trial, n_batch, n_time, t_first, n_step, interval,
                    bundle * interval, spikes_in, event_step, event_source, event_pointer, n_input,
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
                        copy_in(pads, 0, n_step, known, here, n_flat, n - g, width)
                        before, before_at, before_stride = pads, np.int64(0), np.int64(width)
                    if forced is not None:
                        copy_in(pads, interval, n_step, forced, given_at, given_stride, n - g, width)
                        given, given_at, given_stride = pads, interval * width, np.int64(width)
                    if recorded is not None:
                        copy_in(pads, 2 * interval, n_step, recorded, measured_at, measured_stride, n - g, width)
                        measured, measured_at, measured_stride = pads, 2 * interval * width, np.int64(width)
                    if spike_gradient.size:
                        copy_in(pads, 3 * interval, n_step, spike_gradient, spike_at, spike_row, n - g, width)
                        of_spikes, spike_at, spike_row = pads, 3 * interval * width, np.int64(width)
                    if membrane_gradient.size:
                        copy_in(pads, 4 * interval, n_step, membrane_gradient, membrane_at, membrane_row, n - g, width)
                        of_membrane, membrane_at, membrane_row = pads, 4 * interval * width, np.int64(width)
                    if current_gradient.size:
                        copy_in(pads, 5 * interval, n_step, current_gradient, current_at, current_row, n - g, width)
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
                        of_group = weight_gradient[level, group:]
                        gather_packed(rows, 0, of_index, of_grade, of_plain, of_order, of_lists, n_input,
                                      of_group, 0, None, ONWARDS if begin > 0 or back > 0 else onto)  # fmt: skip
                        clear_row(of_group, n_input * line, line)  # belongs to no input
                if g + width > n:
                    if jump_gradient.size:
                        copy_out(jump_gradient, here, n_flat, pads, 6 * interval, n_step, n - g, width)
        if sums is not None:
            for k in range(n_trial):
                low = piece_low[first + k * n_block]
                for what in range(N_SUM):
                    copy_row(sums, what * n_flat + low, floats[k], S_THRESHOLD + what * BLOCK, n)
                # The first membrane is the leak, or without leak the reset.
                start = (4 if leak is not None else 1) * n_flat + low
                for j in range(n):
                    sums[start + j] += floats[k, G_V + j]


@part
def _add(target, source):
    """Add one array to another."""
    use_wide_registers()
    for k in range(target.size):
        target[k] += source[k]


@kernel
def run_backward(
    first_lot, last_lot, bounds, piece_low, piece_size, n_block, bundle, n_neuron, n_batch, n_time, interval,
    pair, known, spikes_in, event_step, event_source, event_pointer, n_input, packed,
    forced, forced_stride, recorded, recorded_stride,
    k_mem, k_syn, decays, threshold, reset, leak, n_refractory, n_holdoff, alpha,
    kept_membrane, kept_current, kept_busy, marked,
    spike_gradient, spike_stride, membrane_gradient, membrane_stride, current_gradient, current_stride,
    sums, jump_gradient, how, weight_gradient,
    floats, integers, pads, drive, local, cuts, index, grade, count, order, lists, bins, words, plain,
    rows, of_source, of_ends, of_index, of_grade, of_count, of_order, of_lists, of_bins, of_words,
):  # fmt: skip
    """Run lots first_lot .. last_lot backwards, from what ``superspike`` kept; lot k is the pieces bounds[k] .. bounds[k + 1].

    The trials of a `bundle`, each of `n_block` pieces, take turns group by group; then the gradient of the weights of a group
    gathers what they left in `rows`. Scratch `floats`, `integers`, lists and `plain` are of each trial of a bundle, (trial, ...).
    `pair` not None: groups of two lines of neurons, so that what waits for one goes on with the other; without
    `weight_gradient` only.
    `known` not None: the current of the run, from which it is read instead of being integrated again out of spikes through weights,
    `packed`. `marked`: the bits of dense spikes that :func:`run_forward` left, if they are all 1, or empty.
    `spike_gradient` and so on: of the outputs, (time, trial, neuron), rows of time strides apart, or empty. Outputs:
    `jump_gradient`, (time, trial, neuron) or empty; `weight_gradient`, not None: that of the weights, packed, (level, weight), the
    sum over the lots in the first row and scratch in the others, for which `rows` holds the steps of an interval of all trials of a
    bundle and one of zeros; `sums`, not None: those of the parameters, (parameter, trial, neuron), see ``superspike_steps``.
    """
    for lot in range(first_lot, last_lot):
        # Sums of two lots, of four and so on: their order is the same however many lots are run together.
        done = lot - first_lot
        level = count_bits(np.uint64(done))
        onto = IN_PLACE
        if done % 2 == 1 and n_time <= interval and bounds[lot + 1] - bounds[lot] <= bundle * n_block:
            # All of it is gathered at once: while it is in registers it is added to that of the lot before.
            level -= 1
            done //= 2
            onto = ON_TOP
        _run_lot(
            bounds[lot], bounds[lot + 1], piece_low, piece_size, n_block, bundle, n_neuron, n_batch, n_time, interval,
            pair, known, spikes_in, event_step, event_source, event_pointer, n_input, packed,
            forced, forced_stride, recorded, recorded_stride,
            k_mem, k_syn, decays, threshold, reset, leak, n_refractory, n_holdoff, alpha,
            kept_membrane, kept_current, kept_busy, marked,
            spike_gradient, spike_stride, membrane_gradient, membrane_stride, current_gradient, current_stride,
            sums, jump_gradient, how, weight_gradient,
            floats, integers, pads, drive, local, cuts, index, grade, count, order, lists, bins, words, plain,
            rows, of_source, of_ends, of_index, of_grade, of_count, of_order, of_lists, of_bins, of_words, level, onto,
        )  # fmt: skip
        while done % 2 == 1:
            level -= 1
            done //= 2
            if weight_gradient is not None:
                _add(weight_gradient[level], weight_gradient[level + 1])
    if weight_gradient is not None:
        for level in range(count_bits(np.uint64(last_lot - first_lot)) - 1, 0, -1):
            _add(weight_gradient[level - 1], weight_gradient[level])
