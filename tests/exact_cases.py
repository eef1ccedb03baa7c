"""Random runs whose exact gradients are wanted, for the tests of the adjoint."""

import numpy as np

from bss2sim.eventprop_run import Events, ExactRun

N_INPUT, N_NEURON, N_BATCH, DURATION = 6, 5, 3, 50e-6

# What is special about a run.
CASES = {
    "holdoff": {},
    "no holdoff": {"holdoff": 0.0},
    "all holdoff": {"holdoff": 1.0},
    "refractory 0": {"refractory": 0.0},
    "fires again at once": {"drive": 10.0},
    "fires at the start": {"reset": 1.2, "refractory": 3.0},
    "one for all": {"shared": True},
    "simultaneous": {"rounded": True},
    "late": {"late": True},
    "pair": {"pair": True},
    "pair, fires again at once": {"pair": True, "drive": 8.0},
    "pair, one for all": {"pair": True, "shared": True},
    "leak": {"leaks": True},
    "leak, pair": {"leaks": True, "pair": True},
    "leak, one for all": {"leaks": True, "shared": True},
    "leak, close": {"leaks": True, "ratio": 1.01},
    "leak, equal": {"leaks": True, "ratio": 1.0},
}


def random_run(
    seed, drive=1.0, holdoff=0.4, refractory=1.0, reset=0.0, shared=False, rounded=False, late=False, leaks=False, ratio=None,
    pair=False,
):  # fmt: skip
    """Return a run, and the random numbers that made it."""
    rng = np.random.default_rng(seed)
    n = rng.integers(10, 16, N_BATCH)
    reach = 1.2 * DURATION if late else 0.8 * DURATION
    time = np.concatenate([np.sort(rng.uniform(0, reach, k)) for k in n])
    if rounded:
        time = np.round(time, 5)
    events = Events(time, rng.integers(0, N_INPUT, time.size), np.repeat(np.arange(N_BATCH), n), N_BATCH)
    size = () if shared else (N_NEURON,)
    parameters = {"tau_mem": rng.uniform(4e-6, 7e-6, size), "tau_syn": rng.uniform(7.5e-6, 9e-6, size)}
    if ratio is not None:
        parameters["tau_syn"] = ratio * parameters["tau_mem"]
    if pair:
        parameters["tau_inh"] = rng.uniform(2e-6, 6e-6, size)
    if leaks:
        parameters["leak"] = rng.uniform(-1, 1, size)
    else:
        parameters["threshold"] = rng.uniform(0.8, 1.1, size)
        parameters["reset"] = reset + rng.uniform(-0.1, 0.1, size)
        parameters["refractory_time"] = refractory * rng.uniform(1e-6, 3e-6, size)
        parameters["holdoff_time"] = holdoff * parameters["refractory_time"]
    weight = rng.normal(0.6, 0.5, (N_INPUT, N_NEURON))
    weight = (weight if pair else np.abs(weight)) * drive if drive > 1 else weight
    samples = np.sort(rng.uniform(0, DURATION, 9))
    return ExactRun(events, weight, parameters, DURATION, samples), rng
