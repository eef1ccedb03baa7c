"""Uniform registers, and the picture of a chip before and after its calibration."""

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2


@pytest.fixture(scope="module")
def chip():
    return b2.EmulatedChip(seed=7)


@pytest.fixture(scope="module")
def calibration(chip):
    return b2.calibrate(chip, b2.NeuronCalibTarget(threshold=125, reset=80))


def test_uniform_registers__have_one_code_for_all_circuits(calibration):
    same = b2.calibration.uniform_registers(calibration.registers)
    for name, array in same.data_vars.items():
        given = calibration.registers[name]
        assert array.dims == given.dims and array.dtype == given.dtype and array.shape == given.shape
        for dim in ("atomic_neuron", "capmem_block"):
            if dim in array.dims:
                assert (array == array.isel({dim: 0})).all(), name
                assert np.isin(array.values, given.values).all(), "the code of some circuit"
    code = calibration.registers.threshold_v_threshold_code
    assert not (code == code[0]).all(), "the calibration itself is left as it was"
    middle = np.sort(code.values)[255]
    assert same.threshold_v_threshold_code[0] == middle


def test_uniform_registers__of_several_chips_keep_them_apart():
    chips = b2.EmulatedChip(seed=xr.DataArray([3, 4, 5], dims="chip"))
    with pytest.warns(UserWarning, match="calibration failed for 2 of 1536 circuits"):
        registers = b2.calibrate(chips, b2.NeuronCalibTarget()).registers
    same = b2.calibration.uniform_registers(registers)
    alone = b2.calibration.uniform_registers(registers.isel(chip=1))
    xr.testing.assert_equal(same.isel(chip=1), alone)


def test_uniform_registers__refuse_what_is_no_register(calibration):
    with pytest.raises(b2.ParameterError, match="threshold_v_threshold_code"):
        wrong = calibration.registers.copy()
        wrong["threshold_v_threshold_code"] = wrong.threshold_v_threshold_code + 5000
        b2.calibration.uniform_registers(wrong)


def test_distributions__draw_every_quantity_before_and_after(chip, calibration):
    plt = pytest.importorskip("matplotlib.pyplot")
    before = chip.achieved(b2.calibration.uniform_registers(calibration.registers))
    axes = b2.plot.distributions(before, calibration.achieved)
    names = [ax.get_xlabel().split()[0] for ax in axes]
    assert names[:3] == ["leak", "reset", "threshold"]
    assert {"tau_mem", "tau_syn", "refractory_time"} <= set(names)
    threshold = axes[names.index("threshold")]
    assert threshold.get_xlabel() == "threshold [LSB]"
    assert threshold.get_ylabel() == "Circuits"
    wide, narrow = threshold.containers[0], threshold.patches[-1]
    heights = np.array([bar.get_height() for bar in wide])
    assert heights.sum() == 512
    spread = np.ptp([bar.get_x() for bar in wide if bar.get_height()])
    x, y = narrow.get_xy().T
    assert np.ptp(x[y > 0]) < spread / 4, "the calibrated thresholds are closer together"
    tau = axes[names.index("tau_syn")]
    assert tau.get_xlabel() == "tau_syn [us]"
    assert sum(bar.get_height() for bar in tau.containers[0]) == 1024  # both inputs of each circuit
    plt.close("all")


def test_distributions__take_the_quantities_asked_for_and_constant_ones(calibration):
    plt = pytest.importorskip("matplotlib.pyplot")
    axes = b2.plot.distributions(calibration.achieved, calibration.achieved, ["holdoff_time", "reset"])
    assert [ax.get_xlabel() for ax in axes] == ["holdoff_time [us]", "reset [LSB]"]
    plt.close("all")


def test_distributions__refuse_other_things(calibration):
    pytest.importorskip("matplotlib")
    good = calibration.achieved
    with pytest.raises(b2.InputError, match="before must be a Dataset"):
        b2.plot.distributions(3, good)
    with pytest.raises(b2.InputError, match="no quantity in common"):
        b2.plot.distributions(good, xr.Dataset())
    with pytest.raises(b2.InputError, match=r"treshold.*threshold"):
        b2.plot.distributions(good, good, ["treshold"])
    with pytest.raises(b2.UnknownKeywordError, match="quantities"):
        b2.plot.distributions(good, good, quantity=["reset"])


def test_uniform_registers__refuse_what_is_no_dataset():
    for wrong in (None, 3, {}):
        with pytest.raises(b2.ParameterError, match="registers must be a Dataset, as default_registers"):
            b2.calibration.uniform_registers(wrong)


def test_distributions__one_name_is_a_quantity(calibration):
    plt = pytest.importorskip("matplotlib.pyplot")
    axes = b2.plot.distributions(calibration.achieved, calibration.achieved, "leak")
    assert [ax.get_xlabel() for ax in axes] == ["leak [LSB]"]
    plt.close("all")


def test_distributions__refuse_before_there_is_a_figure(calibration):
    plt = pytest.importorskip("matplotlib.pyplot")
    good = calibration.achieved.assign(success=calibration.success, reason=calibration.reason)
    off = good.assign(tau_mem=good.tau_mem * np.inf)
    plt.close("all")
    for before, after, quantities, message in (
        (good, good, [], "quantities is empty; name at least one"),
        (good, good, 3, r"quantities must be names, e.g. \['leak'\]; got 3"),
        (good, good, [3], "quantity must be one of .*; got 3"),
        (good, good, ["reset", "success"], "success of before holds no numbers but bool"),
        (good, good, ["reason"], "reason of before holds no numbers but"),
        (good, good, ["atomic_neuron"], "quantity must be one of .*; got 'atomic_neuron'"),
        (off, good, ["leak", "tau_mem"], "tau_mem has no finite value in before; leave it out"),
        (good, off, "tau_mem", "tau_mem has no finite value in after; leave it out"),
    ):
        with pytest.raises(b2.InputError, match=message):
            b2.plot.distributions(before, after, quantities)
    assert not plt.get_fignums()
