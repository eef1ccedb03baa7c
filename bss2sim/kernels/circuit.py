"""Circuits of the emulated chip from one instant of input to the next: a row of them at a time, in closed form.

The membranes are those of ``exact``, with two synaptic currents. What a chip adds keeps the solution exact: charge is lost at
the bounds of the membrane at instants of input only, a drift is a leak with an endless time constant, the clamp pulls the membrane
to the reset with a time constant of its own, and a threshold stays as it is from spike to spike.

A clamped circuit takes part in the loops below as one whose gains are zero and whose leak is the reset. A circuit whose
screen is passed by a bound of its membrane, or whose phase ends, goes through ``exact.advance`` afterwards.
"""

from __future__ import annotations

import math

from .codes import BLOCK, CLAMPED, FREE
from .elementary import decay, leaky_gain
from .jit import kernel, rule
from .membrane import exact_leaky_membrane, exact_membrane
from .vector import use_wide_registers

N_STATE_ROW = 3
MEMBRANE, CURRENT, INHIBITORY = (BLOCK * k for k in range(N_STATE_ROW))
N_COEFFICIENT_ROW = 15
GAIN, GAIN_INH, LOSS, LEAK, KEPT, KEPT_INH, CHORD, SCREEN = (BLOCK * k for k in range(8))
STEP, STEP_INH, PULL, FREE_GAIN, FREE_GAIN_INH, FREE_LOSS, GATE = (BLOCK * k for k in range(8, N_COEFFICIENT_ROW))
N_RESPONSE_ROW = 3  # of GAIN, GAIN_INH and LOSS, for a sample
MARGIN = 1e-12  # of the screen, relative: it decides only which circuits to look at


@rule
def bounded(v, lower, upper):
    """Membrane within its bounds."""
    return max(min(v, upper), lower)


@rule
def inject(v, i, j, drive, drive_inh, step, step_inh, lower, upper, per_inhibition, per_excitation):
    """Membrane and currents just after an instant of input.

    Beyond a bound the membrane is set to it. An excitatory jump shrinks with the distance from the upper bound below one range,
    an inhibitory one with that from the lower bound: clip((upper - v)/range, 0, 1).

    Parameters
    ----------
    v, i, j : float64
        Membrane and currents before, potentials [LSB].
    drive, drive_inh : float32
        Sums of the excitatory and the inhibitory weights of the inputs, each at least 0.
    step, step_inh : float64
        Jump of each current per unit of weight [LSB].
    lower, upper, per_inhibition, per_excitation : float64
        Bounds [LSB] and inverse ranges [1/LSB]; infinite bounds change nothing.
    """
    v = bounded(v, lower, upper)
    share = max(min((upper - v) * per_excitation, 1.0), 0.0)
    share_inh = max(min((v - lower) * per_inhibition, 1.0), 0.0)
    return v, i + (share * step) * drive, j - (share_inh * step_inh) * drive_inh


@kernel
def fill_responses(response, s, p, low, n, leak, tau_mem, tau_exc, tau_inh):
    """Fill the rows GAIN, GAIN_INH and LOSS of free membranes over a time s [s]."""
    use_wide_registers()
    mem = tau_mem[p, low : low + n]
    exc = tau_exc[p, low : low + n]
    inh = tau_inh[p, low : low + n]
    if leak is None:
        for k in range(n):
            response[GAIN + k] = exc[k] / mem[k] * decay(s / exc[k])[1]
            response[GAIN_INH + k] = inh[k] / mem[k] * decay(s / inh[k])[1]
            response[LOSS + k] = 0.0
    if leak is not None:
        for k in range(n):
            response[GAIN + k] = leaky_gain(s, mem[k], exc[k])
            response[GAIN_INH + k] = leaky_gain(s, mem[k], inh[k])
            response[LOSS + k] = decay(s / mem[k])[1]


@kernel
def fill_interval(coefficients, response, s, p, low, n, leak, tau_mem, tau_exc, tau_inh, tau_reset):
    """Fill the coefficients of an interval of s [s]."""
    use_wide_registers()
    fill_responses(response, s, p, low, n, leak, tau_mem, tau_exc, tau_inh)
    pull = decay(s / tau_reset)[1]
    mem = tau_mem[p, low : low + n]
    exc = tau_exc[p, low : low + n]
    inh = tau_inh[p, low : low + n]
    for k in range(n):
        gate = coefficients[GATE + k]
        coefficients[FREE_GAIN + k] = response[GAIN + k]
        coefficients[FREE_GAIN_INH + k] = response[GAIN_INH + k]
        coefficients[FREE_LOSS + k] = response[LOSS + k]
        coefficients[PULL + k] = pull
        coefficients[GAIN + k] = gate * response[GAIN + k]
        coefficients[GAIN_INH + k] = gate * response[GAIN_INH + k]
        coefficients[LOSS + k] = response[LOSS + k] if gate > 0.0 else pull
        coefficients[CHORD + k] = s / mem[k]
    for k in range(n):
        coefficients[KEPT + k] = decay(s / exc[k])[0]
        coefficients[KEPT_INH + k] = decay(s / inh[k])[0]


@rule
def open_gates(coefficients, k, phase, level, reset, leak):
    """Set the gains, the leak and the screen of circuit k for its phase."""
    free = phase != CLAMPED
    coefficients[GATE + k] = 1.0 if free else 0.0
    coefficients[GAIN + k] = coefficients[FREE_GAIN + k] if free else 0.0
    coefficients[GAIN_INH + k] = coefficients[FREE_GAIN_INH + k] if free else 0.0
    coefficients[LOSS + k] = coefficients[FREE_LOSS + k] if free else coefficients[PULL + k]
    coefficients[LEAK + k] = leak if free else reset
    coefficients[SCREEN + k] = level - MARGIN * abs(level) if phase == FREE and level < math.inf else math.inf


@kernel
def step_circuits(
    before, after, coefficients, drive, transition, end, lower, upper, per_inhibition, per_excitation, leak, flag, n
):
    """Move a row of circuits over one interval that ends at `end` [s]; flag those to look at.

    With r = i + j exp(-s/tau_inh), j <= 0, and with leak plus leak - v, the bound is v + max(r, 0) s/tau_mem.
    """
    use_wide_registers()
    for k in range(n):
        v, i, j = inject(
            before[MEMBRANE + k], before[CURRENT + k], before[INHIBITORY + k], drive[k], drive[BLOCK + k],
            coefficients[STEP + k], coefficients[STEP_INH + k], lower, upper, per_inhibition, per_excitation)  # fmt: skip
        kept = j * coefficients[KEPT_INH + k]
        new = exact_membrane(v, i, coefficients[GAIN + k])
        new = exact_membrane(new, j, coefficients[GAIN_INH + k])
        new = exact_leaky_membrane(new, v, coefficients[LEAK + k], coefficients[LOSS + k])
        rate = i + kept
        if leak is not None:
            rate = rate + (coefficients[LEAK + k] - v)
        after[MEMBRANE + k] = new
        after[CURRENT + k] = i * coefficients[KEPT + k]
        after[INHIBITORY + k] = kept
        bound = v + coefficients[CHORD + k] * max(rate, 0.0)
        flag[k] = (bound > coefficients[SCREEN + k]) | (transition[k] < end)


@kernel
def sample_circuits(
    samples, out, before, coefficients, response, drive, lower, upper, per_inhibition, per_excitation, pull, n
):
    """Write the membranes of a row of circuits at a time inside an interval; `response` holds their responses there.

    `pull` is the share of the way to the reset that a clamped membrane has gone since the start of the interval.
    """
    use_wide_registers()
    to = samples[out : out + n]
    for k in range(n):
        v, i, j = inject(
            before[MEMBRANE + k], before[CURRENT + k], before[INHIBITORY + k], drive[k], drive[BLOCK + k],
            coefficients[STEP + k], coefficients[STEP_INH + k], lower, upper, per_inhibition, per_excitation)  # fmt: skip
        gate = coefficients[GATE + k]
        new = exact_membrane(v, i, gate * response[GAIN + k])
        new = exact_membrane(new, j, gate * response[GAIN_INH + k])
        new = exact_leaky_membrane(new, v, coefficients[LEAK + k], response[LOSS + k] if gate > 0.0 else pull)
        to[k] = bounded(new, lower, upper)
