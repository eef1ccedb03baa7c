"""Print the table of speeds on a GPU, all of it measured in one process of a few minutes.

    python -m pip install ".[cuda13]"
    python tests/benchmarks/cuda_table.py --minutes 8

Kernels are timed from their launch to their end, whole calls of ``simulate`` with the copies to and from the GPU and
the labelling; the best of several. Comparisons with PyTorch and SpikingJelly are made if they are installed and find the GPU.
Parts that have not begun when the minutes are over are named and left out.
"""

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import cuda_others as others
import numpy as np

import bss2sim as b2
from bss2sim import device, device_run
from bss2sim.kernels import cuda as gpu
from bss2sim.kernels import cuda_streams as streams

N = 512
TAU, DT = 6e-6, 1e-6
BYTES = 13  # of a float32 step that reads a jump and writes membrane, current and spike


@dataclass
class Launches:
    """What the kernels of a call took, noted while `on`: each is waited for then, and nothing goes on beside it."""

    on: bool = False
    seconds: float = 0.0
    lowest_free: float = float("inf")


def watched(n_byte: int) -> Launches:
    """Let launches wait for their end and note how long they took, and the memory that was free.

    Two events around a kernel also see the time in which Python gets ready to launch it, if the GPU has nothing to do. A copy
    of some bytes before the first one gives it something to do.
    """
    noted = Launches()
    launch = gpu.Kernel.launch
    source, target = (gpu.empty(n_byte, np.uint8, 0) for _ in range(2))

    def timed(self, n_thread: int, stream: object, *args: object) -> None:
        if not noted.on:
            launch(self, n_thread, stream, *args)
            return
        stream.synchronize()
        start, end = gpu.cuda.event(), gpu.cuda.event()
        for _ in range(2):
            target.copy_to_device(source, stream)
        start.record(stream)
        launch(self, n_thread, stream, *args)
        end.record(stream)
        end.synchronize()
        noted.seconds += 0.0 if gpu.SIMULATED else 1e-3 * start.elapsed_time(end)  # a simulated event tells no time
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
        self.header()

    def header(self) -> None:
        """Begin a table."""
        print("| work | kernels [ms] | call [ms] | M neuron-steps/s in the kernels | remark |")
        print("|---|---|---|---|---|")

    def add(
        self, name: str, work: int, call: Callable[[], object], remark: Callable[[float], str] = lambda _: ""
    ) -> float:
        """Measure a call and print its row; returns the time of its kernels [s]."""
        whole = best(call)
        kernels = []
        self.noted.on = True
        for _ in range(3):
            self.noted.seconds = 0.0
            call()
            kernels.append(self.noted.seconds)
        self.noted.on = False
        inside = min(kernels)
        self.row(name, inside, whole, work, remark(inside))
        return inside

    def row(self, name: str, inside: float | None, whole: float, work: int, remark: str = "") -> None:
        """Print a row."""
        kernels = "" if inside is None else f"{1e3 * inside:.2f}"
        rate = f"{work / (inside or whole) / 1e6:.0f}"  # of the call where kernels were not timed
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


class OnGpu:
    """An array on the GPU as other packages pass it; that of the simulator is the processor's."""

    def __init__(self, array: object) -> None:
        self._array = array

    @property
    def __cuda_array_interface__(self) -> dict:
        if gpu.SIMULATED:
            return {**self._array._ary.__array_interface__, "version": 3}
        return self._array.__cuda_array_interface__


def copy_rate(n_byte: int) -> float:
    """Bytes a second that a copy on the GPU reads and writes."""
    stream, n_copy = gpu.cuda.stream(), 5
    source, target = (gpu.empty(n_byte // 4, np.float32, stream) for _ in range(2))

    def copy() -> None:
        for _ in range(n_copy):
            target.copy_to_device(source, stream)
        stream.synchronize()

    return 2 * n_copy * n_byte / best(copy, 10)


def crossing(work: list[int], processor: list[float], gpu_time: list[float]) -> float | None:
    """Neuron-steps from which the GPU is faster for good; 0 if it always is, None if it never is."""
    slower = [k for k in range(len(work)) if gpu_time[k] > processor[k]]
    if not slower:
        return 0.0
    k = slower[-1]
    if k == len(work) - 1:
        return None
    # between two sizes the logarithm of the ratio of times is taken for a line of that of the size
    ratio = np.log(np.array(gpu_time[k : k + 2]) / np.array(processor[k : k + 2]))
    share = ratio[0] / (ratio[0] - ratio[1])
    return float(np.exp(np.log(work[k]) + share * (np.log(work[k + 1]) - np.log(work[k]))))


class Parts:
    """The parts of the table; `scale` below 1 makes the work smaller."""

    def __init__(self, scale: float) -> None:
        self.scale, self.noted = scale, watched(max(4, int(2**30 * scale)))
        self.n_time = max(4, int(100 * min(1.0, scale * 100)))
        self.bandwidth = copy_rate(max(4, int(2**32 * scale)))
        print(f"\nA copy on the GPU reads and writes {self.bandwidth / 1e9:.0f} GB/s.\n")
        self.table = Table(self.noted)
        rng = np.random.default_rng(1)
        self.spikes = rng.random((self.n_time, self.batch(1000), 256)) < 0.05
        self.weight = rng.normal(0.0, 0.04, (256, N)).astype(np.float32)

    def batch(self, n: int) -> int:
        """Trials of a part."""
        return max(1, int(n * self.scale))

    def euler(self, x: np.ndarray, **more: object) -> Callable[[], object]:
        """Return a call of Euler steps on the GPU."""
        return lambda: b2.simulate(neurons(), x, integrator="euler", device="cuda", **more)

    def dense_recordings(self) -> None:
        """Membrane, current and spikes against a copy."""
        everything = b2.Recording(spikes="dense", membrane=True, current=True)
        share = lambda x: lambda s: f"{x.size * BYTES / max(s, 1e-9) / self.bandwidth:.2f} of the copy"  # noqa: E731  # one line
        x = jumps(self.n_time, self.batch(2000))
        out = self.euler(x, record=everything)()
        call = self.euler(x, record=everything, out=out)
        self.table.add("float32 Euler, v, i and spikes, there and back", x.size, call, share(x))
        del out
        x = jumps(self.n_time, self.batch(16_000))  # 10 GB move in the kernel, so that its launch takes no part
        shape, stream = (x.shape[1], x.shape[0], N), gpu.cuda.stream()
        there = OnGpu(gpu.cuda.to_device(x, stream))
        names = ("membrane", np.float32), ("current", np.float32), ("spikes", np.uint8)
        out = {name: OnGpu(gpu.empty(shape, dtype, stream)) for name, dtype in names}
        call = self.euler(there, record=everything, out=out)
        stream.synchronize()
        self.table.add("the same, jumps and recordings stay on the GPU", x.size, call, share(x))

    def spikes_alone(self) -> None:
        """Sparse spikes and counts."""
        x = jumps(10 * self.n_time, self.batch(500))
        self.table.add("float32 Euler, sparse spikes", x.size, self.euler(x))
        self.table.add("float32 Euler, spike counts", x.size, self.euler(x, record=b2.Recording(spikes="count")))
        binned = {"record": b2.Recording(spikes="dense"), "device": "cuda"}
        x = x[: self.n_time]
        self.table.add("exact, dense spikes", x.size, lambda: b2.simulate(neurons(), x, **binned))

    def agreement(self) -> None:
        """Say how results of GPU and processor differ."""
        for integrator, dtype in (("euler", np.float32), ("euler", np.float64), ("exact", np.float64)):
            x = jumps(100, self.batch(200), dtype)
            here, there = (b2.simulate(neurons(), x, integrator=integrator, device=d) for d in ("cpu", "cuda"))
            same = here.sizes["spike"] == there.sizes["spike"] and bool((here.spike_neuron == there.spike_neuron).all())
            text = "spike counts differ"
            if same:
                text = f"largest difference of spike times {float(abs(here.spike_time - there.spike_time).max()):.2g} s"
            name = f"{integrator} {np.dtype(dtype)}: {here.sizes['spike']} spikes, GPU and processor: {text}"
            print(f"| {name} | | | | |", flush=True)

    def weights(self) -> None:
        """From spikes through weights, by the fused kernel and by others."""
        work = self.n_time * self.spikes.shape[1] * N
        call = self.euler(self.spikes, synapse=b2.Synapse(self.weight))
        self.table.add("float32 Euler, from spikes through 256 x 512 weights", work, call)
        whole = best(lambda: b2.simulate(neurons(), self.spikes, synapse=b2.Synapse(self.weight), integrator="euler"))
        self.table.row("the same on the processor", None, whole, work)
        torch, reason = others.find_torch()
        if torch is None:
            print(f"| ({reason}) | | | | |")
            return
        x = others.product_then_kernel(torch, self.table, best, self.spikes, self.weight, neurons())
        others.loop(torch, self.table, best, x)
        others.spiking_jelly(torch, self.table, best, x)

    def events(self) -> None:
        """Exact integration of spikes at any times."""
        step, trial, source = np.nonzero(self.spikes[:, :, :64])
        order = np.lexsort((source, step, trial))
        n_batch, duration = self.spikes.shape[1], self.n_time * DT
        events = b2.sparse_spikes(step[order] * DT, source[order], trial[order], n_batch=n_batch, duration=duration)
        synapse = b2.Synapse(np.random.default_rng(2).normal(0.0, 0.08, (64, N)))
        work = self.n_time * n_batch * N

        def call(where: str) -> object:
            return b2.simulate(neurons(), events, synapse=synapse, device=where)

        self.table.add("exact, events through 64 x 512 weights", work, lambda: call("cuda"))
        self.table.row("the same on the processor", None, best(lambda: call("cpu"), 1), work)

    def chips(self) -> None:
        """Ten thousand chips, exact, and the most memory they took."""
        x = jumps(self.n_time, self.batch(10_000))
        free, self.noted.lowest_free = gpu.free_memory(), float("inf")
        self.table.add(
            f"exact, {x.shape[1]} chips x {N} neurons x {self.n_time} us, sparse spikes", x.size,
            lambda: b2.simulate(neurons(), x, device="cuda"),
            lambda _: f"{(free - self.noted.lowest_free) / 2**30:.2f} GiB of the GPU",
        )  # fmt: skip
        self.table.row("the same on the processor", None, best(lambda: b2.simulate(neurons(), x), 1), x.size)

    def emulated_chip(self) -> None:
        """Circuits of an emulated chip, which the processor reads, on both devices."""
        population = b2.IAFNeuron(N, refractory_time=2 * DT, holdoff_time=0.1 * DT)
        chip = b2.EmulatedChip(seed=7)
        calibration = b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([population]))
        synapse = b2.Synapse(np.rint(300 * self.weight[:128]).clip(-63, 63))
        spikes = self.spikes[:, : self.batch(500), :128]

        def call(where: str) -> object:
            return b2.simulate(population, spikes, synapse=synapse, chip=chip, calibration=calibration, device=where)

        work = spikes.shape[0] * spikes.shape[1] * N
        here, there = call("cpu"), call("cuda")
        same = all(here[name].equals(there[name]) for name in here.data_vars)
        remark = f"{here.sizes['spike']} spikes; {'the same bits' if same else 'other bits'} as on the processor"
        self.table.add("emulated chip, CADC and spikes", work, lambda: call("cuda"), lambda _: remark)
        self.table.row("the same on the processor", None, best(lambda: call("cpu"), 1), work)

    def chunks(self) -> None:
        """Copies beside kernels: one chunk, eight chunks, and eight without pinned memory."""
        x = jumps(self.n_time, self.batch(2000))
        call = self.euler(x, record=b2.Recording(spikes=None, membrane=True))
        sizes, pinning = device_run.DeviceRun._chunk_size, streams.WORTH_PINNING
        eighth = -(-x.shape[1] // 8)
        try:
            for name, size, least in (
                ("one chunk, pinned copies", x.shape[1], 0), ("eight chunks, pinned copies", eighth, 0),
                ("eight chunks, pageable copies", eighth, 2**62),
            ):  # fmt: skip
                device_run.DeviceRun._chunk_size = lambda run, size=size: (size, False)
                streams.WORTH_PINNING = least
                self.table.row(f"float32 Euler, membrane there and back, {name}", None, best(call), x.size)
        finally:
            device_run.DeviceRun._chunk_size, streams.WORTH_PINNING = sizes, pinning

    def launch(self) -> None:
        """Call with next to nothing to do."""
        one = jumps(self.n_time, 1)[..., :1]
        call = lambda: b2.simulate(neurons(1), one, integrator="euler", device="cuda")  # noqa: E731  # one line
        self.table.add(f"T={self.n_time}, B=1, N=1", one.size, call)

    def break_even(self) -> None:
        """Find the size from which a call on the GPU is faster."""
        sizes = [n for n in (1, 10, 100, 1000, 5000) if n <= max(10, 5000 * self.scale)]
        for n_time, most in ((self.n_time, 5000), (10 * self.n_time, 1000)):
            print(
                f"\n| neuron-steps (T={n_time}) | processor, call [ms] | GPU, call [ms] | `auto` |\n|---|---|---|---|"
            )
            work, here, there = [], [], []
            for n_batch in [n for n in sizes if n <= most]:
                x = jumps(n_time, n_batch)
                for where, times in (("cpu", here), ("cuda", there)):
                    call = lambda d=where, x=x: b2.simulate(neurons(), x, integrator="euler", device=d)  # noqa: E731
                    times.append(best(call, 5))
                work.append(x.size)
                chosen = b2.simulate(neurons(), x, integrator="euler", device="auto").device
                print(f"| {x.size} | {1e3 * here[-1]:.2f} | {1e3 * there[-1]:.2f} | {chosen} |", flush=True)
            found = crossing(work, here, there)
            text = f"about {found:.2g} neuron-steps" if found else f"below {work[0]} neuron-steps"
            if found is None:
                text = f"not up to {work[-1]} neuron-steps"
            print(f"\nMeasured break-even of Euler steps with sparse spikes, T={n_time}: {text}.")
        print(
            f"`auto` reckons with {device.PROCESSOR_RATE} neuron-steps/s of a thread, {device.GPU_RATE} of a GPU, "
            f"{device.GPU_CALL} s a call and {device.COPY_RATE:.2g} bytes/s between the two.\n"
        )

    def compiled(self) -> None:
        """PyTorch's compiler, which takes longest."""
        torch, reason = others.find_torch()
        if torch is None:
            print(f"| ({reason}) | | | | |")
            return
        self.table.header()
        others.compiled_loop(torch, self.table, best, torch.from_numpy(jumps(self.n_time, self.batch(1000))).cuda())


# The most wanted first; break-even, which decides what `auto` does, before PyTorch's compiler, which may take minutes.
PARTS = (
    "agreement", "dense_recordings", "spikes_alone", "weights", "events", "chips", "launch",
    "emulated_chip", "chunks", "break_even", "compiled",
)  # fmt: skip


def main(scale: float = 1.0, minutes: float = 8.0) -> None:
    """Print everything that can be begun in some minutes."""
    end = time.monotonic() + 60 * minutes
    device.require_cuda()
    name = "simulator"
    if not gpu.SIMULATED:
        name = gpu.cuda.get_current_device().name
        name = name.decode() if isinstance(name, bytes) else name
    print(f"GPU: {name}; host: {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    b2.show_versions()
    parts = Parts(scale)
    for part in PARTS:
        if time.monotonic() > end:
            print(f"| (left out, the time is over: {part}) | | | | |")
        else:
            getattr(parts, part)()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="less than 1: less work")
    parser.add_argument("--minutes", type=float, default=8.0, help="nothing is begun after these")
    arguments = parser.parse_args()
    main(arguments.scale, arguments.minutes)
