"""Euler steps on a GPU: the bits of the processor, and the numbers of the naive twin."""

import naive
import numpy as np
import pytest
import scipy.sparse
import xarray as xr
from both import SIZE, assert_same_on_both, population, recording
from comparison import by_time

import bss2sim as b2

RNG = np.random.default_rng(5)
JUMPS = RNG.normal(0.3, 0.6, (12, 2, SIZE))
SPIKES = RNG.random((12, 2, 5)) < 0.3
WEIGHT = RNG.normal(0.3, 0.6, (5, SIZE))
EVENTS = b2.sparse_spikes(
    np.nonzero(SPIKES)[0] * 1e-6, np.nonzero(SPIKES)[2], np.nonzero(SPIKES)[1], n_batch=2, duration=12e-6
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("kind", ["iaf", "lif", "li"])
def test_jumps__same_bits(kind, tau_syn, dtype):
    neurons = population(kind, tau_syn)
    found, state = assert_same_on_both(
        neurons, JUMPS.astype(dtype), integrator="euler", record=recording(neurons, "dense")
    )
    assert found.membrane.dtype == dtype
    if kind != "li":
        assert found.spikes.sum() > 0
    again = b2.simulate(neurons, JUMPS[:5].astype(dtype), integrator="euler", state=state, record=recording(neurons))
    on_gpu = b2.simulate(
        neurons, JUMPS[:5].astype(dtype), integrator="euler", state=state, record=recording(neurons), device="cuda"
    )
    np.testing.assert_array_equal(again.membrane, on_gpu.membrane)


@pytest.mark.parametrize("spikes", ["sparse", "count", "first", "dense"])
def test_spikes__same_bits(spikes):
    neurons = population("iaf", "one", threshold=0.4)
    found, _ = assert_same_on_both(neurons, JUMPS, integrator="euler", record=b2.Recording(spikes=spikes))
    if spikes == "sparse":
        assert found.sizes["spike"] > 4


@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("form", ["plain", "graded", "events"])
@pytest.mark.parametrize("weights", ["dense", "sparse"])
def test_spikes_through_weights__same_bits(weights, form, tau_syn):
    neurons = population("iaf", tau_syn)
    weight = WEIGHT if weights == "dense" else scipy.sparse.csr_array(WEIGHT * (RNG.random(WEIGHT.shape) < 0.6))
    inputs = {"plain": SPIKES, "graded": SPIKES * 1.7, "events": EVENTS}[form]
    assert_same_on_both(
        neurons, inputs, synapse=b2.Synapse(weight), integrator="euler", record=recording(neurons, "dense")
    )


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize("form", ["plain", "graded", "shared"])
def test_inputs_of_several_words__same_bits(form, integrator):
    """The first and the last input of each word of 32 among them; trials that share a row of spikes, or have their own."""
    n_input = 67
    rng = np.random.default_rng(n_input)
    spikes = rng.random((8, 3, n_input)) < 0.2
    spikes[0], spikes[1], spikes[2] = True, False, np.arange(n_input) % 32 == 31
    inputs = {"plain": spikes, "graded": spikes * np.float32(0.3), "shared": spikes[:, :1]}[form]
    weight = rng.normal(0.1, 0.3, (n_input, SIZE))
    if form == "shared":
        weight = xr.DataArray(np.stack([weight, -weight[::-1]]), dims=("draw", "input", "neuron"))
    found, _ = assert_same_on_both(
        population("iaf", "pair", threshold=0.2), inputs, synapse=b2.Synapse(weight), integrator=integrator
    )
    assert found.sizes["spike"] > 3


def test_jumps__as_the_naive_twin():
    neurons = b2.IAFNeuron(
        SIZE, threshold=1.0, reset=-0.1, tau_mem=6e-6, tau_syn=5e-6, refractory_time=3e-6, holdoff_time=1e-6
    )
    x = JUMPS.astype(np.float32)
    run = b2.simulate(
        neurons, x, integrator="euler", device="cuda", record=b2.Recording(spikes="dense", membrane=True, current=True)
    )
    spikes, membrane, current = naive.euler(
        x, 1e-6, threshold=1.0, reset=-0.1, tau_mem=6e-6, tau_syn=5e-6, refractory_time=3e-6, holdoff_time=1e-6, dtype=np.float32
    )  # fmt: skip
    np.testing.assert_array_equal(by_time(run.spikes), spikes)
    np.testing.assert_array_equal(by_time(run.membrane), membrane)
    np.testing.assert_array_equal(by_time(run.current), current)


def test_sweep_of_parameters_and_weights__same_bits():
    import xarray as xr

    neurons = population("iaf", "one", threshold=xr.DataArray([0.6, 1.0], dims="level"))
    weight = xr.DataArray(np.stack([WEIGHT, -WEIGHT, 2 * WEIGHT]), dims=("scale", "input", "neuron"))
    found, _ = assert_same_on_both(neurons, SPIKES[:6], synapse=b2.Synapse(weight), integrator="euler")
    assert set(found.row_size.dims) == {"batch", "scale", "level"}
