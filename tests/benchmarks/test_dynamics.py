"""Circuits of the emulated chip under pytest-benchmark: half a chip, 100 trials of 100 us, 128 inputs at 5 % per us."""

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark")

from bss2sim.experiment.dynamics import Circuits, TrialArrays, run_circuits
from bss2sim.inputs import read_dense

TRIALS, NEURONS, INPUTS, STEPS, SAMPLES = 100, 256, 128, 100, 54


def arguments(leaks, step):
    """Return the arguments of a run."""
    rng = np.random.default_rng(0)

    def uniform(low, high):
        return rng.uniform(low, high, (1, NEURONS))

    circuits = Circuits(
        threshold=uniform(145, 155), reset=uniform(75, 85), refractory_time=uniform(1.9e-6, 2.1e-6),
        holdoff_time=np.full((1, NEURONS), 8e-9), tau_exc=uniform(4e-6, 6e-6), tau_inh=uniform(4e-6, 6e-6),
        step_exc=uniform(0.9 * step, 1.1 * step), step_inh=uniform(0.9 * step, 1.1 * step),
        tau_mem=uniform(9e-6, 11e-6) if leaks else None, leak=uniform(79, 81) if leaks else None,
        drift=uniform(-2e4, 2e4), spike_mask=np.ones((1, NEURONS), np.uint8), reset_time_constant=0.25e-6,
        threshold_noise=0.5, limits=(20.0, 235.0, 60.0, 40.0),
    )  # fmt: skip
    counts = (rng.random((STEPS, TRIALS, INPUTS)) < 0.05).astype(np.uint8)
    drive = read_dense(counts, "input", INPUTS, 1e-6, 0.0, (np.dtype(np.uint8),))
    zero = np.zeros(TRIALS, np.int64)
    gain = np.exp(0.06 * rng.normal(size=(TRIALS, NEURONS)))
    trials = TrialArrays(zero, drive.at, zero, zero, np.arange(TRIALS), zero, gain, np.arange(NEURONS))
    weight = np.rint(rng.normal(0.25, 2, (1, INPUTS, NEURONS))).astype(np.float32)
    times = np.sort(rng.uniform(0, STEPS * 1e-6, (TRIALS, SAMPLES)), axis=1)
    keywords = dict(
        start=np.repeat(circuits.reset, TRIALS, 0), dt=1e-6, n_time=STEPS, sample_time=times, spikes=True, threads=2
    )
    return (circuits, trials, drive, np.maximum(weight, 0), np.maximum(-weight, 0)), keywords


@pytest.mark.parametrize(("leaks", "step"), [(False, 0.55), (False, 0.8), (True, 2.2)], ids=["iaf", "busy", "lif"])
def test_circuits(benchmark, leaks, step):
    args, keywords = arguments(leaks, step)
    run = benchmark(lambda: run_circuits(*args, **keywords))
    benchmark.extra_info["spikes_per_neuron"] = run.spike_time.size / TRIALS / NEURONS
