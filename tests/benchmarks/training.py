"""A training step of the fused operators beside one of a plain PyTorch loop with autograd: time and peak of memory.

    python tests/benchmarks/training.py [case ...]

Both are given the same tensors and take turns in one process. A step is forward run, loss, backward run. Losses: "rates", the
numbers of spikes against targets and the mean membranes, whose gradients are one row for all steps; "dense", a sum with a weight of
each spike and membrane, whose own operations take longer than the fused run.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from cases import DT, RESET, STEPS, TAU, THRESHOLD, N, jumps, torch_loop
from ratios import measure

from bss2sim.torch import iaf

NEURONS = dict(
    threshold=THRESHOLD, reset=RESET, tau_mem=TAU, tau_syn=TAU, refractory_time=STEPS * DT, dt=DT, alpha=50.0
)
T = B = 100
N_INPUT = 256

Run = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
Step = Callable[[], torch.Tensor]


def make_loss(kind: str, generator: torch.Generator) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a loss on spikes and membranes."""
    if kind == "rates":
        target = 4 * torch.rand(B, N, generator=generator)
        return lambda spikes, membrane: (spikes.sum(0) - target).square().mean() + (membrane.sum(0) / T).square().mean()
    weights = [torch.randn(T, B, N, generator=generator) for _ in range(2)]
    return lambda spikes, membrane: (spikes * weights[0]).sum() + (membrane * weights[1]).sum()


def make_steps(name: str) -> dict[str, Step]:
    """Training steps, ours and the loop's, of a case; each returns the gradient of its leaf."""
    drive, _, kind = name.partition("-")
    generator = torch.Generator().manual_seed(0)
    loss = make_loss(kind, generator)
    runs: dict[str, Run]
    if drive == "jumps":
        leaf = torch.from_numpy(jumps(T, B)).requires_grad_()
        runs = {"ours": lambda x: iaf(x, **NEURONS), "loop": torch_loop}
    else:
        spikes = (torch.rand(T, B, N_INPUT, generator=generator) < 0.05).float()
        leaf = (0.04 * torch.randn(N_INPUT, N, generator=generator)).requires_grad_()
        given = spikes.to_sparse() if drive == "sparse" else spikes
        runs = {"ours": lambda w: iaf(given, w, **NEURONS), "loop": lambda w: torch_loop(spikes @ w)}

    def step(run: Run) -> torch.Tensor:
        leaf.grad = None
        found, membrane, *_ = run(leaf)
        loss(found, membrane).backward()
        assert leaf.grad is not None
        return leaf.grad

    return {which: lambda run=run: step(run) for which, run in runs.items()}


def peak(name: str, which: str) -> int:
    """Bytes that a step of a case adds to a process of its own, at most (Linux)."""
    done = subprocess.run([sys.executable, __file__, "--peak", name, which], capture_output=True, text=True, check=True)
    return int(done.stdout)


def own_peak(name: str, which: str) -> int:
    """The same in this process: the first step of full size, after a small one that compiles the kernels."""
    global T, B
    T, B, rest = 2, 2, (T, B)
    make_steps(name)[which]()
    T, B = rest
    step = make_steps(name)[which]
    Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what there is now
    before = kibibytes("VmRSS")
    step()
    return 1024 * (kibibytes("VmHWM") - before)


def kibibytes(what: str) -> int:
    """Memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


CASES = ("jumps-rates", "jumps-dense", "weights-rates", "weights-dense", "sparse-rates")


def main(names: list[str]) -> None:
    """Measure and print."""
    for name in names or CASES:
        steps = make_steps(name)
        ours, theirs = steps["ours"], steps["loop"]
        difference = (ours() - theirs()).abs().max() / theirs().abs().max()
        assert difference < 1e-3, difference
        times = measure([ours, theirs], 20.0)
        median = [statistics.median(t) for t in times]
        best = [min(t) for t in times]
        memory = [peak(name, which) / 2**20 for which in steps]
        print(
            f"{name:14} {median[0] * 1e3:7.1f} ms ({best[0] * 1e3:.1f}) against {median[1] * 1e3:7.1f} ms ({best[1] * 1e3:.1f}): "
            f"{median[1] / median[0]:5.1f} times (minima {best[1] / best[0]:.1f}); "
            f"peak {memory[0]:.0f} against {memory[1]:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print(own_peak(*sys.argv[2:]))
    else:
        main(sys.argv[1:])
