"""The adjoint of the exact integrator: against derivatives carried forwards, central differences, closed forms."""

from dataclasses import replace

import naive_adjoint
import numpy as np
import pytest
from exact_cases import CASES, N_NEURON, random_run

import bss2sim as b2
from bss2sim.eventprop_run import Events, ExactRun, run_exact_backward, run_exact_forward
from bss2sim.kernels.adjoint_leaky import second_gain


def loss_gradients(run, rng, spikes):
    """Random gradients of spike times, as fine as the times, and of membranes."""
    of_membrane = rng.normal(size=(run.events.n_batch, run.sample_time.size, run.weight.shape[1]))
    return (None if spikes is None else 1e5 * rng.normal(size=spikes.time.size)), of_membrane


def assert_close(found, wanted, tolerance):
    """Compare gradients by name, relative to the largest of each."""
    for name, value in wanted.items():
        scale = max(np.abs(value).max(), 1e-300)
        error = np.abs(found[name] - value).max() / scale
        assert error <= tolerance, f"{name}: {error}"


def by_name(gradients):
    """All gradients by name."""
    return {"time": gradients.time, "weight": gradients.weight, **gradients.parameters}


@pytest.mark.parametrize("case", [case for case in CASES if case != "leak, equal"])  # where the twin divides by zero
def test_gradients__against_derivatives_carried_forwards(case):
    run, rng = random_run(1, **CASES[case])
    spikes, membrane = run_exact_forward(run)
    of_time, of_membrane = loss_gradients(run, rng, spikes)
    given = {}
    if spikes is not None:
        for b, n, g in zip(spikes.batch, spikes.neuron, of_time, strict=True):
            given.setdefault((b, n), []).append(g)
    parameters = {name: np.broadcast_to(value, (N_NEURON,)) for name, value in run.parameters.items()}
    events = run.events
    wanted_spikes, wanted_membrane, wanted = naive_adjoint.gradients(
        (events.time, events.neuron, events.batch), events.n_batch, run.weight, parameters, run.sample_time, run.duration,
        lambda b, n, number: given[b, n][number], of_membrane,
    )  # fmt: skip
    np.testing.assert_allclose(membrane, wanted_membrane, atol=1e-12)
    if spikes is not None:
        assert spikes.time.size > 20
        np.testing.assert_allclose(spikes.time, [time for _, time, _ in wanted_spikes], atol=1e-17)
        assert spikes.neuron.tolist() == [neuron for _, _, neuron in wanted_spikes]
    wanted = {
        name: value.sum() if name in parameters and CASES[case].get("shared") else value
        for name, value in wanted.items()
    }
    assert_close(by_name(run_exact_backward(run, spikes, of_time, of_membrane, True)), wanted, 1e-9)


def test_fires_again__at_the_end_of_its_refractory_period():
    """What the case is about happens in it."""
    run, _ = random_run(1, **CASES["fires again at once"])
    spikes, _ = run_exact_forward(run)
    again = 0
    for b in range(run.events.n_batch):
        for n in range(N_NEURON):
            gap = np.diff(spikes.time[(spikes.batch == b) & (spikes.neuron == n)])
            again += (np.abs(gap - run.parameters["refractory_time"][n]) < 1e-15).sum()
    assert again > 20
    start, _ = run_exact_forward(random_run(1, **CASES["fires at the start"])[0])
    assert (start.time == 0).sum() > 5


@pytest.mark.parametrize("case", ["holdoff", "fires again at once", "pair", "leak", "leak, pair", "leak, equal"])
def test_gradients__against_central_differences(case):
    run, rng = random_run(2, **CASES[case])
    spikes, membrane = run_exact_forward(run)
    of_time, of_membrane = loss_gradients(run, rng, spikes)
    found = by_name(run_exact_backward(run, spikes, of_time, of_membrane, True))

    def loss(other):
        fired, v = run_exact_forward(other)
        # Differences from the run itself: the sums would lose the digits that the times have.
        total = ((v - membrane) * of_membrane).sum()
        if fired is not None:
            assert fired.time.size == spikes.time.size
            key = (
                np.lexsort((fired.time, fired.neuron, fired.batch)),
                np.lexsort((spikes.time, spikes.neuron, spikes.batch)),
            )
            total += ((fired.time[key[0]] - spikes.time[key[1]]) * of_time[key[1]]).sum()
        return total

    def difference(array, at, step, changed):
        values = []
        for sign in (1, -1):
            other = array.copy()
            other[at] += sign * step
            values.append(loss(changed(other)))
        return (values[0] - values[1]) / (2 * step)

    wanted = {}
    picked = [tuple(rng.integers(0, size) for size in run.weight.shape) for _ in range(8)]
    wanted["weight"] = [difference(run.weight, at, 1e-6, lambda w: replace(run, weight=w)) for at in picked]
    inputs = rng.permutation(run.events.time.size)[:8]
    wanted["time"] = [
        difference(run.events.time, at, 1e-12, lambda t: replace(run, events=replace(run.events, time=t)))
        for at in inputs
    ]
    for name, value in run.parameters.items():
        step = 1e-12 if name.startswith("tau") or name.endswith("time") else 1e-6
        wanted[name] = [
            difference(value, n, step, lambda x, name=name: replace(run, parameters={**run.parameters, name: x}))
            for n in range(N_NEURON)
        ]
    found["weight"], found["time"] = [found["weight"][at] for at in picked], found["time"][inputs]
    assert_close(found, {name: np.array(value) for name, value in wanted.items()}, 1e-6)


@pytest.mark.parametrize("case", ["holdoff", "fires again at once", "refractory 0", "pair"])
def test_tau_mem__follows_from_the_weights(case):
    """Membranes depend on weights and time constant through their ratio: tau_mem dL/dtau_mem = -sum of w dL/dw."""
    run, rng = random_run(3, **CASES[case])
    spikes, _ = run_exact_forward(run)
    g = run_exact_backward(run, spikes, *loss_gradients(run, rng, spikes), False)
    assert g.time is None
    np.testing.assert_allclose(
        run.parameters["tau_mem"] * g.parameters["tau_mem"], -(run.weight * g.weight).sum(axis=0)
    )


def test_times__shifted_together_shift_the_spikes():
    """Neurons at rest know no time: a loss on spike times has the sum of its gradients in that of the inputs."""
    run, rng = random_run(4)
    spikes, _ = run_exact_forward(run)
    of_time, of_membrane = loss_gradients(run, rng, spikes)
    g = run_exact_backward(run, spikes, of_time, 0 * of_membrane, True)
    np.testing.assert_allclose(g.time.sum(), of_time.sum(), rtol=1e-9)


def single(weight, slope_floor=0.0):
    """One input at 0 into one neuron: it fires at -tau ln(1 - 1/w), where the slope is (w - 1)/tau."""
    tau = np.array(10e-6)
    parameters = {"threshold": np.array(1.0), "reset": np.array(0.0), "tau_mem": tau, "tau_syn": tau,
                  "refractory_time": np.array(1e-3), "holdoff_time": np.array(0.0)}  # fmt: skip
    events = Events(np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64), 1)
    return ExactRun(events, np.array([[weight]]), parameters, 1e-3, np.empty(0), slope_floor)


@pytest.mark.parametrize("slope_floor", [0.0, 0.1, 0.5, 3.0])
def test_slope_floor__clips_spikes_below_it(slope_floor):
    run = single(1.25, slope_floor)
    spikes, _ = run_exact_forward(run)
    np.testing.assert_allclose(spikes.time, 10e-6 * np.log(5), rtol=1e-14)
    g = run_exact_backward(run, spikes, np.ones(1), np.empty((1, 0, 1)), True)
    np.testing.assert_allclose(
        g.weight, -0.8 * 10e-6 / max(0.25, slope_floor)
    )  # v at the spike rises by 1 - 1/5 per weight
    np.testing.assert_allclose(g.parameters["threshold"], 10e-6 / max(0.25, slope_floor))


def test_slope_floor__bounds_the_gradient_of_a_spike_that_almost_was_not():
    tangent, clipped = single(1 + 1e-12), single(1 + 1e-12, 0.01)
    spikes, _ = run_exact_forward(tangent)
    gradients = [
        run_exact_backward(run, spikes, np.ones(1), np.empty((1, 0, 1)), False).weight[0, 0]
        for run in (tangent, clipped)
    ]
    assert gradients[0] < -1e6 and gradients[1] == pytest.approx(-1e-3, rel=1e-6)


def test_slope__of_nothing_is_no_gradient_of_nothing():
    """The membrane ends at the threshold, and rounding lifts it over: no 0/0 for a loss that does not care."""
    run = single(1.0 + 2e-16)
    spikes = Events(np.array([300e-6]), np.zeros(1, np.int64), np.zeros(1, np.int64), 1)
    g = run_exact_backward(run, spikes, np.zeros(1), np.empty((1, 0, 1)), True)
    assert g.weight == 0 and g.time == 0


def wide_runs():
    """Runs with more neurons than a block of the kernels has, without leak and with it."""
    rng = np.random.default_rng(0)
    n_neuron, n_input, n_batch, n = 600, 20, 37, 30
    time = np.sort(rng.uniform(0, 40e-6, (n_batch, n)), axis=1).ravel()
    events = Events(time, rng.integers(0, n_input, time.size), np.repeat(np.arange(n_batch), n), n_batch)
    parameters = {"threshold": np.array(1.0), "reset": np.array(0.0), "tau_mem": np.full(n_neuron, 6e-6), "tau_syn": np.array(6e-6),
                  "refractory_time": np.array(2e-6), "holdoff_time": np.array(1e-6)}  # fmt: skip
    run = ExactRun(events, rng.normal(0.2, 0.3, (n_input, n_neuron)), parameters, 50e-6, np.array([10e-6, 30e-6]), 0.01)
    leaking = {"leak": np.array(0.0), "tau_mem": np.full(n_neuron, 6e-6), "tau_syn": np.array(5e-6)}
    return run, replace(run, parameters=leaking)


def test_threads__give_the_same_bits():
    for run in wide_runs():
        spikes, _ = run_exact_forward(run)
        given = loss_gradients(run, np.random.default_rng(1), spikes)
        found = []
        for threads in (1, 2, 5):
            with b2.set_options(threads=threads):
                found.append(by_name(run_exact_backward(run, spikes, *given, True)))
        for other in found[1:]:
            for name, value in found[0].items():
                assert np.array_equal(value, other[name]), name


def test_blocks__are_those_of_smaller_populations():
    """Neurons know nothing of one another: two halves have the gradients of the whole, and input times their sum."""
    for run in wide_runs():
        spikes, _ = run_exact_forward(run)
        of_time, of_membrane = loss_gradients(run, np.random.default_rng(1), spikes)
        whole = run_exact_backward(run, spikes, of_time, of_membrane, True)
        halves = []
        for low, high in ((0, 300), (300, 600)):
            p = {name: value[low:high] if value.ndim else value for name, value in run.parameters.items()}
            half, own, g = replace(run, weight=run.weight[:, low:high], parameters=p), None, None
            if spikes is not None:
                there = (spikes.neuron >= low) & (spikes.neuron < high)
                own = Events(spikes.time[there], spikes.neuron[there] - low, spikes.batch[there], spikes.n_batch)
                g = of_time[there]
            halves.append(run_exact_backward(half, own, g, of_membrane[:, :, low:high], True))
        np.testing.assert_array_equal(np.concatenate([half.weight for half in halves], axis=1), whole.weight)
        np.testing.assert_array_equal(
            np.concatenate([half.parameters["tau_mem"] for half in halves]), whole.parameters["tau_mem"]
        )
        np.testing.assert_allclose(
            halves[0].time + halves[1].time, whole.time, rtol=1e-9, atol=1e-9 * np.abs(whole.time).max()
        )


@pytest.mark.parametrize("x", [0.0, 1e-9, -1e-3, 0.3, 0.49999, 0.50001, -0.49999, -0.50001, 3.0, -3.0, 700.0])
def test_second_gain(x):
    """Against 30 digits, on both sides of the change from the series to the difference."""
    from mpmath import mp

    from bss2sim.kernels.jit import plain

    with mp.workdps(30):
        kept = mp.exp(-abs(x)) if x > 0 else mp.mpf(1)
        wanted = kept * ((mp.exp(x) - 1 - x) / mp.mpf(x) ** 2 if x else mp.mpf(0.5))
        found = plain(second_gain)(x, float(kept), float(kept * mp.exp(x)))
    assert found == pytest.approx(float(wanted), rel=1e-14)
