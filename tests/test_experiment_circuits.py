"""Parameters of placed neurons in experiments: against the twin, typical chips, drift, write noise, neurons of several circuits."""

import warnings

import naive_experiment_circuits as naive
import numpy as np
import pytest
import xarray as xr
from test_chip import random_registers, typical_registers

import bss2sim as b2
from bss2sim.calibration.measurement import fit_transfer
from bss2sim.calibration.uncalibrated import uniform_registers
from bss2sim.errors import ParameterError
from bss2sim.experiment.circuits import FLOATING_TAU_SYN, WRITE_STREAMS, circuit_parameters
from bss2sim.experiment.effects import effect_factors
from bss2sim.hardware import circuits as laws
from bss2sim.hardware import measure
from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.hardware.neuron_block import configure, disable_spiking
from bss2sim.hardware.registers import HIGHEST_CAPMEM_CODE, REGISTERS
from bss2sim.hardware.synapse_array import SYNAPSE_GAIN_STREAM

SINGLE = [np.array([circuit]) for circuit in range(512)]
JOINED = [np.array([300, 44, 301]), np.array([7]), np.array([511, 255])]
OFF, ON = effect_factors(0), effect_factors(1)
QUIET = effect_factors({"write_noise": 0})
CHIPS = xr.DataArray(np.array([7, 3, 2**62, 0]), dims="chip", coords={"chip": list("abcd")})
TARGET = b2.NeuronCalibTarget(threshold=125, reset=80)


def neurons(chip, registers, placement=SINGLE, *, leaks=True, fires=True, factors=ON, run=0):
    """Parameters of neurons that leak and fire, unless stated otherwise."""
    return circuit_parameters(chip, registers, placement, leaks=leaks, fires=fires, factors=factors, run=run)


@pytest.fixture(scope="module")
def calibrated():
    """Registers of four calibrated chips, configured for integrate-and-fire neurons."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "calibration failed for 5 of 2048 circuits")
        return configure(b2.calibrate(b2.EmulatedChip(CHIPS), TARGET).registers, SINGLE)


@pytest.mark.parametrize("placement", [SINGLE[200:203], JOINED])
@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_circuits__as_the_twin(seed, noise, placement):
    registers = random_registers(seed)
    found = neurons(
        b2.EmulatedChip(seed), registers, placement, factors=effect_factors({"write_noise": noise / 0.7}), run=5
    )
    for index, circuits in enumerate(placement):
        codes = {
            number: {
                name: array.values[..., number // 128 if "capmem_block" in array.dims else number].tolist()
                if array.ndim
                else array.item()
                for name, array in registers.data_vars.items()
            }
            for number in circuits.tolist()
        }
        wanted = naive.placed_neuron(seed, circuits.tolist(), codes, run=5, noise=noise)
        for name, value in wanted.items():
            value = np.asarray(value)
            if name == "circuit_strength":
                absent = found[name].values[:, value.shape[1] :, index]
                assert (absent == 0).all()
            value = (
                value
                if name != "circuit_strength"
                else np.pad(value, ((0, 0), (0, found.sizes["circuit"] - value.shape[1])))
            )
            np.testing.assert_allclose(found[name].values[..., index], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_circuits__a_typical_chip_is_that_of_the_configuration():
    c = ChipConfiguration(synaptic_strength=0.7, threshold_level=130, reset_level=75, leak_level=90)
    registers = typical_registers(enable_threshold=True, enable_digital=True)
    found = neurons(b2.EmulatedChip(3, variation=0, configuration=c), registers, factors=OFF)
    nominal = {
        "threshold": c.threshold_level, "reset": c.reset_level, "leak": c.leak_level, "tau_mem": 3e-3 / 305, "tau_syn": 10e-6,
        "strength": c.synaptic_strength, "circuit_strength": c.synaptic_strength, "drift": 0, "refractory_time": 2.048e-6,
        "holdoff_time": 64e-9,
    }  # fmt: skip
    for name, value in nominal.items():
        assert len(np.unique(found[name])) == 1, name
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


def test_circuits__a_calibrated_chip_without_variation_and_effects():
    chip = b2.EmulatedChip(3, variation=0)
    registers = configure(b2.calibrate(chip, b2.NeuronCalibTarget()).registers, SINGLE)
    found = neurons(chip, registers, factors=OFF, leaks=False)
    c = chip.configuration
    # to half a code of each CapMem cell; half a code of 60 of tau_syn is 0.8 %, of both tau_syn and the transconductance 1 %
    assert (abs(found.threshold - 125) <= c.threshold_slope / 2).all()
    assert (abs(found.reset - 70) <= c.reset_slope / 2).all()
    np.testing.assert_allclose(found.strength, c.synaptic_strength, rtol=0.01)
    np.testing.assert_allclose(found.tau_syn, 10e-6, rtol=0.01)
    assert (found.drift == 0).all() and np.isinf(found.tau_mem).all()
    assert found.enable_digital.all()


def test_drift__calibrated_and_not(calibrated):
    chip = b2.EmulatedChip(CHIPS)
    drift = neurons(chip, calibrated, leaks=False).drift.values * 1e-6  # [LSB/us]
    assert (drift.std(-1) > 0.01).all() and (drift.std(-1) < 0.05).all()
    assert abs(drift.mean()) < 5 * drift.std() / np.sqrt(drift.size)
    same = neurons(chip, uniform_registers(calibrated), leaks=False).drift.values * 1e-6
    assert (abs(same.std(-1) - 0.5) < 0.1).all()


def test_drift__is_scaled(calibrated):
    chip = b2.EmulatedChip(CHIPS)
    once, twice, off = (
        neurons(chip, calibrated, factors=effect_factors({"drift": factor})).drift.values for factor in (1, 2, 0)
    )
    assert np.array_equal(twice, 2 * once) and (off == 0).all()


@pytest.mark.parametrize("placement", [SINGLE[100:110], JOINED])
def test_circuits__do_not_depend_on_what_is_drawn_together(calibrated, placement):
    runs = xr.DataArray([4, 0, 9], dims="run")
    together = neurons(b2.EmulatedChip(CHIPS), calibrated, placement, run=runs)
    assert together.threshold.dims == ("chip", "run", "neuron")
    for order in ([0, 1, 2, 3], [3, 1], [2]):
        part = neurons(b2.EmulatedChip(CHIPS[order]), calibrated.isel(chip=order), placement, run=runs[::-1])
        assert part.equals(together.isel(chip=order, run=[2, 1, 0]))
    for index, seed in enumerate(CHIPS.values.tolist()):
        alone = neurons(b2.EmulatedChip(seed), calibrated.isel(chip=index, drop=True), placement, run=9)
        for name, array in alone.data_vars.items():
            assert np.array_equal(array.values, together[name].values[index, 2]), name


def test_circuits__a_neuron_does_not_depend_on_the_others(calibrated):
    chip = b2.EmulatedChip(7)
    registers = calibrated.isel(chip=0, drop=True)
    together, alone = neurons(chip, registers, JOINED), [neurons(chip, registers, [circuits]) for circuits in JOINED]
    for name in together.data_vars:
        for index, one in enumerate(alone):
            value = one[name].values[..., 0]
            whole = together[name].values[..., index]
            assert np.array_equal(whole[:, : value.shape[1]] if name == "circuit_strength" else whole, value), name


def test_write_noise__is_that_of_codes(calibrated):
    chip = b2.EmulatedChip(CHIPS)
    quiet = neurons(chip, calibrated, leaks=False, factors=QUIET)
    slopes = {"threshold": 0.325, "reset": 0.29, "leak": 0.26}
    for factor in (1, 3):
        noisy = neurons(chip, calibrated, leaks=False, factors=effect_factors({"write_noise": factor}))
        for name, slope in slopes.items():
            error = (noisy[name] - quiet[name]).values / slope
            assert abs(error.std() / (0.7 * factor) - 1) < 0.1, name
            assert abs(error.mean()) < 5 * 0.7 * factor / np.sqrt(error.size)
        # not of digital registers and of switches
        for name in ("refractory_time", "holdoff_time", "enable_digital"):
            assert noisy[name].equals(quiet[name])
    assert (noisy.tau_syn != quiet.tau_syn).all() and (noisy.strength != quiet.strength).all()


def test_write_noise__other_runs_have_another(calibrated):
    chip = b2.EmulatedChip(CHIPS)
    quiet = neurons(chip, calibrated, factors=QUIET).threshold
    errors = [(neurons(chip, calibrated, run=run).threshold - quiet).values for run in (0, 1, 2**31)]
    assert np.array_equal(errors[1], (neurons(chip, calibrated, run=1).threshold - quiet).values)
    correlation = np.corrcoef([error.ravel() for error in errors])[np.triu_indices(3, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(quiet.size)


def test_write_noise__cells_that_are_off_stay_off():
    registers = typical_registers(leak_i_bias_code=0, i_bias_gm_code=0, i_bias_tau_code=0)
    for run in range(3):
        found = neurons(b2.EmulatedChip(1), registers, factors=effect_factors({"write_noise": 100}), run=run)
        assert (
            np.isinf(found.tau_mem).all() and (found.strength == 0).all() and (found.tau_syn == FLOATING_TAU_SYN).all()
        )


def test_write_noise__is_of_every_capmem_code_that_matters():
    capmem = {name for name, register in REGISTERS.items() if register.upper == HIGHEST_CAPMEM_CODE}
    assert set(WRITE_STREAMS) == capmem - {"reset_i_bias_code"}  # on which no quantity depends
    streams = [*WRITE_STREAMS.values(), *laws.STREAMS.values(), *measure.STREAMS.values(), SYNAPSE_GAIN_STREAM, 101]
    assert len(set(streams)) == len(streams)


def test_circuits__runs_go_with_dims_of_their_name(calibrated):
    paired = neurons(b2.EmulatedChip(CHIPS), calibrated, SINGLE[:3], run=xr.DataArray(np.arange(4), dims="chip"))
    assert paired.threshold.dims == ("chip", "neuron")
    third = neurons(b2.EmulatedChip(CHIPS), calibrated, SINGLE[:3], run=2)
    assert np.array_equal(paired.threshold[2], third.threshold[2]) and not np.array_equal(
        paired.threshold[1], third.threshold[1]
    )


def test_circuits__what_does_not_leak_or_fire(calibrated):
    chip, registers = b2.EmulatedChip(CHIPS), configure(calibrated, SINGLE, enable_leak=True)
    registers["leak_i_bias_code"][:] = 300
    leaking = neurons(chip, registers)
    assert np.isfinite(leaking.tau_mem).all() and np.isfinite(leaking.threshold).all()
    assert np.isinf(neurons(chip, registers, leaks=False).tau_mem).all()
    assert np.isinf(neurons(chip, registers, fires=False).threshold).all()
    silent = disable_spiking(registers, [3])
    threshold = neurons(chip, silent).threshold
    assert np.isinf(threshold[:, 3]).all() and np.isinf(threshold).sum() == 4
    masked = configure(calibrated, SINGLE, spike_mask=np.arange(512) != 5)
    digital = neurons(chip, masked).enable_digital
    assert not digital[:, 5].any() and digital.sum() == 4 * 511


def test_circuits__a_line_that_floats_keeps_its_current():
    chip = b2.EmulatedChip(2)
    low, floating = (neurons(chip, typical_registers(i_bias_tau_code=code), factors=QUIET) for code in (5, 4))
    assert (floating.tau_syn == FLOATING_TAU_SYN).all()
    np.testing.assert_allclose(floating.strength / floating.tau_syn, low.strength / low.tau_syn, rtol=1e-12)


def test_circuits__several_share_a_membrane():
    """Of circuits that are alike the strength, the time constant and the drift go with the whole capacitance."""
    chip = b2.EmulatedChip(1, variation=0)
    registers = configure(typical_registers(enable_threshold=True), [[0, 1, 2], [3]], enable_leak=True)
    registers["i_shift_reference_code"][1, :] = 311
    found = neurons(chip, registers, [np.array([0, 1, 2]), np.array([3])], factors=QUIET)
    single, joined = 69.0, 69.0 + 2 * 6.0
    np.testing.assert_allclose(found.circuit_strength[:, :, 0], 0.82 * single / joined, rtol=1e-12)
    np.testing.assert_allclose(found.circuit_strength[:, :, 1], [[0.82, 0, 0]] * 2, rtol=1e-12)
    np.testing.assert_allclose(found.tau_mem[0] / found.tau_mem[1], joined / single, rtol=1e-12)
    np.testing.assert_allclose(found.drift, [3 * 14e3 * single / joined, 14e3], rtol=1e-12)
    assert found.atomic_neuron.values.tolist() == [0, 3]


def test_circuits__labels_and_memory(calibrated):
    found = neurons(b2.EmulatedChip(CHIPS), calibrated, JOINED)
    assert found.chip.values.tolist() == list("abcd")
    assert found.synaptic_input.values.tolist() == ["excitatory", "inhibitory"]
    assert found.atomic_neuron.values.tolist() == [300, 7, 511] and found.quadrant.values.tolist() == [2, 0, 3]
    assert found.row.values.tolist() == [1, 0, 1] and found.column.values.tolist() == [44, 7, 255]
    assert dict(found.sizes) == {"chip": 4, "synaptic_input": 2, "circuit": 3, "neuron": 3}
    for name, array in found.data_vars.items():
        assert array.values.flags.c_contiguous and array.values.dtype == (
            bool if name == "enable_digital" else float
        ), name
    assert found.strength.dims == ("chip", "synaptic_input", "neuron")
    assert found.circuit_strength.dims == ("chip", "synaptic_input", "circuit", "neuron")
    assert found.tau_mem.attrs["units"] == "s" and found.strength.attrs["units"] == "LSB"
    for array in found.data_vars.values():
        array[:] = 0  # belongs to the caller
    assert (neurons(b2.EmulatedChip(CHIPS), calibrated, JOINED).threshold > 0).all()


def test_circuits__registers_may_be_swept():
    registers = typical_registers(enable_threshold=True)
    registers["threshold_v_threshold_code"] = registers["threshold_v_threshold_code"] + xr.DataArray(
        [0, 40], dims="sweep"
    )
    registers["threshold_v_threshold_code"] = registers["threshold_v_threshold_code"].transpose(
        "sweep", "atomic_neuron"
    )
    found = neurons(b2.EmulatedChip(CHIPS), registers, SINGLE[:5])
    assert found.threshold.dims == ("chip", "sweep", "neuron")
    slope = np.diff(found.threshold, axis=1) / 40
    assert (abs(slope / 0.325 - 1) < 0.1).all()  # the same noise for all codes of a sweep
    assert np.array_equal(found.reset[:, 0], found.reset[:, 1])


def test_circuits__refuses_measured_chips():
    code = xr.DataArray(np.arange(300, 700, 50), dims="threshold_v_threshold_code")
    fitted = fit_transfer(
        xr.Dataset(
            {
                "threshold": 0.3 * code.assign_coords({code.dims[0]: code})
                + xr.DataArray(np.zeros(512), dims="atomic_neuron")
            }
        )
    )
    with pytest.raises(
        ParameterError,
        match="chip must be an EmulatedChip; got FittedChip: an experiment needs all laws of a chip and its noise",
    ):
        neurons(fitted, typical_registers())


def test_circuits__refuses_what_does_not_fit(calibrated):
    with pytest.raises(ParameterError, match="no neuron is placed on the chip; place at least one"):
        neurons(b2.EmulatedChip(7), typical_registers(), [])
    with pytest.raises(ParameterError, match=r"dim 'chip' of .* has 4 entries, and 3 before"):
        neurons(b2.EmulatedChip(CHIPS[:3]), calibrated)
    with pytest.raises(ParameterError, match="registers lack reset_v_reset_code; begin with default_registers"):
        neurons(b2.EmulatedChip(7), typical_registers().drop_vars("reset_v_reset_code"))
    with pytest.raises(ParameterError, match="registers must be a Dataset"):
        neurons(b2.EmulatedChip(7), {"reset_v_reset_code": 3})
    bad = typical_registers()
    bad["leak_v_leak_code"][3] = 1023
    with pytest.raises(ParameterError, match="leak_v_leak_code must be 0 to 1022; atomic_neuron 3 has 1023"):
        neurons(b2.EmulatedChip(7), bad)
