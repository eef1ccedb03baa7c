"""A Monte Carlo sweep over chips and thresholds through a cluster of this machine into a Zarr store.

    python tests/benchmarks/sweep.py                        # 1000 chips x 50 thresholds x 512 neurons x 100 us
    python tests/benchmarks/sweep.py --chips 40 --levels 50

It prints the throughput with one worker and with two (after the kernels have been compiled, or read from NUMBA_CACHE_DIR), beside
the processor time of the workers, which tells more where other work disturbs; the peak of memory of the workers, and of the process
with client and scheduler; and whether a sweep on two workers that was killed and resumed has the files of one that was not, bit for
bit. That is a smaller one, unless --kill-chips says otherwise; the whole of it takes some 11 minutes on two quiet processors, 4
more with --kill-chips 1000.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import xarray as xr

import bss2sim as b2

N_INPUT, N_NEURON, STEPS = 128, 512, 100
CHIPS_A_BLOCK = 2


def sweep(store: Path, n_chip: int, n_level: int) -> None:
    """Sweep chips and thresholds; every block calibrates its chips to its thresholds."""
    rng = np.random.default_rng(0)
    spikes = rng.random((STEPS, N_INPUT)) < 0.02
    neurons = b2.IAFNeuron(
        N_NEURON, threshold=xr.DataArray(np.linspace(100, 140, n_level), dims="level"), refractory_time=2e-6,
        enable_cadc_recording=False,
    )  # fmt: skip
    b2.sweep(
        neurons, xr.DataArray(spikes, dims=("time", "input")), store=store, progress=False,
        synapse=b2.Synapse(rng.normal(8, 12, (N_INPUT, N_NEURON)).clip(-60, 60)),
        chip=b2.EmulatedChip(seed=xr.DataArray(np.arange(n_chip), dims="chip")), record=b2.Recording("count"),
        chunks={"chip": CHIPS_A_BLOCK, "level": -1},
    )  # fmt: skip


def peak_memory() -> float:
    """Peak of the memory of this process [MiB]."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def on_cluster(workers: int, folder: Path, n_chip: int, n_level: int) -> float:
    """Return the time of a sweep [s]."""
    with distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster:
        with distributed.Client(cluster) as client:
            client.run(warnings.simplefilter, "ignore")  # of circuits that cannot be calibrated
            sweep(folder / f"warm{workers}.zarr", 2 * CHIPS_A_BLOCK * workers, n_level)  # compiles
            before = [round(peak) for peak in client.run(peak_memory).values()]
            processor = sum(client.run(time.process_time).values())
            start = time.perf_counter()
            sweep(folder / f"{workers}.zarr", n_chip, n_level)
            took = time.perf_counter() - start
            processor = sum(client.run(time.process_time).values()) - processor
            after = [round(peak) for peak in client.run(peak_memory).values()]
    print(f"{workers} workers: peak of memory {before} MiB after the first blocks, {after} MiB at the end; of the process with "
          f"client and scheduler {peak_memory():.0f} MiB")  # fmt: skip
    each = 1e3 * processor / n_chip / n_level
    print(f"{workers} workers: {processor:.1f} s of processor time, {each:.1f} ms a trial", flush=True)
    return took


def on_two_workers(store: Path, n_chip: int, n_level: int) -> None:
    """Sweep through a cluster of two workers, and nothing else."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with distributed.Client(cluster) as client:
            client.run(warnings.simplefilter, "ignore")
            sweep(store, n_chip, n_level)


def finished(store: Path) -> dict[str, Any]:
    """Return the checksums of all files of the blocks of a store."""
    blocks = sorted((store / "sweep" / "blocks").glob("*.json"))
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in blocks}


def kill_and_resume(folder: Path, n_chip: int, n_level: int, seconds: float) -> int:
    """Kill the processes of a sweep, workers and all, at random moments until one ends; return how many were killed."""
    store, killed = folder / "killed.zarr", 0
    words = [sys.executable, __file__, "--chips", str(n_chip), "--levels", str(n_level), "--only", str(store)]
    while killed < 3:
        before = len(finished(store))
        process = subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)
        while len(finished(store)) == before and process.poll() is None:
            time.sleep(0.05)
        try:
            process.wait(random.uniform(0, seconds))
            return killed
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            print(f"killed with {len(finished(store))} blocks finished")
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    return killed


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chips", type=int, default=1000)
    parser.add_argument("--levels", type=int, default=50)
    parser.add_argument("--kill-chips", type=int, default=8, help="chips of the sweep that is killed")
    parser.add_argument("--only", type=Path, help="sweep into this store on two workers, and nothing else")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    b2.set_options(cache="NUMBA_CACHE_DIR" in os.environ)
    if options.only:
        on_two_workers(options.only, options.chips, options.levels)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        times = {workers: on_cluster(workers, folder, options.chips, options.levels) for workers in (1, 2)}
        trials = options.chips * options.levels
        for workers, took in times.items():
            print(f"{workers} workers: {trials} trials in {took:.1f} s, {trials / took:.0f} trials/s, "
                  f"{trials * N_NEURON * STEPS / took / 1e6:.0f} million neuron-steps/s")  # fmt: skip
        print(f"two workers against one: {times[1] / times[2]:.2f}")
        print(f"one and two workers wrote the same bits: {finished(folder / '1.zarr') == finished(folder / '2.zarr')}")
        size = sum(path.stat().st_size for path in (folder / "2.zarr").rglob("*") if path.is_file())
        print(f"store: {size / 2**20:.1f} MiB for {trials * N_NEURON * 8 / 2**20:.1f} MiB of counts")
        whole = folder / ("2.zarr" if options.kill_chips == options.chips else "whole.zarr")
        if not whole.exists():
            sweep(whole, options.kill_chips, options.levels)
        seconds = times[2] * options.kill_chips / options.chips / 3
        killed = kill_and_resume(folder, options.kill_chips, options.levels, seconds)
        same = finished(whole) == finished(folder / "killed.zarr")
        print(f"sweep of {options.kill_chips} chips killed {killed} times and resumed, the same bits: {same}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
