"""Runs as blocks of Neo and back, and blocks that others made."""

import copy
import json
import pickle
import sys

import neo
import numpy as np
import pytest
import quantities as pq
import xarray as xr
from exchange_runs import SPARSE, assert_same, chip_run, model_run, sparse_runs
from hypothesis import given

import bss2sim as b2
from bss2sim.convert import from_neo, to_neo
from bss2sim.convert.description import KEY


@given(sparse_runs())
def test_spikes__come_back(run):
    assert_same(from_neo(to_neo(run)), run)


def test_spikes__of_a_dim_called_trial():
    run = (
        b2.sparse_spikes([2e-6, 1e-6], [0, 1], [0, 1], duration=1e-5).rename(batch="trial").assign_coords(trial=[1, 0])
    )
    block = to_neo(run)
    block.segments.append(block.segments.pop(0))
    xr.testing.assert_equal(from_neo(block), run)


def test_spikes__are_trains_of_neurons():
    run = model_run()
    block = to_neo(run[SPARSE].assign_attrs(run.attrs), n_neuron=7)
    assert len(block.segments) == run.row_size.size == 6
    for k, segment in enumerate(block.segments):
        batch, threshold = np.unravel_index(k, run.row_size.shape)
        assert segment.annotations == {"bss2sim_trial": k, "batch": batch, "threshold": run.threshold.values[threshold]}
        assert len(segment.spiketrains) == 7
        for neuron, train in enumerate(segment.spiketrains):
            mine = (run.spike_batch == k) & (run.spike_neuron == neuron)
            np.testing.assert_array_equal(train.times.rescale("s").magnitude, run.spike_time.values[mine.values])
            assert train.annotations["channel_id"] == neuron and train.units == pq.s
            assert (train.t_start, train.t_stop) == (0 * pq.s, run.attrs["duration"] * pq.s)


@pytest.mark.parametrize("run", [model_run, chip_run])
@pytest.mark.parametrize(
    "through", [lambda block: block, lambda block: pickle.loads(pickle.dumps(block)), copy.deepcopy]
)
def test_run__comes_back_with_all_its_variables(run, through):
    back = from_neo(through(to_neo(run())))
    assert set(back.data_vars) == set(run().data_vars)
    xr.testing.assert_identical(back[list(run().data_vars)], run())
    assert {name: back[name].dtype for name in back.variables} == {name: run()[name].dtype for name in run().variables}


@pytest.mark.parametrize(
    "record",
    [b2.Recording("count"), b2.Recording("first", membrane=True), b2.Recording(None, current=True, neuron=[1]),
     b2.Recording("sparse", membrane=True, sample_time=[0.5e-6, 1.7e-6, 20e-6])],
    ids=["count", "first", "one neuron", "sample times"],
)  # fmt: skip
def test_run__of_other_recordings_comes_back(record):
    run = b2.simulate(b2.IAFNeuron(2), np.full((30, 2, 2), 20.0), record=record)
    xr.testing.assert_identical(from_neo(to_neo(run)), run)


def test_run__continued_later_comes_back():
    inputs, record = np.full((30, 2, 2), 20.0), b2.Recording("sparse", membrane=True)
    _, state = b2.simulate(b2.IAFNeuron(2), inputs, return_state=True)
    run = b2.simulate(b2.IAFNeuron(2), inputs, state=state, record=record, dt=1e-6)
    block = to_neo(run)
    assert float(block.segments[0].spiketrains[0].t_start) == run.attrs["start_time"] > 29e-6
    xr.testing.assert_identical(from_neo(block), run)


def test_signals__have_names_units_and_times():
    run = chip_run()
    segment = to_neo(run).segments[2]
    (membrane,) = segment.analogsignals
    assert membrane.name == "membrane" and membrane.shape == (60, 4) and membrane.annotations["unit"] == "LSB"
    assert float(membrane.sampling_period.rescale("us")) == pytest.approx(1.0)
    np.testing.assert_array_equal(membrane.array_annotations["neuron"], range(4))
    np.testing.assert_array_equal(membrane.magnitude, run.membrane.isel(batch=2))
    top, bottom, madc = segment.irregularlysampledsignals
    assert [top.name, bottom.name, madc.name] == ["cadc_value", "cadc_value", "madc_value"]
    np.testing.assert_array_equal(bottom.array_annotations["neuron"], [2])
    np.testing.assert_array_equal(bottom.magnitude[:, 0], run.cadc_value.isel(batch=2, neuron=2))
    np.testing.assert_array_equal(bottom.times.rescale("s").magnitude, run.cadc_time.isel(batch=2, hemisphere=1))
    np.testing.assert_array_equal(madc.times.rescale("s").magnitude, run.madc_time.isel(batch=2))
    assert madc.annotations["neuron"] == 1 and madc.annotations["unit"] == "LSB"


def test_spikes__alone_of_a_block_with_more():
    run = model_run()
    back = from_neo(to_neo(run), only="spikes")
    assert list(back.data_vars) == SPARSE
    xr.testing.assert_equal(back, run[SPARSE].assign_coords(neuron=run.neuron))
    next_one = b2.simulate(b2.LINeuron(1), back, synapse=b2.Synapse(np.ones((6, 1))))
    assert next_one.membrane.sizes["threshold"] == 2


def train(times=(10.0, 30.0), **options):
    notes = options.pop("notes", {})
    return neo.SpikeTrain(list(times), **{"units": "us", "t_stop": 100.0, **options}, **notes)


def block_of(*trials, **more):
    block = neo.Block()
    for trains in trials:
        segment = neo.Segment()
        segment.spiketrains.extend(trains)
        block.segments.append(segment)
    for name, data in more.items():
        getattr(block.segments[0], name).append(data)
    return block


def test_foreign_block__units_ids_and_order():
    ms = neo.SpikeTrain([0.05, 0.02], units="ms", t_stop=0.1)
    block = block_of([train(), ms], [train([], notes={"channel_id": 4}), train([50.0], notes={"channel_id": 2})])
    spikes = from_neo(block)
    assert spikes.row_size.dims == ("batch",) and spikes.attrs == {"duration": 1e-4, "n_neuron": 5}
    np.testing.assert_array_equal(spikes.row_size, [4, 1])
    np.testing.assert_allclose(spikes.spike_time, [10e-6, 20e-6, 30e-6, 50e-6, 50e-6], rtol=1e-15)
    np.testing.assert_array_equal(spikes.spike_neuron, [0, 1, 0, 1, 2])
    assert b2.simulate(b2.LINeuron(1), spikes, synapse=b2.Synapse(np.ones((5, 1)))).membrane.shape == (2, 100, 1)


def test_foreign_block__later_start_and_given_duration():
    late = from_neo(block_of([train(t_start=5.0)]))
    assert late.attrs["start_time"] == pytest.approx(5e-6) and late.attrs["duration"] == pytest.approx(95e-6)
    assert from_neo(block_of([train()], [train(t_stop=200.0)]), duration=3e-4).attrs == {
        "duration": 3e-4,
        "n_neuron": 1,
    }


def test_trains__added_after_neo_split_the_array_are_not_lost():
    block = to_neo(b2.sparse_spikes([1e-6], [0], duration=1e-5))
    segment = block.segments[0]
    assert len(segment.spiketrains[0]) == 1  # splits it
    segment.spiketrains.append(neo.SpikeTrain([2e-6], units="s", t_stop=1e-5))
    np.testing.assert_array_equal(from_neo(block).spike_neuron, [0, 1])


def sampled(**options):
    return neo.AnalogSignal(np.zeros((3, 1)), **{"units": "mV", "sampling_rate": 1 * pq.kHz, **options})


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (neo.Segment(), "must be a neo.Block; got Segment"),
        (neo.Block(), "the block has no segments"),
        (block_of([]), "the block has no spike trains"),
        (block_of([train()], analogsignals=sampled(name="vm")), "segment 0 has a signal 'vm' that to_neo did not write"),
        (block_of([train()], events=neo.Event([1] * pq.s)), "segment 0 has events"),
        (block_of([train()], epochs=neo.Epoch([1] * pq.s, [1] * pq.s)), "segment 0 has epochs"),
        (block_of([train(waveforms=np.zeros((2, 1, 3)) * pq.mV)]), "spike train 0 has waveforms"),
        (block_of([train(array_annotations={"size": [1, 2]})]), "spike train 0 has array annotations"),
        (block_of([train(), train(notes={"channel_id": 0})]), "segment 0 has two spike trains with channel_id 0"),
        (block_of([train(notes={"channel_id": "a"})]), "train 0 must be a whole number in 0 .. 2147483646; got 'a'"),
        (block_of([train(notes={"channel_id": -1})]), "channel_id of spike train 0 must be a whole number .*; got -1"),
        (block_of([train(notes={"channel_id": 2**40})]), "channel_id of spike train 0 .*; got 1099511627776"),
        (block_of([train(notes={"channel_id": 2**70})]), "channel_id of spike train 0 must be a whole number .*; got 1180"),
        (block_of([neo.SpikeTrain([1.0], units="us", t_stop=np.inf)]), "t_stop inf s"),
        (block_of([train([-1.0], t_start=-5.0)]), r"begin at 0 s or later .* t_start is -5.*time_shift"),
        (block_of([train()], [train(t_stop=200.0)]), "2 different extents .* give duration="),
    ],
)  # fmt: skip
def test_from_neo__refuses(block, message):
    with pytest.raises(b2.InputError, match=message):
        from_neo(block)


def test_from_neo__groups_are_refused():
    block = block_of([train()])
    block.groups.append(neo.Group())
    with pytest.raises(b2.InputError, match="the block has groups"):
        from_neo(block)
    assert from_neo(block, only="spikes").sizes["spike"] == 2


@pytest.mark.parametrize(
    "more",
    [{"analogsignals": sampled(name="vm")}, {"events": neo.Event([1] * pq.s)}],
)
def test_from_neo__only_spikes_leaves_out_the_rest(more):
    assert from_neo(block_of([train()], **more), only="spikes").sizes["spike"] == 2
    assert from_neo(block_of([train(waveforms=np.zeros((2, 1, 3)) * pq.mV)]), only="spikes").sizes["spike"] == 2


def test_from_neo__arguments():
    with pytest.raises(b2.ParameterError, match="only must be one of None, 'spikes'"):
        from_neo(block_of([train()]), only="signals")
    with pytest.raises(b2.ParameterError, match="duration must be finite and above 0 s"):
        from_neo(block_of([train()]), duration=-1)
    with pytest.raises(b2.InputError, match="at most 1e-05 s, the end of the run"):
        from_neo(block_of([train()]), duration=1e-5)


def changed(run, change):
    block = to_neo(run)
    change(block)
    return block


def describe(block, **changes):
    block.annotations[KEY] = json.dumps({**json.loads(block.annotations[KEY]), **changes})


def replace(block, kind, k, **changes):
    """Put a changed signal in the place of one."""
    signals = getattr(block.segments[0], kind)
    signal = signals[k]
    neurons = dict(signal.array_annotations)
    options = {"units": signal.units, "name": signal.name, "array_annotations": neurons, **signal.annotations}
    values = changes.pop("values", signal.magnitude)
    if kind == "analogsignals":
        options |= {"sampling_period": signal.sampling_period, "t_start": signal.t_start, **changes}
        new = neo.AnalogSignal(values, **options)
    else:
        times = changes.pop("times", signal.times)
        new = neo.IrregularlySampledSignal(times, values, **{**options, **changes})
    signals[k] = new


BAD_MODEL = [
    (lambda b: b.segments.pop(), "made of 6 trials, .* it has 0, 1, 2, 3, 4"),
    (lambda b: b.segments[0].annotate(bss2sim_trial="a"), "made of 6 trials"),
    (lambda b: b.annotations.update({KEY: "x"}), "description 'bss2sim' cannot be read"),
    (lambda b: b.segments[0].analogsignals.pop(0), "membrane: segment 0 must have 1 such signals; got 0"),
    (lambda b: b.segments[0].analogsignals.pop(1), "current: segment 0 must have 2 such signals; got 1"),
    (lambda b: b.segments[0].analogsignals[1].annotate(synapticinput=1, synaptic_input="both"), "signal for each synaptic_input"),
    (lambda b: replace(b, "analogsignals", 0, units="mV"), "membrane must be dimensionless"),
    (lambda b: replace(b, "analogsignals", 0, sampling_period=2e-6 * pq.s), "segment 1 has other times than the first one"),
    (lambda b: replace(b, "analogsignals", 0, array_annotations={"neuron": [0, 1, 2, 3, 4, 9]}), "be of neurons 0, 1.*; got .*9"),
    (lambda b: replace(b, "analogsignals", 0, values=np.full((60, 6), 1j)), "membrane must be real numbers; got dtype complex"),
    (lambda b: describe(b, variables={}), "has a signal 'membrane' that to_neo did not write"),
    (lambda b: describe(b, attrs={}), "the run from 0.0 s to inf s"),
    (lambda b: describe(b, attrs={"duration": "long"}), "attribute 'duration' must be a number of seconds; got 'long'"),
    (lambda b: describe(b, attrs={"duration": 1.0}), r"goes from 0.0 s to 6.*e-05 s, the run from 0.0 s to 1.0 s. Remove"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BAD_MODEL)
def test_from_neo__refuses_what_does_not_fit_a_run(change, message):
    with pytest.raises(b2.InputError, match=message):
        from_neo(changed(model_run(), change))


def shorten_madc(block):
    two = neo.IrregularlySampledSignal([1, 2] * pq.s, [1, 2], units="dimensionless", name="madc_value")
    block.segments[1].irregularlysampledsignals[2] = two


BAD_CHIP = [
    (lambda b: b.segments[0].irregularlysampledsignals.pop(1), "a signal of hemisphere 0 and one of 1; it has 1"),
    (lambda b: b.segments[0].irregularlysampledsignals.pop(2), "madc_value: segment 0 must have one such signal; it has 0"),
    (lambda b: replace(b, "irregularlysampledsignals", 0, values=np.full((32, 3), 0.5)), "must be numbers of dtype int16"),
    (lambda b: replace(b, "irregularlysampledsignals", 0, values=np.full((32, 3), 1e6)), "must be numbers of dtype int16"),
    (lambda b: replace(b, "irregularlysampledsignals", 0, times=np.full(32, np.nan) * pq.s), "times must be finite and in order"),
    (shorten_madc, "segment 1 has another number of samples"),
    (lambda b: b.annotations.pop("weight_saturated"), "weight_saturated is missing"),
    (lambda b: b.annotations.update(weight_saturated=np.zeros(3)), "weight_saturated must have dims"),
    (lambda b: describe(b, coords={}), "lacks the rows of the neurons"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BAD_CHIP)
def test_from_neo__refuses_what_does_not_fit_a_chip(change, message):
    with pytest.raises(b2.InputError, match=message):
        from_neo(changed(chip_run(), change))


def test_to_neo__refuses():
    spikes = b2.sparse_spikes([1e-6], [0], duration=1e-5)
    with pytest.raises(b2.InputError, match="to_neo: run must be a Dataset"):
        to_neo(3)
    with pytest.raises(b2.InputError, match="no attribute duration"):
        to_neo(b2.sparse_spikes([1e-6], [0]))
    with pytest.raises(b2.ParameterError, match="n_neuron must be a whole number"):
        to_neo(spikes, n_neuron=0)
    with pytest.raises(b2.InputError, match="n_neuron is the number of spike trains"):
        to_neo(b2.simulate(b2.IAFNeuron(1), np.ones((5, 1)), record=b2.Recording("count")), n_neuron=2)
    dense = b2.simulate(b2.IAFNeuron(1), np.ones((5, 1)), record=b2.Recording("dense"))
    with pytest.raises(
        b2.InputError, match=r"no place for spikes .*Recording\(spikes=\"sparse\"\).*drop_vars\('spikes'\)"
    ):
        to_neo(dense)
    with pytest.raises(b2.InputError, match=r"membrane .* has no time coordinate"):
        to_neo(model_run().drop_vars("time"))
    with pytest.raises(b2.InputError, match="has cadc_time without the samples"):
        to_neo(chip_run().drop_vars("cadc_value"))
    with pytest.raises(b2.InputError, match="has madc_value without madc_time"):
        to_neo(chip_run().drop_vars("madc_time"))
    with pytest.raises(b2.InputError, match="needs the coordinate row"):
        to_neo(chip_run().drop_vars("row"))
    with pytest.raises(b2.InputError, match="chunked"):
        to_neo(spikes.chunk())
    with pytest.raises(b2.InputError, match=r"to_neo: the run has no trials, \{'batch': 0\}"):
        to_neo(b2.sparse_spikes([], [], [], duration=1e-5))
    for duration, message in (("x", "must be a number of seconds; got 'x'"), (np.inf, "must be finite; got inf s")):
        with pytest.raises(b2.InputError, match=f"to_neo: attribute 'duration' {message}"):
            to_neo(spikes.assign_attrs(duration=duration))
    for attrs in ({"duration": 5e-7}, {"start_time": 2e-6}):
        with pytest.raises(
            b2.InputError, match=r"to_neo: spike 0 is at 1e-06 s, outside of the run, .*; correct its attr"
        ):
            to_neo(spikes.assign_attrs(attrs))


def test_silent_neurons__have_trains_and_come_back():
    run = b2.sparse_spikes([1e-6], [1], n_neuron=4, duration=1e-5)
    assert [len(train) for train in to_neo(run).segments[0].spiketrains] == [0, 1, 0, 0]
    assert from_neo(to_neo(run, n_neuron=6)).attrs["n_neuron"] == 6
    assert b2.runs.rates(from_neo(block_of([train(), train([])]))).shape == (1, 2)


def test_neo__missing_names_the_extra(monkeypatch):
    spikes = b2.sparse_spikes([1e-6], [0], duration=1e-5)
    monkeypatch.setitem(sys.modules, "neo", None)
    for call in (lambda: to_neo(spikes), lambda: from_neo(None)):
        with pytest.raises(b2.MissingDependencyError, match=r"pip install \"bss2sim\[neo\]\""):
            call()


def rename(block, name, **changes):
    """Change how the description of a block names a variable."""
    held = json.loads(block.annotations[KEY])
    held["variables"][name].update(changes)
    describe(block, **held)


def without(block, name):
    held = json.loads(block.annotations[KEY])
    del held["variables"][name]
    describe(block, **held)


@pytest.mark.parametrize(
    ("run", "change", "message"),
    [
        (model_run, lambda b: rename(b, "membrane", dims=["batch", "threshold", "time", "cell"]), "do not fit together"),
        (model_run, lambda b: rename(b, "membrane", dims=["batch", "time", "neuron"]), "has no dim 'threshold', but differs"),
        (model_run, lambda b: rename(b, "membrane", dims=["batch", "threshold", "neuron"]), r"must have dims .*; got shape \(3, 2"),
        (model_run, lambda b: rename(b, "membrane", dtype="<i4"), "must be numbers of dtype int32"),
        (chip_run, lambda b: without(b, "cadc_time"), "the description 'bss2sim' of the block does not name cadc_time"),
    ],
)  # fmt: skip
def test_from_neo__refuses_descriptions_that_do_not_fit(run, change, message):
    with pytest.raises(b2.InputError, match=message):
        from_neo(changed(run(), change))


def test_from_neo__refuses_times_that_are_none():
    record = b2.Recording(None, membrane=True, sample_time=[1e-6, 2e-6])
    run = b2.simulate(b2.IAFNeuron(1), np.full((5, 1), 20.0), record=record)
    block = to_neo(run)
    replace(block, "irregularlysampledsignals", 0, times=[np.nan, 1.0] * pq.s)
    with pytest.raises(b2.InputError, match="membrane: times must be finite and increase"):
        from_neo(block)
