"""Registers of the refractory clocks: calix to the bit, the default rule against brute force, and its promises."""

import warnings
from pathlib import Path

import naive_refractory as naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.calibration.refractory import CLOCK_REGISTERS, refractory_registers, refractory_times
from bss2sim.calibration.refractory_rules import nearest_codes
from bss2sim.errors import ParameterError, UnknownKeywordError

with np.load(Path(__file__).parent / "data" / "refractory_clock.npz") as file:
    GOLDEN = dict(file)
NAMES = ("refractory_counters", "reset_holdoff", "input_clock", "slow_clock", "fast_clock")
GOOD = np.flatnonzero(GOLDEN["ok"] & GOLDEN["registers_in_range"])
BAD = np.flatnonzero(~(GOLDEN["ok"] & GOLDEN["registers_in_range"]))
US = 1e-6
# Finite times the chip can make, most of them around the feasible range; ticks make ties.
times_ps = st.one_of(
    st.integers(0, 40_000_000), st.integers(0, 10_000).map(lambda n: 4000 * n), st.integers(0, 60_000_000_000)
)
targets_ps = st.tuples(times_ps, times_ps).map(lambda pair: (max(pair), min(*pair, 8_000_000_000)))


def quiet(function, *arguments, **keywords):
    """Call without the warnings about targets out of the feasible range."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **keywords)


def make(refractory, holdoff, **keywords):
    """Registers of times [us], given as the nearest seconds."""
    return quiet(refractory_registers, refractory / 1e6, holdoff / 1e6, **keywords)


def distances(registers, refractory, holdoff):
    """How far times are from those wanted, and the period of the clock of each circuit [us]."""
    made = refractory_times(registers)
    assert made.success.all()
    scale = xr.where(registers.input_clock_code == 1, registers.clock_scale_fast_code, registers.clock_scale_slow_code)
    period = 0.008 * 2.0**scale.values
    return abs(made.refractory_time.values * 1e6 - refractory), abs(made.holdoff_time.values * 1e6 - holdoff), period


# ---------------------------------------------------------------------------------------------------------------------
# calix


@pytest.mark.parametrize("index", GOOD)
def test_calix__registers_to_the_bit(index):
    registers = make(GOLDEN["tau_ref_us"][index], GOLDEN["holdoff_us"][index], rule="calix")
    for name, theirs in zip(CLOCK_REGISTERS, NAMES, strict=True):
        np.testing.assert_array_equal(registers[name].values, GOLDEN[theirs][index], err_msg=name)
    made = refractory_times(registers)
    released = made.success.values
    np.testing.assert_allclose(made.refractory_time.values * 1e6, GOLDEN["achieved_tau_ref_us"][index], rtol=1e-6)
    holdoff = made.holdoff_time.values * 1e6
    np.testing.assert_allclose(holdoff[released], GOLDEN["achieved_holdoff_us"][index][released], rtol=1e-6)
    assert not holdoff[~released].any()


@pytest.mark.parametrize("index", BAD)
def test_calix__what_the_chip_does_not_have_is_an_error(index):
    with pytest.raises(ParameterError, match="atomic_neuron"):
        make(GOLDEN["tau_ref_us"][index], GOLDEN["holdoff_us"][index], rule="calix")


def test_calix__chips_do_not_see_each_other():
    """All sets at once, as chips: the mean of each rounds as if it were alone."""
    dims = ("chip", "atomic_neuron")
    refractory = xr.DataArray(GOLDEN["tau_ref_us"][GOOD] / 1e6, dims=dims)
    holdoff = xr.DataArray(GOLDEN["holdoff_us"][GOOD] / 1e6, dims=dims)
    registers = quiet(refractory_registers, refractory, holdoff, rule="calix")
    for name, theirs in zip(CLOCK_REGISTERS, NAMES, strict=True):
        np.testing.assert_array_equal(registers[name].values, GOLDEN[theirs][GOOD], err_msg=name)


@pytest.mark.parametrize(
    ("refractory", "holdoff", "clock", "scale", "counter", "code"),
    [
        (2, 0, 1, 3, 32, 15), (1, 0, 1, 2, 32, 15), (1.5, 0, 1, 2, 47, 15), (5, 0, 1, 4, 40, 15), (10, 0, 1, 4, 79, 15),
        (32, 0, 1, 4, 251, 15), (0.04, 0, 1, 0, 6, 15), (1.92, 0, 1, 3, 31, 15), (10, 2, 1, 4, 79, 15), (5, 4, 0, 5, 20, 8),
        (2, 4, 0, 5, 8, 8), (2.2, 0, 0, 1, 138, 15), (2.2, 1, 0, 3, 35, 8),
    ],
)  # fmt: skip
def test_calix__worked_examples(refractory, holdoff, clock, scale, counter, code):
    registers = make(refractory, holdoff, rule="calix").isel(atomic_neuron=17)
    assert registers.input_clock_code == clock
    assert registers[f"clock_scale_{'fast' if clock else 'slow'}_code"] == scale
    assert (registers.refractory_time_code, registers.reset_holdoff_code) == (counter, code)


def test_calix__warns_where_the_clamp_is_not_released():
    with pytest.warns(UserWarning, match=r"holdoff longer than the refractory time; atomic_neuron 0, .* and 504 more"):
        registers = refractory_registers(2 * US, 4 * US, rule="calix")
    made = refractory_times(registers)
    assert not made.success.any() and not made.holdoff_time.any()


# ---------------------------------------------------------------------------------------------------------------------
# the default rule


def possible(index):
    """Whether every holdoff of a set is a part of its refractory time."""
    refractory, holdoff = GOLDEN["tau_ref_us"][index], GOLDEN["holdoff_us"][index]
    return bool((holdoff >= 0).all() and (holdoff <= refractory).all())


def test_default__golden_sets_are_possible_mostly():
    assert sum(map(possible, GOOD)) == 142


@pytest.mark.parametrize("index", GOOD)
def test_default__golden_sets_within_the_resolution_and_never_worse_than_calix(index):
    refractory, holdoff = GOLDEN["tau_ref_us"][index], GOLDEN["holdoff_us"][index]
    if possible(index):
        theirs = make(refractory, holdoff, rule="calix")
    else:  # a part cannot be longer than the whole: shortened here, refused there
        with pytest.raises(ParameterError, match="holdoff_time must"):
            make(refractory, holdoff)
        holdoff = holdoff.clip(0, refractory)
        try:
            theirs = make(refractory, holdoff, rule="calix")
        except ParameterError:
            theirs = None
    registers = make(refractory, holdoff)
    whole, part, period = distances(registers, refractory, holdoff)
    assert (whole <= period * (1 + 1e-9)).all()
    assert (part <= 1.5 * period * (1 + 1e-9)).all()
    assert (registers.refractory_time_code >= 31 - 2 * registers.reset_holdoff_code).all()
    if theirs is None:
        return
    their_whole, their_part, _ = distances(theirs, refractory, holdoff)
    for ours, reference in [(whole, their_whole), (part, their_part), (whole + part, their_whole + their_part)]:
        assert ours.sum() <= reference.sum() * (1 + 1e-9) + 1e-9
        assert ours.max() <= reference.max() * (1 + 1e-9) + 1e-9


@given(st.lists(targets_ps, min_size=1, max_size=3))
def test_default__is_the_best_of_all_registers(targets):
    refractory, holdoff = (np.array(times, np.int64) for times in zip(*targets, strict=True))
    codes = nearest_codes(refractory[None], holdoff[None])
    distance, wanted = naive.best_registers(refractory.tolist(), holdoff.tolist())
    assert {name: code[0].tolist() for name, code in codes._asdict().items()} == wanted
    made = [
        naive.times(*pair, int((codes.clock_scale_fast if clock else codes.clock_scale_slow)[0]))
        for *pair, clock in zip(*(code[0].tolist() for code in codes[:3]), strict=True)
    ]
    assert distance == sum(abs(m[k] - t[k]) for m, t in zip(made, targets, strict=True) for k in range(2))


def draw_chip(seed, targets):
    """Targets of 512 circuits [s], drawn from a few."""
    which = np.random.default_rng(seed).integers(0, len(targets), 512)
    refractory, holdoff = (np.array(times, np.int64)[which] for times in zip(*targets, strict=True))
    return refractory * 1e-12, holdoff * 1e-12, which


chips = st.builds(draw_chip, st.integers(0, 1000), st.lists(targets_ps, min_size=1, max_size=8))


@given(chips)
def test_default__codes_are_in_range_without_glitch_and_equal_for_equal_targets(chip):
    refractory, holdoff, which = chip
    registers = quiet(refractory_registers, refractory, holdoff)
    count, code = registers.refractory_time_code.values, registers.reset_holdoff_code.values
    assert (31 - 2 * code >= 1).all() and (31 - 2 * code <= count).all() and (count <= 255).all()
    assert refractory_times(registers).success.all()  # and the ranges of all five
    keys = np.stack([count, code, registers.input_clock_code.values], axis=1)
    for target in np.unique(which):
        assert (keys[which == target] == keys[which == target][0]).all()


@given(chips, st.integers(0, 1000))
def test_default__follows_the_circuits_and_no_jitter(chip, seed):
    refractory, holdoff, _ = chip
    rng = np.random.default_rng(seed)
    order = rng.permutation(512)
    registers = quiet(refractory_registers, refractory, holdoff)
    moved = quiet(refractory_registers, refractory[order], holdoff[order])
    jitter = 1 + rng.uniform(-1e-15, 1e-15, (2, 512))
    jittered = quiet(refractory_registers, refractory * jitter[0], holdoff * jitter[1])
    for name in CLOCK_REGISTERS:
        code = registers[name].values
        np.testing.assert_array_equal(moved[name].values, code[order] if code.ndim else code)
        np.testing.assert_array_equal(jittered[name].values, code)


@pytest.mark.parametrize("refractory", [0.3, 0.7, 1.1, 2.2, 3.3, 3.83, 30.0])
def test_default__does_not_depend_on_how_a_mean_rounds(refractory):
    """Equal targets where calix takes the other clock because their mean rounds down."""
    registers = refractory_registers(refractory * US, 0.1 * refractory * US)
    assert (registers.input_clock_code == 1).all()
    assert registers.clock_scale_fast_code == registers.clock_scale_slow_code
    whole, part, period = distances(registers, refractory, 0.1 * refractory)
    assert (whole <= 0.5 * period + 1e-9).all() and (part <= period + 1e-9).all()


def test_default__worked_examples():
    """Uniform targets: the fastest clock that reaches them."""
    for refractory, holdoff, scale, counter, code in [
        (2, 0, 0, 250, 15), (10, 2, 3, 156, 0), (5, 4, 4, 39, 0), (0.04, 0, 0, 5, 15), (32, 0, 4, 250, 15),
    ]:  # fmt: skip
        registers = refractory_registers(refractory * US, holdoff * US).isel(atomic_neuron=3)
        found = registers.clock_scale_fast_code, registers.refractory_time_code, registers.reset_holdoff_code
        assert found == (scale, counter, code)


def test_default__a_zero_holdoff_elsewhere_does_not_coarsen_the_others():
    holdoff = np.where(np.arange(512) < 5, 0, 1.0)
    whole, part, _ = distances(make(np.full(512, 2.0), holdoff), 2.0, holdoff)
    assert (part[5:] <= 0.04).all() and (whole <= 0.04).all()


@pytest.mark.parametrize(
    ("refractory", "holdoff", "counter", "other"),
    [(0.504, 0.504, 32, (1, 6)), (5.75, 2.294, 45, (22, 5)), (2.471, 0.896, 77, (19, 4))],
)
def test_default__small_counters_are_avoided_where_that_is_free(refractory, holdoff, counter, other):
    """Another clock comes as near, with fewer counts."""
    registers = refractory_registers(refractory * US, holdoff * US)
    assert (registers.refractory_time_code == counter).all()
    whole, part, _ = distances(registers, refractory, holdoff)
    count, scale = other
    period = 0.008 * 2**scale
    last = 2 * np.floor(holdoff / period / 2) + 1
    np.testing.assert_allclose(whole + part, abs(count * period - refractory) + abs(last * period - holdoff))


def test_default__chips_do_not_see_each_other():
    rng = np.random.default_rng(3)
    refractory = np.exp(rng.uniform(np.log(0.04), np.log(32), (20, 512))) * US
    holdoff = np.minimum(refractory, rng.uniform(0, 4 * US, (20, 512)))
    dims = ("chip", "atomic_neuron")
    together = refractory_registers(xr.DataArray(refractory, dims=dims), xr.DataArray(holdoff, dims=dims))
    for chip in (0, 7, 8, 19):
        alone = refractory_registers(refractory[chip], holdoff[chip])
        xr.testing.assert_identical(together.isel(chip=chip), alone)


# ---------------------------------------------------------------------------------------------------------------------
# labels and refusals


def test_registers__labels_and_broadcasting():
    refractory = xr.DataArray([1e-6, 2e-6, 3e-6], dims="chip", coords={"chip": ["a", "b", "c"]})
    holdoff = xr.DataArray(np.zeros((512, 2)), dims=("atomic_neuron", "sweep"))
    registers = refractory_registers(refractory, holdoff)
    assert registers.refractory_time_code.dims == ("chip", "sweep", "atomic_neuron")
    assert registers.clock_scale_fast_code.dims == ("chip", "sweep")
    assert registers.chip.values.tolist() == ["a", "b", "c"]
    assert {name: registers[name].dtype for name in CLOCK_REGISTERS} == dict.fromkeys(CLOCK_REGISTERS, np.int64)
    assert registers.atomic_neuron.values.tolist() == list(range(512))
    assert registers.quadrant.dims == registers.row.dims == registers.column.dims == ("atomic_neuron",)
    assert registers.attrs == {"rule": "default"}
    made = refractory_times(registers)
    assert made.refractory_time.dims == ("chip", "sweep", "atomic_neuron") and made.refractory_time.units == "s"
    np.testing.assert_allclose(made.refractory_time.sel(chip="b"), 2e-6)
    uniform = refractory_registers(1e-6, 0.0)
    assert (uniform.refractory_time_code.dims, uniform.clock_scale_slow_code.dims) == (("atomic_neuron",), ())


@pytest.mark.parametrize(
    ("refractory", "holdoff", "message"),
    [
        (np.nan, 0, "refractory_time must be finite and at least 0 s; got nan s"),
        (-1e-6, 0, "refractory_time must be finite and at least 0 s"),
        (1e-6, np.where(np.arange(512) == 7, -1e-9, 0), r"holdoff_time must .* got -1e-09 s; atomic_neuron 7"),
        (0.067, 0, r"refractory_time must be at most 66.98 ms, the longest of the slowest clock; got 0.067 s"),
        (0.06, 0.0084, r"holdoff_time must be at most 8.389 ms, .*; got 0.0084 s; atomic_neuron 0, 1"),
        (1e-6, np.where(np.arange(512) == 9, 2e-6, 0), r"holdoff_time must not exceed .* 2e-06 s in 1e-06 s; atomic_neuron 9"),
        (np.ones(3), 0, r"refractory_time has shape \(3,\)"),
        (np.full(512, 1e-6), np.zeros(3), r"holdoff_time has shape \(3,\)"),
        ("1", 0, "refractory_time must be real numbers"),
        (
            xr.DataArray([1e-6, 2e-6], dims="chip", coords={"chip": [0, 1]}),
            xr.DataArray([0.0, 0.0], dims="chip", coords={"chip": [1, 2]}),
            "refractory_time and holdoff_time have other labels or sizes",
        ),
        (xr.DataArray([1e-6, 2e-6], dims="chip"), xr.DataArray([0.0] * 3, dims="chip"), "other labels or sizes"),
    ],
)  # fmt: skip
def test_registers__refuse_times(refractory, holdoff, message):
    with pytest.raises(ParameterError, match=message):
        quiet(refractory_registers, refractory, holdoff)


def test_registers__refuse_rules_and_keywords():
    with pytest.raises(
        ParameterError, match="rule must be one of 'default', 'calix'; got 'calyx'; did you mean 'calix'"
    ):
        refractory_registers(1e-6, 0, rule="calyx")
    with pytest.raises(UnknownKeywordError, match="holdoff_time"):
        refractory_registers(1e-6, holdof_time=0)


@pytest.mark.parametrize("rule", ["default", "calix"])
@pytest.mark.parametrize(
    ("refractory", "holdoff", "name"),
    [(39e-9, 0, "refractory_time"), (33e-6, 0, "refractory_time"), (10e-6, 4.1e-6, "holdoff_time")],
)
def test_registers__warn_out_of_the_feasible_range(refractory, holdoff, name, rule):
    circuits = np.arange(512) == 11
    arguments = (np.where(circuits, refractory, 10e-6), np.where(circuits, holdoff, 0.0))
    with pytest.warns(
        UserWarning, match=rf"{name} = .* s is out of the feasible range, .*; atomic_neuron 11;"
    ) as record:
        refractory_registers(*arguments, rule=rule)
    assert record[0].filename == __file__


@pytest.mark.parametrize(("refractory", "counter"), [(0.0, 1), (8e-9, 1), (0.0668467, 255)])
def test_default__ends_of_the_range(refractory, counter):
    registers = quiet(refractory_registers, refractory, 0.0)
    assert (registers.refractory_time_code == counter).all()


def test_times__refuse_wrong_registers():
    registers = refractory_registers(1e-6, 0.0)
    with pytest.raises(ParameterError, match="lack input_clock_code"):
        refractory_times(registers.drop_vars("input_clock_code"))
    registers.refractory_time_code[5] = 256
    with pytest.raises(ParameterError, match="refractory_time_code must be 0 to 255; atomic_neuron 5 has 256"):
        refractory_times(registers)


def test_registers__refuse_arrays_without_entries():
    with pytest.raises(ParameterError, match="refractory_time has no entry along chip"):
        refractory_registers(xr.DataArray(np.zeros((0, 512)), dims=("chip", "atomic_neuron")), 0.0)
