"""When the MADC samples and what it reads."""

import naive_experiment_readout as naive
import numpy as np
import pytest
from readout_effects import OFF, ON

from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.recording.converter import trial_offsets
from bss2sim.recording.madc import PERIOD, convert_madc, madc_stamps, madc_times

CONFIGURATION = ChipConfiguration()


def trials(n):
    """Seed, batch and run of trials of one chip."""
    return np.full(n, 2**35), np.arange(n), np.full(n, 3)


def convert(analog, times, numbers, factors=ON, circuit=300, threads=1):
    seed, batch, run = numbers
    return convert_madc(
        analog, times, circuit=circuit, seed=seed, batch=batch, run=run, configuration=CONFIGURATION, factors=factors,
        threads=threads,
    )  # fmt: skip


def test_times__34_ns_from_a_random_place_on():
    times = madc_times(*trials(400), duration=110e-6)
    assert times.shape == (400, 3235)  # HS-t:hw/test_spiking_modules.py:844-847
    assert 0 < times.min() and times.max() < 110e-6
    np.testing.assert_allclose(np.diff(times), PERIOD, rtol=1e-6)
    assert (times[:, 0] < PERIOD).all() and times[:, 0].std() == pytest.approx(PERIOD / 12**0.5, rel=0.1)
    np.testing.assert_array_equal(times[5:7], madc_times(*(number[5:7] for number in trials(400)), duration=110e-6))


def test_times__none_in_a_run_shorter_than_a_period():
    assert madc_times(*trials(2), duration=30e-9).shape == (2, 0)
    assert madc_times(*trials(2), duration=34e-9).shape == (2, 1)


def test_stamps__whole_cycles_before_the_sample():
    times = madc_times(*trials(3), duration=20e-6)
    stamps = madc_stamps(times)
    assert ((times - stamps >= -1e-14) & (times - stamps < 8e-9)).all()
    np.testing.assert_allclose(stamps * 125e6, np.rint(stamps * 125e6), atol=1e-6)


def test_convert__all_off_is_the_line():
    analog = np.random.default_rng(0).uniform(0, 255, (2, 9))
    read = convert(analog, madc_times(*trials(2), duration=9.1 * PERIOD), trials(2), OFF)
    np.testing.assert_array_equal(read, 64 + 3 * analog)


def test_convert__ten_bits():
    analog = np.array([[-30.0, 0.0, 80.0, 125.1666, 400.0]])
    read = convert(analog, np.arange(5.0)[None] * PERIOD, trials(1), OFF | {"quantisation": 1.0})
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, [[0, 64, 304, 439, 1023]])


def test_convert__is_the_naive_one():
    numbers = seed, batch, run = np.array([7, 2**40 + 1]), np.array([3, -2]), np.array([0, 9])
    times = madc_times(seed, batch, run, duration=2e-6)
    analog = np.random.default_rng(0).uniform(0, 255, times.shape)
    read = convert(analog, times, numbers)
    np.testing.assert_array_equal(read, convert(analog, times, numbers, threads=2))
    quantiles = naive.table()
    for b in range(2):
        counter = (300, int(batch[b]), int(run[b]), int(seed[b]))
        assert times[b, 0] == pytest.approx(naive.uniform(0, 0x8000, 5, *counter[1:]) * PERIOD, rel=1e-15)
        expected = naive.read(
            analog[b].tolist(), times[b].tolist(), counter=counter, stream=5, tau=CONFIGURATION.membrane_noise_time,
            sigma=CONFIGURATION.membrane_noise, noise=CONFIGURATION.madc_noise,
            offset=naive.normal(0, 300, 3, *counter[1:]), base=64, gain=3, highest=1023, less=0, quantiles=quantiles,
        )  # fmt: skip
        np.testing.assert_array_equal(read[b], expected)


def test_convert__noise_of_the_two_parts():
    n = 3000
    times = madc_times(*trials(40), duration=(n + 0.5) * PERIOD)
    membrane = convert(np.full(times.shape, 80.0), times, trials(40), OFF | {"membrane_noise": 1.0}) - 304
    assert membrane.std() == pytest.approx(3 * CONFIGURATION.membrane_noise, rel=0.03)
    correlation = np.mean(membrane[:, 30:] * membrane[:, :-30]) / membrane.var()
    assert correlation == pytest.approx(np.exp(-30 * PERIOD / CONFIGURATION.membrane_noise_time), abs=0.06)
    read = convert(np.full(times.shape, 80.0), times, trials(40), OFF | {"read_noise": 1.0}) - 304
    assert read.std() == pytest.approx(CONFIGURATION.madc_noise, rel=0.01)
    assert abs(np.mean(read[:, 1:] * read[:, :-1])) < 0.01


def test_convert__has_the_offset_of_the_trial_that_the_cadc_has():
    factors = OFF | {"trial_offset": 1.0}
    read = convert(np.full((8, 3), 80.0), np.tile(np.arange(3) * PERIOD, (8, 1)), trials(8), factors)
    offsets = trial_offsets(np.array([300]), *trials(8), CONFIGURATION, factors)
    np.testing.assert_allclose((read - 304) / 3, np.broadcast_to(offsets, (8, 3)), atol=1e-12)
