"""Exact neurons and their derivatives, one neuron at a time, forwards: every number carries its gradient along.

Imports nothing from bss2sim. The adjoint goes backwards with equations of its own; here the chain rule is applied to each operation
of the run itself, so the two share no formula for a gradient.
"""

import math

import numpy as np


class Dual:
    """A number with its gradient with respect to all that varies."""

    def __init__(self, value, gradient=0.0):
        self.value, self.gradient = float(value), gradient

    def __add__(self, other):
        other = dual(other)
        return Dual(self.value + other.value, self.gradient + other.gradient)

    def __neg__(self):
        return Dual(-self.value, -self.gradient)

    def __sub__(self, other):
        return self + (-dual(other))

    def __mul__(self, other):
        other = dual(other)
        return Dual(self.value * other.value, self.gradient * other.value + self.value * other.gradient)

    def __truediv__(self, other):
        other = dual(other)
        return Dual(self.value / other.value, (self.gradient - self.value / other.value * other.gradient) / other.value)

    def exp(self):
        return Dual(math.exp(self.value), math.exp(self.value) * self.gradient)

    def log(self):
        return Dual(math.log(self.value), self.gradient / self.value)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other):
        return dual(other) - self


def dual(number):
    """Return a number as one with a gradient."""
    return number if isinstance(number, Dual) else Dual(number)


def crossing(v, charges, taus, threshold, within):
    """Time to the first crossing of a membrane without leak within a time, or None.

    Found by looking at 50 places and halving; what it depends on follows from v(s) = threshold: ds = -dv/v'.
    """

    def membrane(s):
        return v.value + sum(q.value * (1 - math.exp(-s / tau.value)) for q, tau in zip(charges, taus, strict=True))

    places = np.linspace(0, within, 51)
    above = [k for k in range(1, 51) if membrane(places[k]) > threshold.value]
    if not above:
        return None
    low, high = places[above[0] - 1], places[above[0]]
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (low, middle) if membrane(middle) > threshold.value else (middle, high)
    at = v - threshold
    slope = 0.0
    for q, tau in zip(charges, taus, strict=True):
        at = at + q * (1.0 - (Dual(-high) / tau).exp())
        slope += q.value / tau.value * math.exp(-high / tau.value)
    return Dual(high, -at.gradient / slope)


def iaf(events, sample_time, duration, threshold, reset, tau_mem, tau_syn, refractory_time, holdoff_time, tau_inh=None):
    """Run one neuron without leak.

    Parameters
    ----------
    events : list of (time, weight)
        Inputs, in order.
    sample_time : list of float
    duration : float
    threshold, ... : Dual
    tau_inh : Dual, optional
        Time constant of the current of negative weights.

    Returns
    -------
    spikes, membrane : list of Dual
    """
    taus = [tau_syn] if tau_inh is None else [tau_syn, tau_inh]
    t, v, currents = dual(0.0), reset, [dual(0.0) for _ in taus]
    phase, until = "free", None
    if reset.value > threshold.value:
        phase, until = "holdoff", t
    events, samples = list(events), list(sample_time)
    spikes, membrane = [], []
    while True:
        # What comes next: of two at the same time the end of a phase, or a spike, first.
        stops = []
        if until is not None:
            stops.append((until.value, 0, "end", until))
        if events:
            stops.append((events[0][0].value, 2, "event", events[0][0]))
        if samples:
            stops.append((samples[0], 3, "sample", dual(samples[0])))
        stops = [stop for stop in stops if stop[0] < duration]
        charges = [tau / tau_mem * i for tau, i in zip(taus, currents, strict=True)]
        if phase == "free" and tau_inh is not None:
            within = min([stop[0] for stop in stops] + [duration]) - t.value
            s = crossing(v, charges, taus, threshold, within) if within > 0 else None
            if s is not None and s.value < within:
                stops.append((t.value + s.value, 1, "spike", t + s))
        elif phase == "free" and v.value + charges[0].value > threshold.value:
            at = t - tau_syn * (1.0 - (threshold - v) / charges[0]).log()
            if at.value < duration:
                stops.append((at.value, 1, "spike", at))
        if not stops:
            return spikes, membrane
        _, _, what, at = min(stops, key=lambda stop: stop[:2])
        kept = [((t - at) / tau).exp() for tau in taus]
        if phase != "clamped":
            v = sum((q * (1.0 - left) for q, left in zip(charges, kept, strict=True)), v)
        currents, t = [i * left for i, left in zip(currents, kept, strict=True)], at
        if what == "event":
            _, weight = events.pop(0)
            inhibits = tau_inh is not None and weight.value < 0
            currents[inhibits] = currents[inhibits] + weight
        elif what == "sample":
            membrane.append(v)
            samples.pop(0)
        elif what == "end" and phase == "clamped":
            phase, until = "holdoff", t + holdoff_time
        elif what == "end":
            phase, until = "free", None
        if what == "spike" or (what == "end" and phase == "free" and v.value > threshold.value):
            spikes.append(t)
            v, phase, until = reset, "clamped", t + (refractory_time - holdoff_time)


def li(events, sample_time, duration, leak, tau_mem, tau_syn, tau_inh=None):
    """Membranes of one leaking integrator, a sum over its inputs; arguments as of `iaf`, time constants that differ."""
    membrane = []
    for sample in sample_time:
        v = leak
        for time, weight in events:
            if time.value < min(sample, duration):
                s = sample - time
                tau = tau_inh if tau_inh is not None and weight.value < 0 else tau_syn
                v = v + weight * tau / (tau - tau_mem) * ((-s / tau).exp() - (-s / tau_mem).exp())
        membrane.append(v)
    return [], membrane


def gradients(events, n_batch, weight, parameters, sample_time, duration, of_time, of_membrane):
    """Spikes, membranes and the gradients of a linear loss.

    Parameters
    ----------
    events : three arrays (spike,): time, input, trial
    weight : array (input, neuron)
    parameters : dict of arrays (neuron,)
    of_time : function (trial, neuron, number of the spike) -> gradient of its time
    of_membrane : array (trial, sample, neuron)

    Returns
    -------
    spikes : list of (trial, time, neuron), sorted
    membrane : array (trial, sample, neuron)
    found : dict: gradients of "time" (spike,), "weight" (input, neuron), and the parameters (neuron,)
    """
    n_input, n_neuron = weight.shape
    names = list(parameters)
    run = li if "leak" in parameters else iaf
    found = {"time": np.zeros(len(events[0])), "weight": np.zeros(weight.shape)}
    found.update({name: np.zeros(n_neuron) for name in names})
    spikes, membrane = [], np.zeros((n_batch, len(sample_time), n_neuron))
    for b in range(n_batch):
        own = np.flatnonzero(events[2] == b)
        unit = np.eye(len(own) + n_input + len(names))
        for n in range(n_neuron):
            times = [Dual(events[0][k], unit[j]) for j, k in enumerate(own)]
            weights = [Dual(weight[k, n], unit[len(own) + k]) for k in range(n_input)]
            values = {name: Dual(parameters[name][n], unit[len(own) + n_input + j]) for j, name in enumerate(names)}
            inputs = [(time, weights[events[1][k]]) for time, k in zip(times, own, strict=True)]
            fired, traced = run(inputs, list(sample_time), duration, **values)
            total = np.zeros(len(unit))
            for number, time in enumerate(fired):
                spikes.append((b, time.value, n))
                total = total + of_time(b, n, number) * time.gradient
            for k, v in enumerate(traced):
                membrane[b, k, n] = v.value
                total = total + of_membrane[b, k, n] * v.gradient
            found["time"][own] += total[: len(own)]
            found["weight"][:, n] += total[len(own) : len(own) + n_input]
            for j, name in enumerate(names):
                found[name][n] += total[len(own) + n_input + j]
    return sorted(spikes), membrane, found
