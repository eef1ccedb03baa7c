"""Sweeps of an emulated chip, fitted and inverted, calibrate as well as the chip's own laws."""

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.measurement import fit_transfer
from bss2sim.calibration.monotone import fit_monotone, isotonic
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.errors import InputError, ParameterError, UnknownKeywordError
from bss2sim.hardware.chip import EmulatedChip

TARGET = NeuronCalibTarget(threshold=125, reset=80, tau_mem=12e-6, tau_syn=8e-6)
CODES = {
    "leak": ("leak_v_leak_code", np.arange(500, 901, 25)),
    "reset": ("reset_v_reset_code", np.arange(480, 881, 25)),
    "threshold": ("threshold_v_threshold_code", np.arange(250, 551, 20)),
    "tau_mem": ("leak_i_bias_code", np.arange(100, 500, 25)),
    "tau_syn": ("i_bias_tau_code", np.r_[np.arange(40, 120, 10), np.arange(150, 1000, 50)]),
    "synapse_dac": ("synapse_dac_bias_code", np.arange(400, 701, 20)),
    "synaptic_strength": ("i_bias_gm_code", np.arange(50, 1001, 50)),
    "reference_mismatch": ("i_shift_reference_code", np.arange(200, 421, 10)),
}


def sweep(chip, registers, names, *, noisy):
    """Measure quantities over their codes, everything else as in `registers`."""
    found = {}
    for name in names:
        dim, codes = CODES[name]
        changed = registers.assign(
            {dim: xr.zeros_like(registers[dim]) + xr.DataArray(codes, {dim + "_": codes}, dim + "_")}
        )
        own = registers[dim].dims
        changed[dim] = changed[dim].transpose(dim + "_", *own)
        if name == "tau_mem":
            changed["enable_leak_division"][...] = False
            changed["enable_leak_multiplication"][...] = False
        if name == "tau_syn":
            high = xr.DataArray([False, True], {"high": [False, True]}, "high")
            changed["enable_high_resistance"] = (xr.zeros_like(registers.enable_high_resistance) | high).transpose(
                "high", ...
            )
        if noisy:
            run = xr.DataArray(np.arange(1, len(codes) + 1), {dim + "_": codes}, dim + "_")
            array = chip.measure(name, changed, run=run)
        else:
            array = chip.achieved(changed, quantities=[name])[name]
        names_of = {dim + "_": dim} | ({"high": "enable_high_resistance"} if "high" in array.dims else {})
        found[name] = array.rename(names_of)
    return xr.Dataset({name: array.drop_attrs() for name, array in found.items()})


def measure_all(chip, *, noisy):
    """Sweep in two rounds: strengths after time constants and DACs, as documented."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registers = calibrate(chip, TARGET).registers
        first = sweep(chip, registers, ["leak", "reset", "threshold", "tau_mem", "tau_syn", "synapse_dac"], noisy=noisy)
        registers = calibrate(fit_transfer(first), TARGET).registers
        second = sweep(chip, registers, ["synaptic_strength", "reference_mismatch"], noisy=noisy)
    return xr.merge([first, second], compat="no_conflicts", join="outer")


@pytest.fixture(scope="module", params=["exact", "noisy"])
def sweeps(request):
    return request.param, measure_all(EmulatedChip(seed=7), noisy=request.param == "noisy")


# Standard deviation of what is achieved about the target, at most: half a code for exact sweeps; for noisy ones the noise
# of one read (1 LSB; 2 or 3 %; 17e3 LSB/s), which the fit averages.
LIMITS = {
    "exact": {"leak": 0.1, "reset": 0.1, "threshold": 0.11, "tau_mem": 0.01, "tau_syn": 0.01, "synaptic_strength": 0.01,
              "reference_mismatch": 6e3},
    "noisy": {"leak": 0.7, "reset": 0.7, "threshold": 0.4, "tau_mem": 0.02, "tau_syn": 0.015, "synaptic_strength": 0.02,
              "reference_mismatch": 12e3},
}  # fmt: skip


def test_fit__calibrates_as_well_as_the_chip_does(sweeps):
    kind, measured = sweeps
    chip = EmulatedChip(seed=7)
    calibration = calibrate(fit_transfer(measured), TARGET)
    assert calibration.success.all() and calibration.attrs["chip_seed"] == "measured"
    truth = chip.achieved(calibration.registers)
    for name, limit in LIMITS[kind].items():
        aim = calibration.achieved[name] - calibration.residual[f"residual_{name}"]
        error = truth[name] - aim
        if name in ("tau_mem", "tau_syn", "synaptic_strength"):
            error = error / aim
        if kind == "noisy" and name == "threshold":
            error = error - 0.5  # threshold reads are so much too low
        assert float(np.sqrt((error**2).mean())) < limit, name
    dac = truth.synapse_dac
    assert float(dac.max() - dac.min()) < 0.02


def test_fit__of_exact_sweeps_gives_the_codes_of_the_chip():
    measured = measure_all(EmulatedChip(seed=7), noisy=False)
    mine = calibrate(fit_transfer(measured), TARGET).registers
    theirs = calibrate(EmulatedChip(seed=7), TARGET).registers
    for name in ("leak_v_leak_code", "reset_v_reset_code", "threshold_v_threshold_code", "i_bias_tau_code",
                 "synapse_dac_bias_code", "i_shift_reference_code", "leak_i_bias_code"):  # fmt: skip
        assert (abs(mine[name] - theirs[name]) <= 1).all(), name
    assert (mine.enable_high_resistance == theirs.enable_high_resistance).all()


def test_fit__leak_at_several_biases():
    """The leak potential follows the bias that tau_mem needs."""
    chip = EmulatedChip(seed=7)
    registers = calibrate(chip, TARGET).registers
    bias = xr.DataArray([110, 300, 510], {"bias": [110, 300, 510]}, "bias")
    at = registers.assign(leak_i_bias_code=(xr.zeros_like(registers.leak_i_bias_code) + bias).transpose("bias", ...))
    leak = sweep(chip, at, ["leak"], noisy=False).rename(bias="leak_i_bias_code")
    tau_mem = sweep(chip, registers, ["tau_mem"], noisy=False)
    fitted = fit_transfer(xr.merge([leak, tau_mem], join="outer", compat="no_conflicts"))
    calibration = calibrate(fitted, TARGET)
    assert (abs(chip.achieved(calibration.registers).leak - 80) < 0.15).all()
    table = {"leak_table": fitted.parameters["leak_table"].values}
    for code in (110, 200, 450):
        value = fitted.laws["leak"].evaluate(700, table, leak_i_bias_code=np.full(512, code))
        changed = {"leak_i_bias_code": code, "leak_v_leak_code": 700}
        there = registers.assign({name: xr.full_like(registers[name], number) for name, number in changed.items()})
        np.testing.assert_allclose(value, chip.achieved(there, quantities=["leak"]).leak, atol=1e-6)


def test_fit__of_several_chips_and_of_targets_of_your_own():
    chip = EmulatedChip(seed=xr.DataArray([7, 8], dims="chip", coords={"chip": [70, 80]}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registers = calibrate(chip, TARGET).registers
        registers = registers.isel(chip=0, drop=True)
        measured = sweep(chip, registers, ["threshold", "tau_syn"], noisy=False)
    target = TARGET.replace(threshold=xr.DataArray([110.0, 125.0], dims="sweep"))
    calibration = calibrate(fit_transfer(measured), target)
    assert calibration.registers.threshold_v_threshold_code.dims == ("chip", "sweep", "atomic_neuron")
    np.testing.assert_array_equal(calibration.registers.chip, [70, 80])
    assert (abs(calibration.residual.residual_threshold) < 0.2).all()
    truth = chip.achieved(calibration.registers)
    assert (abs(truth.threshold - calibration.achieved.threshold) < 1e-6).all()
    assert (abs(truth.tau_syn / calibration.achieved.tau_syn - 1) < 1e-6).all()


# ---------------------------------------------------------------------------------------------------------------------
# circuits without a law


def line(lowest=300, highest=700, step=25):
    """A sweep of the threshold, with noise."""
    codes = np.arange(lowest, highest + 1, step)
    noise = np.random.default_rng(3).normal(0, 0.3, (len(codes), 512))
    values = 0.325 * (codes[:, np.newaxis] - 385) + 125 + noise
    return xr.Dataset(
        {"threshold": (("threshold_v_threshold_code", "atomic_neuron"), values)}, {"threshold_v_threshold_code": codes}
    )


def test_fit__masks_circuits_without_a_law():
    measured = line()
    values = measured.threshold.values
    values[:, 3] = 100.0 + np.random.default_rng(4).normal(0, 0.3, len(values))
    values[:, 5] = values[::-1, 5]
    values[8:, 9] -= 60
    values[2:, 11] = np.nan
    values[::3, 12] = np.nan
    values[0, 13] = np.inf
    with pytest.warns(UserWarning, match="failed for 4 of 512 circuits: atomic_neuron 3, 5, 9, 11;"):
        calibration = calibrate(fit_transfer(measured), TARGET)
    reasons = calibration.reason.values
    what = "threshold: the measured threshold_v_threshold_code sweep"
    assert reasons[3] == f"{what} does not change with the code"
    assert reasons[5] == reasons[9] == f"{what} is not monotone in the code"
    assert reasons[11] == f"{what} has fewer than 3 finite samples"
    # they get the codes of a typical circuit
    assert abs(calibration.registers.threshold_v_threshold_code - 385).max() < 10


def test_fit__targets_beyond_the_sweep_fail():
    with pytest.warns(UserWarning, match="failed for 512"):
        calibration = calibrate(fit_transfer(line(300, 380, 10)), TARGET.replace(threshold=150))
    assert "needs a threshold_v_threshold_code above 380" in calibration.reason.values[0]
    assert (calibration.registers.threshold_v_threshold_code == 380).all()


def test_fit__takes_the_nearest_rising_curve_where_samples_are_on_no_line():
    codes = np.arange(200, 601, 20)
    curve = 60 + 100 / (1 + np.exp(-(codes - 400) / 60))
    measured = xr.Dataset(
        {"threshold": (("threshold_v_threshold_code", "atomic_neuron"), np.tile(curve[:, np.newaxis], 512))},
        {"threshold_v_threshold_code": codes},
    )
    calibration = calibrate(fit_transfer(measured), TARGET)
    code = calibration.registers.threshold_v_threshold_code.values
    np.testing.assert_allclose(60 + 100 / (1 + np.exp(-(code - 400) / 60)), 125, atol=0.5)


def test_fit__masks_the_circuits_of_a_quadrant():
    codes = np.arange(400, 701, 50)
    dac = np.tile(codes[:, np.newaxis] / 600, 4)
    dac[:, 2] = 1.0
    measured = xr.Dataset(
        {"synapse_dac": (("synapse_dac_bias_code", "capmem_block"), dac)}, {"synapse_dac_bias_code": codes}
    )
    with pytest.warns(UserWarning, match="failed for 128 of 512 circuits: atomic_neuron 256, 257"):
        calibration = calibrate(fit_transfer(measured), TARGET)
    assert (
        calibration.reason.values[300]
        == "synapse_dac: the measured synapse_dac_bias_code sweep does not change with the code"
    )


def test_fit__all_circuits_without_a_law():
    measured = line()
    measured["threshold"][:] = np.nan
    with pytest.warns(UserWarning, match="failed for 512 of 512"):
        calibrate(fit_transfer(measured), TARGET)


# ---------------------------------------------------------------------------------------------------------------------
# curves


def naive_isotonic(samples, weight):
    """Pool adjacent violators."""
    blocks = []
    for value, w in zip(samples, weight, strict=True):
        if w == 0:
            continue
        blocks.append([value, w, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            a, b = blocks.pop(-2), blocks.pop(-1)
            total = a[1] + b[1]
            blocks.append([(a[0] * a[1] + b[0] * b[1]) / total, total, a[2] + b[2]])
    return [value for value, _, count in blocks for _ in range(count)]


@given(st.integers(0, 2**32 - 1), st.integers(3, 25))
def test_isotonic__pools_adjacent_violators(seed, n):
    rng = np.random.default_rng(seed)
    samples = np.round(np.cumsum(rng.normal(0.3, 1, (n, 6)), axis=0), 1)
    weight = rng.integers(0, 4, (n, 6)).astype(float)
    weight[0] = 1
    found = isotonic(samples, weight)
    assert (np.diff(found, axis=0) >= -1e-12).all()
    for k in range(6):
        np.testing.assert_allclose(found[weight[:, k] > 0, k], naive_isotonic(samples[:, k], weight[:, k]), atol=1e-9)


def test_fit_monotone__lines_average_noise():
    rng = np.random.default_rng(5)
    x = np.arange(20.0)
    truth = 3 + 2 * x[:, np.newaxis] * np.ones(400)
    fit = fit_monotone(x, truth + rng.normal(0, 1, truth.shape), relative=False)
    assert fit.line and (fit.status == 0).all()
    assert (fit.table - truth).std() < 0.4
    relative = fit_monotone(x, truth * (1 + rng.normal(0, 0.03, truth.shape)), relative=True)
    assert relative.line and (relative.table / truth - 1).std() < 0.015


# ---------------------------------------------------------------------------------------------------------------------
# arguments


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.threshold, "must be a Dataset; got DataArray"),
        (lambda d: d.drop_vars("threshold"), "no sweep; known: leak"),
        (lambda d: d.rename(threshold="treshold"), "'treshold' is no sweep; did you mean 'threshold'"),
        (lambda d: d.drop_vars("threshold_v_threshold_code"), "no coordinate threshold_v_threshold_code"),
        (lambda d: d.isel(threshold_v_threshold_code=0), "must have .'threshold_v_threshold_code', 'atomic_neuron'"),
        (lambda d: d.isel(threshold_v_threshold_code=slice(0, 3)), "swept over 3 codes.*at least 4"),
        (lambda d: d.isel(threshold_v_threshold_code=slice(None, None, -1)), "integers that rise, 0 to 1022"),
        (lambda d: d.assign_coords(threshold_v_threshold_code=d.threshold_v_threshold_code * 2), "rise, 0 to 1022"),
        (lambda d: d.assign_coords(threshold_v_threshold_code=d.threshold_v_threshold_code * 1.0), "must be integers"),
        (lambda d: d.isel(atomic_neuron=slice(0, 100)), "100 entries along atomic_neuron; a chip has 512"),
        (lambda d: d.assign_coords(atomic_neuron=np.arange(512) + 1), "other labels along atomic_neuron than 0 .. 511"),
        (lambda d: d.expand_dims(neuron=2), "a dim 'neuron'"),
        (lambda d: d.expand_dims(leak_i_bias_code=2), "a dim 'leak_i_bias_code'"),
        (lambda d: d.assign(threshold=d.threshold.astype(str)), "threshold must be real numbers"),
        (lambda d: xr.Dataset({"tau_syn": (("enable_high_resistance", "i_bias_tau_code", "synaptic_input", "atomic_neuron"),
                                           np.ones((2, 5, 2, 512)))},
                              {"i_bias_tau_code": np.arange(5) + 9, "enable_high_resistance": [True, False]}),
         "False, then True along enable_high_resistance"),
    ],
)  # fmt: skip
def test_fit__refuses(change, message):
    with pytest.raises(InputError, match=message):
        fit_transfer(change(line()))


def test_fitted_chip__refuses():
    with pytest.raises(ParameterError, match='"search" needs a chip that can be read; FittedChip'):
        calibrate(fit_transfer(line()), TARGET, method="search")
    with pytest.raises(UnknownKeywordError, match="measured"):
        fit_transfer(measure=line())
    codes = np.arange(100, 500, 50)
    tau = xr.Dataset({"tau_mem": (("leak_i_bias_code", "atomic_neuron"), np.tile(3e-3 / codes[:, np.newaxis], 512))},
                     {"leak_i_bias_code": codes, "membrane_capacitance_code": 50})  # fmt: skip
    with pytest.raises(ParameterError, match="asks for membrane_capacitance 63; the sweeps were measured at 50"):
        calibrate(fit_transfer(tau), TARGET)
    calibration = calibrate(fit_transfer(tau), TARGET.replace(membrane_capacitance=50, tau_mem=60e-6))
    assert calibration.registers.enable_leak_division.all()
    assert (abs(calibration.achieved.tau_mem / 60e-6 - 1) < 0.01).all()
