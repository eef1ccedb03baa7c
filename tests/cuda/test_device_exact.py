"""Exact integration on a GPU: the bits of the processor, and the times of the exact twin."""

import naive
import numpy as np
import pytest
import scipy.sparse
from both import SIZE, assert_same_on_both, population, recording
from comparison import assert_identical, assert_spikes_match, spike_lists

import bss2sim as b2
from bss2sim.kernels import bins, cuda_exact

RNG = np.random.default_rng(6)
JUMPS = RNG.normal(0.3, 0.6, (10, 2, SIZE))
SPIKES = RNG.random((10, 2, 5)) < 0.3
WEIGHT = RNG.normal(0.5, 1.5, (5, SIZE))
STEP, TRIAL, SOURCE = np.nonzero(SPIKES)
EVENTS = b2.sparse_spikes((STEP + RNG.random(STEP.size)) * 1e-6, SOURCE, TRIAL, n_batch=2, duration=11e-6)
SAMPLES = [0.0, 1.3e-6, 1.4e-6, 7e-6, 7.77e-6]


@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("kind", ["iaf", "lif", "li"])
def test_jumps__same_bits(kind, tau_syn):
    neurons = population(kind, tau_syn)
    found, state = assert_same_on_both(neurons, JUMPS, record=recording(neurons))
    if kind != "li":
        assert found.sizes["spike"] > 0
    assert_same_on_both(neurons, JUMPS, record=recording(neurons, sample_time=SAMPLES))
    more = {"state": state, "record": recording(neurons)}
    assert_identical(
        b2.simulate(neurons, JUMPS[:4].astype(np.float32), **more),
        b2.simulate(neurons, JUMPS[:4].astype(np.float32), device="cuda", **more),
    )


@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("kind", ["iaf", "lif", "li"])
def test_events__same_bits(kind, tau_syn):
    neurons, synapse = population(kind, tau_syn), b2.Synapse(WEIGHT)
    _, state = assert_same_on_both(neurons, EVENTS, synapse=synapse, record=recording(neurons))
    assert_same_on_both(neurons, EVENTS, synapse=synapse, record=recording(neurons, sample_time=SAMPLES))
    later = b2.sparse_spikes(EVENTS.spike_time + 11e-6, SOURCE, TRIAL, n_batch=2, duration=22e-6)
    more = {"state": state, "synapse": synapse, "record": recording(neurons)}
    assert_identical(b2.simulate(neurons, later, **more), b2.simulate(neurons, later, device="cuda", **more))


@pytest.mark.parametrize("spikes", ["count", "first", "dense", None])
@pytest.mark.parametrize("form", ["jumps", "events"])
def test_spikes__same_bits(form, spikes):
    neurons = population("iaf", "one", threshold=0.4, refractory_time=0.3e-6, holdoff_time=0)
    record = b2.Recording(spikes=spikes, membrane=spikes is None)
    if form == "jumps":
        assert_same_on_both(neurons, JUMPS, record=record)
    else:
        assert_same_on_both(neurons, EVENTS, synapse=b2.Synapse(WEIGHT), record=record)


@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("form", ["plain", "graded", "events"])
def test_sparse_weights__same_bits(form, tau_syn):
    neurons = population("iaf", tau_syn)
    synapse = b2.Synapse(scipy.sparse.csr_array(WEIGHT * (RNG.random(WEIGHT.shape) < 0.6)))
    inputs = {"plain": SPIKES, "graded": SPIKES * 1.7, "events": EVENTS}[form]
    assert_same_on_both(neurons, inputs, synapse=synapse, record=recording(neurons))


@pytest.mark.parametrize("form", ["jumps", "events"])
def test_more_spikes_in_an_interval_than_a_thread_notes(form):
    neurons = population("iaf", "one", threshold=0.0, refractory_time=0.0, holdoff_time=0)
    jumps = np.zeros((2, 1, SIZE))
    jumps[0] = 20.0
    if form == "jumps":
        found, _ = assert_same_on_both(neurons, jumps, dt=5e-6)
    else:
        one = b2.sparse_spikes([1e-6], [0], duration=20e-6)
        found, _ = assert_same_on_both(neurons, one, synapse=b2.Synapse(np.full((1, SIZE), 20.0)))
    assert np.bincount(found.spike_neuron).max() > 3 * cuda_exact.MOST_AT_ONCE
    assert (np.diff(found.spike_time.values) >= 0).all()


@pytest.mark.parametrize("neuron", [None, [2, 0]])
@pytest.mark.parametrize("form", ["jumps", "events"])
def test_dense_spikes__several_in_a_bin_and_more_than_a_thread_notes(form, neuron):
    neurons = population("iaf", "one", threshold=0.0, refractory_time=0.0, holdoff_time=0)
    record = b2.Recording(spikes="dense", neuron=neuron)
    jumps = np.zeros((2, 1, SIZE))
    jumps[0] = 20.0
    if form == "jumps":
        found, _ = assert_same_on_both(neurons, jumps, dt=5e-6, record=record)
    else:
        one = b2.sparse_spikes([1e-6], [0], duration=20e-6)
        found, _ = assert_same_on_both(
            neurons, one, synapse=b2.Synapse(np.full((1, SIZE), 20.0)), dt=5e-6, record=record
        )
    assert found.spikes.values.max() > 3 * cuda_exact.MOST_AT_ONCE


def test_dense_spikes__of_a_run_that_starts_off_the_grid():
    neurons = population("lif", "pair")
    run = {"synapse": b2.Synapse(WEIGHT), "return_state": True}
    _, state = b2.simulate(neurons, EVENTS, duration=4.3e-6, **run)
    more = {**run, "state": state, "record": b2.Recording(spikes="dense"), "duration": 6.4e-6}
    expected, found = (b2.simulate(neurons, EVENTS, device=device, **more)[0] for device in ("cpu", "cuda"))
    assert_identical(expected, found)
    assert found.spikes.sum() > 0


def test_bin_of_a_spike__edges_decide():
    step, dt = 3, 1e-6
    edges = np.array([bins.bin_edge(k, 0.0, step, dt) for k in range(2000)])
    for shifted, row in ((edges, np.arange(2000)), (np.nextafter(edges, 0)[1:], np.arange(1999))):
        np.testing.assert_array_equal([bins.row_of_spike(time, step * dt, step, dt) for time in shifted], row)
    assert (np.floor((np.nextafter(edges, 0)[1:] - step * dt) / dt) != np.arange(1999)).any()  # what the rule mends


def test_events__as_the_exact_twin():
    arguments = dict(threshold=1.0, reset=-0.1, refractory_time=1.5e-6, holdoff_time=0.5e-6)
    neurons = b2.IAFNeuron(1, tau_mem=6e-6, tau_syn=5e-6, **arguments)
    weight = np.array([[2.5], [3.0], [-1.0]])
    time, source = np.array([1e-6, 1.5e-6, 4e-6, 6e-6, 9e-6]), np.array([0, 1, 1, 2, 0])
    run = b2.simulate(
        neurons, b2.sparse_spikes(time, source, duration=20e-6), synapse=b2.Synapse(weight), device="cuda"
    )
    events = list(zip(time, weight[source, 0], strict=True))
    trace = naive.exact(events, duration=20e-6, tau_mem=6e-6, tau_syn=5e-6, **arguments)
    n, strict = assert_spikes_match(spike_lists(run)[0, 0], trace)
    assert n == strict >= 2
