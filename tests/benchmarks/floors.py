"""Measure what the workloads of ``ratios.py`` cannot do without, each part alone, on as many threads as a run takes.

    python tests/benchmarks/floors.py

Every part is less than the engine does of its kind: streaming stores without a step, additions of weights without the lists
they come from, steps on inputs that lie in the second-level cache. Their sum is a bound for the kernel whatever its code; it
stands beside what the kernel takes, and beside what the goal would leave of the loop's time. Medians (minima).
"""

import statistics
from collections.abc import Callable

import numpy as np
import xarray as xr
from cases import DT, RESET, STEPS, TAU, THRESHOLD, N, jumps, make_cases
from ratios import copies, kernel_alone, measure

import bss2sim as b2
from bss2sim import euler_run, memory
from bss2sim.kernels.jit import kernel
from bss2sim.kernels.lanes import element, load_lanes, store_lanes, stream_lanes
from bss2sim.options import thread_count
from bss2sim.threads import run_chunks

WIDTH = memory.LINE // 4  # neurons in a register
T = B = 100


@kernel
def _stream(arrays, first, end):
    """Write lines of float32 past the caches, to three arrays in turn."""
    value = load_lanes(arrays[0], first * WIDTH)
    for line in range(first, end):
        stream_lanes(arrays[0], line * WIDTH, value)
        stream_lanes(arrays[1], line * WIDTH, value)
        if line % 4 == 0:  # a spike is a byte, a quarter of a membrane
            stream_lanes(arrays[2], line // 4 * WIDTH, value)


@kernel
def _add(weight, index, n, times, target):
    """Add n lines of weights a number of times, four sums at a time that do not wait for one another."""
    a = load_lanes(weight, 0)
    b = a
    c = a
    d = a
    for _ in range(times):
        for k in range(0, n, 4):
            a = a + load_lanes(weight, element(index, k))
            b = b + load_lanes(weight, element(index, k + 1))
            c = c + load_lanes(weight, element(index, k + 2))
            d = d + load_lanes(weight, element(index, k + 3))
    store_lanes(target, 0, (a + b) + (c + d))


def on_threads(work: Callable[[int, int], None]) -> Callable[[], None]:
    """Return a call of work(k, threads) on every thread."""
    threads = thread_count()
    return lambda: run_chunks(threads, threads, lambda k, _: work(k, threads))


def stores() -> Callable[[], None]:
    """The 9 bytes a step that the first workload writes."""
    n = T * B * N
    arrays = (
        memory.empty((n,), np.float32, 1), memory.empty((n,), np.float32, 2), memory.empty((n // 4,), np.float32, 3)
    )  # fmt: skip
    lines = n // WIDTH // 4 * 4
    for array in arrays:
        array[:] = 0.7  # not 0, see ``ratios.copies``
    return on_threads(
        lambda k, threads: _stream(arrays, lines * k // threads // 4 * 4, lines * (k + 1) // threads // 4 * 4)
    )


def additions(n_input: int = 256, density: float = 0.05) -> Callable[[], None]:
    """One line of weights, out of those of one group of neurons, for each input spike and group."""
    rng = np.random.default_rng(1)
    n_spike = int(T * B * n_input * density)
    weight = memory.zeros((n_input * WIDTH,), np.float32)
    index = (rng.integers(0, n_input, 1024) * WIDTH).astype(np.int32)
    times = n_spike * (N // WIDTH) // index.size

    def work(k: int, threads: int) -> None:
        target = memory.empty((WIDTH,), np.float32)
        _add(weight, index, index.size, times // threads, target)

    return on_threads(work)


def steps() -> Callable[[], object]:
    """The Euler kernel without memory traffic: every trial reads the same jumps, only spikes are recorded."""
    population = b2.IAFNeuron(
        N, threshold=xr.DataArray(np.full(B, THRESHOLD), dims="trial"), reset=RESET, tau_mem=TAU, tau_syn=TAU,
        refractory_time=STEPS * DT,
    )  # fmt: skip
    return engine_kernel(lambda: b2.simulate(population, jumps(T, 1)[:, 0], dt=DT, integrator="euler"))


def engine_kernel(call: Callable[[], object]) -> Callable[[], object]:
    """The Euler kernel of a call, on all threads, without the call around it."""
    captured: list[tuple[object, ...]] = []
    original = euler_run.run_chunks
    euler_run.run_chunks = lambda *args: captured.append(args) or original(*args)
    try:
        call()
    finally:
        euler_run.run_chunks = original
    return lambda: original(*captured[-1])


def main() -> None:
    """Measure and print."""
    cases = make_cases(long=False)
    weighted = cases["from_spikes"]()
    parts: dict[str, Callable[[], object]] = {
        "streaming copy of 13 bytes a step": copies(T * B * N)[0],
        "streaming stores of 9 bytes a step": stores(),
        "kernel, membrane, current and spikes": kernel_alone(T, B),
        "additions of weights, in the first-level cache": additions(),
        "steps, in the second-level cache": steps(),
        "kernel from spikes through 256 x 512 weights": engine_kernel(weighted.ours),
        "call from spikes": weighted.ours,
        "loop from spikes": weighted.theirs,
    }
    found = measure(list(parts.values()), 24.0)
    times = [statistics.median(t) * 1e3 for t in found]
    for name, median, record in zip(parts, times, found, strict=True):
        print(f"{name:50} {median:7.2f} ms ({min(record) * 1e3:.2f})")
    copy, store, _, add, step, _, _, loop = times
    print(f"kernel at 0.75 of the copy: {copy / 0.75:.2f} ms; stores alone {store:.2f} ms")
    print(f"call at 30 times the loop: {loop / 30:.2f} ms; additions and steps alone {add + step:.2f} ms")


if __name__ == "__main__":
    main()
