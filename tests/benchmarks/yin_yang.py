"""Yin-Yang with exact gradients: test accuracy of several seeds, and the time of an epoch.

    python tests/benchmarks/yin_yang.py [--seeds 5] [--epochs 35]

5000 training samples, 120 hidden IAF neurons with the refractory time of the chip, three leaking readouts; mock mode, no chip. The
four coordinates and a bias are one spike each, at any time: there is no grid. The answer is the readout that rises highest, looked
at 40 times. Accuracy is that of the last epoch on 1000 samples that are never trained on.
"""

import argparse
import statistics
import time

import torch

from bss2sim.hxtorch.datasets import YinYangDataset
from bss2sim.torch import IAFExact, LIExact, Spikes

EARLY, LATE, BIAS, DURATION = 2e-6, 26e-6, 18e-6, 60e-6  # of input spikes, and of a run [s]
N_HIDDEN, BATCH = 120, 100


def samples(size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Times of input spikes [s], (sample, input), and classes."""
    points, classes = zip(*YinYangDataset(size=size, seed=seed), strict=True)
    times = EARLY + (LATE - EARLY) * torch.stack(points).double()
    return torch.cat([times, torch.full((size, 1), BIAS, dtype=torch.float64)], dim=1), torch.tensor(classes)


class Network(torch.nn.Module):
    """Hidden spikes and readout."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = IAFExact(
            N_HIDDEN, 5, duration=DURATION, threshold=1.0, reset=0.0, tau_mem=6e-6, tau_syn=6e-6, refractory_time=1e-6
        )
        looks = torch.linspace(EARLY, 0.999 * DURATION, 40)
        self.readout = LIExact(3, N_HIDDEN, duration=DURATION, sample_time=looks, leak=0.0, tau_mem=3e-6, tau_syn=3e-6)
        torch.nn.init.normal_(self.hidden.weight, 0.3, 0.5)
        torch.nn.init.normal_(self.readout.weight, 0.0, 0.1)

    def forward(self, times: torch.Tensor) -> torch.Tensor:
        """Return scores (sample, class)."""
        membrane: torch.Tensor = self.readout(self.hidden(Spikes.from_times(times)).spikes)
        return membrane.amax(0)


def train(seed: int, n_epochs: int) -> tuple[float, list[float]]:
    """Return the test accuracy [%] at the end, and the times of the epochs [s]."""
    torch.manual_seed(seed)
    network = Network()
    times, classes = samples(5000, seed=42)
    test_times, test_classes = samples(1000, seed=40)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.93)
    taken, accuracy = [], 0.0
    for epoch in range(n_epochs):
        start = time.perf_counter()
        for chosen in torch.randperm(len(times)).split(BATCH):
            loss = torch.nn.functional.cross_entropy(network(times[chosen]), classes[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        taken.append(time.perf_counter() - start)
        with torch.no_grad():
            accuracy = 100 * (network(test_times).argmax(1) == test_classes).double().mean().item()
        if epoch % 5 == 4:
            print(f"seed {seed} epoch {epoch + 1}: test {accuracy:.1f} %, {taken[-1]:.2f} s an epoch", flush=True)
    return accuracy, taken


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=35)
    given = parser.parse_args()
    torch.set_num_threads(1)  # of small tensors: threads would wait for each other
    results = [train(seed, given.epochs) for seed in range(given.seeds)]
    accuracy = [result[0] for result in results]
    epochs = [seconds for result in results for seconds in result[1][1:]]  # the first compiles
    print(
        f"test accuracy {statistics.mean(accuracy):.2f} % ({min(accuracy):.1f} to {max(accuracy):.1f}, {given.seeds} seeds); "
        f"{statistics.median(epochs):.2f} s an epoch (fastest {min(epochs):.2f})"
    )


if __name__ == "__main__":
    main()
