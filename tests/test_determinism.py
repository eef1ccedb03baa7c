"""Identical bits: whatever the threads, the batch, the cuts in time and what is recorded."""

from itertools import pairwise

import numpy as np
import pytest
from comparison import assert_identical, joined_in_time, spike_lists
from hypothesis import given
from hypothesis import strategies as st

import bss2sim as b2

EVERYTHING = dict(spikes="sparse", membrane=True, current=True)
N_TIME, N_BATCH, SIZE, N_INPUT = 40, 6, 21, 9
INTEGRATORS = ["exact", "euler"]
PAIRS = [pytest.param(False, id="one_tau"), pytest.param(True, id="two_tau")]


def paths(*ways):
    """List (integrator, way in, pair, model): every kernel of the exact integrator, and some of Euler's.

    Kernels are compiled for each combination, seconds each, which is why not all are here.
    """
    cases = [("exact", way, pair, "iaf") for way in ("jumps", "dense", "sparse") for pair in (False, True)]
    cases += [("exact", "jumps", False, "lif"), ("exact", "sparse", True, "lif")]
    cases += [("euler", "jumps", False, "iaf"), ("euler", "dense", True, "iaf"), ("euler", "sparse", False, "lif")]
    names = [f"{integrator}-{way}-{'two' if pair else 'one'}_tau-{model}" for integrator, way, pair, model in cases]
    return [pytest.param(*case, id=name) for case, name in zip(cases, names, strict=True) if case[1] in ways]


ALL_PATHS = pytest.mark.parametrize(("integrator", "way", "pair", "model"), paths("jumps", "dense", "sparse"))
GRID_PATHS = pytest.mark.parametrize(("integrator", "way", "pair", "model"), paths("jumps", "dense"))


def population(model, pair, size=SIZE, seed=1):
    """Build neurons that differ, fire often, and are now and then inside every phase at a cut."""
    rng = np.random.default_rng([seed, pair])
    tau_syn = (rng.uniform(3e-6, 12e-6, size), rng.uniform(3e-6, 12e-6, size))
    settings = dict(
        tau_mem=rng.uniform(5e-6, 15e-6, size), tau_syn=tau_syn if pair else tau_syn[0],
        threshold=rng.uniform(105, 130, size), reset=rng.uniform(75, 90, size),
        refractory_time=rng.choice([0.0, 0.7e-6, 2e-6, 4.5e-6], size),
    )  # fmt: skip
    settings["holdoff_time"] = settings["refractory_time"] * rng.choice([0.0, 0.5, 1.0], size)
    # some start above threshold, where that is allowed in both integrators
    settings["reset"][settings["refractory_time"] == 2e-6] = 131.0
    if model == "lif":
        return b2.LIFNeuron(size, leak=rng.uniform(70, 100, size), **settings)
    return b2.IAFNeuron(size, **settings)


def drive(way, dtype=np.float64, n_batch=N_BATCH, size=SIZE, seed=2):
    """Return (inputs, synapse): graded jumps, or spikes on the grid, dense or as a list."""
    rng = np.random.default_rng(seed)
    if way == "jumps":
        return ((rng.random((N_TIME, n_batch, size)) < 0.3) * rng.normal(40, 90, (N_TIME, n_batch, size))).astype(
            dtype
        ), None
    synapse = b2.Synapse(rng.normal(25, 80, (N_INPUT, size)).astype(dtype))
    spikes = rng.random((N_TIME, n_batch, N_INPUT)) < 0.15
    if way == "dense":
        return spikes, synapse
    time, batch, source = np.nonzero(spikes)
    return listed(time * 1e-6, batch, source, n_batch), synapse


def listed(time, batch, source, n_batch, duration=N_TIME * 1e-6):
    """Make sparse spikes."""
    return b2.sparse_spikes(time, source, batch, n_batch=n_batch, n_neuron=N_INPUT, duration=duration)


def arbitrary_events(n_batch=N_BATCH, n_event=150, seed=3):
    """Draw (time, batch, input) of events off the grid, a few of them at the same time."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, N_TIME * 1e-6, n_event))
    time[1::10] = time[::10]
    return time, rng.integers(0, n_batch, n_event), rng.integers(0, N_INPUT, n_event)


def run(neurons, inputs, synapse, **settings):
    """Simulate with everything recorded unless said otherwise."""
    return b2.simulate(neurons, inputs, synapse=synapse, **({"record": b2.Recording(**EVERYTHING)} | settings))


# ---------------------------------------------------------------------------------------------------------------------
# threads


@ALL_PATHS
def test_threads__do_not_change_bits(integrator, way, pair, model):
    neurons = population(model, pair)
    inputs, synapse = drive(way)
    expected, state = run(neurons, inputs, synapse, integrator=integrator, threads=1, return_state=True)
    assert expected.sizes["spike"] > 100
    for threads in (2, 3):
        found, other = run(neurons, inputs, synapse, integrator=integrator, threads=threads, return_state=True)
        assert_identical(found, expected)
        assert_identical(other, state)
    with b2.set_options(threads=2):
        assert_identical(run(neurons, inputs, synapse, integrator=integrator), expected)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_threads__do_not_change_bits_of_one_trial_with_many_neurons(integrator):
    """One trial: the neurons are what is spread over threads; more of them than a block holds, and a tail."""
    size = 1300
    neurons = population("iaf", False, size=size)
    inputs, _ = drive("jumps", n_batch=1, size=size)
    expected = run(neurons, inputs, None, integrator=integrator, threads=1)
    assert expected.sizes["spike"] > 3000
    for threads in (2, 4):
        assert_identical(run(neurons, inputs, None, integrator=integrator, threads=threads), expected)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_simulate__same_bits_again(integrator):
    """Nothing is left over from an earlier run."""
    neurons = population("iaf", True)
    inputs, synapse = drive("dense")
    first = run(neurons, inputs, synapse, integrator=integrator)
    run(neurons, *drive("dense", seed=99), integrator=integrator)
    assert_identical(run(neurons, inputs, synapse, integrator=integrator), first)


# ---------------------------------------------------------------------------------------------------------------------
# batch


@ALL_PATHS
@given(order=st.permutations(range(N_BATCH)), cut=st.integers(1, N_BATCH - 1))
def test_batch__split_and_order_do_not_change_bits(integrator, way, pair, model, order, cut):
    neurons = population(model, pair)
    inputs, synapse = drive("dense" if way == "sparse" else way)
    whole = run(neurons, inputs, synapse, integrator=integrator)
    lists = spike_lists(whole)
    for part in (order[:cut], order[cut:]):
        some = inputs[:, part]
        if way == "sparse":
            time, batch, source = np.nonzero(some)
            some = listed(time * 1e-6, batch, source, len(part))
        found = run(neurons, some, synapse, integrator=integrator)
        if way == "sparse" and integrator == "exact":
            # another way in than the whole run's: events are listed, there they were on the grid
            whole = run(neurons, drive("sparse")[0], synapse)
            lists = spike_lists(whole)
        for name in ("membrane", "current"):
            np.testing.assert_array_equal(found[name].values, whole[name].values[part])
        expected = {(k, n): lists[b, n] for k, b in enumerate(part) for n in range(SIZE) if (b, n) in lists}
        assert spike_lists(found) == expected


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_neurons__do_not_depend_on_their_neighbours(integrator):
    """A part of the population alone gives the same bits: position in a block or vector does not matter."""
    neurons = population("iaf", False)
    inputs, _ = drive("jumps")
    whole = run(neurons, inputs, None, integrator=integrator)
    for part in (slice(0, 1), slice(3, 20), slice(20, 21)):
        names = ("tau_mem", "tau_syn", "threshold", "reset", "refractory_time", "holdoff_time")
        size = part.stop - part.start
        few = b2.IAFNeuron(size, **{name: getattr(neurons, name).values[part] for name in names})
        found = run(few, inputs[:, :, part], None, integrator=integrator)
        np.testing.assert_array_equal(found.membrane.values, whole.membrane.values[..., part])
        lists = spike_lists(whole)
        expected = {(b, n - part.start): t for (b, n), t in lists.items() if part.start <= n < part.stop}
        assert spike_lists(found) == expected


# ---------------------------------------------------------------------------------------------------------------------
# cuts in time

CUTS = st.lists(st.integers(1, N_TIME - 1), min_size=1, max_size=4, unique=True).map(sorted)


@GRID_PATHS
@given(cuts=CUTS)
def test_time__cuts_on_the_grid_do_not_change_bits(integrator, way, pair, model, cuts):
    neurons = population(model, pair)
    inputs, synapse = drive(way)
    whole, last = run(neurons, inputs, synapse, integrator=integrator, return_state=True)
    pieces, state = [], None
    edges = [0, *cuts, N_TIME]
    for begin, end in pairwise(edges):
        piece, state = run(neurons, inputs[begin:end], synapse, integrator=integrator, state=state, return_state=True)
        pieces.append(piece)
        np.testing.assert_array_equal(piece.time.values, whole.time.values[begin:end])
    assert_identical(
        joined_in_time(pieces),
        whole.drop_vars([v for v in whole.variables if v not in joined_in_time(pieces).variables]),
    )
    assert_identical(state, last)


@pytest.mark.parametrize(("model", "pair"), [("iaf", False), ("iaf", True), ("lif", True)])
@given(
    cuts=st.lists(st.floats(0.01e-6, 39.9e-6), min_size=1, max_size=4, unique=True).map(sorted), at_event=st.booleans()
)
def test_time__cuts_anywhere_between_events_do_not_change_bits(model, pair, cuts, at_event):
    """Also in the middle of a clamp, a holdoff or a rise, and exactly at an event."""
    neurons = population(model, pair)
    _, synapse = drive("sparse")
    time, batch, source = arbitrary_events()
    if at_event:
        cuts = sorted({*cuts, float(time[40]), float(time[101])})
    end = N_TIME * 1e-6
    whole, last = run(neurons, listed(time, batch, source, N_BATCH), synapse, return_state=True)
    assert whole.sizes["spike"] > 100
    pieces, state = [], None
    edges = [0.0, *cuts, end]
    for low, high in pairwise(edges):
        # a length is a difference, so its end is rounded: keep the very end of each piece
        length = high - low
        at = 0.0 if state is None else state.attrs["begin"]
        inside = (time >= at) & (time < at + length)
        events = listed(time[inside], batch[inside], source[inside], N_BATCH, duration=end)
        piece, state = run(neurons, events, synapse, duration=length, state=state, return_state=True)
        pieces.append(piece)
    joined = joined_in_time([piece.drop_dims("time") for piece in pieces])
    # the last end may be an ulp off the whole run's: a spike between the two would be one of 1e15
    for name in ("spike_time", "spike_neuron", "spike_batch", "row_size"):
        np.testing.assert_array_equal(joined[name].values, whole[name].values)
    for name in last.variables:
        np.testing.assert_array_equal(state[name].values, last[name].values, err_msg=name)


@pytest.mark.parametrize("pair", PAIRS)
def test_time__a_list_of_all_events_can_be_given_to_every_piece(pair):
    """Events before the state's time have acted, those after the duration come later: neither is used twice or lost."""
    neurons = population("iaf", pair)
    _, synapse = drive("sparse")
    time, batch, source = arbitrary_events()
    events = listed(time, batch, source, N_BATCH)
    whole = run(neurons, events, synapse)
    try:
        first, state = run(neurons, events, synapse, duration=17.3e-6, return_state=True)
        second = run(neurons, events, synapse, state=state)
    except b2.InputError:
        return  # refusing them loudly is as good
    joined = joined_in_time([piece.drop_dims("time") for piece in (first, second)])
    assert_identical(joined[["spike_time"]], whole[["spike_time"]])


@pytest.mark.parametrize("integrator", INTEGRATORS)
@given(cut=st.integers(1, N_TIME - 1))
def test_time__state_survives_a_file(tmp_path_factory, integrator, cut):
    """A state that has been on disk continues the run to the same bits."""
    import xarray as xr

    neurons = population("iaf", True)
    inputs, synapse = drive("dense")
    _, state = run(neurons, inputs[:cut], synapse, integrator=integrator, return_state=True)
    expected = run(neurons, inputs[cut:], synapse, integrator=integrator, state=state)
    path = tmp_path_factory.mktemp("state") / "state.nc"
    state.to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as again:
        assert_identical(run(neurons, inputs[cut:], synapse, integrator=integrator, state=again.load()), expected)


def test_time__a_state_is_not_changed_by_using_it():
    neurons = population("iaf", False)
    inputs, _ = drive("jumps")
    _, state = run(neurons, inputs[:11], None, return_state=True)
    copy = state.copy(deep=True)
    first = run(neurons, inputs[11:], None, state=state)
    assert_identical(state, copy)
    assert state.attrs == copy.attrs
    assert_identical(run(neurons, inputs[11:], None, state=state), first)


def test_time__spike_at_the_end_belongs_to_the_continuation():
    """Reset above threshold: fires at 0, 2, 4, ... dt exactly. A run of 4 dt has two spikes, the next begins with one."""
    for neurons in (b2.IAFNeuron(1, reset=2.0, threshold=1.0, refractory_time=2**-19),):
        dt = 2**-20
        first, state = b2.simulate(neurons, np.zeros((4, 1)), dt=dt, return_state=True)
        second = b2.simulate(neurons, np.zeros((4, 1)), dt=dt, state=state)
        np.testing.assert_array_equal(first.spike_time, [0, 2 * dt])
        np.testing.assert_array_equal(second.spike_time, [4 * dt, 6 * dt])
        none = b2.sparse_spikes([], [], n_neuron=1, duration=4 * dt)
        synapse = b2.Synapse(np.ones((1, 1)))
        first, state = b2.simulate(neurons, none, synapse=synapse, dt=dt, return_state=True)
        second = b2.simulate(neurons, none, synapse=synapse, dt=dt, duration=4 * dt, state=state)
        np.testing.assert_array_equal(first.spike_time, [0, 2 * dt])
        np.testing.assert_array_equal(second.spike_time, [4 * dt, 6 * dt])


# ---------------------------------------------------------------------------------------------------------------------
# recording


@pytest.mark.parametrize(
    ("integrator", "way", "pair"), [("exact", "jumps", False), ("exact", "sparse", True), ("euler", "dense", True)]
)
def test_recording__does_not_change_what_happens(integrator, way, pair):
    """Whatever is recorded: the common variables and the final state have the same bits."""
    neurons = population("iaf", pair)
    inputs, synapse = drive(way)
    whole, last = run(neurons, inputs, synapse, integrator=integrator, return_state=True)
    for spikes, membrane, current in [
        ("sparse", False, False), ("dense", True, False), ("count", False, True), ("first", False, False), (None, False, False),
    ]:  # fmt: skip
        record = b2.Recording(spikes, membrane=membrane, current=current)
        found, state = run(neurons, inputs, synapse, integrator=integrator, record=record, return_state=True)
        assert_identical(state, last)
        common = [name for name in found.data_vars if name in whole]
        assert_identical(found[common], whole[common].drop_vars(set(whole[common].coords) - set(found[common].coords)))


@pytest.mark.parametrize("pair", PAIRS)
@given(samples=st.lists(st.floats(0, 39.9e-6), min_size=1, max_size=6, unique=True).map(sorted))
def test_recording__sample_times_do_not_change_what_happens(pair, samples):
    """Samples are peeks: spike times and the state keep their bits, and a sample does not depend on the others."""
    neurons = population("iaf", pair)
    _, synapse = drive("sparse")
    time, batch, source = arbitrary_events()
    for inputs in (listed(time, batch, source, N_BATCH), drive("dense")[0]):
        whole, last = run(neurons, inputs, synapse, return_state=True)
        record = b2.Recording(membrane=True, current=True, sample_time=samples)
        found, state = run(neurons, inputs, synapse, record=record, return_state=True)
        assert_identical(state, last)
        np.testing.assert_array_equal(found.spike_time.values, whole.spike_time.values)
        alone = run(
            neurons, inputs, synapse, record=b2.Recording(membrane=True, current=True, sample_time=samples[-1:])
        )
        np.testing.assert_array_equal(alone.membrane.values[:, 0], found.membrane.values[:, -1])
        np.testing.assert_array_equal(alone.current.values[:, 0], found.current.values[:, -1])


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("spikes", ["sparse", "dense"])
def test_out__reuses_memory_with_the_same_bits(integrator, spikes):
    neurons = population("iaf", False)
    record = b2.Recording(spikes, membrane=True, current=spikes == "sparse")
    expected = run(neurons, *drive("jumps"), integrator=integrator, record=record)
    previous = run(neurons, *drive("jumps", seed=50), integrator=integrator, record=record)
    memory = previous.membrane.values
    found = run(neurons, *drive("jumps"), integrator=integrator, record=record, out=previous)
    assert_identical(found, expected)
    assert np.shares_memory(found.membrane.values, memory)
    assert not np.shares_memory(found.membrane.values, expected.membrane.values)
