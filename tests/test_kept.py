"""What runs keep for the next one: it changes no result, cannot be changed from outside, and is no part of anything."""

import copy
import pickle
import threading

import numpy as np
import pytest
import xarray as xr
from comparison import assert_identical

import bss2sim as b2
from bss2sim import coordinates
from bss2sim.kept import Kept
from bss2sim.parameters import MOST_NEURONS

US = 1e-6
SIZE = 9
ALL = b2.Recording("dense", membrane=True, current=True)


def populations():
    firing = {"refractory_time": 2e-6, "holdoff_time": 1e-6, "spike_mask": np.arange(SIZE) != 3}
    return {
        "iaf": b2.IAFNeuron(SIZE, threshold=np.linspace(100, 130, SIZE), **firing),
        "pair": b2.IAFNeuron(SIZE, tau_syn=(8e-6, 5e-6), **firing),
        "lif": b2.LIFNeuron(SIZE, leak=90.0, **firing),
        "lif_pair": b2.LIFNeuron(SIZE, tau_syn=(8e-6, 5e-6), **firing),
        "li": b2.LINeuron(SIZE, leak=2.0, tau_syn=(8e-6, 5e-6)),
    }


KINDS = list(populations())


def jumps(n_time=40, n_batch=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return (rng.normal(60, 200, (n_time, n_batch, SIZE)) * (rng.random((n_time, n_batch, SIZE)) < 0.4)).astype(dtype)


def recording(neurons):
    return ALL if neurons.fires else b2.Recording(None, membrane=True, current=True)


SETTINGS = [
    {"integrator": "euler", "dt": 1e-6, "dtype": "float32"},
    {"integrator": "euler", "dt": 1e-6, "dtype": "float64"},
    {"integrator": "euler", "dt": 0.5e-6, "dtype": "float32"},
    {"integrator": "exact", "dt": 1e-6},
    {"integrator": "exact", "dt": 0.5e-6},
]


# ---------------------------------------------------------------------------------------------------------------------
# parameters


@pytest.mark.parametrize("kind", KINDS)
def test_runs_of_one_population_are_those_of_new_ones(kind):
    """dt, dtype, integrator and the trials of the inputs may change between runs, in any order."""
    neurons = populations()[kind]
    settings = [{**given, "n_batch": n_batch} for given in SETTINGS for n_batch in (3, 1)]
    for given in [*settings, *reversed(settings)]:
        how = {name: value for name, value in given.items() if name != "n_batch"}
        x = jumps(n_batch=given["n_batch"])
        new = populations()[kind]
        ours = b2.simulate(neurons, x, record=recording(neurons), return_state=True, **how)
        fresh = b2.simulate(new, x, record=recording(new), return_state=True, **how)
        for mine, theirs in zip(ours, fresh, strict=True):
            assert_identical(mine, theirs)
            assert mine.attrs == theirs.attrs


def test_a_run_after_a_continued_one_starts_anew():
    """The fresh state is shared by runs; none may move it."""
    for kind in KINDS:
        for how in SETTINGS:
            neurons = populations()[kind]
            first, state = b2.simulate(neurons, jumps(), record=recording(neurons), return_state=True, **how)
            b2.simulate(neurons, jumps(), record=recording(neurons), state=state, **how)
            assert_identical(b2.simulate(neurons, jumps(), record=recording(neurons), **how), first)


def arrays_in(value):
    """Every array in nested tuples, dicts and objects."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from arrays_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays_in(part)
    elif hasattr(value, "__dict__"):
        yield from arrays_in(vars(value))


@pytest.mark.parametrize("kind", KINDS)
def test_runs_write_to_nothing_kept(kind):
    neurons = populations()[kind]
    for how in SETTINGS:
        b2.simulate(neurons, jumps(), **how)
    kept = list(arrays_in(neurons._kept))
    assert len(kept) > 20
    before = [array.copy() for array in kept]
    for how in SETTINGS:
        _, state = b2.simulate(neurons, jumps(), return_state=True, **how)
        b2.simulate(neurons, jumps(), state=state, return_state=True, **how)
    events = b2.sparse_spikes([1e-6, 5e-6], [0, 1], duration=2e-5)
    b2.simulate(neurons, events, synapse=b2.Synapse(np.full((2, SIZE), 90.0)), return_state=True)
    for array, old in zip(kept, before, strict=True):
        np.testing.assert_array_equal(array, old)
        assert array.flags.writeable, "a read-only array is another type to the kernels and compiles them again"


def test_too_many_steps_are_refused_in_a_run_that_is_too_long_only():
    neurons = b2.IAFNeuron(2, refractory_time=(2**31 - 1 - 50) * 1e-6)
    for _ in range(2):
        b2.simulate(neurons, np.zeros((10, 2)), integrator="euler")
        with pytest.raises(b2.ParameterError, match=r"refractory_time is 2147483597 steps .* fewer than 2147483547"):
            b2.simulate(neurons, np.zeros((100, 2)), integrator="euler")


def test_sweeps_and_large_populations_keep_no_arrays():
    swept = b2.IAFNeuron(SIZE, threshold=xr.DataArray([100.0, 120.0], dims="level", coords={"level": [1, 2]}))
    first = b2.simulate(swept, jumps(), integrator="euler", record=ALL)
    assert_identical(b2.simulate(swept, jumps(), integrator="euler", record=ALL), first)
    assert first.membrane.dims == ("batch", "level", "time", "neuron")
    assert not list(arrays_in({name: value for name, value in vars(swept._kept).items() if name != "sweeps"}))
    large = b2.IAFNeuron(MOST_NEURONS + 1)
    b2.simulate(large, np.zeros((2, large.size)), integrator="euler")
    assert not list(arrays_in(large._kept))


def test_what_is_kept_is_no_part_of_the_population():
    for kind in KINDS:
        used, new = populations()[kind], populations()[kind]
        text, pickled = repr(used), pickle.dumps(used)
        b2.simulate(used, jumps(), integrator="euler")
        assert used == new
        assert repr(used) == text
        assert pickle.dumps(used) == pickled
        for again in (pickle.loads(pickled), copy.copy(used), copy.deepcopy(used), used.replace()):
            assert again == used
            assert again._kept is not used._kept
            assert not list(arrays_in(again._kept))
        changed = used.replace(tau_mem=20e-6)
        assert_identical(
            b2.simulate(changed, jumps(), integrator="euler"),
            b2.simulate(new.replace(tau_mem=20e-6), jumps(), integrator="euler"),
        )


def test_assigning_to_a_parameter_that_was_handed_out_changes_nothing():
    neurons = b2.IAFNeuron(
        SIZE, threshold=np.full(SIZE, 125.0), reset=xr.DataArray([70.0, 80.0], dims="level", coords={"level": [1, 2]})
    )
    same = copy.deepcopy(neurons)
    first = b2.simulate(neurons, jumps())
    neurons.threshold.values = np.zeros(SIZE)
    neurons.reset.coords["level"] = [3, 4]
    neurons.reset.attrs["units"] = "mV"
    with pytest.raises(ValueError, match="read-only"):
        neurons.threshold[0] = 1.0
    assert neurons == same
    assert_identical(b2.simulate(neurons, jumps()), first)


def test_threads_of_the_caller_may_share_a_population():
    neurons, results = populations()["iaf"], {}

    def work(k):
        for how in SETTINGS[k % 5 :] + SETTINGS[: k % 5]:
            results[k, str(how)] = b2.simulate(neurons, jumps(), record=ALL, threads=1, **how)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 * len(SETTINGS)
    for (_, how), result in results.items():
        assert_identical(result, results[0, how])


# ---------------------------------------------------------------------------------------------------------------------
# labels


@pytest.mark.parametrize("reuse", [False, True])
def test_changing_the_coordinates_of_a_result_changes_no_other(reuse):
    neurons, x = b2.IAFNeuron(SIZE, tau_syn=(8e-6, 5e-6)), jumps(n_time=23)
    settings = {"record": ALL, "integrator": "euler"}
    before = b2.simulate(neurons, x, **settings)
    pristine = before.copy(deep=True)
    spoilt = b2.simulate(neurons, x, out=before if reuse else None, **settings)
    for dim in ("time", "neuron", "synaptic_input"):
        spoilt[dim].attrs["units"] = "fortnight"
        spoilt[dim].encoding["scale_factor"] = 2
        spoilt.variables[dim].attrs["long_name"] = "spoilt"
        spoilt.coords[dim] = np.arange(spoilt.sizes[dim])[::-1]
    spoilt.membrane.attrs["long_name"] = "spoilt"
    spoilt.attrs["dt"] = 0.0
    for other in (before, b2.simulate(neurons, x, **settings), b2.simulate(neurons, x, out=spoilt, **settings)):
        for name in pristine.variables:
            assert other[name].attrs == pristine[name].attrs
            assert other[name].encoding == {}
            assert other[name].dtype == pristine[name].dtype
        assert other.indexes["time"].equals(pristine.indexes["time"])
        assert other.indexes["neuron"].equals(pristine.indexes["neuron"])
        assert other.coords.identical(pristine.coords)
        assert other.attrs == pristine.attrs


def test_labels_cannot_be_written_to():
    run = b2.simulate(b2.IAFNeuron(SIZE), jumps(n_time=21), record=ALL)
    for dim in ("time", "neuron"):
        with pytest.raises(ValueError, match="read-only"):
            run[dim].values[0] = 7
        with pytest.raises((ValueError, TypeError)):
            run[dim][0] = 7


def test_coordinates_follow_dt_start_length_and_selection():
    """Labels of one kind and different content are kept apart."""
    neurons = b2.IAFNeuron(SIZE)
    for _ in range(2):
        for dt in (1e-6, 2e-6):
            for n_time in (5, 6):
                run, state = b2.simulate(neurons, np.zeros((n_time, SIZE)), dt=dt, record=ALL, return_state=True)
                np.testing.assert_array_equal(run.time, np.arange(n_time) * dt)
                more = b2.simulate(neurons, np.zeros((n_time, SIZE)), dt=dt, record=ALL, state=state)
                np.testing.assert_array_equal(more.time, np.arange(n_time, 2 * n_time) * dt)
        for chosen in ([0, 2], [2, 0], [1, 2]):
            part = b2.simulate(neurons, np.zeros((5, SIZE)), record=b2.Recording(membrane=True, neuron=chosen))
            assert part.neuron.values.tolist() == chosen
        for times in ([1e-6, 2e-6], [1e-6, 3e-6]):
            sampled = b2.simulate(neurons, np.zeros((5, SIZE)), record=b2.Recording(membrane=True, sample_time=times))
            assert sampled.sample_time.values.tolist() == times


def test_results_of_a_chip_are_put_together_as_the_public_constructor_does(monkeypatch):
    neurons, chip, synapse = b2.IAFNeuron(SIZE), b2.EmulatedChip(seed=7), b2.Synapse(np.full((2, SIZE), 20.0))
    spikes = np.ones((8, 2, 2), bool)
    direct = b2.simulate(neurons, spikes, synapse=synapse, chip=chip)
    monkeypatch.setattr(coordinates, "_construct", None)
    public = b2.simulate(neurons, spikes, synapse=synapse, chip=chip)
    assert direct.identical(public) and list(direct.variables) == list(public.variables)
    assert {"atomic_neuron", "row"} <= set(direct.coords) and set(direct.xindexes) == set(public.xindexes)
    assert "atomic_neuron" not in direct.xindexes
    assert direct.set_xindex("atomic_neuron").sel(atomic_neuron=1).neuron == 1


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize("spikes", ["sparse", "dense", "count", "first", None])
def test_results_are_put_together_as_the_public_constructor_does(spikes, integrator, monkeypatch):
    assert coordinates._construct is not None, "this xarray has no direct constructor; the public one is slower"
    neurons = b2.IAFNeuron(SIZE, tau_syn=(8e-6, 5e-6))
    record = b2.Recording(spikes, membrane=True, current=True)

    def run():
        return b2.simulate(neurons, jumps(), record=record, integrator=integrator, return_state=True)

    direct = run()
    monkeypatch.setattr(coordinates, "_construct", None)
    for ours, public in zip(direct, run(), strict=True):
        assert ours.identical(public)
        by_hand = xr.Dataset(
            {name: (v.dims, v.values, v.attrs) for name, v in public.data_vars.items()},
            {name: (v.dims, v.values, v.attrs) for name, v in public.coords.items()},
            public.attrs,
        )
        assert ours.identical(by_hand)
        assert ours.sizes == by_hand.sizes
        assert list(ours.variables) == list(by_hand.variables)
        assert {name: v.dtype for name, v in ours.variables.items()} == {
            name: v.dtype for name, v in by_hand.variables.items()
        }
        assert {dim: type(index) for dim, index in ours.xindexes.items()} == {
            dim: type(index) for dim, index in by_hand.xindexes.items()
        }
        assert pickle.loads(pickle.dumps(ours)).identical(ours)


def test_without_the_direct_constructor_the_public_one_is_taken(monkeypatch):
    monkeypatch.setattr(xr.Dataset, "_construct_direct", None, raising=False)
    assert coordinates._direct_constructor() is None
    monkeypatch.setattr(xr.Dataset, "_construct_direct", lambda variables: None)
    assert coordinates._direct_constructor() is None


# ---------------------------------------------------------------------------------------------------------------------
# the store


def test_kept__drops_the_oldest_and_keeps_no_failure():
    kept = Kept(2)
    assert kept.get("a", lambda: 1) == 1
    assert kept.get("a", lambda: 2) == 1
    with pytest.raises(ZeroDivisionError):
        kept.get("b", lambda: 1 / 0)
    assert kept.get("b", lambda: 3) == 3
    assert kept.get("c", lambda: 4) == 4
    assert kept.get("a", lambda: 5) == 5
    assert kept.get("c", lambda: 6) == 4


def test_a_synapse_cannot_be_changed_behind_the_weights_that_runs_keep():
    synapse = b2.Synapse(np.ones((4, 16), np.float32))
    neurons = b2.LINeuron(16)
    inputs = np.ones((5, 4), np.float32)
    record = b2.Recording(spikes=None, membrane=True)
    before = b2.simulate(neurons, inputs, synapse=synapse, integrator="euler", record=record)
    synapse.weight.values = np.full((4, 16), 3, np.float32)  # of a copy of the label only
    assert (synapse.weight == 1).all()
    after = b2.simulate(neurons, inputs, synapse=synapse, integrator="euler", record=record)
    assert np.array_equal(before.membrane.values, after.membrane.values)


def test_weights_too_large_to_keep_are_not_packed():
    from bss2sim import weights

    small, large = b2.Synapse(np.ones((2, 3), np.float32)), b2.Synapse(np.ones((512, 9000), np.float32))
    assert weights.packed_weights(small, np.dtype(np.float32)) is not None
    assert weights.packed_weights(large, np.dtype(np.float32)) is None


def test_scratch_is_found_again_and_bounded():
    from bss2sim.euler_scratch import _pool

    def run(seed, n_spike):
        rng = np.random.default_rng(seed)
        spikes = b2.sparse_spikes(rng.integers(0, 90, n_spike) * 1e-6, rng.integers(0, 9, n_spike), duration=1e-4)
        return b2.simulate(
            b2.IAFNeuron(5, threshold=1.0, reset=0.0), spikes, synapse=b2.Synapse(np.ones((9, 5))), integrator="euler"
        )

    _pool.idle.clear()
    run(0, 100)
    (key,) = _pool.idle
    (kept,) = _pool.idle[key]
    run(1, 103)  # about as many spikes: the same set
    assert list(_pool.idle) == [key]
    assert _pool.idle[key][0] is kept
    for exponent in range(4, 14):
        run(2, 2**exponent)
    assert len(_pool.idle) <= _pool.most_shapes


def test_scratch__the_shape_used_last_is_kept_longest():
    from bss2sim.scratch_pool import ScratchPool

    pool, made = ScratchPool(2), []

    def use(key):
        with pool.borrow(1, key, lambda: made.append(key) or (np.empty(1), None)):
            pass

    for key in "abacba":
        use(key)
    assert made == list("abcba") and list(pool.idle) == ["b", "a"]


def test_scratch__of_all_shapes_together_is_bounded():
    from bss2sim.scratch_pool import ScratchPool

    pool = ScratchPool(16)
    for key in range(5):
        with pool.borrow(1, key, lambda: (np.empty(20 * 2**20, np.uint8),)):
            pass
    assert list(pool.idle) == [2, 3, 4]  # 60 MiB
    with pool.borrow(1, 5, lambda: (np.empty(70 * 2**20, np.uint8),)):
        pass
    assert not pool.idle


def test_scratch_of_a_run_that_failed_is_not_lent_again():
    from bss2sim import euler_scratch

    how = (1, np.dtype(np.float64), 3, 0, None)
    with pytest.raises(KeyboardInterrupt):
        with euler_scratch.borrow(*how) as (failed,):
            raise KeyboardInterrupt
    with euler_scratch.borrow(*how) as (lent,):
        assert all(a is not b for a, b in zip(failed, lent, strict=True))
    with euler_scratch.borrow(*how) as (again,):
        assert again is lent
