"""Circuits of the emulated chip against a naive twin, the model world, and themselves cut in other ways."""

import dataclasses

import mpmath
import naive_experiment_dynamics as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bss2sim as b2
from bss2sim.experiment.dynamics import Circuits, TrialArrays, run_circuits
from bss2sim.inputs import read_dense, read_sparse
from bss2sim.kernels.circuit import bulge

DT = 1e-6
LIMITS = (20.0, 235.0, 60.0, 40.0)
DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))


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
    if c.tau_mem is not None and np.isfinite(c.tau_mem[p, n]):
        own |= {name: float(getattr(c, name)[p, n]) for name in ("tau_mem", "leak")}
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


@pytest.mark.parametrize("change", ["none", "noise", "reset", "limits", "fast", "long"])
def test_run_circuits__drift_like_twin(change):
    changes = {"noise": {"threshold_noise": 0.0}, "reset": {"reset_time_constant": 0.0}, "limits": {"limits": None}}
    # time constants about dt, and clamps that end long after it
    changes["fast"] = {"tau_exc": np.full((2, 7), 0.6e-6), "tau_inh": np.full((2, 7), 2e-6)}
    changes["long"] = {"refractory_time": np.full((2, 7), 6.3e-6)}
    assert compare(*network(9, **changes.get(change, {}))) > 30


@pytest.mark.parametrize("change", ["none", "mixed", "no drift", "equal"])
def test_run_circuits__leak_like_twin(change):
    arguments, keywords = network(2, leak=True, sparse=True, drift=change != "no drift")
    if change == "mixed":  # the leaks of some circuits are off
        tau_mem = arguments[0].tau_mem.copy()
        tau_mem[:, ::2] = np.inf
        arguments[0] = dataclasses.replace(arguments[0], tau_mem=tau_mem)
    if change == "equal":  # time constants of membrane and synapses
        tau = {name: np.full((2, 7), 6e-6) for name in ("tau_mem", "tau_exc", "tau_inh")}
        arguments[0] = dataclasses.replace(arguments[0], **tau)
    assert compare(arguments, keywords) > 10


def test_run_circuits__no_leak_no_drift_like_twin():
    assert compare(*network(3, drift=False)) > 30


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rate=st.sampled_from([0.02, 0.2, 0.6]), leaks=st.booleans())
def test_run_circuits__property_like_twin(seed, rate, leaks):
    compare(*network(seed, n_trial=1, size=3, n_time=25, rate=rate, leak=leaks, sparse=leaks))


def test_run_circuits__all_off_is_the_model():
    off = {"threshold_noise": 0.0, "reset_time_constant": 0.0, "limits": None}
    arguments, keywords = network(5, n_trial=4, size=9, drift=False, **off)
    c, trials, drive, exc, inh = arguments
    trials = dataclasses.replace(trials, gain=None, circuit_row=np.zeros(4, np.int64), weight_row=np.zeros(4, np.int64))
    keywords["sample_time"] = np.repeat(keywords["sample_time"][:1, :-1], 4, axis=0)
    keywords["start"] = np.repeat(c.reset[:1], 4, axis=0)
    run = run_circuits(c, trials, drive, exc, inh, **keywords)
    tau_mem = np.full(9, 6e-6)
    names = ("threshold", "reset", "refractory_time", "holdoff_time")
    own = {name: getattr(c, name)[0] for name in names}
    neurons = b2.IAFNeuron(9, tau_mem=tau_mem, tau_syn=(c.tau_exc[0], c.tau_inh[0]), **own)
    jump = exc[0] * c.step_exc[0] * tau_mem / c.tau_exc[0] - inh[0] * c.step_inh[0] * tau_mem / c.tau_inh[0]
    counts = drive.flat.reshape(40, 4, 5)  # the memory of counts, (time, batch, input)
    record = b2.Recording("sparse", membrane=True, sample_time=keywords["sample_time"][0])
    model = b2.simulate(neurons, counts, synapse=b2.Synapse(jump), dt=DT, record=record, integrator="exact")
    assert run.spike_time.size == model.sizes["spike"] > 20
    np.testing.assert_array_equal(run.spike_neuron, model.spike_neuron)
    np.testing.assert_allclose(run.spike_time, model.spike_time, rtol=0, atol=1e-15)
    membrane = model.membrane.transpose("batch", ..., "neuron").values
    np.testing.assert_allclose(run.samples, membrane, rtol=0, atol=1e-9)


# ---------------------------------------------------------------------------------------------------------------------
# the same bits, however a run is cut


def some(arguments, keywords, trial=slice(None), neuron=slice(None)):
    """Return the arguments of some trials and neurons."""
    c, trials, drive, exc, inh = arguments
    circuits = {
        f.name: np.ascontiguousarray(getattr(c, f.name)[:, neuron])
        for f in dataclasses.fields(c)
        if isinstance(getattr(c, f.name), np.ndarray)
    }
    kept = {
        name: getattr(trials, name)[trial] for name in ("circuit_row", "input_at", "weight_row", "seed", "batch", "run")
    }
    kept["gain"] = np.ascontiguousarray(trials.gain[trial][:, neuron])
    kept["circuit"] = trials.circuit[neuron]
    weights = [np.ascontiguousarray(w[..., neuron]) for w in (exc, inh)]
    start = np.ascontiguousarray(keywords["start"][trial][:, neuron])
    changed = {**keywords, "start": start, "sample_time": keywords["sample_time"][trial]}
    return [dataclasses.replace(c, **circuits), dataclasses.replace(trials, **kept), drive, *weights], changed


@pytest.mark.parametrize(
    ("sparse", "leak"), [(False, False), (True, False), (True, True)], ids=["dense", "sparse", "leak"]
)
def test_run_circuits__cut_by_trials_neurons_and_threads(sparse, leak):
    # short time constants beside long ones: circuits that are worked out one by one beside those side by side
    tau_exc = np.random.default_rng(1).uniform(0.5e-6, 9e-6, (2, 130))
    arguments, keywords = network(6, n_trial=24, size=130, leak=leak, sparse=sparse, tau_exc=tau_exc)
    run = run_circuits(*arguments, **keywords)
    assert run.spike_time.size > 1000
    two = run_circuits(*arguments, **{**keywords, "threads": 2})
    np.testing.assert_array_equal(two.samples, run.samples)
    for name in ("spike_time", "spike_neuron", "spike_trial", "row_size"):
        np.testing.assert_array_equal(getattr(two, name), getattr(run, name))
    trial, neuron = slice(3, 11), slice(5, 70)
    part = run_circuits(*some(arguments, keywords, trial, neuron)[0], **some(arguments, keywords, trial, neuron)[1])
    np.testing.assert_array_equal(part.samples, run.samples[trial, :, neuron])
    mine = (run.spike_trial >= 3) & (run.spike_trial < 11) & (run.spike_neuron >= 5) & (run.spike_neuron < 70)
    np.testing.assert_array_equal(part.spike_time, run.spike_time[mine])
    np.testing.assert_array_equal(part.spike_neuron, run.spike_neuron[mine] - 5)
    np.testing.assert_array_equal(part.row_size, np.bincount(part.spike_trial, minlength=8))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n_trial", [1, 24])
def test_run_circuits__samples_are_read_as_they_come(threads, n_trial):
    arguments, keywords = network(6, n_trial=n_trial, size=130, n_time=60)
    run = run_circuits(*arguments, **keywords)
    seen = np.full_like(run.samples, np.nan)

    def read(first, last, samples):
        seen[first:last] = samples

    other = run_circuits(*arguments, **{**keywords, "threads": threads}, read=read)
    assert other.samples is None
    np.testing.assert_array_equal(seen, run.samples)
    np.testing.assert_array_equal(other.spike_time, run.spike_time)


def test_run_circuits__crossings_like_50_digits():
    rng = np.random.default_rng(3)
    size = 120
    inputs = np.array([[20.0], [-6.0]]) * rng.uniform(0.2, 1.0, (2, size))
    exc, inh = (np.maximum(sign * inputs, 0).astype(np.float32)[np.newaxis] for sign in (1, -1))
    tau = rng.uniform(4e-6, 12e-6, (2, 1, size))
    step = rng.uniform(3.0, 8.0, (2, 1, size))
    drift = rng.uniform(-2e5, 2e5, (1, size))
    threshold = rng.uniform(81, 90, (1, size))
    long = np.full((1, size), 50e-6)
    circuits = Circuits(
        threshold=threshold, reset=np.full((1, size), 80.0), refractory_time=long, holdoff_time=0 * long, tau_exc=tau[0],
        tau_inh=tau[1], step_exc=step[0], step_inh=step[1], tau_mem=None, leak=None, drift=drift,
        spike_mask=np.ones((1, size), np.uint8),
    )  # fmt: skip
    zero = np.zeros(1, np.int64)
    trials = TrialArrays(zero, zero, zero, zero, zero, zero, None, np.arange(size))
    drive = read_dense(np.ones((1, 1, 2), np.uint8), "input", 2, DT, 0.0, DTYPES)
    run = run_circuits(
        circuits, trials, drive, exc, inh, start=np.full((1, size), 80.0), dt=DT, n_time=1, sample_time=None,
        spikes=True, threads=1,
    )  # fmt: skip
    assert 30 < run.spike_time.size < size
    for time, n in zip(run.spike_time, run.spike_neuron, strict=True):
        with mpmath.workdps(50):
            i = mpmath.mpf(step[0, 0, n] * float(exc[0, 0, n]))
            j = -mpmath.mpf(step[1, 0, n] * float(inh[0, 1, n]))

            def above(s, n=n, i=i, j=j):
                e, f = (mpmath.expm1(-s / mpmath.mpf(float(t))) for t in tau[:, 0, n])
                return 80 - i * e - j * f + mpmath.mpf(drift[0, n]) * s - mpmath.mpf(threshold[0, n])

            root = mpmath.findroot(above, mpmath.mpf(time))
            slope = mpmath.diff(above, root)
            assert abs(time - root) < 4e-22 + 6e-14 / slope  # a few units in the last place of the membrane


@given(per=st.floats(0.01, 50.0), share=st.floats(0.0, 1.0))
def test_bulge__is_a_bound(per, share):
    chord = -np.expm1(-per) * share
    assert -np.expm1(-per * share) - chord <= bulge(1.0, per) + 1e-15


def test_run_circuits__samples_change_no_spike():
    arguments, keywords = network(6)
    run = run_circuits(*arguments, **keywords)
    without = run_circuits(*arguments, **{**keywords, "sample_time": None})
    assert without.samples is None
    np.testing.assert_array_equal(without.spike_time, run.spike_time)
    silent = run_circuits(*arguments, **{**keywords, "spikes": False})
    assert silent.spike_time.size == 0
    np.testing.assert_array_equal(silent.samples, run.samples)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_run_circuits__continued(sparse):
    arguments, keywords = network(7, leak=sparse, sparse=sparse)
    keywords["sample_time"] = None
    whole = run_circuits(*arguments, **keywords, keep_state=True)
    first = run_circuits(*arguments, **{**keywords, "n_time": 17}, keep_state=True)
    late = list(arguments)
    if not sparse:  # the rows of the second part
        late[1] = dataclasses.replace(arguments[1], input_at=arguments[1].input_at + 17 * arguments[2].time_stride)
    second = run_circuits(
        *late, **{**keywords, "n_time": 23, "start": first.state, "begin": 17 * DT}, keep_state=True
    )  # fmt: skip
    order = np.argsort(np.concatenate([first.spike_trial, second.spike_trial]), kind="stable")
    assert (first.spike_time < 17 * DT).all()
    assert (second.spike_time >= 17 * DT).all()
    for name in ("spike_trial", "spike_neuron"):
        both = np.concatenate([getattr(first, name), getattr(second, name)])[order]
        np.testing.assert_array_equal(both, getattr(whole, name))
    both = np.concatenate([first.spike_time, second.spike_time])[order]
    np.testing.assert_allclose(both, whole.spike_time, rtol=0, atol=1e-15)
    np.testing.assert_allclose(second.state.membrane, whole.state.membrane, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(second.state.spike_count, whole.state.spike_count)


def test_run_circuits__carried_to_the_next_trial():
    """A state with begin 0: time starts anew, phases go on, spikes are counted from 0."""
    arguments, keywords = network(8)
    keywords["sample_time"] = None
    first = run_circuits(*arguments, **keywords, keep_state=True)
    second = run_circuits(*arguments, **{**keywords, "start": first.state}, keep_state=True)
    number = np.zeros_like(first.state.spike_count)
    np.add.at(number, (second.spike_trial, second.spike_neuron), 1)
    np.testing.assert_array_equal(second.state.spike_count, number)
    clamped = np.isfinite(first.state.remaining)
    assert clamped.any()
    for trial, n in np.argwhere(clamped):
        mine = (second.spike_trial == trial) & (second.spike_neuron == n)
        assert second.spike_time[mine].min(initial=1) >= first.state.remaining[trial, n]


def test_run_circuits__run_ends_within_a_bin():
    arguments, keywords = network(4)
    end = 20.4 * DT
    times = np.full((3, 1), end)
    short = run_circuits(*arguments, **{**keywords, "n_time": 21, "finish": end, "sample_time": times}, keep_state=True)
    long = run_circuits(*arguments, **{**keywords, "sample_time": times})
    # the last interval is another one: its crossings are found from another first guess
    np.testing.assert_allclose(short.spike_time, long.spike_time[long.spike_time < end], rtol=0, atol=2e-20)
    np.testing.assert_allclose(short.samples[:, 0], long.samples[:, 0], rtol=0, atol=1e-12)
    inside = np.clip(short.state.membrane, *LIMITS[:2])
    np.testing.assert_allclose(inside, long.samples[:, 0], rtol=0, atol=1e-9)


def test_run_circuits__masked_spikes_still_reset():
    arguments, keywords = network(6)
    mask = arguments[0].spike_mask.copy()
    mask[:, 0] = 0
    run = run_circuits(*arguments, **keywords)
    arguments[0] = dataclasses.replace(arguments[0], spike_mask=mask)
    masked = run_circuits(*arguments, **keywords)
    assert (run.spike_neuron == 0).any()
    np.testing.assert_array_equal(masked.spike_time, run.spike_time[run.spike_neuron != 0])
    np.testing.assert_array_equal(masked.samples, run.samples)


def test_run_circuits__infinite_threshold_and_no_trials():
    arguments, keywords = network(6)
    arguments[0] = dataclasses.replace(arguments[0], threshold=np.full((2, 7), np.inf))
    assert run_circuits(*arguments, **keywords).spike_time.size == 0
    arguments, keywords = some(arguments, keywords, slice(0, 0))
    run = run_circuits(*arguments, **keywords)
    assert run.samples.shape == (0, 30, 7)
    assert run.row_size.size == 0


# ---------------------------------------------------------------------------------------------------------------------
# errors


def refused(message, circuits=None, **changes):
    """Assert that a run is refused with a message."""
    arguments, keywords = network(4)
    arguments[0] = dataclasses.replace(arguments[0], **(circuits or {}))
    with pytest.raises((b2.ParameterError, b2.InputError), match=message):
        run_circuits(*arguments, **{**keywords, **changes})


def test_run_circuits__refuses_times():
    refused("begin must be a multiple of dt = 1e-06 s; got 3.3e-06 s", begin=3.3e-6)
    refused("finish must be in the last of 40 bins", finish=38.5e-6)
    refused(
        "sample_time must ascend within each trial; that of trial 1",
        sample_time=np.array([[1e-6, 2e-6], [2e-6, 1e-6], [0, 0]]),
    )
    refused("sample_time must be from begin = 0.0 s to finish", sample_time=np.full((3, 1), 41e-6))


def test_run_circuits__refuses_circuits():
    long = np.full((2, 7), 2e-6)
    refused("refractory_time must be at least holdoff_time", {"refractory_time": 0.9 * long, "holdoff_time": long})
    refused("limits must be a lower bound below the upper bound", {"limits": (20.0, 10.0, 1.0, 1.0)})
    refused("limits must be", {"limits": (20.0, 100.0, 0.0, 1.0)})


def test_run_circuits__endless_firing_and_overflow():
    none = np.zeros((2, 7))
    endless = {"refractory_time": none, "holdoff_time": none, "reset": np.full((2, 7), 200.0), "limits": None}
    refused("trial 0, neuron [0-6] fires endlessly", {**endless, "threshold_noise": 0.0})
    refused("is no longer finite", {"limits": None, "step_exc": np.full((2, 7), 1e308)})
