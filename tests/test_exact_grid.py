"""The exact integrator on a grid: what a neuron does depends neither on its neighbours nor on how it is grouped with them."""

import numpy as np
import pytest

import bss2sim as b2
from bss2sim.kernels.grid import CROWD

RNG = np.random.default_rng(3)
N, T, DT = 320, 23, 1e-6
JUMPS = RNG.normal(0.3, 2.0, (T, 2, N))
THRESHOLD = RNG.uniform(0.8, 1.2, N)
RECORD = b2.Recording(spikes="sparse", membrane=True, current=True)


def run(first, last, jumps=JUMPS, **kwargs):
    """Run some of the neurons."""
    neurons = b2.IAFNeuron(
        last - first, threshold=THRESHOLD[first:last], reset=0.1, tau_mem=6e-6, tau_syn=5e-6, refractory_time=1.3e-6,
        holdoff_time=0.4e-6,
    )  # fmt: skip
    return b2.simulate(neurons, jumps[..., first:last], dt=DT, record=RECORD, **kwargs)


def assert_same(part, whole, first, last):
    """Compare some neurons with the same ones of a larger run, to the bit."""
    np.testing.assert_array_equal(part.membrane.values, whole.membrane.values[..., first:last])
    np.testing.assert_array_equal(part.current.values, whole.current.values[..., first:last])
    inside = (whole.spike_neuron.values >= first) & (whole.spike_neuron.values < last)
    np.testing.assert_array_equal(part.spike_time.values, whole.spike_time.values[inside])
    np.testing.assert_array_equal(part.spike_neuron.values + first, whole.spike_neuron.values[inside])
    np.testing.assert_array_equal(part.spike_batch.values, whole.spike_batch.values[inside])


@pytest.fixture(scope="module")
def whole():
    found = run(0, N)
    step = (found.spike_time.values // DT).astype(int)
    assert np.bincount(step[found.spike_batch.values == 0]).max() > CROWD  # tiles become shorter
    return found


@pytest.mark.parametrize(("first", "last"), [(0, 1), (40, 47), (40, 48), (0, 9), (3, 68)])
def test_neurons__are_the_same_alone_and_in_a_crowd(whole, first, last):
    part = run(first, last)
    assert part.sizes["spike"] > 0
    assert_same(part, whole, first, last)


def test_spikes__are_sorted_by_time_and_neuron_in_each_trial(whole):
    keys = (whole.spike_neuron.values, whole.spike_time.values, whole.spike_batch.values)
    np.testing.assert_array_equal(np.lexsort(keys), np.arange(whole.sizes["spike"]))


@pytest.mark.parametrize("n", [7, 8])
def test_jumps__in_float32_are_their_numbers_in_float64(n):
    single = JUMPS.astype(np.float32)
    assert_same(run(0, n, single), run(0, n, single.astype(np.float64)), 0, n)
