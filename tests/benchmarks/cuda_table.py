"""Print the table of speeds on a GPU, all of it measured in one process of a few minutes.

    python -m pip install ".[cuda13]"
    python tests/benchmarks/cuda_table.py

Kernels are timed from their launch to their end, whole calls of ``simulate`` with the copies to and from the GPU and
the labelling; the best of several. Comparisons with PyTorch are made if it is installed and finds the GPU.
"""

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import bss2sim as b2
from bss2sim import device
from bss2sim.kernels import cuda as gpu

N = 512
TAU, DT = 6e-6, 1e-6
BYTES = 13  # of a float32 step that reads a jump and writes membrane, current and spike


@dataclass
class Launches:
    """What the kernels of a call took."""

    seconds: float = 0.0
    lowest_free: float = float("inf")


def watched() -> Launches:
    """Let every launch wait for its end and note how long it took, and the memory that was free."""
    noted = Launches()
    launch = gpu.Kernel.launch

    def timed(self, n_thread: int, stream: object, *args: object) -> None:
        stream.synchronize()
        start = time.perf_counter()
        launch(self, n_thread, stream, *args)
        stream.synchronize()
        noted.seconds += time.perf_counter() - start
        noted.lowest_free = min(noted.lowest_free, gpu.free_memory())

    gpu.Kernel.launch = timed
    return noted


def best(call: Callable[[], object], repeats: int = 3) -> float:
    """Shortest time of a call [s], after one that compiles."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


class Table:
    """Rows of results, printed as they come."""

    def __init__(self, noted: Launches) -> None:
        self.noted = noted
        print("| work | kernels [ms] | call [ms] | M neuron-steps/s in the kernels | remark |")
        print("|---|---|---|---|---|")

    def add(
        self, name: str, work: int, call: Callable[[], object], remark: Callable[[float], str] = lambda _: ""
    ) -> float:
        """Measure a call and print its row; returns the time of its kernels [s]."""
        kernels = []

        def measured() -> None:
            self.noted.seconds = 0.0
            call()
            kernels.append(self.noted.seconds)

        whole = best(measured)
        inside = min(kernels[1:])
        self.row(name, inside, whole, work, remark(inside))
        return inside

    def row(self, name: str, inside: float | None, whole: float, work: int, remark: str = "") -> None:
        """Print a row."""
        kernels = "" if inside is None else f"{1e3 * inside:.2f}"
        rate = f"{work / (inside or whole) / 1e6:.0f}"
        print(f"| {name} | {kernels} | {1e3 * whole:.2f} | {rate} | {remark} |", flush=True)


def neurons(n: int | None = None) -> b2.IAFNeuron:
    """The population of the benchmarks of the processor."""
    return b2.IAFNeuron(n or N, threshold=1.0, reset=-0.1, tau_mem=TAU, tau_syn=TAU, refractory_time=2 * DT)


def jumps(n_time: int, n_batch: int, dtype: type = np.float32) -> np.ndarray:
    """Random jumps (time, batch, neuron) at 5 % density; a short stretch, repeated."""
    rng = np.random.default_rng(0)
    some = rng.normal(0.0, 0.6, (min(n_time, 100), min(n_batch, 100), N)).astype(dtype)
    some[rng.random(some.shape) >= 0.05] = 0.0
    return np.tile(some, (-(-n_time // some.shape[0]), -(-n_batch // some.shape[1]), 1))[:n_time, :n_batch].copy()


def copy_rate(n_byte: int) -> float:
    """Bytes a second that a copy on the GPU reads and writes."""
    stream = gpu.cuda.stream()
    source = gpu.cuda.to_device(np.zeros(n_byte // 4, np.float32), stream)
    target = gpu.empty(n_byte // 4, np.float32, stream)

    def copy() -> None:
        target.copy_to_device(source, stream)
        stream.synchronize()

    return 2 * n_byte / best(copy, 10)


def agreement(n_batch: int) -> None:
    """Say how results of GPU and processor differ."""
    for integrator, dtype in (("euler", np.float32), ("euler", np.float64), ("exact", np.float64)):
        x = jumps(100, n_batch, dtype)
        here, there = (b2.simulate(neurons(), x, integrator=integrator, device=d) for d in ("cpu", "cuda"))
        same = here.sizes["spike"] == there.sizes["spike"] and bool((here.spike_neuron == there.spike_neuron).all())
        text = "spike counts differ"
        if same:
            text = f"largest difference of spike times {float(abs(here.spike_time - there.spike_time).max()):.2g} s"
        print(f"- {integrator} {np.dtype(dtype)}: {here.sizes['spike']} spikes, GPU and processor: {text}")


def with_torch(table: Table, spikes: np.ndarray, weight: np.ndarray, n_batch: int) -> None:
    """Compare with a product of the library followed by the fused kernel, and with a compiled PyTorch loop."""
    try:
        import torch
        from cases import torch_loop
    except ImportError:
        print("| (PyTorch is not installed) | | | | |")
        return
    if not torch.cuda.is_available():
        print("| (PyTorch finds no GPU) | | | | |")
        return
    inputs, matrix = torch.from_numpy(spikes.astype(np.float32)).cuda(), torch.from_numpy(weight).cuda()
    work = spikes.shape[0] * n_batch * N

    def timed(call: Callable[[], object]) -> float:
        def run() -> None:
            with torch.no_grad():
                call()
            torch.cuda.synchronize()

        return best(run)

    table.row(
        "the product of PyTorch alone", None, timed(lambda: inputs @ matrix), work, "add the first row for the whole"
    )
    x = (inputs @ matrix).contiguous()
    torch.set_default_device("cuda")
    table.row("PyTorch loop, v, i and spikes", None, timed(lambda: torch_loop(x)), work)
    try:
        compiled = torch.compile(torch_loop)
        table.row("the same, torch.compile", None, timed(lambda: compiled(x)), work)
    except Exception as error:
        print(f"| (torch.compile: {type(error).__name__}) | | | | |")
    torch.set_default_device("cpu")


def break_even(sizes: list[int]) -> None:
    """Find the size from which a call on the GPU is faster."""
    print("\n| neuron-steps (T=100) | processor, call [ms] | GPU, call [ms] |\n|---|---|---|")
    for n_batch in sizes:
        x = jumps(100, n_batch)
        calls = [
            best(lambda d=d, x=x: b2.simulate(neurons(), x, integrator="euler", device=d), 5) for d in ("cpu", "cuda")
        ]
        print(f"| {x.size} | {1e3 * calls[0]:.2f} | {1e3 * calls[1]:.2f} |", flush=True)
    print(f"\n`auto` takes the GPU from {device.WORTHWHILE} neuron-steps on (bss2sim/device.py).")


def main(scale: float = 1.0) -> None:
    """Print everything; `scale` below 1 makes the work smaller."""
    device.require_cuda()
    name = "simulator"
    if not gpu.SIMULATED:
        name = gpu.cuda.get_current_device().name
        name = name.decode() if isinstance(name, bytes) else name
    print(f"GPU: {name}; host: {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    b2.show_versions()
    total = gpu.free_memory()
    bandwidth = copy_rate(max(4, int(2**30 * scale)))
    print(f"\nA copy on the GPU reads and writes {bandwidth / 1e9:.0f} GB/s.\n")
    noted = watched()
    table = Table(noted)

    def batch(n: int) -> int:
        return max(1, int(n * scale))

    def euler(x: np.ndarray, **more: object) -> Callable[[], object]:
        return lambda: b2.simulate(neurons(), x, integrator="euler", device="cuda", **more)

    n_time = max(4, int(100 * min(1.0, scale * 100)))
    everything = b2.Recording(spikes="dense", membrane=True, current=True)
    x = jumps(n_time, batch(2000))
    out = euler(x, record=everything)()
    table.add(
        "float32 Euler, v, i and spikes", x.size, euler(x, record=everything, out=out),
        lambda s: f"{x.size * BYTES / s / bandwidth:.2f} of the copy",
    )  # fmt: skip
    del out
    x = jumps(10 * n_time, batch(500))
    table.add("float32 Euler, sparse spikes", x.size, euler(x))
    table.add("float32 Euler, spike counts", x.size, euler(x, record=b2.Recording(spikes="count")))
    rng = np.random.default_rng(1)
    n_batch = batch(1000)
    spikes = rng.random((n_time, n_batch, 256)) < 0.05
    weight = rng.normal(0.0, 0.04, (256, N)).astype(np.float32)
    work = n_time * n_batch * N
    table.add("float32 Euler, from spikes through 256 x 512 weights", work, euler(spikes, synapse=b2.Synapse(weight)))
    with_torch(table, spikes, weight, n_batch)

    step, trial, source = np.nonzero(spikes[:, : batch(1000), :64])
    order = np.lexsort((source, step, trial))
    events = b2.sparse_spikes(step[order] * DT, source[order], trial[order], n_batch=n_batch, duration=n_time * DT)
    synapse = b2.Synapse(rng.normal(0.0, 0.08, (64, N)))
    for where in ("cuda", "cpu"):
        call = lambda where=where: b2.simulate(neurons(), events, synapse=synapse, device=where)  # noqa: E731  # one line
        if where == "cuda":
            table.add("exact, events through 64 x 512 weights", work, call)
        else:
            table.row("the same on the processor", None, best(call, 1), work)
    x = jumps(n_time, batch(10_000))
    noted.lowest_free = float("inf")
    table.add(
        f"exact, {x.shape[1]} chips x 512 neurons x 100 us, sparse spikes", x.size,
        lambda: b2.simulate(neurons(), x, device="cuda"),
        lambda _: f"{(total - noted.lowest_free) / 2**30:.2f} GiB of the GPU",
    )  # fmt: skip
    table.row("the same on the processor", None, best(lambda: b2.simulate(neurons(), x), 1), x.size)
    one = jumps(n_time, 1)[..., :1]
    table.add("T=100, B=1, N=1", one.size, lambda: b2.simulate(neurons(1), one, integrator="euler", device="cuda"))
    break_even([n for n in (1, 10, 100, 1000, 5000) if n <= max(1, 5000 * scale)])
    print()
    agreement(batch(200))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="less than 1: less work")
    main(parser.parse_args().scale)
