"""Euler steps of one group of neurons, forwards for their results and backwards for the gradient of SuperSpike.

A group is as many neurons as fill a line of memory; its state is in registers over some steps. Arguments that are None
cost nothing: Numba compiles the loop without them.
"""

from __future__ import annotations

from .codes import BLOCK, ROWS, STREAMED
from .jit import part, rule
from .lanes import fill_lanes, lane_count, load_group, load_marks, select, store_lanes, store_marks, stream_lanes
from .membrane import (
    euler_current,
    euler_decayed_current,
    euler_fired,
    euler_leaky_membrane,
    euler_membrane,
    euler_reset,
    euler_reset_holdoff,
    superspike,
)
from .packed import gather_list
from .prefetch import prefetch_line

# Rows of the float scratch: state, coefficients; gradient of membrane and current; gradients of parameters.
V, CURRENT, K_MEM, K_SYN, THRESHOLD, RESET, LEAK, G_V, G_I = (BLOCK * k for k in range(9))
N_SUM = 5
S_THRESHOLD, S_RESET, S_MEM, S_SYN, S_LEAK = (BLOCK * (9 + k) for k in range(N_SUM))
N_FLOAT_ROW = 9 + N_SUM
BUSY, N_REF, N_HOLD = (BLOCK * k for k in range(3))  # of the integer scratch
N_INTEGER_ROW = 3
N_LOCAL = 3  # lanes of a step that the way back reads: slope, and for the parameters drive and older


@rule
def _put(target, at, value, how):
    """Write lanes to an output, past the caches if it is streamed."""
    if how == STREAMED:
        stream_lanes(target, at, value)
    else:
        store_lanes(target, at, value)


@rule
def _ask(array, at, pair):
    """Ask for the lines of a group early."""
    prefetch_line(array, at)
    if pair is not None:
        prefetch_line(array, at + lane_count(array))


@part
def advance(
    g, first_step, n_step,
    jumps, jump_at, jump_stride, ahead, known, known_at, known_stride,
    forced, forced_at, forced_stride, recorded, recorded_at, recorded_stride,
    threshold, leak, decays, n_holdoff, floats, integers,
    spikes, membrane, current, out_at, out_stride, how,
    local, cuts, alpha, sums, pair,
    packed, following, index, grade, plain, order, lists, to,
):  # fmt: skip
    """Take `n_step` steps from step `first_step` on with the group of neurons at lane `g` of the scratch.

    Inputs: `jumps` of the current, or `known`, the current after each step (not None: the steps were taken before).
    Rows of time are strides apart; those `ahead` elements further on are asked for early, of `jumps` if that is above 0.
    `forced` not None:
    spikes that were measured take the place of those of the model; `recorded` not None: so does the measured membrane.
    `threshold`, `leak`, `decays`, `n_holdoff`: not None if the neurons fire, leak, multiply the current by a factor, have holdoff.
    Outputs: spikes as numbers, membrane and current, each empty if not wanted. `local` not None: lanes (what, step) for
    :func:`retrace`: slope of the spike, and with `sums` what drives the membrane and the current before the step; `cuts`: bits,
    where the membrane is cut. `pair` not None: groups of two lines. `packed` not None: the jumps of another group, whose weights
    begin at `following` if that is not below 0, are gathered meanwhile, to `jumps` from element `to` on (``packed``): a step waits
    for the one before, additions of weights wait for nobody.
    """
    width = lane_count(floats)
    if pair is not None:
        width *= 2
    v = load_group(floats, V + g, pair)
    i = load_group(floats, CURRENT + g, pair)
    k_mem = load_group(floats, K_MEM + g, pair)
    k_syn = load_group(floats, K_SYN + g, pair)
    zero = fill_lanes(0, v)
    one = fill_lanes(1, v)
    steepness = fill_lanes(alpha, v)
    if leak is not None:
        leak_g = load_group(floats, LEAK + g, pair)
    if threshold is not None:
        threshold_g = load_group(floats, THRESHOLD + g, pair)
        reset_g = load_group(floats, RESET + g, pair)
        busy = load_group(integers, BUSY + g, pair)
        n_ref = load_group(integers, N_REF + g, pair)
        step = fill_lanes(first_step, busy)
        next_step = fill_lanes(1, busy)
        if n_holdoff is not None:
            n_hold = load_group(integers, N_HOLD + g, pair)
    for t in range(n_step):
        if packed is not None:
            if following >= 0 and t % ROWS == 0:
                gather_list(packed, following, index, grade, plain, order, lists, t, n_step, jumps, to, None, None)
        drive = i
        if sums is not None:
            store_lanes(local, (2 * n_step + t) * width, i)
        if known is not None:
            i = load_group(known, known_at + t * known_stride, pair)
            _ask(known, known_at + t * known_stride + ahead, pair)  # of what comes next
        if jumps is not None:
            x = load_group(jumps, jump_at + t * jump_stride, pair)
            if ahead > 0:
                _ask(jumps, jump_at + t * jump_stride + ahead, pair)
            if decays is not None:
                i = euler_decayed_current(i, k_syn, x)
            if decays is None:
                i = euler_current(i, k_syn, x)
        if leak is not None:
            if sums is not None:
                store_lanes(local, (n_step + t) * width, leak_g - v + drive)
            v = euler_leaky_membrane(v, drive, k_mem, leak_g)
        if leak is None:
            v = euler_membrane(v, drive, k_mem)
        if recorded is not None:
            v = load_group(recorded, recorded_at + t * recorded_stride, pair)
        if threshold is not None:
            fired = euler_fired(v, threshold_g, step, busy)
            if forced is not None:
                fired = load_group(forced, forced_at + t * forced_stride, pair) > zero
            if local is not None:
                slope = superspike(v, threshold_g, steepness, one, zero)
                store_lanes(local, t * width, select(busy < step, slope, zero))
            if recorded is not None:  # only the clamp cuts, and it acts on the gradient alone
                if n_holdoff is not None:
                    _, _, cut = euler_reset_holdoff(v, reset_g, step, busy, n_ref, n_hold, zero > zero)
                if n_holdoff is None:
                    _, _, cut = euler_reset(v, reset_g, step, busy, n_ref, zero > zero)
                _, busy, _ = euler_reset(v, reset_g, step, busy, n_ref, fired)
            if recorded is None:
                if n_holdoff is not None:
                    v, busy, cut = euler_reset_holdoff(v, reset_g, step, busy, n_ref, n_hold, fired)
                if n_holdoff is None:
                    v, busy, cut = euler_reset(v, reset_g, step, busy, n_ref, fired)
            if local is not None:
                store_marks(cuts, t * (width // 8), cut)
            step = step + next_step
            if spikes.size:
                _put(spikes, out_at + t * out_stride, select(fired, one, zero), how)
        if membrane.size:
            _put(membrane, out_at + t * out_stride, v, how)
        if current.size:
            _put(current, out_at + t * out_stride, i, how)
    store_lanes(floats, V + g, v)
    store_lanes(floats, CURRENT + g, i)
    if threshold is not None:
        store_lanes(integers, BUSY + g, busy)


@part
def retrace(
    g, n_step,
    spike_gradient, spike_at, spike_stride, membrane_gradient, membrane_at, membrane_stride,
    current_gradient, current_at, current_stride,
    threshold, leak, decays, sums, floats, local, cuts,
    gradient, out_at, out_stride, how, rows, ahead, pair,
):  # fmt: skip
    """Take the steps of :func:`advance` backwards; `local` and `cuts` are what it wrote.

    Gradients of the outputs are empty where there is none; rows `ahead` elements further on are asked for early.
    Puts out the gradient of the jumps: to `gradient` if it is not empty,
    and to `rows` (step, neuron of the group) if that is not None. `sums` not None: adds up the gradients of the parameters.
    """
    width = lane_count(floats)
    if pair is not None:
        width *= 2
    g_v = load_group(floats, G_V + g, pair)
    g_i = load_group(floats, G_I + g, pair)
    k_mem = load_group(floats, K_MEM + g, pair)
    k_syn = load_group(floats, K_SYN + g, pair)
    zero = fill_lanes(0, g_v)
    if sums is not None:
        s_mem = load_group(floats, S_MEM + g, pair)
        s_syn = load_group(floats, S_SYN + g, pair)
        if leak is not None:
            s_leak = load_group(floats, S_LEAK + g, pair)
        if threshold is not None:
            s_threshold = load_group(floats, S_THRESHOLD + g, pair)
            s_reset = load_group(floats, S_RESET + g, pair)
    for back in range(n_step):
        t = n_step - 1 - back
        if membrane_gradient.size:
            g_v = g_v + load_group(membrane_gradient, membrane_at + t * membrane_stride, pair)
            _ask(membrane_gradient, membrane_at + t * membrane_stride + ahead, pair)  # of what comes next
        if current_gradient.size:
            g_i = g_i + load_group(current_gradient, current_at + t * current_stride, pair)
        if threshold is not None:
            cut = load_marks(cuts, t * (width // 8), g_v)
            if sums is not None:
                s_reset = s_reset + select(cut, g_v, zero)
            g_v = select(cut, zero, g_v)
            if spike_gradient.size:
                _ask(spike_gradient, spike_at + t * spike_stride + ahead, pair)  # of what comes next
                through = load_group(spike_gradient, spike_at + t * spike_stride, pair) * load_group(
                    local, t * width, pair
                )
                g_v = g_v + through
                if sums is not None:
                    s_threshold = s_threshold - through
        if gradient.size:
            _put(gradient, out_at + t * out_stride, g_i, how)
        if rows is not None:
            store_lanes(rows, t * width, g_i)
        if sums is not None:
            older = load_group(local, (2 * n_step + t) * width, pair)
            s_syn = s_syn + g_i * older
            if leak is not None:
                s_mem = s_mem + g_v * load_group(local, (n_step + t) * width, pair)
                s_leak = s_leak + k_mem * g_v
            if leak is None:
                s_mem = s_mem + g_v * older
        if decays is not None:
            g_i = euler_decayed_current(g_i, k_syn, k_mem * g_v)
        if decays is None:
            g_i = euler_current(g_i, k_syn, k_mem * g_v)
        if leak is not None:
            g_v = g_v - k_mem * g_v
    store_lanes(floats, G_V + g, g_v)
    store_lanes(floats, G_I + g, g_i)
    if sums is not None:
        store_lanes(floats, S_MEM + g, s_mem)
        store_lanes(floats, S_SYN + g, s_syn)
        if leak is not None:
            store_lanes(floats, S_LEAK + g, s_leak)
        if threshold is not None:
            store_lanes(floats, S_THRESHOLD + g, s_threshold)
            store_lanes(floats, S_RESET + g, s_reset)
