"""Slow, plain twins of what bss2sim computes; the tests compare against them.

Nothing here imports bss2sim. Every twin is written for being obviously right: loops over time, one neuron at a time,
exact solutions as sums of exponentials in 50-digit arithmetic.
"""

import itertools
import math
from dataclasses import dataclass, field
from fractions import Fraction

import mpmath
import numpy as np

#: Context of its own, so that nobody changes the precision of somebody else.
PRECISE = mpmath.MPContext()
PRECISE.dps = 50


class Float64:
    """The arithmetic of `exact` in double precision: fast, and good to about 1e-14 of the largest term."""

    mpf = float
    eps = 2.0**-52

    @staticmethod
    def exp(x):
        """Return exp(x)."""
        return math.exp(x)


# ---------------------------------------------------------------------------------------------------------------------
# durations in steps


def step_count(duration, dt):
    """Count the steps of a duration: snapped to the nearest integer within 1e-6 relative, else rounded up."""
    ratio = Fraction(float(duration)) / Fraction(float(dt))
    nearest = round(ratio)
    if abs(ratio - nearest) <= Fraction(1, 10**6) * nearest:
        return int(nearest)
    return math.ceil(ratio)


# ---------------------------------------------------------------------------------------------------------------------
# Euler steps


def _quotient(dt, tau, dtype):
    """dt/tau in float64, then rounded: what the reference does with a tau that is a plain number."""
    return (dt / np.asarray(tau, np.float64)).astype(dtype)


def _reciprocal(dt, tau, dtype):
    """(1/tau) * dt, each operation rounded: what the reference does with a tau that is a tensor."""
    return ((dtype(1) / np.asarray(tau).astype(dtype)).astype(dtype) * dtype(dt)).astype(dtype)


def euler(
    jump,
    dt,
    *,
    model="iaf",
    threshold=math.inf,
    reset=0.0,
    leak=0.0,
    tau_mem,
    tau_syn,
    refractory_time=0.0,
    holdoff_time=0.0,
    dtype=np.float64,
    rounding="quotient",
):
    """Step a population with the reference's operations in the reference's order.

    Parameters
    ----------
    jump : ndarray, shape (time, batch, neuron), or tuple of two of them (positive jumps, negative jumps)
    dt : float [s]
    model : "iaf", "lif" or "li"
    tau_syn : number or array (neuron,), or tuple of two of these (excitatory, inhibitory) [s]
    rounding : "quotient" or "reciprocal", how dt/tau is rounded

    Returns
    -------
    spikes, membrane, current : ndarray, shape (time, batch, neuron)
        `current` has shape (time, batch, 2, neuron) with two synaptic time constants.
    """
    dtype = np.dtype(dtype).type
    coefficient = {"quotient": _quotient, "reciprocal": _reciprocal}[rounding]
    pair = isinstance(tau_syn, tuple)
    if isinstance(jump, tuple):
        jumps = [np.asarray(part, dtype) for part in jump]
    elif pair:
        jumps = [np.maximum(np.asarray(jump, dtype), 0), np.minimum(np.asarray(jump, dtype), 0)]
    else:
        jumps = [np.asarray(jump, dtype)]
    n_time, n_batch, n_neuron = jumps[0].shape

    def per_neuron(value):
        return np.broadcast_to(np.asarray(value).astype(dtype), (n_neuron,))

    taus = tau_syn if pair else (tau_syn,)
    mem = per_neuron(coefficient(dt, tau_mem, dtype))
    syn = [per_neuron(coefficient(dt, tau, dtype)) for tau in taus]
    decay = [per_neuron((1.0 - dt / np.asarray(tau, np.float64)).astype(dtype)) for tau in taus]
    if rounding == "reciprocal":
        decay = [dtype(1) - k for k in syn]
    threshold, reset, leak = per_neuron(threshold), per_neuron(reset), per_neuron(leak)
    busy_steps = np.broadcast_to([step_count(t, dt) for t in np.atleast_1d(refractory_time)], (n_neuron,))
    free_steps = np.broadcast_to([step_count(t, dt) for t in np.atleast_1d(holdoff_time)], (n_neuron,))

    v = np.broadcast_to(reset if model == "iaf" else leak, (n_batch, n_neuron)).copy()
    currents = [np.zeros((n_batch, n_neuron), dtype) for _ in taus]
    counter = np.zeros((n_batch, n_neuron), int)
    spikes = np.zeros((n_time, n_batch, n_neuron), np.uint8)
    membrane = np.zeros((n_time, n_batch, n_neuron), dtype)
    current = np.zeros((n_time, n_batch, len(taus), n_neuron), dtype)
    for t in range(n_time):
        drive = currents[0] if not pair else currents[0] + currents[1]
        if model != "iaf":
            drive = (leak - v) + drive
        u = v + mem * drive
        for x in range(len(taus)):
            if model == "lif":
                currents[x] = currents[x] * decay[x] + jumps[x][t]
            else:
                currents[x] = (currents[x] - syn[x] * currents[x]) + jumps[x][t]
            current[t, :, x] = currents[x]
        busy = counter > 0
        clamped = busy & (counter > free_steps)
        fires = (u > threshold) & ~busy if model != "li" else np.zeros_like(busy)
        v = np.where(fires | clamped, reset, u)
        counter = np.where(fires, busy_steps, counter - busy)
        spikes[t], membrane[t] = fires, v
        assert v.dtype == dtype and currents[0].dtype == dtype
    return spikes, membrane, current if pair else current[:, :, 0]


# ---------------------------------------------------------------------------------------------------------------------
# sums of polynomials times exponentials: [(rate, [c0, c1, ...])] stands for sum of (c0 + c1 s + ...) exp(-rate s)


def _clean(terms):
    """Merge equal rates, drop what is zero, sort by rate."""
    merged = {}
    for rate, poly in terms:
        old = merged.setdefault(rate, [])
        old.extend([0] * (len(poly) - len(old)))
        for k, c in enumerate(poly):
            old[k] = old[k] + c
    out = []
    for rate in sorted(merged):
        poly = merged[rate]
        while poly and poly[-1] == 0:
            poly.pop()
        if poly:
            out.append((rate, poly))
    return out


def _value(terms, s, ar):
    """Evaluate the sum at s."""
    total = ar.mpf(0)
    for rate, poly in terms:
        p = ar.mpf(0)
        for c in reversed(poly):
            p = p * s + c
        total += p * ar.exp(-rate * s)
    return total


def _derivative(terms):
    """Differentiate the sum."""
    out = []
    for rate, poly in terms:
        inner = [k * c for k, c in enumerate(poly)][1:]
        out.append((rate, inner + [0] * (len(poly) - len(inner))))
        out.append((rate, [-rate * c for c in poly]))
    return _clean(out)


def _root(terms, slope, lo, hi, ar):
    """Find the root of a sum that is monotone on [lo, hi], with opposite signs there: Newton, guarded by bisection."""
    rising = _value(terms, hi, ar) > 0
    s = (lo + hi) / 2
    for _ in range(1000):
        value = _value(terms, s, ar)
        if value == 0:
            return s
        if (value > 0) == rising:
            hi = s
        else:
            lo = s
        steep = _value(slope, s, ar)
        new = s - value / steep if steep != 0 else lo
        if not lo < new < hi:
            new = (lo + hi) / 2
            if not lo < new < hi:
                return s
        if abs(new - s) <= 4 * ar.eps * abs(new):
            return new
        s = new
    raise AssertionError("no convergence")


def _zeros(terms, end, ar):
    """Find all zeros in [0, end] (Rolle: between two zeros of the derivative there is at most one).

    Multiplying by exp(rate s) of the slowest term does not move the zeros, makes that term a polynomial, and every
    derivative lowers the number of terms: the recursion ends at a single exponential, which has no zero.
    """
    terms = _clean(terms)
    if not terms or (len(terms) == 1 and len(terms[0][1]) == 1):
        return []
    shift = terms[0][0]
    shifted = [(rate - shift, poly) for rate, poly in terms]
    slope = _derivative(shifted)
    nodes = [ar.mpf(0), *_zeros(slope, end, ar), end]
    values = [_value(shifted, s, ar) for s in nodes]
    found = []
    for k in range(len(nodes)):
        if values[k] == 0:
            if not found or found[-1] < nodes[k]:
                found.append(nodes[k])
        elif (
            k + 1 < len(nodes)
            and nodes[k] < nodes[k + 1]
            and (values[k] > 0) != (values[k + 1] > 0)
            and values[k + 1] != 0
        ):
            found.append(_root(shifted, slope, nodes[k], nodes[k + 1], ar))
    return found


def _first_above(terms, end, ar):
    """Find the first s in [0, end] behind which the sum is positive; None if there is none.

    The sum must not be positive at 0. Between stationary points it is monotone: it crosses in the first piece at whose
    end it is positive. A maximum that only touches zero does not cross.
    """
    terms = _clean(terms)
    slope = _derivative(terms)
    nodes = [ar.mpf(0), *_zeros(slope, end, ar), end]
    for lo, hi in itertools.pairwise(nodes):
        if _value(terms, hi, ar) > 0:
            if _value(terms, lo, ar) >= 0:
                return lo
            return _root(terms, slope, lo, hi, ar)
    return None


# ---------------------------------------------------------------------------------------------------------------------
# one neuron, exactly


@dataclass
class Trace:
    """What happened to one neuron."""

    spike_time: list = field(default_factory=list)  #: [s]
    membrane: list = field(default_factory=list)  #: at the sample times
    current: list = field(default_factory=list)  #: at the sample times, (exc, inh) or (i,), just after a jump there
    slope: list = field(
        default_factory=list
    )  #: dv/dt at each spike that crossed; None at the end of a refractory period
    uncertainty: list = field(default_factory=list)  #: of each spike time, per unit of relative rounding error [s]


class _Neuron:
    """State of one neuron and its free motion."""

    def __init__(self, model, threshold, reset, leak, tau_mem, tau_syn, refractory_time, holdoff_time, ar):
        self.ar, self.model = ar, model
        self.taus = [ar.mpf(float(tau)) for tau in (tau_syn if isinstance(tau_syn, tuple) else (tau_syn,))]
        self.tau_mem, self.reset, self.leak = ar.mpf(float(tau_mem)), ar.mpf(float(reset)), ar.mpf(float(leak))
        self.threshold = None if model == "li" else ar.mpf(float(threshold))
        self.hold = ar.mpf(float(holdoff_time))
        self.clamp = ar.mpf(float(refractory_time)) - self.hold
        self.t = ar.mpf(0)
        self.v = self.reset if model == "iaf" else self.leak
        self.currents = [ar.mpf(0) for _ in self.taus]
        self.phase, self.next = "active", None
        self.largest = ar.mpf(0)  # farthest that the currents so far could move the membrane [unit of the membrane]
        self.release_slope = ar.mpf(0)  # dv/dt at the last end of a clamp
        self.uncertainty = ar.mpf(0)
        self.trace = Trace()
        if model != "li" and self.v > self.threshold:
            self.fire(None)

    def motion(self):
        """Return v(s) of the free membrane, s counted from now."""
        ar, one = self.ar, self.ar.mpf(1)
        if self.model == "iaf":
            parts = [(i * tau / self.tau_mem, tau) for i, tau in zip(self.currents, self.taus, strict=True)]
            out = [(ar.mpf(0), [self.v + sum(q for q, _ in parts)])]
            return out + [(one / tau, [-q]) for q, tau in parts]
        slow = one / self.tau_mem
        out = [(ar.mpf(0), [self.leak]), (slow, [self.v - self.leak])]
        for i, tau in zip(self.currents, self.taus, strict=True):
            if tau == self.tau_mem:
                out.append((slow, [ar.mpf(0), i / tau]))
            else:
                gain = i * tau / (tau - self.tau_mem)
                out += [(one / tau, [gain]), (slow, [-gain])]
        return out

    def reach(self):
        """Return how far the currents of now can move the membrane."""
        charge = [abs(i) * tau / self.tau_mem for i, tau in zip(self.currents, self.taus, strict=True)]
        if self.model != "iaf":  # the leak limits it to the size of the current
            charge = [min(q, abs(i)) for q, i in zip(charge, self.currents, strict=True)]
        return sum(charge)

    def slope(self, s):
        """Return dv/dt of the free membrane after s seconds."""
        return _value(_derivative(_clean(self.motion())), s, self.ar)

    def pass_time(self, s, free):
        """Let s seconds pass; the membrane moves if it is free."""
        self.v = _value(_clean(self.motion()), s, self.ar) if free else self.reset
        self.currents = [i * self.ar.exp(-s / tau) for i, tau in zip(self.currents, self.taus, strict=True)]
        self.t = self.t + s

    def fire(self, slope):
        """Spike now and begin the refractory period."""
        if slope is not None:
            # rounding of v at the crossing, plus what the uncertain end of the last clamp does to v at the crossing
            size = abs(self.threshold) + abs(self.reset) + abs(self.leak) + self.largest
            self.uncertainty = (
                (size + abs(self.release_slope) * self.uncertainty) / slope if slope > 0 else self.ar.mpf("inf")
            )
        self.trace.spike_time.append(self.t)
        self.trace.slope.append(slope)
        self.trace.uncertainty.append(float(self.uncertainty))
        self.v, self.phase, self.next = self.reset, "clamp", self.t + self.clamp

    def advance(self, until):
        """Go on until the given time, through all spikes and ends of refractory periods."""
        while True:
            if self.phase == "clamp":
                if self.next > until:
                    return self.pass_time(until - self.t, free=False)
                self.pass_time(self.next - self.t, free=False)
                self.phase, self.next = "holdoff", self.next + self.hold
                self.release_slope = self.slope(self.ar.mpf(0))
            if self.phase == "holdoff":
                if self.next > until:
                    return self.pass_time(until - self.t, free=True)
                self.pass_time(self.next - self.t, free=True)
                self.phase = "active"
                if self.v > self.threshold:
                    self.fire(None)
                    continue
            s = None
            if self.model != "li":
                above = [*self.motion(), (self.ar.mpf(0), [-self.threshold])]
                s = _first_above(above, until - self.t, self.ar)
            if s is None:
                return self.pass_time(until - self.t, free=True)
            slope = self.slope(s)
            self.pass_time(s, free=True)
            self.fire(slope)


def exact(
    events,
    *,
    duration,
    model="iaf",
    threshold=math.inf,
    reset=0.0,
    leak=0.0,
    tau_mem,
    tau_syn,
    refractory_time=0.0,
    holdoff_time=0.0,
    sample_time=(),
    arithmetic=PRECISE,
):
    """Solve one neuron exactly, event by event.

    Parameters
    ----------
    events : list of (time [s], jump), sorted by time
        With two synaptic time constants positive jumps go to the first current, negative ones to the second.
    tau_syn : float or tuple (excitatory, inhibitory) [s]
    sample_time : increasing times at which membrane and current are wanted [s]
    arithmetic : PRECISE (50 digits) or Float64

    Returns
    -------
    Trace
        Spikes at or after `duration` are left out.
    """
    neuron = _Neuron(model, threshold, reset, leak, tau_mem, tau_syn, refractory_time, holdoff_time, arithmetic)
    pair = isinstance(tau_syn, tuple)
    # an event comes before a sample at the same time: samples see the current after the jump
    agenda = [(float(t), 0, float(w)) for t, w in events] + [(float(t), 1, 0.0) for t in sample_time]
    for time, kind, weight in sorted(agenda, key=lambda entry: entry[:2]):
        neuron.advance(arithmetic.mpf(time))
        if kind == 0:
            which = 1 if pair and weight < 0 else 0
            neuron.currents[which] = neuron.currents[which] + arithmetic.mpf(weight)
            neuron.largest = max(neuron.largest, neuron.reach())
        else:
            neuron.trace.membrane.append(neuron.v)
            neuron.trace.current.append(tuple(neuron.currents))
    end = arithmetic.mpf(float(duration))
    neuron.advance(end)
    trace = neuron.trace
    kept = [k for k, t in enumerate(trace.spike_time) if t < end]
    trace.spike_time = [trace.spike_time[k] for k in kept]
    trace.slope = [trace.slope[k] for k in kept]
    trace.uncertainty = [trace.uncertainty[k] for k in kept]
    return trace


def peak(events, *, model="iaf", reset=0.0, leak=0.0, tau_mem, tau_syn, refractory_time=0.0):
    """Return the largest membrane behind the last event, if nothing fires; 50 digits."""
    ar = PRECISE
    neuron = _Neuron(model, 1e300, reset, leak, tau_mem, tau_syn, refractory_time, 0.0, ar)
    for time, weight in events:
        neuron.advance(ar.mpf(time))
        neuron.currents[1 if isinstance(tau_syn, tuple) and weight < 0 else 0] += ar.mpf(weight)
    motion = _clean(neuron.motion())
    end = ar.mpf(1000) * max(neuron.taus)
    return max(_value(motion, s, ar) for s in [ar.mpf(0), *_zeros(_derivative(motion), end, ar), end])


# ---------------------------------------------------------------------------------------------------------------------
# inputs as events, spikes sparse and dense


def grid_events(jump, dt):
    """Turn the jumps of one neuron, shape (time,), into events at the beginning of their bins."""
    return [(k * dt, float(x)) for k, x in enumerate(jump) if x != 0]


def synapse_events(spikes, weight):
    """Turn presynaptic spikes [(time, input)] into the events of every neuron through weight (input, neuron)."""
    weight = np.asarray(weight)
    return [[(t, float(weight[k, n])) for t, k in spikes if weight[k, n] != 0] for n in range(weight.shape[1])]


def to_sparse(spikes, dt):
    """List the spikes of a dense array (time, batch, neuron) as sorted (batch, time [s], neuron); counts repeat."""
    found = []
    for k in range(spikes.shape[0]):
        for b in range(spikes.shape[1]):
            for n in range(spikes.shape[2]):
                found += [(b, k * dt, n)] * int(spikes[k, b, n])
    return sorted(found)


def to_dense(spikes, dt, n_time, n_batch, n_neuron):
    """Count the spikes [(batch, time [s], neuron)] in bins [k dt, (k+1) dt): shape (time, batch, neuron)."""
    out = np.zeros((n_time, n_batch, n_neuron), np.uint8)
    edges = [k * dt for k in range(n_time)]
    for b, t, n in spikes:
        row = 0
        while row + 1 < n_time and edges[row + 1] <= t:
            row += 1
        out[row, b, n] += 1
    return out
