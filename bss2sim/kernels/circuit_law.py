"""The free membrane of a circuit, and its first crossing within an interval.

The functions have the arguments of those of ``exact``, so that ``exact.advance`` takes either. Excitatory currents i are at
least 0, inhibitory ones j at most 0. Without leak (`leaks` None) the arguments `tau_syn` and `tau_inh` are the inverse time
constants [1/s]: divisions would be a fifth of the work.
"""

from __future__ import annotations

import math

from .crossing import _decay, _response
from .elementary import SOON, decay, lost_soon
from .jit import part

_STEPS = 64
_EPSILON = 2.0**-52
# A Newton step this much shorter than the synaptic time constant leaves an error below the resolution of a spike time.
_SETTLED = 2e-9
_FINEST = 2.0**-40  # of an interval: no maximum is looked for in less


@part
def _soon(x):
    """Decay and its complement, sooner where x is small; the bits of ``elementary.decay``."""
    if x <= SOON:
        lost = lost_soon(x)
        return 1.0 - lost, lost
    return decay(x)


@part
def move_drift(v, i, j, s, rest, tau_mem, tau_syn, tau_inh):
    """Membrane without leak and currents after a time s [s].

    `rest` is its slope without currents [LSB/s]; currents are what they add to it in all [LSB]. `tau_mem` is not used.
    """
    kept, lost = _soon(s * tau_syn)
    kept_inh, lost_inh = _soon(s * tau_inh)
    return v + (lost * i + lost_inh * j + rest * s), i * kept, j * kept_inh


@part
def move_leak(v, i, j, s, rest, tau_mem, tau_syn, tau_inh):
    """Membrane that leaks to `rest`, and currents, after a time s [s]: ``exact.move`` with fewer exponentials."""
    gain, kept = _response(s, tau_mem, tau_syn)
    gain_inh, kept_inh = _response(s, tau_mem, tau_inh)
    return v + (gain * i + gain_inh * j - (v - rest) * _decay(s / tau_mem)[1]), i * kept, j * kept_inh


@part
def _slope(v, i, j, rest, tau_mem, tau_syn, tau_inh, leaks):
    """Slope of a free membrane [LSB/s]."""
    if leaks is None:
        slope = i * tau_syn + j * tau_inh + rest
    if leaks is not None:
        slope = (i + j + (rest - v)) / tau_mem
    return slope


@part
def _root(v, i, j, level, rest, tau_mem, tau_syn, tau_inh, low, high, s, moving, leaks):
    """Find where a membrane that rises from `low` to `high` [s] is at a level, by Newton's method from s, within the bracket."""
    for step in range(2 * _STEPS):
        v_now, i_now, j_now = moving(v, i, j, s, rest, tau_mem, tau_syn, tau_inh)
        excess = v_now - level
        if excess > 0.0:
            high = s
        else:
            low = s
        slope = _slope(v_now, i_now, j_now, rest, tau_mem, tau_syn, tau_inh, leaks)
        following = math.inf
        if slope > 0.0:
            following = s - excess / slope
            if leaks is None:
                settled = _SETTLED / tau_syn
            if leaks is not None:
                settled = _SETTLED * tau_syn
            if abs(following - s) <= max(settled, _EPSILON * s):
                return min(max(following, low), high)
        if not low < following < high or step >= _STEPS:
            following = low + 0.5 * (high - low)
            if following <= low or following >= high:
                return high
        s = following
    return s


@part
def _share(x, rise, rise_low, rise_high):
    """Guess the share of an interval after which a share x of its rise is made, by the cubic through both ends and slopes.

    `rise_low` and `rise_high` are what it would rise with the slope of its start and of its end, not all above 0 maybe.
    """
    if not (rise_low > 0.0 and rise_high > 0.0):
        return x
    a = rise / rise_low
    b = rise / rise_high
    guess = x * (a + x * (3.0 - 2.0 * a - b + x * (a + b - 2.0)))
    return guess if 0.0 < guess < 1.0 else x


@part
def _first_crossing(v, i, j, level, rest, tau_mem, tau_syn, tau_inh, within, moving, leaks):
    """Time at which v first rises through a level within some time [s], infinity if it does not.

    In a piece of the interval the slope is at most that with i of its start and j of its end, and at least that with i of
    its end and j of its start, v being at its start, or at the level. A piece that cannot reach the level is left out, one
    that only rises is decided by its end, and any other is halved.
    """
    if v > level:
        return 0.0
    most = _slope(v, i, 0.0, rest, tau_mem, tau_syn, tau_inh, leaks)
    if not v + within * max(most, 0.0) > level:  # soon said, without an exponential
        return math.inf
    low = 0.0
    width = within
    v_low, i_low, j_low = v, i, j
    while low < within:
        high = low + width
        if high >= within:
            high = within
        v_high, i_high, j_high = moving(v, i, j, high, rest, tau_mem, tau_syn, tau_inh)
        most = _slope(v_low, i_low, j_high, rest, tau_mem, tau_syn, tau_inh, leaks)
        least = _slope(level, i_high, j_low, rest, tau_mem, tau_syn, tau_inh, leaks)
        length = high - low
        if v_low + length * max(most, 0.0) > level:
            if least >= 0.0 or length <= _FINEST * within:
                if v_high > level:
                    start = _slope(v_low, i_low, j_low, rest, tau_mem, tau_syn, tau_inh, leaks)
                    stop = _slope(v_high, i_high, j_high, rest, tau_mem, tau_syn, tau_inh, leaks)
                    rise = v_high - v_low
                    s = low + length * _share((level - v_low) / rise, rise, length * start, length * stop)
                    return _root(v, i, j, level, rest, tau_mem, tau_syn, tau_inh, low, high, s, moving, leaks)
            else:
                width = 0.5 * length
                continue
        low, v_low, i_low, j_low = high, v_high, i_high, j_high
        width = 2.0 * width
    return math.inf


@part
def cross_drift(v, i, j, threshold, rest, tau_mem, tau_syn, tau_inh, within):
    """Time until a membrane without leak first rises through the threshold within some time [s], else infinity."""
    return _first_crossing(v, i, j, threshold, rest, tau_mem, tau_syn, tau_inh, within, move_drift, None)


@part
def cross_leak(v, i, j, threshold, rest, tau_mem, tau_syn, tau_inh, within):
    """The same for a membrane that leaks to `rest`."""
    return _first_crossing(v, i, j, threshold, rest, tau_mem, tau_syn, tau_inh, within, move_leak, True)
