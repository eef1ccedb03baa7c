"""First crossings against 50-digit arithmetic and against dense scans of the membrane."""

import math

import mpmath
import numpy as np
import pytest

from bss2sim.kernels.crossing import crossing_leaky, crossing_pair, crossing_single

EPSILON = 2.0**-52
FUNCTIONS = {
    "compiled": (crossing_single, crossing_pair, crossing_leaky),
    "python": tuple(getattr(f, "py_func", f) for f in (crossing_single, crossing_pair, crossing_leaky)),
}


def response(s, tau_mem, tau_syn, leaks, exp, expm1):
    """Membrane per unit of current, straight from the textbook; scalars of mpmath."""
    if not leaks:
        return -tau_syn / tau_mem * expm1(-s / tau_syn)
    if tau_syn == tau_mem:
        return s / tau_mem * exp(-s / tau_mem)
    return tau_syn / (tau_syn - tau_mem) * (exp(-s / tau_syn) - exp(-s / tau_mem))


def precise(s, v, exc, inh, threshold, leak, tau_mem, tau_exc, tau_inh):
    """Excess over the threshold after s, its slope, and the sum of its terms' magnitudes; leak None: no leak."""
    with mpmath.workdps(50):
        s, v, exc, inh, threshold, tau_mem, tau_exc, tau_inh = map(
            mpmath.mpf, (s, v, exc, inh, threshold, tau_mem, tau_exc, tau_inh)
        )
        parts = [
            i * response(s, tau_mem, tau, leak is not None, mpmath.exp, mpmath.expm1)
            for i, tau in ((exc, tau_exc), (inh, tau_inh))
        ]
        own, pull = mpmath.mpf(0), mpmath.mpf(0)
        current = exc * mpmath.exp(-s / tau_exc) + inh * mpmath.exp(-s / tau_inh)
        if leak is not None:
            own = (leak - v) * -mpmath.expm1(-s / tau_mem)
        excess = v - threshold + own + parts[0] + parts[1]
        if leak is not None:
            pull = leak - (excess + threshold)
        scale = abs(v - threshold) + abs(own) + abs(parts[0]) + abs(parts[1])
        return float(excess), float((current + pull) / tau_mem), float(scale)


def scan(s, v, exc, inh, threshold, leak, tau_mem, tau_exc, tau_inh):
    """Excess over the threshold at many times, and its rounding error, in plain float64."""
    lost_exc, lost_inh, lost_mem = (-np.expm1(-s / tau) for tau in (tau_exc, tau_inh, tau_mem))
    cancelled = 0.0
    if leak is None:
        terms = [exc * tau_exc / tau_mem * lost_exc, inh * tau_inh / tau_mem * lost_inh]
    else:
        terms = [(leak - v) * lost_mem]
        for i, tau, lost in ((exc, tau_exc, lost_exc), (inh, tau_inh, lost_inh)):
            # differences of similar exponentials: a short series in their distance
            d = (1 / tau_mem - 1 / tau) * s
            if abs(tau - tau_mem) < 1e-3 * tau_mem:
                terms.append(i * s / tau_mem * np.exp(-s / tau_mem) * (1 + d / 2 + d**2 / 6 + d**3 / 24 + d**4 / 120))
            else:
                terms.append(i * tau / (tau - tau_mem) * (lost_mem - lost))
                cancelled = cancelled + abs(i * tau / (tau - tau_mem)) * (lost_mem + lost)
    return v - threshold + sum(terms), 1e-14 * (abs(v - threshold) + sum(map(abs, terms)) + 0.1 * cancelled)


def grid(tau_mem, tau_exc, tau_inh):
    shortest, longest = min(tau_mem, tau_exc, tau_inh), max(tau_mem, tau_exc, tau_inh)
    return np.concatenate([np.geomspace(1e-5 * shortest, 60 * longest, 900), np.linspace(0.0, 8 * longest, 900)])


def assert_first_crossing(time, case, condition=8.0):
    """A crossing has the residual of rounded arguments, and the scan shows none before; or there is none at all."""
    s = grid(*case[-3:])
    excess, noise = scan(s, *case)
    if math.isinf(time):
        assert time > 0
        assert np.all(excess <= noise), case
        return
    assert time >= 0.0
    assert np.all(excess[s < time * (1 - 1e-12)] <= noise[s < time * (1 - 1e-12)]), case
    if time == 0.0:
        assert case[0] >= case[3] or precise(0.0, *case)[0] == 0
        return
    residual, slope, scale = precise(time, *case)
    allowed = condition * EPSILON * (scale + time * abs(slope))
    assert abs(residual) <= allowed, (case, time, residual / allowed)
    assert slope * (1 + 1e-9) + allowed / time > 0, (case, time, slope)


def random_taus(rng, kind):
    tau_mem, tau_exc, tau_inh = 1e-5 * 10 ** rng.uniform(-1, 1, 3)
    if kind == 1:
        tau_inh = tau_exc
    elif kind == 2:
        tau_inh = tau_exc * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-15.5, -2))
    elif kind == 3:
        tau_exc = tau_mem
    elif kind == 4:
        tau_exc = tau_mem * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-15.5, -2))
        tau_inh = tau_mem * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-15.5, -2))
    elif kind == 5:
        tau_inh = tau_exc * 10.0 ** rng.choice([-3, 3])
    elif kind == 6:
        tau_exc = tau_inh = tau_mem
    return float(tau_mem), float(tau_exc), float(tau_inh)


def random_case(rng, leaks):
    """A neuron of random time constants, currents and potentials, many of them nasty."""
    taus = random_taus(rng, rng.integers(8))
    exc, inh = rng.normal(0, 1, 2) * 10 ** rng.uniform(-2, 2)
    kind = rng.integers(10)
    if kind == 0:
        exc *= 1e6
    elif kind == 1:
        inh = 0.0
    elif kind == 2:
        exc = 0.0
    elif kind == 3:
        inh = -exc
    elif kind == 4:
        inh = -exc * (1 + 10 ** rng.uniform(-14, -1))
    elif kind == 5:
        exc, inh = 1e6, -1e6 * rng.uniform(0.5, 1.5)
    threshold = rng.choice([1.0, 125.0, 0.0, -3.0])
    v = threshold - rng.choice([1.0, 1e-12, 0.0, 1e3, 1e-3]) * rng.random()
    leak = None
    if leaks:
        leak = threshold + rng.choice([-1.0, -40.0, 0.0, 1.0, 1e-6, -1e-6, 30.0])
    return (float(v), float(exc), float(inh), float(threshold), leak, *taus)


def call(case, functions=FUNCTIONS["compiled"]):
    if case[4] is None:
        return functions[1](*case[:4], *case[5:])
    return functions[2](*case)


def peak(case, low, high):
    """Largest membrane between two times, by golden-section search in 50 digits."""
    ratio = (mpmath.sqrt(5) - 1) / 2
    low, high = mpmath.mpf(low), mpmath.mpf(high)
    for _ in range(90):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if precise_excess(a, case) > precise_excess(b, case):
            high = b
        else:
            low = a
    return low


def precise_excess(s, case):
    v, exc, inh, threshold, leak, tau_mem, tau_exc, tau_inh = case
    leaks = leak is not None
    own = (leak - v) * -mpmath.expm1(-s / mpmath.mpf(tau_mem)) if leaks else 0
    return (
        mpmath.mpf(v) - threshold + own
        + exc * response(s, mpmath.mpf(tau_mem), mpmath.mpf(tau_exc), leaks, mpmath.exp, mpmath.expm1)
        + inh * response(s, mpmath.mpf(tau_mem), mpmath.mpf(tau_inh), leaks, mpmath.exp, mpmath.expm1)
    )  # fmt: skip


@pytest.mark.parametrize("leaks", [False, True])
def test_crossing__random_cases(leaks):
    rng = np.random.default_rng(11)
    n_finite = 0
    for _ in range(2500):
        case = random_case(rng, leaks)
        time = call(case)
        n_finite += 0 < time < math.inf
        assert_first_crossing(time, case)
    assert n_finite > 500


@pytest.mark.parametrize("leaks", [False, True])
def test_crossing__no_spike_missed_or_invented(leaks):
    """10 000 intervals: a crossing in the interval where its scan shows one; any other one has a small residual."""
    rng = np.random.default_rng(7)
    share = np.concatenate([np.geomspace(1e-4, 0.1, 60), np.linspace(0.1, 1, 200)])
    n_crossing = 0
    for _ in range(10_000):
        case = random_case(rng, leaks)
        interval = max(case[5:]) * rng.uniform(0.05, 3)
        excess, noise = scan(share * interval, *case)
        time = call(case)
        if np.any(excess > noise):
            assert time <= interval * share[np.argmax(excess > noise)] * (1 + 1e-12), case
            n_crossing += 1
        elif time < interval and time > 0:
            # between the points of the scan: the residual tells
            residual, slope, scale = precise(time, *case)
            assert abs(residual) <= 8 * EPSILON * (scale + time * abs(slope)), case
    assert n_crossing > 2000


def test_crossing__tangent():
    """Thresholds just above and just below the maximum of the membrane."""
    rng = np.random.default_rng(3)
    n_cases = 0
    with mpmath.workdps(50):
        while n_cases < 40:
            leaks = n_cases % 2 == 1
            tau_mem, tau_exc, tau_inh = random_taus(rng, 0)
            exc, inh = 5.0, -5.0 * rng.random() if leaks or tau_inh > tau_exc else 0.0
            case = (0.0, exc, inh, 0.0, 0.0 if leaks else None, tau_mem, tau_exc, tau_inh)
            if not leaks and not inh:
                continue
            s = grid(tau_mem, tau_exc, tau_inh)
            s.sort()
            at = int(np.argmax(scan(s, *case)[0]))
            if not 0 < at < len(s) - 1:
                continue
            n_cases += 1
            summit = float(precise_excess(peak(case, s[at - 1], s[at + 1]), case))
            for relative in (1e-3, 1e-6, 1e-9, 1e-12):
                below = (*case[:3], summit * (1 - relative), *case[4:])
                above = (*case[:3], summit * (1 + relative), *case[4:])
                assert call(above) == math.inf
                assert_first_crossing(call(below), below)
                assert call(below) < math.inf


@pytest.mark.parametrize("leaks", [False, True])
def test_crossing__spike_times_to_1e_17_s(leaks):
    rng = np.random.default_rng(5)
    worst = 0.0
    for _ in range(1000):
        taus = random_taus(rng, rng.integers(8))
        taus = tuple(np.clip(taus, 2e-6, 30e-6).tolist())
        case = (80.0, rng.uniform(200, 900), rng.uniform(-150, 0), 125.0, 80.0 if leaks else None, *taus)
        time = call(case)
        if math.isinf(time):
            continue
        residual, slope, scale = precise(time, *case)
        if slope * time > 0.05 * scale:  # well conditioned
            worst = max(worst, abs(residual / slope))
    assert 0 < worst <= 1e-17


@pytest.mark.parametrize("functions", FUNCTIONS.values(), ids=FUNCTIONS)
class TestEdges:
    tau = 1e-5

    def test_single(self, functions):
        single = functions[0]
        rng = np.random.default_rng(2)
        for _ in range(300):
            v, threshold = -rng.random(), rng.random()
            current = (threshold - v) * (1 + 10 ** rng.uniform(-10, 3))
            tau_mem, tau_syn, _ = random_taus(rng, rng.integers(8))
            current *= tau_mem / tau_syn
            case = (v, current, 0.0, threshold, None, tau_mem, tau_syn, tau_syn)
            assert_first_crossing(single(v, current, threshold, tau_mem, tau_syn), case)
        assert single(0.0, 1.0, 1.0, self.tau, self.tau) == math.inf  # asymptote at the threshold
        assert single(0.0, -1.0, 1.0, self.tau, self.tau) == math.inf
        assert single(0.0, 0.0, 1.0, self.tau, self.tau) == math.inf
        assert single(1.0, 0.0, 1.0, self.tau, self.tau) == math.inf
        assert single(1.0, 2.0, 1.0, self.tau, self.tau) == 0.0
        assert single(1.0 + 1e-15, -2.0, 1.0, self.tau, self.tau) == 0.0

    @pytest.mark.parametrize("leak", [None, 0.0])
    def test_at_the_threshold(self, functions, leak):
        tau, slow = self.tau, 2e-5

        def at(v, exc, inh):
            return call((v, exc, inh, 1.0, leak, tau, tau, slow), functions)

        assert at(1.0, 5.0, 0.0) == 0.0
        assert at(1.0, 0.0, 5.0) == 0.0
        assert at(1.0, 5.0, -1.0) == 0.0
        assert at(1.0, 0.0, 0.0) == math.inf
        assert at(1.0, -5.0, 0.0) == math.inf
        assert at(np.nextafter(1.0, 2.0), -5.0, 0.0) == 0.0
        # falls first, the slower current lifts it afterwards
        assert 0.0 < at(1.0, -8.0, 7.0) < math.inf
        assert_first_crossing(at(1.0, -8.0, 7.0), (1.0, -8.0, 7.0, 1.0, leak, tau, tau, slow))
        start = 0.0 if leak is None else 1.0  # current at which the membrane neither rises nor falls
        assert at(1.0, -7.0, 7.0 + start) == 0.0
        assert at(1.0, 7.0 + start, -7.0) == math.inf

    def test_touching(self, functions):
        # v(s) = 4 (exp(-s/2) - exp(-s)) + c in units of tau: its maximum is 1 + c, at s = 2 ln 2
        tau = self.tau
        assert functions[2](0.0, 2.0, 0.0, 1.0 + 1e-15, 0.0, tau, 2 * tau, tau) == math.inf
        assert functions[2](0.0, 2.0, 0.0, 1.0 - 1e-14, 0.0, tau, 2 * tau, tau) == pytest.approx(
            2 * math.log(2) * tau, rel=1e-6
        )

    def test_leak_above_the_threshold(self, functions):
        leaky = functions[2]
        tau = self.tau
        assert leaky(0.0, 0.0, 0.0, 1.0, 2.0, tau, tau, tau) == pytest.approx(tau * math.log(2), rel=1e-15)
        assert leaky(-1e6, 0.0, 0.0, 1.0, 2.0, tau, tau, tau) == pytest.approx(tau * math.log(1e6 + 2), rel=1e-14)
        assert leaky(1.0, 0.0, 0.0, 1.0, 2.0, tau, tau, tau) == 0.0
        # held down by the inhibition at first
        for case in (
            (0.0, 0.0, -9.0, 1.0, 2.0, tau, tau, 3 * tau),
            (0.0, 9.0, -9.0, 1.0, 2.0, tau, tau, 3 * tau),
            (0.9, 1.3, -9.0, 1.0, 1.0 + 1e-9, tau, tau, 3 * tau),
            (1.0, -9.0, 0.0, 1.0, 2.0, tau, tau, 3 * tau),
            (1.0, -1.0, 0.0, 1.0, 2.0, tau, tau, 3 * tau),
        ):
            time = leaky(*case)
            assert time < math.inf
            assert_first_crossing(time, case)

    def test_leak_at_the_threshold(self, functions):
        leaky = functions[2]
        tau = self.tau
        assert leaky(1.0, 0.0, 0.0, 1.0, 1.0, tau, tau, tau) == math.inf
        assert leaky(0.0, 0.0, 0.0, 1.0, 1.0, tau, tau, tau) == math.inf
        # (v - leak) + i tau_syn/(tau_mem - tau_syn) decides
        assert leaky(0.0, 1.001, 0.0, 1.0, 1.0, 2 * tau, tau, tau) < math.inf
        assert leaky(0.0, 0.999, 0.0, 1.0, 1.0, 2 * tau, tau, tau) == math.inf
        assert leaky(0.0, 0.0, 1e-3, 1.0, 1.0, tau, tau, 2 * tau) < math.inf
        assert leaky(0.0, -1.0, 3.1, 1.0, 1.0, 3 * tau, tau, 2 * tau) < math.inf

    def test_one_current(self, functions):
        leaky = functions[2]
        rng = np.random.default_rng(31)
        for _ in range(200):
            v, exc, _, threshold, leak, tau_mem, tau_exc, tau_inh = random_case(rng, True)
            alone = leaky(v, exc, None, threshold, leak, tau_mem, tau_exc, None)
            assert alone == leaky(v, exc, 0.0, threshold, leak, tau_mem, tau_exc, tau_exc)
            assert alone == leaky(v, 0.0, exc, threshold, leak, tau_mem, tau_inh, tau_exc)

    def test_nan_never_crosses(self, functions):
        for leak in (None, 0.0):
            for k in range(3):
                case = [0.0, 5.0, -1.0, 1.0, leak, self.tau, 2e-5, 1e-5]
                case[k] = math.nan
                assert call(tuple(case), functions) == math.inf

    def test_random(self, functions):
        rng = np.random.default_rng(23)
        for leaks in (False, True):
            for _ in range(150):
                case = random_case(rng, leaks)
                time = call(case, functions)
                assert time == call(case)
                assert_first_crossing(time, case)
