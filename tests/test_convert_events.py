"""Spikes as arrays of events and back, and what tonic makes of them."""

import numpy as np
import pytest
import xarray as xr
from exchange_runs import SPARSE, assert_same, chip_run, sparse_runs
from hypothesis import given
from hypothesis import strategies as st

import bss2sim as b2
from bss2sim.convert import from_events, to_events
from bss2sim.convert.description import KEY

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])  # as tonic.io.events_struct
UNITS = [1e-6, 1e-9, 8e-9, 0.25e-6]


@pytest.mark.parametrize("unit", UNITS)
@given(data=st.data())
def test_events__come_back_to_the_bit(unit, data):
    run = data.draw(sparse_runs(unit))
    events = to_events(run, time_unit=unit)
    assert events.dims == run.row_size.dims
    assert_same(from_events(events), run)


@given(run=sparse_runs(1e-6), width=st.integers(1, 5), height=st.integers(1, 3))
def test_events__of_a_sensor_come_back(run, width, height):
    size = (width, height, 2 if width * height < 5 else 1)
    if np.prod(size) <= int(run.spike_neuron.max() if run.sizes["spike"] else 0):
        with pytest.raises(b2.ParameterError, match=r"sensor_size .* has \d+ places for \d neurons; make it larger"):
            to_events(run, sensor_size=size)
        return
    assert_same(from_events(to_events(run, sensor_size=size)), run)


def test_events__time_stamps_of_the_chip_are_exact():
    run = chip_run()
    back = from_events(to_events(run, time_unit=8e-9))
    for name in SPARSE:
        np.testing.assert_array_equal(back[name], run[name])
        assert back[name].dtype == run[name].dtype
    assert back.attrs.keys() == run.attrs.keys()


def test_events__are_those_of_each_trial():
    run = b2.sparse_spikes([4e-6, 2e-6, 3e-6], [0, 6, 1], [0, 0, 2], duration=1e-5).assign_coords(batch=[5, 6, 7])
    events = to_events(run, sensor_size=(2, 2, 2))
    first = events.sel(batch=5).item()
    assert first.dtype.names == ("x", "y", "t", "p")
    np.testing.assert_array_equal(first.tolist(), [(0, 1, 2, 1), (0, 0, 4, 0)])
    assert [len(array) for array in events.values] == [2, 0, 1]
    first["t"] = 0  # a transform may write into it
    assert events.sel(batch=7).item()["t"] == [3]
    one = to_events(b2.sparse_spikes([1e-6], [3]))
    assert one.dims == () and one.item().dtype.names == ("x", "t", "p")


def test_events__of_chosen_trials():
    run = b2.sparse_spikes([4e-6, 2e-6], [0, 1], [0, 2], n_batch=4, duration=1e-5).assign_coords(batch=[5, 6, 7, 8])
    back = from_events(to_events(run).isel(batch=[2, 3]))
    np.testing.assert_array_equal(back.row_size, [1, 0])
    np.testing.assert_array_equal(back.batch, [7, 8])
    alone = from_events(to_events(run).sel(batch=7))
    assert alone.row_size.dims == () and alone.spike_neuron.values.tolist() == [1]


def test_events__rounding_is_asked_for():
    run = b2.sparse_spikes([1.4e-6, 2.6e-6], [0, 0])
    message = r'2 spikes are no whole numbers of 1e-06 s; spike 0 is at 1.4e-06 s.*rounding="nearest"'
    with pytest.raises(b2.InputError, match=message):
        to_events(run)
    assert to_events(run, rounding="nearest").item()["t"].tolist() == [1, 3]
    assert from_events(to_events(run, time_unit=1e-7)).spike_time.values.tolist() == [1.4e-6, 2.6e-6]
    with pytest.raises(b2.InputError, match="too long to be exact in units of 1e-27 s"):
        to_events(run, time_unit=1e-27)


def test_from_events__lists_and_single_arrays():
    one = np.array([(1, 30, 1), (0, 10, 1)], [("x", int), ("t", int), ("p", int)])
    alone, listed = from_events(one, duration=1e-4), from_events([one, one[:0]], time_unit=1e-3)
    assert alone.row_size.dims == () and alone.attrs == {"duration": 1e-4}
    np.testing.assert_array_equal(alone.spike_time, [10 / 1e6, 30 / 1e6])
    np.testing.assert_array_equal(alone.spike_neuron, [0, 1])
    np.testing.assert_array_equal(listed.row_size, [2, 0])
    np.testing.assert_array_equal(listed.spike_time, [0.01, 0.03])
    assert from_events([]).sizes == {"spike": 0, "batch": 0}
    run = b2.simulate(b2.LINeuron(1), listed, synapse=b2.Synapse([[1.0], [1.0]]), duration=0.05, dt=1e-3)
    assert run.membrane.shape == (2, 50, 1)


def test_from_events__masked_arrays():
    events = np.ma.MaskedArray(events_of())
    assert from_events(events).sizes == {"spike": 2}
    events["t"][1] = np.ma.masked
    with pytest.raises(b2.InputError, match="array 0 has masked entries; fill them first"):
        from_events([events])


def test_from_events__sorts_by_time_and_neuron():
    rng = np.random.default_rng(0)
    events = np.zeros(200, [("x", int), ("t", int)])
    events["x"], events["t"] = rng.integers(0, 9, 200), rng.integers(0, 20, 200)
    spikes = from_events([events, events[::-1]])
    order = np.lexsort((events["x"], events["t"]))
    for trial in (0, 1):
        mine = spikes.spike_batch.values == trial
        np.testing.assert_array_equal(spikes.spike_neuron.values[mine], events["x"][order])
        np.testing.assert_array_equal(spikes.spike_time.values[mine], events["t"][order] / 1e6)


def test_from_events__says_how_many_neurons_there_are():
    one = np.array([(1, 30)], [("x", np.uint8), ("t", np.uint64)])
    assert from_events(one, n_neuron=5).attrs == {"n_neuron": 5}
    assert from_events(one, sensor_size=(3, 2, 2)).attrs == {"n_neuron": 12}
    assert from_events(to_events(from_events(one)), sensor_size=(3, 1, 1)).attrs == {}
    assert from_events(to_events(from_events(one), n_neuron=7)).attrs == {"n_neuron": 7}


@pytest.mark.parametrize("unit", [7e-11, 1e-6 * (1 + 1e-10)])
def test_from_events__units_that_are_nearly_a_fraction_are_taken_as_they_are(unit):
    one = np.array([(0, 10**6)], [("x", int), ("t", int)])
    assert from_events(one, time_unit=unit).spike_time.values[0] == 10**6 * unit


def test_from_events__of_a_camera():
    events = np.array([(2, 1, 5, True), (0, 0, 7, False)], EVENT)
    spikes = from_events(events, sensor_size=(3, 2, 2))
    np.testing.assert_array_equal(spikes.spike_neuron, [(1 * 2 + 1) * 3 + 2, 0])
    one = events[:1].copy()
    np.testing.assert_array_equal(from_events(one, sensor_size=(3, 2, 1)).spike_neuron, [5])


def events_of(**fields):
    fields = {"x": [0, 1], "t": [1, 2], "p": [1, 1], **fields}
    fields = {name: np.asarray(value) for name, value in fields.items() if value is not None}
    array = np.zeros(2, [(name, value.dtype, value.shape[1:]) for name, value in fields.items()])
    for name, value in fields.items():
        array[name] = value
    return array


@pytest.mark.parametrize(
    ("events", "options", "message"),
    [
        (3, {}, "structured array, a list of them, or what to_events made; got int"),
        (np.zeros(3), {}, "got ndarray of dtype float64"),
        ("abc", {}, "got str"),
        ([np.zeros(3)], {}, r"array 0 must be a structured array \(event,\); got shape \(3,\), dtype float64"),
        ([events_of(), events_of().reshape(1, 2)], {}, r"array 1 must be a structured array .* shape \(1, 2\)"),
        (events_of(x=None), {}, "lacks field 'x'; fields are"),
        (events_of(t=None), {}, "lacks field 't'"),
        (events_of(q=[1, 2]), {}, "has a field 'q', which spikes have no place for"),
        (events_of(t=[1.0, 2.0]), {}, "field 't' must be whole numbers; got dtype float64"),
        (events_of(x=[True, False]), {}, "field 'x' must be whole numbers; got dtype bool"),
        (events_of(x=[[0, 1], [2, 3]]), {}, "field 'x' must be whole numbers"),
        (events_of(t=[1, -2]), {}, "finite and at least 0 s; spike 1 has -2e-06 s"),
        (events_of(x=[0, -1]), {}, "neurons must be in 0 .. 2147483646; spike 1 has -1"),
        (events_of(), {"n_neuron": 1}, "neurons must be in 0 .. 0; spike 1 has 1"),
        (events_of(), {"duration": 1.5e-6}, "at most 1.5e-06 s"),
        (events_of(y=[0, 0]), {}, r"has a field 'y'; give sensor_size"),
        (events_of(p=[0, 1]), {}, "more than one polarity; give sensor_size"),
        (
            events_of(p=[0, 1]),
            {"sensor_size": (2, 1, 1)},
            r"more than one polarity, but sensor_size \(2, 1, 1\) has one",
        ),
        (events_of(), {"sensor_size": (1, 1, 2)}, "'x' must be in 0 .. 0 by sensor_size .*; event 1 has 1"),
        (events_of(y=[0, 3]), {"sensor_size": (2, 3, 2)}, "'y' must be in 0 .. 2 .* event 1 has 3"),
        (events_of(p=[0, 2]), {"sensor_size": (2, 1, 2)}, "'p' must be in 0 .. 1 .* event 1 has 2"),
        (xr.DataArray([1.0], dims="batch"), {}, "array 0 must be a structured array"),
        (events_of(x=[0, 2**40]), {"n_neuron": 2**41}, "neurons must be in 0 .. 2147483646; spike 1 has 1099511627776"),
        (events_of(t=[0, 2**53 + 1]), {}, r"'t' must be at most 2\*\*53, to be exact; event 1 has 9007199254740993"),
    ],
)
def test_from_events__refuses(events, options, message):
    with pytest.raises(b2.InputError, match=message):
        from_events(events, **options)


def test_from_events__refuses_a_description_that_is_none():
    events = to_events(b2.sparse_spikes([1e-6], [3]))
    events.attrs[KEY] = "[]"
    with pytest.raises(b2.InputError, match="from_events: the description 'bss2sim' cannot be read"):
        from_events(events)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_unit": 0}, "time_unit must be finite and above 0 s"),
        ({"rounding": "down"}, "rounding must be one of None, 'nearest'"),
        ({"sensor_size": 3}, r"sensor_size must be \(width, height, polarities\); got 3"),
        ({"sensor_size": (3, 1)}, r"sensor_size must be \(width, height, polarities\); got \(3, 1\)"),
        ({"sensor_size": (3, 1.5, 1)}, "each entry of sensor_size must be a whole number"),
        ({"sensor_size": (3, 1, 3)}, "sensor_size has 3 polarities; 1 or 2 exist"),
        ({"n_neuron": 0}, "n_neuron must be a whole number of at least 1"),
    ],
)
def test_options__out_of_range(options, message):
    run = b2.sparse_spikes([1e-6], [0])
    with pytest.raises(b2.ParameterError, match=f"to_events: {message}"):
        to_events(run, **options)
    if "rounding" not in options:
        with pytest.raises(b2.ParameterError, match=f"from_events: {message}"):
            from_events(to_events(run), **options)


def test_to_events__refuses():
    with pytest.raises(b2.InputError, match="to_events: the run has no sparse spikes, only spike_count"):
        to_events(xr.Dataset({"spike_count": ("neuron", [1])}))
    with pytest.raises(b2.InputError, match="the run has neuron 3, but n_neuron is 2"):
        to_events(b2.sparse_spikes([1e-6], [3]), n_neuron=2)
    with pytest.raises(b2.InputError, match="the run has neuron 3, but n_neuron is 2"):
        to_events(b2.sparse_spikes([1e-6], [3]).assign_attrs(n_neuron=2))
    with pytest.raises(b2.ParameterError, match=r"sensor_size \(2, 1, 1\) has 2 places for 4 neurons"):
        to_events(b2.sparse_spikes([1e-6], [1], n_neuron=4), sensor_size=(2, 1, 1))
    with pytest.raises(b2.UnknownKeywordError, match="did you mean 'rounding'"):
        to_events(b2.sparse_spikes([1e-6], [3]), round="nearest")


def test_tonic__transforms_take_the_events():
    functional = pytest.importorskip("tonic.functional")
    run = b2.sparse_spikes([2e-6, 4e-6, 2e-5], [0, 6, 7], duration=3e-5)
    events = to_events(run, sensor_size=(4, 1, 2)).item()
    frames = functional.to_frame_numpy(events.copy(), (4, 1, 2), time_window=10, start_time=0, end_time=30)
    assert frames.shape[1:] == (2, 1, 4)  # (time, polarity, height, width)
    count = np.bincount(run.spike_neuron, minlength=8)
    np.testing.assert_array_equal(frames.sum(axis=0).ravel(), count)
    later = functional.time_skew_numpy(events.copy(), coefficient=2.0, offset=1)
    skewed = from_events(later, sensor_size=(4, 1, 2))
    np.testing.assert_allclose(skewed.spike_time, 2 * run.spike_time + 1e-6, rtol=1e-12)
    row = to_events(run).item()
    frames = functional.to_frame_numpy(row, (8, 1, 1), event_count=3)
    np.testing.assert_array_equal(frames.ravel(), count)
    xr.testing.assert_identical(from_events(row).spike_neuron, run.spike_neuron)  # although tonic wrote into p
