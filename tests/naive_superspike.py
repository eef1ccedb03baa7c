"""Euler steps and their SuperSpike gradients, one neuron and one step at a time. Imports nothing from bss2sim.

The rules are those of tests/data/README.md (Dynamics, Gradients), with the holdoff: in its steps the membrane is free and
cannot fire. Sums over steps, trials and neurons are plain Python sums of float64.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Step:
    """What a step had: membrane before its reset, whether it was busy and clamped, whether it fired, what drove it."""

    free: float
    busy: bool
    clamped: bool
    fired: bool
    older: float
    drive: float


@dataclass
class Neuron:
    """Parameters of one neuron; `threshold` None: it never fires, `leak` None: it does not leak."""

    tau_mem: float
    tau_syn: float
    threshold: float | None = None
    reset: float = 0.0
    leak: float | None = None
    n_refractory: int = 0
    n_holdoff: int = 0
    steps: list = field(default_factory=list)

    def forward(self, jumps, dt, spikes=None, membranes=None):
        """Return spikes, membrane and current of each step, and remember the steps."""
        v = self.reset if self.leak is None else self.leak
        i, left = 0.0, 0  # busy steps left
        out = []
        for t, jump in enumerate(jumps):
            drive = i if self.leak is None else self.leak - v + i
            u = v + dt / self.tau_mem * drive
            older, i = i, i * (1 - dt / self.tau_syn) + jump
            if membranes is not None:
                u = membranes[t]
            busy, clamped = left > 0, left > self.n_holdoff
            fired = self.threshold is not None and u > self.threshold and not busy
            if spikes is not None:
                fired = bool(spikes[t])
            v = u
            if membranes is None and (fired or clamped):
                v = self.reset
            left = self.n_refractory if fired else max(left - 1, 0)
            self.steps.append(Step(u, busy, clamped, fired, older, drive))
            out.append((float(fired), v, i))
        return out

    def backward(self, of_spikes, of_membrane, of_current, dt, alpha, recorded=False):
        """Return the gradients of the jumps, and of the parameters by name."""
        found = dict.fromkeys(("tau_mem", "tau_syn", "threshold", "reset", "leak"), 0.0)
        of_jumps = [0.0] * len(self.steps)
        g_v = g_i = 0.0
        for t in reversed(range(len(self.steps))):
            s = self.steps[t]
            g_v, g_i = g_v + of_membrane[t], g_i + of_current[t]
            cut = s.clamped or (s.fired and not recorded)
            through = 0.0
            if self.threshold is not None and not s.busy:
                through = of_spikes[t] / (alpha * abs(s.free - self.threshold) + 1) ** 2
            g_u = through + (0.0 if cut else g_v)
            found["reset"] += g_v if cut else 0.0
            found["threshold"] -= through
            found["tau_mem"] -= g_u * s.drive * dt / self.tau_mem**2
            found["tau_syn"] += g_i * s.older * dt / self.tau_syn**2
            of_jumps[t] = g_i
            g_i = g_i * (1 - dt / self.tau_syn) + g_u * dt / self.tau_mem
            g_v = g_u
            if self.leak is not None:
                found["leak"] += g_u * dt / self.tau_mem
                g_v = g_u * (1 - dt / self.tau_mem)
        found["reset" if self.leak is None else "leak"] += g_v
        return of_jumps, found


def train(jumps, gradients, dt, alpha, parameters, spikes=None, membranes=None):
    """Run a population forwards and backwards.

    Parameters
    ----------
    jumps : array (time, batch, neuron)
    gradients : three arrays (time, batch, neuron), of spikes, membrane and current
    dt, alpha : float
    parameters : dict of arguments of `Neuron`, numbers or arrays (neuron,)
    spikes, membranes : arrays (time, batch, neuron) or None: measured data

    Returns
    -------
    outputs : array (3, time, batch, neuron): spikes, membrane, current
    of_jumps : array (time, batch, neuron)
    of_parameters : dict of arrays (neuron,)
    """
    n_time, n_batch, n_neuron = jumps.shape
    outputs, of_jumps = np.zeros((3, n_time, n_batch, n_neuron)), np.zeros(jumps.shape)
    of_parameters = {name: np.zeros(n_neuron) for name in ("tau_mem", "tau_syn", "threshold", "reset", "leak")}
    for b in range(n_batch):
        for n in range(n_neuron):
            own = {
                name: None if value is None else np.broadcast_to(value, (n_neuron,))[n].item()
                for name, value in parameters.items()
            }
            neuron = Neuron(**own)
            measured = [None if data is None else data[:, b, n].tolist() for data in (spikes, membranes)]
            outputs[:, :, b, n] = np.array(neuron.forward(jumps[:, b, n].tolist(), dt, *measured)).T.reshape(3, n_time)
            of_jumps[:, b, n], found = neuron.backward(
                *(g[:, b, n].tolist() for g in gradients), dt, alpha, membranes is not None
            )
            for name, value in found.items():
                of_parameters[name][n] += value
    return outputs, of_jumps, of_parameters
