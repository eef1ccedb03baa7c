"""Speed of the readout of an experiment: 100 trials of 512 neurons for 100 us.

Aims, one thread of a slow core: 12 ms for the CADC's 2.8e6 samples, 15 ms for their grid of 5.2e6 entries.
"""

import numpy as np
import pytest

from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.recording.cadc import cadc_schedule, convert_cadc
from bss2sim.recording.grid import cadc_to_grid

pytest.importorskip("pytest_benchmark")

N_TRIAL, N = 100, 512
FACTORS = dict.fromkeys(
    ("trial_offset", "membrane_noise", "read_noise", "channel_offset", "channel_gain", "sample_jitter", "clock_offset",
     "quantisation"), 1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def experiment():
    """Schedule, analog samples and the arguments that say whose they are."""
    zero = np.zeros(N_TRIAL, np.int64)
    counted = dict(seed=zero, batch=np.arange(N_TRIAL), run=zero, configuration=ChipConfiguration(), factors=FACTORS)
    schedule = cadc_schedule(**counted, duration=100e-6, in_dram=False)
    analog = np.random.default_rng(0).uniform(40, 130, (N_TRIAL, schedule.stamp.shape[2], N))
    return schedule, analog, counted | {"circuit": np.arange(N), "hemisphere": np.arange(N) // 256}


def test_convert_cadc(benchmark, experiment):
    schedule, analog, arguments = experiment
    convert_cadc(analog, schedule.sample_time, **arguments)  # compiles
    assert benchmark(convert_cadc, analog, schedule.sample_time, **arguments).dtype == np.int16


@pytest.mark.parametrize("mode", ["linear", "nn"])
def test_cadc_to_grid(benchmark, experiment, mode):
    schedule, analog, arguments = experiment
    value = (analog - 128).astype(np.int16)
    options = dict(hemisphere=arguments["hemisphere"], count=schedule.count, trace_offset=-48.0, trace_scale=1 / 45)
    cadc_to_grid(value, schedule.stamp, 101, 1e-6, mode, **options)  # compiles
    assert benchmark(cadc_to_grid, value, schedule.stamp, 101, 1e-6, mode, **options).shape == (N_TRIAL, 101, N)
