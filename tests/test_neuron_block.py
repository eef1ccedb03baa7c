"""Configuration of neurons in the registers of the 512 circuits."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bss2sim.errors import ParameterError, UnknownKeywordError
from bss2sim.hardware.coordinates import AtomicNeuronOnDLS
from bss2sim.hardware.morphology import LogicalNeuronOnDLS, SingleCompartmentNeuron
from bss2sim.hardware.neuron_block import (
    configure,
    default_registers,
    disable_leak,
    disable_spiking,
    enable_madc_recording,
    enable_spiking,
    set_spike_mask,
)  # fmt: skip
from bss2sim.hardware.placement import place
from bss2sim.hardware.registers import REGISTERS, check_registers


def full_registers(chips=None):
    """Registers with every register away from its power-on value."""
    registers = default_registers(chips)
    for name, register in REGISTERS.items():
        registers[name][...] = True if register.switch else 1 if register.default != 1 else 2
    return registers


def changed(before, after):
    """Name -> circuits whose register changed."""
    found = {}
    for name in REGISTERS:
        different = before[name].values != after[name].values
        if different.any():
            found[name] = sorted({int(index) for index in np.nonzero(different)[-1]})
    return found


def test_default_registers__are_complete_and_labelled():
    registers = default_registers()
    assert set(registers.data_vars) == set(REGISTERS)
    check_registers(registers)
    assert set(registers.coords) == {"atomic_neuron", "row", "column", "quadrant", "synaptic_input", "capmem_block"}
    for name, register in REGISTERS.items():
        assert (registers[name].values == register.default).all()


def test_default_registers__chip_dims_lead():
    registers = default_registers({"chip": 3, "board": 2})
    assert registers["i_bias_tau_code"].sizes == {"chip": 3, "board": 2, "synaptic_input": 2, "atomic_neuron": 512}
    assert registers["clock_scale_fast_code"].sizes == {"chip": 3, "board": 2}
    check_registers(registers)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ({"atomic_neuron": 3}, "chip_dims has 'atomic_neuron'"),
        ({"time": 3}, "chip_dims has 'time'"),
        ({"chip": 0}, "'chip' has 0"),
        ({"chip": 2.0}, "'chip' has 2.0"),
        ({"chip": True}, "'chip' has True"),
        ({"threshold_offset": 2}, "chip_dims has 'threshold_offset'; give it names of your own"),
        ({"leak": 2}, "chip_dims has 'leak'"),
        ({"row": 2}, "chip_dims has 'row'"),
        ({3: 2}, "chip_dims has 3"),
        ("chip", r"chip_dims must be a dict of lengths, e.g. \{'chip': 2\}; got 'chip'"),
        ([3], "chip_dims must be a dict of lengths"),
        (0, "chip_dims must be a dict of lengths"),
    ],
)
def test_default_registers__refuses_dims(dims, message):
    with pytest.raises(ParameterError, match=message):
        default_registers(dims)


@pytest.mark.parametrize("chips", [None, {"chip": 2}])
def test_disable_leak__zeroes_the_bias_and_divides(chips):
    before = full_registers(chips)
    before["enable_leak_division"][...] = False
    after = disable_leak(before, [3, 500])
    assert changed(before, after) == {
        "leak_i_bias_code": [3, 500], "enable_leak_division": [3, 500], "enable_leak_multiplication": [3, 500],
    }  # fmt: skip
    assert (after["leak_i_bias_code"].isel(atomic_neuron=[3, 500]) == 0).all()
    assert after["enable_leak_division"].isel(atomic_neuron=[3, 500]).all()
    assert not after["enable_leak_multiplication"].isel(atomic_neuron=[3, 500]).any()


def test_disable_spiking__turns_comparator_and_events_off():
    before = full_registers()
    after = disable_spiking(before, [7])
    assert changed(before, after) == {"enable_threshold": [7], "enable_digital": [7]}
    assert changed(before, enable_spiking(after, [7])) == {}


def test_set_spike_mask__is_about_the_first_circuit():
    before = full_registers()
    after = set_spike_mask(before, [[4, 5], [6, 7]], [False, True])
    assert changed(before, after) == {"enable_digital": [4]}
    assert changed(before, set_spike_mask(before, [[4, 5], [6, 7]], False)) == {"enable_digital": [4, 6]}


@pytest.mark.parametrize(("source", "code"), [("membrane", 0), ("exc_synin", 1), ("inh_synin", 2), ("adaptation", 3)])
def test_enable_madc_recording__connects_one_circuit(source, code):
    after = enable_madc_recording(default_registers(), 9, source=source)
    for name in ("enable_amplifier", "enable_buffered_access"):
        assert np.flatnonzero(after[name].values).tolist() == [9]
    assert int(after["readout_source_code"][9]) == code


def test_configure__one_circuit_each():
    before = full_registers()
    after = configure(before, [[1], [2]], spike_mask=[True, False])
    assert changed(before, after) == {
        "leak_i_bias_code": [1, 2], "enable_leak_multiplication": [1, 2], "enable_digital": [2],
        "enable_amplifier": [1, 2], "enable_buffered_access": [1, 2],
    }  # fmt: skip
    assert (after["analog_output_code"].values[[1, 2]] == 1).all()


def test_configure__other_circuits_only_bring_their_inputs():
    before = full_registers()
    before["leak_i_bias_code"][...] = 300
    after = configure(before, [[10, 11, 12]], enable_leak=True)
    found = changed(before, after)
    assert found.pop("enable_amplifier") == [10, 11, 12]
    assert found.pop("enable_buffered_access") == [10, 11, 12]
    others = ("leak_i_bias_code", "enable_leak_multiplication", "membrane_capacitance_code", "enable_threshold",
              "enable_digital")  # fmt: skip
    assert found == {name: [11, 12] for name in others}
    assert after["enable_synaptic_input"].values.all()
    assert after["enable_leak_division"].values[[11, 12]].all()


def test_configure__madc_only_if_asked():
    registers = default_registers()
    assert not configure(registers, [[0], [1]])["enable_amplifier"].any()
    after = configure(registers, [[0], [1]], madc_neuron=1, madc_source="exc_synin")
    assert np.flatnonzero(after["enable_amplifier"].values).tolist() == [1]
    assert int(after["readout_source_code"][1]) == 1
    # the neuron recorded before is no longer connected
    assert np.flatnonzero(configure(after, [[0], [1]], madc_neuron=0)["enable_amplifier"].values).tolist() == [0]


def test_configure__no_neurons_change_nothing():
    registers = full_registers()
    assert changed(registers, configure(registers, [])) == {}


def test_configure__takes_coordinates():
    coordinates = [[SimpleNamespace(enum=3)], [SimpleNamespace(enum=4)]]
    xr.testing.assert_identical(configure(default_registers(), coordinates), configure(default_registers(), [[3], [4]]))


@pytest.mark.parametrize(
    "change",
    [
        lambda r: disable_leak(r, range(512)),
        lambda r: enable_spiking(r, [0]),
        lambda r: disable_spiking(r, [0]),
        lambda r: set_spike_mask(r, [[0], [1]], [False, True]),
        lambda r: enable_madc_recording(r, 0),
        lambda r: configure(r, [[0, 1], [2, 3]], spike_mask=False, madc_neuron=0),
    ],
)
def test_functions__leave_their_argument_alone(change):
    registers = default_registers()
    registers["leak_i_bias_code"][...] = 300
    registers["enable_threshold"][...] = True
    before = registers.copy(deep=True)
    after = change(registers)
    xr.testing.assert_identical(registers, before)
    assert not after.identical(before)
    for name in REGISTERS:
        assert after[name].attrs == before[name].attrs
        assert not np.shares_memory(after[name].values, registers[name].values)
    check_registers(after)


@pytest.mark.parametrize("circuit", [-1, 512, 1.0, "3", True, None])
@pytest.mark.parametrize(
    "call",
    [
        lambda r, c: disable_leak(r, [c]),
        lambda r, c: disable_spiking(r, [c]),
        lambda r, c: enable_madc_recording(r, c),
        lambda r, c: set_spike_mask(r, [[c]], True),
        lambda r, c: configure(r, [[0], [c]]),
    ],
)
def test_functions__refuse_circuits_that_do_not_exist(call, circuit):
    with pytest.raises(ParameterError, match=r"a circuit must be .*0 to 511; got"):
        call(default_registers(), circuit)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: configure(r, [[0, 1], [1]]), "circuit 1 is there twice"),
        (lambda r: configure(r, [[0, 0]]), "circuit 0 is there twice"),
        (lambda r: configure(r, [[0], []]), "neuron 1 of the placement has no circuit"),
        (lambda r: configure(r, [[0]], spike_mask=[True, False]), r"shape \(2,\); give True, False or 1 of them"),
        (
            lambda r: configure(r, [[0]], spike_mask=[1]),
            "spike_mask must be True or False for each neuron; got dtype int64",
        ),
        (lambda r: configure(r, [[0]], enable_leak=1), "enable_leak must be True or False; got 1"),
        (lambda r: configure(r, [[0]], madc_neuron=1), "madc_neuron must be 0 to 0; got 1"),
        (lambda r: configure(r, [[0]], madc_neuron="0"), "madc_neuron must be the index of a neuron or None; got '0'"),
        (lambda r: enable_madc_recording(r, 0, source="exc"), "source must be one of .* did you mean 'exc_synin'"),
        (lambda r: disable_leak(r.drop_vars("enable_pause"), [0]), "lack enable_pause"),
    ],
)
def test_functions__refuse_what_makes_no_sense(call, message):
    with pytest.raises(ParameterError, match=message):
        call(default_registers())


def test_functions__suggest_keywords():
    with pytest.raises(UnknownKeywordError, match="no argument 'spike_masks'; did you mean 'spike_mask'"):
        configure(default_registers(), [[0]], spike_masks=True)


def test_functions__refuse_codes_out_of_range():
    registers = default_registers()
    registers["leak_v_leak_code"][0] = 1023
    with pytest.raises(ParameterError, match="leak_v_leak_code must be 0 to 1022"):
        configure(registers, [[0]])


PLACED = place(SingleCompartmentNeuron(2), 2)  # circuits 0, 256 and 1, 257


def test_configure__takes_what_place_returns():
    before = full_registers()
    wanted = configure(before, [[0, 256], [1, 257]], spike_mask=[True, False], madc_neuron=1)
    same = [
        PLACED,
        tuple(PLACED),
        iter(PLACED),
        [PLACED[0], [1, 257]],
        [[AtomicNeuronOnDLS(0), 256], PLACED[1].atomic_neurons],
        np.array([[0, 256], [1, 257]]),
    ]
    for placement in same:
        xr.testing.assert_identical(configure(before, placement, spike_mask=[True, False], madc_neuron=1), wanted)
    xr.testing.assert_identical(configure(before, PLACED[0]), configure(before, [[0, 256]]))
    placed = place(SingleCompartmentNeuron(2), 2, placement_constraint=[5, 3])
    assert configure(default_registers(), placed)["analog_output_code"].values.nonzero()[0].tolist() == [3, 5]


def test_functions__take_placed_neurons_and_circuits():
    before = full_registers()
    for call in (disable_leak, disable_spiking):
        wanted = call(before, [0, 256, 1, 257])
        for circuits in (PLACED, [PLACED[0], 1, AtomicNeuronOnDLS(257)], np.array([0, 256, 1, 257])):
            xr.testing.assert_identical(call(before, circuits), wanted)
        xr.testing.assert_identical(call(before, PLACED[0]), call(before, [0, 256]))
        xr.testing.assert_identical(call(before, AtomicNeuronOnDLS(3)), call(before, [3]))
    silent = default_registers()
    # only the first circuit of a neuron spikes and is read
    xr.testing.assert_identical(enable_spiking(silent, PLACED), enable_spiking(silent, [0, 1]))
    for circuit in (AtomicNeuronOnDLS(1), PLACED[1], LogicalNeuronOnDLS([1])):
        xr.testing.assert_identical(enable_madc_recording(silent, circuit), enable_madc_recording(silent, 1))
    xr.testing.assert_identical(
        set_spike_mask(before, PLACED, [True, False]), set_spike_mask(before, [[0, 256], [1, 257]], [True, False])
    )


@pytest.mark.parametrize("call", [configure, lambda r, p: set_spike_mask(r, p, True)])
@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (None, "placement must be a list of neurons; got None; give what place"),
        (3, "placement must be a list of neurons; got 3; give what place"),
        (AtomicNeuronOnDLS(3), "placement must be a list of neurons"),
        ([3], "neuron 0 of the placement is 3; give what place.* or a list of circuits for each neuron"),
        ([None], "neuron 0 of the placement is None; give what place"),
        ([PLACED[0], AtomicNeuronOnDLS(3)], r"neuron 1 of the placement is AtomicNeuronOnDLS\(3\); give what place"),
        (np.array([0, 1]), "neuron 0 of the placement is .*0.*; give what place"),
        (np.array(3), "placement must be a list of neurons"),
        ([[None]], "a circuit must be a number 0 to 511; got None; give a number or an AtomicNeuronOnDLS"),
        ([PLACED[0], [256]], "circuit 256 is there twice"),
    ],
)
def test_functions__refuse_what_is_no_placement(call, placement, message):
    with pytest.raises(ParameterError, match=message):
        call(default_registers(), placement)


@pytest.mark.parametrize("call", [disable_leak, disable_spiking, enable_spiking])
@pytest.mark.parametrize(
    ("circuits", "message"),
    [
        (None, r"circuits must be a list of circuits or of placed neurons, e.g. \[3\] .*; got None"),
        (3, r"circuits must be a list of circuits .*; got 3"),
        ([None], "a circuit must be a number 0 to 511; got None"),
        ([[0, 1]], r"a circuit must be a number 0 to 511; got \[0, 1\]"),
        (np.array([[0, 1]]), "a circuit must be a number 0 to 511; got array"),
        ([PLACED[0], 0], "circuit 0 is there twice"),
    ],
)
def test_functions__refuse_what_are_no_circuits(call, circuits, message):
    with pytest.raises(ParameterError, match=message):
        call(default_registers(), circuits)


@pytest.mark.parametrize("call", [set_spike_mask, lambda r, p, m: configure(r, p, spike_mask=m)])
def test_functions__refuse_masks_that_are_none(call):
    registers = default_registers()
    with pytest.raises(ParameterError, match="spike_mask has masked entries; fill them first"):
        call(registers, [[0], [1]], np.ma.masked_array([True, False], mask=[False, True]))
    with pytest.raises(ParameterError, match="spike_mask must be True or False for each neuron; got list"):
        call(registers, [[0], [1]], [[True], [True, False]])
