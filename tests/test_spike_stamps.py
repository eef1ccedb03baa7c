"""Time stamps of spikes against brute force, and their limits."""

import dataclasses

import naive_experiment_readout as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from readout_effects import ON

from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.recording import spike_stamps

CONFIGURATION = ChipConfiguration()
CIRCUIT = np.array([3, 300, 511])


def stamp(time, neuron, trial, n_trial, *, duration=20e-6, factors=ON, configuration=CONFIGURATION, numbers=None):
    seed, batch, run = numbers or (np.full(n_trial, 2**33 + 1), np.arange(n_trial), np.full(n_trial, 4))
    stamps = spike_stamps.Stamps(
        circuit=CIRCUIT,
        seed=seed,
        batch=batch,
        run=run,
        duration=duration,
        configuration=configuration,
        factors=factors,
    )
    part = stamps.arrive(np.asarray(time, float), np.asarray(neuron, np.int32), np.asarray(trial, np.int64))
    return stamps.merge([part])


def network(rng, n_trial, rate=8, end=20e-6):
    """Sorted spikes (time, neuron, trial)."""
    size = rng.poisson(rate * n_trial)
    spikes = [(rng.uniform(0, end), int(rng.integers(3)), int(rng.integers(n_trial))) for _ in range(size)]
    return sorted(spikes, key=lambda spike: (spike[2], spike[0], spike[1]))


@given(seed=st.integers(0, 2**16), n_trial=st.integers(1, 4), jitter=st.sampled_from([0.0, 1.0, 300.0]))
def test_stamps__are_the_naive_ones(seed, n_trial, jitter):
    spikes = network(np.random.default_rng(seed), n_trial)
    time, neuron, trial = zip(*spikes, strict=True) if spikes else ((), (), ())
    result = stamp(time, neuron, trial, n_trial, factors=ON | {"spike_jitter": jitter})
    expected = naive.stamps(
        spikes, CIRCUIT.tolist(), [(b, 4, 2**33 + 1) for b in range(n_trial)], duration=20e-6,
        delay=CONFIGURATION.spike_delay, jitter=jitter * CONFIGURATION.spike_jitter,
    )  # fmt: skip
    cycles = np.rint(result.spike_time * 125e6).astype(int).tolist()
    assert list(zip(result.spike_trial.tolist(), cycles, result.spike_neuron.tolist(), strict=True)) == expected
    assert result.row_size.tolist() == [sum(spike[0] == b for spike in expected) for b in range(n_trial)]
    np.testing.assert_array_equal(result.spike_time, np.array(cycles) / 125e6)  # no rounding but that of the quotient


def test_stamps__types():
    result = stamp([1e-6], [2], [0], 2)
    assert [array.dtype for array in result] == [np.float64, np.int32, np.int64, np.int64]
    assert result.row_size.tolist() == [1, 0]
    none = stamp([], [], [], 2)
    assert none.row_size.tolist() == [0, 0] and none.spike_time.size == 0


def test_stamps__without_resolution_are_not_rounded():
    off = ON | {"spike_resolution": 0.0, "spike_jitter": 0.0}
    result = stamp([1.2345e-6, 1.2345e-6, 19.9e-6], [1, 2, 0], [0, 0, 0], 1, factors=off)
    np.testing.assert_array_equal(result.spike_time, [1.2345e-6 + 0.3e-6] * 2)
    assert result.spike_neuron.tolist() == [1, 2]
    nothing = stamp([1.2345e-6, 19.9e-6], [1, 0], [0, 0], 1, factors=off | {"spike_delay": 0.0})
    np.testing.assert_array_equal(nothing.spike_time, [1.2345e-6, 19.9e-6])
    noisy = stamp([2e-6, 1e-6], [1, 2], [0, 1], 2, factors=off | {"spike_jitter": 1.0})
    assert noisy.spike_trial.tolist() == [0, 1] and 0 < abs(noisy.spike_time[0] - 2.3e-6) < 1e-7


def test_stamps__spikes_that_arrive_after_the_end_or_before_the_start_are_dropped():
    still = ON | {"spike_jitter": 0.0}
    assert stamp([19.69e-6, 19.71e-6], [0, 0], [0, 0], 1, factors=still).row_size.tolist() == [1]
    assert stamp([-0.4e-6, -0.2e-6], [0, 0], [0, 0], 1, factors=still).spike_time == pytest.approx([96e-9])
    assert stamp([0.0], [0], [0], 1, duration=16e-9, factors=still | {"spike_delay": 0.05}).row_size.tolist() == [1]
    assert stamp([0.0], [0], [0], 1, duration=16e-9, factors=still | {"spike_delay": 0.06}).row_size.tolist() == [0]


def test_stamps__whole_cycles_stay():
    cycles = np.arange(2500)
    off = ON | {"spike_jitter": 0.0, "spike_delay": 0.0}
    result = stamp(cycles * 8e-9, np.zeros(2500), np.zeros(2500), 1, factors=off)
    np.testing.assert_array_equal(result.spike_time, cycles / 125e6)


def test_stamps__jitter_has_its_spread_and_does_not_depend_on_the_other_trials():
    n = 4000
    time, trial = np.tile([2e-6, 4e-6], n), np.repeat(np.arange(n), 2)
    fine = ON | {"spike_resolution": 0.0}
    late = stamp(time, np.ones(2 * n), trial, n, factors=fine).spike_time - time - CONFIGURATION.spike_delay
    assert late.std() == pytest.approx(CONFIGURATION.spike_jitter, rel=0.03)
    assert abs(np.corrcoef(late[::2], late[1::2])[0, 1]) < 0.05
    numbers = (np.full(1, 2**33 + 1), np.array([7]), np.full(1, 4))
    alone = stamp(time[14:16], [1, 1], [0, 0], 1, factors=fine, numbers=numbers)
    np.testing.assert_array_equal(alone.spike_time - time[14:16] - CONFIGURATION.spike_delay, late[14:16])


def test_stamps__of_parts_one_after_the_other_are_those_of_all():
    time, neuron, trial = (np.array(column) for column in zip(*network(np.random.default_rng(5), 6), strict=True))
    parts = np.concatenate([np.flatnonzero(neuron == k) for k in (2, 0, 1)])
    for one, other in zip(
        stamp(time, neuron, trial, 6), stamp(time[parts], neuron[parts], trial[parts], 6), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_stamps__of_very_many_cycles_are_sorted_all_the_same():
    long = dataclasses.replace(CONFIGURATION, spike_jitter=1e9)
    numbers = (np.zeros(2, int), np.arange(2), np.zeros(2, int))
    time, neuron, trial = np.full(40, 1e10), np.arange(40) % 3, np.repeat([0, 1], 20)
    result = stamp(time, neuron, trial, 2, duration=1e12, configuration=long, numbers=numbers)
    few = stamp(time, neuron, trial, 2, duration=2e10, configuration=long, numbers=numbers)
    assert result.row_size.tolist() == [20, 20] and (np.diff(result.spike_time[:20]) >= 0).all()
    for one, other in zip(result, few, strict=True):
        np.testing.assert_array_equal(one, other)


def test_stamps__both_ways_agree(monkeypatch):
    rng = np.random.default_rng(0)
    time, trial, neuron = rng.uniform(-1e-7, 2e-6, 500), np.repeat(np.arange(5), 100), rng.integers(0, 3, 500)
    order = np.lexsort((time, neuron, trial))
    direct = stamp(time[order], neuron[order], trial[order], 5)
    monkeypatch.setattr(spike_stamps._Key, "_most", 0)
    ordered = stamp(time[order], neuron[order], trial[order], 5)
    for one, other in zip(direct, ordered, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_stamps__in_parts_as_at_once():
    rng = np.random.default_rng(1)
    time, trial, neuron = rng.uniform(0, 2e-6, 500), np.repeat(np.arange(5), 100), rng.integers(0, 3, 500)
    one = np.zeros(5, np.int64)
    stamps = spike_stamps.Stamps(
        circuit=CIRCUIT, seed=one, batch=np.arange(5), run=one, duration=1e-4, configuration=CONFIGURATION, factors=ON
    )
    halves = [neuron < 2, neuron >= 2]
    whole = stamps.merge([stamps.arrive(time, neuron, trial)])
    parts = stamps.merge([stamps.arrive(time[half], neuron[half], trial[half]) for half in halves])
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.row_size.tolist() == [100] * 5
