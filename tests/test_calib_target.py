"""Targets of a calibration: fields, shapes, ranges, round trips, and populations placed on circuits."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.errors import InputError, ParameterError, UnknownKeywordError

GOLDEN = Path(__file__).parent / "data" / "calib_targets.npz"
FIELDS = ["leak", "reset", "threshold", "tau_mem", "tau_syn", "i_synin_gm", "membrane_capacitance", "refractory_time",
          "holdoff_time", "synapse_dac_bias"]  # fmt: skip
PER_CIRCUIT = [name for name in FIELDS if name not in ("i_synin_gm", "synapse_dac_bias")]


def test_target__defaults_are_those_of_the_reference():
    """Source: CX:cc/neuron_calib_target.cpp:10-133."""
    target = NeuronCalibTarget()
    assert [getattr(target, name) for name in FIELDS] == [80, 70, 125, 10e-6, 10e-6, 500, 63, 2e-6, 0, 600]
    assert target.synin_mode == "matching"


# ---------------------------------------------------------------------------------------------------------------------
# populations


def golden_cases():
    with np.load(GOLDEN) as data:
        return [entry["case"] for entry in json.loads(str(data["index"]))]


@pytest.mark.parametrize("case", golden_cases())
def test_from_populations__gives_the_targets_of_the_reference(case):
    """Times there are in us, and went through float32."""
    with np.load(GOLDEN) as data:
        entry = next(e for e in json.loads(str(data["index"])) if e["case"] == case)
        stored = {key.split("/")[1]: data[key] for key in data.files if key.startswith(f"{case}/")}
    populations = []
    for k in range(len(entry["populations"])):
        prefix = f"pop{k}_"
        given = {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}
        circuits = given.pop("anchor_neuron")[:, np.newaxis] + np.arange(entry["circuits_per_neuron"])
        populations.append((given, circuits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some ask for holdoffs longer than the refractory time
        target = NeuronCalibTarget.from_populations(populations)
    assert target.synin_mode == "calibrated"
    dataset = target.to_dataset()
    for name in FIELDS:
        expected = stored[f"target_{name}"]
        if name in ("tau_mem", "tau_syn", "refractory_time", "holdoff_time"):
            expected = expected * 1e-6
        if name == "i_synin_gm":
            found = dataset["i_bias_gm_code"].values
            expected = expected[:, np.newaxis]
        elif name == "synapse_dac_bias":
            found = dataset["synapse_dac_bias_code"].values
        elif name == "membrane_capacitance":
            found = dataset["membrane_capacitance_code"].values
        else:
            found = dataset[name].values
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-6, atol=1e-15)
    again = NeuronCalibTarget.from_dataset
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert again(dataset) == target


def test_from_populations__takes_neurons_and_mappings():
    neurons = b2.IAFNeuron(2, threshold=np.array([100.0, 110.0]), tau_syn=(5e-6, np.array([6e-6, 7e-6])))
    target = NeuronCalibTarget.from_populations([(neurons, [7, 3]), ({"threshold": 90.0, "leak": 60.0}, [[0, 1]])])
    np.testing.assert_array_equal(target.threshold[[7, 3, 0, 1, 2]], [100, 110, 90, 90, 125])
    np.testing.assert_array_equal(target.tau_syn[:, [7, 3, 0]], [[5e-6, 5e-6, 10e-6], [6e-6, 7e-6, 10e-6]])
    np.testing.assert_array_equal(target.reset[[7, 0, 2]], [80, 80, 70])
    np.testing.assert_array_equal(target.refractory_time[[7, 0, 2]], [1e-6, 1e-6, 2e-6])
    np.testing.assert_array_equal(target.leak[[7, 0, 2]], [80, 60, 80])


def test_from_populations__keeps_dims_of_sweeps():
    threshold = xr.DataArray([[100.0, 101.0], [110.0, 111.0]], dims=("neuron", "sweep"), coords={"sweep": [1, 2]})
    target = NeuronCalibTarget.from_populations([(b2.IAFNeuron(2, threshold=threshold), [4, 5])])
    assert target.threshold.dims == ("sweep", "atomic_neuron")
    np.testing.assert_array_equal(target.threshold.sel(sweep=2)[[4, 5, 6]], [101, 111, 125])


@pytest.mark.parametrize(
    ("populations", "message"),
    [
        ([({}, [0, 1]), ({}, [1, 2])], "population 1 and population 0 both claim atomic_neuron 1"),
        ([({}, [3, 3])], "population 0 and population 0 both claim atomic_neuron 3"),
        ([({}, [0, 512])], "population 0: circuits must be 0 to 511; got 512"),
        ([({}, [-1])], "got -1"),
        ([({}, [0.5])], "dtype float64"),
        ([({}, [])], "at least one"),
        ([({"i_synin_gm": 400}, [0]), ({"i_synin_gm": 430}, [1])],
         "i_synin_gm is one of the whole chip: population 0 asks for 400, population 1 for 430"),
        ([({"i_synin_gm": (400, 430)}, [0]), ({"i_synin_gm": 430}, [1])], r"i_synin_gm.*\(400, 430\).*430"),
        ([({"synapse_dac_bias": 700}, [0]), ({}, [1])], "synapse_dac_bias.*700.*600"),
        ([({"threshold": np.ones(3)}, [0, 1])], r"population 0: threshold has shape \(3,\)"),
        ([({"treshold": 1.0}, [0, 1])], "population 0 has 'treshold'"),
        ([(b2.IAFNeuron(3, threshold=np.full(3, 100.0)), [0, 1])], "3 entries along neuron; circuits has 2"),
        ([1], "pairs"),
        (3, "pairs"),
    ],
)  # fmt: skip
def test_from_populations__refuses(populations, message):
    with pytest.raises(ParameterError, match=message):
        NeuronCalibTarget.from_populations(populations)


def test_from_populations__same_numbers_of_the_chip_agree():
    target = NeuronCalibTarget.from_populations([({"i_synin_gm": 430}, [0]), ({"i_synin_gm": (430, 430)}, [1])])
    assert target.i_synin_gm == 430


# ---------------------------------------------------------------------------------------------------------------------
# shapes and ranges


@pytest.mark.parametrize("name", PER_CIRCUIT)
def test_target__takes_numbers_circuits_and_dims_of_your_own(name):
    value = getattr(NeuronCalibTarget(), name)
    circuits = np.full(512, value)
    assert (getattr(NeuronCalibTarget(**{name: circuits}), name) == value).all()
    for dims in [("chip",), ("chip", "atomic_neuron"), ("atomic_neuron", "chip")]:
        array = xr.DataArray(np.full([{"chip": 3, "atomic_neuron": 512}[dim] for dim in dims], value), dims=dims)
        kept = getattr(NeuronCalibTarget(**{name: array}), name)
        assert kept.dims == tuple(sorted(dims, key=["chip", "atomic_neuron"].index))


@pytest.mark.parametrize("name", ["tau_syn", "i_synin_gm"])
@pytest.mark.parametrize("shape", [(), (2,), (512,), (2, 512)])
def test_target__takes_both_inputs(name, shape):
    value = getattr(NeuronCalibTarget(), name)
    mode = {"synin_mode": "uncalibrated"} if name == "i_synin_gm" else {}
    full = NeuronCalibTarget(**{name: np.full(shape, value)}, **mode).to_dataset()
    assert full["tau_syn"].dims == full["i_bias_gm_code"].dims == ("synaptic_input", "atomic_neuron")
    pair = NeuronCalibTarget(**{name: (value, np.full(512, value))}, **mode)
    assert pair.to_dataset().equals(full)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(threshold=np.ones(511)), r"threshold has shape \(511,\)"),
        (dict(tau_syn=np.ones((512, 2))), r"tau_syn has shape \(512, 2\)"),
        (dict(tau_syn=(1e-6, 2e-6, 3e-6)), r"tau_syn has shape \(3,\)"),
        (dict(synapse_dac_bias=[600, 600]), r"synapse_dac_bias has shape \(2,\)"),
        (dict(i_synin_gm=[500, 400]), r"i_synin_gm has shape \(2,\).*'matching'"),
        (dict(i_synin_gm=np.full(512, 500), synin_mode="calibrated"), r"shape \(512,\).*'calibrated'"),
        (dict(synin_mode="match"), "synin_mode must be one of.*did you mean 'matching'"),
        (dict(threshold=xr.DataArray(np.full(512, 125.0), dims="neuron")), "'neuron'.*from_populations"),
        (dict(threshold=xr.DataArray(np.full(3, 125.0), dims="atomic_neuron")), "3 entries along atomic_neuron"),
        (dict(threshold=xr.DataArray(np.full(512, 125.0), dims="atomic_neuron",
                                     coords={"atomic_neuron": np.arange(512) + 1})), "other labels along atomic_neuron"),
        (dict(threshold=xr.DataArray([100.0, 90.0], dims="a"), reset=xr.DataArray([1.0] * 3, dims="a") + 60), "do not fit"),
        (dict(threshold="125"), "threshold must be real numbers"),
        (dict(tau_mem=0.09e-6), "tau_mem must be 1e-07 to 0.002 s; got 9e-08 s"),
        (dict(tau_mem=2001e-6), "tau_mem must be 1e-07 to 0.002 s; got 0.002001 s"),
        (dict(tau_syn=0.09e-6), "tau_syn must be 1e-07 to 0.0001 s"),
        (dict(tau_syn=np.where(np.arange(512) == 9, 101e-6, 1e-5)), "tau_syn.*0.000101 s; atomic_neuron 9"),
        (dict(threshold=np.nan), "threshold must be 0 to 255 LSB; got nan LSB"),
        (dict(leak=256), "leak must be 0 to 255 LSB; got 256 LSB"),
        (dict(refractory_time=-1e-9), "refractory_time must be finite and at least 0 s; got -1e-09 s"),
        (dict(holdoff_time=np.inf), "holdoff_time must be finite"),
        (dict(membrane_capacitance=64), "membrane_capacitance must be a whole number, 0 to 63; got 64"),
        (dict(membrane_capacitance=62.5), "membrane_capacitance must be a whole number, 0 to 63; got 62.5"),
        (dict(i_synin_gm=1023), "i_synin_gm must be a whole number, 0 to 1022; got 1023"),
        (dict(synapse_dac_bias=-1), "synapse_dac_bias must be a whole number"),
    ],
)  # fmt: skip
def test_target__refuses(given, message):
    with pytest.raises(ParameterError, match=message):
        NeuronCalibTarget(**given)


@pytest.mark.parametrize("name", ["e_coba_reversal", "coba_synin", "tau_icc", "treshold"])
def test_target__refuses_what_is_not_emulated(name):
    with pytest.raises(UnknownKeywordError, match=name):
        NeuronCalibTarget(**{name: 1.0})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(leak=49), "leak = 49 LSB is out of the feasible range, 50 to 160 LSB;"),
        (dict(reset=161), "reset = 161 LSB"),
        (dict(threshold=np.where(np.isin(np.arange(512), [3, 500]), 221.0, 125.0)),
         "threshold = 221 LSB.*50 to 220 LSB; atomic_neuron 3, 500"),
        (dict(threshold=np.where(np.arange(512) < 12, 221.0, 125.0)), "atomic_neuron 0, 1, 2, 3, 4, 5, 6, 7 and 4 more"),
        (dict(tau_mem=0.4e-6), "tau_mem = 4e-07 s"),
        (dict(tau_mem=61e-6), "tau_mem = 6.1e-05 s"),
        (dict(tau_syn=0.2e-6), "tau_syn = 2e-07 s"),
        (dict(tau_syn=(31e-6, 10e-6)), "tau_syn = 3.1e-05 s"),
        (dict(i_synin_gm=29), "i_synin_gm = 29 is out"),
        (dict(i_synin_gm=801), "i_synin_gm = 801 is out"),
        (dict(refractory_time=39e-9), "refractory_time = 3.9e-08 s"),
        (dict(refractory_time=33e-6), "refractory_time = 3.3e-05 s"),
        (dict(refractory_time=10e-6, holdoff_time=4.1e-6), "holdoff_time = 4.1e-06 s"),
        (dict(refractory_time=np.where(np.arange(512) == 7, 1e-6, 2e-6), holdoff_time=1.5e-6),
         "holdoff_time exceeds refractory_time.*atomic_neuron 7;"),
        (dict(synapse_dac_bias=29), "synapse_dac_bias = 29"),
    ],
)  # fmt: skip
def test_target__warns_out_of_feasible_range(given, message):
    with pytest.warns(UserWarning, match=message) as caught:
        NeuronCalibTarget(**given)
    assert len(caught) == 1 and caught[0].filename == __file__


# ---------------------------------------------------------------------------------------------------------------------
# the object


def test_target__is_immutable():
    values = np.full(512, 100.0)
    target = NeuronCalibTarget(threshold=values)
    values[:] = 0
    assert (target.threshold == 100).all()
    with pytest.raises(AttributeError, match=r"immutable.*replace\(threshold"):
        target.threshold = 3.0
    with pytest.raises(AttributeError, match="immutable"):
        del target.threshold
    with pytest.raises(AttributeError, match="no field 'treshold'; did you mean 'threshold'"):
        _ = target.treshold
    with pytest.raises(ValueError, match="read-only"):
        target.threshold.values[0] = 3.0
    assert target.replace(threshold=90.0).threshold == 90.0
    assert "threshold" in dir(target) and "synin_mode='matching'" in repr(target)


def test_target__round_trips():
    target = NeuronCalibTarget(
        threshold=np.linspace(100, 150, 512), tau_syn=(5e-6, 10e-6), i_synin_gm=(400, 500), synin_mode="calibrated",
        reset=xr.DataArray([70.0, 80.0], dims="chip", coords={"chip": [3, 4]}),
    )  # fmt: skip
    again = NeuronCalibTarget.from_dataset(target.to_dataset())
    assert again == target
    assert again.tau_syn.dims == ("synaptic_input",) and again.reset.dims == ("chip",) and again.leak == 80
    assert pickle.loads(pickle.dumps(target)) == target
    assert target != NeuronCalibTarget() and target != 3


def test_from_dataset__refuses_what_is_no_target():
    dataset = NeuronCalibTarget().to_dataset()
    with pytest.raises(InputError, match="got dict"):
        NeuronCalibTarget.from_dataset({})
    with pytest.raises(InputError, match="lacks leak"):
        NeuronCalibTarget.from_dataset(dataset.drop_vars("leak"))
    with pytest.raises(InputError, match="lacks attribute synin_mode"):
        NeuronCalibTarget.from_dataset(dataset.drop_attrs())
    with pytest.raises(InputError, match="no variable 'lek'; did you mean 'leak'"):
        NeuronCalibTarget.from_dataset(dataset.assign(lek=dataset.leak))
    dac = dataset.synapse_dac_bias_code.copy(data=[600, 600, 600, 601])
    with pytest.raises(ParameterError, match="synapse_dac_bias is one number a chip"):
        NeuronCalibTarget.from_dataset(dataset.assign(synapse_dac_bias_code=dac))
    with pytest.raises(ParameterError, match="threshold must be 0 to 255"):
        NeuronCalibTarget.from_dataset(dataset.assign(threshold=dataset.threshold * 3))
    with pytest.raises(ParameterError, match="synin_mode"):
        NeuronCalibTarget.from_dataset(dataset.assign_attrs(synin_mode="none"))


# ---------------------------------------------------------------------------------------------------------------------
# labels, coordinates and dims of populations and targets


def test_from_populations__sorts_by_labels():
    tau_syn = xr.DataArray(
        [[5e-6, 6e-6], [15e-6, 16e-6]],
        dims=("synaptic_input", "neuron"),
        coords={"synaptic_input": ["inhibitory", "excitatory"], "neuron": [1, 0]},
    )
    target = NeuronCalibTarget.from_populations([({"tau_syn": tau_syn}, [0, 1])])
    np.testing.assert_array_equal(target.tau_syn.values[:, :2], [[16e-6, 15e-6], [6e-6, 5e-6]])


@pytest.mark.parametrize("coords", [{"synaptic_input": ["a", "b"]}, {"neuron": [4, 5]}])
def test_from_populations__refuses_other_labels(coords):
    tau_syn = xr.DataArray(np.full((2, 2), 5e-6), dims=("synaptic_input", "neuron"), coords=coords)
    with pytest.raises(ParameterError, match=r"population 0: tau_syn has other labels along .*drop_vars"):
        NeuronCalibTarget.from_populations([({"tau_syn": tau_syn}, [0, 1])])


def test_from_populations__takes_placed_neurons():
    placed = b2.hardware.place(b2.hardware.SingleCompartmentNeuron(2), 3)
    leak = [70.0, 75.0, 90.0]
    found = NeuronCalibTarget.from_populations([({"leak": leak}, placed)])
    expected = NeuronCalibTarget.from_populations([({"leak": leak}, [[0, 256], [1, 257], [2, 258]])])
    assert found == expected and found.leak.values[[0, 256, 258]].tolist() == [70, 70, 90]
    single = [part for neuron in placed for part in neuron.atomic_neurons]
    assert NeuronCalibTarget.from_populations([({"leak": 70}, single)]).leak.values[257] == 70
    assert NeuronCalibTarget.from_populations([({"leak": 70}, placed[1])]).leak.values[257] == 70
    nested = [neuron.atomic_neurons for neuron in placed]
    assert NeuronCalibTarget.from_populations([({"leak": leak}, nested)]) == expected


@pytest.mark.parametrize(
    ("populations", "message"),
    [
        ([({"leak": "x"}, [0])], "population 0: leak must be real numbers; got dtype <U1"),
        ([({"leak": xr.DataArray([70.0] * n, dims="chip")}, [n]) for n in (2, 3)], "population 1: leak has dims of other sizes"),
        ([({"i_synin_gm": 500}, [0]), ({"i_synin_gm": [500, [1, 2]]}, [1])], "population 1: i_synin_gm must be a number"),
        ([({}, [[0, 1], [2]])], "population 0: circuits must be integers"),
        ([({}, [])], "population 0: circuits must be integers"),
        ([({}, 3)], "population 0: circuits must be integers"),
    ],
)  # fmt: skip
def test_from_populations__refuses_what_does_not_fit(populations, message):
    with pytest.raises(ParameterError, match=message):
        NeuronCalibTarget.from_populations(populations)


@pytest.mark.parametrize("dim", ["row", "column", "quadrant", "leak", "success", "capmem_block", "time"])
def test_target__refuses_dims_named_like_variables(dim):
    with pytest.raises(ParameterError, match=f"leak has a dim '{dim}'"):
        NeuronCalibTarget(leak=xr.DataArray([80.0], dims=dim))


def test_target__refuses_dims_without_name_or_entry():
    with pytest.raises(ParameterError, match="leak has a dim 3; names of dims must be text"):
        NeuronCalibTarget(leak=xr.DataArray([80.0], dims=[3]))
    with pytest.raises(ParameterError, match="leak has no entry along chip; give at least one"):
        NeuronCalibTarget(leak=xr.DataArray(np.zeros(0), dims="chip"))


def test_from_dataset__refuses_fewer_circuits():
    with pytest.raises(ParameterError, match="leak has 100 entries along atomic_neuron; a chip has 512"):
        NeuronCalibTarget.from_dataset(NeuronCalibTarget().to_dataset().isel(atomic_neuron=slice(0, 100)))
