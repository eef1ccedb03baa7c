"""The verbs of alignment: what they return, that a chip without effects is the model, and what they refuse."""

import math
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import xarray as xr
from hypothesis import given

import bss2sim as b2
from bss2sim.alignment.bench import set_up
from bss2sim.alignment.model import slope_through_zero
from bss2sim.hardware.neuron_block import disable_spiking

REST = b2.Parameter(model=0.0, hardware=80)
THRESHOLD = b2.Parameter(model=1.0, hardware=125)
LIF = b2.LIFNeuron(3, leak=REST, reset=REST, threshold=THRESHOLD)
IAF = b2.IAFNeuron(3, reset=REST, threshold=THRESHOLD)
CHIP = b2.EmulatedChip(seed=7)
PLAIN = b2.EmulatedChip(seed=7, variation=0)
VERBS = (b2.alignment.trace_scaling, b2.alignment.weight_scaling, b2.alignment.dynamic_range)


def calibrated(neurons: object, chip: b2.EmulatedChip = CHIP) -> b2.Calibration:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # circuits that no neuron is on may fail
        return b2.calibrate(chip, b2.NeuronCalibTarget.from_populations(neurons))


def in_loops(neurons: b2.LINeuron, calibration: b2.Calibration, weight: int, labels: range) -> list[float]:
    """Slow twin of chip_amplitude: the readout population itself, and means in plain loops."""
    inputs = np.zeros((100, len(labels), 1), np.uint8)
    inputs[10] = 1
    run = b2.simulate(
        neurons.replace(shift_cadc_to_first=True),
        xr.DataArray(inputs, {"batch": list(labels)}, ("time", "batch", "input")),
        synapse=b2.Synapse(np.full((1, neurons.size), float(weight))), chip=CHIP, calibration=calibration,
    )  # fmt: skip
    found = []
    for neuron in range(neurons.size):
        total = 0.0
        for trial in range(len(labels)):
            trace = [float(v) for v in run.membrane.isel(batch=trial, neuron=neuron)]
            total += max(trace) if weight > 0 else min(trace)
        found.append(total / len(labels))
    return found


# what comes out


def test_trace_scaling__of_a_chip_without_effects_is_threshold_less_rest() -> None:
    for neurons in (LIF, IAF):
        found = b2.alignment.trace_scaling(neurons, chip=PLAIN, n_trial=3, effects=0)
        # the last sample before a spike is a bit lower, and interpolation takes a bit of the peak
        assert (found.threshold_height.values < 45).all()
        assert found.threshold_height.values == pytest.approx(45, abs=3)
        assert found.cadc_baseline.values == pytest.approx(80 - 128, abs=0.5)
        np.testing.assert_allclose(found.trace_scale, 1 / found.threshold_height)
        np.testing.assert_allclose(found.trace_offset, found.cadc_baseline)
        assert found.reached_threshold.values.all()


def test_trace_scaling__maps_the_rest_of_the_model_too() -> None:
    """A model in CADC LSB has scale 1 and the offset of the signed reading."""
    model = b2.LIFNeuron(3, leak=80.0, reset=80.0, threshold=125.0)
    found = b2.alignment.trace_scaling(model, chip=CHIP, n_trial=4)
    rest = (found.cadc_baseline - found.trace_offset) * found.trace_scale
    np.testing.assert_allclose(rest, 80)
    top = (found.cadc_baseline + found.threshold_height - found.trace_offset) * found.trace_scale
    np.testing.assert_allclose(top, 125)
    assert float(found.mean_trace_scale) == pytest.approx(1, rel=0.1)
    assert float(found.mean_trace_offset) == pytest.approx(-128, abs=10)


def test_trace_scaling__means_are_of_baseline_and_height() -> None:
    found = b2.alignment.trace_scaling(LIF, chip=CHIP, n_trial=2)
    assert float(found.mean_trace_scale) == pytest.approx(1 / float(found.threshold_height.mean()))
    assert float(found.mean_trace_offset) == pytest.approx(float(found.cadc_baseline.mean()))


@pytest.mark.parametrize("refractory_time", [1e-6, 2e-6, 2.2e-6])
def test_trace_scaling__does_not_depend_on_the_rate_of_spikes(refractory_time: float) -> None:
    """Spikes at a multiple of half the period of the CADC would hide the threshold from it."""
    for neurons in (LIF, IAF):
        found = b2.alignment.trace_scaling(neurons.replace(refractory_time=refractory_time), chip=CHIP, n_trial=4)
        assert float(1 / found.mean_trace_scale) == pytest.approx(43, abs=2.5)


def test_weight_scaling__of_a_chip_without_effects_is_the_ratio_of_strengths() -> None:
    effects = dict.fromkeys(("channel_offset", "channel_gain", "trial_offset", "membrane_noise", "read_noise"), 0.0)
    for neurons, peak, rel in ((LIF, 1 / math.e, 0.03), (IAF, 1.0, 0.005)):
        calibration = calibrated(neurons, PLAIN)
        found = b2.alignment.weight_scaling(
            neurons, chip=PLAIN, calibration=calibration, weight=[-40, 40], n_trial=2,
            effects={**effects, **dict.fromkeys(("synapse_gain", "trial_gain", "drift", "write_noise", "quantisation"), 0.0)},
        )  # fmt: skip
        strength = float(calibration.achieved.synaptic_strength.isel(atomic_neuron=0).mean())
        assert found.model_slope.values == pytest.approx(peak, rel=1e-3)
        assert found.chip_slope.values == pytest.approx(strength * peak, rel=rel)
        ratio = found.model_slope / found.chip_slope * found.threshold_height
        np.testing.assert_allclose(found.weight_scale, ratio)
        assert float(found.mean_weight_scale) == pytest.approx(float(found.weight_scale.mean()), rel=1e-3)


def test_weight_scaling__amplitudes_are_those_of_a_readout_population() -> None:
    calibration = calibrated(LIF)
    found = b2.alignment.weight_scaling(LIF, chip=CHIP, calibration=calibration, weight=[-30, 60], n_trial=3)
    readout = b2.LINeuron(3, leak=80)
    for number, weight in enumerate((-30, 60)):
        naive = in_loops(readout, calibration, weight, range(3 * (2 + number), 3 * (3 + number)))
        np.testing.assert_allclose(found.chip_amplitude.sel(chip_weight=weight), naive, rtol=1e-6)


def test_weight_scaling__aligns_a_run_of_the_chip_with_the_model() -> None:
    calibration = calibrated(LIF)
    trace = b2.alignment.trace_scaling(LIF, chip=CHIP, calibration=calibration, n_trial=8)
    weight = b2.alignment.weight_scaling(LIF, chip=CHIP, calibration=calibration, n_trial=8)
    inputs = np.zeros((100, 20, 1), np.uint8)
    inputs[[10, 20, 30]] = 1
    neurons = LIF.replace(trace_offset=trace.trace_offset, trace_scale=trace.trace_scale)
    synapse = b2.Synapse(np.full((1, 3), 0.8), transform=lambda w: w * weight.weight_scale.values)
    on_chip = b2.simulate(neurons, inputs, synapse=synapse, chip=CHIP, calibration=calibration)
    model = b2.simulate(LIF, inputs, synapse=synapse, record=b2.Recording(membrane=True))
    difference = on_chip.membrane.mean("batch") - model.membrane.isel(batch=0)
    assert float(model.membrane.max()) > 0.4
    assert float(abs(difference).max()) < 0.1


def test_dynamic_range__of_a_chip_without_noise_is_that_of_its_configuration() -> None:
    configuration = b2.ChipConfiguration(membrane_lower=25, membrane_upper=228)
    chip = b2.EmulatedChip(seed=7, variation=0, configuration=configuration)
    for neurons in (LIF, IAF, b2.LINeuron(3, leak=80, tau_mem=2e-6)):
        found = b2.alignment.dynamic_range(
            neurons, chip=chip, n_trial=2, effects={**dict.fromkeys(("channel_gain", "channel_offset", "trial_offset"), 0.0),
                                                    "membrane_noise": 0, "read_noise": 0},
        )  # fmt: skip
        assert found.range_upper.values == pytest.approx(100, abs=1e-9)
        assert found.range_lower.values == pytest.approx(-103, abs=1e-9)
        assert float(found.mean_range_upper) == pytest.approx(100, abs=1e-9)
        assert float(found.mean_range_lower) == pytest.approx(-103, abs=1e-9)
        assert float(found.mean_cadc_baseline) == pytest.approx(-48, abs=2)


def test_verbs__arguments_of_the_recording_have_no_effect() -> None:
    calibration = calibrated(LIF)
    other = LIF.replace(
        trace_offset=3.0, trace_scale=0.5, cadc_time_shift=2, shift_cadc_to_first=True, interpolation_mode="nn",
        enable_cadc_recording_placement_in_dram=True, enable_cadc_recording=False, enable_spike_recording=False,
        enable_madc_recording=True, record_neuron_id=1, spike_mask=False,
    )  # fmt: skip
    for verb in VERBS:
        some = {"weight": [-60, 60]} if verb is b2.alignment.weight_scaling else {}
        found = [verb(neurons, chip=CHIP, calibration=calibration, n_trial=2, **some) for neurons in (LIF, other)]
        assert found[0].identical(found[1])


def test_verbs__chips_together_are_the_chips_alone() -> None:
    chips = b2.EmulatedChip(seed=xr.DataArray([5, 7], {"chip": ["a", "b"]}, "chip"))
    registers = calibrated(LIF).registers
    for verb in VERBS:
        some = {"weight": [-60, 60]} if verb is b2.alignment.weight_scaling else {}
        both = verb(LIF, chip=chips, calibration=registers, n_trial=2, **some)
        alone = verb(LIF, chip=CHIP, calibration=registers, n_trial=2, threads=1, **some)
        assert both.chip.values.tolist() == ["a", "b"]
        for name, value in both.sel(chip="b").data_vars.items():
            np.testing.assert_array_equal(value, alone[name], err_msg=str(name))


def test_verbs__runs_and_settings_of_registers_are_dims() -> None:
    registers = calibrated(LIF).registers
    code = registers["threshold_v_threshold_code"]
    registers["threshold_v_threshold_code"] = xr.concat([code, code + 40], "setting")
    runs = xr.DataArray([0, 3], dims="run")
    found = b2.alignment.trace_scaling(LIF, chip=CHIP, calibration=registers, run=runs, n_trial=2)
    assert found.trace_scale.sizes == {"setting": 2, "run": 2, "neuron": 3}
    assert found.mean_trace_scale.sizes == {"setting": 2, "run": 2}
    rise = found.threshold_height.isel(setting=1) - found.threshold_height.isel(setting=0)
    assert rise.values == pytest.approx(40 * 0.325, abs=3)
    assert not np.array_equal(found.cadc_baseline.isel(run=0), found.cadc_baseline.isel(run=1))


def test_verbs__sweeps_of_the_model_are_dims() -> None:
    threshold = b2.Parameter(model=xr.DataArray([1.0, 2.0], dims="setting"), hardware=125)
    found = b2.alignment.trace_scaling(LIF.replace(threshold=threshold), chip=CHIP, n_trial=2)
    np.testing.assert_allclose(found.trace_scale.isel(setting=1), 2 * found.trace_scale.isel(setting=0))
    times = b2.Parameter(model=xr.DataArray([10e-6, 20e-6], dims="setting"), hardware=10e-6)
    found = b2.alignment.weight_scaling(IAF.replace(tau_mem=times), chip=CHIP, weight=[-60, 60], n_trial=2)
    np.testing.assert_allclose(found.weight_scale.isel(setting=0), 2 * found.weight_scale.isel(setting=1))


def test_verbs__take_neurons_that_differ_and_have_several_circuits() -> None:
    threshold = b2.Parameter(model=[1.0, 2.0, 1.0], hardware=[120.0, 120.0, 140.0])
    neurons = LIF.replace(threshold=threshold, neuron_structure=b2.SingleCompartmentNeuron(2))
    found = b2.alignment.weight_scaling(neurons, chip=CHIP, weight=[-60, 60], n_trial=2)
    assert found.atomic_neuron.values.tolist() == [0, 1, 2]
    assert found.threshold_height.values == pytest.approx([38, 38, 58], abs=5)
    scale = b2.alignment.trace_scaling(neurons, chip=CHIP, n_trial=2).trace_scale
    assert scale.values == pytest.approx([1 / 38, 2 / 38, 1 / 58], rel=0.15)
    # the capacitance of the second circuit makes each PSP smaller
    single = b2.alignment.weight_scaling(LIF, chip=CHIP, weight=[-60, 60], n_trial=2)
    assert 0.8 < float(found.chip_slope.mean() / single.chip_slope.mean()) < 1


def test_verbs__results_are_labelled() -> None:
    neurons = LIF.replace(placement_constraint=[300, 5, 17])
    found = b2.alignment.weight_scaling(neurons, chip=CHIP, weight=[-60, 0, 60], n_trial=2)
    assert found.atomic_neuron.values.tolist() == [300, 5, 17]
    assert found.chip_weight.values.tolist() == [-60, 0, 60]
    assert found.chip_amplitude.dims == ("chip_weight", "neuron")
    assert found.attrs["n_trial"] == 2 and found.attrs["chip_seed"] == 7 and len(found.attrs["calibration_id"]) > 0
    assert (
        found.threshold_height.attrs["units"] == "LSB" and found.trace_scale.attrs if "trace_scale" in found else True
    )


def test_bench__every_run_has_noise_of_its_own() -> None:
    bench = set_up(LIF, CHIP, calibrated(LIF), 0, 2, 1.0, None)
    first, again, other = bench.measure(0), bench.measure(0), bench.measure(1)
    assert first.membrane.identical(again.membrane)
    assert (first.membrane.values != other.membrane.values).mean() > 0.5


@given(st.lists(st.integers(-63, 63), min_size=2, max_size=9, unique=True), st.floats(-3, 3), st.integers(0, 99))
def test_slope_through_zero__is_the_least_squares_fit(weights: list[int], slope: float, seed: int) -> None:
    x = np.array(weights, np.float64)
    y = slope * x + np.random.default_rng(seed).normal(size=x.size)
    found = slope_through_zero(xr.DataArray(y, dims="chip_weight"), xr.DataArray(x, dims="chip_weight"))
    expected = np.linalg.lstsq(x[:, np.newaxis], y, rcond=None)[0][0]
    assert float(found) == pytest.approx(expected, abs=1e-9)


# neurons without a threshold


def test_trace_scaling__warns_of_neurons_that_never_fire() -> None:
    registers = disable_spiking(calibrated(LIF).registers, [1])
    with pytest.warns(
        UserWarning, match=r"1 of 3 neurons did not reach their threshold in every trial \(neuron 1\)"
    ) as said:
        found = b2.alignment.trace_scaling(LIF, chip=CHIP, calibration=registers, n_trial=2)
    assert said[0].filename == __file__
    assert found.reached_threshold.values.tolist() == [True, False, True]
    others = float(found.threshold_height.isel(neuron=[0, 2]).mean())
    assert float(found.mean_trace_scale) == pytest.approx(1 / others)


def test_weight_scaling__without_any_threshold_has_no_mean() -> None:
    neurons = LIF.replace(size=9)
    registers = disable_spiking(calibrated(neurons).registers, range(512))
    with pytest.warns(UserWarning, match=r"9 of 9 neurons .* \(neuron 0, 1, 2, 3, 4, 5, 6, 7 and 1 more\)"):
        found = b2.alignment.weight_scaling(neurons, chip=CHIP, calibration=registers, weight=[60], n_trial=2)
    assert np.isnan(found.mean_weight_scale)


def test_trace_scaling__a_threshold_that_is_not_above_the_baseline_has_no_scale() -> None:
    """The neuron comes back from a low reset potential to its threshold in less than the CADC needs for a sample."""
    neurons = LIF.replace(reset=b2.Parameter(0.0, 40.0), threshold=b2.Parameter(1.0, 81.0), tau_mem=1e-6)
    found = b2.alignment.trace_scaling(
        neurons, chip=PLAIN, calibration=calibrated(neurons.replace(refractory_time=2e-6), PLAIN), n_trial=2, effects=0
    )
    assert (found.threshold_height < 0).all()
    assert np.isnan(found.trace_scale).all() and np.isnan(found.trace_offset).all()
    assert np.isnan(found.mean_trace_scale) and np.isnan(found.mean_trace_offset)
