"""Putting runs together, and counting spikes."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.runs import concatenate, count_spikes


def random_inputs(n_batch=7, n_input=6, n_spike=300, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 80e-6, n_spike), rng.integers(0, n_input, n_spike), rng.integers(0, n_batch, n_spike)


def simulate(selected, n_batch, record, seed=0, **neuron):
    time, index, batch = random_inputs(seed=seed)
    first, last = selected
    mine = (batch >= first) & (batch < last)
    spikes = b2.sparse_spikes(time[mine], index[mine], batch[mine] - first, n_batch=last - first, duration=100e-6)
    weight = np.random.default_rng(5).normal(10.0, 20.0, (6, 9))
    return b2.simulate(b2.IAFNeuron(9, **neuron), spikes, synapse=b2.Synapse(weight), record=record)


@pytest.mark.parametrize("spikes", ["sparse", "dense", "count", "first", None])
@pytest.mark.parametrize("cuts", [(0, 7), (0, 3, 7), (0, 1, 2, 3, 4, 5, 6, 7)])
def test_concatenate__pieces_of_a_batch_are_the_batch(spikes, cuts):
    record = b2.Recording(spikes=spikes, membrane=True)
    whole = simulate((0, 7), 7, record)
    pieces = [simulate(piece, 7, record) for piece in pairwise(cuts)]
    joined = concatenate(pieces)
    xr.testing.assert_identical(joined, whole)
    assert {name: joined[name].dtype for name in joined} == {name: whole[name].dtype for name in whole}
    assert [joined[name].dims for name in joined] == [whole[name].dims for name in joined]


@pytest.mark.parametrize("dim", ["batch", "threshold"])
def test_concatenate__along_any_trial_dim(dim):
    threshold = xr.DataArray([100.0, 125.0, 150.0], dims="threshold", coords={"threshold": [100.0, 125.0, 150.0]})
    record = b2.Recording(membrane=True)
    whole = simulate((0, 7), 7, record, threshold=threshold)
    if dim == "batch":
        pieces = [simulate(piece, 7, record, threshold=threshold) for piece in ((0, 4), (4, 7))]
    else:
        pieces = [simulate((0, 7), 7, record, threshold=threshold[part]) for part in (slice(0, 1), slice(1, 3))]
    xr.testing.assert_identical(concatenate(pieces, dim), whole)


def test_concatenate__silent_and_empty_trials():
    silent = b2.sparse_spikes([], [], [], n_batch=2, duration=1e-5)
    one = b2.sparse_spikes([1e-6], [3], [1], n_batch=2, duration=1e-5)
    joined = concatenate([silent, one, silent])
    np.testing.assert_array_equal(joined.row_size, [0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(joined.spike_batch, [3])


def test_concatenate__can_be_simulated_on():
    parts = [b2.sparse_spikes([1e-6], [0], [0], n_batch=1, duration=1e-5) for _ in range(3)]
    run = b2.simulate(b2.IAFNeuron(2), concatenate(parts), synapse=b2.Synapse(np.full((1, 2), 80.0)))
    assert run.sizes["batch"] == 3


def test_concatenate__refuses_what_does_not_fit():
    one = b2.sparse_spikes([1e-6], [0], [0], n_batch=1, duration=1e-5)
    with pytest.raises(b2.InputError, match="no run"):
        concatenate([])
    for runs in (one, None, 3):
        with pytest.raises(b2.InputError, match="iterable"):
            concatenate(runs)
    with pytest.raises(b2.InputError, match="duration"):
        concatenate([one, b2.sparse_spikes([1e-6], [0], [0], n_batch=1, duration=2e-5)])
    with pytest.raises(b2.InputError, match="no dim 'chip'"):
        concatenate([one, one], "chip")
    with pytest.raises(b2.InputError, match="dim of trials"):
        concatenate([one, one], "spike")
    with pytest.raises(b2.InputError, match="Dataset"):
        concatenate([one, 3])
    with pytest.raises(b2.InputError, match="different variables"):
        concatenate([one, one.assign(extra=0)])
    with pytest.raises(b2.InputError, match="dims"):
        concatenate([one.assign(extra=("batch", [1])), one.assign(extra=1)])
    with pytest.raises(b2.InputError, match="fit together"):
        concatenate([one.assign(extra=0), one.assign(extra=1)])


@pytest.mark.parametrize("spikes", ["sparse", "dense", "count"])
def test_count_spikes__agrees_with_the_recorded_counts(spikes):
    expected = simulate((0, 7), 7, b2.Recording(spikes="count")).spike_count
    assert int(expected.sum()) > 50
    count = count_spikes(simulate((0, 7), 7, b2.Recording(spikes=spikes)), 9)
    np.testing.assert_array_equal(count, expected)
    assert count.dims == expected.dims


def test_count_spikes__refuses_what_it_cannot_count():
    with pytest.raises(b2.InputError, match="no spikes"):
        count_spikes(xr.Dataset({"membrane": ("time", [0.0])}))
    with pytest.raises(b2.InputError, match="Dataset"):
        count_spikes([1e-6])
    for n_neuron in (0, -1, 2.5, True, "three"):
        with pytest.raises(b2.ParameterError, match="n_neuron"):
            count_spikes(b2.sparse_spikes([1e-6], [0], duration=1e-5), n_neuron)
    with pytest.raises(b2.InputError, match="neuron 3"):
        count_spikes(b2.sparse_spikes([1e-6], [3], duration=1e-5), 3)
