"""Speed of calibrations under pytest-benchmark: ``python -m pytest tests/benchmarks/test_calibration.py``.

Limits: analytic 50 ms and search 2 s for one chip of 512 circuits, analytic 10 s and 4 GiB for 1000 chips, drawing them
included. On a machine whose cores are shared they may be missed; read the minimum.
"""

import resource
import warnings

import pytest

pytest.importorskip("pytest_benchmark")

import xarray as xr

from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.hardware.chip import EmulatedChip

TARGET = NeuronCalibTarget(threshold=125, reset=80, tau_syn=10e-6, refractory_time=2e-6, holdoff_time=0.5e-6)


@pytest.mark.parametrize(("method", "limit"), [("analytic", 0.05), ("search", 2.0)])
def test_one_chip(benchmark, method, limit):
    chip = EmulatedChip(seed=7)
    calibrate(chip, TARGET, method=method)  # draws the chip, imports what is imported late
    calibration = benchmark(calibrate, chip, TARGET, method=method)
    assert calibration.success.all()
    assert benchmark.stats.stats.min < limit


def test_thousand_chips(benchmark):
    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a few circuits fail
            return calibrate(EmulatedChip(seed=xr.DataArray(range(1000), dims="chip")), TARGET)

    calibration = benchmark.pedantic(run, rounds=1, iterations=1)
    assert float(calibration.success.mean()) > 0.99
    assert benchmark.stats.stats.min < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # [KiB]
