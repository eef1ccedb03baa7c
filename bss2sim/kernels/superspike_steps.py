"""Euler steps of one group of neurons, forwards for their results and backwards for the gradient of SuperSpike.

A group is as many neurons as fill a line of memory; its state is in registers over some steps. Arguments that are None
cost nothing: Numba compiles the loop without them.
"""

from __future__ import annotations

from .codes import BLOCK, STREAMED
from .jit import part, rule
from .lanes import fill_lanes, load_lanes, select, store_lanes, stream_lanes
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
from .vector import LINE, prefetch_line

# Rows of the float scratch: state, coefficients; gradient of membrane and current; gradients of parameters.
V, CURRENT, K_MEM, K_SYN, THRESHOLD, RESET, LEAK, G_V, G_I = (BLOCK * k for k in range(9))
N_SUM = 5
S_THRESHOLD, S_RESET, S_MEM, S_SYN, S_LEAK = (BLOCK * (9 + k) for k in range(N_SUM))
N_FLOAT_ROW = 9 + N_SUM
BUSY, N_REF, N_HOLD = (BLOCK * k for k in range(3))  # of the integer scratch
N_INTEGER_ROW = 3
N_LOCAL = 4  # lanes of a step that the way back reads: slope, drive, older, cut


@rule
def _put(target, at, value, how):
    """Write lanes to an output, past the caches if it is streamed."""
    if how == STREAMED:
        stream_lanes(target, at, value)
    else:
        store_lanes(target, at, value)


@part
def advance(
    g, first_step, n_step,
    jumps, jump_at, jump_stride, ahead, known, known_at, known_stride,
    forced, forced_at, forced_stride, recorded, recorded_at, recorded_stride,
    threshold, leak, decays, n_holdoff, floats, integers,
    spikes, membrane, current, out_at, out_stride, how,
    local, alpha, sums,
):  # fmt: skip
    """Take `n_step` steps from step `first_step` on with the group of neurons at lane `g` of the scratch.

    Inputs: `jumps` of the current, or `known`, the current after each step (not None: the steps were taken before).
    Rows of time are strides apart; those `ahead` elements further on are asked for early, of `jumps` if that is above 0.
    `forced` not None:
    spikes that were measured take the place of those of the model; `recorded` not None: so does the measured membrane.
    `threshold`, `leak`, `decays`, `n_holdoff`: not None if the neurons fire, leak, multiply the current by a factor, have holdoff.
    Outputs: spikes as numbers, membrane and current, each empty if not wanted. `local` not None: lanes (what, step) for
    :func:`retrace`: slope of the spike, 1 where the membrane is cut, and with `sums` what drives the membrane and the current
    before the step.
    """
    width = LINE // floats.itemsize
    v = load_lanes(floats, V + g)
    i = load_lanes(floats, CURRENT + g)
    k_mem = load_lanes(floats, K_MEM + g)
    k_syn = load_lanes(floats, K_SYN + g)
    zero = fill_lanes(0, v)
    one = fill_lanes(1, v)
    steepness = fill_lanes(alpha, v)
    if leak is not None:
        leak_g = load_lanes(floats, LEAK + g)
    if threshold is not None:
        threshold_g = load_lanes(floats, THRESHOLD + g)
        reset_g = load_lanes(floats, RESET + g)
        busy = load_lanes(integers, BUSY + g)
        n_ref = load_lanes(integers, N_REF + g)
        step = fill_lanes(first_step, busy)
        next_step = fill_lanes(1, busy)
        if n_holdoff is not None:
            n_hold = load_lanes(integers, N_HOLD + g)
    for t in range(n_step):
        drive = i
        if sums is not None:
            store_lanes(local, (2 * n_step + t) * width, i)
        if known is not None:
            i = load_lanes(known, known_at + t * known_stride)
            prefetch_line(known, known_at + t * known_stride + ahead)  # of what comes next
        if jumps is not None:
            x = load_lanes(jumps, jump_at + t * jump_stride)
            if ahead > 0:
                prefetch_line(jumps, jump_at + t * jump_stride + ahead)
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
            v = load_lanes(recorded, recorded_at + t * recorded_stride)
        if threshold is not None:
            fired = euler_fired(v, threshold_g, step, busy)
            if forced is not None:
                fired = load_lanes(forced, forced_at + t * forced_stride) > zero
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
                store_lanes(local, (3 * n_step + t) * width, select(cut, one, zero))
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
    threshold, leak, decays, sums, floats, local,
    gradient, out_at, out_stride, how, rows, ahead,
):  # fmt: skip
    """Take the steps of :func:`advance` backwards; `local` is what it wrote.

    Gradients of the outputs are empty where there is none; rows `ahead` elements further on are asked for early.
    Puts out the gradient of the jumps: to `gradient` if it is not empty,
    and to `rows` (step, neuron of the group) if that is not None. `sums` not None: adds up the gradients of the parameters.
    """
    width = LINE // floats.itemsize
    g_v = load_lanes(floats, G_V + g)
    g_i = load_lanes(floats, G_I + g)
    k_mem = load_lanes(floats, K_MEM + g)
    k_syn = load_lanes(floats, K_SYN + g)
    zero = fill_lanes(0, g_v)
    if sums is not None:
        s_mem = load_lanes(floats, S_MEM + g)
        s_syn = load_lanes(floats, S_SYN + g)
        if leak is not None:
            s_leak = load_lanes(floats, S_LEAK + g)
        if threshold is not None:
            s_threshold = load_lanes(floats, S_THRESHOLD + g)
            s_reset = load_lanes(floats, S_RESET + g)
    for back in range(n_step):
        t = n_step - 1 - back
        if membrane_gradient.size:
            g_v = g_v + load_lanes(membrane_gradient, membrane_at + t * membrane_stride)
            prefetch_line(membrane_gradient, membrane_at + t * membrane_stride + ahead)  # of what comes next
        if current_gradient.size:
            g_i = g_i + load_lanes(current_gradient, current_at + t * current_stride)
        if threshold is not None:
            cut = load_lanes(local, (3 * n_step + t) * width) > zero
            if sums is not None:
                s_reset = s_reset + select(cut, g_v, zero)
            g_v = select(cut, zero, g_v)
            if spike_gradient.size:
                prefetch_line(spike_gradient, spike_at + t * spike_stride + ahead)  # of what comes next
                through = load_lanes(spike_gradient, spike_at + t * spike_stride) * load_lanes(local, t * width)
                g_v = g_v + through
                if sums is not None:
                    s_threshold = s_threshold - through
        if gradient.size:
            _put(gradient, out_at + t * out_stride, g_i, how)
        if rows is not None:
            store_lanes(rows, t * width, g_i)
        if sums is not None:
            older = load_lanes(local, (2 * n_step + t) * width)
            s_syn = s_syn + g_i * older
            if leak is not None:
                s_mem = s_mem + g_v * load_lanes(local, (n_step + t) * width)
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
