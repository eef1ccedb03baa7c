"""Targets, refractory settings, configurations of chips and placement under the names of calix, dlens and hxtorch."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import bss2sim as b2
import bss2sim.hxtorch as hxsnn
from bss2sim.calibration.refractory import refractory_times
from bss2sim.errors import ParameterError
from bss2sim.hxtorch import hal, halco, lola
from bss2sim.hxtorch.calix import spiking
from bss2sim.hxtorch.calix.spiking import SpikingCalibTarget, refractory_period
from bss2sim.hxtorch.calix.spiking.neuron import TIMES, NeuronCalibTarget
from bss2sim.hxtorch.calix.times import Microseconds
from bss2sim.hxtorch.morphology import SingleCompartmentNeuron
from bss2sim.hxtorch.neuron_placement import NeuronPlacement

DATA = Path(__file__).parent / "data"
with np.load(DATA / "calib_targets.npz") as file:
    TARGETS = dict(file)
CASES = json.loads(str(TARGETS["index"]))
with np.load(DATA / "refractory_clock.npz") as file:
    CLOCKS = dict(file)
GOOD = np.flatnonzero(CLOCKS["ok"] & CLOCKS["registers_in_range"])


@pytest.fixture(autouse=True)
def chip():
    found = b2.EmulatedChip(seed=7, variation=0.2)
    hxsnn.init_hardware(found)
    yield found
    hxsnn.release_hardware()


class Seconds:
    """A time with a unit, as of the package quantities."""

    def __init__(self, value):
        self.value = value

    def rescale(self, units):
        assert units == "s"
        return np.asarray(self.value) * 1e-6


# ---------------------------------------------------------------------------------------------------------------------
# targets


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["case"])
def test_targets__are_those_of_the_reference(entry):
    case, experiment = entry["case"], hxsnn.Experiment(mock=True)
    targets = SpikingCalibTarget(neuron_target=NeuronCalibTarget.DenseDefault)
    structure = SingleCompartmentNeuron(entry["circuits_per_neuron"], True)
    populations = []
    for number, size in enumerate(entry["populations"]):
        prefix = f"{case}/pop{number}_"
        given = {
            key.removeprefix(prefix): torch.as_tensor(value)
            for key, value in TARGETS.items()
            if key.startswith(prefix) and not key.endswith("anchor_neuron")
        }
        if given.get("tau_syn", torch.tensor(0)).dim() == 2:
            given["tau_syn"] = hxsnn.MixedHXModelParameter(1e-5, given["tau_syn"])
        neurons = hxsnn.IAFNeuron(size, experiment, **given)
        places = [structure.place(int(anchor)) for anchor in TARGETS[f"{prefix}anchor_neuron"]]
        assert neurons.calibration_from_params(targets, places) is targets
        populations.append((neurons, places))
    for key, wanted in TARGETS.items():
        name = key.removeprefix(f"{case}/target_")
        if key != name and not name.startswith("e_coba"):
            found = getattr(targets.neuron_target, name)
            np.testing.assert_allclose(np.asarray(found, float), wanted, rtol=1e-6, err_msg=name)
    neurons, places = populations[0]
    neurons.params_from_calibration(targets, places)
    for key, wanted in TARGETS.items():
        name = key.removeprefix(f"{case}/back_")
        if key != name:
            found = getattr(neurons, name).hardware_value.numpy()
            if name == "tau_syn":  # equal for both inputs, it is one time constant of model and chip
                found = np.broadcast_to(found, wanted.shape)
            np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=name)


def test_targets__become_those_of_the_package():
    target = NeuronCalibTarget(tau_mem=Seconds(6.0), tau_syn=np.array([5e-6, 7e-6]), refractory_time=3e-6)
    found = target.to_bss2sim()
    assert found == b2.NeuronCalibTarget(tau_mem=6e-6, tau_syn=(5e-6, 7e-6), refractory_time=3e-6)
    dense = NeuronCalibTarget.DenseDefault
    assert dense is not NeuronCalibTarget.DenseDefault and dense.tau_syn.shape == (2, 512)
    assert dense.to_bss2sim() == b2.NeuronCalibTarget(synin_mode="calibrated").replace(
        **{name: np.full(512, getattr(b2.NeuronCalibTarget(), name)) for name in ("leak", "reset", "threshold")},
        tau_syn=np.full((2, 512), 1e-5), i_synin_gm=(500, 500), membrane_capacitance=np.full(512, 63),
        **{name: np.full(512, getattr(b2.NeuronCalibTarget(), name)) for name in TIMES if name != "tau_syn"},
    )  # fmt: skip
    assert NeuronCalibTarget(i_synin_gm=np.full((2, 512), 400)).to_bss2sim().synin_mode == "uncalibrated"


def test_targets__keep_fractions_of_the_values_of_populations():
    neurons = hxsnn.IAFNeuron(1, hxsnn.Experiment(mock=True), threshold=99.75)
    dense = SpikingCalibTarget(neuron_target=NeuronCalibTarget.DenseDefault)
    neurons.calibration_from_params(dense, [SingleCompartmentNeuron(1).place(3)])
    assert dense.neuron_target.threshold[2:5].tolist() == [125, 99.75, 125]
    assert dense.neuron_target.reset.dtype.kind == "i"


@pytest.mark.parametrize(
    "make",
    [
        lambda: NeuronCalibTarget.DenseDefault,
        SpikingCalibTarget,
        refractory_period.Settings,
        lola.Chip,
        lola.NeuronBlock,
    ],
)
def test_fields__that_do_not_exist_cannot_be_set(make):
    with pytest.raises(AttributeError, match="object has no attribute 'thresold'"):
        make().thresold = 3


def test_times__know_their_unit():
    class Unit:
        symbol = "ns"

    times = np.array([1.0, 2.0]).view(Microseconds)
    assert times.units == "us" and type(times.magnitude) is np.ndarray
    assert times.rescale("s").tolist() == [1e-6, 2e-6] and times.rescale(Unit()).tolist() == [1e3, 2e3]
    with pytest.raises(ParameterError, match="units must be one of 's', 'ms', 'us', 'ns'; got 'min'"):
        times.rescale("min")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            {"e_coba_reversal": np.full((2, 512), 90.0)},
            "e_coba_reversal asks for conductance-based inputs, which the emulated",
        ),
        (
            {"e_coba_reference": np.full((2, 512), 90.0)},
            "e_coba_reference is of conductance-based inputs, which the emulated",
        ),
        ({"tau_mem": "slow"}, "tau_mem must be times in s, or with a unit; got 'slow'"),
        ({"i_synin_gm": np.array([1, 2, 3])}, r"i_synin_gm must be a number, two, or \(2, 512\) codes"),
    ],
)
def test_targets__refuse(target, message):
    with pytest.raises(ParameterError, match=message):
        NeuronCalibTarget(**target).to_bss2sim()


def test_targets__of_populations_refuse():
    experiment, structure = hxsnn.Experiment(mock=True), SingleCompartmentNeuron(1)
    neurons, places = hxsnn.IAFNeuron(2, experiment, i_synin_gm=600), [structure.place(0), structure.place(1)]
    dense = SpikingCalibTarget(neuron_target=NeuronCalibTarget.DenseDefault)
    with pytest.raises(ParameterError, match="targets must be a SpikingCalibTarget with a NeuronCalibTarget; got 3"):
        neurons.calibration_from_params(3, places)
    with pytest.raises(ParameterError, match="neurons must be 2 LogicalNeuronOnDLS, one for each neuron"):
        neurons.calibration_from_params(dense, places[:1])
    with pytest.raises(
        ParameterError, match=r"leak of the target must have the shape \(512,\), as NeuronCalibTarget\.Dense"
    ):
        neurons.calibration_from_params(SpikingCalibTarget(), places)
    neurons.calibration_from_params(dense, places)
    other = hxsnn.IAFNeuron(2, experiment, i_synin_gm=400)
    with pytest.raises(
        AttributeError, match=r"i_synin_gm is one for all neurons of a chip: the target has \[600, 600\], this"
    ):
        other.calibration_from_params(dense, places)
    dense.neuron_target.i_synin_gm = np.array([400, 600])
    swapped = hxsnn.IAFNeuron(2, experiment, i_synin_gm=(600, 400))
    with pytest.raises(
        AttributeError, match=r"the target has \[400, 600\], this population asks for \[600, 400\]; give"
    ):
        swapped.calibration_from_params(dense, places)
    dense.neuron_target.tau_syn[0, 1] = 3.0
    with pytest.raises(
        ParameterError, match="tau_syn of the targets differs between the synaptic inputs, and the model has one"
    ):
        neurons.params_from_calibration(dense, places)
    dense.neuron_target.i_synin_gm = np.array([None, None])
    dense.neuron_target.e_coba_reversal = np.zeros(2)
    with pytest.raises(ParameterError, match=r"e_coba_reversal of the target must have the shape \(2, 512\), or None"):
        other.calibration_from_params(dense, places)


def test_calibrate__is_that_of_the_package(chip):
    target = SpikingCalibTarget(neuron_target=NeuronCalibTarget(threshold=140, tau_mem=Seconds(20.0)))
    wanted = b2.calibrate(chip, b2.NeuronCalibTarget(threshold=140, tau_mem=20e-6))
    for found in (
        spiking.calibrate(chip, target),
        spiking.calibrate(None, target),
        spiking.calibrate(target.neuron_target),
    ):
        assert found.registers.equals(wanted.registers)
    assert spiking.calibrate().registers.equals(b2.calibrate(chip, b2.NeuronCalibTarget()).registers)
    with pytest.raises(
        ParameterError, match="options of calix say how it measures, which the emulated chip does not need"
    ):
        spiking.calibrate(None, target, options=3)
    with pytest.raises(
        ParameterError, match=r"connection must be an EmulatedChip, or None for that of init_hardware\(\); got 3"
    ):
        spiking.calibrate(3, target)
    with pytest.raises(ParameterError, match="target must be a SpikingCalibTarget or a NeuronCalibTarget; got 3"):
        spiking.calibrate(None, 3)


# ---------------------------------------------------------------------------------------------------------------------
# refractory settings


def test_settings__are_those_of_calix_with_holdoffs_on_both_clocks():
    trusted = mended = 0
    for index in GOOD[::3]:
        tau, holdoff = CLOCKS["tau_ref_us"][index], CLOCKS["holdoff_us"][index]
        if (holdoff > tau).any() or (holdoff < 0).any():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of times out of the feasible range
            settings = refractory_period.calculate_settings(tau / 1e6, holdoff / 1e6)
        for name in ("refractory_counters", "input_clock", "slow_clock", "fast_clock"):
            np.testing.assert_array_equal(getattr(settings, name), CLOCKS[name][index], err_msg=name)
        block = lola.NeuronBlock()
        settings.apply_to_chip(block)
        made = refractory_times(block.registers)
        assert made.success.all()
        scale = np.where(settings.input_clock == 1, settings.fast_clock, settings.slow_clock)
        period = refractory_period._clock_period(scale)
        assert (abs(made.holdoff_time.values - holdoff / 1e6) <= 2.1 * period).all()
        same = settings.reset_holdoff == CLOCKS["reset_holdoff"][index]
        assert same[settings.input_clock == 0].all()
        trusted, mended = trusted + same.all(), mended + (~same).any()
    assert trusted > 10 and mended > 1


def test_settings__names_of_the_clock():
    assert refractory_period._clock_base_frequency == 250e6
    assert refractory_period._clock_period(3) == pytest.approx(64e-9)
    assert refractory_period._clock_period(3, 500e6) == pytest.approx(32e-9)
    chip = lola.Chip()
    refractory_period.calculate_settings(Seconds(5.0), Seconds(4.0)).apply_to_chip(chip)
    period = chip.neuron_block.atomic_neurons[4].refractory_period
    assert (period.refractory_time, period.reset_holdoff, period.input_clock) == (20, 8, 0)
    assert chip.neuron_block.backends[1].clock_scale_slow == 5


def test_settings__refuse():
    with pytest.raises(ValueError, match="tau_ref must be one time, or one for each of the 512 circuits; got 3"):
        refractory_period.calculate_settings(np.full(3, 1e-6))
    with pytest.raises(
        ParameterError, match=r"holdoff_time must not exceed tau_ref, .*; circuit 0 has 2e-06 s of 1e-06 s"
    ):
        refractory_period.calculate_settings(1e-6, 2e-6)
    with pytest.raises(ParameterError, match="holdoff_time must be at least 0 s; got -1e-06 s"):
        refractory_period.calculate_settings(1e-6, -1e-6)
    with pytest.raises(ParameterError, match=r"chip must be a lola\.Chip; got 3"):
        refractory_period.calculate_settings(1e-6).apply_to_chip(3)
    settings = refractory_period.calculate_settings(1e-6)
    settings.fast_clock = 2.5
    with pytest.raises(ParameterError, match=r"fast_clock must be a whole number from 0 to 15; got 2\.5"):
        settings.apply_to_chip(lola.Chip())
    with pytest.raises(ParameterError, match="refractory_counters must be 512 whole numbers; got None"):
        refractory_period.Settings().apply_to_chip(lola.Chip())


# ---------------------------------------------------------------------------------------------------------------------
# configuration


def test_lola__is_the_registers():
    block = lola.NeuronBlock()
    circuit = block.atomic_neurons[halco.AtomicNeuronOnDLS(300)]
    circuit.inhibitory_input.i_bias_tau = hal.CapMemCell.Value(77)
    circuit.threshold.enable = np.bool_(True)
    circuit.membrane_capacitance.capacitance = hal.NeuronConfig.MembraneCapacitorSize(40)
    circuit.readout.source = hal.ReadoutSource.exc_synin
    block.backends[halco.CommonNeuronBackendConfigOnDLS(0)].clock_scale_fast = 4
    registers = block.registers
    assert registers.i_bias_tau_code.values[:, 300].tolist() == [0, 77] and registers.enable_threshold.values[300]
    assert registers.membrane_capacitance_code.values[300] == 40 and registers.readout_source_code.values[300] == 1
    assert int(registers.clock_scale_fast_code) == 4 == block.backends[1].clock_scale_fast
    block.atomic_neurons[5] = circuit
    assert repr(block.atomic_neurons[5].inhibitory_input) == repr(circuit.inhibitory_input)
    assert len(block.atomic_neurons) == 512 and len(block.backends) == 2
    assert "leak" in dir(circuit) and "i_bias" in dir(circuit.leak)
    copy = lola.Chip(registers)
    copy.neuron_block.atomic_neurons[300].threshold.enable = False
    assert circuit.threshold.enable


def test_lola__refuses():
    block = lola.NeuronBlock()
    circuit = block.atomic_neurons[0]
    with pytest.raises(AttributeError, match="leak has no field 'i_bais' on the emulated chip; did you mean 'i_bias'"):
        _ = circuit.leak.i_bais
    with pytest.raises(AttributeError, match="circuits of the emulated chip have no 'multicompartment'"):
        _ = circuit.multicompartment
    with pytest.raises(ParameterError, match=r"leak\.i_bias must be a whole number from 0 to 1022; got 1023"):
        circuit.leak.i_bias = 1023
    with pytest.raises(ParameterError, match=r"threshold\.enable must be True or False; got 1"):
        circuit.threshold.enable = 1
    with pytest.raises(ParameterError, match="leak must be that of another circuit, or set its fields; got 3"):
        circuit.leak = 3
    with pytest.raises(ParameterError, match="neuron_block must be a NeuronBlock; got 3"):
        lola.Chip().neuron_block = 3
    with pytest.raises(ParameterError, match="a circuit must be an AtomicNeuron; got 3"):
        block.atomic_neurons[0] = 3
    with pytest.raises(
        ParameterError, match=r"registers have a dim 'chip'; a NeuronBlock is of one chip, choose it with \.isel"
    ):
        block.registers = block.registers.expand_dims(chip=2).copy(deep=True)


def test_modules__configure_their_circuits():
    experiment, shape = hxsnn.Experiment(mock=True), SingleCompartmentNeuron(2)
    neurons = hxsnn.IAFNeuron(3, experiment, neuron_structure=shape, enable_madc_recording=True, record_neuron_id=1)
    leaky, readout = hxsnn.Neuron(1, experiment), hxsnn.ReadoutNeuron(1, experiment)
    neurons.mask = torch.tensor([1.0, 1.0, 0.0])
    instance = experiment.default_execution_instance
    for module in (neurons, leaky, readout, hxsnn.Synapse(1, 1, experiment)):
        module.register_hw_entity()
    places = instance.neuron_placement.id2logicalneuron(neurons.unit_ids)
    assert [[circuit.enum for circuit in place.atomic_neurons] for place in places] == [[0, 256], [1, 257], [2, 258]]
    block = lola.NeuronBlock()
    for circuit in range(6):
        block.atomic_neurons[circuit].leak.i_bias = 100
        block.atomic_neurons[circuit].threshold.enable = True
    for number, place in enumerate(places):
        assert neurons.configure_hw_entity(number, block, place) is block
    wanted = b2.hardware.configure(lola.NeuronBlock().registers, places, spike_mask=[True, True, False], madc_neuron=1)
    for name in ("enable_digital", "enable_amplifier", "analog_output_code", "enable_leak_division"):
        np.testing.assert_array_equal(block.registers[name], wanted[name], err_msg=name)
    assert [block.atomic_neurons[k].leak.i_bias for k in (0, 256, 3)] == [0, 0, 100]
    for module in (leaky, readout):
        module.configure_hw_entity(0, block, instance.neuron_placement.id2logicalneuron(int(module.unit_ids[0])))
    assert block.atomic_neurons[3].leak.i_bias == 100 and block.atomic_neurons[3].event_routing.enable_digital
    assert not block.atomic_neurons[4].threshold.enable and not block.atomic_neurons[4].event_routing.enable_digital
    assert isinstance(neurons.create_default_hw_entity(), lola.AtomicNeuron) and instance.has_madc_recording
    with pytest.raises(
        ParameterError, match=r"neuron_block must be a lola\.NeuronBlock, as Chip\(\)\.neuron_block; got 3"
    ):
        leaky.configure_hw_entity(0, 3, places[0])
    with pytest.raises(ParameterError, match=r"neuron_id must be the index of a neuron, 0 \.\. 0; got 1"):
        leaky.configure_hw_entity(1, block, places[0])
    with pytest.raises(ParameterError, match="neuron 0, 1, 2 has circuits already; a neuron is registered once"):
        neurons.register_hw_entity()


def test_morphology__configures_a_neuron():
    shape, block = SingleCompartmentNeuron(2), lola.NeuronBlock()
    place = shape.place(10)
    block.atomic_neurons[266].membrane_capacitance.capacitance = 20
    shape.implement_morphology(place, block)
    assert block.atomic_neurons[266].membrane_capacitance.capacitance == 0
    assert block.atomic_neurons[10].event_routing.analog_output == 1
    shape.set_spike_recording(True, place, block)
    shape.enable_madc_recording(place, block, hal.ReadoutSource.inh_synin)
    circuit = block.atomic_neurons[10]
    assert circuit.event_routing.enable_digital and circuit.readout.enable_amplifier and circuit.readout.source == 2
    shape.disable_spiking(place, block)
    assert not circuit.event_routing.enable_digital
    with pytest.raises(ParameterError, match=r"readout_source must be a hal\.ReadoutSource \(membrane, exc_synin"):
        shape.enable_madc_recording(place, block, 9)


def test_placement__of_numbered_neurons():
    placement, shape = NeuronPlacement(), SingleCompartmentNeuron(2, True)
    placement.register_id(7, shape.compartments, shape.place(0))
    placement.register_id([8, 9], SingleCompartmentNeuron(1).compartments)
    assert [placement.id2logicalneuron(k).anchor.enum for k in (7, 8, 9)] == [0, 2, 3]
    assert placement.has_id([7, 9]) and not placement.has_id([7, 10])
    with pytest.raises(ValueError, match=r"neuron 10 has no circuits yet; call register_hw_entity\(\) of its module"):
        placement.id2logicalneuron([7, 10])
    with pytest.raises(ValueError, match=r"circuit 0 of .* is used already"):
        placement.register_id(11, shape, shape.place(0))
    with pytest.raises(ValueError, match=": 0 of SingleCompartmentNeuron"):
        placement.register_id(12, SingleCompartmentNeuron(256, True), None) or placement.register_id(
            [13, 14], SingleCompartmentNeuron(256, True)
        )
    with pytest.raises(ParameterError, match="shape must be the compartments of a SingleCompartmentNeuron; got"):
        placement.register_id(15, {0: [0, 5]})


# ---------------------------------------------------------------------------------------------------------------------
# trained parameters that write to the chip, and places that runs keep


def network(kind=hxsnn.ReadoutNeuron, **parameters):
    """Two populations and what makes them run."""
    experiment = hxsnn.Experiment()
    synapses = hxsnn.Synapse(2, 3, experiment, transform=lambda weight: 40 * weight)
    synapses.weight.data[:] = 0.15
    neurons = kind(3, experiment, leak=hxsnn.MixedHXModelParameter(0.0, 80), **parameters)
    spikes = torch.zeros(60, 2, 2)
    spikes[::10] = 1.0

    def run():
        handle = neurons(synapses(hxsnn.NeuronHandle(spikes)))
        hxsnn.run(experiment, 60)
        return handle.membrane_cadc

    return experiment, neurons, run


def test_trained_parameters__write_to_the_chip_and_leave_the_calibration():
    calls = []

    def set_strength(value, chip, neurons):
        calls.append((float(value.detach()), [neuron.active.enum for neuron in neurons]))
        for neuron in neurons:
            config = chip.neuron_block.atomic_neurons[neuron.get_atomic_neurons()[0]]
            config.excitatory_input.i_bias_gm = hal.CapMemCell.Value(int(value.detach()))

    strength = hxsnn.HXParameter(500.0).make_trainable(set_strength)
    experiment, neurons, run = network(i_synin_gm=strength)
    assert strength.is_trainable() and neurons.has_trainable_params()
    first = run()
    calibration = experiment.default_execution_instance.calib
    neurons.i_synin_gm.hardware_value = 100.0
    second = run()
    assert experiment.default_execution_instance.calib is calibration, "the function writes it, nothing else changes"
    assert calls == [(500.0, [0, 1, 2]), (100.0, [0, 1, 2])]
    swing = [(trace.max(0).values - trace[0]).mean() for trace in (first.detach(), second.detach())]
    assert 0 < swing[1] < 0.5 * swing[0]
    with pytest.raises(ParameterError, match=r"neuron 0, 1, 2 has no circuits yet"):
        experiment.default_execution_instance.set_neuron_parameters_on_chip()
    neurons.register_hw_entity()
    chip = experiment.default_execution_instance.set_neuron_parameters_on_chip()
    codes = [chip.neuron_block.atomic_neurons[k].excitatory_input.i_bias_gm for k in range(4)]
    assert codes[:3] == [100, 100, 100] and codes[3] > 300


def test_trained_parameters__refuse():
    with pytest.raises(
        ParameterError, match="set_on_chip_func must be a function of value, chip and neurons, or None; got 3"
    ):
        hxsnn.HXParameter(1.0).make_trainable(3)
    with pytest.raises(
        ParameterError, match=r"there is no function that writes HXParameter\(.*\) to a chip; give one to make"
    ):
        hxsnn.HXParameter(1.0).set_on_chip(lola.Chip(), [])
    with pytest.raises(
        ParameterError, match=r"the chip is not calibrated yet; call calibrate\(\) or load_calib\(\) first"
    ):
        hxsnn.ExecutionInstance().set_neuron_parameters_on_chip()


def test_configure_hw_entity__of_a_class_of_the_user_acts_in_the_run():
    class Sharp(hxsnn.ReadoutNeuron):
        """Half of the synaptic strength."""

        def configure_hw_entity(self, neuron_id, neuron_block, coord):
            circuit = neuron_block.atomic_neurons[coord.get_atomic_neurons()[0]]
            circuit.excitatory_input.i_bias_gm = circuit.excitatory_input.i_bias_gm // 4
            return super().configure_hw_entity(neuron_id, neuron_block, coord)

    class Leakless(hxsnn.ReadoutNeuron):
        """Turns off what the run turns on."""

        def configure_hw_entity(self, neuron_id, neuron_block, coord):
            block = super().configure_hw_entity(neuron_id, neuron_block, coord)
            block.atomic_neurons[coord.get_atomic_neurons()[0]].event_routing.enable_digital = True
            return block

    traces = [network(kind=kind)[2]() for kind in (hxsnn.ReadoutNeuron, Sharp)]
    swing = [(trace.max(0).values - trace[0]).mean() for trace in traces]
    assert 0 < swing[1] < 0.6 * swing[0]
    with pytest.raises(
        ParameterError, match=r"configure_hw_entity of Leakless sets enable_digital to what it would not be in a"
    ):
        network(kind=Leakless)[2]()


def test_places__that_are_registered_are_those_of_the_run():
    experiment, neurons, run = network()
    instance = experiment.default_execution_instance
    instance.neuron_placement.register_id([100, 101], SingleCompartmentNeuron(1).compartments)  # not of this network
    neurons.register_hw_entity()
    assert [n.anchor.enum for n in instance.neuron_placement.id2logicalneuron(neurons.unit_ids)] == [2, 3, 4]
    trace = run()
    placed, _, other = network(placement_constraint=[2, 3, 4])
    assert torch.equal(trace, other()) and placed is not experiment
    _, _, elsewhere = network()
    assert not torch.equal(trace, elsewhere())


def test_instances__know_their_chips():
    from bss2sim.hxtorch.execution_instance import ExecutionInstances
    from bss2sim.hxtorch.utils import calib_helper

    one, other = hxsnn.ExecutionInstance(), hxsnn.ExecutionInstance()
    one.load_calib(calib_helper.nightly_calib_path("spiking2"))
    chips = ExecutionInstances([one, other]).chips
    assert list(chips) == [one.ID, other.ID] and chips[other.ID] is None and one.ID != other.ID
    assert chips[one.ID].neuron_block.registers.equals(one.calib.registers.drop_attrs(deep=False))
    assert abs(float(one.calib.achieved.tau_mem.median()) - 6e-6) < 0.2e-6
    assert not one.has_madc_recording
