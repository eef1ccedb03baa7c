"""A training step of the fused operators beside one of a plain PyTorch loop with autograd: time and peak of memory.

    python tests/benchmarks/training.py

Both are given the same tensors and take turns in one process. The loss is linear in spikes and membranes, with weights of
its own for every step, trial and neuron, so that its gradients are dense.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable

import torch
from cases import DT, RESET, STEPS, TAU, THRESHOLD, N, jumps, torch_loop
from ratios import measure

from bss2sim.torch import iaf

NEURONS = dict(
    threshold=THRESHOLD, reset=RESET, tau_mem=TAU, tau_syn=TAU, refractory_time=STEPS * DT, dt=DT, alpha=50.0
)  # fmt: skip


def training_step(
    run: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], leaf: torch.Tensor, loss_weights: tuple[torch.Tensor, ...]
) -> Callable[[], torch.Tensor]:
    """Forward run, loss and backward run; returns the gradient of the leaf."""

    def step() -> torch.Tensor:
        leaf.grad = None
        spikes, membrane, *_ = run(leaf)
        loss = (spikes * loss_weights[0]).sum() + (membrane * loss_weights[1]).sum()
        loss.backward()
        assert leaf.grad is not None
        return leaf.grad

    return step


def resident() -> int:
    """Bytes of memory the process holds (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def peak(call: Callable[[], object]) -> int:
    """Most bytes that a call adds to the process, sampled every half millisecond."""
    call()
    before, most, running = resident(), 0, True

    def watch() -> None:
        nonlocal most
        while running:
            most = max(most, resident())
            time.sleep(5e-4)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        running = False
        watcher.join()
    return most - before


def make_steps(name: str) -> tuple[Callable[[], torch.Tensor], Callable[[], torch.Tensor]]:
    """Training steps, ours and the loop's, of a workload."""
    generator = torch.Generator().manual_seed(0)
    n_time, n_batch = 100, 100
    weights = tuple(torch.randn(n_time, n_batch, N, generator=generator) for _ in range(2))
    if name == "jumps":
        x = torch.from_numpy(jumps(n_time, n_batch)).requires_grad_()
        return training_step(lambda x: iaf(x, **NEURONS), x, weights), training_step(torch_loop, x, weights)
    spikes = (torch.rand(n_time, n_batch, 256, generator=generator) < 0.05).float()
    weight = (0.04 * torch.randn(256, N, generator=generator)).requires_grad_()
    given = spikes.to_sparse() if name == "sparse" else spikes
    return (
        training_step(lambda w: iaf(given, w, **NEURONS), weight, weights),
        training_step(lambda w: torch_loop(spikes @ w), weight, weights),
    )


def main(names: list[str]) -> None:
    """Measure and print."""
    for name in names or ["jumps", "weights", "sparse"]:
        ours, theirs = make_steps(name)
        torch.testing.assert_close(ours(), theirs(), rtol=1e-3, atol=1e-4)
        times = measure([ours, theirs], 20.0)
        median = [statistics.median(t) for t in times]
        best = [min(t) for t in times]
        memory = [peak(step) for step in (ours, theirs)]
        print(
            f"{name:10} {median[0] * 1e3:7.1f} ms ({best[0] * 1e3:.1f}) against {median[1] * 1e3:7.1f} ms ({best[1] * 1e3:.1f}): "
            f"{median[1] / median[0]:5.1f} times (minima {best[1] / best[0]:.1f}); memory {memory[0] / 2**20:.0f} against "
            f"{memory[1] / 2**20:.0f} MiB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
