"""Rates, intervals and first spikes against loops over spikes."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bss2sim as b2
from bss2sim.runs import count_spikes, first_spikes, intervals, rates

N_TRIAL, N_NEURON, DURATION = 3, 4, 1e-4


@st.composite
def spike_sets(draw):
    """Spikes of some trials and neurons, none at the same time."""
    n = draw(st.integers(0, 30))
    times = draw(st.lists(st.integers(0, 999), min_size=n, max_size=n, unique=True))
    owners = draw(
        st.lists(st.tuples(st.integers(0, N_TRIAL - 1), st.integers(0, N_NEURON - 1)), min_size=n, max_size=n)
    )
    return [(t * 1e-7, trial, neuron) for t, (trial, neuron) in zip(times, owners, strict=True)]


def dataset(spikes):
    time, trial, neuron = ([row[k] for row in spikes] for k in range(3))
    return b2.sparse_spikes(time, neuron, trial, n_batch=N_TRIAL, n_neuron=N_NEURON, duration=DURATION)


def trains(spikes):
    """Sorted times by (trial, neuron)."""
    found = {(trial, neuron): [] for trial in range(N_TRIAL) for neuron in range(N_NEURON)}
    for time, trial, neuron in sorted(spikes):
        found[trial, neuron].append(time)
    return found


@given(spike_sets())
def test_numbers__are_those_of_loops(spikes):
    run = dataset(spikes)
    rate, first, found = rates(run), first_spikes(run), intervals(run)
    expected = []
    for (trial, neuron), train in trains(spikes).items():
        assert rate.values[trial, neuron] == len(train) / DURATION
        value = first.values[trial, neuron]
        assert value == train[0] if train else np.isnan(value)
        expected += [(trial, neuron, b - a) for a, b in pairwise(train)]
    assert found.interval_batch.values.tolist() == [row[0] for row in expected]
    assert found.interval_neuron.values.tolist() == [row[1] for row in expected]
    np.testing.assert_array_equal(found.values, [row[2] for row in expected])


def test_numbers__are_labelled():
    run = dataset([(1e-6, 0, 1), (3e-6, 0, 1)]).assign_coords(batch=[5, 6, 7])
    rate, first, found = rates(run), first_spikes(run), intervals(run)
    assert (rate.name, rate.dims, rate.attrs["units"]) == ("rate", ("batch", "neuron"), "Hz")
    assert (first.name, first.dims, first.attrs["units"]) == ("first_spike", ("batch", "neuron"), "s")
    assert (found.name, found.dims, found.attrs["units"]) == ("spike_interval", ("interval",), "s")
    assert rate.batch.values.tolist() == first.batch.values.tolist() == [5, 6, 7]


def test_silent_neurons__are_counted():
    jumps = np.zeros((20, 1, 5))
    jumps[:, :, 1] = 40.0
    for record in (
        b2.Recording(),
        b2.Recording(membrane=True, neuron=[1, 2]),
        b2.Recording("first"),
        b2.Recording("count"),
    ):
        run = b2.simulate(b2.IAFNeuron(5), jumps, record=record)
        assert run.attrs["n_neuron"] == 5
        if "first_spike" not in run:
            assert rates(run).sizes["neuron"] == 5
            assert (rates(run).values[0] > 0).tolist() == [False, True, False, False, False]
        if "spike_count" not in run:
            assert np.isfinite(first_spikes(run).values[0]).tolist() == [False, True, False, False, False]


def test_first_spikes__are_those_recorded():
    rng = np.random.default_rng(1)
    jumps = rng.normal(5.0, 20.0, (100, 3, 6))
    sparse, first = (b2.simulate(b2.IAFNeuron(6), jumps, record=b2.Recording(kind)) for kind in ("sparse", "first"))
    assert np.isfinite(first.first_spike).sum() > 5
    xr.testing.assert_equal(first_spikes(first), first.first_spike)
    np.testing.assert_array_equal(first_spikes(sparse), first.first_spike)


def test_spikes_that_say_nothing_of_their_population__have_the_highest_index():
    run = b2.sparse_spikes([1e-6, 2e-6], [0, 2], duration=1e-5)
    assert "n_neuron" not in run.attrs
    assert count_spikes(run).values.tolist() == [1, 0, 1] and first_spikes(run).sizes["neuron"] == 3
    assert count_spikes(b2.sparse_spikes([], [], duration=1e-5)).sizes["neuron"] == 0


@pytest.mark.parametrize("function", [rates, intervals, first_spikes])
def test_functions__refuse(function):
    name = function.__name__
    with pytest.raises(b2.InputError, match=f"{name}: run must be a Dataset; got list"):
        function([1e-6])
    with pytest.raises(b2.UnknownKeywordError, match=r"did you mean 'run'"):
        function(runn=1)


def test_functions__say_what_to_record():
    run = xr.Dataset({"membrane": ("time", [0.0])}, attrs={"duration": 1.0})
    with pytest.raises(
        b2.InputError, match=r'intervals: .* only membrane; record them with Recording\(spikes="sparse"\)'
    ):
        intervals(run)
    with pytest.raises(b2.InputError, match=r'first_spikes: .* Recording\(spikes="first"\) or Recording'):
        first_spikes(run)
    with pytest.raises(b2.InputError, match="no spikes to count"):
        rates(run)
    with pytest.raises(b2.InputError, match="no sparse spikes, only nothing"):
        intervals(xr.Dataset())
    with pytest.raises(b2.InputError, match="rates: the run must have an attribute duration, in seconds"):
        rates(b2.sparse_spikes([1e-6], [0]))
    wrong = b2.sparse_spikes([1e-6], [3], n_neuron=4).assign_attrs(n_neuron=2)
    with pytest.raises(b2.InputError, match="first_spikes: neuron 3 spiked, but there are 2 neurons"):
        first_spikes(wrong)
    with pytest.raises(b2.InputError, match="count_spikes: neuron 3 spiked, but there are 2 neurons"):
        count_spikes(wrong)


TAKE = {
    "count_spikes": count_spikes,
    "rates": rates,
    "intervals": intervals,
    "first_spikes": first_spikes,
    "raster": lambda run: run.bss2.raster(),
    "isi": lambda run: run.bss2.isi(),
    "concatenate": lambda run: b2.runs.concatenate([run, run]),
}


@pytest.mark.parametrize("take", TAKE.values(), ids=TAKE)
def test_trials_that_were_taken_away__are_refused(take):
    run = dataset([(1e-6, 0, 1), (3e-6, 1, 1), (4e-6, 1, 1)])
    for chosen in ([1], [0], [2, 1, 0]):
        with pytest.raises(
            b2.InputError, match=r"spikes and row_size are of other trials: .* batch leave spikes .*\.bss2\.sel\(\)"
        ):
            take(run.isel(batch=chosen))


def test_runs_put_together_by_xarray__are_refused():
    run = dataset([(1e-6, 0, 1)])
    both = xr.concat([run, run], "rep", data_vars="all")
    with pytest.raises(
        b2.InputError, match=r"count_spikes: spike_time must have the dim spike alone; .*runs.concatenate"
    ):
        rates(both)


@pytest.mark.parametrize("duration", ["x", np.nan, np.inf, 0.0])
def test_rates__need_a_duration(duration):
    with pytest.raises(b2.InputError, match="rates: the run must have an attribute duration, in seconds"):
        rates(dataset([]).assign_attrs(duration=duration))


def test_spikes_that_were_chosen__are_counted():
    run = dataset([(1e-6, 0, 1), (3e-6, 1, 1), (4e-6, 1, 1)])
    late = run.isel(spike=run.spike_time.values > 3.5e-6)
    assert count_spikes(late).values.sum() == count_spikes(late).values[1, 1] == 1
    assert first_spikes(late).values[1, 1] == 4e-6
