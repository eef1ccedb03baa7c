"""Runs on a chip in which something else than usual matters: other circuits of a neuron, bounds, other chips, further dims."""

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2
from bss2sim.experiment.effects import EFFECTS

N, N_INPUT, N_TIME = 3, 6, 40
NEURONS = b2.IAFNeuron(N, refractory_time=2e-6, placement_constraint=[3, 300, 9])
OFF = dict.fromkeys(EFFECTS, 0.0)


@pytest.fixture(scope="module")
def chip():
    return b2.EmulatedChip(seed=7)


@pytest.fixture(scope="module")
def registers(chip):
    return b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([NEURONS])).registers


def run(neurons, spikes, weight, **options):
    return b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), dt=1e-6, **options)


def test_inputs__have_the_strength_of_their_circuit(chip):
    neurons = b2.IAFNeuron(N, neuron_structure=b2.SingleCompartmentNeuron(2))
    target = b2.NeuronCalibTarget.from_populations([neurons])
    registers = b2.calibration.uniform_registers(b2.calibrate(chip, target).registers)
    truth = chip.achieved(registers, quantities=["synaptic_strength", "capacitance"])
    spikes = np.zeros((90, 2, 200), bool)
    spikes[5, 0, 5] = spikes[5, 1, 150] = True
    ratios = []
    for sign, which in ((1, "excitatory"), (-1, "inhibitory")):
        found = run(neurons, spikes, np.full((200, N), 20.0 * sign), chip=chip, calibration=registers, effects=OFF)
        step = (found.cadc_value.isel(cadc_sample=-1) - found.cadc_value.isel(cadc_sample=0)).values
        strength = (truth.synaptic_strength.sel(synaptic_input=which) * truth.capacitance).values
        for k, neuron in enumerate(neurons.place()):
            one, other = (strength[circuit.enum] for circuit in neuron.atomic_neurons)
            ratios.append(other / one)
            assert step[1, k] / step[0, k] == pytest.approx(other / one, rel=2e-3)
    assert np.ptp(ratios) > 0.5


@pytest.mark.parametrize(("sign", "name"), [(1, "excitation_range"), (-1, "inhibition_range")])
def test_bounds__have_a_range_of_each_input(registers, sign, name):
    spikes = np.zeros((30, 1, N_INPUT), bool)
    spikes[2] = True
    neurons = b2.LINeuron(N, placement_constraint=[3, 300, 9])
    values = []
    for configuration in (b2.ChipConfiguration(), b2.ChipConfiguration(**{name: 250.0})):
        chip = b2.EmulatedChip(seed=7, configuration=configuration)
        effects = OFF | {"membrane_limits": 1}
        found = run(
            neurons, spikes, np.full((N_INPUT, N), 3.0 * sign), chip=chip, calibration=registers, effects=effects
        )
        values.append(found.cadc_value.values)
    assert np.abs(values[1] - values[0]).max() > 0.1


def test_free_run__is_longer_with_the_madc(chip, registers):
    registers = b2.calibration.uniform_registers(registers)
    silent = np.zeros((N_TIME, 1, N_INPUT), bool)
    weight = np.ones((N_INPUT, N))
    begins = []
    for neurons in (NEURONS, NEURONS.replace(enable_madc_recording=True, record_neuron_id=0)):
        found = run(
            neurons, silent, weight, chip=chip, calibration=registers, effects=OFF | {"drift": 0.1}, start="drifted"
        )
        begins.append(found.cadc_value.isel(cadc_sample=0, batch=0).values)
        last = found.cadc_value.isel(cadc_sample=-1, batch=0).values
    times = found.cadc_time.isel(batch=0)
    half = found.row.values
    slope = (last - begins[1]) / (times[half, -1] - times[half, 0]).values
    assert np.allclose(begins[1] - begins[0], slope * chip.configuration.madc_start_time, rtol=1e-3)
    assert np.abs(slope).min() > 0


def test_population__that_ran_on_one_chip_is_another_on_the_next(chip, registers):
    spikes = np.ones((N_TIME, 1, N_INPUT), bool)
    weight = np.full((N_INPUT, N), 5.0)
    other = b2.EmulatedChip(seed=8)
    run(NEURONS, spikes, weight, chip=chip, calibration=registers)
    found = run(NEURONS, spikes, weight, chip=other, calibration=registers)
    alone = run(NEURONS.replace(), spikes, weight, chip=other, calibration=registers)
    assert found.cadc_value.equals(alone.cadc_value)


def test_population__that_ran_once_is_written_anew_in_the_next_run(chip, registers):
    spikes = np.ones((N_TIME, 1, N_INPUT), bool)
    options = {"chip": chip, "calibration": registers, "effects": OFF | {"write_noise": 1.0}, "start": "drifted"}
    weight = np.full((N_INPUT, N), 5.0)
    first = run(NEURONS, spikes, weight, **options)
    found = run(NEURONS, spikes, weight, run=1, **options)
    alone = run(NEURONS.replace(), spikes, weight, run=1, **options)
    assert found.cadc_value.equals(alone.cadc_value)
    # codes of reset potentials, which nothing but their noise tells apart
    assert not np.isclose(found.cadc_value.values[0, 0], first.cadc_value.values[0, 0], atol=1e-3).any()
    assert found.attrs["start"] == "drifted" and found.attrs["run"] == 1


def test_registers__that_are_changed_in_place_are_new(chip, registers):
    spikes = np.ones((N_TIME, 1, N_INPUT), bool)
    weight = np.full((N_INPUT, N), 5.0)
    registers = registers.copy(deep=True)
    first = run(NEURONS, spikes, weight, chip=chip, calibration=registers)
    registers["reset_v_reset_code"].values[3] += 60
    found = run(NEURONS, spikes, weight, chip=chip, calibration=registers)
    alone = run(NEURONS.replace(), spikes, weight, chip=chip, calibration=registers)
    assert found.cadc_value.equals(alone.cadc_value) and not found.cadc_value.equals(first.cadc_value)


@pytest.mark.parametrize("dims", [("time", "batch", "stimulus", "input"), ("time", "stimulus", "batch", "input")])
def test_start_carried__goes_along_the_batch_in_any_order_of_dims(chip, registers, dims):
    spikes = np.random.default_rng(1).random((N_TIME, 3, 2, N_INPUT)) < 0.05
    spikes = xr.DataArray(spikes, dims=("time", "batch", "stimulus", "input")).transpose(*dims)
    weight = np.full((N_INPUT, N), 25.0)
    options = {"chip": chip, "calibration": registers, "start": "carried"}
    together = run(NEURONS, spikes, weight, **options)
    for stimulus in range(2):
        alone = run(NEURONS, spikes.isel(stimulus=stimulus), weight, **options)
        assert together.cadc_value.isel(stimulus=stimulus).equals(alone.cadc_value)


def test_grid__holds_the_last_sample_that_arrived(chip, registers):
    registers = b2.calibration.uniform_registers(registers)
    silent = np.zeros((N_TIME, 20, N_INPUT), bool)
    effects = OFF | {"drift": 0.1, "sample_jitter": 1.0}
    found = run(
        NEURONS, silent, np.ones((N_INPUT, N)), chip=chip, calibration=registers, effects=effects,
        record=b2.Recording("count", membrane=True),
    )  # fmt: skip
    last = found.membrane.isel(time=-1).values - found.cadc_value.isel(cadc_sample=-1).values
    held = np.abs(last) < 1e-5
    before_last_row = found.cadc_time.isel(cadc_sample=-1).values[:, found.row.values] < (N_TIME - 1) * 1e-6
    assert (held & before_last_row).sum() > 3  # and no line to a sample after the end
