"""Print the table of engine speeds as ratios, everything measured in one process.

    python tests/benchmarks/ratios.py [case ...]

Engine and peer take turns, so that a noisy machine disturbs both; medians and minima of the calls. The streaming copy
reads and writes as many bytes as the first workload (13 bytes a neuron-step), on as many threads.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from cases import DT, N, jumps, make_cases, neurons

import bss2sim as b2
from bss2sim import memory
from bss2sim.kernels.jit import kernel
from bss2sim.kernels.vector import stream_line, use_wide_registers
from bss2sim.options import thread_count
from bss2sim.threads import run_chunks

BYTES = 13  # of a float32 step that reads a jump and writes membrane, current and spike


def measure(calls: list[Callable[[], object]], budget: float = 6.0, rounds: int = 3) -> list[list[float]]:
    """Times [s] of calls that take turns in rounds, about `budget` seconds in all.

    Before its turn a call waits until the threads of the one before have gone to sleep: PyTorch's keep spinning.
    """
    for call in calls:
        call()
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, record in zip(calls, times, strict=True):
            time.sleep(0.5)
            warm = time.perf_counter() + 0.3  # a processor that was idle is slow at first
            while time.perf_counter() < warm:
                call()
            end = time.perf_counter() + budget / rounds / len(calls)
            for _ in range(50):
                start = time.perf_counter()
                call()
                record.append(time.perf_counter() - start)
                if time.perf_counter() > end:
                    break
    return times


@kernel
def _stream(source, target, first, end):
    use_wide_registers()
    for line in range(first, end):
        stream_line(target, 0, source, 0, line)


def copies(n_step: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Copy n_step * 13 / 2 bytes: past the caches with the kernel's own stores, and as NumPy does.

    Random numbers, as zeros would not do: some processors write lines of zeros two to three times as fast as others.
    """
    n = n_step * BYTES // 2 // 4
    source, target = memory.empty((n,), np.float32), memory.zeros((n,), np.float32)
    source[:] = np.random.default_rng(3).random(n, np.float32)
    threads = thread_count()
    lines = n * 4 // 64

    def streaming() -> None:
        cut = [lines * k // threads for k in range(threads + 1)]
        run_chunks(threads, threads, lambda k, _: _stream(source, target, cut[k], cut[k + 1]))

    def plain() -> None:
        cut = [n * k // threads for k in range(threads + 1)]
        run_chunks(threads, threads, lambda k, _: np.copyto(target[cut[k] : cut[k + 1]], source[cut[k] : cut[k + 1]]))

    return streaming, plain


def kernel_alone(n_time: int, n_batch: int) -> Callable[[], object]:
    """The Euler kernel of the first workload on all threads, without the call around it."""
    from bss2sim import euler_run

    captured: list[tuple[object, ...]] = []
    original = euler_run.run_chunks
    euler_run.run_chunks = lambda *args: captured.append(args) or original(*args)
    record = b2.Recording(spikes="dense", membrane=True, current=True)
    b2.simulate(neurons(), jumps(n_time, n_batch), dt=DT, integrator="euler", record=record)
    euler_run.run_chunks = original
    return lambda: original(*captured[0])


def first_result(integrator: str) -> tuple[float, float]:
    """Seconds from starting a process to its first result, without any cache, and to the end of the process."""
    code = (
        "import numpy as np, bss2sim as b2;"
        f"b2.simulate(b2.IAFNeuron(512), np.zeros((10, 1, 512)), integrator={integrator!r});"
        "print('done', flush=True)"
    )
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"done\n"
        result = time.perf_counter() - start
        process.wait()
    return result, time.perf_counter() - start


def main(names: list[str]) -> None:
    """Measure and print."""
    cases = make_cases()
    for name in names or cases:
        case = cases[name]()
        ours, theirs = measure([case.ours, case.theirs])
        median = [statistics.median(times) for times in (ours, theirs)]
        best = [min(times) for times in (ours, theirs)]
        scale = case.scale
        print(
            f"{case.name:52} {median[0] * 1e3:8.2f} ms ({best[0] * 1e3:.2f})  {case.work / median[0] / 1e6:6.0f} M/s  "
            f"against {median[1] * scale * 1e3:9.1f} ms ({best[1] * scale * 1e3:.1f}): "
            f"{median[1] * scale / median[0]:6.2f} times (minima {best[1] * scale / best[0]:.2f})"
        )
    if not names:
        for n_time, n_batch in ((100, 100), (1000, 100)):
            work = n_time * n_batch * N
            alone, streaming, plain = (statistics.median(t) for t in measure(
                [kernel_alone(n_time, n_batch), *copies(work)], 8.0
            ))  # fmt: skip
            print(
                f"kernel, v+i+spikes, T={n_time}, B={n_batch}: {work / alone / 1e6:.0f} M/s = "
                f"{work * BYTES / alone / 1e9:.1f} GB/s; {streaming / alone:.2f} of the streaming copy "
                f"({work * BYTES / streaming / 1e9:.1f} GB/s), {plain / alone:.2f} of NumPy's ({work * BYTES / plain / 1e9:.1f})"
            )
        for integrator in ("euler", "exact"):
            results, ends = zip(*(first_result(integrator) for _ in range(5)), strict=True)
            print(
                f"first result in a fresh process, {integrator}: {statistics.median(results):.2f} s ({min(results):.2f}); "
                f"process ended after {statistics.median(ends):.2f} s ({min(ends):.2f})"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
