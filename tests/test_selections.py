"""``ds.bss2.sel`` and ``isel``: the selections of xarray, and the sparse spikes with them."""

import itertools

import naive_selection
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bss2sim as b2
import bss2sim.accessor  # for Datasets made by hand
from bss2sim.inputs import read_sparse
from bss2sim.runs import count_spikes, first_spikes, intervals, rates

BATCH, GAIN, NEURON = [10, 11, 12], [0.1, 0.3], 4
LABELS = {"batch": BATCH, "gain": ("gain", GAIN, {"units": "LSB"})}


def make_run(trials, shape=(3, 2), coords=LABELS, dims=("batch", "gain")):
    """Return a run of trials, in C order lists of (time, neuron), with a membrane that says where it is from."""
    rows = [(time, neuron, k) for k, spikes in enumerate(trials) for time, neuron in sorted(spikes)]
    columns = [np.array([row[k] for row in rows]) for k in range(3)]
    membrane = np.arange(np.prod(shape) * 5 * NEURON, dtype=float).reshape(*shape, 5, NEURON)
    return xr.Dataset(
        {
            "row_size": (
                dims,
                np.array([len(spikes) for spikes in trials]).reshape(shape),
                {"sample_dimension": "spike"},
            ),
            "spike_time": ("spike", columns[0].astype(float), {"units": "s"}),
            "spike_neuron": ("spike", columns[1].astype(np.int32)),
            "spike_batch": ("spike", columns[2].astype(np.int64)),
            "membrane": ((*dims, "time", "neuron"), membrane),
        },
        {**coords, "time": np.arange(5) * 1e-5, "neuron": np.arange(NEURON)},
        {"duration": 5e-5, "n_neuron": NEURON, "bss2sim_version": "9"},
    )


TRIALS = [
    [(5e-6, 0), (9e-6, 1)],
    [(6e-6, 0)],
    [],
    [(1e-6, 2), (3e-6, 0), (11e-6, 0)],
    [(2e-6, 3)],
    [(3e-5, 1), (4e-5, 1)],
]


@pytest.fixture
def run():
    return make_run(TRIALS)


def dense(run):
    """Return a run without its spikes, to be compared with a selection of xarray."""
    return run.drop_dims("spike").drop_vars("row_size")


trial = st.lists(st.tuples(st.integers(0, 40).map(lambda k: k * 1e-6), st.integers(0, NEURON - 1)), max_size=5)


def along(size):
    """Return what selects along a dim of `size` entries by position."""
    position = st.integers(-size, size - 1)
    bound = st.none() | st.integers(-size - 1, size + 1)
    step = st.sampled_from([None, 1, 2, -1])
    return (
        position
        | st.lists(position, max_size=4)
        | st.builds(slice, bound, bound, step)
        | st.lists(st.booleans(), min_size=size, max_size=size).map(np.array)
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_isel__takes_the_spikes_that_a_loop_over_trials_takes(data):
    trials = data.draw(st.lists(trial, min_size=6, max_size=6))
    run = make_run(trials)
    where = data.draw(
        st.fixed_dictionaries({}, optional={"batch": along(3), "gain": along(2), "neuron": along(NEURON)})
    )
    places = {
        dim: np.arange(size)[where.get(dim, slice(None))]
        for dim, size in (("batch", 3), ("gain", 2), ("neuron", NEURON))
    }
    if np.unique(places["neuron"]).size != places["neuron"].size:
        with pytest.raises(b2.InputError, match="isel: neuron must name each neuron once"):
            run.bss2.isel(where)
        return
    found = run.bss2.isel(where)
    by_place = {place: sorted(trials[k]) for k, place in enumerate(itertools.product(range(3), range(2)))}
    lists = [np.atleast_1d(places[dim]).tolist() for dim in ("batch", "gain")]
    time, neuron, batch, rows = naive_selection.spikes_of(by_place, lists, np.atleast_1d(places["neuron"]))
    np.testing.assert_array_equal(found.spike_time, time)
    np.testing.assert_array_equal(found.spike_neuron, neuron)
    np.testing.assert_array_equal(found.spike_batch, batch)
    np.testing.assert_array_equal(found.row_size.values.ravel(), rows)
    for name in ("spike_time", "spike_neuron", "spike_batch", "row_size"):
        assert found[name].dtype == run[name].dtype and found[name].attrs == run[name].attrs
    expected = run.isel(where)
    assert found.row_size.dims == expected.row_size.dims and found.row_size.coords.identical(expected.row_size.coords)
    xr.testing.assert_identical(dense(found).drop_attrs(), dense(expected).drop_attrs())
    for make in (count_spikes, first_spikes, rates):  # what is made of a selection is the selection of what is made
        of_all = make(run.drop_vars("neuron")).assign_coords(neuron=np.arange(NEURON)).isel(where)
        of_all = of_all if "neuron" in of_all.dims else of_all.expand_dims("neuron", -1)
        np.testing.assert_array_equal(make(found), of_all)
    xr.testing.assert_identical(found.bss2.isel(), found)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_sel__of_labels_is_isel_of_their_places(data):
    run = make_run(data.draw(st.lists(trial, min_size=6, max_size=6)))
    batch = data.draw(st.lists(st.sampled_from(BATCH), max_size=4))
    neuron = data.draw(st.lists(st.integers(0, NEURON - 1), max_size=4, unique=True))
    found = run.bss2.sel(batch=batch, gain=0.28, neuron=neuron, method="nearest", tolerance=0.05)
    xr.testing.assert_identical(
        found, run.bss2.isel(batch=[BATCH.index(label) for label in batch], gain=1, neuron=neuron)
    )


def test_sel__then_a_picture(run):
    pytest.importorskip("matplotlib.pyplot").close("all")
    (line,) = run.bss2.sel(batch=11, gain=0.3).bss2.raster().get_lines()
    np.testing.assert_allclose(line.get_xdata(), [1, 3, 11])
    np.testing.assert_array_equal(line.get_ydata(), [2, 0, 0])
    one = run.bss2.sel(batch=11, gain=0.3, neuron=2).bss2
    assert one.raster().get_ylim() == pytest.approx((1.3, 2.7)), "of the neurons that were selected"
    assert [line.get_label() for line in one.traces().get_lines()] == ["neuron 2"]
    assert one.rates().get_lines()[0].get_xdata() == [2]
    with pytest.raises(b2.InputError, match="raster: there is no neuron 0; neurons: 2"):
        one.raster(neuron=0)
    with pytest.raises(b2.InputError, match="isi: there is no neuron 0; neurons: 2"):
        one.isi(neuron=0)
    run["spike_count"] = count_spikes(run)
    assert run.drop_dims("spike").drop_vars("row_size").sel(neuron=2).bss2.rates().get_lines()[0].get_xdata() == [2]


def test_sel__keeps_provenance_and_says_whose_spikes_are_left(run):
    assert run.bss2.sel(batch=11).attrs == run.attrs
    assert run.bss2.sel(neuron=slice(None)).attrs == run.attrs
    two = run.bss2.sel(neuron=[3, 1])
    assert two.attrs == {**run.attrs, "selected_neuron": "[3, 1]"}
    np.testing.assert_array_equal(count_spikes(two).neuron, [3, 1])
    np.testing.assert_array_equal(count_spikes(two, NEURON).sum(["batch", "gain"]), [0, 3, 0, 1])
    assert two.bss2.sel(neuron=[1, 3]).attrs["selected_neuron"] == "[1, 3]"
    np.testing.assert_array_equal(intervals(two), intervals(run)[intervals(run).interval_neuron == 1])


def test_sel__keeps_scalar_labels_unless_they_are_dropped(run):
    assert run.bss2.sel(batch=11).batch == 11
    assert (
        "batch" not in run.bss2.sel(batch=11, drop=True).coords
        and "batch" not in run.bss2.isel(batch=1, drop=True).coords
    )


def test_sel__of_spikes_alone(run):
    spikes = run.drop_dims(["neuron", "time"])
    found = spikes.bss2.sel(neuron=[3, 1])
    np.testing.assert_array_equal(found.spike_neuron, [1, 3, 1, 1])
    np.testing.assert_array_equal(count_spikes(found.bss2.sel(neuron=3)).squeeze("neuron"), [[0, 0], [0, 0], [1, 0]])
    with pytest.raises(b2.InputError, match=r"sel: not all values found in index 'neuron'.*; there are neuron: 3, 1$"):
        found.bss2.sel(neuron=0)
    untold = spikes.drop_attrs().bss2.sel(neuron=[0])
    assert untold.attrs == {"n_neuron": 4, "selected_neuron": "[0]"}, "as many as spike"


def test_sel__of_recorded_neurons_takes_spikes_by_their_labels(run):
    found = run.isel(neuron=[1, 3]).bss2.isel(neuron=1)
    np.testing.assert_array_equal(found.spike_neuron, [3])
    unlabelled = run.drop_vars("neuron")
    np.testing.assert_array_equal(unlabelled.bss2.isel(neuron=3).spike_neuron, [3])
    with pytest.raises(
        b2.InputError, match="dim neuron has 2 entries and no numbers as labels, the spikes are of 4 neurons"
    ):
        unlabelled.isel(neuron=[1, 3]).bss2.isel(neuron=0)


def test_sel__of_other_names_of_neurons_loses_no_spikes(run):
    named = run.assign_coords(neuron=np.arange(NEURON) + 100)
    np.testing.assert_array_equal(named.bss2.sel(batch=11).spike_neuron, run.bss2.sel(batch=11).spike_neuron)
    with pytest.raises(
        b2.InputError, match="sel: 101 along dim neuron is no index in the population of 4 neurons, by which"
    ):
        named.bss2.sel(neuron=101)


def test_sel__is_the_input_of_the_next_layer(run):
    alone = b2.sparse_spikes(*zip(*TRIALS[3], strict=True), duration=5e-5)
    expected, found = (read_sparse(spikes, NEURON) for spikes in (alone, run.bss2.isel(batch=1, gain=1)))
    assert found.sizes == expected.sizes == {}
    for name in ("time", "source", "pointer"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    with pytest.raises(b2.InputError, match=r"row_size must .*sums to 3\. Select trials of a run with \.bss2\.sel\(\)"):
        read_sparse(run.isel(batch=1, gain=1), NEURON)
    with pytest.raises(b2.InputError, match=r"spike_batch and row_size disagree.*\.bss2\.sel\(\)"):
        read_sparse(run.isel(batch=[2, 1, 0]), NEURON)


def test_sel__follows_new_dims_and_several_levels(run):
    pairs = run.bss2.isel(batch=xr.DataArray([2, 0], dims="pair"), gain=xr.DataArray([1, 0], dims="pair"))
    assert pairs.row_size.dims == ("pair",)
    np.testing.assert_array_equal(pairs.spike_time, [3e-5, 4e-5, 5e-6, 9e-6])
    flat = run.stack(trial=("batch", "gain"))
    np.testing.assert_array_equal(flat.bss2.sel(gain=0.1).row_size, [2, 0, 1])
    np.testing.assert_array_equal(flat.bss2.sel(gain=0.1).spike_neuron, [0, 1, 3])


def test_sel__by_another_index_along_neuron(run):
    placed = run.assign_coords(quadrant=("neuron", [0, 0, 1, 1])).drop_indexes("neuron").set_xindex("quadrant")
    found = placed.bss2.sel(quadrant=1)
    assert found.attrs["selected_neuron"] == "[2, 3]" and found.spike_neuron.values.tolist() == [2, 3]


def test_isel__of_spikes_counts_the_rows_anew(run):
    late = run.bss2.isel(spike=run.spike_time > 4e-6)
    np.testing.assert_array_equal(late.row_size, [[2, 1], [0, 1], [0, 2]])
    np.testing.assert_array_equal(late.spike_time, run.spike_time[run.spike_time > 4e-6])
    one = run.bss2.isel(spike=run.spike_time > 4e-6, batch=1)
    np.testing.assert_array_equal(one.spike_time, [11e-6])
    for wrong in (0, [1, 0], [0, 0]):
        with pytest.raises(b2.InputError, match="isel: spikes stay in their order, each at most once"):
            run.bss2.isel(spike=wrong)


def test_sel__moves_labels_of_spikes(run):
    named = run.assign_coords(name=("spike", np.arange(run.sizes["spike"])))
    np.testing.assert_array_equal(named.bss2.sel(batch=[12, 11], gain=0.3).name, [7, 8, 3, 4, 5])


def test_sel__without_sparse_spikes_is_that_of_xarray(run):
    plain = dense(run)
    xr.testing.assert_identical(plain.bss2.sel(batch=11, time=slice(0, 2e-5)), plain.sel(batch=11, time=slice(0, 2e-5)))
    with pytest.raises(b2.UnknownKeywordError, match="isel: the data has no dim 'tme'; did you mean 'time'"):
        plain.bss2.isel(tme=0)


def test_sel__refuses(run):
    with pytest.raises(b2.UnknownKeywordError, match="sel: the data has no dim 'bach'; did you mean 'batch'"):
        run.bss2.sel(bach=11)
    with pytest.raises(b2.UnknownKeywordError, match="sel: the data has no dim 'methd'; did you mean 'method'"):
        run.bss2.sel(batch=11, methd="nearest")
    with pytest.raises(b2.UnknownKeywordError, match="isel: the data has no dim 'dropp'; did you mean 'drop'"):
        run.bss2.isel(batch=1, dropp=True)
    with pytest.raises(b2.InputError, match=r"^sel: batch has no labels, and 'a' is no position; .* batch: 0 \.\. 2$"):
        run.drop_vars("batch").bss2.sel(batch="a")
    with pytest.raises(b2.UnknownKeywordError, match="sel: batch 11 was selected already, it is no dim any more"):
        run.bss2.sel(batch=11).bss2.sel(batch=11)
    placed = run.assign_coords(quadrant=("neuron", [0, 0, 1, 1]))
    with pytest.raises(
        b2.UnknownKeywordError, match=r"'quadrant' labels dim 'neuron'.*; select isel\(neuron=run.quadrant == value\)"
    ):
        placed.bss2.sel(quadrant=1)
    np.testing.assert_array_equal(placed.bss2.isel(neuron=placed.quadrant == 1).spike_neuron, [2, 3])
    with pytest.raises(
        b2.InputError, match=r"sel: not all values found in index 'batch'.*; there are batch: 10, 11, 12$"
    ):
        run.bss2.sel(batch=13)
    with pytest.raises(b2.InputError, match=r"isel: index 3 is out of bounds .*; there are batch: 0 \.\. 2$"):
        run.bss2.isel(batch=3)
    with pytest.raises(
        b2.InputError, match=r"not on a grid, .* run\.membrane\.sel\(time=\.\.\.\), and spikes by a mask"
    ):
        run.bss2.sel(time=slice(0, 1e-5))
    with pytest.raises(
        b2.InputError, match=r"indexers must be a mapping, \{dim: label\}, or keywords, sel\(batch=3\); got \[1\]"
    ):
        run.bss2.sel([1])
    with pytest.raises(
        b2.InputError, match=r"isel: give a mapping or keywords, not both; got {'batch': 1} and {'gain': 0}"
    ):
        run.bss2.isel({"batch": 1}, gain=0)
    with pytest.raises(b2.InputError, match="sel: neuron must name each neuron once; got 1, 1"):
        run.bss2.sel(neuron=[1, 1])
    pointwise = xr.DataArray([0, 1], dims="gain")
    with pytest.raises(b2.InputError, match="isel: neuron selects along gain, which spikes cannot follow"):
        run.bss2.isel(neuron=pointwise)
    with pytest.raises(b2.InputError, match=r"sel: the spikes of neuron 0 are not there any more"):
        run.assign_attrs(selected_neuron="[1]").bss2.sel(neuron=0)
    with pytest.raises(b2.InputError, match=r"sel: spikes and row_size are of other trials: .*\.bss2\.sel\(\)"):
        run.sel(batch=[12, 11]).bss2.sel(gain=0.1)


def test_accessor__suggests_names(run):
    with pytest.raises(AttributeError, match=r"^the accessor bss2 has no 'rastr'; did you mean 'raster'\?$"):
        run.bss2.rastr()
    assert not hasattr(run.bss2, "_rastr")
