"""The numbers of the chip: described, checked, and all of them in use."""

import dataclasses

import numpy as np
import pytest

from bss2sim import IAFNeuron, NeuronCalibTarget, Synapse, calibrate, simulate
from bss2sim.calibration import uniform_registers
from bss2sim.errors import ParameterError, UnknownKeywordError
from bss2sim.hardware.chip import EmulatedChip
from bss2sim.hardware.chip_configuration import STATUSES, ChipConfiguration
from bss2sim.hardware.neuron_block import default_registers
from bss2sim.hardware.quantities import NEEDED

TYPICAL = {
    "leak_v_leak_code": 613, "leak_i_bias_code": 300, "reset_v_reset_code": 599, "threshold_v_threshold_code": 385,
    "membrane_capacitance_code": 63, "i_bias_tau_code": 60, "i_bias_gm_code": 500, "i_shift_reference_code": 310,
    "synapse_dac_bias_code": 600, "enable_synaptic_input": True, "refractory_time_code": 32, "input_clock_code": 1,
    "clock_scale_fast_code": 3,
}  # fmt: skip


# read by runs on the chip alone
EXPERIMENT_NUMBERS = (
    "synapse_gain_spread", "inhibition_range", "excitation_range", "reset_time_constant", "threshold_noise",
    "trial_gain_spread", "trial_offset_spread", "synaptic_delay", "free_run_time", "madc_start_time",
    "membrane_noise_time", "cadc_offset_spread", "cadc_gain_spread", "cadc_period", "cadc_period_dram", "cadc_jitter",
    "ppu_clock_offset", "madc_slope", "madc_offset", "madc_noise", "spike_delay", "spike_jitter",
)  # fmt: skip


def same_experiment(chips):
    """Whether runs on chips with other numbers send the same: one neuron near each end of its range, and one that fires."""
    spikes = np.zeros((90, 1, 2), bool)
    spikes[5:60:5] = True
    target = NeuronCalibTarget(threshold=150, reset=80)
    registers = uniform_registers(calibrate(EmulatedChip(1), target).registers)
    weight = np.array([[20.0, -60.0, 10.0], [15.0, -60.0, 10.0]])
    for in_dram in (False, True):
        neurons = IAFNeuron(
            3, enable_madc_recording=True, record_neuron_id=1, enable_cadc_recording_placement_in_dram=in_dram,
            placement_constraint=[300, 1, 2],
        )  # fmt: skip
        for threshold in (0, 1022):
            registers["threshold_v_threshold_code"][..., 300] = 385 + threshold // 2
            options = {"synapse": Synapse(weight), "calibration": registers, "start": "drifted"}
            one, other = (simulate(neurons, spikes, dt=2e-6, chip=chip, **options) for chip in chips)
            if not all(one[key].shape == other[key].shape and one[key].equals(other[key]) for key in one):
                return False
    return True


def typical_registers(**changes):
    """Registers at the typical codes."""
    registers = default_registers()
    for name, value in (TYPICAL | changes).items():
        registers[name][...] = value
    return registers


def test_configuration__describes_every_number():
    rows = ChipConfiguration(gm_spread=0.3).describe()
    assert [row["name"] for row in rows] == [field.name for field in dataclasses.fields(ChipConfiguration)]
    for row in rows:
        assert set(row) == {"name", "value", "units", "status", "source", "meaning"}
        assert isinstance(row["value"], float) and row["status"] in STATUSES
        assert row["units"] and row["source"] and row["meaning"]
    assert next(row for row in rows if row["name"] == "gm_spread")["value"] == 0.3


def number_names(sign):
    return [field.name for field in dataclasses.fields(ChipConfiguration) if field.metadata["sign"] in sign]


@pytest.mark.parametrize("name", number_names(("positive", "nonnegative")))
def test_configuration__refuses_the_wrong_sign(name):
    with pytest.raises(ParameterError, match=rf"{name} must be (above|at least) 0 \[.*\]; got -1"):
        ChipConfiguration(**{name: -1})


@pytest.mark.parametrize("name", number_names(("positive",)))
def test_configuration__refuses_0_where_it_divides(name):
    with pytest.raises(ParameterError, match=f"{name} must be above 0"):
        ChipConfiguration(**{name: 0})


@pytest.mark.parametrize("value", [np.nan, np.inf, "1", None, True, [1.0]])
def test_configuration__refuses_what_is_no_number(value):
    with pytest.raises(ParameterError, match=r"leak_slope must be a finite number \[LSB/code\]"):
        ChipConfiguration(leak_slope=value)


def test_configuration__refuses_other_arguments():
    with pytest.raises(ParameterError, match="membrane_lower must be below membrane_upper"):
        ChipConfiguration(membrane_lower=240)
    with pytest.raises(UnknownKeywordError, match="no argument 'gm_spred'; did you mean 'gm_spread'"):
        ChipConfiguration(gm_spred=1)
    with pytest.raises(UnknownKeywordError, match="no argument 'gm_spred'"):
        dataclasses.replace(ChipConfiguration(), gm_spred=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ChipConfiguration().gm_spread = 1


@pytest.mark.parametrize("name", number_names(("positive", "nonnegative", "any")))
def test_configuration__every_number_has_an_effect(name):
    """A number that changes neither circuits nor reads would be a promise not kept."""
    usual = ChipConfiguration()
    value = getattr(usual, name)
    # that of a jitter by a cycle of 8 ns or more
    other = dataclasses.replace(usual, **{name: value * (1.5 if "jitter" in name else 1.05) + (0 if value else 1)})
    registers = typical_registers(
        leak_v_leak_code=5 if name == "membrane_lower" else 1022 if name == "membrane_upper" else 613
    )
    if name == "floating_code":
        registers["i_bias_tau_code"][...] = 5
    if name in ("membrane_upper",):
        usual, other = (dataclasses.replace(c, leak_level=240) for c in (usual, other))
    chips = [EmulatedChip(1, configuration=configuration) for configuration in (usual, other)]
    same = all(chips[0].parameters[key].equals(chips[1].parameters[key]) for key in chips[0].parameters)
    if same and name in EXPERIMENT_NUMBERS:
        same = same_experiment(chips)
    elif same:
        same = all(chips[0].measure(key, registers).equals(chips[1].measure(key, registers)) for key in NEEDED)
    assert not same
