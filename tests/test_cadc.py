"""When the CADC samples and what it reads."""

import dataclasses
import warnings

import naive_experiment_readout as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from readout_effects import OFF, ON

from bss2sim.errors import ParameterError
from bss2sim.hardware import draws
from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.recording.cadc import CENTRE, cadc_schedule, channel_lines, convert_cadc
from bss2sim.recording.converter import noise_table, trial_offsets

CONFIGURATION = ChipConfiguration()
DURATION = 100e-6


def trials(n, seed=0):
    """Seed, batch and run of trials of one chip."""
    return np.full(n, seed), np.arange(n), np.full(n, 3)


def schedule_of(seed, batch, run, duration=DURATION, in_dram=False, factors=ON, configuration=CONFIGURATION):
    return cadc_schedule(
        seed, batch, run, duration=duration, in_dram=in_dram, configuration=configuration, factors=factors
    )


def convert(analog, times, seed, batch, run, factors=ON, configuration=CONFIGURATION, threads=1, **places):
    n = analog.shape[2]
    given_ = {"hemisphere": np.arange(n) % 2, "circuit": np.arange(n) * 5} | places
    return convert_cadc(
        analog,
        times,
        seed=seed,
        batch=batch,
        run=run,
        configuration=configuration,
        factors=factors,
        threads=threads,
        **given_,
    )


@pytest.mark.parametrize("in_dram", [False, True])
@pytest.mark.parametrize("jitter", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("duration", [1e-6, 17.77e-6, 100e-6])
def test_schedule__is_the_naive_one(duration, jitter, in_dram):
    seed, batch, run = np.array([7, 2**40 + 1]), np.array([3, -2]), np.array([0, 9])
    schedule = schedule_of(seed, batch, run, duration, in_dram, ON | {"sample_jitter": jitter})
    period = CONFIGURATION.cadc_period_dram if in_dram else CONFIGURATION.cadc_period
    for b in range(2):
        for hemisphere in range(2):
            cycles, times = naive.schedule(
                int(seed[b]), int(batch[b]), int(run[b]), hemisphere, duration=duration, period=period,
                jitter=min(jitter * CONFIGURATION.cadc_jitter, ((period / 8e-9) - 1) // 2 * 8e-9),
                offset=CONFIGURATION.ppu_clock_offset, most=100,
            )  # fmt: skip
            n = schedule.count[b, hemisphere]
            np.testing.assert_array_equal(np.rint(schedule.stamp[b, hemisphere, :n] * 125e6), cycles)
            np.testing.assert_allclose(schedule.sample_time[b, hemisphere, :n], times, rtol=0, atol=1e-18)


@given(duration=st.floats(1e-7, 2e-4), in_dram=st.booleans(), jitter=st.sampled_from([0.0, 1.0, 10.0, 1e3]))
def test_schedule__its_length_is_that_of_every_trial(duration, in_dram, jitter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        schedule = schedule_of(*trials(200), duration, in_dram, ON | {"sample_jitter": jitter})
    assert (schedule.count >= schedule.n).all()
    assert schedule.count.max(initial=0) == schedule.stamp.shape[2] == schedule.sample_time.shape[2]
    if jitter <= 1:
        assert schedule.count.max(initial=0) <= schedule.n + 2
    kept = np.arange(schedule.stamp.shape[2]) < schedule.count[..., None]
    assert ((schedule.stamp >= 0) & (schedule.stamp < duration))[kept].all()
    assert (np.diff(schedule.sample_time, axis=-1) > 0).all()
    cycles = schedule.stamp * 125e6
    assert np.abs(cycles - np.rint(cycles)).max(initial=0) < 1e-6


def test_schedule__does_not_depend_on_other_trials_or_on_the_duration():
    seed, batch, run = trials(6)
    seed[3:] = 11
    whole = schedule_of(seed, batch, run)
    for rows in (slice(2, 5), slice(5, None)):
        part = schedule_of(seed[rows], batch[rows], run[rows])
        n = part.stamp.shape[2]
        np.testing.assert_array_equal(whole.sample_time[rows, :, :n], part.sample_time)
        np.testing.assert_array_equal(whole.count[rows], part.count)
        assert whole.n == part.n
    short = schedule_of(seed, batch, run, duration=50e-6)
    np.testing.assert_array_equal(whole.stamp[..., : short.n], short.stamp[..., : short.n])


def test_schedule__phases_fill_the_period_and_rows_differ():
    schedule = schedule_of(*trials(2000), factors=OFF)
    first = schedule.stamp[..., 0] / CONFIGURATION.cadc_period
    assert first.min() < 0.01 and 0.99 < first.max() <= 1
    np.testing.assert_allclose(first.mean(axis=0), 0.5, atol=0.03)
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.1
    np.testing.assert_array_equal(schedule.sample_time, schedule.stamp)  # clock_offset is off
    gaps = np.diff(schedule.stamp, axis=-1)
    np.testing.assert_allclose([gaps.min(), gaps.max()], CONFIGURATION.cadc_period, atol=8.1e-9)


def test_schedule__clock_offset_is_one_of_a_trial():
    schedule = schedule_of(*trials(500))
    ahead = schedule.stamp - schedule.sample_time
    np.testing.assert_allclose(ahead, np.broadcast_to(ahead[:, :1, :1], ahead.shape), atol=1e-18)
    assert -0.3e-6 <= ahead.min() < -0.29e-6 and 0.29e-6 < ahead.max() <= 0.3e-6


def test_schedule__buffer_cuts():
    with pytest.warns(
        UserWarning, match=r"buffer in SRAM holds 100 samples.* 18\d\.?\d* us of 250 us.*in_dram=True"
    ) as caught:
        schedule = schedule_of(*trials(3), duration=250e-6)
    assert schedule.cut == str(caught[0].message)
    assert schedule.n == 100 and (schedule.count == 100).all() and schedule.stamp.shape[2] == 100
    assert 183e-6 < schedule.stamp.max() < 187e-6
    dram = schedule_of(*trials(3), duration=250e-6, in_dram=True)
    assert dram.cut == "" and dram.n == 41


def test_schedule__buffer_in_dram_cuts():
    with pytest.warns(UserWarning, match=r"buffer in DRAM holds 204800 samples.*; take a shorter run"):
        schedule = schedule_of(*trials(1), duration=1.3, in_dram=True)
    assert schedule.n == 204800


def test_schedule__refuses_a_period_of_a_cycle():
    fast = dataclasses.replace(CONFIGURATION, cadc_period=15e-9)
    with pytest.raises(
        ParameterError, match="cadc_period must be at least two cycles of 8 ns in an experiment; got 15 ns"
    ):
        schedule_of(*trials(1), configuration=fast)


def test_convert__all_off_gives_the_potential():
    analog = np.random.default_rng(0).uniform(-50, 300, (2, 5, 3))
    schedule = schedule_of(*trials(2), duration=10e-6)
    np.testing.assert_array_equal(
        convert(analog, schedule.sample_time[..., :5], *trials(2), factors=OFF), analog - CENTRE
    )


def test_convert__rounds_half_to_even_and_clips():
    analog = np.array([-3, 0.5, 1.5, 127.5, 254.4, 254.5, 255.5, 1e300]).reshape(1, -1, 1)
    times = np.tile(np.arange(8) * 2e-6, (1, 2, 1))
    read = convert(analog, times, *trials(1), factors=OFF | {"quantisation": 1.0})
    assert read.dtype == np.int16
    np.testing.assert_array_equal(read.ravel() + 128, [0, 0, 2, 128, 254, 254, 255, 255])


@pytest.mark.parametrize("quantisation", [0.0, 1.0])
def test_convert__is_the_naive_one(quantisation):
    seed, batch, run = np.array([7, 2**40 + 1, 7]), np.array([3, -2, 4]), np.array([0, 9, 0])
    hemisphere, circuit = np.array([0, 1, 1, 0, 1]), np.array([0, 300, 511, 17, 256])
    factors = ON | {"quantisation": quantisation, "membrane_noise": 2.0, "trial_offset": 3.0}
    times = schedule_of(seed, batch, run, duration=20e-6).sample_time
    analog = np.random.default_rng(0).uniform(0, 255, (3, times.shape[2], 5))
    read = convert(analog, times, seed, batch, run, factors, hemisphere=hemisphere, circuit=circuit)
    quantiles = naive.table()
    for b in range(3):
        normals = draws.normal(seed[b], 101, 0, (2, 512))
        for k in range(5):
            gain = np.exp(CONFIGURATION.cadc_gain_spread * normals[1, circuit[k]])
            expected = naive.read(
                analog[b, :, k].tolist(),
                times[b, hemisphere[k]].tolist(),
                counter=(int(circuit[k]), int(batch[b]), int(run[b]), int(seed[b])),
                stream=4,
                tau=CONFIGURATION.membrane_noise_time,
                sigma=2 * CONFIGURATION.membrane_noise,
                noise=CONFIGURATION.cadc_noise,
                offset=3 * naive.normal(0, int(circuit[k]), 3, int(batch[b]), int(run[b]), int(seed[b])),
                base=128 - 128 * gain + CONFIGURATION.cadc_offset_spread * normals[0, circuit[k]],
                gain=gain,
                highest=255 if quantisation else None,
                less=128,
                quantiles=quantiles,
            )
            np.testing.assert_allclose(read[b, :, k], expected, rtol=0, atol=0 if quantisation else 1e-7)


def test_convert__does_not_depend_on_threads_split_or_neighbours():
    seed, batch, run = trials(7)
    seed[4:] = 5
    times = schedule_of(seed, batch, run, duration=30e-6).sample_time
    analog = np.random.default_rng(0).uniform(40, 130, (7, times.shape[2], 6))
    whole = convert(analog, times, seed, batch, run)
    np.testing.assert_array_equal(convert(analog, times, seed, batch, run, threads=3), whole)
    part = convert(analog[3:6], times[3:6], seed[3:6], batch[3:6], run[3:6])
    np.testing.assert_array_equal(part, whole[3:6])
    few = np.array([4, 1])
    read = convert(analog[:, :, few], times, seed, batch, run, hemisphere=few % 2, circuit=few * 5)
    np.testing.assert_array_equal(read, whole[:, :, few])
    short = convert(analog[:, :9], times[..., :9], seed, batch, run)
    np.testing.assert_array_equal(short, whole[:, :9])


def spread_of(name, n=64):
    """Readings of a constant potential, with one effect on: (trial, sample, neuron)."""
    seed, batch, run = trials(n)
    times = schedule_of(seed, batch, run).sample_time[..., :50]
    circuit = np.arange(n)
    return convert(
        np.full((n, 50, n), 200.0),
        times,
        seed,
        batch,
        run,
        OFF | {name: 1.0},
        hemisphere=circuit // (n // 2),
        circuit=circuit,
    )


def test_convert__noise_of_the_read_is_new_in_each():
    read = spread_of("read_noise") - 72
    assert read.std() == pytest.approx(CONFIGURATION.cadc_noise, rel=0.01)
    assert abs(np.mean(read[:, 1:] * read[:, :-1])) < 0.01
    assert abs(read.mean()) < 0.01
    assert np.abs(read).max() < 3.7 * CONFIGURATION.cadc_noise


def test_convert__noise_of_the_membrane_forgets():
    read = spread_of("membrane_noise") - 72
    sigma = CONFIGURATION.membrane_noise
    np.testing.assert_allclose(read.std(axis=(0, 2)), sigma, rtol=0.06)
    forgets = np.exp(-CONFIGURATION.cadc_period / CONFIGURATION.membrane_noise_time)
    assert np.mean(read[:, 1:] * read[:, :-1]) / sigma**2 == pytest.approx(forgets, abs=0.01)


def test_convert__offset_of_a_trial_is_constant_in_it():
    read = spread_of("trial_offset") - 72
    np.testing.assert_array_equal(read, np.broadcast_to(read[:, :1], read.shape))
    assert read[:, 0].std() == pytest.approx(CONFIGURATION.trial_offset_spread, rel=0.03)
    assert np.unique(read[:, 0]).size == read[:, 0].size
    np.testing.assert_allclose(
        read[:, 0], trial_offsets(np.arange(64), *trials(64), CONFIGURATION, {"trial_offset": 1.0}), atol=1e-12
    )


@pytest.mark.parametrize("name", ["channel_offset", "channel_gain"])
def test_convert__channels_belong_to_the_chip(name):
    read = spread_of(name) - 72
    np.testing.assert_allclose(read, np.broadcast_to(read[:1, :1], read.shape), atol=1e-12)
    # 64 channels: within a third of the spread
    expected = CONFIGURATION.cadc_offset_spread if name == "channel_offset" else 72 * CONFIGURATION.cadc_gain_spread
    assert read[0, 0].std() == pytest.approx(expected, rel=0.33)


def test_channel_lines__one_row_a_chip_and_gain_about_the_centre():
    row, base, gain = channel_lines(
        np.array([9, 4, 9]), np.array([3, 500]), CONFIGURATION, ON | {"channel_offset": 0.0}
    )
    assert row.tolist() == [1, 0, 1] and base.shape == gain.shape == (2, 2)
    np.testing.assert_allclose(base + gain * CENTRE, CENTRE, rtol=1e-14)
    _, _, all_gains = channel_lines(np.arange(50), np.arange(512), CONFIGURATION, ON)
    assert np.log(all_gains).std() == pytest.approx(CONFIGURATION.cadc_gain_spread, rel=0.03)


def test_channel_lines__kept_for_the_same_channels_alone():
    seed, circuit = np.array([9, 4, 9]), np.array([3, 500])
    first, again = (channel_lines(seed, circuit, CONFIGURATION, ON) for _ in range(2))
    assert first[1] is again[1] and first[2] is again[2]
    for other in (
        channel_lines(seed, circuit, CONFIGURATION, ON | {"channel_gain": 0.5}),
        channel_lines(seed, circuit[::-1].copy(), CONFIGURATION, ON),
        channel_lines(seed + 1, circuit, CONFIGURATION, ON),
    ):
        assert not np.array_equal(other[2], first[2])
    # rows of the same chip among others
    many = channel_lines(np.arange(12), circuit, CONFIGURATION, ON)
    np.testing.assert_array_equal(many[1][[4, 9]], first[1])


def test_noise_table__unit_variance_and_fixed_bits():
    table = noise_table()
    assert table.dtype == np.float32 and table.size == 4096 and not table.flags.writeable
    np.testing.assert_array_equal(table, -table[::-1])
    assert np.mean(table.astype(float) ** 2) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(table, np.array(naive.table(), np.float32))


def test_convert__no_samples():
    schedule = schedule_of(*trials(3), duration=8e-9)
    assert schedule.n == 0
    read = convert(np.empty((3, 0, 4)), np.empty((3, 2, 0)), *trials(3))
    assert read.shape == (3, 0, 4) and read.dtype == np.int16
