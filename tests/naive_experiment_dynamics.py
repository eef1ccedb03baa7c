"""One circuit of the emulated chip in plain Python: closed forms, and crossings by a scan and bisection. Imports nothing
from the package.
"""

import math
from statistics import NormalDist

FREE, CLAMPED, HOLDOFF = range(3)
SCAN = 200  # points of an interval at which the membrane is compared with the threshold


def philox(counter, key):
    """Philox4x32-10 in Python's integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p, q = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (q >> 32) ^ c1 ^ k0, q & 0xFFFFFFFF, (p >> 32) ^ c3 ^ k1, p & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def normal(index, circuit, stream, batch, run, seed):
    """Standard normal of a counter, by the standard library's quantile."""
    word = philox((index, circuit | stream << 16, batch, run), (seed % 2**32, seed >> 32))[0]
    return NormalDist().inv_cdf((word + 0.5) / 2**32)


def response(s, tau_mem, tau):
    """Membrane over a time s per unit of IAF step: of a current that raises a membrane without leak by 1 in all."""
    if tau_mem is None:
        return -math.expm1(-s / tau)
    if tau_mem == tau:
        return s / tau * math.exp(-s / tau)
    return tau_mem / (tau - tau_mem) * (math.exp(-s / tau) - math.exp(-s / tau_mem))


class Circuit:
    """One circuit; currents are kept as what they would still add to a membrane without leak [LSB]."""

    def __init__(
        self, *, start, threshold, reset, refractory_time, holdoff_time, tau_exc, tau_inh, tau_mem=None, leak=None,
        drift=0.0, reset_time_constant=0.0, limits=None, noise=lambda k: 0.0,
    ):  # fmt: skip
        self.v, self.exc, self.inh, self.t = start, 0.0, 0.0, 0.0
        self.phase, self.ends = FREE, math.inf
        self.nominal, self.reset, self.noise = threshold, reset, noise
        self.clamp, self.holdoff = refractory_time - holdoff_time, holdoff_time
        self.tau_exc, self.tau_inh, self.tau_mem, self.leak = tau_exc, tau_inh, tau_mem, leak
        self.drift, self.tau_reset, self.limits = drift, reset_time_constant, limits
        self.spikes = []
        self.count = 0

    def level(self):
        """Return the present threshold."""
        return self.nominal + self.noise(self.count)

    def bounded(self, v):
        """Return a membrane within its bounds."""
        return v if self.limits is None else min(max(v, self.limits[0]), self.limits[1])

    def free(self, s):
        """Return the membrane after a time s, if nothing happens."""
        v = self.v + self.exc * response(s, self.tau_mem, self.tau_exc)
        v -= self.inh * response(s, self.tau_mem, self.tau_inh)
        if self.tau_mem is None:
            return v + self.drift * s
        rest = self.leak + self.drift * self.tau_mem
        return v + (rest - self.v) * -math.expm1(-s / self.tau_mem)

    def clamped(self, s):
        """Return the membrane after a time s in the clamp."""
        return self.reset + (self.v - self.reset) * (math.exp(-s / self.tau_reset) if self.tau_reset else 0.0)

    def move(self, t):
        """Go to a time at which nothing happens before."""
        s = t - self.t
        self.v = self.clamped(s) if self.phase == CLAMPED else self.free(s)
        self.exc *= math.exp(-s / self.tau_exc)
        self.inh *= math.exp(-s / self.tau_inh)
        self.t = t

    def crossing(self, length):
        """Return the time at which the membrane first exceeds the threshold within a length, or None."""
        level = self.level()
        if self.v > level:
            return 0.0
        low = 0.0
        for k in range(1, SCAN + 1):
            high = length * k / SCAN
            if self.free(high) > level:
                for _ in range(100):
                    middle = 0.5 * (low + high)
                    if self.free(middle) > level:
                        high = middle
                    else:
                        low = middle
                return high
            low = high
        return None

    def advance(self, end, samples=()):
        """Go to a time through spikes and phases; return the membrane at some times on the way, ascending."""
        seen = []
        samples = list(samples)

        def look(until):
            while samples and samples[0] <= until:
                s = samples.pop(0) - self.t
                seen.append(self.bounded(self.clamped(s) if self.phase == CLAMPED else self.free(s)))

        while True:
            stop = min(end, self.ends)
            fires = None if self.phase != FREE else self.crossing(stop - self.t)
            if fires is not None and self.t + fires < end:
                look(self.t + fires)
                self.move(self.t + fires)
                self.spikes.append(self.t)
                self.count += 1
                self.v, self.phase, self.ends = self.nominal, CLAMPED, self.t + self.clamp
                continue
            if self.ends < end:
                look(self.ends)
                self.move(max(self.t, self.ends))
                if self.phase == CLAMPED:
                    self.phase, self.ends = HOLDOFF, self.t + self.holdoff
                else:
                    self.phase, self.ends = FREE, math.inf
                continue
            look(end)
            self.move(end)
            return seen

    def inject(self, exc, inh):
        """Take the jumps of an instant of input."""
        share = share_inh = 1.0
        if self.limits is not None:
            lower, upper, inhibition, excitation = self.limits
            self.v = self.bounded(self.v)
            share = min(max((upper - self.v) / excitation, 0.0), 1.0)
            share_inh = min(max((self.v - lower) / inhibition, 0.0), 1.0)
        self.exc += share * exc
        self.inh += share_inh * inh


def run(circuit, inputs, finish, samples):
    """Run a circuit with inputs (time, excitatory, inhibitory step); return its spikes and membranes at some times."""
    circuit.inject(0.0, 0.0)
    seen = []
    samples = list(samples)
    for time, exc, inh in inputs:
        here = [t for t in samples if t < time]
        samples = samples[len(here) :]
        seen += circuit.advance(time, here)
        circuit.inject(exc, inh)
    here = [t for t in samples if t < finish]
    seen += circuit.advance(finish, here)
    seen += [circuit.bounded(circuit.v)] * (len(samples) - len(here))
    return circuit.spikes, seen
