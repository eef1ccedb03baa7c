"""Flagged circuits without leak, side by side: one crossing, or the end of a clamp, in an interval.

Nearly all circuits that ``circuit.step_circuits`` flags do one of a few things. They are worked out here in loops that LLVM packs,
without branches; a circuit that does anything else is left to ``exact.advance``, and so is one whose crossing is not found by one
step of Halley's method. Which circuits are flagged beside one does not change what becomes of it.

Symbols are those of ``circuit_law``: an event (the crossing, or the end of the clamp) is at a time `EVENT` [s] after the start
of the interval, and the membrane is free before a crossing and after a clamp.
"""

from __future__ import annotations

import math

import numpy as np

from .circuit import MEMBRANE, NOW, NOW_EXC, NOW_INH, PER_EXC, PER_INH, ROW, bounded, open_gates
from .codes import CLAMPED, FREE, HOLDOFF
from .elementary import SOON, decay, lost_soon
from .exact import noisy_threshold
from .jit import part, rule
from .vector import use_wide_registers

WIDTH = 8  # lists are filled up to a multiple of this
N_LINE_ROW = 17
# What a circuit has: membrane and currents, level, slope, inverse time constants, reset, threshold, end of its clamp or 0;
FROM_V, FROM_I, FROM_J, LEVEL, SLOPE, RATE_EXC, RATE_INH, RESET, THRESHOLD, CLAMP_END = (ROW * k for k in range(10))
# where it is from the end of the clamp on, and its membrane at the end of the interval;
FREE_V, FREE_I, FREE_J, LAST_V = (ROW * k for k in range(10, 14))
# what it does, when, and the membrane that is asked for.
KIND, EVENT, SEEN = (ROW * k for k in range(14, N_LINE_ROW))
QUIET, FREED, FIRED, OTHER = 0.0, 1.0, 2.0, 3.0

# Halley's method cubes an error: after a step this small, of a time constant and of the curvature, nothing is left of it.
_SETTLED = 1e-5


@rule
def _soon(x):
    """exp(-x) and 1 - exp(-x) for 0 <= x <= SOON: the bits of ``elementary.decay``."""
    lost = lost_soon(x)
    return 1.0 - lost, lost


@rule
def _halley(s, v, i, j, level, rest, per_exc, per_inh, seeks):
    """Move a guess s of the time at which a membrane crosses a level; return it, and whether it is settled."""
    kept, lost = _soon(s * per_exc)
    kept_inh, lost_inh = _soon(s * per_inh)
    excess = v + (lost * i + lost_inh * j + rest * s) - level
    slope = i * kept * per_exc
    slope_inh = j * kept_inh * per_inh
    bend = slope * per_exc + slope_inh * per_inh
    slope = slope + slope_inh + rest if seeks else 1.0
    step = excess * slope / (slope * slope + 0.5 * excess * bend)
    return s - step, abs(step) * (abs(bend) + slope * max(per_exc, per_inh)) <= _SETTLED * slope


@rule
def _clamped(reset, threshold, since, per_reset):
    """Membrane some time [s] after a spike."""
    return reset + (threshold - reset) * decay(since * per_reset)[0]


@part
def sort_out(line, length, per_reset, n):
    """Find what `n` circuits do in an interval of a length [s]: nothing, go free at the end of a clamp, cross, or other.

    With the slope at most `most` and at least `least` in the interval, see ``circuit_law``: a circuit that cannot reach its level
    does not cross it, and one that only rises does if it ends above. Others are circuits with a time constant too short for
    ``elementary.lost_soon``, too: nothing may depend on the circuits beside one.
    """
    use_wide_registers()
    for k in range(n):
        v, level, rest = line[FROM_V + k], line[LEVEL + k], line[SLOPE + k]
        per_exc, per_inh, end = line[RATE_EXC + k], line[RATE_INH + k], line[CLAMP_END + k]
        v = v - (v - line[RESET + k]) * decay(end * per_reset)[1]
        i = line[FROM_I + k] * _soon(end * per_exc)[0]
        j = line[FROM_J + k] * _soon(end * per_inh)[0]
        left = length - end
        kept, lost = _soon(left * per_exc)
        kept_inh, lost_inh = _soon(left * per_inh)
        last = v + (lost * i + lost_inh * j + rest * left)
        slope, slope_inh = i * per_exc, j * per_inh
        most = slope + slope_inh * kept_inh + rest
        least = slope * kept + slope_inh + rest
        above = last > level
        reaches = v + left * max(most, 0.0) > level
        crosses = (least > 0.0) & above & (v <= level) & (line[KIND + k] == QUIET)
        late = length * max(per_exc, per_inh) > SOON
        other = reaches & (above | (least <= 0.0) | (v > level))
        line[FREE_V + k] = v
        line[FREE_I + k] = i
        line[FREE_J + k] = j
        # Guess the time of the crossing by the cubic through both ends and slopes, time as a function of the membrane.
        rise = last - v if crosses else 1.0
        x = (level - v) / rise
        a = rise / (left * (slope + slope_inh + rest) if crosses else 1.0)
        b = rise / (left * (slope * kept + slope_inh * kept_inh + rest) if crosses else 1.0)
        share = x * (a + x * (3.0 - 2.0 * a - b + x * (a + b - 2.0)))
        share = share if (share > 0.0) & (share < 1.0) else x
        guess = left * share if crosses else end
        s, settled = _halley(guess, v, i, j, level, rest, per_exc, per_inh, crosses)
        fires = crosses & settled & (not late) & (s >= 0.0) & (s <= length)
        s = s if fires else end
        kind = OTHER if other | crosses | late else line[KIND + k]
        line[KIND + k] = FIRED if fires else kind
        line[EVENT + k] = s
        fired = _clamped(line[RESET + k], line[THRESHOLD + k], length - s, per_reset)
        line[LAST_V + k] = fired if fires else last


@part
def look(line, s, per_reset, n):
    """Put the membranes s [s] after the start of the interval, if that is after the event."""
    use_wide_registers()
    for k in range(n):
        since = max(s - line[EVENT + k], 0.0)
        fired = _clamped(line[RESET + k], line[THRESHOLD + k], since, per_reset)
        free = line[FREE_V + k] + (
            lost_soon(since * line[RATE_EXC + k]) * line[FREE_I + k]
            + lost_soon(since * line[RATE_INH + k]) * line[FREE_J + k]
            + line[SLOPE + k] * since
        )
        line[SEEN + k] = fired if line[KIND + k] == FIRED else free


@part
def settle(
    line, flagged, n_flagged, t, end, low, trial,
    state, coefficients, transition, phase, number, level, following, followed, spent,
    threshold, reset, rest, clamp_time, holdoff_time, tau_reset, noise, circuit, batch, run, seed, pull, emits, spike_mask,
    spike_time, spike_neuron, n_found, sample_time, first_sample, last_sample, samples, origin, lower, upper,
):  # fmt: skip
    """Move the circuits of a list from t to `end` [s] as far as they do what is usual; return (n_found, others left).

    The others are those at the beginning of the list then. Arguments as in ``circuit_run.run_circuits``, parameters being those of
    its circuit row, (neuron,); `following` is the level after the next spike, drawn for spike `followed`. Circuits that fire are
    added to the list `spent`, whose first entry is their number, as long as there is room: there `following` is to be drawn anew.
    """
    for r in range(n_flagged):
        k = np.uint64(flagged[r])  # no test for a negative index
        m = np.uint64(low + flagged[r])
        line[FROM_V + r] = state[np.uint64(NOW + flagged[r])]
        line[FROM_I + r] = state[np.uint64(NOW_EXC + flagged[r])]
        line[FROM_J + r] = state[np.uint64(NOW_INH + flagged[r])]
        line[LEVEL + r] = level[k]
        line[SLOPE + r] = rest[m]
        line[RATE_EXC + r] = coefficients[np.uint64(PER_EXC + flagged[r])]
        line[RATE_INH + r] = coefficients[np.uint64(PER_INH + flagged[r])]
        line[RESET + r] = reset[m]
        line[THRESHOLD + r] = threshold[m]
        line[CLAMP_END + r] = transition[k] - t if phase[k] == CLAMPED else 0.0
        line[KIND + r] = QUIET if phase[k] == FREE else FREED
    n_line = (n_flagged + WIDTH - 1) // WIDTH * WIDTH
    per_reset = 1.0 / tau_reset
    sort_out(line, end - t, per_reset, n_line)
    n_other = 0
    for r in range(n_flagged):
        k = np.uint64(flagged[r])
        m = np.uint64(low + flagged[r])
        if line[KIND + r] == QUIET:
            continue
        if line[KIND + r] == FREED:
            until = transition[k]
            if phase[k] == CLAMPED:
                until += holdoff_time[m]
            phase[k] = FREE if until < end else HOLDOFF
            transition[k] = math.inf if until < end else until
        elif line[KIND + r] == FIRED:
            fired_at = t + line[EVENT + r]
            until = fired_at + clamp_time[m]
            if not fired_at < end:
                line[KIND + r] = QUIET
                continue
            if until < end:
                line[KIND + r] = OTHER
            else:
                number[k] += 1
                if number[k] == followed[k]:
                    level[k] = following[k]
                    if spent[0] + 1 < spent.size:
                        spent[0] += 1
                        spent[np.uint64(spent[0])] = flagged[r]
                else:
                    own = (level[k], noise, circuit[m], batch[trial], run[trial], seed[trial])
                    level[k] = noisy_threshold(threshold[m], number[k], own)
                phase[k] = CLAMPED
                transition[k] = until
                if emits and spike_mask[m]:
                    if n_found < spike_time.size:
                        spike_time[n_found] = fired_at
                        spike_neuron[n_found] = low + flagged[r]
                    n_found += 1
        if line[KIND + r] == OTHER:
            n_other += 1
        else:
            state[np.uint64(MEMBRANE + flagged[r])] = line[LAST_V + r]
            open_gates(coefficients, flagged[r], phase[k], level[k], reset[m], rest[m], None, pull)
    for q in range(first_sample, last_sample):
        s = sample_time[trial, q] - t
        look(line, s, per_reset, n_line)
        at = origin + q * reset.size
        for r in range(n_flagged):
            if QUIET < line[KIND + r] < OTHER and s > line[EVENT + r]:
                samples[np.uint64(at + flagged[r])] = bounded(line[SEEN + r], lower, upper)
    if n_other > 0:
        n_other = 0
        for r in range(n_flagged):
            if line[KIND + r] == OTHER:
                flagged[n_other] = flagged[r]
                n_other += 1
    return n_found, n_other
