"""Circuits of the emulated chip from one instant of input to the next: a row of them at a time, in closed form.

The membranes are those of ``exact``, with two synaptic currents. What a chip adds keeps the solution exact: charge is lost at
the bounds of the membrane at instants of input only, the drift is constant, the clamp pulls the membrane to the reset with a
time constant of its own, and a threshold stays as it is from spike to spike.

A clamped circuit takes part in the loops below as one without currents that leaks to the reset. A circuit whose screen is passed
by a bound of its membrane, or whose phase ends, goes through ``exact.advance`` afterwards.

With leak, `rest` is its potential [LSB], and currents are those of ``exact``. Without (`leaks` None), `rest` is the drift
[LSB/s], and a current is what it adds to the membrane in all [LSB].
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK, CLAMPED, FREE
from .elementary import SOON, decay, lost_soon
from .jit import part, rule
from .membrane import exact_leaky_membrane, exact_membrane
from .vector import use_wide_registers

# Rows start at different places of a page: those at one place take the room of one another in the first-level cache.
ROW = BLOCK + 24
N_STATE_ROW = 6
MEMBRANE, CURRENT, INHIBITORY = (ROW * k for k in range(3))
NOW, NOW_EXC, NOW_INH = (ROW * k for k in range(3, N_STATE_ROW))  # the same just after the last instant of input
N_COEFFICIENT_ROW = 25
# of an interval
GAIN, GAIN_INH, LOSS, KEPT, KEPT_INH, CHORD, FREE_GAIN, FREE_GAIN_INH, FREE_LOSS = (ROW * k for k in range(9))
# of a phase: what pulls, currents on or off, clamp on or off
REST, LEAK, SCREEN, OPEN, CLAMP = (ROW * k for k in range(9, 14))
# of a trial: steps, inverse time constants, and the parts of gains with leak
STEP, STEP_INH, PER_EXC, PER_INH, PER_MEM, RATIO, RATIO_INH = (ROW * k for k in range(14, 21))
SLOW, SLOW_INH, APART, APART_INH = (ROW * k for k in range(21, 25))
MARGIN = 1e-12  # of the screen, relative: it decides only which circuits to look at
_EQUAL = 1e-20  # least difference of inverse time constants, relative; it does not change a gain


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


@part
def fill_circuits(coefficients, p, low, n, leaks, tau_mem, tau_exc, tau_inh):
    """Fill what circuits have in every trial; return the largest inverse synaptic time constant [1/s]."""
    fastest = 0.0
    coefficients[:] = 0.0
    for k in range(n):
        m = low + k
        mem, exc, inh = tau_mem[p, m], tau_exc[p, m], tau_inh[p, m]
        coefficients[PER_EXC + k] = 1.0 / exc
        coefficients[PER_INH + k] = 1.0 / inh
        fastest = max(fastest, 1.0 / exc, 1.0 / inh)
        if leaks is not None:
            coefficients[PER_MEM + k] = 1.0 / mem
            # exp(-s slow) (1 - exp(-s apart)) ratio, as ``elementary.leaky_gain``
            apart = max(abs(exc - mem) / (exc * mem), _EQUAL / mem)
            apart_inh = max(abs(inh - mem) / (inh * mem), _EQUAL / mem)
            coefficients[SLOW + k] = 1.0 / max(exc, mem)
            coefficients[SLOW_INH + k] = 1.0 / max(inh, mem)
            coefficients[APART + k] = apart
            coefficients[APART_INH + k] = apart_inh
            coefficients[RATIO + k] = 1.0 / (apart * mem)
            coefficients[RATIO_INH + k] = 1.0 / (apart_inh * mem)
    return fastest


@part
def fill_steps(coefficients, p, low, n, leaks, tau_mem, tau_exc, tau_inh, step_exc, step_inh, gain, trial):
    """Fill the jumps of the currents per unit of weight in a trial."""
    for k in range(n):
        m = low + k
        coefficients[STEP + k] = gain[trial, m] * step_exc[p, m]
        coefficients[STEP_INH + k] = gain[trial, m] * step_inh[p, m]
        if leaks is not None:
            # Without leak a membrane would rise by i tau_syn/tau_mem.
            coefficients[STEP + k] *= tau_mem[p, m] / tau_exc[p, m]
            coefficients[STEP_INH + k] *= tau_mem[p, m] / tau_inh[p, m]


@rule
def bulge(length, per):
    """By how much 1 - exp(-s per) is above its chord in 0 <= s <= length, at most: an eighth of (length per)^2, and below 1."""
    return min(0.125 * (length * per) * (length * per), 1.0)


@part
def fill_interval(coefficients, s, n, leaks, tau_reset):
    """Fill the coefficients of an interval of s [s]; return the share of the way to the reset that clamped membranes go."""
    use_wide_registers()
    pull = decay(s / tau_reset)[1]
    for k in range(n):
        kept, lost = decay(s * coefficients[PER_EXC + k])
        kept_inh, lost_inh = decay(s * coefficients[PER_INH + k])
        coefficients[KEPT + k] = kept
        coefficients[KEPT_INH + k] = kept_inh
        coefficients[FREE_GAIN + k] = lost
        coefficients[FREE_GAIN_INH + k] = lost_inh
        coefficients[CHORD + k] = bulge(s, coefficients[PER_EXC + k])
    if leaks is not None:
        for k in range(n):
            coefficients[CHORD + k] = s * coefficients[PER_MEM + k]
            coefficients[FREE_GAIN + k], coefficients[FREE_GAIN_INH + k] = leaky_gains(coefficients, s, k)
            coefficients[FREE_LOSS + k] = decay(coefficients[CHORD + k])[1]
    for k in range(n):
        coefficients[GAIN + k] = coefficients[OPEN + k] * coefficients[FREE_GAIN + k]
        coefficients[GAIN_INH + k] = coefficients[OPEN + k] * coefficients[FREE_GAIN_INH + k]
        coefficients[LOSS + k] = coefficients[FREE_LOSS + k] * coefficients[OPEN + k] + coefficients[CLAMP + k] * pull
    return pull


@rule
def leaky_gains(coefficients, s, k):
    """Gains of both currents of a leaky membrane over s [s]; ``elementary.leaky_gain`` with its parts worked out before."""
    exc = decay(s * coefficients[SLOW + k])[0] * decay(s * coefficients[APART + k])[1] * coefficients[RATIO + k]
    inh = (
        decay(s * coefficients[SLOW_INH + k])[0]
        * decay(s * coefficients[APART_INH + k])[1]
        * coefficients[RATIO_INH + k]
    )
    return exc, inh


@part
def open_gates(coefficients, k, phase, level, reset, rest, leaks, pull):
    """Set what depends on the phase of circuit k; `pull` is the share of the way to the reset in an interval."""
    gate = 0.0 if phase == CLAMPED else 1.0
    # unsigned: no tests for negative indices
    coefficients[np.uint64(OPEN + k)] = gate
    coefficients[np.uint64(CLAMP + k)] = 1.0 - gate
    coefficients[np.uint64(GAIN + k)] = coefficients[np.uint64(FREE_GAIN + k)] * gate
    coefficients[np.uint64(GAIN_INH + k)] = coefficients[np.uint64(FREE_GAIN_INH + k)] * gate
    coefficients[np.uint64(LOSS + k)] = coefficients[np.uint64(FREE_LOSS + k)] * gate + pull * (1.0 - gate)
    coefficients[np.uint64(REST + k)] = rest * gate
    if leaks is None:
        coefficients[np.uint64(LEAK + k)] = reset
    if leaks is not None:
        coefficients[np.uint64(LEAK + k)] = reset if phase == CLAMPED else rest
    screen = level - MARGIN * abs(level) if phase == FREE and level < math.inf else math.inf
    coefficients[np.uint64(SCREEN + k)] = screen


@part
def step_circuits(
    state, coefficients, drive, at, transition, length, end,
    lower, upper, per_inhibition, per_excitation, leaks, flag, n,
):  # fmt: skip
    """Move a row of circuits over one interval of a length [s] that ends at `end` [s]; flag those to look at.

    Inputs of its start are drive[at : at + n], inhibitory ones BLOCK further on. A circuit is looked at if a bound of its membrane
    is above the screen. With leak: as i >= 0 and j <= 0, the slope is at most that of the start with the last j, and the bound is
    v plus what it then rises. Without: what j and the drift do is convex in time, so it is at most its chord, and what i does is
    above its own chord by at most CHORD i (:func:`bulge`): the bound is the higher end of the interval plus that.
    """
    use_wide_registers()
    drive_exc = drive[at : at + n]
    drive_inh = drive[at + BLOCK : at + BLOCK + n]
    for k in range(n):
        v, i, j = inject(
            state[MEMBRANE + k], state[CURRENT + k], state[INHIBITORY + k], drive_exc[k], drive_inh[k],
            coefficients[STEP + k], coefficients[STEP_INH + k], lower, upper, per_inhibition, per_excitation)  # fmt: skip
        state[NOW + k] = v
        state[NOW_EXC + k] = i
        state[NOW_INH + k] = j
        kept = j * coefficients[KEPT_INH + k]
        new = exact_membrane(v, i, coefficients[GAIN + k])
        new = exact_membrane(new, j, coefficients[GAIN_INH + k])
        new = exact_leaky_membrane(new, v, coefficients[LEAK + k], coefficients[LOSS + k])
        highest = v
        if leaks is not None:
            highest = v + max(coefficients[CHORD + k] * (i + kept + (coefficients[LEAK + k] - v)), 0.0)
        if leaks is None:
            new = exact_membrane(new, coefficients[REST + k], length)
            highest = max(v, new) + coefficients[CHORD + k] * i
        state[MEMBRANE + k] = new
        state[CURRENT + k] = i * coefficients[KEPT + k]
        state[INHIBITORY + k] = kept
        flag[k] = (highest > coefficients[SCREEN + k]) | (transition[k] < end)


@part
def sample_circuits(samples, out, state, coefficients, s, lower, upper, leaks, tau_reset, fastest, n):
    """Write the membranes of a row of circuits at a time s [s] after an instant of input, if nothing happened since.

    `fastest` is the largest inverse synaptic time constant [1/s].
    """
    use_wide_registers()
    pull = decay(s / tau_reset)[1]
    to = samples[out : out + n]
    if leaks is None:
        if s * fastest <= SOON:  # the usual case: samples are early in a bin; the loop below gives the same bits
            for k in range(n):
                v, i, j = state[NOW + k], state[NOW_EXC + k], state[NOW_INH + k]
                new = exact_membrane(v, i, coefficients[OPEN + k] * lost_soon(s * coefficients[PER_EXC + k]))
                new = exact_membrane(new, j, coefficients[OPEN + k] * lost_soon(s * coefficients[PER_INH + k]))
                new = exact_leaky_membrane(new, v, coefficients[LEAK + k], coefficients[CLAMP + k] * pull)
                new = exact_membrane(new, coefficients[REST + k], s)
                to[k] = bounded(new, lower, upper)
            return
    for k in range(n):
        v, i, j = state[NOW + k], state[NOW_EXC + k], state[NOW_INH + k]
        clamped = coefficients[CLAMP + k] * pull
        if leaks is not None:
            gain, gain_inh = leaky_gains(coefficients, s, k)
            new = exact_membrane(v, i, coefficients[OPEN + k] * gain)
            new = exact_membrane(new, j, coefficients[OPEN + k] * gain_inh)
            loss = decay(s * coefficients[PER_MEM + k])[1] * coefficients[OPEN + k] + clamped
            new = exact_leaky_membrane(new, v, coefficients[LEAK + k], loss)
        if leaks is None:
            new = exact_membrane(v, i, coefficients[OPEN + k] * decay(s * coefficients[PER_EXC + k])[1])
            new = exact_membrane(new, j, coefficients[OPEN + k] * decay(s * coefficients[PER_INH + k])[1])
            new = exact_leaky_membrane(new, v, coefficients[LEAK + k], clamped)
            new = exact_membrane(new, coefficients[REST + k], s)
        to[k] = bounded(new, lower, upper)
