"""The exact integrator against 50-digit arithmetic: spike times, membranes and currents."""

import naive
import numpy as np
import pytest
from comparison import ROUNDING, assert_spikes_match, by_time, spike_lists

import bss2sim as b2

KIND = {"iaf": b2.IAFNeuron, "lif": b2.LIFNeuron, "li": b2.LINeuron}
NEVER = 1e9  # a threshold out of reach
US = 1e-6  # k * US is the time of bin k of a grid of 1 us, to the bit


def of_neuron(parameters, n):
    """Pick the parameters of one neuron."""

    def pick(value):
        return float(np.asarray(value) if np.ndim(value) == 0 else value[n])

    return {
        key: tuple(pick(part) for part in value) if isinstance(value, tuple) else pick(value)
        for key, value in parameters.items()
    }


def twins(model, parameters, events, duration, **settings):
    """Solve every neuron by the naive twin; `events` holds the list of each neuron."""
    return [
        naive.exact(events[n], model=model, duration=duration, **of_neuron(parameters, n), **settings)
        for n in range(len(events))
    ]


def compare_spikes(run, traces, trial=0, **tolerance):
    """Compare all neurons of one trial; return the number of spikes and of those held to 1e-17 s."""
    lists = spike_lists(run)
    counts = [assert_spikes_match(lists.get((trial, n), []), trace, **tolerance) for n, trace in enumerate(traces)]
    return sum(n for n, _ in counts), sum(n for _, n in counts)


def compare_traces(run, traces, trial=0, rtol=1e-13):
    """Compare membrane and current at the sample times.

    Tolerance: rounding of the largest terms (rtol of them: a few hundred operations of 1e-16 each); membranes of
    spiking neurons carry the error of the last spike times the slope besides, a factor 10.
    """
    for n, trace in enumerate(traces):
        expected = np.array([float(v) for v in trace.membrane])
        currents = np.array([[float(i) for i in pair] for pair in trace.current])
        scale = np.abs(expected).max() + np.abs(currents).max()
        factor = 10 if trace.spike_time else 1
        np.testing.assert_allclose(by_time(run.membrane)[:, trial, n], expected, rtol=0, atol=rtol * factor * scale)
        found = by_time(run.current)[:, trial]
        found = found[..., n] if found.ndim == 3 else found[:, n, None]
        np.testing.assert_allclose(found, currents, rtol=0, atol=rtol * scale)


def draw(rng, model, size, pair, refractory="mixed"):
    """Draw a population with parameters of its own for every neuron."""

    def uniform(low, high):
        return rng.uniform(low, high, size)

    parameters = dict(tau_mem=uniform(5e-6, 15e-6))
    parameters["tau_syn"] = (uniform(3e-6, 12e-6), uniform(3e-6, 12e-6)) if pair else uniform(3e-6, 12e-6)
    if model != "iaf":
        parameters["leak"] = uniform(75, 95)
    if model != "li":
        parameters |= dict(threshold=uniform(110, 130), reset=uniform(70, 90))
        time = uniform(0.2e-6, 5e-6)
        holdoff = time * rng.choice([0.0, 0.3, 0.9, 1.0], size)
        if refractory == "mixed":
            time = np.where(rng.random(size) < 0.2, 0.0, time)
        parameters |= dict(refractory_time=time, holdoff_time=np.minimum(time, holdoff))
    return parameters


def sparse_from_single_events(times, duration):
    """Make every event an input of its own, so that row k of the weights is the jump of event k in each neuron."""
    return b2.sparse_spikes(times, np.arange(len(times)), n_neuron=len(times), duration=duration)


# ---------------------------------------------------------------------------------------------------------------------
# random networks


@pytest.mark.parametrize("pair", [False, True], ids=["one_tau", "two_tau"])
@pytest.mark.parametrize("model", ["iaf", "lif", "li"])
def test_events__random_network(model, pair):
    """Events at arbitrary times through weights of both signs, every neuron different."""
    rng = np.random.default_rng([1, pair, len(model)])
    size, n_event, duration = 12, 60, 80e-6
    times = np.sort(rng.uniform(0, duration, n_event))
    weight = rng.normal(60 if model != "li" else 0, 120, (n_event, size)) * (rng.random((n_event, size)) < 0.5)
    parameters = draw(rng, model, size, pair)
    events = naive.synapse_events(list(zip(times, range(n_event), strict=True)), weight)
    samples = np.sort(np.concatenate([rng.uniform(0, duration, 20), times[:5]]))  # at events too
    record = b2.Recording("sparse" if model != "li" else None, membrane=True, current=True, sample_time=samples)
    run = b2.simulate(
        KIND[model](size, **parameters),
        sparse_from_single_events(times, duration),
        synapse=b2.Synapse(weight),
        record=record,
    )
    traces = twins(model, parameters, events, duration, sample_time=samples)
    compare_traces(run, traces)
    if model != "li":
        spikes, strict = compare_spikes(run, traces)
        assert spikes > 50
        assert strict > (0.97 if model == "iaf" else 0.85) * spikes


@pytest.mark.parametrize("pair", [False, True], ids=["one_tau", "two_tau"])
@pytest.mark.parametrize("model", ["iaf", "lif", "li"])
def test_grid__random_network(model, pair):
    """Dense graded jumps: spikes between grid points, membrane and current on the grid."""
    rng = np.random.default_rng([2, pair, len(model)])
    size, n_time, dt = 12, 70, 1e-6
    jump = rng.normal(40 if model != "li" else 0, 120, (n_time, 2, size)) * (rng.random((n_time, 2, size)) < 0.35)
    parameters = draw(rng, model, size, pair)
    record = b2.Recording("sparse" if model != "li" else None, membrane=True, current=True)
    run = b2.simulate(KIND[model](size, **parameters), jump, dt=dt, record=record)
    np.testing.assert_array_equal(run.time.values, np.arange(n_time) * dt)
    total = good = 0
    for b in range(2):
        events = [naive.grid_events(jump[:, b, n], dt) for n in range(size)]
        # a spike within the first rounding error of a grid point could decide a row either way: none is that close
        traces = twins(model, parameters, events, n_time * dt, sample_time=run.time.values)
        compare_traces(run, traces, trial=b)
        if model != "li":
            spikes, strict = compare_spikes(run, traces, trial=b)
            total, good = total + spikes, good + strict
    if model != "li":
        assert total > 50
        assert good > (0.97 if model == "iaf" else 0.85) * total


@pytest.mark.parametrize("dt", [0.25e-6, 1e-6, 4e-6, 50e-6])
def test_grid__bins_of_any_width(dt):
    """Several spikes and whole refractory periods inside one bin."""
    rng = np.random.default_rng(3)
    size, n_time = 8, max(2, round(60e-6 / dt))
    jump = np.abs(rng.normal(0, 300, (n_time, size))) * (rng.random((n_time, size)) < 0.4)
    parameters = draw(rng, "iaf", size, False)
    run = b2.simulate(b2.IAFNeuron(size, **parameters), jump, dt=dt)
    events = [naive.grid_events(jump[:, n], dt) for n in range(size)]
    spikes, strict = compare_spikes(run, twins("iaf", parameters, events, n_time * dt))
    assert spikes > 30
    assert strict > 0.9 * spikes


def test_grid__same_spikes_as_events_at_the_bin_starts():
    """Two code paths, one solution."""
    rng = np.random.default_rng(4)
    n_time, n_input, size = 200, 30, 40
    spikes = rng.random((n_time, 3, n_input)) < 0.05
    weight = rng.normal(20, 60, (n_input, size))
    listed = naive.to_sparse(spikes.astype(np.uint8), 1e-6)
    events = b2.sparse_spikes(
        *zip(*[(t, k, b) for b, t, k in listed], strict=True), n_batch=3, n_neuron=n_input, duration=2e-4
    )
    for tau_syn in (6e-6, (6e-6, 9e-6)):
        neurons = b2.IAFNeuron(size, tau_syn=tau_syn, refractory_time=2e-6, holdoff_time=0.5e-6)
        first = b2.simulate(neurons, spikes, synapse=b2.Synapse(weight))
        second = b2.simulate(neurons, events, synapse=b2.Synapse(weight))
        np.testing.assert_array_equal(first.row_size, second.row_size)
        np.testing.assert_array_equal(first.spike_neuron, second.spike_neuron)
        assert first.sizes["spike"] > 500
        # both are within 1e-17 s of the truth or their condition number: see the tests against 50 digits
        np.testing.assert_allclose(first.spike_time, second.spike_time, rtol=0, atol=1e-15)


def test_events__double_precision_twin_on_a_larger_network():
    """More neurons than one block, several trials; the quick twin is good to about 1e-15 s."""
    rng = np.random.default_rng(5)
    size, n_input, n_batch, duration = 150, 25, 2, 60e-6
    weight = rng.normal(25, 70, (n_input, size))
    parameters = draw(rng, "iaf", size, True)
    neurons = b2.IAFNeuron(size, **parameters)
    n_event = 80
    times = np.sort(rng.uniform(0, duration, (n_batch, n_event)))
    source = rng.integers(0, n_input, (n_batch, n_event))
    events = b2.sparse_spikes(
        times.ravel(), source.ravel(), np.repeat(np.arange(n_batch), n_event), n_neuron=n_input, duration=duration
    )
    run = b2.simulate(neurons, events, synapse=b2.Synapse(weight))
    total = 0
    for b in range(n_batch):
        lists = naive.synapse_events(list(zip(times[b], source[b], strict=True)), weight)
        traces = twins("iaf", parameters, lists, duration, arithmetic=naive.Float64)
        total += compare_spikes(run, traces, trial=b, tolerance=1e-15, rounding=8 * ROUNDING)[0]
    assert total > 500


# ---------------------------------------------------------------------------------------------------------------------
# nasty cases


def run_single(events, *, model="iaf", path="events", dt=1e-6, duration=60e-6, samples=(1e-9,), **parameters):
    """Run one neuron through a path; return its spikes and the twin's trace, after comparing the samples."""
    times, jumps = [t for t, _ in events], [w for _, w in events]
    record = b2.Recording(membrane=True, current=True, sample_time=samples)
    neurons = KIND[model](1, **parameters)
    if path == "grid":
        n_time = round(duration / dt)
        spikes = np.zeros((n_time, len(events)))
        for event, t in enumerate(times):
            spikes[round(t / dt), event] = 1
            assert round(t / dt) * dt == t, "the event must be on the grid"
        weight = np.array(jumps)[:, None]
        if len(set(times)) == len(times):
            run = b2.simulate(neurons, spikes @ weight, dt=dt, record=record)
        else:  # several events in a bin keep their signs only through a synapse
            run = b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), dt=dt, record=record)
        duration = n_time * dt
    else:
        run = b2.simulate(
            neurons,
            sparse_from_single_events(times, duration),
            synapse=b2.Synapse(np.array(jumps)[:, None]),
            record=record,
        )
    trace = naive.exact(events, model=model, duration=duration, sample_time=samples, **parameters)
    compare_traces(run, [trace])
    return spike_lists(run).get((0, 0), []), trace


TAUS = [pytest.param(7e-6, id="one_tau"), pytest.param((7e-6, 4e-6), id="two_tau")]
#: 0 and both equal to the refractory time included [s]
TIMES = [(0.0, 0.0), (3e-6, 0.0), (3e-6, 3e-6), (3e-6, 1e-6), (3e-6, 2.9999e-6), (1e-9, 1e-9), (1e-9, 0.0)]


@pytest.mark.parametrize("model", ["iaf", "lif"])
@pytest.mark.parametrize("tau_syn", TAUS)
@pytest.mark.parametrize(("refractory_time", "holdoff_time"), TIMES)
@pytest.mark.parametrize("path", ["grid", "events"])
def test_exact__every_kind_of_refractory_period(path, refractory_time, holdoff_time, tau_syn, model):
    events = [(k * US, w) for k, w in [(0, 150.0), (2, 90.0), (3, -60.0), (12, 250.0), (20, -300.0), (30, 700.0)]]
    found, trace = run_single(
        events, model=model, path=path, tau_mem=10e-6, tau_syn=tau_syn, threshold=125.0, reset=80.0,
        refractory_time=refractory_time, holdoff_time=holdoff_time, samples=[1.3e-6, 7.77e-6, 31e-6, 44e-6],
        **(dict(leak=82.0) if model == "lif" else {}),
    )  # fmt: skip
    n, strict = assert_spikes_match(found, trace)
    assert n > 3
    assert strict >= n - 1


@pytest.mark.parametrize("tau_syn", TAUS)
def test_exact__simultaneous_events(tau_syn):
    """Events at one time act as one, whatever their order; opposite signs go to their own currents."""
    rng = np.random.default_rng(6)
    times = np.repeat(np.sort(rng.uniform(0, 30e-6, 6)), 5)
    jumps = rng.normal(40, 100, 30)
    parameters = dict(
        tau_mem=10e-6, tau_syn=tau_syn, threshold=125.0, reset=80.0, refractory_time=2e-6, holdoff_time=1e-6
    )
    found, trace = run_single(
        list(zip(times, jumps, strict=True)), samples=[5e-6, *np.unique(times)[2:4], 39e-6], **parameters
    )
    n, strict = assert_spikes_match(found, trace)
    assert n >= 4
    assert strict >= n - 1


@pytest.mark.parametrize("tau_syn", TAUS)
@pytest.mark.parametrize("path", ["grid", "events"])
@pytest.mark.parametrize("boundary", ["spike", "clamp", "refractory"])
@pytest.mark.parametrize("jump", [300.0, -200.0])
def test_exact__event_exactly_at_a_boundary(boundary, jump, path, tau_syn):
    """Reset above threshold: fires at 0 and, when the current pulls no lower, at every end of a refractory period.

    Times are powers of two, so that the clamp ends at exactly 2 dt and the refractory period at exactly 3 dt, where an
    event comes too.
    """
    dt = 2.0**-20
    at = {"spike": 0.0, "clamp": 2 * dt, "refractory": 3 * dt}[boundary]
    events = [(0.0, 5.0), (at, jump), (10 * dt, -400.0), (15 * dt, 500.0)]
    found, trace = run_single(
        events, path=path, tau_mem=10e-6, tau_syn=tau_syn, threshold=79.0, reset=80.0, refractory_time=3 * dt,
        holdoff_time=dt, samples=[0.5e-6, 2.5e-6, 9.5e-6, 25e-6], dt=dt, duration=60 * dt,
    )  # fmt: skip
    assert found[0] == 0.0
    n, strict = assert_spikes_match(found, trace)
    assert n == strict >= (4 if jump > 0 else 1)


@pytest.mark.parametrize("tau_syn", TAUS)
@pytest.mark.parametrize("path", ["grid", "events"])
def test_exact__fires_when_the_refractory_period_ends_above_threshold(path, tau_syn):
    """Strong drive and holdoff: all intervals are the refractory time."""
    found, trace = run_single(
        [(0.0, 5e4)], path=path, tau_mem=10e-6, tau_syn=tau_syn, threshold=125.0, reset=80.0, refractory_time=1.7e-6,
        holdoff_time=0.6e-6, duration=30e-6,
    )  # fmt: skip
    n, strict = assert_spikes_match(found, trace)
    assert n == strict > 10
    np.testing.assert_allclose(np.diff(found), 1.7e-6, rtol=1e-13)


@pytest.mark.parametrize("tau_syn", TAUS)
@pytest.mark.parametrize("path", ["grid", "events"])
@pytest.mark.parametrize("jump", [1e6, 1e9])
def test_exact__huge_weights(path, tau_syn, jump):
    events = [(k * US, w) for k, w in [(0, jump), (5, -jump / 2), (9, -2 * jump), (20, 3 * jump)]]
    found, trace = run_single(
        events, path=path, tau_mem=10e-6, tau_syn=tau_syn, threshold=125.0, reset=80.0, refractory_time=0.5e-6,
        holdoff_time=0.1e-6,
    )  # fmt: skip
    n, _ = assert_spikes_match(found, trace)
    assert n > 10


@pytest.mark.parametrize("path", ["grid", "events"])
@pytest.mark.parametrize("tau_syn", [1e-2, 1.0, 1e6, 1e12])
def test_exact__slow_synapse_is_a_constant_current(path, tau_syn):
    """The usual way to ask for a constant current. The charge is far above the membrane, whose digits must not suffer."""
    samples = np.arange(1, 39) * US
    found, trace = run_single(
        [(0.0, 200.0), (7 * US, -150.0), (20 * US, 40.0)], path=path, tau_mem=10e-6, tau_syn=tau_syn, threshold=125.0,
        reset=80.0, refractory_time=1e-6, holdoff_time=0.3e-6, duration=40 * US, samples=samples,
    )  # fmt: skip
    n, strict = assert_spikes_match(found, trace, rounding=0.0)
    assert n == strict > 4


@pytest.mark.parametrize("path", ["grid", "events"])
@pytest.mark.parametrize(("above", "seconds"), [(1e-3, 1e-16), (1e-6, 1e-13), (1e-9, 1e-10), (1e-12, 1e-7)])
def test_exact__near_tangent_asymptote(path, above, seconds):
    """The asymptote is above the threshold by a small part of the rise: the condition number is 1/part.

    Allowed: tau times rounding (2e-16) over part, times 50; on the grid membrane and current round in each of the 300
    bins before the crossing. Prototypes of event lists: 7e-16 s at 1e-6, 6e-10 s at 1e-12. The same part below the
    threshold: no spike.
    """
    settings = dict(tau_mem=10e-6, tau_syn=10e-6, threshold=96.0, reset=32.0, refractory_time=1e-3, duration=1e-3)
    found, trace = run_single([(0.0, 64.0 * (1 + above))], path=path, **settings)
    assert len(found) == len(trace.spike_time) == 1
    assert abs(naive.PRECISE.mpf(found[0]) - trace.spike_time[0]) < seconds
    assert run_single([(0.0, 64.0 * (1 - above))], path=path, **settings)[0] == []


@pytest.mark.parametrize("path", ["grid", "events"])
def test_exact__asymptote_exactly_at_threshold_never_fires(path):
    """tau_syn = tau_mem and weight = threshold - reset, such as the defaults and 45: v < threshold for ever.

    Whole numbers, so nothing rounds but the decay. Rounding must not lift v over its asymptote in any bin.
    """
    threshold, reset = (x.ravel().astype(float) for x in np.meshgrid(np.arange(90, 131), np.arange(20, 85, 5)))
    neurons = b2.IAFNeuron(threshold.size, threshold=threshold, reset=reset)
    if path == "grid":
        jump = np.zeros((1000, threshold.size))
        jump[0] = threshold - reset
        run = b2.simulate(neurons, jump)
    else:
        weight = b2.Synapse((threshold - reset)[None])
        run = b2.simulate(neurons, b2.sparse_spikes([0.0], [0], n_neuron=1, duration=1e-3), synapse=weight)
    assert run.sizes["spike"] == 0, f"{run.sizes['spike']} of {threshold.size} neurons fire"


@pytest.mark.parametrize("model", ["iaf", "lif"])
@pytest.mark.parametrize("part", [1e-4, 1e-8, 1e-11])
def test_exact__near_tangent_peak(model, part):
    """Fast excitation against slow inhibition: the membrane has a maximum. Thresholds just below and above it."""
    shape = dict(tau_mem=10e-6, tau_syn=(2e-6, 12e-6), reset=80.0, refractory_time=1e-3)
    if model == "lif":
        shape["leak"] = 80.0
    events = [(US, 500.0), (2 * US, -150.0)]
    top = naive.peak(events, model=model, **shape)
    for threshold, expected in ((float(top - (top - 80) * part), 1), (float(top + (top - 80) * part), 0)):
        found, trace = run_single(events, model=model, threshold=threshold, **shape)
        assert len(trace.spike_time) == expected, "the test's own precondition"
        assert assert_spikes_match(found, trace)[0] == expected


def long_membrane(s, charge, tau, reset):
    """Evaluate v(s) of an IAF neuron with two charges in extended precision."""
    return reset - sum(q * np.expm1(-s / t) for q, t in zip(charge, tau, strict=True))


@pytest.mark.parametrize("path", ["grid", "events"])
def test_exact__no_spike_missed_or_invented_in_10000_intervals_of_two_time_constants(path):
    """One interval per neuron with random currents and time constants, short against and longer than them.

    v has one stationary point at most, known in closed form: a maximum ends the bracket in which v rises, a minimum
    begins it. The neuron fires iff v at the end of the bracket is above threshold, and then where v equals it in the bracket.
    Evaluated in extended precision; 50 digits decide where that is within 1e-11 of the threshold.
    """
    rng = np.random.default_rng(8)
    size, length, reset = 10_000, 20e-6, 80.0
    tau_syn = (10 ** rng.uniform(-6.5, -4.5, size), 10 ** rng.uniform(-6.5, -4.5, size))
    # some pairs equal or nearly so
    tau_syn[1][:500] = tau_syn[0][:500]
    tau_syn[1][500:1000] = tau_syn[0][500:1000] * (1 + 10 ** rng.uniform(-14, -3, 500))
    tau_mem = rng.uniform(5e-6, 15e-6, size)
    charge = rng.uniform(0, 150, size)
    # so that the charges compare
    weight = np.stack([charge * tau_mem / tau_syn[0], -charge * rng.uniform(0, 1.2, size) * tau_mem / tau_syn[1]])
    threshold = reset + 10 ** rng.uniform(-1, 2, size)
    neurons = b2.IAFNeuron(
        size, refractory_time=1e-3, tau_mem=tau_mem, tau_syn=tau_syn, threshold=threshold, reset=reset
    )
    if path == "grid":
        run = b2.simulate(neurons, np.ones((1, 2)), synapse=b2.Synapse(weight), dt=length)
    else:
        inputs = b2.sparse_spikes([0.0, 0.0], [0, 1], n_neuron=2, duration=length)
        run = b2.simulate(neurons, inputs, synapse=b2.Synapse(weight))
    assert np.unique(run.spike_neuron).size == run.sizes["spike"], "one spike per neuron"
    found = np.full(size, np.nan)
    found[run.spike_neuron.values] = run.spike_time.values

    tau = [part.astype(np.longdouble) for part in tau_syn]
    q = [w.astype(np.longdouble) * t / tau_mem for w, t in zip(weight, tau, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):
        stationary = np.log((-q[1] / tau[1]) / (q[0] / tau[0])) / (1 / tau[1] - 1 / tau[0])
    stationary[~(stationary > 0)] = np.inf  # none, or in the past
    slope = q[0] / tau[0] + q[1] / tau[1]
    rises_first = slope > 0
    low = np.where(rises_first, 0, np.minimum(stationary, length))
    high = np.where(rises_first, np.minimum(stationary, length), length)
    top = long_membrane(high, q, tau, reset)
    fires = (top > threshold) & (high > low)
    for n in np.flatnonzero(np.abs(top - threshold) < 1e-11 * charge):
        single = dict(tau_mem=tau_mem[n], tau_syn=(tau_syn[0][n], tau_syn[1][n]), threshold=threshold[n], reset=reset)
        events = [(0.0, weight[0, n]), (0.0, weight[1, n])]
        fires[n] = bool(naive.exact(events, refractory_time=1e-3, duration=length, **single).spike_time)
    np.testing.assert_array_equal(np.isfinite(found), fires)

    at = found[fires].astype(np.longdouble)
    few_q, few_tau = [x[fires] for x in q], [x[fires] for x in tau]
    steep = sum(x / t * np.exp(-at / t) for x, t in zip(few_q, few_tau, strict=True))
    error = (long_membrane(at, few_q, few_tau, reset) - threshold[fires]) / steep
    # a few roundings of the largest term, over the slope; near the stationary point the bracket is as uncertain
    allowed = np.maximum(1e-17, ROUNDING * (reset + threshold[fires] + 3 * charge[fires]) / np.abs(steep))
    assert np.all(np.abs(error) <= allowed), f"{np.abs(error / allowed).max()} times what is allowed"
    assert np.mean(allowed == 1e-17) > 0.9
    assert np.all(at > low[fires] - allowed)
    assert np.all(at < high[fires] + allowed)
    assert 2000 < fires.sum() < 8000
    over = long_membrane(np.longdouble(length), few_q, few_tau, reset) < threshold[fires]
    assert over.sum() > 300, "peaks that are over by the end of the interval: only a search inside finds them"


# ---------------------------------------------------------------------------------------------------------------------
# leaking membranes


@pytest.mark.parametrize("model", ["lif", "li"])
@pytest.mark.parametrize("ratio", [1.0, 1 + 2**-52, 1 + 1e-12, 1 + 1e-9, 1 - 1e-6, 1 + 1e-3, 0.9, 1.1, 1e-3, 1e3])
@pytest.mark.parametrize("path", ["grid", "events"])
def test_exact__leak_with_close_time_constants(path, ratio, model):
    """tau_syn/tau_mem around 1, where the textbook solution divides 0 by 0, and far from it."""
    tau_mem = 8e-6
    parameters = dict(tau_mem=tau_mem, tau_syn=tau_mem * ratio, leak=84.0)
    size = 300.0 * max(1.0, 1 / ratio)
    if model == "lif":
        parameters |= dict(threshold=125.0, reset=80.0, refractory_time=2e-6, holdoff_time=0.5e-6)
    events = [(0.0, size), (5e-6, -0.4 * size), (9e-6, 0.8 * size)]
    times, jumps = [t for t, _ in events], np.array([w for _, w in events])[:, None]
    samples = [1e-9, 0.7e-6, 5e-6, 8.5e-6, 20e-6, 39e-6]
    neurons = KIND[model](1, **parameters)
    record = b2.Recording(None if model == "li" else "sparse", membrane=True, current=True, sample_time=samples)
    if path == "grid":
        dense = np.zeros((40, 1))
        dense[[0, 5, 9]] = jumps
        run = b2.simulate(neurons, dense, record=record)
    else:
        run = b2.simulate(neurons, sparse_from_single_events(times, 40e-6), synapse=b2.Synapse(jumps), record=record)
    trace = naive.exact(events, model=model, duration=40e-6, sample_time=samples, **parameters)
    compare_traces(run, [trace])
    if model == "lif":
        n, strict = assert_spikes_match(spike_lists(run).get((0, 0), []), trace)
        assert n > 0
        assert strict >= n - 1


def test_exact__leak_alone_crosses_threshold():
    """leak above threshold: fires at 0, then regularly, without input; the interval is known in closed form."""
    parameters = dict(tau_mem=10e-6, tau_syn=5e-6, leak=150.0, threshold=125.0, reset=80.0, refractory_time=2e-6)
    run = b2.simulate(b2.LIFNeuron(1, **parameters), np.zeros((60, 1)))
    found = spike_lists(run)[0, 0]
    interval = 2e-6 + 10e-6 * np.log((150 - 80) / (150 - 125))
    np.testing.assert_allclose(found, np.arange(len(found)) * interval, rtol=1e-13)
    assert len(found) == 5
    # leak at threshold: approached for ever, never crossed
    run = b2.simulate(b2.LIFNeuron(1, **(parameters | dict(leak=125.0))), np.zeros((60, 1)))
    assert run.sizes["spike"] == 0


def test_exact__leak_pulls_the_membrane_back_below_threshold_within_an_interval():
    """One event, one long bin: v rises above threshold and is far below it again at the end."""
    parameters = dict(tau_mem=5e-6, tau_syn=4e-6, leak=80.0, threshold=100.0, reset=80.0, refractory_time=500e-6)
    for path_dt in (1e-6, 500e-6):
        jump = np.zeros((round(500e-6 / path_dt), 1))
        jump[0] = 120.0
        run = b2.simulate(b2.LIFNeuron(1, **parameters), jump, dt=path_dt)
        trace = naive.exact([(0.0, 120.0)], model="lif", duration=500e-6, **parameters)
        assert assert_spikes_match(spike_lists(run)[0, 0], trace) == (1, 1)


def test_exact__leaking_membrane_needs_a_search_in_every_kind_of_interval():
    """Three exponentials, up to two stationary points: 2000 random single intervals, decided by the twin."""
    rng = np.random.default_rng(9)
    size, length = 2000, 30e-6
    tau_mem = 10 ** rng.uniform(-6, -4.5, size)
    tau_syn = (10 ** rng.uniform(-6.5, -4.5, size), 10 ** rng.uniform(-6.5, -4.5, size))
    tau_syn[0][:200] = tau_mem[:200]
    tau_syn[1][100:300] = tau_mem[100:300]
    charge = rng.uniform(20, 150, size)
    weight = np.stack([charge * tau_mem / tau_syn[0], -charge * rng.uniform(0, 1.2, size) * tau_mem / tau_syn[1]])
    parameters = dict(tau_mem=tau_mem, tau_syn=tau_syn, threshold=80 + 10 ** rng.uniform(-1, 1.7, size), reset=np.full(size, 70.0),
                      leak=rng.uniform(70, 80, size))  # fmt: skip
    neurons = b2.LIFNeuron(size, refractory_time=1e-3, **parameters)
    for inputs in (np.ones((1, 2)), b2.sparse_spikes([0.0, 0.0], [0, 1], n_neuron=2, duration=length)):
        run = b2.simulate(neurons, inputs, synapse=b2.Synapse(weight), dt=length)
        lists = spike_lists(run)
        fired = 0
        for n in range(size):
            single = of_neuron(parameters, n) | dict(refractory_time=1e-3, duration=length, model="lif")
            events = [(0.0, weight[0, n]), (0.0, weight[1, n])]
            trace = naive.exact(events, arithmetic=naive.Float64, **single)
            if len(trace.spike_time) != len(lists.get((0, n), [])) or (
                trace.spike_time and trace.uncertainty[0] > 1e-3
            ):
                trace = naive.exact(events, **single)
            # the double twin cancels where the time constants are close: 1e-14 s suffices to tell a wrong crossing
            assert_spikes_match(lists.get((0, n), []), trace, tolerance=1e-14, rounding=64 * ROUNDING)
            fired += len(trace.spike_time)
        assert 400 < fired < 1900


# ---------------------------------------------------------------------------------------------------------------------
# Euler steps converge to the exact solution


@pytest.mark.parametrize("model", ["iaf", "lif"])
@pytest.mark.parametrize("pair", [False, True], ids=["one_tau", "two_tau"])
def test_euler__membrane_converges_at_first_order(model, pair):
    """Half the step, half the error: ratios near 2."""
    parameters = dict(tau_mem=10e-6, tau_syn=(6e-6, 4e-6) if pair else 6e-6, threshold=NEVER, reset=80.0)
    if model == "lif":
        parameters["leak"] = 75.0
    duration = 32e-6
    exact = naive.exact([(0.0, 90.0), (8e-6, -50.0)], model=model, duration=1.0, sample_time=[duration], **parameters)
    errors = []
    for parts in (2, 4, 8, 16, 32):
        dt = 1e-6 / parts
        jump = np.zeros((32 * parts + 1, 1))
        jump[0], jump[8 * parts] = 90.0, -50.0
        run = b2.simulate(
            KIND[model](1, refractory_time=1e-6, **parameters), jump, dt=dt, integrator="euler",
            record=b2.Recording(None, membrane=True),
        )  # fmt: skip
        # row k is the state after step k, in which an input of row j has acted for k - j steps
        errors.append(abs(run.membrane.values[32 * parts, 0] - float(exact.membrane[0])))
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    # second-order terms: a quarter at the coarsest step, less than 5 % at the finest
    assert np.all(np.abs(ratios - 2) < 0.25), errors
    assert abs(ratios[-1] - 2) < 0.05, errors


def test_euler__spike_times_converge_at_first_order():
    """First spikes of random neurons: the mean error is proportional to the step."""
    rng = np.random.default_rng(10)
    size = 300
    parameters = dict(
        tau_mem=rng.uniform(6e-6, 14e-6, size), tau_syn=rng.uniform(4e-6, 10e-6, size), refractory_time=1e-3
    )
    bins = np.abs(rng.normal(60, 20, (40, size))) * (rng.random((40, size)) < 0.2)
    exact = b2.simulate(
        b2.IAFNeuron(size, **parameters), bins, dt=1e-6, record=b2.Recording("first")
    ).first_spike.values
    errors = []
    for parts in (4, 16, 64):
        jump = np.zeros((40 * parts, size))
        jump[::parts] = bins
        run = b2.simulate(
            b2.IAFNeuron(size, **parameters), jump, dt=1e-6 / parts, integrator="euler", record=b2.Recording("first")
        )
        both = np.isfinite(exact) & np.isfinite(run.first_spike.values)
        assert both.sum() > 250
        errors.append(np.median(np.abs(run.first_spike.values - exact)[both]))
    # a step is rounded to the grid, so the error is about one step; first order: 4 times less for 4 times finer
    assert errors[0] < 0.5e-6
    np.testing.assert_allclose(np.array(errors[:-1]) / np.array(errors[1:]), 4, rtol=0.3)
