"""Circuits of the emulated chip against a naive twin, the model world, and themselves cut in other ways."""

import dataclasses

import naive_experiment_dynamics as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bss2sim as b2
from bss2sim.experiment.dynamics import Circuits, TrialArrays, run_circuits
from bss2sim.inputs import read_dense, read_sparse

DT = 1e-6
LIMITS = (20.0, 235.0, 60.0, 40.0)
DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))
ROWS = ("threshold", "reset", "refractory_time", "holdoff_time", "tau_exc", "tau_inh", "step_exc", "step_inh")


def network(
    seed=0, n_trial=3, size=7, n_input=5, n_time=40, leak=False, drift=True, sparse=False, rate=0.35, **changes
):
    """Return the arguments of run_circuits for random circuits and spikes."""
    rng = np.random.default_rng(seed)

    def uniform(low, high):
        return rng.uniform(low, high, (2, size))

    holdoff = uniform(8e-9, 0.5e-6)
    circuits = Circuits(
        threshold=uniform(110, 130), reset=uniform(70, 90), refractory_time=holdoff + uniform(0, 3e-6),
        holdoff_time=holdoff, tau_exc=uniform(3e-6, 9e-6), tau_inh=uniform(3e-6, 9e-6), step_exc=uniform(0.7, 1.3),
        step_inh=uniform(0.7, 1.3), tau_mem=uniform(5e-6, 15e-6) if leak else None,
        leak=uniform(75, 95) if leak else None, drift=uniform(-3e5, 3e5) if drift else None,
        spike_mask=np.ones((2, size), np.uint8), reset_time_constant=0.25e-6, threshold_noise=3.0, limits=LIMITS,
    )  # fmt: skip
    circuits = dataclasses.replace(circuits, **changes)
    weight = np.rint(rng.normal(12, 30, (2, n_input, size))).clip(-63, 63)
    counts = (rng.random((n_time, n_trial, n_input)) < rate).astype(np.uint8)
    counts += (counts > 0) & (rng.random(counts.shape) < 0.1)
    if sparse:
        time = rng.uniform(0, n_time * DT, 15 * n_trial)
        spikes = b2.sparse_spikes(time, rng.integers(0, n_input, time.size), np.repeat(np.arange(n_trial), 15))
        drive, input_at = read_sparse(spikes, n_input), np.arange(n_trial)
    else:
        drive = read_dense(counts, "input", n_input, DT, 0.0, DTYPES)
        input_at = drive.at
    row = np.arange(n_trial) % 2
    trials = TrialArrays(
        row, input_at, row[::-1].copy(), 7 + row, np.arange(n_trial), np.full(n_trial, 2),
        rng.lognormal(0, 0.1, (n_trial, size)), 500 + np.arange(size),
    )  # fmt: skip
    samples = np.sort(rng.uniform(0, n_time * DT, (n_trial, 30)), axis=1)
    samples[:, [0, 1, -1]] = [0.0, DT, n_time * DT]
    samples.sort(axis=1)
    start = rng.uniform(60, 140, (n_trial, size))
    exc, inh = (np.maximum(sign * weight, 0).astype(np.float32) for sign in (1, -1))
    keywords = dict(start=start, dt=DT, n_time=n_time, sample_time=samples, spikes=True, threads=1)
    return [circuits, trials, drive, exc, inh], keywords


def twin(arguments, keywords, trial, n):
    """Run one circuit naively."""
    c, trials, drive, exc, inh = arguments
    p = trials.circuit_row[trial]
    names = ("threshold", "reset", "refractory_time", "holdoff_time", "tau_exc", "tau_inh")
    own = {name: float(getattr(c, name)[p, n]) for name in names}
    own |= {name: None if getattr(c, name) is None else float(getattr(c, name)[p, n]) for name in ("tau_mem", "leak")}
    who = [int(x[trial]) for x in (trials.batch, trials.run, trials.seed)]

    def noise(k):
        return c.threshold_noise and c.threshold_noise * naive.normal(k, int(trials.circuit[n]), 1, *who)

    circuit = naive.Circuit(
        start=float(keywords["start"][trial, n]), drift=0.0 if c.drift is None else float(c.drift[p, n]),
        reset_time_constant=c.reset_time_constant, limits=c.limits, noise=noise, **own,
    )  # fmt: skip
    gain = 1.0 if trials.gain is None else trials.gain[trial, n]
    steps = [gain * getattr(c, f"step_{kind}")[p, n] * w[trials.weight_row[trial], :, n] for kind, w in
             (("exc", exc), ("inh", inh))]  # fmt: skip
    if drive.kind == "sparse":
        first, last = drive.pointer[trials.input_at[trial]], drive.pointer[trials.input_at[trial] + 1]
        inputs = [
            (t, steps[0][m], steps[1][m]) for t, m in zip(drive.time[first:last], drive.source[first:last], strict=True)
        ]
    else:
        at = (
            trials.input_at[trial]
            + drive.time_stride * np.arange(keywords["n_time"])[:, None]
            + np.arange(exc.shape[1])
        )
        counts = drive.flat[at]
        inputs = [(k * DT, float(row @ steps[0]), float(row @ steps[1])) for k, row in enumerate(counts)]
    return naive.run(circuit, inputs, keywords["n_time"] * DT, keywords["sample_time"][trial])


def compare(arguments, keywords):
    """Compare all circuits with their twins; return the number of spikes."""
    run = run_circuits(*arguments, **keywords)
    for trial in range(arguments[1].circuit_row.size):
        mine = run.spike_trial == trial
        for n in range(arguments[1].circuit.size):
            spikes, seen = twin(arguments, keywords, trial, n)
            found = run.spike_time[mine & (run.spike_neuron == n)]
            assert found.size == len(spikes), (trial, n)
            # float32 sums of weights times steps; a crossing at a slope of 0.1 LSB/us
            np.testing.assert_allclose(found, spikes, rtol=0, atol=3e-11)
            np.testing.assert_allclose(run.samples[trial, :, n], seen, rtol=0, atol=2e-3)
            close = np.abs(run.samples[trial, :, n] - seen) < 2e-5
            assert close.mean() > 0.8
    return run.spike_time.size


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("leak", [False, True], ids=["drift", "leak"])
def test_run_circuits__like_twin(leak, sparse):
    assert compare(*network(1 + leak, leak=leak, sparse=sparse)) > 30


@pytest.mark.parametrize("change", ["noise", "reset", "limits"])
def test_run_circuits__effects_off(change):
    changes = {"noise": {"threshold_noise": 0.0}, "reset": {"reset_time_constant": 0.0}, "limits": {"limits": None}}
    assert compare(*network(9, **changes[change])) > 30


def test_run_circuits__no_leak_no_drift_like_twin():
    assert compare(*network(3, drift=False)) > 30


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rate=st.sampled_from([0.02, 0.2, 0.6]), sparse=st.booleans())
def test_run_circuits__property_like_twin(seed, rate, sparse):
    compare(*network(seed, n_trial=1, size=3, n_time=25, rate=rate, sparse=sparse))


@pytest.mark.parametrize("leak", [False, True], ids=["iaf", "lif"])
def test_run_circuits__all_off_is_the_model(leak):
    off = {"threshold_noise": 0.0, "reset_time_constant": 0.0, "limits": None}
    arguments, keywords = network(5, n_trial=4, size=9, leak=leak, drift=False, **off)
    c, trials, drive, exc, inh = arguments
    trials = dataclasses.replace(trials, gain=None, circuit_row=np.zeros(4, np.int64), weight_row=np.zeros(4, np.int64))
    keywords["sample_time"] = np.repeat(keywords["sample_time"][:1, :-1], 4, axis=0)
    keywords["start"] = np.repeat(c.reset[:1] if not leak else c.leak[:1], 4, axis=0)
    run = run_circuits(c, trials, drive, exc, inh, **keywords)
    kind = b2.LIFNeuron if leak else b2.IAFNeuron
    tau_mem = c.tau_mem[0] if leak else np.full(9, 6e-6)
    names = ("threshold", "reset", "refractory_time", "holdoff_time")
    own = {name: getattr(c, name)[0] for name in names} | ({"leak": c.leak[0]} if leak else {})
    neurons = kind(9, tau_mem=tau_mem, tau_syn=(c.tau_exc[0], c.tau_inh[0]), **own)
    jump = exc[0] * c.step_exc[0] * tau_mem / c.tau_exc[0] - inh[0] * c.step_inh[0] * tau_mem / c.tau_inh[0]
    counts = drive.flat.reshape(40, 4, 5).astype(np.float64) if drive.flat.size == 800 else None
    record = b2.Recording("sparse", membrane=True, sample_time=keywords["sample_time"][0])
    model = b2.simulate(neurons, counts, synapse=b2.Synapse(jump), dt=DT, record=record, integrator="exact")
    assert run.spike_time.size == model.sizes["spike"] > 20
    np.testing.assert_array_equal(run.spike_neuron, model.spike_neuron)
    np.testing.assert_allclose(run.spike_time, model.spike_time, rtol=0, atol=1e-15)
    membrane = (
        model.membrane.transpose("batch", "sample_time", "neuron") if "sample_time" in model.dims else model.membrane
    )
    np.testing.assert_allclose(run.samples, np.asarray(membrane).reshape(run.samples.shape), rtol=0, atol=1e-9)
