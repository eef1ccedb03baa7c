"""The binary search takes the same codes, step by step, as its description says."""

import naive_search
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.calibration.search import binary_search, search_increments
from bss2sim.errors import ParameterError


def test_increments__of_a_capmem_cell():
    """12 tests of a CapMem cell, 13 of a noisy search: Source of the numbers: CX:common/algorithms.py:17-253."""
    assert search_increments(1023) == [256, 128, 64, 32, 16, 8, 4, 2, 1, 1]
    assert search_increments(1023, noisy=True) == [256, 128, 64, 32, 16, 8, 5, 4, 2, 1, 1]
    assert search_increments(1) == []


@given(
    lower=st.integers(0, 200),
    length=st.integers(1, 1100),
    noisy=st.booleans(),
    inverted=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    slope=st.floats(-2, 2),
)
def test_search__takes_the_codes_of_the_naive_one(lower, length, noisy, inverted, seed, slope):
    """Also where the law is flat, falls, is noisy, infinite or no number."""
    rng = np.random.default_rng(seed)
    n = 20
    upper = lower + length - 1
    target = rng.uniform(-50, 300, n)
    noise = rng.integers(-5, 6, n) if noisy else None
    table = slope * np.arange(lower, upper + 1) + rng.normal(0, 3, (n, length))
    table[rng.random((n, length)) < 0.05] = np.nan
    table[rng.random((n, length)) < 0.05] = np.inf
    table[0] = np.nan
    table[1] = -np.inf
    tested = []

    def measure(code):
        tested.append(code)
        return table[np.arange(n), code - lower]

    found = binary_search(measure, target, lower, upper, inverted=inverted, start_noise=noise)
    for k in range(n):
        expected, best, value = naive_search.search(
            lambda code, k=k: table[k, code - lower], target[k], lower, upper, inverted,
            None if noise is None else int(noise[k]),
        )  # fmt: skip
        assert [int(codes[k]) for codes in tested] == expected
        assert int(found.code[k]) == best
        assert found.value[k] == value
        assert found.within[k] == (lower < best < upper)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
def test_search__finds_the_best_code_of_monotone_laws(noisy, inverted):
    """Without noise of the measurement, within one code of the best one for every target, and exact inside."""
    slope = -0.26 if inverted else 0.26
    target = np.linspace(-260, 260, 4001)
    noise = np.arange(4001) % 11 - 5 if noisy else None
    offset = 130 if inverted else -130
    found = binary_search(
        lambda code: slope * code + offset, target, 0, 1022, inverted=inverted, start_noise=noise
    )  # fmt: skip
    best = np.clip(np.rint((target - offset) / slope), 0, 1022)
    reached = np.abs(slope * found.code + offset - target)
    nearest = np.abs(slope * best + offset - target)
    np.testing.assert_allclose(reached, nearest, atol=1e-9)
    np.testing.assert_array_equal(found.within, (found.code > 0) & (found.code < 1022))


def test_search__elements_do_not_meet():
    """An element's codes are the same whatever else is searched."""
    rng = np.random.default_rng(1)
    slope, target = rng.uniform(0.1, 0.5, (3, 40)), rng.uniform(0, 100, (3, 40))
    noise = rng.integers(-5, 6, (3, 40))
    together = binary_search(lambda code: slope * code, target, 0, 1022, start_noise=noise)
    for k in range(3):
        alone = binary_search(lambda code, k=k: slope[k] * code, target[k], 0, 1022, start_noise=noise[k])
        np.testing.assert_array_equal(together.code[k], alone.code)


def test_search__of_one_target():
    found = binary_search(lambda code: 2.0 * code, 100.0, 0, 63)
    assert (int(found.code), float(found.value), bool(found.within)) == (50, 100.0, True)
    assert int(binary_search(lambda code: 0.0 * code, 5.0, 7, 7).code) == 7


def test_search__refuses():
    with pytest.raises(ParameterError, match=r"empty.*3.*below.*4"):
        binary_search(lambda code: code, 1.0, 4, 3)
    with pytest.raises(ParameterError, match="finite"):
        binary_search(lambda code: code, np.nan, 0, 3)
    with pytest.raises(ParameterError, match=r"shape \(2,\).*\(3,\)"):
        binary_search(lambda code: np.zeros(3), np.zeros(2), 0, 3)
    with pytest.raises(ParameterError, match=r"upper has shape \(3,\).*\(2,\)"):
        binary_search(lambda code: code, np.zeros(2), 0, np.full(3, 7))


@pytest.mark.parametrize("noisy", [False, True])
def test_search__ranges_of_elements_do_not_meet(noisy):
    """An element with an upper bound of its own gets what it gets alone."""
    rng = np.random.default_rng(2)
    upper = np.array([0, 1, 2, 10, 100, 460, 1000, 1022])
    slope, target = rng.uniform(0.1, 0.5, 8), rng.uniform(0, 300, 8)
    noise = rng.integers(-5, 6, 8) if noisy else None
    together = binary_search(lambda code: slope * code, target, 0, upper, start_noise=noise)
    for k in range(8):
        start = None if noise is None else noise[k]
        alone = binary_search(lambda code, k=k: slope[k] * code, target[k], 0, int(upper[k]), start_noise=start)
        assert [part[k] for part in together] == list(alone)
