"""Sweeps are broadcasting: named dims of inputs, weights and parameters meet, bit for bit as in single runs."""

import itertools

import numpy as np
import pytest
import xarray as xr
from comparison import assert_identical, spike_lists

import bss2sim as b2

INTEGRATORS = ["exact", "euler"]
N_TIME, N_BATCH, SIZE, N_INPUT = 40, 3, 11, 8
RECORD = b2.Recording(membrane=True, current=True)


def jumps(*lead, seed=1):
    """Draw graded jumps with leading dims (name, length)."""
    rng = np.random.default_rng(seed)
    shape = (*(length for _, length in lead), N_TIME, SIZE)
    values = rng.normal(45, 90, shape) * (rng.random(shape) < 0.35)
    return xr.DataArray(values, dims=(*(name for name, _ in lead), "time", "neuron"))


def spikes(*lead, seed=2):
    """Draw presynaptic spikes."""
    rng = np.random.default_rng(seed)
    shape = (*(length for _, length in lead), N_TIME, N_INPUT)
    return xr.DataArray(rng.random(shape) < 0.15, dims=(*(name for name, _ in lead), "time", "input"))


def weights(*lead, seed=3):
    """Draw weights."""
    rng = np.random.default_rng(seed)
    shape = (*(length for _, length in lead), N_INPUT, SIZE)
    return xr.DataArray(rng.normal(25, 80, shape), dims=(*(name for name, _ in lead), "input", "neuron"))


def check_against_loop(run, single, dims):
    """Compare every entry of a run over `dims` with its own run, bits of traces and spikes."""
    assert run.membrane.dims == (*dims, "time", "neuron")
    assert run.row_size.dims == tuple(dims)
    lists = spike_lists(run)
    total = 0
    for trial, index in enumerate(itertools.product(*(range(run.sizes[dim]) for dim in dims))):
        where = dict(zip(dims, index, strict=True))
        expected = single(**where)
        assert_identical(run[["membrane", "current"]].isel(where), expected[["membrane", "current"]], ignore=dims)
        alone = {n: times for (_, n), times in spike_lists(expected).items()}
        assert {n: times for (b, n), times in lists.items() if b == trial} == alone
        total += expected.sizes["spike"]
    assert total == run.sizes["spike"] > 0


SWEEPS = {
    "threshold": xr.DataArray([105.0, 120.0], dims="sweep"),
    "reset": xr.DataArray([60.0, 90.0, 84.3], dims="sweep"),
    "tau_mem": xr.DataArray([9.3e-6, 13e-6], dims="sweep"),
    "tau_syn": xr.DataArray([3.7e-6, 11.1e-6], dims="sweep"),
    "refractory_time": xr.DataArray([0.0, 2.2e-6, 5e-6], dims="sweep"),
    "holdoff_time": xr.DataArray([0.0, 0.5e-6, 1e-6], dims="sweep"),
}


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("name", SWEEPS)
def test_sweep__of_a_parameter(name, integrator):
    """Numbers in a loop, an array in the sweep: the same bits (rounding of dt/tau must not depend on the form)."""
    values = SWEEPS[name]
    inputs = jumps(("batch", N_BATCH))
    run = b2.simulate(b2.IAFNeuron(SIZE, **{name: values}), inputs, integrator=integrator, record=RECORD)

    def single(batch, sweep):
        return b2.simulate(
            b2.IAFNeuron(SIZE, **{name: float(values[sweep])}),
            inputs.isel(batch=batch),
            integrator=integrator,
            record=RECORD,
        )

    check_against_loop(run, single, ("batch", "sweep"))


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_sweep__of_one_time_constant_of_a_pair(integrator):
    slow = xr.DataArray([4e-6, 9e-6], dims="tau_inhibitory", coords={"tau_inhibitory": [4.0, 9.0]})
    inputs = jumps()
    run = b2.simulate(b2.IAFNeuron(SIZE, tau_syn=(6e-6, slow)), inputs, integrator=integrator, record=RECORD)
    assert run.current.dims == ("tau_inhibitory", "time", "synaptic_input", "neuron")
    np.testing.assert_array_equal(run.tau_inhibitory, [4.0, 9.0])

    def single(tau_inhibitory):
        neurons = b2.IAFNeuron(SIZE, tau_syn=(6e-6, float(slow[tau_inhibitory])))
        return b2.simulate(neurons, inputs, integrator=integrator, record=RECORD)

    check_against_loop(run, single, ("tau_inhibitory",))


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_sweep__over_neurons_and_a_dim(integrator):
    """A parameter (neuron, sweep) in that order: transposed, labelled, broadcast with another."""
    rng = np.random.default_rng(4)
    threshold = xr.DataArray(rng.uniform(100, 130, (SIZE, 2)), dims=("neuron", "chip"), coords={"chip": ["a", "b"]})
    reset = xr.DataArray(rng.uniform(60, 90, (3, SIZE)), dims=("bias", "neuron"))
    inputs = jumps()
    run = b2.simulate(
        b2.IAFNeuron(SIZE, threshold=threshold, reset=reset), inputs, integrator=integrator, record=RECORD
    )
    assert set(run.membrane.dims[:2]) == {"chip", "bias"}
    np.testing.assert_array_equal(run.chip, ["a", "b"])

    def single(chip, bias):
        neurons = b2.IAFNeuron(SIZE, threshold=threshold[:, chip].values, reset=reset[bias].values)
        return b2.simulate(neurons, inputs, integrator=integrator, record=RECORD)

    check_against_loop(run, single, run.membrane.dims[:2])


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_sweep__dims_of_inputs_then_weights_then_parameters(integrator):
    threshold = xr.DataArray([100.0, 115.0], dims="level", coords={"level": [100, 115]})
    inputs, weight = spikes(("batch", 2), ("stimulus", 3)), weights(("session", 2))
    run = b2.simulate(
        b2.IAFNeuron(SIZE, threshold=threshold),
        inputs,
        synapse=b2.Synapse(weight),
        integrator=integrator,
        record=RECORD,
    )

    def single(batch, stimulus, session, level):
        return b2.simulate(
            b2.IAFNeuron(SIZE, threshold=float(threshold[level])), inputs.isel(batch=batch, stimulus=stimulus),
            synapse=b2.Synapse(weight.isel(session=session)), integrator=integrator, record=RECORD,
        )  # fmt: skip

    check_against_loop(run, single, ("batch", "stimulus", "session", "level"))
    np.testing.assert_array_equal(run.level, [100, 115])


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_sweep__shared_dims_are_paired_not_crossed(integrator):
    """The same name in inputs, weights and parameters: entry k of one goes with entry k of the others."""
    threshold = xr.DataArray([100.0, 115.0, 130.0], dims="chip")
    inputs, weight = spikes(("chip", 3)), weights(("chip", 3))
    run = b2.simulate(
        b2.IAFNeuron(SIZE, threshold=threshold),
        inputs,
        synapse=b2.Synapse(weight),
        integrator=integrator,
        record=RECORD,
    )

    def single(chip):
        return b2.simulate(
            b2.IAFNeuron(SIZE, threshold=float(threshold[chip])), inputs.isel(chip=chip),
            synapse=b2.Synapse(weight.isel(chip=chip)), integrator=integrator, record=RECORD,
        )  # fmt: skip

    check_against_loop(run, single, ("chip",))


def test_sweep__of_a_parameter_along_batch():
    """`batch` is a dim like any other: a threshold for every trial."""
    threshold = xr.DataArray([100.0, 110.0, 120.0], dims="batch")
    inputs = jumps(("batch", 3))
    run = b2.simulate(b2.IAFNeuron(SIZE, threshold=threshold), inputs, record=RECORD)
    check_against_loop(
        run,
        lambda batch: b2.simulate(
            b2.IAFNeuron(SIZE, threshold=float(threshold[batch])), inputs.isel(batch=batch), record=RECORD
        ),
        ("batch",),
    )


@pytest.mark.parametrize("pair", [False, True], ids=["one_tau", "two_tau"])
def test_sweep__with_sparse_inputs(pair):
    """Lists of events, weights and parameters with dims of their own."""
    rng = np.random.default_rng(5)
    events = b2.sparse_spikes(
        rng.uniform(0, 4e-5, 120), rng.integers(0, N_INPUT, 120), rng.integers(0, 2, 120), n_batch=2, n_neuron=N_INPUT,
        duration=4e-5,
    )  # fmt: skip
    weight = weights(("session", 2))
    tau = xr.DataArray([5e-6, 8e-6], dims="tau")
    neurons = b2.IAFNeuron(SIZE, tau_syn=(tau, 3e-6) if pair else tau)
    run = b2.simulate(neurons, events, synapse=b2.Synapse(weight), record=RECORD)

    def single(batch, session, tau):
        value = [5e-6, 8e-6][tau]
        inside = events.spike_batch.values == batch
        alone = b2.sparse_spikes(
            events.spike_time.values[inside], events.spike_neuron.values[inside], n_neuron=N_INPUT, duration=4e-5
        )
        return b2.simulate(
            b2.IAFNeuron(SIZE, tau_syn=(value, 3e-6) if pair else value), alone,
            synapse=b2.Synapse(weight.isel(session=session)), record=RECORD,
        )  # fmt: skip

    check_against_loop(run, single, ("batch", "session", "tau"))


def test_sweep__result_drives_a_second_population():
    """The trial dims of a recorded result are those of the next run."""
    threshold = xr.DataArray([100.0, 120.0], dims="level", coords={"level": [1, 2]})
    first = b2.simulate(b2.IAFNeuron(SIZE, threshold=threshold), jumps(("batch", N_BATCH)))
    second, synapse = b2.IAFNeuron(5), b2.Synapse(np.full((SIZE, 5), 15.0))
    run = b2.simulate(second, first, synapse=synapse, record=b2.Recording("count"))
    assert run.spike_count.dims == ("batch", "level", "neuron")
    np.testing.assert_array_equal(run.level, [1, 2])
    assert (run.spike_count.sum(("batch", "neuron")).diff("level") < 0).all(), "a higher threshold lets less through"


def test_sweep__state_has_the_trial_dims():
    threshold = xr.DataArray([100.0, 120.0], dims="level")
    neurons, inputs = b2.IAFNeuron(SIZE, threshold=threshold), jumps(("batch", N_BATCH))
    whole = b2.simulate(neurons, inputs, record=RECORD)
    first, state = b2.simulate(neurons, inputs.isel(time=slice(0, 17)), record=RECORD, return_state=True)
    second = b2.simulate(neurons, inputs.isel(time=slice(17, None)), record=RECORD, state=state)
    np.testing.assert_array_equal(np.concatenate([first.membrane, second.membrane], axis=2), whole.membrane)
    assert {"batch", "level"} <= set(state.dims)


@pytest.mark.parametrize("kind", ["ndarray", "DataArray", "transposed", "csr_array", "csc_matrix", "coo_array"])
@pytest.mark.parametrize("way", ["dense", "sparse"])
@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_weight__every_form_gives_the_same(kind, way, integrator):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(6)
    weight = rng.integers(-60, 90, (N_INPUT, SIZE)) * (rng.random((N_INPUT, SIZE)) < 0.5) * 1.0
    labelled = xr.DataArray(weight, dims=("input", "neuron"))
    form = {
        "ndarray": lambda: weight, "DataArray": lambda: labelled, "transposed": lambda: labelled.T.copy(),
        "csr_array": lambda: scipy_sparse.csr_array(weight), "csc_matrix": lambda: scipy_sparse.csc_matrix(weight),
        "coo_array": lambda: scipy_sparse.coo_array(weight),
    }[kind]()  # fmt: skip
    inputs = spikes(("batch", 2))
    if way == "sparse":
        batch, time, source = np.nonzero(inputs.values)
        inputs = b2.sparse_spikes(time * 1e-6, source, batch, n_batch=2, n_neuron=N_INPUT, duration=N_TIME * 1e-6)
    neurons = b2.IAFNeuron(SIZE)
    expected = b2.simulate(neurons, inputs, synapse=b2.Synapse(weight), integrator=integrator, record=RECORD)
    assert expected.sizes["spike"] > 50
    # whole-number weights: sums are exact in any order
    assert_identical(
        b2.simulate(neurons, inputs, synapse=b2.Synapse(form), integrator=integrator, record=RECORD), expected
    )
