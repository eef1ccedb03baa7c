"""The run forth of training: pieces of a population, all steps of time, groups of neurons innermost.

A piece is at most ``BLOCK`` of the neurons of all trials, which are one flat axis (trial, neuron): rows of time stay
contiguous, and small populations fill whole lines. Where input goes through weights, a piece belongs to one trial.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import NOT_FINITE, WHOLE
from .jit import kernel
from .lanes import lane_count
from .packed import gather_packed
from .superspike_pieces import copy_in, copy_out, list_spikes, load_coefficients
from .superspike_steps import BUSY, CURRENT, LEAK, RESET, V, advance
from .vector import copy_row


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
    width = lane_count(floats)
    n_flat = n_batch * n_neuron
    for piece in range(first_piece, last_piece):
        low = piece_low[piece]
        n = piece_size[piece]
        load_coefficients(
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
                plain = list_spikes(trial, n_batch, t_first, n_step, spikes_in, event_step, event_source, event_pointer, n_input,
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
                        copy_in(drive, 0, n_step, jumps, t_first * jump_stride + low + g, jump_stride, n - g, width)
                    if forced is not None:
                        copy_in(pads, 0, n_step, forced, given_at, given_stride, n - g, width)
                        given, given_at, given_stride = pads, np.int64(0), np.int64(width)
                    if recorded is not None:
                        copy_in(pads, tile, n_step, recorded, measured_at, measured_stride, n - g, width)
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
                        copy_out(spikes, here, n_flat, pads, 2 * tile, n_step, n - g, width)
                    copy_out(membrane, here, n_flat, pads, 3 * tile, n_step, n - g, width)
                    copy_out(current, here, n_flat, pads, 4 * tile, n_step, n - g, width)
            t_first += n_step
        for j in range(n):
            if status[0] == 0 and not (math.isfinite(floats[V + j]) and math.isfinite(floats[CURRENT + j])):
                status[0], status[1], status[2] = NOT_FINITE, (low + j) // n_neuron, (low + j) % n_neuron
