"""Arguments of populations that act on the chip: what they take, keep and refuse, and that the model does not see them."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import xarray as xr
from comparison import assert_identical

import bss2sim as b2
from bss2sim.chip_arguments import DEFAULTS

KINDS = [b2.IAFNeuron, b2.LIFNeuron, b2.LINeuron]
CHANGED = {
    "i_synin_gm": 400,
    "membrane_capacitance": [10, 20, 30],
    "synapse_dac_bias": 800,
    "enable_spike_recording": False,
    "enable_cadc_recording": False,
    "enable_cadc_recording_placement_in_dram": True,
    "enable_madc_recording": True,
    "record_neuron_id": 2,
    "placement_constraint": [7, 3, 300],
    "trace_offset": [1.0, 2.0, 3.0],
    "trace_scale": {b2.AtomicNeuronOnDLS(k): 1.0 + k for k in (3, 7, 8, 300)},
    "cadc_time_shift": -2,
    "shift_cadc_to_first": True,
    "interpolation_mode": "nn",
    "neuron_structure": b2.SingleCompartmentNeuron(1),
}


def changed(kind, **others):
    """Return a population of 3 with every argument of the chip different from its default, where it has them."""
    names = inspect.signature(kind).parameters
    return kind(3, **{name: value for name, value in {**CHANGED, **others}.items() if name in names})


@pytest.mark.parametrize("kind", KINDS)
def test_defaults__are_those_of_the_reference(kind):
    signature = inspect.signature(kind).parameters
    chip = [name for name in signature if name in DEFAULTS]
    assert chip == [name for name in DEFAULTS if kind is not b2.LINeuron or name != "enable_spike_recording"]
    assert chip == list(signature)[-len(chip) :]
    neurons = kind(3)
    for name in chip:
        assert signature[name].default == DEFAULTS[name] and type(signature[name].default) is type(DEFAULTS[name])
        if name != "neuron_structure":
            assert getattr(neurons, name) == DEFAULTS[name]
    assert neurons.neuron_structure == b2.SingleCompartmentNeuron(1)
    assert not any(name in repr(neurons) for name in chip)
    assert set(chip) <= set(dir(neurons))


@pytest.mark.parametrize("kind", KINDS)
def test_arguments__come_back_as_given(kind):
    neurons = changed(kind)
    assert neurons.i_synin_gm == 400 and isinstance(neurons.i_synin_gm, int)
    np.testing.assert_array_equal(neurons.membrane_capacitance, [10, 20, 30])
    assert neurons.membrane_capacitance.dims == ("neuron",) and neurons.membrane_capacitance.dtype == np.int64
    assert neurons.placement_constraint == tuple(b2.LogicalNeuronOnDLS([k]) for k in (7, 3, 300))
    np.testing.assert_array_equal(neurons.trace_offset, [1, 2, 3])
    assert neurons.trace_scale == CHANGED["trace_scale"]
    names = [n for n in CHANGED if n not in ("membrane_capacitance", "placement_constraint", "trace_offset")]
    for name in names:
        if name != "enable_spike_recording" or kind.fires:
            assert getattr(neurons, name) == CHANGED[name]


@pytest.mark.parametrize("kind", KINDS)
def test_arguments__make_a_difference_and_survive_copies(kind):
    neurons = changed(kind)
    for other in (pickle.loads(pickle.dumps(neurons)), copy.deepcopy(neurons), copy.copy(neurons), neurons.replace()):
        assert other == neurons and repr(other) == repr(neurons)
    for name in CHANGED:
        if name == "neuron_structure" or (name == "enable_spike_recording" and not kind.fires):
            continue
        if name == "record_neuron_id":
            assert neurons != neurons.replace(record_neuron_id=1)
            continue
        back = neurons.replace(**{name: DEFAULTS[name]})
        assert back != neurons
        assert name + "=" in repr(neurons) and name + "=" not in repr(back)
    assert neurons != kind(3)


def test_repr__is_short_for_large_populations():
    neurons = b2.IAFNeuron(
        512, placement_constraint=range(512), trace_scale=dict.fromkeys([b2.AtomicNeuronOnDLS(0)], 1.0)
    )
    assert "placement_constraint=<512 neurons>, trace_scale=<1 entries>)" in repr(neurons)
    assert "i_synin_gm=(400, 500)" in repr(b2.LINeuron(1, i_synin_gm=(400, 500)))
    assert "neuron_structure=SingleCompartmentNeuron(2)" in repr(
        b2.LINeuron(1, neuron_structure=b2.SingleCompartmentNeuron(2))
    )


def test_arguments__cannot_be_changed():
    offset = np.array([1.0, 2.0, 3.0])
    scale = {b2.AtomicNeuronOnDLS(0): 1.0}
    neurons = b2.IAFNeuron(3, trace_offset=offset, trace_scale=scale, membrane_capacitance=[1, 2, 3])
    offset[:] = 9.0
    scale[b2.AtomicNeuronOnDLS(0)] = 9.0
    neurons.trace_scale[b2.AtomicNeuronOnDLS(0)] = 9.0  # of the copy that came out
    np.testing.assert_array_equal(neurons.trace_offset, [1, 2, 3])
    assert neurons.trace_scale == {b2.AtomicNeuronOnDLS(0): 1.0}
    for value in (neurons.trace_offset, neurons.membrane_capacitance):
        with pytest.raises(ValueError, match="read-only"):
            value[0] = 7
    with pytest.raises(AttributeError, match="immutable"):
        neurons.enable_madc_recording = True


@pytest.mark.parametrize("kind", KINDS)
def test_model__does_not_see_them(kind):
    jumps = np.random.default_rng(0).normal(60, 200, (30, 2, 3))
    record = b2.Recording("sparse" if kind.fires else None, membrane=True)
    plain, other = (b2.simulate(neurons, jumps, record=record, dt=1e-6) for neurons in (kind(3), changed(kind)))
    assert_identical(plain, other)
    swept = kind(3, membrane_capacitance=xr.DataArray([10, 20], dims="capacitance"))
    assert_identical(plain, b2.simulate(swept, jumps, record=record, dt=1e-6))


def test_codes__take_pairs_and_sweeps():
    gm = xr.DataArray([300, 400], dims="gm", coords={"gm": [3, 4]})
    assert b2.IAFNeuron(2, i_synin_gm=(300, 400)).i_synin_gm == (300, 400)
    assert b2.IAFNeuron(2, i_synin_gm=xr.DataArray([300, 400], dims="synaptic_input")).i_synin_gm == (300, 400)
    assert b2.IAFNeuron(2, i_synin_gm=300.0).i_synin_gm == 300  # a whole number
    neurons = b2.IAFNeuron(
        2, i_synin_gm=(gm, 500), synapse_dac_bias=gm, membrane_capacitance=xr.DataArray([1, 2], dims="c")
    )
    target = b2.NeuronCalibTarget.from_populations([neurons])
    np.testing.assert_array_equal(target.i_synin_gm.transpose("gm", "synaptic_input"), [[300, 500], [400, 500]])
    np.testing.assert_array_equal(target.synapse_dac_bias, [300, 400])
    assert target.membrane_capacitance.sizes["c"] == 2
    with pytest.raises(b2.ParameterError, match="dim 'gm' has 3 entries in threshold and 2 in i_synin_gm"):
        neurons.replace(threshold=xr.DataArray([1.0, 2.0, 3.0], dims="gm"))


GOOD_MADC = dict(enable_madc_recording=True, record_neuron_id=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(i_synin_gm=1023), "i_synin_gm must be a whole number, 0 to 1022; got 1023"),
        (dict(i_synin_gm=-1), "i_synin_gm must be a whole number, 0 to 1022; got -1"),
        (dict(i_synin_gm=0.5), "i_synin_gm must be a whole number, 0 to 1022; got 0.5"),
        (dict(i_synin_gm=np.nan), "i_synin_gm must be a whole number, 0 to 1022; got nan"),
        (dict(i_synin_gm=(500, 1023)), "i_synin_gm must be a whole number, 0 to 1022; got 1023"),
        (dict(i_synin_gm=(1, 2, 3)), r"i_synin_gm must be one value or a pair \(excitatory, inhibitory\); got 3"),
        (dict(i_synin_gm=[500, 500, 500]), r"i_synin_gm is one of the whole chip .*a tuple of two \(excitatory, inhibitory"),
        (dict(i_synin_gm=xr.DataArray([1, 2, 3], dims="synaptic_input")), "i_synin_gm must have two entries along synaptic"),
        (dict(i_synin_gm=xr.DataArray([1, 2000], dims="sweep")), "i_synin_gm must be .*; sweep 1 has 2000"),
        (dict(synapse_dac_bias=2000), "synapse_dac_bias must be a whole number, 0 to 1022; got 2000"),
        (dict(synapse_dac_bias=[1, 2, 3]), "synapse_dac_bias is one of the whole chip .*; give one number$"),
        (dict(membrane_capacitance=64), "membrane_capacitance must be a whole number, 0 to 63; got 64"),
        (dict(membrane_capacitance=[1, 64, 2]), "membrane_capacitance must be .*; neuron 1 has 64"),
        (dict(membrane_capacitance=[1, 2]), "membrane_capacitance has 2 entries along neuron; the population has 3"),
        (dict(membrane_capacitance="big"), "membrane_capacitance must be a whole number, 0 to 63; got 'big'"),
        (dict(membrane_capacitance=True), "membrane_capacitance must be a whole number, 0 to 63; got True"),
        (dict(enable_spike_recording=1), "enable_spike_recording must be True or False; got 1"),
        (dict(enable_cadc_recording="no"), "enable_cadc_recording must be True or False; got 'no'"),
        (dict(enable_cadc_recording_placement_in_dram=0), "enable_cadc_recording_placement_in_dram must be True or False"),
        (dict(enable_madc_recording=None), "enable_madc_recording must be True or False; got None"),
        (dict(enable_madc_recording=True), "enable_madc_recording needs to know which neuron; give record_neuron_id, 0 .. 2"),
        (dict(record_neuron_id=3), "record_neuron_id must be the index of a neuron of the population, 0 .. 2; got 3"),
        (dict(record_neuron_id=-1), "record_neuron_id must be the index of a neuron .*got -1"),
        (dict(record_neuron_id=True), "record_neuron_id must be the index of a neuron .*got True"),
        (dict(record_neuron_id=1.0), "record_neuron_id must be the index of a neuron .*got 1.0"),
        (dict(placement_constraint=[1, 2]), "placement_constraint has 2 entries for 3 neurons; give one entry for each neuron"),
        (dict(placement_constraint=[1, 2, 512]), "placement_constraint, neuron 2: AtomicNeuronOnDLS must be .*got 512"),
        (dict(placement_constraint=[1, 2, 1]), "placement_constraint, neuron 2: circuit 1 .*belongs to neuron 0"),
        (dict(placement_constraint=7), "placement_constraint must be a list of circuits or neurons; got 7"),
        (dict(placement_constraint=[b2.LogicalNeuronOnDLS([0, 1]), 2, 3]), "placement_constraint, neuron 0: .*not of the shape"),
        (dict(cadc_time_shift=1.5), "cadc_time_shift must be a whole number of rows; got 1.5"),
        (dict(cadc_time_shift=True), "cadc_time_shift must be a whole number of rows; got True"),
        (dict(shift_cadc_to_first=1), "shift_cadc_to_first must be True or False; got 1"),
        (dict(interpolation_mode="linea"), "interpolation_mode must be one of 'linear', 'nn'; got 'linea'; did you mean 'linear'"),
        (dict(neuron_structure=2), "neuron_structure must be a SingleCompartmentNeuron; got 2"),
    ],
)  # fmt: skip
def test_arguments__refuses(arguments, message):
    with pytest.raises(b2.ParameterError, match=message):
        b2.IAFNeuron(3, **arguments)


def test_arguments__numpy_flags_and_numbers_are_fine():
    neurons = b2.IAFNeuron(
        3,
        enable_madc_recording=np.True_,
        record_neuron_id=np.int64(1),
        cadc_time_shift=np.int8(-3),
        i_synin_gm=np.int64(7),
    )
    assert neurons.enable_madc_recording is True and neurons.record_neuron_id == 1
    assert neurons.cadc_time_shift == -3 and neurons.i_synin_gm == 7


def test_replace__of_the_size_checks_the_rest():
    neurons = b2.IAFNeuron(3, enable_madc_recording=True, record_neuron_id=2)
    with pytest.raises(b2.ParameterError, match=r"record_neuron_id must be .* 0 .. 1; got 2"):
        neurons.replace(size=2)


def test_population__larger_than_a_chip_is_fine_until_it_is_placed():
    neurons = b2.IAFNeuron(600)
    with pytest.raises(b2.ParameterError, match=r"600 neurons: 512 of SingleCompartmentNeuron\(1\) fit on the chip"):
        neurons.place()


@pytest.mark.parametrize("kind", KINDS)
def test_docstring__has_the_arguments_of_the_chip(kind):
    doc = inspect.getdoc(kind)
    assert "{" not in doc.replace('{"linear", "nn"}', "")
    assert ("enable_spike_recording" in doc) == kind.fires
    assert max(map(len, doc.splitlines())) <= 120
