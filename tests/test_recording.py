"""Observables: kinds of spike recording agree, subsets and sample times select, files and chains keep all."""

import naive
import numpy as np
import pytest
import xarray as xr
from comparison import assert_identical, spike_lists

import bss2sim as b2

US = 1e-6
INTEGRATORS = ["exact", "euler"]


def example(integrator, spikes="sparse", *, n_time=60, n_batch=3, size=20, pair=False, **settings):
    """Run a small population with many spikes; `settings` go to Recording."""
    rng = np.random.default_rng(1)
    jump = rng.normal(80, 200, (n_time, n_batch, size)) * (rng.random((n_time, n_batch, size)) < 0.4)
    neurons = b2.IAFNeuron(size, tau_syn=(6e-6, 4e-6) if pair else 6e-6, refractory_time=0.3e-6, holdoff_time=0.1e-6)
    return b2.simulate(neurons, jump, integrator=integrator, record=b2.Recording(spikes, **settings))


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_spikes__kinds_of_recording_agree(integrator):
    sparse = example(integrator)
    lists = spike_lists(sparse)
    assert sparse.sizes["spike"] > 300
    dense = example(integrator, "dense").spikes
    listed = [(b, t, n) for (b, n), times in lists.items() for t in times]
    expected = naive.to_dense(listed, US, 60, 3, 20)
    np.testing.assert_array_equal(dense.transpose("time", "batch", "neuron").values, expected)
    if integrator == "exact":
        assert expected.max() > 1, "bins with several spikes must be counted, not marked"
    count = example(integrator, "count").spike_count
    np.testing.assert_array_equal(count.values, expected.sum(axis=0))
    first = example(integrator, "first").first_spike
    np.testing.assert_array_equal(
        first.values, [[min(lists.get((b, n), [np.nan])) for n in range(20)] for b in range(3)]
    )


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_first_spike__is_nan_without_one(integrator):
    run = b2.simulate(b2.IAFNeuron(3), np.zeros((5, 3)), integrator=integrator, record=b2.Recording("first"))
    assert np.isnan(run.first_spike.values).all()
    assert run.first_spike.shape == (3,)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_spikes__no_spike_at_all(integrator):
    run = b2.simulate(b2.IAFNeuron(3), np.zeros((5, 2, 3)), integrator=integrator)
    assert run.sizes["spike"] == 0
    np.testing.assert_array_equal(run.row_size, [0, 0])
    assert run.spike_time.dtype == np.float64
    assert run.spike_neuron.dtype == np.int32


def test_spikes__variables_are_as_the_data_model_says():
    """Names, dims, dtypes, units and the CF ragged array."""
    sparse = example("exact")
    assert sparse.spike_time.dims == sparse.spike_neuron.dims == sparse.spike_batch.dims == ("spike",)
    assert sparse.row_size.dims == ("batch",)
    assert sparse.row_size.attrs["sample_dimension"] == "spike"
    assert sparse.spike_time.attrs["units"] == "s"
    kinds = {"spike_time": "f8", "spike_neuron": "i4", "spike_batch": "i8", "row_size": "i8"}
    assert {name: sparse[name].dtype.str[1:] for name in kinds} == kinds
    run = example("exact", "dense")
    assert run.spikes.dims == ("batch", "time", "neuron")
    assert run.spikes.dtype == np.uint8
    assert run.time.dtype == np.float64
    assert run.time.attrs["units"] == "s"
    run = example("exact", membrane=True, current=True)
    assert run.membrane.dims == run.current.dims == ("batch", "time", "neuron")
    assert "units" not in run.membrane.attrs or run.membrane.attrs["units"] in ("", "1")
    assert example("exact", "count").spike_count.dtype == np.int64
    assert example("exact", "first").first_spike.dtype == np.float64
    pair = example("exact", membrane=True, current=True, pair=True)
    assert pair.current.dims == ("batch", "time", "synaptic_input", "neuron")
    assert pair.synaptic_input.values.tolist() == ["excitatory", "inhibitory"]
    for value in [*run.attrs.values(), *(v for name in run.variables for v in run[name].attrs.values())]:
        assert isinstance(value, str | int | float | np.number)
        assert not isinstance(value, bool)
    assert {"bss2sim_version", "integrator", "dt", "duration", "dtype", "device", "start_time"} <= set(run.attrs)
    assert run.attrs["n_neuron"] == run.sizes["neuron"]
    assert run.attrs["duration"] == pytest.approx(60 * US)
    assert run.attrs["start_time"] == 0.0


def test_recording__nothing_is_recorded_that_was_not_asked_for():
    assert set(example("euler", None).data_vars) == set()
    assert set(example("exact", "count").data_vars) == {"spike_count"}
    assert set(example("exact", "sparse").data_vars) == {"spike_time", "spike_neuron", "spike_batch", "row_size"}
    assert set(example("euler", None, current=True).data_vars) == {"current"}
    assert set(b2.simulate(b2.LINeuron(2), np.zeros((4, 2))).data_vars) == {"membrane"}


def test_trials__without_batch():
    """2-d input: no trial dim anywhere, sparse spikes have trial 0."""
    jump = np.zeros((30, 4))
    jump[0] = 300.0
    run = b2.simulate(b2.IAFNeuron(4), jump, record=b2.Recording(membrane=True, current=True))
    assert run.membrane.dims == ("time", "neuron")
    assert run.row_size.dims == ()
    assert run.row_size.item() == run.sizes["spike"] > 0
    assert (run.spike_batch.values == 0).all()


# ---------------------------------------------------------------------------------------------------------------------
# subsets and sample times


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("spikes", ["sparse", "dense", "count", "first"])
def test_neuron__restricts_every_variable_that_has_it(spikes, integrator):
    chosen = [7, 0, 19]
    traces = spikes == "sparse"
    whole = example(integrator, spikes, membrane=traces, current=traces, pair=traces)
    part = example(integrator, spikes, membrane=traces, current=traces, pair=traces, neuron=chosen)
    assert part.neuron.values.tolist() == chosen
    assert_identical(part, whole.isel(neuron=chosen))
    if traces:
        assert part.sizes["spike"] == whole.sizes["spike"], "sparse spikes are those of all neurons"


def test_sample_time__on_the_grid_equals_the_grid():
    """A sample at k dt is row k: same membrane, same current (just after the jump)."""
    grid = example("exact", membrane=True, current=True)
    rows = [0, 1, 13, 59]
    samples = example("exact", membrane=True, current=True, sample_time=grid.time.values[rows])
    assert samples.membrane.dims == ("batch", "sample_time", "neuron")
    # another path through the same exponentials: rounding only
    np.testing.assert_allclose(samples.membrane.values, grid.membrane.values[:, rows], rtol=1e-12)
    np.testing.assert_allclose(samples.current.values, grid.current.values[:, rows], rtol=1e-12, atol=1e-10)
    assert "time" not in samples.dims


def test_sample_time__dense_spikes_stay_on_the_grid():
    run = example("exact", "dense", membrane=True, sample_time=[1.5 * US, 3 * US])
    assert run.spikes.dims == ("batch", "time", "neuron")
    assert run.membrane.dims == ("batch", "sample_time", "neuron")
    assert_identical(run[["spikes"]], example("exact", "dense")[["spikes"]], ignore=("sample_time",))


@pytest.mark.parametrize("times", [[60 * US], [70 * US], [1e9]])
def test_sample_time__outside_the_run_is_refused(times):
    with pytest.raises(b2.Bss2SimError, match="sample_time"):
        example("exact", membrane=True, current=True, sample_time=times)


# ---------------------------------------------------------------------------------------------------------------------
# many spikes


@pytest.mark.parametrize("way", ["jumps", "sparse"])
@pytest.mark.parametrize("n_batch", [1, 5])
def test_spikes__many_per_trial_are_never_lost(n_batch, way):
    """A spike per refractory period of 2 ns, 100 000 per trial: no sensible first guess of a buffer holds them."""
    refractory, n_time, size = 2e-9, 100, 2
    neurons = b2.IAFNeuron(size, tau_mem=1e-6, tau_syn=1.0, refractory_time=refractory)
    record = b2.Recording()
    if way == "jumps":
        jump = np.zeros((n_time, n_batch, size))
        jump[0] = 1e9
        run, state = b2.simulate(neurons, jump, record=record, return_state=True)
    else:
        events = b2.sparse_spikes(
            np.zeros(n_batch), np.zeros(n_batch, int), np.arange(n_batch), n_neuron=1, duration=n_time * US
        )
        run, state = b2.simulate(
            neurons, events, synapse=b2.Synapse(np.full((1, size), 1e9)), record=record, return_state=True
        )
    # rise of 45 at 1e15 per second: 45 fs on top of every refractory period
    period = refractory + 45e-15
    expected = size * (np.floor((100 * US - 45e-15) / period) + 1)
    np.testing.assert_allclose(run.row_size.values, np.full(n_batch, expected), atol=2 * size)
    lists = spike_lists(run)
    assert len(lists) == n_batch * size
    for times in lists.values():
        # the current decays by 1e-4 over the run: the rise is longer by as much
        np.testing.assert_allclose(np.diff(times), period, rtol=1e-6)
    # the state is that after one run, not after the first attempt with too small a buffer
    _, again = b2.simulate(
        neurons, jump if way == "jumps" else events, record=b2.Recording("count"), return_state=True,
        synapse=None if way == "jumps" else b2.Synapse(np.full((1, size), 1e9)),
    )  # fmt: skip
    assert_identical(again, state)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_spikes__burst_in_one_trial_of_many(integrator):
    """One trial full of spikes among silent ones."""
    jump = np.zeros((400, 30, 50))
    jump[0, 17] = 1e9
    neurons = b2.IAFNeuron(50, tau_mem=1e-6, tau_syn=1.0, refractory_time=0.5e-6)
    run = b2.simulate(neurons, jump, integrator=integrator)
    per_neuron = {"exact": 800, "euler": 200}[integrator]  # every 0.5 us; every second step
    expected = np.zeros(30)
    expected[17] = 50 * per_neuron
    np.testing.assert_allclose(run.row_size.values, expected, atol=50)
    assert len(spike_lists(run)) == 50


def test_spikes__more_in_a_bin_than_a_byte_holds_is_not_silent():
    """300 spikes of one neuron in one bin do not fit the uint8 of dense spikes: an error or a warning, not 44."""
    neurons = b2.IAFNeuron(1, tau_mem=1e-6, tau_syn=1.0, refractory_time=1 / 300 * US)
    jump = np.full((3, 1), 1e9)
    try:
        run = b2.simulate(neurons, jump, record=b2.Recording("dense"))
    except (b2.Bss2SimError, UserWarning):
        return
    assert run.spikes.values.max() > 290


# ---------------------------------------------------------------------------------------------------------------------
# files and chains


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
@pytest.mark.parametrize("spikes", ["sparse", "dense", "count", "first"])
def test_to_netcdf__round_trip(tmp_path, engine, spikes):
    """Everything comes back: values, dims, names, attributes. netCDF3 has no 64-bit integers, so scipy narrows them."""
    traces = spikes == "sparse"
    run = example("exact", spikes, membrane=traces, current=traces, pair=traces)
    run.to_netcdf(tmp_path / "run.nc", engine=engine)
    with xr.open_dataset(tmp_path / "run.nc", engine=engine) as found:
        found.load()
    assert spikes not in ("sparse", "dense") or found.time.dtype == np.float64, "times stay numbers"
    assert set(found.variables) == set(run.variables)
    assert dict(found.attrs) == dict(run.attrs)
    for name in run.variables:
        assert found[name].dims == run[name].dims
        np.testing.assert_array_equal(found[name].values, run[name].values, err_msg=name)
        assert found[name].attrs.get("units") == run[name].attrs.get("units")


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_to_netcdf__sparse_result_from_a_file_is_an_input(tmp_path, engine):
    run = example("exact")
    run.to_netcdf(tmp_path / "run.nc", engine=engine)
    second, synapse = b2.IAFNeuron(5), b2.Synapse(np.full((20, 5), 12.0))
    with xr.open_dataset(tmp_path / "run.nc", engine=engine) as found:
        assert_identical(b2.simulate(second, found.load(), synapse=synapse), b2.simulate(second, run, synapse=synapse))


@pytest.mark.parametrize("pair", [False, True], ids=["one_tau", "two_tau"])
def test_chain__recorded_spikes_drive_a_second_population(pair):
    """As feeding them by hand: the same bits from a list, the same spikes as 50-digit arithmetic."""
    rng = np.random.default_rng(2)
    first = example("exact", n_time=25, n_batch=2, size=6)
    assert 40 < first.sizes["spike"] < 400
    weight = rng.normal(15, 30, (6, 7))
    tau_syn = (6e-6, 3e-6) if pair else 6e-6
    second = b2.IAFNeuron(7, tau_syn=tau_syn, refractory_time=1e-6)
    record = b2.Recording(membrane=True, current=True)
    run = b2.simulate(second, first, synapse=b2.Synapse(weight), record=record)
    assert run.attrs["duration"] == first.attrs["duration"]
    assert run.sizes["batch"] == 2
    by_hand = b2.sparse_spikes(
        first.spike_time.values, first.spike_neuron.values, first.spike_batch.values, n_batch=2, n_neuron=6,
        duration=first.attrs["duration"],
    )  # fmt: skip
    assert_identical(b2.simulate(second, by_hand, synapse=b2.Synapse(weight), record=record), run)
    lists = spike_lists(run)
    assert lists
    for b in range(2):
        inside = first.spike_batch.values == b
        spikes = list(zip(first.spike_time.values[inside], first.spike_neuron.values[inside], strict=True))
        for n, events in enumerate(naive.synapse_events(spikes, weight)):
            trace = naive.exact(
                events, duration=first.attrs["duration"], threshold=125.0, reset=80.0, tau_mem=10e-6, tau_syn=tau_syn,
                refractory_time=1e-6, arithmetic=naive.Float64,
            )  # fmt: skip
            # the quick twin in double precision
            np.testing.assert_allclose(lists.get((b, n), []), trace.spike_time, rtol=0, atol=1e-15)


def test_chain__euler_result_is_on_the_grid_and_drives_euler():
    """Sparse spikes of Euler steps are accepted by Euler steps and equal the dense ones."""
    sparse, dense = example("euler"), example("euler", "dense")
    second, synapse = b2.IAFNeuron(5), b2.Synapse(np.arange(100.0).reshape(20, 5))
    record = b2.Recording(membrane=True, current=True)
    from_sparse = b2.simulate(second, sparse, synapse=synapse, integrator="euler", record=record)
    inputs = dense.spikes.rename(neuron="input").drop_vars("input")
    from_dense = b2.simulate(second, inputs, synapse=synapse, integrator="euler", record=record)
    assert_identical(from_sparse, from_dense)


# ---------------------------------------------------------------------------------------------------------------------
# sparse_spikes


def test_sparse_spikes__sorts_and_counts():
    found = b2.sparse_spikes([3e-6, 1e-6, 2e-6, 1e-6], [5, 2, 0, 1], [0, 2, 0, 2], n_batch=4, n_neuron=6, duration=1e-5)
    np.testing.assert_array_equal(found.spike_time, [2e-6, 3e-6, 1e-6, 1e-6])
    np.testing.assert_array_equal(found.spike_neuron, [0, 5, 1, 2])
    np.testing.assert_array_equal(found.spike_batch, [0, 0, 2, 2])
    np.testing.assert_array_equal(found.row_size, [2, 0, 2, 0])
    assert found.attrs["duration"] == 1e-5


def test_sparse_spikes__without_batch_has_no_trial_dim():
    found = b2.sparse_spikes([1e-6], [0], n_neuron=1, duration=1e-5)
    run = b2.simulate(b2.IAFNeuron(2), found, synapse=b2.Synapse(np.full((1, 2), 99.0)), record=b2.Recording("count"))
    assert run.spike_count.dims == ("neuron",)


def test_sparse_spikes__without_any_spike():
    found = b2.sparse_spikes([], [], [], n_batch=3, n_neuron=4, duration=1e-5)
    run = b2.simulate(b2.IAFNeuron(2), found, synapse=b2.Synapse(np.ones((4, 2))))
    np.testing.assert_array_equal(run.row_size, [0, 0, 0])


@pytest.mark.parametrize("size", [513, 575, 1100])
@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_sparse__agrees_with_dense_where_the_last_block_is_not_full(size, integrator):
    """The full block fires at every chance; the neurons behind it get no input and must stay silent."""
    jump = np.zeros((40, 2, size))
    jump[:, :, : size - size % 512] = 20.0
    neurons = b2.IAFNeuron(size, threshold=100.0)

    def run(spikes):
        return b2.simulate(neurons, jump, integrator=integrator, record=b2.Recording(spikes), threads=1)

    count = run("dense").spikes.sum("time").values
    assert count.any() and not count[:, size - size % 512 :].any()
    np.testing.assert_array_equal(run("count").spike_count.values, count)
    sparse = run("sparse")
    pairs = sparse.spike_batch.values * size + sparse.spike_neuron.values
    np.testing.assert_array_equal(np.bincount(pairs, minlength=2 * size).reshape(2, size), count)
    np.testing.assert_array_equal(np.isfinite(run("first").first_spike.values), count > 0)


def test_out__refuses_variables_that_share_memory():
    record = b2.Recording(None, membrane=True, current=True)
    neurons, jump = b2.IAFNeuron(3), np.ones((5, 1, 3))
    run = b2.simulate(neurons, jump, record=record)
    with pytest.raises(b2.InputError, match="share memory"):
        b2.simulate(neurons, jump, record=record, out=run.assign(current=run.membrane))


def test_out__labels_are_those_of_the_registry():
    record = b2.Recording(None, membrane=True)
    neurons, jump = b2.IAFNeuron(3), np.ones((5, 1, 3))
    run = b2.simulate(neurons, jump, record=record)
    run.membrane.attrs["units"] = "banana"
    assert "units" not in b2.simulate(neurons, jump, record=record, out=run).membrane.attrs


def test_state__begins_at_the_same_time_however_the_run_was_cut():
    nothing = b2.sparse_spikes([], np.zeros(0, int), np.zeros(0, int), n_batch=1)
    settings = dict(synapse=b2.Synapse(np.ones((1, 1))), integrator="euler", return_state=True)
    _, whole = b2.simulate(b2.IAFNeuron(1), nothing, duration=26e-6, **settings)
    _, part = b2.simulate(b2.IAFNeuron(1), nothing, duration=2e-6, **settings)
    _, rest = b2.simulate(b2.IAFNeuron(1), nothing, duration=24e-6, state=part, **settings)
    assert rest.identical(whole)
