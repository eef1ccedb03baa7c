"""The workloads of the engine benchmarks, and what they are compared with.

The PyTorch loop takes the steps that hxtorch's refractory IAF integration takes (one tensor operation after the
other, spikes and masks as numbers, results stacked at the end), written anew; ``tests/benchmarks/ratios.py`` runs it
beside the engine in one process.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import bss2sim as b2

N = 512
TAU = 6e-6
DT = 1e-6
THRESHOLD, RESET, STEPS = 1.0, -0.1, 2


class Threshold(torch.autograd.Function):
    """Spike where the argument is above 0; the surrogate gradient is not needed here, its bookkeeping is."""

    @staticmethod
    def forward(ctx, distance):
        ctx.save_for_backward(distance)
        return (distance > 0.0).to(distance.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (distance,) = ctx.saved_tensors
        return gradient / (50.0 * distance.abs() + 1.0) ** 2


def torch_loop(jumps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Euler steps of a refractory population, (time, batch, neuron), as a plain PyTorch loop."""
    tau_mem, tau_syn = torch.tensor(TAU), torch.tensor(TAU)
    threshold, reset = torch.tensor(THRESHOLD), torch.tensor(RESET)
    current = torch.tensor(0.0)
    membrane = torch.full(jumps.shape[1:], RESET)
    busy = torch.zeros(jumps.shape[1:], dtype=torch.long)
    spikes, membranes, currents = [], [], []
    for step in range(jumps.shape[0]):
        rise = DT / tau_mem * current
        membrane = membrane + rise
        fall = -DT / tau_syn * current
        current = current + fall + jumps[step]
        spike = Threshold.apply(membrane - threshold)
        membrane = (1 - spike.detach()) * membrane + spike.detach() * reset
        clamped = (busy > 0).long()
        membrane = (1 - clamped) * membrane + clamped * reset
        spike = (1 - clamped) * spike
        busy = (1 - spike) * torch.nn.functional.relu(busy - clamped) + spike * STEPS
        spikes.append(spike)
        membranes.append(membrane)
        currents.append(current)
    return torch.stack(spikes), torch.stack(membranes), torch.stack(currents)


def jumps(n_time: int, n_batch: int, dtype: type = np.float32) -> np.ndarray:
    """Random jumps (time, batch, neuron) at 5 % density."""
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, 0.6, (n_time, n_batch, N)).astype(dtype)
    x[rng.random((n_time, n_batch, N)) >= 0.05] = 0.0
    return x


def neurons() -> b2.IAFNeuron:
    """The population of all workloads: refractory for two steps."""
    return b2.IAFNeuron(
        N, threshold=THRESHOLD, reset=RESET, tau_mem=TAU, tau_syn=TAU, refractory_time=STEPS * DT
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A workload: what it is called, neuron-steps, the engine's call, and the call it is compared with."""

    name: str
    work: int
    ours: Callable[[], object]
    theirs: Callable[[], object]
    scale: float = 1.0  # times theirs, where it runs a part of the work


def make_cases(long: bool = True) -> dict[str, Callable[[], Case]]:
    """Return the workloads by name, made when called: some take hundreds of megabytes."""
    population = neurons()
    all_dense = b2.Recording(spikes="dense", membrane=True, current=True)

    def torch_of(x: np.ndarray) -> Callable[[], object]:
        tensor = torch.from_numpy(x)

        def run() -> object:
            with torch.no_grad():
                return torch_loop(tensor)

        return run

    def euler(x: np.ndarray, **kwargs: object) -> Callable[[], object]:
        return lambda: b2.simulate(population, x, dt=DT, integrator="euler", **kwargs)

    def reused() -> Case:
        x = jumps(100, 100)
        previous = euler(x, record=all_dense)()
        return Case("v+i+spikes, reused memory", x.size, euler(x, record=all_dense, out=previous), torch_of(x))

    def fresh() -> Case:
        x = jumps(100, 100)
        return Case("v+i+spikes, new result", x.size, euler(x, record=all_dense), torch_of(x))

    def spikes_only() -> Case:
        x = jumps(1000, 100)
        return Case("spikes only, T=1000, B=100", x.size, euler(x), torch_of(x))

    def long_run() -> Case:
        x = jumps(100_000, 1)
        part = x[:2000]
        return Case("spikes only, T=100000, B=1", x.size, euler(x), torch_of(part), scale=50.0)

    def from_spikes() -> Case:
        rng = np.random.default_rng(1)
        spikes = rng.random((100, 100, 256)) < 0.05  # with these weights as many spikes come out as from `jumps`
        weight = rng.normal(0.0, 0.04, (256, N)).astype(np.float32)
        tensor, matrix = torch.from_numpy(spikes.astype(np.float32)), torch.from_numpy(weight)

        def theirs() -> object:
            with torch.no_grad():
                return torch_loop(tensor @ matrix)

        ours = euler(spikes, synapse=b2.Synapse(weight))
        return Case("from spikes, 256 x 512 weights", 100 * 100 * N, ours, theirs)

    def exact(record: b2.Recording, name: str) -> Callable[[], Case]:
        def make() -> Case:
            x = jumps(100, 100, np.float64)

            def run(integrator: str) -> Callable[[], object]:
                previous = b2.simulate(population, x, dt=DT, integrator=integrator, record=record)
                reuse = previous if record.membrane else None
                return lambda: b2.simulate(population, x, dt=DT, integrator=integrator, record=record, out=reuse)

            return Case(f"exact against float64 Euler, {name}", x.size, run("exact"), run("euler"))

        return make

    def tiny() -> Case:
        x = jumps(100, 1)[..., :1]
        one = b2.IAFNeuron(1, threshold=THRESHOLD, reset=RESET, tau_mem=TAU, tau_syn=TAU)
        return Case(
            "tiny: T=100, B=1, N=1", x.size, lambda: b2.simulate(one, x, dt=DT, integrator="euler"), torch_of(x)
        )

    def chip() -> Case:
        rng = np.random.default_rng(2)
        spikes = rng.random((100, 100, 128)) < 0.05
        weight = rng.normal(0.0, 0.057, (128, N)).astype(np.float32)  # sqrt 2 of those of half as many inputs
        tensor, matrix = torch.from_numpy(spikes.astype(np.float32)), torch.from_numpy(weight)

        def theirs() -> object:
            with torch.no_grad():
                return torch_loop(tensor @ matrix)

        emulated = b2.EmulatedChip(seed=7)
        on_chip = b2.IAFNeuron(N, refractory_time=STEPS * DT)
        calibration = b2.calibrate(emulated, b2.NeuronCalibTarget.from_populations([on_chip]))
        synapse = b2.Synapse(weight, transform=45 / 0.82)  # the same rise in shares of the way to threshold

        def ours() -> object:
            return b2.simulate(on_chip, spikes, synapse=synapse, dt=DT, chip=emulated, calibration=calibration)

        return Case("emulated chip with CADC, 128 x 512 weights", 100 * 100 * N, ours, theirs)

    cases = {
        "reused": reused,
        "fresh": fresh,
        "spikes_only": spikes_only,
        "long_run": long_run,
        "from_spikes": from_spikes,
        "exact_spikes": exact(b2.Recording(), "sparse spikes"),
        "exact_membrane": exact(b2.Recording(membrane=True), "spikes and membrane"),
        "tiny": tiny,
        "chip": chip,
    }
    return cases if long else {name: cases[name] for name in ("reused", "from_spikes", "exact_spikes", "tiny", "chip")}
