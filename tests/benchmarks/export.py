"""Time conversions of many spikes: python tests/benchmarks/export.py [spikes]; the shorter of two, with the peak of memory."""

import gc
import resource
import sys
import time

import numpy as np
import xarray as xr

from bss2sim.convert import from_events, from_neo, from_pandas, to_events, to_neo, to_pandas


def make_run(n_spike: int) -> xr.Dataset:
    """Make sparse spikes of 512 neurons in 100 trials of 10 thresholds, in whole cycles of 8 ns."""
    rng = np.random.default_rng(1)
    n_trial = 1000
    trial = np.sort(rng.integers(0, n_trial, n_spike))
    cycle = rng.integers(0, 1_250_000, n_spike)
    neuron = rng.integers(0, 512, n_spike).astype(np.int32)
    order = np.lexsort((neuron, cycle, trial))
    return xr.Dataset(
        {
            "spike_time": ("spike", cycle[order] / 125e6),
            "spike_neuron": ("spike", neuron[order]),
            "spike_batch": ("spike", trial),
            "row_size": (("batch", "threshold"), np.bincount(trial, minlength=n_trial).reshape(100, 10)),
        },
        {"threshold": np.linspace(100.0, 125.0, 10)},
        {"duration": 10e-3, "start_time": 0.0},
    )


def timed(function, *arguments, repeat=2, **options):
    """Return the shortest time [s] and what came out."""
    best, found = np.inf, None
    for _ in range(repeat):
        found = None
        gc.collect()
        begin = time.perf_counter()
        found = function(*arguments, **options)
        best = min(best, time.perf_counter() - begin)
    return best, found


def main() -> None:
    """Print a table."""
    n_spike = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    run = make_run(n_spike)
    print(f"{n_spike:.0e} spikes of 512 neurons in 1000 trials; times in s")
    for name, there, back, options in (
        ("pandas", to_pandas, from_pandas, {}),
        ("Neo", to_neo, from_neo, {}),
        ("events", to_events, from_events, {"time_unit": 8e-9}),
    ):
        seconds, made = timed(there, run, **options)
        print(f"{'to ' + name:28s} {seconds:6.2f}")
        seconds, again = timed(back, made)
        print(f"{'from ' + name:28s} {seconds:6.2f}")
        np.testing.assert_array_equal(again.spike_time, run.spike_time)
        np.testing.assert_array_equal(again.row_size, run.row_size)
        if name == "pandas":
            seconds, _ = timed(back, made.sample(frac=1.0, random_state=1), repeat=1)
            print(f"{'from pandas, rows shuffled':28s} {seconds:6.2f}")
        del made, again
    print(f"peak of memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
