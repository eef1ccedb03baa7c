"""Exact gradients of leaking neurons that never fire: what reads the spikes of the others.

The membrane is linear in the jumps w_k of its current, v(t) = leak + sum_k w_k g(t - t_k) with g = ``elementary.leaky_gain``, and
so are the adjoints a of the membrane and b of the current, backwards in time:

    tau_mem a' = -a,   b' = -b/tau_syn + a/tau_mem,   dL/dw_k = b(t_k),   dL/dt_k = w_k (b/tau_syn - a/tau_mem)

Three more gather the gradients of the time constants, so that nothing of the run need be kept:

    A' = (a - A)/tau_mem,   B' = -B/tau_syn + A/tau_mem,   M' = (b - M)/tau_syn
    dL/dtau_mem = sum_k w_k (B - b)/tau_mem,   dL/dtau_syn = sum_k w_k M/tau_syn

With a pair of synaptic time constants there are two of b, B and M; the sign of a weight says which of them it feels, 0 counting as
positive. All float64.
"""

from __future__ import annotations

import math

import numpy as np

from .elementary import called_decay as decay
from .elementary import leaky_gain
from .jit import kernel, part

TAU_MEM, TAU_SYN, TAU_INH = range(3)
N_SUM = 3
# Rows of scratch: adjoints and coefficients of the membrane, then of one current or of two.
OF_MEMBRANE, MEMBRANE_TOO, KEPT_MEM, X_MEM = range(4)
OF_CURRENT, CURRENT_TOO, SYNAPTIC_TOO, KEPT_SYN, GAIN, X_SYN, SECOND_MEM, SECOND_SYN = range(4, 12)
N_OWN = 8  # rows of a current
N_ROW = 4 + 2 * N_OWN

# 1/16! to 1/2!, the series of (exp(x) - 1 - x)/x^2 up to x^14: what is left out is below 1e-17 for |x| < 1/2.
_SERIES = tuple(1.0 / math.factorial(n) for n in range(16, 1, -1))


@part
def second_gain(x, kept, kept_other):
    """Return kept (exp(x) - 1 - x)/x^2 with kept exp(x) = kept_other, by its series where the difference would cancel."""
    if -0.5 < x < 0.5:
        total = 0.0
        for coefficient in _SERIES:
            total = total * x + coefficient
        return kept * total
    return (kept_other - kept - kept * x) / (x * x)


@part
def fill_coefficients(rows, s, uniform, tau_mem, tau_syn, low, n):
    """Coefficients of an interval of s [s] for every neuron, worked out once if they share their time constants."""
    for k in range(n):
        if uniform and k > 0:
            for row in range(KEPT_MEM, N_ROW):
                if row < OF_CURRENT or (row - OF_CURRENT) % N_OWN >= KEPT_SYN - OF_CURRENT:
                    rows[row, k] = rows[row, 0]
        else:
            x_mem = s / tau_mem[low + k]
            kept_mem = decay(x_mem)[0]
            rows[KEPT_MEM, k] = kept_mem
            rows[X_MEM, k] = x_mem
            for j in range(tau_syn.shape[0]):
                tau = tau_syn[j, low + k]
                own = N_OWN * j
                x_syn = s / tau
                kept_syn = decay(x_syn)[0]
                x = x_mem - x_syn
                rows[own + KEPT_SYN, k] = kept_syn
                rows[own + GAIN, k] = leaky_gain(s, tau_mem[low + k], tau)
                rows[own + X_SYN, k] = x_syn
                rows[own + SECOND_MEM, k] = x_mem * x_mem * second_gain(x, kept_mem, kept_syn)
                rows[own + SECOND_SYN, k] = x_mem * x_syn * second_gain(-x, kept_syn, kept_mem)


@part
def move_back(rows, n_current, n):
    """Take all neurons back by the interval of the coefficients."""
    for k in range(n):
        a = rows[OF_MEMBRANE, k]
        other = rows[MEMBRANE_TOO, k]
        for j in range(n_current):
            own = N_OWN * j
            kept = rows[own + KEPT_SYN, k]
            gain = rows[own + GAIN, k]
            b = rows[own + OF_CURRENT, k]
            synaptic = rows[own + SYNAPTIC_TOO, k] + b * rows[own + X_SYN, k]
            rows[own + SYNAPTIC_TOO, k] = synaptic * kept + a * rows[own + SECOND_SYN, k]
            current = rows[own + CURRENT_TOO, k] * kept
            rows[own + CURRENT_TOO, k] = current + other * gain + a * rows[own + SECOND_MEM, k]
            rows[own + OF_CURRENT, k] = b * kept + a * gain
        rows[MEMBRANE_TOO, k] = (other + a * rows[X_MEM, k]) * rows[KEPT_MEM, k]
        rows[OF_MEMBRANE, k] = a * rows[KEPT_MEM, k]


@part
def add_event(weight, at, rows, of_weight, sums, tau_mem, tau_syn, low, n):
    """Gradients of one input: its weights, their part in those of the time constants; return that of its time [1/s]."""
    g = 0.0
    for k in range(n):
        w = weight[at + k]
        j = 0
        if tau_syn.shape[0] == 2 and w < 0.0:
            j = 1
        own = N_OWN * j
        b = rows[own + OF_CURRENT, k]
        of_weight[at + k] += b
        sums[TAU_MEM, k] += w * (rows[own + CURRENT_TOO, k] - b)
        sums[TAU_SYN + j, k] += w * rows[own + SYNAPTIC_TOO, k]
        g += w * (b / tau_syn[j, low + k] - rows[OF_MEMBRANE, k] / tau_mem[low + k])
    return g


@kernel
def leaky_adjoint(
    first_trial, last_trial, n_neuron, low, n, finish, uniform,
    event_time, event_source, event_pointer, weight, sample_time, tau_mem, tau_syn,
    of_membrane, of_weight, of_event, time_too, sums, rows,
):  # fmt: skip
    """Gradients of neurons low .. low + n in some trials; arguments as in ``adjoint.spiking_adjoint``.

    Outputs are added to: `of_weight` flat (input, neuron), `sums` (N_SUM, n) in units of 1/tau; `of_event` is written [1/s].
    """
    n_sample = sample_time.size
    n_current = tau_syn.shape[0]
    for trial in range(first_trial, last_trial):
        first_event = event_pointer[trial]
        event = event_pointer[trial + 1]
        while event > first_event and not event_time[event - 1] < finish:
            event -= 1
            if time_too:
                of_event[event] = 0.0
        for row in range(N_ROW):
            for k in range(n):
                rows[row, k] = 0.0
        sample = np.int64(n_sample)
        t = finish
        while event > first_event:
            end = event_time[event - 1]
            is_sample = False
            if sample > 0:
                is_sample = sample_time[sample - 1] >= end
            if is_sample:
                end = sample_time[sample - 1]
            if end < t:
                fill_coefficients(rows, t - end, uniform, tau_mem, tau_syn, low, n)
                move_back(rows, n_current, n)
            t = end
            if is_sample:
                sample -= 1
                at = (trial * n_sample + sample) * n_neuron + low
                for k in range(n):
                    rows[OF_MEMBRANE, k] += of_membrane[at + k]
            else:
                event -= 1
                at = np.int64(event_source[event]) * n_neuron + low
                g = add_event(weight, at, rows, of_weight, sums, tau_mem, tau_syn, low, n)
                if time_too:
                    of_event[event] = g
