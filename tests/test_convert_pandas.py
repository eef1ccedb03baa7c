"""Runs as frames of pandas and back."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from exchange_runs import SPARSE, assert_same, chip_run, model_run, sparse_runs
from hypothesis import given

import bss2sim as b2
from bss2sim.convert import from_pandas, to_pandas
from bss2sim.convert.description import KEY


@given(sparse_runs())
def test_spikes__come_back(run):
    frame = to_pandas(run)
    assert list(frame.columns) == [*run.row_size.dims, "neuron", "time"]
    assert_same(from_pandas(frame), run)


@given(sparse_runs())
def test_spikes__in_any_order_of_rows_and_columns(run):
    frame = to_pandas(run)
    mixed = frame.sample(frac=1.0, random_state=1)[frame.columns[::-1]]
    assert_same(from_pandas(mixed), run)


def test_spikes__are_those_of_the_run_one_by_one():
    run = model_run()
    frame = to_pandas(run)
    assert len(frame) == run.sizes["spike"] > 50
    for k in (0, 17, len(frame) - 1):
        batch, threshold = np.unravel_index(int(run.spike_batch[k]), run.row_size.shape)
        row = frame.iloc[k]
        assert row.batch == batch and row.threshold == run.threshold.values[threshold]
        assert row.neuron == run.spike_neuron[k] and row.time == run.spike_time[k]


@pytest.mark.parametrize("run", [model_run, chip_run])
def test_spikes__of_a_simulation_come_back_and_drive_another(run):
    back = from_pandas(to_pandas(run()))
    wanted = run()[SPARSE]
    xr.testing.assert_identical(back.drop_vars(set(back.coords) - set(wanted.coords)), wanted)
    next_one = b2.simulate(b2.LINeuron(1), back, synapse=b2.Synapse(np.ones((6, 1))))
    assert next_one.membrane.dims[:-2] == wanted.row_size.dims


@pytest.mark.parametrize(
    ("run", "name"),
    [(model_run, "membrane"), (model_run, "current"), (chip_run, "membrane"), (chip_run, "cadc_value"), (chip_run, "madc_time"),
     (chip_run, "weight_saturated")],
)  # fmt: skip
def test_variable__comes_back_whatever_the_order_of_rows(run, name):
    frame = to_pandas(run(), name)
    assert list(frame.columns) == [*run()[name].dims, name] and len(frame) == run()[name].size
    back = from_pandas(frame.sample(frac=1.0, random_state=1))
    xr.testing.assert_identical(back[name].variable, run()[name].variable)
    assert back.attrs == run().attrs
    own = {key: coord for key, coord in run().coords.items() if set(coord.dims) <= set(run()[name].dims)}
    assert set(back.coords) == set(own)
    for key, coord in own.items():
        xr.testing.assert_identical(back[key].variable, coord.variable)


@pytest.mark.parametrize("kind", ["count", "first", "dense"])
def test_variable__of_other_recordings(kind):
    run = b2.simulate(b2.IAFNeuron(2), np.full((30, 2, 2), 20.0), record=b2.Recording(kind))
    (name,) = run.data_vars
    xr.testing.assert_identical(from_pandas(to_pandas(run, name)), run)


def test_frame__without_attrs_takes_its_labels_from_the_columns():
    frame = pd.DataFrame({"dose": [0.5, 0.25], "time": [2e-6, 1e-6], "neuron": [3, 0], "batch": [2, 0]})
    spikes = from_pandas(frame, duration=1e-5, n_neuron=4)
    assert spikes.row_size.dims == ("dose", "batch") and spikes.row_size.shape == (2, 3)
    np.testing.assert_array_equal(spikes.dose, [0.25, 0.5])
    assert "batch" not in spikes.coords and spikes.attrs == {"duration": 1e-5, "n_neuron": 4}
    np.testing.assert_array_equal(spikes.row_size, [[1, 0, 0], [0, 0, 1]])
    wider = from_pandas(frame, labels={"dose": [0.5, 0.25, 0.125], "batch": range(4)})
    np.testing.assert_array_equal(wider.row_size, [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_frame__labels_of_the_caller_replace_those_of_the_run():
    run = b2.sparse_spikes([1e-6], [0], [1], n_batch=2, duration=1e-5)
    back = from_pandas(to_pandas(run), labels={"batch": [1, 0, 5]})
    np.testing.assert_array_equal(back.row_size, [1, 0, 0])
    assert back.attrs["duration"] == 1e-5


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int8", "UInt16"])
def test_frame__of_whole_numbers_of_any_kind(dtype):
    frame = FRAME.astype({"batch": dtype, "neuron": dtype})
    xr.testing.assert_identical(from_pandas(frame), from_pandas(FRAME))
    kept = to_pandas(from_pandas(FRAME))
    xr.testing.assert_identical(from_pandas(kept.astype({"batch": dtype})), from_pandas(FRAME))
    numbered = from_pandas(FRAME).assign_coords(neuron=("neuron", np.arange(5, dtype=dtype.lower())))
    assert len(to_pandas(numbered)) == 2


def test_frame__without_spikes():
    empty = from_pandas(pd.DataFrame({"neuron": [], "time": [], "batch": []}))
    assert empty.sizes == {"spike": 0, "batch": 0}


FRAME = pd.DataFrame({"batch": [0, 1], "neuron": [0, 1], "time": [1e-6, 2e-6]})


def kept(change):
    """Return a frame of a run with two labelled trials, changed."""
    run = b2.sparse_spikes([1e-6, 2e-6], [0, 1], [0, 1], duration=1e-5).assign_coords(batch=[3, 5])
    frame = to_pandas(run)
    attrs = dict(frame.attrs)
    frame = change(frame)
    frame.attrs = attrs
    return frame


def described(**changes):
    """Return a frame of spikes with a changed description."""
    frame = kept(lambda frame: frame)
    frame.attrs[KEY] = json.dumps({**json.loads(frame.attrs[KEY]), **changes})
    return frame


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (3, {}, "must be a pandas.DataFrame; got int"),
        (FRAME.drop(columns="time"), {}, "no column 'time', only 'batch', 'neuron'"),
        (FRAME.drop(columns="neuron"), {}, "no column 'neuron'"),
        (pd.concat([FRAME, FRAME], axis=1), {}, "more than one column 'batch'"),
        (FRAME.assign(time=[1e-6, np.nan]), {}, "'time' must be numbers, none missing"),
        (FRAME.assign(time=["a", "b"]), {}, "'time' must be numbers"),
        (FRAME.assign(time=[1e-6, np.inf]), {}, "finite and at least 0 s; spike 1 has inf s"),
        (FRAME.assign(time=[-1e-6, 0]), {}, "spike 0 has -1e-06 s"),
        (FRAME.assign(neuron=[0.5, 1]), {}, "'neuron' must be whole numbers"),
        (FRAME.assign(neuron=[0, -1]), {}, "neurons must be in 0 .. 2147483646; spike 1 has -1"),
        (FRAME.assign(neuron=[0, 2**40]), {"n_neuron": 2**41}, "neurons must be in 0 .. 2147483646; spike 1 has 1099511627776"),
        (FRAME.assign(dose=["a", 1]), {}, r"'dose' has labels without an order .*; give labels=\{'dose': \[...\]\}"),
        (FRAME.assign(batch=[0, 2**62]), {}, "have 4611686018427387905 trials; at most 4294967296"),
        (FRAME.rename(columns={"batch": "row_size"}), {}, "'row_size' cannot be a dim of trials"),
        (FRAME, {"labels": [1, 2]}, "labels must be a dict from dims to arrays; got list"),
        (FRAME, {"n_neuron": 1}, "neurons must be in 0 .. 0; spike 1 has 1"),
        (FRAME, {"duration": 1.5e-6}, "at most 1.5e-06 s, the end of the run; spike 1 has 2e-06 s"),
        (FRAME.assign(batch=[0, -1]), {}, "column 'batch' of row 1 is .*-1.*, which is no label"),
        (FRAME.assign(dose=[np.nan, 1]), {}, "'dose' has missing entries"),
        (FRAME.rename(columns={"batch": 7}), {}, "column 7 has no name"),
        (FRAME.rename(columns={"batch": "spike"}), {}, "'spike' cannot be a dim of trials"),
        (FRAME, {"labels": {"dose": [1]}}, "labels has 'dose'"),
        (FRAME, {"labels": {"batch": [1, 1]}}, "each label once"),
        (FRAME, {"labels": {"batch": [0, 2]}}, "column 'batch' of row 1 is .*1.*, which is no label"),
        (kept(lambda frame: frame.drop(columns="batch")), {}, "only one of the two has 'batch'.*attrs.clear"),
        (kept(lambda frame: frame.assign(dose=1)), {}, "only one of the two has 'dose'"),
        (kept(lambda frame: frame.assign(batch=[3, 4])), {}, "row 1 is .*4.*, which is no label"),
        (described(format=2), {}, "has format 2; this version reads 1"),
        (described(trials={"batch": 3}), {}, "cannot be read .*has 2 entries, its dim 3"),
        (described(trials={"batch": -1}, coords={}), {}, "cannot be read .*sizes"),
        (described(trials={"batch": 10**12}, coords={}), {}, "cannot be read .*sizes"),
        (described(attrs={"duration": "long"}), {}, "attribute 'duration' must be a number of seconds; got 'long'"),
        (described(attrs={"duration": {"dtype": "O", "data": [], "shape": [0]}}), {}, "cannot be read"),
        (described(n_neuron=1), {}, "neurons must be in 0 .. 0"),
        (described(n_neuron=-1), {}, "cannot be read .*n_neuron -1"),
    ],
)  # fmt: skip
def test_from_pandas__refuses(frame, options, message):
    with pytest.raises(b2.InputError, match=message):
        from_pandas(frame, **options)


def test_from_pandas__refuses_a_description_that_is_none():
    frame = FRAME.copy()
    frame.attrs[KEY] = "{"
    with pytest.raises(b2.InputError, match=r"cannot be read .*remove it"):
        from_pandas(frame)


def spoiled(change):
    frame = to_pandas(
        b2.simulate(b2.IAFNeuron(2), np.full((30, 2, 2), 20.0), record=b2.Recording("count")), "spike_count"
    )
    attrs = dict(frame.attrs)
    frame = change(frame)
    frame.attrs = attrs
    return frame


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[1:], "needs every entry once; that at {'batch': 0, 'neuron': 0} is there 0 times"),
        (lambda frame: pd.concat([frame, frame.iloc[:1]]), "is there 2 times"),
        (lambda frame: frame.drop(columns="neuron"), "only one of the two has neuron"),
        (lambda frame: frame.assign(other=1), "only one of the two has other"),
        (lambda frame: frame.assign(spike_count=0.5), "'spike_count' must have dtype int64; got float64"),
        (lambda frame: frame.assign(batch=7), "which is no label"),
    ],
)
def test_from_pandas__refuses_incomplete_variables(change, message):
    with pytest.raises(b2.InputError, match=message):
        from_pandas(spoiled(change))


def test_from_pandas__refuses_variables_that_do_not_exist():
    frame = spoiled(lambda frame: frame.rename(columns={"spike_count": "spoke_count"}))
    frame.attrs[KEY] = frame.attrs[KEY].replace("spike_count", "spoke_count")
    with pytest.raises(b2.InputError, match="spoke_count is no variable of this package"):
        from_pandas(frame)


@pytest.mark.parametrize("option", [{"labels": {"batch": [0, 1]}}, {"n_neuron": 2}, {"duration": 1.0}])
def test_from_pandas__options_of_spikes_do_not_go_with_variables(option):
    with pytest.raises(b2.InputError, match="are for spikes; this frame holds spike_count"):
        from_pandas(spoiled(lambda frame: frame), **option)


@pytest.mark.parametrize("option", [{"n_neuron": 0}, {"n_neuron": 1.5}, {"duration": -1.0}, {"duration": "a"}])
def test_from_pandas__refuses_options_out_of_range(option):
    with pytest.raises(b2.ParameterError, match=f"from_pandas: {next(iter(option))}"):
        from_pandas(FRAME, **option)


def test_to_pandas__refuses():
    run = b2.sparse_spikes([1e-6], [0], [0], n_batch=2)
    with pytest.raises(b2.InputError, match="must be a Dataset; got list"):
        to_pandas([])
    with pytest.raises(b2.InputError, match="no sparse spikes, only nothing; record"):
        to_pandas(xr.Dataset())
    with pytest.raises(b2.InputError, match="no variable 'membrain'; did you mean 'membrane'"):
        to_pandas(model_run(), "membrain")
    with pytest.raises(b2.InputError, match="spike_time is a part of the sparse spikes"):
        to_pandas(run, "spike_time")
    with pytest.raises(b2.InputError, match="'batch' has the label 4 more than once"):
        to_pandas(run.assign_coords(batch=[4, 4]))
    with pytest.raises(b2.InputError, match="dim 7 has no name"):
        to_pandas(run.rename(batch=7))
    with pytest.raises(b2.InputError, match="row_size must be whole numbers over trial dims"):
        to_pandas(run.rename(batch="neuron"))
    with pytest.raises(b2.InputError, match=r"chunked \(dask\); call .compute"):
        to_pandas(run.chunk())
    with pytest.raises(b2.InputError, match="coordinate 'batch' has dtype complex128"):
        to_pandas(run.assign_coords(batch=[1j, 2j]))
    with pytest.raises(b2.InputError, match=r"labels of dim neuron must be the numbers .*<U1.*drop_vars\('neuron'\)"):
        to_pandas(run.assign_coords(neuron=("neuron", ["a"])))
    with pytest.raises(b2.InputError, match="attribute 'made' is a dict"):
        to_pandas(run.assign_attrs(made={}))
    with pytest.raises(b2.UnknownKeywordError, match="did you mean 'variable'"):
        to_pandas(run, variables="membrane")


def test_pandas__missing_says_how_to_get_it(monkeypatch):
    run = b2.sparse_spikes([1e-6], [0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    for call in (lambda: to_pandas(run), lambda: from_pandas(FRAME)):
        with pytest.raises(b2.MissingDependencyError, match=r"needs pandas, .* pip install pandas"):
            call()
