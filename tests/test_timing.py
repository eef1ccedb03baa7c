"""Clamp, holdoff and end of the refractory period, counted by hand; step counts; where on the grid things happen."""

import numpy as np
import pytest
from comparison import spike_lists

import bss2sim as b2

US = 1e-6
#: A current that hardly decays: the membrane rises by this times its size per us
SLOW = dict(tau_mem=1.0, tau_syn=1e9, threshold=50.0, reset=0.0)


def constant_drive(slope, n_time, **refractory):
    """Let v rise by `slope` [unit per us] from the start; exact spikes [us]."""
    jump = np.zeros((n_time, 1))
    jump[0] = slope / US
    run = b2.simulate(b2.IAFNeuron(1, **SLOW, **refractory), jump)
    return np.array(spike_lists(run).get((0, 0), [])) / US


@pytest.mark.parametrize(
    ("refractory", "holdoff", "period"),
    [
        (0.0, 0.0, 5.0),
        (2.0, 0.0, 7.0),
        (2.0, 2.0, 5.0),
        (2.0, 0.5, 6.5),
        (2.0, 1.999, 5.001),
        (0.25, 0.125, 5.125),
        (11.3, 7.1, 11.3),
    ],
)
def test_exact__period_is_clamp_and_rise(refractory, holdoff, period):
    """Rise of 5 us; the clamp lasts refractory - holdoff; the holdoff counts to the rise, but no spike comes in it."""
    found = constant_drive(10.0, 60, refractory_time=refractory * US, holdoff_time=holdoff * US)
    expected = 5 + np.arange(20) * period
    np.testing.assert_allclose(found, expected[expected < 60], rtol=1e-9)  # decay of the current: 6e-14; 1e-9 for 1/US


def test_exact__holdoff_ending_above_threshold_fires_at_that_instant():
    """Rise of 5 us inside a holdoff of 7 us: v is above threshold when the refractory period of 9 us ends."""
    found = constant_drive(10.0, 40, refractory_time=9 * US, holdoff_time=7 * US)
    np.testing.assert_allclose(found, [5, 14, 23, 32], rtol=1e-9)


def test_exact__membrane_through_clamp_and_holdoff():
    """v at hand-picked times: rise, clamp, free and silent, rise."""
    jump = np.zeros((20, 1))
    jump[0] = 10 / US
    times = np.array([2.5, 4.999, 5.001, 6.0, 6.999, 7.5, 8.0, 11.999, 12.001]) * US
    neurons = b2.IAFNeuron(
        1, **SLOW, refractory_time=3 * US, holdoff_time=1 * US
    )  # clamped 5..7, silent ..8, fires at 12
    run = b2.simulate(neurons, jump, record=b2.Recording(membrane=True, current=True, sample_time=times))
    np.testing.assert_allclose(run.membrane.values[:, 0], [25, 49.99, 0, 0, 0, 5, 10, 49.99, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(run.sample_time.values, times)


def test_exact__holdoff_can_dip_back_below_threshold():
    """Above threshold in the middle of the holdoff, below at its end: no spike."""
    neurons = b2.IAFNeuron(1, **SLOW, refractory_time=6 * US, holdoff_time=6 * US)
    jump = np.zeros((40, 1))
    jump[0] = 60 / US  # first spike at 5/6 us; v = 60 s from there
    jump[3] = -100 / US  # 60 (3 - 5/6) = 130 at 3 us, falling by 40 per us to -23.3 at 6.8333 us
    jump[10] = 50 / US  # at 10 us v = -150; rises by 10 per us: 50 at 30 us, and 60 at the end of the next holdoff
    run = b2.simulate(neurons, jump)
    np.testing.assert_allclose(np.array(spike_lists(run)[0, 0]) / US, [5 / 6, 30, 36], rtol=1e-8)


def test_exact__neuron_at_rest_above_threshold():
    """v(0) > threshold fires at 0, strictly: v(0) = threshold does not."""
    jump = np.zeros((10, 1))
    above = b2.IAFNeuron(1, reset=90.0, threshold=80.0, refractory_time=4 * US)
    np.testing.assert_array_equal(b2.simulate(above, jump).spike_time.values, [0.0, 4 * US, 8 * US])
    equal = b2.IAFNeuron(1, reset=80.0, threshold=80.0, refractory_time=4 * US)
    assert b2.simulate(equal, jump).sizes["spike"] == 0
    jump[3] = 1.0
    assert b2.simulate(equal, jump).spike_time.values[0] == 3 * US


def test_exact__inputs_in_the_clamp_act_on_the_current_only():
    """The current integrates through a spike and the clamp; the membrane starts from reset with all of it."""
    neurons = b2.IAFNeuron(1, **SLOW, refractory_time=4 * US)
    jump = np.zeros((20, 1))
    jump[0] = 10 / US  # spike at 5 us, clamp to 9 us
    jump[6] = 15 / US
    jump[8] = 25 / US  # slope 50 at the end of the clamp: spike at 10 us
    run = b2.simulate(neurons, jump)
    np.testing.assert_allclose(np.array(spike_lists(run)[0, 0])[:2] / US, [5, 10], rtol=1e-9)


def test_exact__grid_rows():
    """Row k: membrane at k dt, before the jump of row k acted; current just after that jump."""
    neurons = b2.IAFNeuron(1, **(SLOW | dict(threshold=1e9)))
    jump = np.zeros((5, 1))
    jump[1], jump[3] = 10 / US, -4 / US
    run = b2.simulate(neurons, jump, record=b2.Recording(membrane=True, current=True))
    np.testing.assert_allclose(run.membrane.values[:, 0], [0, 0, 10, 20, 26], rtol=1e-9)
    np.testing.assert_allclose(run.current.values[:, 0] * US, [0, 10, 10, 6, 6], rtol=1e-9)
    np.testing.assert_array_equal(run.time.values, np.arange(5) * US)


def test_exact__spike_at_a_grid_point_counts_in_the_bin_it_begins():
    """Powers of two, so that times are exact: spikes at 0, 3, 6 and 9 bins, in the rows of these numbers."""
    dt = 2.0**-20
    neurons = b2.IAFNeuron(1, reset=2.0, threshold=1.0, refractory_time=3 * dt)
    run = b2.simulate(neurons, np.zeros((11, 1)), dt=dt, record=b2.Recording("dense"))
    np.testing.assert_array_equal(np.flatnonzero(run.spikes.values), [0, 3, 6, 9])


def test_euler__clamp_and_holdoff_steps():
    """v rises 1 per step from the step after the input; clamp K - H steps, H free and silent ones."""
    jump = np.zeros((12, 1))
    jump[0] = 1.0
    settings = dict(threshold=2.0, reset=0.0, tau_mem=1.0, tau_syn=1e30)
    neurons = b2.IAFNeuron(1, **settings, refractory_time=3.0, holdoff_time=1.0)
    run = b2.simulate(
        neurons, jump, dt=1.0, integrator="euler", record=b2.Recording("dense", membrane=True, current=True)
    )
    # step:                                              0  1  2  3*  4c 5c 6h 7  8* 9c 10c 11h
    np.testing.assert_array_equal(run.membrane.values[:, 0], [0, 1, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1])
    np.testing.assert_array_equal(np.flatnonzero(run.spikes.values), [3, 8])


@pytest.mark.parametrize(
    ("refractory", "holdoff", "interval"), [(0, 0, 3), (2, 0, 5), (2, 2, 3), (5, 5, 6), (7, 4, 8), (1, 1, 3), (1, 0, 4)]
)
def test_euler__interval_counts_steps(refractory, holdoff, interval):
    """3 steps to rise above threshold, K - H clamped ones on top; after a longer holdoff it fires in step K + 1."""
    jump = np.zeros((40, 1))
    jump[0] = 1.0
    neurons = b2.IAFNeuron(
        1, threshold=2.0, reset=0.0, tau_mem=1.0, tau_syn=1e30, refractory_time=refractory, holdoff_time=holdoff
    )
    run = b2.simulate(neurons, jump, dt=1.0, integrator="euler")
    np.testing.assert_array_equal(run.spike_time.values, np.arange(3, 40, interval))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("time", "dt", "steps"),
    [
        (10e-6, 1e-6, 10),  # the float ratio is 10.000000000000002: a plain ceil gives 11
        (5e-6, 1e-6, 5),
        (0.3e-6, 0.1e-6, 3),  # 2.9999999999999996: a plain floor gives 2
        (0.7e-6, 0.1e-6, 7),
        (10e-6 * (1 + 0.9e-6), 1e-6, 10),
        (10e-6 * (1 + 1.1e-6), 1e-6, 11),
        (10e-6 * (1 - 1.1e-6), 1e-6, 10),
        (2.5e-6, 1e-6, 3),
        (1e-9, 1e-6, 1),
        (0.0, 1e-6, 0),
        (1.0, 1e-4, 10000),
    ],
)
def test_euler__steps_of_a_duration_snap_then_round_up(time, dt, steps, dtype):
    neurons = b2.IAFNeuron(1, reset=2.0, threshold=1.0, refractory_time=time)
    run = b2.simulate(
        neurons, np.zeros((steps + 2, 1)), dt=dt, integrator="euler", dtype=dtype, record=b2.Recording("dense")
    )
    np.testing.assert_array_equal(np.flatnonzero(run.spikes.values), [0, steps + 1])


@pytest.mark.parametrize("holdoff", [10e-6, 9.9999999e-6])
def test_euler__holdoff_steps_snap_too(holdoff):
    """K = H = 10 whatever the float ratio: nothing is clamped, so v rises right after the spike."""
    jump = np.zeros((15, 1))
    jump[0] = 1.0
    neurons = b2.IAFNeuron(
        1, threshold=2.0, reset=0.0, tau_mem=1e-6, tau_syn=1e30, refractory_time=10e-6, holdoff_time=holdoff
    )
    run = b2.simulate(neurons, jump, integrator="euler", record=b2.Recording("dense", membrane=True, current=True))
    np.testing.assert_allclose(run.membrane.values[:, 0], [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0], rtol=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(run.spikes.values), [3, 14])


def test_euler__reset_above_threshold_without_refractory_time_fires_in_every_step():
    """Allowed with steps (the reference does it), endless in the exact solution."""
    neurons = b2.IAFNeuron(1, reset=2.0, threshold=1.0, refractory_time=0.0)
    run = b2.simulate(neurons, np.zeros((6, 1)), integrator="euler", record=b2.Recording("dense"))
    np.testing.assert_array_equal(run.spikes.values[:, 0], np.ones(6))
    with pytest.raises(b2.ParameterError, match="refractory_time"):
        b2.simulate(neurons, np.zeros((6, 1)))


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_spike_mask__silences_the_output_but_not_the_neuron(integrator):
    rng = np.random.default_rng(1)
    jump = rng.normal(60, 80, (50, 2, 6)) * (rng.random((50, 2, 6)) < 0.4)
    mask = np.array([True, False, True, True, False, True])
    plain = b2.IAFNeuron(6, refractory_time=2 * US, holdoff_time=0.5 * US)
    silent = plain.replace(spike_mask=mask)
    for spikes in ("sparse", "dense", "count", "first"):
        record = b2.Recording(spikes, membrane=spikes == "sparse", current=spikes == "sparse")
        a = b2.simulate(plain, jump, integrator=integrator, record=record)
        b = b2.simulate(silent, jump, integrator=integrator, record=record)
        if spikes == "sparse":
            np.testing.assert_array_equal(a.membrane.values, b.membrane.values)  # it still fires and resets
            full, masked = spike_lists(a), spike_lists(b)
            assert any(not mask[n] for _, n in full)
            assert masked == {key: times for key, times in full.items() if mask[key[1]]}
        elif spikes == "dense":
            np.testing.assert_array_equal(b.spikes.values, a.spikes.values * mask)
        elif spikes == "count":
            assert (a.spike_count.values > 0).all()
            np.testing.assert_array_equal(b.spike_count.values, a.spike_count.values * mask)
        else:
            np.testing.assert_array_equal(b.first_spike.values, np.where(mask, a.first_spike.values, np.nan))
