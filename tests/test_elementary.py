"""Elementary functions against 50-digit arithmetic."""

import math

import mpmath
import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bss2sim.kernels.elementary import SOON, decay, leaky_gain, log1p, lost_soon

FUNCTIONS = {
    "compiled": (decay, log1p, leaky_gain),
    "python": tuple(getattr(f, "py_func", f) for f in (decay, log1p, leaky_gain)),
}
both = pytest.mark.parametrize("functions", FUNCTIONS.values(), ids=FUNCTIONS)


def ulps(value, expected):
    """Distance to a number of mpmath in units of the last place of its float64."""
    return float(abs(mpmath.mpf(value) - expected) / mpmath.mpf(float(np.spacing(abs(float(expected))))))


def assert_decay(function, x):
    with mpmath.workdps(50):
        remaining, lost = function(x)
        assert ulps(remaining, mpmath.exp(-mpmath.mpf(x))) <= 1.25
        assert ulps(lost, -mpmath.expm1(-mpmath.mpf(x))) <= 1.25


def assert_log1p(function, x):
    with mpmath.workdps(50):
        assert ulps(function(x), mpmath.log1p(mpmath.mpf(x))) <= 1.0


def assert_gain(function, s, tau_mem, tau_syn):
    with mpmath.workdps(50):
        t, m, x = map(mpmath.mpf, (s, tau_mem, tau_syn))
        if tau_mem == tau_syn:
            expected = t / m * mpmath.exp(-t / m)
        else:
            expected = x / (x - m) * (mpmath.exp(-t / x) - mpmath.exp(-t / m))
        assert ulps(function(s, tau_mem, tau_syn), expected) <= 4 * (1 + s / max(tau_mem, tau_syn))


@both
@given(x=st.floats(0.0, 760.0) | st.floats(0.0, 3.0))
@example(x=0.0)
@example(x=5e-324)
@example(x=1e-300)
@example(x=1e-17)
@example(x=0.5 * math.log(2))
@example(x=np.nextafter(0.5 * math.log(2), 1.0))
@example(x=math.log(2))
@example(x=708.0)
@example(x=745.0)
@example(x=745.2)
@example(x=746.0)
def test_decay(functions, x):
    assert_decay(functions[0], float(x))


@both
def test_decay__special(functions):
    decay = functions[0]
    assert decay(0.0) == (1.0, 0.0)
    for x in (750.0, 1e10, 1.7e308, math.inf):
        assert decay(x) == (0.0, 1.0)
    assert all(map(math.isnan, decay(math.nan)))


def test_decay__dense():
    """Worst cases are rare: many points, with the product of results and the sum as a second check."""
    rng = np.random.default_rng(1)
    for x in np.concatenate([rng.random(3000) * 4, 10 ** rng.uniform(-320, 2.9, 2000)]).tolist():
        assert_decay(decay, x)
        remaining, lost = decay(x)
        assert abs(remaining + lost - 1.0) <= 2.0**-52


def test_decay__monotone():
    x = np.sort(np.random.default_rng(2).random(20_000) * 40)
    remaining, lost = np.array([decay(value) for value in x.tolist()]).T
    # neighbours are further apart than the error
    assert np.all(np.diff(remaining) <= 0)
    assert np.all(np.diff(lost) >= 0)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="about compiled code")
def test_decay__is_packed():
    """The loop over an array holds vector arithmetic, and its results are the bits of single calls."""

    @numba.njit(error_model="numpy")
    def fill(x, remaining, lost):
        for k in range(x.size):
            remaining[k], lost[k] = decay(x[k])

    x = np.random.default_rng(3).random(1001) * 800
    remaining, lost = np.empty_like(x), np.empty_like(x)
    fill(x, remaining, lost)
    singles = np.array([decay(value) for value in x.tolist()]).T
    np.testing.assert_array_equal(remaining, singles[0])
    np.testing.assert_array_equal(lost, singles[1])
    (llvm,) = fill.inspect_llvm().values()
    assert "x double> " in llvm and "fmul <" in llvm
    assert "@exp" not in llvm and "llvm.exp" not in llvm


@both
@given(x=st.floats(-1.0, 4.0, exclude_min=True) | st.floats(-1.0, 1.7e308, exclude_min=True))
@example(x=5e-324)
@example(x=-5e-324)
@example(x=1e-20)
@example(x=-1e-9)
@example(x=-0.29)
@example(x=np.nextafter(-0.29, 0.0))
@example(x=0.41)
@example(x=np.nextafter(0.41, 0.0))
@example(x=math.sqrt(2) - 1)
@example(x=math.sqrt(0.5) - 1)
@example(x=np.nextafter(-1.0, 0.0))
@example(x=1.0)
@example(x=2.0**53)
@example(x=1.7976931348623157e308)
def test_log1p(functions, x):
    assert_log1p(functions[1], float(x))


@both
def test_log1p__special(functions):
    log1p = functions[1]
    assert log1p(0.0) == 0.0
    assert log1p(-1.0) == -math.inf
    assert log1p(math.inf) == math.inf
    for x in (-1.5, -math.inf, math.nan):
        assert math.isnan(log1p(x))


def test_log1p__dense():
    rng = np.random.default_rng(4)
    x = [
        rng.uniform(-1, 3, 3000),
        10 ** rng.uniform(-320, 308, 1000),
        -(10 ** rng.uniform(-320, -1e-3, 1000)),
        -1 + 10 ** rng.uniform(-15.9, 0, 1000),
    ]
    for value in np.concatenate(x).tolist():
        assert_log1p(log1p, value)


@both
@given(
    s=st.floats(1e-9, 50.0),
    tau_mem=st.floats(1e-7, 1e-3),
    ratio=st.one_of(
        st.floats(1e-3, 1e3),
        st.floats(-15.9, -1.0).map(lambda e: 1.0 + 10.0**e),
        st.floats(-15.9, -1.0).map(lambda e: 1.0 - 10.0**e),
        st.just(1.0),
    ),
)
@example(s=0.0, tau_mem=1e-5, ratio=1.0)
@example(s=0.0, tau_mem=1e-5, ratio=2.0)
@example(s=1.0, tau_mem=1e-5, ratio=1.0 + 2.0**-52)
@example(s=1.0, tau_mem=1e-5, ratio=1.0 - 2.0**-53)
def test_leaky_gain(functions, s, tau_mem, ratio):
    tau_syn = tau_mem * ratio
    assert_gain(functions[2], s * max(tau_mem, tau_syn), tau_mem, tau_syn)


def test_leaky_gain__exchange_of_time_constants():
    # convolving two exponentials is symmetric; each is normed by its own time constant
    for a, b in ((1e-5, 2e-5), (1e-5, 1e-5 * (1 + 1e-9)), (1e-6, 1e-3)):
        assert leaky_gain(3e-6, a, b) * a == pytest.approx(leaky_gain(3e-6, b, a) * b, rel=1e-14)


@given(st.one_of(st.floats(0.0, SOON), st.sampled_from([0.0, 5e-324, 1e-300, 1e-9, SOON])))
def test_lost_soon__has_the_bits_of_decay(x):
    remaining, lost = decay(np.float64(x))
    assert lost_soon(np.float64(x)) == lost
    assert 1.0 - lost == remaining
