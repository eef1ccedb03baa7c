"""The twins of `naive` against the reference's results and against closed forms: what the other tests stand on."""

import json
import math
from pathlib import Path

import naive
import numpy as np
import pytest
from naive import PRECISE

DATA = Path(__file__).parent / "data"
DTYPE = {"f32": np.float32, "f64": np.float64}


def golden(name):
    """List (file, case entry) for every case of a golden file that has an input."""
    with np.load(DATA / f"{name}.npz") as arrays:
        index = json.loads(str(arrays["index"]))
        return [(name, entry) for entry in index if f"{entry['case']}/input" in arrays.files]


def ids(value):
    """Name a case."""
    return value["case"] if isinstance(value, dict) else value


def euler_cases():
    """List all cases of the Euler integrator (the exponential ones are another integrator)."""
    cases = golden("iaf_forward") + golden("iaf_refractory") + golden("li_lif")
    return [(name, entry) for name, entry in cases if "exp" not in entry["case"]]


@pytest.mark.parametrize(("name", "entry"), euler_cases(), ids=ids)
def test_euler__same_bits_as_reference(name, entry):
    """Every bit of every case, so operation order and rounding of the coefficients are the reference's."""
    with np.load(DATA / f"{name}.npz") as arrays:
        data = {key.split("/")[1]: arrays[key] for key in arrays.files if key.startswith(entry["case"] + "/")}
    model = entry.get("model", "iaf").split("_")[0].rstrip("2")
    parameters = {key[2:]: value for key, value in data.items() if key.startswith("p_")}
    jump = data["input"] + data.get("input2", np.zeros((), data["input"].dtype))
    spikes, membrane, current = naive.euler(
        jump,
        entry["dt"],
        model=model,
        dtype=DTYPE[entry["dtype"]],
        # a number divides, a tensor is inverted first
        rounding="quotient" if entry["params"] == "scalar" else "reciprocal",
        **parameters,
    )
    np.testing.assert_array_equal(membrane, data["membrane"])
    np.testing.assert_array_equal(current, data["current"])
    if "spikes" in data:
        np.testing.assert_array_equal(spikes, data["spikes"])


# not finite: refused by bss2sim
FINITE = [case for case in golden("edge_cases") if case[1]["case"] not in ("inf_input", "nan_input")]


@pytest.mark.parametrize(("name", "entry"), FINITE, ids=ids)
def test_euler__edge_cases_of_reference(name, entry):
    """Powers of two: equal exactly."""
    with np.load(DATA / f"{name}.npz") as arrays:
        data = {key.split("/")[1]: arrays[key] for key in arrays.files if key.startswith(entry["case"] + "/")}
    parameters = {key: entry[key] for key in ("reset", "threshold", "tau_mem", "tau_syn")}
    spikes, membrane, current = naive.euler(
        data["input"], entry["dt"], refractory_time=entry["refractory_time"] or 0.0, **parameters
    )
    np.testing.assert_array_equal(spikes, data["spikes"])
    np.testing.assert_allclose(membrane, data["membrane"], rtol=1e-12)
    np.testing.assert_allclose(current, data["current"], rtol=1e-12)


def test_euler__holdoff_frees_membrane_for_last_steps():
    """dt = tau = 1, constant current 1, threshold 2: v climbs 1 per step; clamp and holdoff can be counted by eye."""
    jump = np.zeros((12, 1, 1))
    jump[0] = 1.0
    settings = dict(threshold=2.0, reset=0.0, tau_mem=1.0, tau_syn=1e30, refractory_time=3.0, holdoff_time=1.0)
    spikes, membrane, _ = naive.euler(jump, 1.0, **settings)
    # step:                                            0  1  2  3*  4c 5c 6h 7  8* 9c 10c 11h
    np.testing.assert_array_equal(membrane[:, 0, 0], [0, 1, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1])
    np.testing.assert_array_equal(np.flatnonzero(spikes), [3, 8])


@pytest.mark.parametrize(
    ("duration", "dt", "steps"),
    [
        (0.0, 1e-6, 0),
        (10e-6, 1e-6, 10),
        (1.0000005e-5, 1e-6, 10),
        (1.00002e-5, 1e-6, 11),
        (0.3, 0.1, 3),
        (2.5, 1.0, 3),
        (0.1, 1.0, 1),
    ],
)
def test_step_count__snaps_then_rounds_up(duration, dt, steps):
    assert naive.step_count(duration, dt) == steps


def test_step_count__nominal_for_reference_table():
    """The reference itself is wrong in 18 % of these rows."""
    with np.load(DATA / "edge_cases.npz") as arrays:
        table, fractional = arrays["refractory_rounding/table"], arrays["refractory_fractional/table"]
    assert [naive.step_count(row[2], row[0]) for row in table] == [int(row[1]) for row in table]
    assert np.mean(table[:, 4] != table[:, 1]) > 0.1
    assert [naive.step_count(row[1], 1e-6) for row in fractional] == [math.ceil(row[0]) for row in fractional]


# ---------------------------------------------------------------------------------------------------------------------
# exact twin


def test_exact__first_spike_of_causal_set():
    """exp(t*/tau_s) = sum w exp(t_k/tau_s) / (sum w - (threshold - v0) tau_m/tau_s), over the inputs before t*."""
    rng = np.random.default_rng(1)
    checked = 0
    for _ in range(30):
        times, weights = np.sort(rng.uniform(0, 8e-6, 5)), rng.uniform(10, 90, 5)
        tau_mem, tau_syn = rng.uniform(4e-6, 12e-6, 2)
        threshold, reset = rng.uniform(90, 130), 80.0
        trace = naive.exact(
            list(zip(times, weights, strict=True)), duration=1e-4, threshold=threshold, reset=reset,
            tau_mem=tau_mem, tau_syn=tau_syn, refractory_time=1e-6,
        )  # fmt: skip
        if not trace.spike_time:
            continue
        checked += 1
        first = trace.spike_time[0]
        ts, tm = PRECISE.mpf(float(tau_syn)), PRECISE.mpf(float(tau_mem))
        causal = [
            (PRECISE.mpf(float(t)), PRECISE.mpf(float(w))) for t, w in zip(times, weights, strict=True) if t < first
        ]
        above = sum(w * PRECISE.exp(t / ts) for t, w in causal)
        below = sum(w for _, w in causal) - (PRECISE.mpf(float(threshold)) - PRECISE.mpf(reset)) * tm / ts
        # 50 digits less what the cancellations cost
        assert abs(first - ts * PRECISE.log(above / below)) < 1e-45
    assert checked > 15


@pytest.mark.parametrize("tau_syn", [7e-6, (7e-6, 4e-6), 10e-6, (10e-6, 3e-6)])
@pytest.mark.parametrize("model", ["iaf", "lif", "li"])
def test_exact__motion_solves_the_differential_equation(model, tau_syn):
    """The sampled membrane has the slope the equation says (central differences of second order)."""
    parameters = dict(
        tau_mem=10e-6, tau_syn=tau_syn, leak=70.0, reset=60.0, model=model, threshold=1e9, refractory_time=1e-6
    )
    events = [(0.0, 90.0), (1e-6, -70.0), (1e-6, 35.0)]
    h = 1e-15
    centers = [0.5e-6, 2e-6, 9e-6, 30e-6]
    times = [t + k * h for t in centers for k in (-1, 0, 1)]
    trace = naive.exact(events, duration=1e-4, sample_time=times, **parameters)
    for k in range(len(centers)):
        before, v, after = trace.membrane[3 * k : 3 * k + 3]
        # the floats t - h, t, t + h are not exactly h apart
        spacing = PRECISE.mpf(times[3 * k + 2]) - PRECISE.mpf(times[3 * k])
        drive = sum(trace.current[3 * k + 1]) + (0 if model == "iaf" else 70 - v)
        # the float spacing is uneven by 1e-6 of h (second derivative times that): 1e-9 relative suffices
        assert (after - before) / spacing == pytest.approx(float(drive / PRECISE.mpf(10e-6)), rel=1e-6)


def test_exact__equal_time_constants_are_the_limit():
    """tau_mem = tau_syn: v = leak + w (t/tau) exp(-t/tau), maximum at t = tau."""
    trace = naive.exact(
        [(0.0, 50.0)], model="li", leak=0.0, tau_mem=1e-5, tau_syn=1e-5, duration=1e-3, sample_time=[1e-5]
    )
    assert abs(trace.membrane[0] - 50 / PRECISE.e) < 1e-40
    near = naive.exact(
        [(0.0, 50.0)], model="li", leak=0.0, tau_mem=1e-5, tau_syn=1.00000001e-5, duration=1e-3, sample_time=[1e-5]
    )
    assert abs(near.membrane[0] - trace.membrane[0]) < 1e-6


def test_exact__regular_firing_under_constant_current():
    """A current that does not decay: v rises linearly, period = rise + refractory_time - holdoff_time."""
    slope = 1e7  # membrane units per second
    for refractory, holdoff, period in [
        (2e-6, 0.0, 7e-6),
        (2e-6, 2e-6, 5e-6),
        (2e-6, 0.5e-6, 6.5e-6),
        (0.0, 0.0, 5e-6),
    ]:
        trace = naive.exact(
            [(0.0, slope)], duration=3.9e-5, threshold=50.0, reset=0.0, tau_mem=1.0, tau_syn=1e12,
            refractory_time=refractory, holdoff_time=holdoff,
        )  # fmt: skip
        expected = [5e-6 + k * period for k in range(10) if 5e-6 + k * period < 3.9e-5]
        # the decay over 40 us with tau_syn 1e12 s is 4e-17 of the slope
        np.testing.assert_allclose([float(t) for t in trace.spike_time], expected, rtol=1e-12)


def test_exact__fires_when_the_refractory_period_ends_above_threshold():
    """Rise of 50 takes 1 us; 3 us of holdoff: every refractory period ends above threshold and fires there."""
    trace = naive.exact(
        [(0.0, 5e7)], duration=2e-5, threshold=50.0, reset=0.0, tau_mem=1.0, tau_syn=1e12,
        refractory_time=4e-6, holdoff_time=3e-6,
    )  # fmt: skip
    np.testing.assert_allclose([float(t) for t in trace.spike_time], [1e-6, 5e-6, 9e-6, 13e-6, 17e-6], rtol=1e-12)


def test_exact__reset_above_threshold_fires_at_once_and_after_every_refractory_period():
    trace = naive.exact([], duration=1e-5, threshold=50.0, reset=60.0, tau_mem=1e-5, tau_syn=1e-5, refractory_time=3e-6)
    np.testing.assert_allclose([float(t) for t in trace.spike_time], [0, 3e-6, 6e-6, 9e-6], rtol=1e-15)


def test_exact__threshold_is_strict():
    """The asymptote reset + w equals the threshold: never above it. One part in 1e15 more: a spike."""
    settings = dict(duration=1e-2, threshold=100.0, reset=50.0, tau_mem=1e-5, tau_syn=1e-5, refractory_time=1e-6)
    assert naive.exact([(0.0, 50.0)], **settings).spike_time == []
    assert len(naive.exact([(0.0, 50.00000000000001)], **settings).spike_time) == 1
    # reset = threshold: any upward current fires at once
    trace = naive.exact([(2e-6, 1.0)], **{**settings, "reset": 100.0})
    assert trace.spike_time[0] == PRECISE.mpf(2e-6)


def test_exact__peak_between_events_is_found():
    """Fast excitation, slow inhibition: v rises above the threshold and falls far below it before the end."""
    events = [(0.0, 400.0), (0.0, -150.0)]
    settings = dict(
        reset=0.0, tau_mem=1e-5, tau_syn=(1e-6, 2e-5), duration=2e-4, refractory_time=2e-4, sample_time=[1.9e-4]
    )
    # dv/ds = 40e6 exp(-s/1us) - 15e6 exp(-s/20us) = 0
    s = math.log(40 / 15) / (1e6 - 5e4)
    peak = 40 * (1 - math.exp(-s / 1e-6)) - 300 * (1 - math.exp(-s / 2e-5))
    assert peak > 5
    assert len(naive.exact(events, threshold=peak - 1e-9, **settings).spike_time) == 1
    assert naive.exact(events, threshold=peak + 1e-9, **settings).spike_time == []
    assert naive.exact(events, threshold=peak + 1e-9, **settings).membrane[0] < -200


@pytest.mark.parametrize("model", ["iaf", "lif"])
def test_exact__double_precision_agrees_with_fifty_digits(model):
    rng = np.random.default_rng(3)
    for _ in range(5):
        events = sorted(zip(rng.uniform(0, 5e-5, 30), rng.normal(50, 120, 30), strict=True))
        settings = dict(model=model, threshold=125.0, reset=80.0, leak=75.0, tau_mem=9e-6, tau_syn=(6e-6, 11e-6), duration=6e-5,
                        refractory_time=2e-6, holdoff_time=0.7e-6)  # fmt: skip
        precise, quick = naive.exact(events, **settings), naive.exact(events, arithmetic=naive.Float64, **settings)
        assert len(precise.spike_time) == len(quick.spike_time) > 0
        # 1e-16 relative times the condition numbers met here
        np.testing.assert_allclose([float(t) for t in precise.spike_time], quick.spike_time, rtol=0, atol=1e-15)


def test_zeros__all_found_for_four_exponentials():
    """(x - .2)(x - .5)(x - .7) in x = exp(-s): zeros at -log of these, the most such a sum can have."""
    ar = PRECISE
    a, b, c = ar.mpf("0.2"), ar.mpf("0.5"), ar.mpf("0.7")
    terms = [
        (ar.mpf(3), [ar.mpf(1)]),
        (ar.mpf(2), [-(a + b + c)]),
        (ar.mpf(1), [a * b + b * c + a * c]),
        (ar.mpf(0), [-a * b * c]),
    ]
    found = naive._zeros(terms, ar.mpf(100), ar)
    assert len(found) == 3
    assert max(abs(s + ar.log(x)) for s, x in zip(found, (c, b, a), strict=True)) < 1e-45
    assert naive._zeros(terms, ar.mpf("0.5"), ar) == pytest.approx([-math.log(0.7)])


def test_to_dense__inverts_to_sparse():
    rng = np.random.default_rng(4)
    dense = (rng.random((7, 2, 3)) < 0.4).astype(np.uint8) * rng.integers(1, 3, (7, 2, 3), dtype=np.uint8)
    np.testing.assert_array_equal(naive.to_dense(naive.to_sparse(dense, 0.1), 0.1, 7, 2, 3), dense)


def test_synapse_events__gathers_rows():
    assert naive.synapse_events([(0.1, 1), (0.2, 0)], [[1.0, 0.0], [2.0, 3.0]]) == [
        [(0.1, 2.0), (0.2, 1.0)],
        [(0.1, 3.0)],
    ]
    assert naive.grid_events([0.0, 2.0, 0.0, -1.0], 0.5) == [(0.5, 2.0), (1.5, -1.0)]
