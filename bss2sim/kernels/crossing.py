"""Time from now to the first instant at which the membrane rises through its threshold, in float64.

Each function answers for the membrane as it evolves without further input, with no end of an
interval: the caller compares the time with its own. It is infinite if the membrane never exceeds the
threshold, and 0 if it is above the threshold already (by rounding) or is at it and about to rise.
A maximum that touches the threshold is no crossing, and NaN never crosses.

Times are in s, and membrane, threshold, leak and currents in one common unit. Currents have any
sign. The decision whether there is a crossing, and its time, are those of arguments that differ from
the given ones by a few units in the last place.
"""

import math

from bss2sim.kernels.elementary import decay, log1p
from bss2sim.kernels.jit import kernel, rule

_EPSILON = 2.0**-52
# exp(-40) does not change a number of order 1; exp(-600) is nothing, but no subnormal number.
_SETTLED = 40.0
_VANISHED = 600.0
# A root search tries Newton steps this many times, then halves its bracket this many times: that
# ends at the resolution of float64. Newton's method alone needs about five steps, up to 40 close to
# an asymptote or a tangent.
_STEPS = 64


# `decay` as a function that is compiled once: copied to every call, it would double the compile time.
_decay = kernel(getattr(decay, "py_func", decay))


@rule
def crossing_single(v, current, threshold, tau_mem, tau_syn):
    """
    First crossing of a membrane without leak, driven by one current.

    v(s) = v + q (1 - exp(-s/tau_syn)) with q = current tau_syn/tau_mem is monotone; with the distance
    a = threshold - v it crosses at tau_syn ln(q/(q - a)) = tau_syn ln(1 + a/(q - a)) if q > a. The
    second form keeps its digits when the asymptote is just above the threshold.

    Parameters
    ----------
    v, current, threshold : float64
        Membrane, synaptic current and threshold now [unit of the membrane].
    tau_mem, tau_syn : float64
        Time constants [s].

    Returns
    -------
    float64
        Time of the crossing from now, infinite if there is none [s].
    """
    asymptote = current * (tau_syn / tau_mem)
    distance = threshold - v
    if distance < 0.0:
        time = 0.0
    elif asymptote > distance:
        time = tau_syn * log1p(distance / (asymptote - distance))
    else:
        time = math.inf
    return time


@rule
def _log_ratio(numerator, denominator, difference):
    """ln(numerator/denominator) of two positive numbers and their accurate difference."""
    below = difference < 0.0
    value = log1p(-difference / numerator if below else difference / denominator)
    return -value if below else value


@kernel
def crossing_pair(v, current_exc, current_inh, threshold, tau_mem, tau_exc, tau_inh):
    """
    First crossing of a membrane without leak, driven by two currents.

    v(s) = v + sum_x q_x (1 - exp(-s/tau_x)), q_x = i_x tau_x/tau_mem, rises while
    I(s) = sum_x i_x exp(-s/tau_x) is positive. Call the current with the longer time constant slow,
    the other fast. I has at most one zero, at

        s_m = k ln(-i_fast/i_slow),  k = tau_slow tau_fast/(tau_slow - tau_fast),

    and afterwards the sign of i_slow, so there is one rising branch at most: from 0 to s_m
    (i_slow < 0 < I(0)), from s_m on (I(0) <= 0 < i_slow), or from 0 on (i_slow >= 0 and I(0) > 0).
    It holds a crossing, and only one, if and only if its end lies above the threshold.

    Newton's method converges monotonically from a start on the right side of the only inflection
    point, s_m + k ln(tau_slow/tau_fast): the first branch is concave, thus start at its left end;
    the others are convex up to the inflection point and concave from there, thus start at that point.
    A bracket of the root is kept: where rounding leads out of it, it is halved.

    Parameters
    ----------
    v, current_exc, current_inh, threshold : float64
        Membrane, synaptic currents and threshold now [unit of the membrane].
    tau_mem, tau_exc, tau_inh : float64
        Time constants [s].

    Returns
    -------
    float64
        Time of the crossing from now, infinite if there is none [s].
    """
    if v > threshold:
        return 0.0
    exc_slow = tau_exc >= tau_inh
    i_slow = current_exc if exc_slow else current_inh
    i_fast = current_inh if exc_slow else current_exc
    tau_slow = tau_exc if exc_slow else tau_inh
    tau_fast = tau_inh if exc_slow else tau_exc
    if tau_slow == tau_fast:
        i_slow += i_fast
        i_fast = 0.0
    if i_slow == 0.0:
        i_slow = i_fast
        tau_slow = tau_fast
        i_fast = 0.0
    if i_fast == 0.0:
        return crossing_single(v, i_slow, threshold, tau_mem, tau_slow)

    distance = threshold - v
    q_slow = i_slow * (tau_slow / tau_mem)
    q_fast = i_fast * (tau_fast / tau_mem)
    total = i_slow + i_fast
    falls_last = i_slow < 0.0
    if falls_last:
        if not total > 0.0:
            return math.inf
    elif not q_slow + q_fast > distance:
        return math.inf
    if distance == 0.0 and total >= 0.0:
        return 0.0

    low = 0.0
    s = 0.0
    high = _SETTLED * tau_slow
    if (i_slow < 0.0) != (i_fast < 0.0):
        k = tau_slow / (tau_slow - tau_fast) * tau_fast
        zero = k * _log_ratio(abs(i_fast), abs(i_slow), abs(i_fast) - abs(i_slow))
        if falls_last:
            high = zero
            s = zero
        else:
            low = max(zero, 0.0)
            s = max(zero + k * log1p((tau_slow - tau_fast) / tau_fast), 0.0)
            high += s

    for step in range(2 * _STEPS):
        exp_slow, lost_slow = _decay(s / tau_slow)
        exp_fast, lost_fast = _decay(s / tau_fast)
        slow = q_slow * lost_slow
        fast = q_fast * lost_fast
        excess = slow + fast - distance
        if falls_last and step == 0:
            # The value at the maximum decides; go on with the Newton step from s = 0.
            if not excess > 0.0:
                return math.inf
            following = distance * tau_mem / total
        else:
            if excess > 0.0:
                high = s
            else:
                low = s
            slope = (i_slow * exp_slow + i_fast * exp_fast) / tau_mem
            following = math.inf
            if slope > 0.0:
                following = s - excess / slope
                # Neither a step below the resolution of s nor one below the rounding error of the
                # excess makes s better.
                noise = 0.5 * _EPSILON * (distance + abs(slow) + abs(fast))
                if abs(following - s) <= _EPSILON * s or abs(excess) <= noise:
                    return min(max(following, low), high)
        if not low < following < high or step >= _STEPS:
            following = low + 0.5 * (high - low)
            if following <= low or following >= high:
                return following
        s = following
    return s


@kernel
def _response(s, tau_mem, tau_syn):
    """`leaky_gain`, and exp(-s/tau_syn), from the same two exponentials."""
    membrane_slower = tau_mem > tau_syn
    slower = tau_mem if membrane_slower else tau_syn
    faster = tau_syn if membrane_slower else tau_mem
    difference = slower - faster
    x = s / slower
    remaining, _ = _decay(x)
    less, lost = _decay(x * (difference / faster))
    gain = lost * (tau_syn / difference) if difference > 0.0 else s / tau_mem
    return remaining * gain, remaining * less if membrane_slower else remaining


@kernel
def _current_crossing(i_slow, i_fast, level, tau_slow, tau_fast, low, high, guess, rising):
    """Time in [low, high] at which a current, monotone there, passes a level [s]."""
    for step in range(2 * _STEPS):
        slow = i_slow * _decay(guess / tau_slow)[0]
        fast = i_fast * _decay(guess / tau_fast)[0]
        above = slow + fast - level
        if (above > 0.0) == rising:
            high = guess
        else:
            low = guess
        slope = slow / tau_slow + fast / tau_fast
        following = guess + above / slope if slope != 0.0 else math.inf
        if abs(following - guess) <= _EPSILON * guess:
            break
        if not low < following < high or step >= _STEPS:
            following = low + 0.5 * (high - low)
            if following <= low or following >= high:
                break
        guess = following
    return guess


@kernel
def crossing_leaky(v, current_exc, current_inh, threshold, leak, tau_mem, tau_exc, tau_inh):
    """
    First crossing of a leaky membrane, driven by two currents, or by one.

    tau_mem v' = leak - v + I(s),  I(s) = sum_x i_x exp(-s/tau_x). With c = threshold - leak the scaled
    distance h(s) = (v(s) - threshold) exp(s/tau_mem) obeys

        tau_mem h'(s) = (I(s) - c) exp(s/tau_mem),

    thus h rises exactly where I > c: v crosses upwards only there, at most once in every interval
    with I > c, and it does so if and only if it is not above the threshold at the beginning of the
    interval (as before the first crossing) and above it at the end. Nothing needs to be known about
    the stationary points of v.

    I has at most one stationary point (slow is the current with the longer time constant),

        s_g = k ln(-(i_fast/tau_fast)/(i_slow/tau_slow)),  k = tau_slow tau_fast/(tau_slow - tau_fast),

    so it is monotone up to s_g and from s_g on, and I > c in at most one interval [a, b] of each of the
    two. Where I = c at one of their ends, that time follows from a logarithm for a single current,
    and from Newton's method started at the inflection point of I, s_g + k ln(tau_slow/tau_fast), or at
    s = 0 before s_g; it converges monotonically in both cases. Its error changes v(b) in second order
    only, as h'(b) = 0.

    The last interval may have no end if c <= 0. The membrane is then compared 600 time constants after
    the beginning, where float64 holds the sign of h. A crossing after that, in a membrane that approaches
    a threshold equal to the leak within 1e-260 of the current, counts as none. For c = 0 the zero
    k ln(-i_fast/i_slow) of I takes the place of s_g.

    In [a, b], v' > (I - c)/tau_mem > 0 below the threshold. The root is searched from the left by
    Newton steps of v and from the right by those of h, in a bracket that is halved where a step leads
    out of it.

    Parameters
    ----------
    v, current_exc, current_inh, threshold, leak : float64
        Membrane, synaptic currents, threshold and leak now [unit of the membrane].
    tau_mem, tau_exc, tau_inh : float64
        Time constants [s]. `current_inh` and `tau_inh` None: one current; the function then compiles in
        two thirds of the time and gives the same bits as for `current_inh` 0.

    Returns
    -------
    float64
        Time of the crossing from now, infinite if there is none [s].
    """
    if v > threshold:
        return 0.0
    i_slow = current_exc
    tau_slow = tau_exc
    i_fast = 0.0
    tau_fast = tau_exc
    if current_inh is not None:
        if tau_inh == tau_exc:
            i_slow += current_inh
        elif current_exc == 0.0 or (tau_inh > tau_exc and current_inh != 0.0):
            i_slow = current_inh
            tau_slow = tau_inh
            i_fast = current_exc
        else:
            i_fast = current_inh
            tau_fast = tau_inh
    c = threshold - leak
    distance = threshold - v

    # Stationary point of the current, or its zero if that is the level c: the current may underflow
    # before it is stationary.
    stationary = 0.0
    extreme = i_slow + i_fast
    inflection = 0.0
    if current_inh is not None:
        if i_fast != 0.0 and (i_slow < 0.0) != (i_fast < 0.0):
            difference = tau_slow - tau_fast
            k = tau_slow / difference * tau_fast
            size_fast = abs(i_fast)
            size_slow = abs(i_slow)
            gap = size_fast - size_slow
            if c != 0.0:
                gap = size_fast * difference + gap * tau_fast
                size_fast *= tau_slow
                size_slow *= tau_fast
            zero = k * _log_ratio(size_fast, size_slow, gap)
            inflection = max(zero + k * log1p(difference / tau_fast), 0.0)
            if zero > 0.0:
                stationary = zero
                extreme = 0.0 if c == 0.0 else i_slow * _decay(zero / tau_slow)[0] * (difference / tau_slow)

    settled = _VANISHED * max(tau_mem, tau_slow)
    for piece in range(2):
        if piece == 0:
            if not stationary > 0.0:
                continue
            start = 0.0
            stop = stationary
            above_start = i_slow + i_fast - c
            above_stop = extreme - c
        else:
            start = stationary
            stop = math.inf
            above_start = extreme - c
            above_stop = -c if c != 0.0 else i_slow
        if not (above_start > 0.0 or above_stop > 0.0):
            continue

        # Part of the piece in which the current is above c
        if above_start < 0.0 or above_stop < 0.0:
            rising = above_stop > 0.0
            root = 0.0
            if i_fast == 0.0:
                root = tau_slow * log1p((i_slow - c) / c)
            if current_inh is not None:
                if i_fast != 0.0:
                    guess = start if piece == 0 else max(start, inflection)
                    high = min(stop, start + settled)
                    root = _current_crossing(i_slow, i_fast, c, tau_slow, tau_fast, start, high, guess, rising)
            if rising:
                start = root
            else:
                stop = root

        low = start
        high = min(stop, start + settled)
        s = high
        for step in range(2 * _STEPS):
            exp_mem, lost_mem = _decay(s / tau_mem)
            gain_slow, exp_slow = _response(s, tau_mem, tau_slow)
            slow = i_slow * gain_slow
            fast = 0.0
            exp_fast = 0.0
            if current_inh is not None:
                if i_fast != 0.0:
                    gain_fast, exp_fast = _response(s, tau_mem, tau_fast)
                    fast = i_fast * gain_fast
            # Where little is left of the difference from the leak, do not subtract it from itself.
            late = exp_mem < 0.5
            origin = -c if late else -distance
            own = (v - leak) * exp_mem if late else (leak - v) * lost_mem
            excess = origin + (own + (slow + fast))
            if step == 0:
                # The end of the interval decides; go on with the Newton step from s = 0, or the left end.
                crosses = excess > 0.0
                if not crosses:
                    break
                if distance == 0.0 and start == 0.0:
                    return 0.0
                s = start
                if start == 0.0:
                    s = min(tau_mem * distance / (i_slow + i_fast - c + distance), 0.5 * high)
                continue
            if excess > 0.0:
                high = s
            else:
                low = s
            slope = (i_slow * exp_slow + i_fast * exp_fast - c - min(excess, 0.0)) / tau_mem
            following = math.inf
            if slope > 0.0:
                following = s - excess / slope
                noise = 0.5 * _EPSILON * (abs(origin) + abs(own) + abs(slow) + abs(fast))
                if abs(following - s) <= _EPSILON * s or abs(excess) <= noise:
                    return min(max(following, low), high)
            if not low < following < high or step >= _STEPS:
                following = low + 0.5 * (high - low)
                if following <= low or following >= high:
                    return following
            s = following
        if crosses:
            return s
    return math.inf
