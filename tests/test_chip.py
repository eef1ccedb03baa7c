"""The emulated chip: which circuits a seed gives, what registers make of them, and how they are read."""

import pickle
import subprocess
import sys

import naive_hardware as naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.errors import ParameterError, UnknownKeywordError
from bss2sim.hardware import circuits, measure
from bss2sim.hardware.chip import EmulatedChip
from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.hardware.draws import normal, uniform
from bss2sim.hardware.neuron_block import default_registers
from bss2sim.hardware.quantities import NEEDED
from bss2sim.hardware.registers import REGISTERS
from bss2sim.hardware.transfer import LAWS

TYPICAL = {
    "leak_v_leak_code": 613, "leak_i_bias_code": 300, "reset_v_reset_code": 599, "threshold_v_threshold_code": 385,
    "membrane_capacitance_code": 63, "i_bias_tau_code": 60, "i_bias_gm_code": 500, "i_shift_reference_code": 310,
    "synapse_dac_bias_code": 600, "enable_synaptic_input": True, "refractory_time_code": 32, "input_clock_code": 1,
    "clock_scale_fast_code": 3,
}  # fmt: skip
NOMINAL = {
    "leak": 80, "reset": 70, "threshold": 125, "tau_mem": 3e-3 / 305, "tau_syn": 10e-6, "synaptic_strength": 0.82,
    "synapse_dac": 1, "capacitance": 69, "reference_mismatch": 0, "drift": 0, "refractory_time": 2.048e-6,
    "holdoff_time": 64e-9,
}  # fmt: skip
CHIPS = xr.DataArray(np.arange(200), dims="chip")


def typical_registers(**changes):
    """Registers at the typical codes."""
    registers = default_registers()
    for name, value in (TYPICAL | changes).items():
        registers[name][...] = value
    return registers


def random_registers(seed, chips=None):
    """Registers with random codes."""
    rng = np.random.default_rng(seed)
    registers = default_registers(chips)
    for name, register in REGISTERS.items():
        codes = rng.integers(0, register.upper, registers[name].shape, endpoint=True)
        registers[name][...] = codes.astype(bool) if register.switch else codes
    # now and then what is off or floats
    registers["leak_i_bias_code"][..., ::7] = 0
    registers["i_bias_gm_code"][..., ::11] = 0
    registers["i_bias_tau_code"][..., ::5] = rng.integers(0, 8, registers["i_bias_tau_code"][..., ::5].shape)
    return registers


# ---------------------------------------------------------------------------------------------------------------------
# draws


@given(st.integers(0, 2**63 - 1), st.integers(0, 2000), st.integers(0, 2**63 - 1), st.integers(0, 2000))
def test_draws__as_the_twin(seed, stream, run, index):
    assert uniform(seed, stream, run, index + 1)[-1] == naive.uniform(seed, stream, run, index)
    assert normal(np.array(seed), stream, run, (index + 1,))[-1] == naive.normal(seed, stream, run, index)


@pytest.mark.parametrize("bits", [0, 2**64 - 1])
def test_draws__are_finite_at_the_ends(bits, monkeypatch):
    class Ends:
        def __init__(self, key, counter):
            pass

        def random_raw(self, size):
            return np.full(size, bits, dtype=np.uint64)

    monkeypatch.setattr(np.random, "Philox", Ends)
    numbers = uniform(7, 1, 0, 5)
    assert numbers.shape == (5,) and ((numbers > 0) & (numbers < 1)).all()
    extreme = normal(np.array(7), 1, 0, (5,))
    assert ((np.abs(extreme) > 8) & (np.abs(extreme) < 8.3)).all()
    assert (np.sign(extreme) == (1 if bits else -1)).all()
    for parameter in EmulatedChip(7).parameters.data_vars.values():
        assert np.isfinite(parameter.values).all()


def test_draws__streams_runs_and_seeds_are_independent():
    numbers = [
        normal(np.array(seed), stream, run, (4096,)) for seed in (0, 1, 2) for stream in (1, 2) for run in (0, 1, 2**40)
    ]
    correlation = np.corrcoef(numbers) - np.eye(len(numbers))
    assert np.abs(correlation).max() < 5 / np.sqrt(4096)


def test_draws__are_normal():
    from scipy.stats import kstest

    assert kstest(normal(np.arange(50), 3, 0, (2000,)).ravel(), "norm").pvalue > 0.01


# ---------------------------------------------------------------------------------------------------------------------
# parameters


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
@pytest.mark.parametrize("neuron", [0, 200, 293, 511])
@pytest.mark.parametrize("variation", [0.0, 1.0, 2.5])
def test_parameters__as_the_twin(seed, neuron, variation):
    parameters = EmulatedChip(seed, variation=variation).parameters
    for name, value in naive.circuit(seed, neuron, variation).items():
        array = parameters[name]
        found = array[..., neuron // 128] if "capmem_block" in array.dims else array[..., neuron]
        np.testing.assert_allclose(found, value, rtol=1e-12, err_msg=name)


def test_parameters__stay_the_same_for_ever():
    """A release that draws other chips of the same seeds must say so; these numbers were drawn when chips were new."""
    parameters = EmulatedChip(7).parameters
    frozen = {
        "leak_offset": [-73.4903169139009, -81.75816095812246, -84.31731181331908],
        "leak_slope": [0.2593666303344071, 0.26124204259365796, 0.27016497335396705],
        "tau_syn_constant": [0.0006253164407797157, 0.0005913925386965274, 0.000551517725083977],
        "synapse_dac_slope": [0.001730992228258401, 0.0015496935450937598, 0.0016143752650047342],
    }
    for name, values in frozen.items():
        np.testing.assert_allclose(parameters[name].values.flat[[0, 1, -1]], values, rtol=1e-12, err_msg=name)


@given(seeds=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4))
def test_parameters__do_not_depend_on_what_is_drawn_together(seeds):
    together = EmulatedChip(xr.DataArray(np.array(seeds), dims="chip")).parameters
    for index, seed in enumerate(seeds):
        alone = EmulatedChip(seed).parameters
        for name in alone:
            chosen = together[name].isel(chip=index) if "chip" in together[name].dims else together[name]
            assert np.array_equal(chosen.values, alone[name].values), name


def test_parameters__are_those_of_all_laws():
    parameters = EmulatedChip(variation=0).parameters
    assert set(parameters.data_vars) == {name for law in LAWS.values() for name in law.parameters}
    assert set(circuits.STREAMS) == set(LAWS)


def test_parameters__are_read_only():
    chip = EmulatedChip(1)
    with pytest.raises(ValueError, match="read-only"):
        chip.parameters["leak_offset"][0] = 3
    changed = chip.parameters
    changed["leak_offset"] = changed["leak_offset"] + 1
    assert not chip.parameters["leak_offset"].identical(changed["leak_offset"])


def test_streams__are_distinct():
    streams = [*circuits.STREAMS.values(), *measure.STREAMS.values()]
    assert len(set(streams)) == len(streams)


# ---------------------------------------------------------------------------------------------------------------------
# variation


def test_variation_0__every_circuit_is_typical():
    achieved = EmulatedChip(3, variation=0).achieved(typical_registers())
    for name, value in NOMINAL.items():
        assert len(np.unique(achieved[name])) == 1
        np.testing.assert_allclose(achieved[name], value, rtol=1e-12)


SPREADS = {
    "leak": 5, "reset": 6, "threshold": 3.5, "tau_mem": None, "tau_syn": None, "synaptic_strength": None,
    "synapse_dac": None, "capacitance": np.hypot(1, 63 * 0.02), "drift": 0.5e6,
}  # fmt: skip
RELATIVE = {
    "tau_mem": np.hypot(0.15, np.hypot(1, 63 * 0.02) / 69), "tau_syn": 0.2, "synapse_dac": 0.08,
    "synaptic_strength": np.sqrt(0.15**2 + 0.2**2 + 0.08**2 + (np.hypot(1, 63 * 0.02) / 69) ** 2),
}  # fmt: skip


def test_variation_1__spreads_are_the_configured_ones():
    achieved = EmulatedChip(CHIPS).achieved(typical_registers())
    for name, spread in SPREADS.items():
        values = achieved[name].values
        if spread is None:
            values, spread, middle = np.log(values), RELATIVE[name], np.log(NOMINAL[name])
        else:
            middle = NOMINAL[name]
        if name == "capacitance":  # its mean is above its median, 69
            middle = 6 * np.exp((1 / 6) ** 2 / 2) + 63 * np.exp(0.02**2 / 2)
        # four standard errors, and the logarithm of what is nearly lognormal
        independent = 800 if name in ("synapse_dac", "synaptic_strength") else values.size
        assert values.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * independent) + 0.01), name
        assert values.mean() == pytest.approx(middle, abs=4 * spread / np.sqrt(independent) + 0.02 * spread), name


def test_variation_1__parameters_follow_the_stated_distributions():
    from scipy.stats import kstest

    parameters = EmulatedChip(CHIPS).parameters
    level = parameters["threshold_offset"] + 385 * parameters["threshold_slope"]
    factors = {
        "threshold_slope": (0.325, 0.015), "leak_conductance": (69 / 3e-3, 0.15), "tau_syn_constant": (600e-6, 0.2),
        "capacitance_intrinsic": (6, 1 / 6), "synapse_dac_slope": (1 / 600, 0.08),
    }  # fmt: skip
    normals = {"threshold": (level.values - 125) / 3.5}
    for name, (typical, spread) in factors.items():
        normals[name] = np.log(parameters[name].values / typical) / spread
    for name, z in normals.items():
        assert kstest(z.ravel(), "norm").pvalue > 1e-3, name


def test_variation_1__circuits_and_parameters_are_independent():
    parameters = EmulatedChip(CHIPS).parameters
    columns = []
    for name, array in parameters.data_vars.items():
        if array.dims == ("chip", "atomic_neuron") and not name.endswith("_offset"):
            columns.append(array.values.ravel())
        elif array.dims == ("chip", "synaptic_input", "atomic_neuron"):
            columns += [array.values[:, side].ravel() for side in range(2)]
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5 / np.sqrt(columns[0].size)
    # neighbours on a chip, and equal places of two chips
    one = columns[0].reshape(200, 512)
    assert abs(np.corrcoef(one[:, 1:].ravel(), one[:, :-1].ravel())[0, 1]) < 5 / np.sqrt(one.size)
    assert abs(np.corrcoef(one[1:].ravel(), one[:-1].ravel())[0, 1]) < 5 / np.sqrt(one.size)


@pytest.mark.parametrize("law", LAWS)
def test_variation__scales_single_laws(law):
    usual, more, none = (EmulatedChip(5, variation={law: factor}).parameters for factor in (1.0, 2.0, 0.0))
    typical = EmulatedChip(variation=0).parameters
    for name in usual:
        own = name in LAWS[law].parameters
        if not own or typical[name].ndim == 0:
            assert usual[name].equals(more[name]) and usual[name].equals(none[name])
            continue
        assert none[name].equals(typical[name])
        if not name.endswith("_offset"):  # they depend on slopes, too
            additive = name in ("leak_bias_slope", "reference_optimum")
            of = (
                (lambda a, n=name: (a - typical[n]).values)
                if additive
                else (lambda a, n=name: np.log((a / typical[n]).values))
            )
            np.testing.assert_allclose(of(more[name]), 2 * of(usual[name]), atol=2e-9)


def test_variation__large_factors_stay_positive():
    parameters = EmulatedChip(CHIPS[:20], variation=30).parameters
    for name in parameters:
        if not name.endswith("offset") and name not in ("leak_bias_slope", "reference_optimum"):
            assert (parameters[name] > 0).all() and np.isfinite(parameters[name]).all(), name


# ---------------------------------------------------------------------------------------------------------------------
# achieved


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_achieved__as_the_twin(seed):
    registers = random_registers(seed)
    achieved = EmulatedChip(seed).achieved(registers)
    assert set(achieved.data_vars) == set(NEEDED)
    for neuron in range(seed, 512, 11):
        codes = {}
        for name in REGISTERS:
            dims = registers[name].dims
            values = registers[name].values
            if "capmem_block" in dims:
                values = values[neuron // 128]
            elif "atomic_neuron" in dims:
                values = values[..., neuron]
            codes[name] = values.tolist()
        for name, value in naive.achieved(naive.circuit(seed, neuron), codes).items():
            array = achieved[name]
            found = array[neuron // 128] if "capmem_block" in array.dims else array[..., neuron]
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-6 if "drift" in name else 0, err_msg=name)


def test_achieved__chips_and_registers_go_together():
    seeds = xr.DataArray([3, 1], dims="chip", coords={"chip": ["a", "b"]})
    registers = random_registers(4, {"chip": 2, "sweep": 3})
    together = EmulatedChip(seeds).achieved(registers)
    assert together.sizes["sweep"] == 3 and together["chip"].values.tolist() == ["a", "b"]
    for index, seed in enumerate((3, 1)):
        alone = EmulatedChip(seed).achieved(registers.isel(chip=index))
        for name in alone:
            np.testing.assert_array_equal(together[name].isel(chip=index), alone[name])
            assert together[name].dims == ("chip", *alone[name].dims)


def test_achieved__order_of_dims_does_not_matter():
    registers = random_registers(4, {"chip": 2, "sweep": 3})
    turned = registers.copy()
    turned["leak_v_leak_code"] = turned["leak_v_leak_code"].transpose("sweep", "chip", "atomic_neuron")
    chip = EmulatedChip(xr.DataArray([3, 1], dims="chip"))
    xr.testing.assert_identical(chip.achieved(registers), chip.achieved(turned))


def test_achieved__only_needs_the_registers_of_what_is_asked():
    for name, needed in NEEDED.items():
        achieved = EmulatedChip(1).achieved(typical_registers()[list(needed)], quantities=[name])
        assert set(achieved.data_vars) == {name}


def test_achieved__is_labelled_and_has_provenance(tmp_path):
    achieved = EmulatedChip(xr.DataArray([1, 2], dims="chip")).achieved(typical_registers())
    assert set(achieved.coords) == {"atomic_neuron", "row", "column", "quadrant", "synaptic_input", "capmem_block"}
    assert achieved["leak"].attrs["units"] == "LSB"
    assert achieved.attrs["chip_seed"].tolist() == [1, 2]
    pytest.importorskip("h5netcdf")
    achieved.to_netcdf(tmp_path / "achieved.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "achieved.nc", engine="h5netcdf") as again:
        xr.testing.assert_identical(again.load(), achieved)


def test_achieved__inputs_that_are_off_do_nothing():
    registers = typical_registers()
    registers["enable_synaptic_input"][...] = False
    achieved = EmulatedChip(1).achieved(registers)
    for name in ("synaptic_strength", "reference_mismatch", "drift"):
        assert (achieved[name] == 0).all()


# ---------------------------------------------------------------------------------------------------------------------
# measure

NOISE = {
    "leak": (0, 0.87), "reset": (0, 0.88), "threshold": (-0.5, np.sqrt(0.5**2 + (0.7 * 0.325) ** 2 + 1 / 12)),
    "drift": (0, 17e3), "reference_mismatch": (0, np.hypot(17e3, 0.7 * 14e3)), "refractory_time": (0, 0),
    "holdoff_time": (0, 0),
}  # fmt: skip
RELATIVE_NOISE = {
    "tau_mem": np.hypot(0.03, 0.7 / 300), "tau_syn": np.hypot(0.02, 0.7 / 60), "synaptic_strength": 0.02,
    "synapse_dac": 0.01, "capacitance": 0.05,
}  # fmt: skip


@pytest.mark.parametrize("quantity", NEEDED)
def test_measure__noise_is_the_configured_one(quantity):
    chip, registers = EmulatedChip(CHIPS[:60]), typical_registers()
    measured, true = chip.measure(quantity, registers), chip.achieved(registers)[quantity]
    assert measured.dims == true.dims and measured.name == quantity and measured.attrs == true.attrs
    if quantity in RELATIVE_NOISE:
        error, (bias, spread) = np.log(measured / true).values, (0, RELATIVE_NOISE[quantity])
    else:
        error, (bias, spread) = (measured - true).values, NOISE[quantity]
    assert error.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * error.size) + 0.03)
    assert error.mean() == pytest.approx(bias, abs=4 * spread / np.sqrt(error.size) + 0.002 * spread)


@pytest.mark.parametrize("quantity", NEEDED)
def test_measure__depends_on_seed_quantity_and_run_alone(quantity):
    registers = typical_registers()
    together = EmulatedChip(xr.DataArray([4, 5], dims="chip"))
    first = together.measure(quantity, registers)
    xr.testing.assert_identical(first, together.measure(quantity, registers))
    alone = EmulatedChip(5).measure(quantity, registers)
    np.testing.assert_array_equal(first.isel(chip=1), alone)
    several = EmulatedChip(5).measure(quantity, registers, run=xr.DataArray([3, 0], dims="run"))
    np.testing.assert_array_equal(several.isel(run=1), alone)
    if quantity not in measure.EXACT:
        other = EmulatedChip(5).measure(quantity, registers, run=3)
        np.testing.assert_array_equal(several.isel(run=0), other)
        assert not np.array_equal(other, alone)


def test_measure__runs_along_a_sweep_have_noise_of_their_own():
    codes = xr.DataArray(np.full((4, 512), 599), dims=("sweep", "atomic_neuron"))
    registers = xr.Dataset({"reset_v_reset_code": codes})
    chip, runs = EmulatedChip(1), xr.DataArray(np.arange(4), dims="sweep")
    one, each = chip.measure("reset", registers), chip.measure("reset", registers, run=runs)
    assert one.dims == each.dims == ("sweep", "atomic_neuron")
    assert (one == one.isel(sweep=0)).all() and not (each == each.isel(sweep=0)).all()


@pytest.mark.parametrize("quantity", ["leak", "reset", "threshold"])
def test_measure__potentials_are_clipped_reads(quantity):
    low = {"leak_v_leak_code": 0, "reset_v_reset_code": 0, "threshold_v_threshold_code": 0}
    high = {"leak_v_leak_code": 1022, "reset_v_reset_code": 1022, "threshold_v_threshold_code": 1022}
    offset = 3.5 if quantity != "threshold" else 0.5  # read noise comes on top of the limits of the membrane
    lowest = EmulatedChip(1).measure(quantity, typical_registers(**low))
    assert 20 - offset <= lowest.min() <= lowest.max() <= 20 + offset
    chip = EmulatedChip(1, configuration=ChipConfiguration(threshold_level=230, leak_level=230, reset_level=230))
    highest = chip.measure(quantity, typical_registers(**high))
    assert 235 - offset <= highest.min() <= highest.max() <= 235 + offset
    assert (2 * highest == np.rint(2 * highest)).all()


def test_measure__reads_stay_in_the_range_of_the_adc():
    loud = ChipConfiguration(cadc_noise=50, membrane_lower=0, membrane_upper=255)
    registers = typical_registers(reset_v_reset_code=600)
    read = EmulatedChip(1, configuration=loud).measure("reset", registers)
    assert read.min() >= 0 and read.max() <= 255


def test_measure__what_floats_or_is_off():
    registers = typical_registers(i_bias_tau_code=0, leak_i_bias_code=0)
    assert np.isinf(EmulatedChip(1).measure("tau_syn", registers)).all()
    assert np.isinf(EmulatedChip(1).measure("tau_mem", registers)).all()
    assert np.isinf(EmulatedChip(1).measure("synaptic_strength", registers)).all()
    registers["enable_synaptic_input"][...] = False
    assert (EmulatedChip(1).measure("synaptic_strength", registers) == 0).all()


def test_measure__is_the_truth_without_noise():
    silent = {row["name"]: 0 for row in ChipConfiguration().describe() if row["name"].endswith("noise")}
    chip = EmulatedChip(1, configuration=ChipConfiguration(**silent, threshold_read_bias=0))
    achieved = chip.achieved(typical_registers())
    for quantity in NEEDED:
        step = 0.5 if quantity in ("leak", "reset", "threshold") else 0
        measured = chip.measure(quantity, typical_registers())
        np.testing.assert_allclose(measured.values, achieved[quantity].values, rtol=0, atol=step)
        assert np.isfinite(measured.values).all()


# ---------------------------------------------------------------------------------------------------------------------
# the description itself


def test_chip__equality_hash_and_pickle():
    seeds = xr.DataArray([1, 2], dims="chip")
    chips = [
        EmulatedChip(1), EmulatedChip(2), EmulatedChip(1, variation=0.5), EmulatedChip(1, variation={"leak": 2}),
        EmulatedChip(1, configuration=ChipConfiguration(gm_spread=0)), EmulatedChip(seeds),
        EmulatedChip(seeds.rename(chip="board")), EmulatedChip(seeds.assign_coords(chip=["a", "b"])),
    ]  # fmt: skip
    for i, one in enumerate(chips):
        again = pickle.loads(pickle.dumps(one))
        assert again == one and hash(again) == hash(one) and repr(again) == repr(one)
        assert [one == other for other in chips] == [i == j for j in range(len(chips))]
    assert EmulatedChip(1) == EmulatedChip(np.int32(1), variation={"leak": 1}) and EmulatedChip(1) != 1
    xr.testing.assert_identical(again.parameters, chips[-1].parameters)


def test_chip__repr():
    assert repr(EmulatedChip(7)) == "EmulatedChip(seed=7, variation=1.0)"
    assert repr(EmulatedChip(CHIPS, variation=0)) == "EmulatedChip(seed=<chip: 200>, variation=0.0)"
    assert "'leak': 2.0" in repr(EmulatedChip(variation={"leak": 2}))
    assert repr(EmulatedChip(configuration=ChipConfiguration(gm_spread=0))).endswith(", configuration=...)")


def test_chip__is_immutable():
    chip = EmulatedChip(CHIPS)
    with pytest.raises(AttributeError, match="EmulatedChip is immutable; make a new one"):
        chip.seed = 3
    with pytest.raises(ValueError, match="read-only"):
        chip.seed[0] = 3
    chip.variation["leak"] = 0
    assert chip.variation["leak"] == 1
    seeds = xr.DataArray(np.arange(2), dims="chip")
    chip = EmulatedChip(seeds)
    seeds[0] = 9
    assert chip.seed.values.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, "seed must be 0 to 9223372036854775807; got -1"),
        (2**63, "seed must be 0 to 9223372036854775807; got 9223372036854775808"),
        (1.0, "seed must be a whole number of at least 0, or a DataArray of them; got 1.0"),
        (True, "seed must be a whole number"),
        ("7", "seed must be a whole number"),
        ([1, 2], "seed must be a whole number of at least 0, or a DataArray of them"),
        (xr.DataArray([1.0], dims="chip"), "seed must be whole numbers; got dtype float64"),
        (xr.DataArray([3, -4], dims="chip"), "seed must be 0 to .*; got -4"),
        (xr.DataArray([1], dims="atomic_neuron"), "seed has a dim 'atomic_neuron'; give it dims of your own"),
        (xr.DataArray([1], dims="time"), "seed has a dim 'time'"),
        (xr.DataArray([1], dims="threshold_offset"), "seed has a dim 'threshold_offset'; give it dims of your own"),
        (xr.DataArray([1], dims="success"), "seed has a dim 'success'"),
        (xr.DataArray([1], dims="leak"), "seed has a dim 'leak'"),
        (xr.DataArray([1], dims="row"), "seed has a dim 'row'"),
        (xr.DataArray([1], dims="column"), "seed has a dim 'column'"),
        (xr.DataArray([1], dims="quadrant"), "seed has a dim 'quadrant'"),
        (xr.DataArray([1], dims=[3]), "seed has a dim 3; give it dims of your own"),
        (xr.DataArray(np.zeros(0, int), dims="chip"), r"seed is empty, of shape \(0,\); give at least one number"),
        (xr.DataArray(np.zeros((2, 0), int), dims=["chip", "board"]), r"seed is empty, of shape \(2, 0\)"),
    ],
)
def test_chip__refuses_seeds(seed, message):
    with pytest.raises(ParameterError, match=message):
        EmulatedChip(seed)


def test_chip__knows_the_seeds_of_chunked_ones():
    pytest.importorskip("dask")
    chip = EmulatedChip(CHIPS.chunk())
    assert chip.seed.chunks is None and chip.seed.equals(EmulatedChip(CHIPS).seed)


@pytest.mark.parametrize(
    ("variation", "message"),
    [
        (-1, "variation must be a finite number of at least 0; got -1"),
        (np.nan, "variation must be a finite number"),
        (np.inf, "variation must be a finite number"),
        ("much", "variation must be a finite number of at least 0; got 'much'"),
        (True, "variation must be a finite number"),
        (None, "variation must be a finite number"),
        (10**400, "variation must be a finite number"),
        (np.float32(np.inf), "variation must be a finite number"),
        ({"leak": 10**400}, "variation of leak must be a finite number"),
        ({"leak": -1}, "variation of leak must be a finite number of at least 0; got -1"),
        ({"treshold": 1}, "variation has no law 'treshold'; did you mean 'threshold'"),
        ({"refractory_time": 1}, "variation has no law 'refractory_time'"),
        ({3: 1}, "variation has no law 3"),
    ],
)
def test_chip__refuses_variations(variation, message):
    with pytest.raises(ParameterError, match=message):
        EmulatedChip(variation=variation)


def test_chip__refuses_other_arguments():
    with pytest.raises(ParameterError, match="configuration must be a ChipConfiguration; got dict"):
        EmulatedChip(configuration={})
    with pytest.raises(
        UnknownKeywordError, match=r"EmulatedChip\(\) has no argument 'variations'; did you mean 'variation'"
    ):
        EmulatedChip(variations=1)
    chip, registers = EmulatedChip(), typical_registers()
    with pytest.raises(ParameterError, match=r"quantity must be one of .*; got 'tresholds'; did you mean 'threshold'"):
        chip.measure("tresholds", registers)
    with pytest.raises(ParameterError, match=r"quantity must be one of .*; got 'taumem'; did you mean 'tau_mem'"):
        chip.achieved(registers, quantities=["taumem"])
    with pytest.raises(ParameterError, match=r"run must be 0 to .*; got -1"):
        chip.measure("leak", registers, run=-1)
    with pytest.raises(ParameterError, match="registers lack leak_i_bias_code"):
        chip.achieved(registers.drop_vars("leak_i_bias_code"))
    with pytest.raises(ParameterError, match="registers must be a Dataset"):
        chip.achieved(None)
    registers["leak_v_leak_code"][3] = -1
    with pytest.raises(ParameterError, match="leak_v_leak_code must be 0 to 1022; atomic_neuron 3 has -1"):
        chip.measure("leak", registers)


def test_achieved__one_name_is_a_quantity():
    chip, registers = EmulatedChip(), typical_registers()
    assert chip.achieved(registers, quantities="leak").identical(chip.achieved(registers, quantities=["leak"]))
    with pytest.raises(ParameterError, match=r"quantities must be names, e.g. \['leak', 'reset'\]; got 3"):
        chip.achieved(registers, quantities=3)
    with pytest.raises(ParameterError, match=r"quantity must be one of .*; got 3"):
        chip.achieved(registers, quantities=[3])


def test_measure__refuses_no_runs():
    with pytest.raises(ParameterError, match=r"run is empty, of shape \(0,\)"):
        EmulatedChip().measure("leak", typical_registers(), run=xr.DataArray(np.zeros(0, int), dims="run"))


@pytest.mark.parametrize(
    "chip",
    [
        EmulatedChip(1, variation=1e4),
        EmulatedChip(1, variation=1e300),
        EmulatedChip(1, variation={"tau_syn": 1e4}),
        EmulatedChip(1, variation={"leak": 1e300}),
        EmulatedChip(1, configuration=ChipConfiguration(gm_spread=1e300)),
        EmulatedChip(1, configuration=ChipConfiguration(leak_slope=1e308)),
        EmulatedChip(1, configuration=ChipConfiguration(tau_mem_constant=5e-324)),
    ],
)
def test_parameters__refuse_to_overflow(chip):
    """Warnings are errors here: none of NumPy comes out."""
    for call in (lambda: chip.parameters, lambda: chip.achieved(typical_registers())):
        with pytest.raises(
            ParameterError,
            match=r"variation or configuration is too large: .* of a circuit is .*; take a smaller variation",
        ):
            call()


def test_configuration__refuses_what_overflows_or_lets_every_line_float():
    with pytest.raises(ParameterError, match=r"gm_spread must be a finite number \[1\]; got 1000"):
        ChipConfiguration(gm_spread=10**400)
    with pytest.raises(ParameterError, match=r"leak_level must be a finite number \[LSB\]; got .*-inf"):
        ChipConfiguration(leak_level=np.float32(-np.inf))
    assert ChipConfiguration(floating_code=1022, gm_spread=np.float32(0.25)).gm_spread == 0.25
    with pytest.raises(ParameterError, match=r"floating_code must be at most 1022, the highest code; got 1022.5"):
        ChipConfiguration(floating_code=1022.5)


def test_variation__as_large_as_may_be_overflows_nothing():
    chip = EmulatedChip(1, variation=150)
    achieved = chip.achieved(typical_registers())
    for quantity in NEEDED:
        assert np.isfinite(achieved[quantity].values).all()
        assert not np.isnan(chip.measure(quantity, typical_registers()).values).any()


def test_chip__labels_of_nan_are_those_of_before():
    chip = EmulatedChip(xr.DataArray([1, 2], dims="chip", coords={"chip": [1.0, np.nan]}))
    registers = default_registers({"chip": 2}).assign_coords(chip=[1.0, np.nan])
    assert chip.achieved(registers, quantities=["leak"])["leak"].sizes == {"chip": 2, "atomic_neuron": 512}
    with pytest.raises(ParameterError, match="dim 'chip' of leak_v_leak_code has other labels than before"):
        chip.achieved(registers.assign_coords(chip=[np.nan, 1.0]))


def test_chip__refuses_dims_that_disagree():
    chip = EmulatedChip(xr.DataArray([1, 2], dims="chip", coords={"chip": [1, 2]}))
    with pytest.raises(ParameterError, match="dim 'chip' of leak_v_leak_code has 3 entries, and 2 before"):
        chip.achieved(default_registers({"chip": 3}))
    registers = default_registers({"chip": 2}).assign_coords(chip=[2, 1])
    with pytest.raises(ParameterError, match="dim 'chip' of leak_v_leak_code has other labels than before"):
        chip.achieved(registers)


# ---------------------------------------------------------------------------------------------------------------------
# cost


def test_import__loads_no_compiler():
    code = "import sys, bss2sim.hardware.chip; print(sorted({'numba', 'dask', 'matplotlib'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
