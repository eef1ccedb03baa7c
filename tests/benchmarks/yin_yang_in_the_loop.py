"""Yin-Yang with the emulated chip in the loop: test accuracy of the model, and on the chip before and after training in the loop.

    python tests/benchmarks/yin_yang_in_the_loop.py [--chip 1 3 7 5 11] [--seed 0 1 2 3 4] [--epochs 6] [--pretraining 24] ...

5000 samples for training and 1000 for the test; 120 non-leaking hidden neurons on a chip with all of its effects and its whole
variation, calibrated. The weights are trained in the model first, then with the chip in the loop. Every accuracy "on the chip" is
measured there, each trial with its own noise. Chips and seeds (of weights and of the order of samples) are taken in pairs.
"""

import argparse
import statistics
import time
import warnings

import torch

import bss2sim as b2
import bss2sim.hxtorch as hxsnn

N_HIDDEN, N_STEP, DT = 120, 60, 1e-6
TAU = 10e-6
RESET, THRESHOLD, LEAK = 80, 125, 125  # on the chip [LSB]
UNIT = THRESHOLD - RESET  # of the potentials of the hidden neurons [LSB]
READOUT_UNIT = 27  # of those of the readouts [LSB]: their sums stay where the membrane is linear
COMMON = {"tau_mem": TAU, "tau_syn": TAU, "synapse_dac_bias": 1000}


class Network:
    """The network in the model, or on the chip with a factor from weights of the model to those of the chip."""

    def __init__(self, mock: bool, weight_scale: float) -> None:
        self.experiment = hxsnn.Experiment(mock=mock, dt=DT)
        self.scale = (weight_scale, weight_scale * READOUT_UNIT / UNIT)
        self.inputs, self.weights = [
            hxsnn.Synapse(*shape, self.experiment, transform=lambda w, k=k: self.scale[k] * w)
            for k, shape in enumerate(((5, N_HIDDEN), (N_HIDDEN, 3)))
        ]
        self.hidden = hxsnn.IAFNeuron(
            N_HIDDEN, self.experiment, reset=hxsnn.MixedHXModelParameter(0.0, RESET), alpha=10.0,
            threshold=hxsnn.MixedHXModelParameter(1.0, THRESHOLD), enable_cadc_recording=False, **COMMON,
        )  # fmt: skip
        self.readout = hxsnn.ReadoutNeuron(
            3, self.experiment, leak=hxsnn.MixedHXModelParameter(0.0, LEAK), trace_offset=LEAK - 128, trace_scale=1 / READOUT_UNIT,
            **COMMON,
        )  # fmt: skip
        self.encode = hxsnn.transforms.encode.CoordinatesToSpikes(
            N_STEP, t_early=2e-6, t_late=50e-6, t_bias=20e-6, dt=DT
        )
        self.decode = hxsnn.transforms.decode.SumOverTime()

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """Weights of both layers."""
        return [self.inputs.weight, self.weights.weight]

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Scores (batch, class): membranes of the readouts, summed over time in units of their time constant."""
        spikes = self.hidden(self.inputs(hxsnn.NeuronHandle(self.encode(points))))
        trace = self.readout(self.weights(spikes))
        hxsnn.run(self.experiment, N_STEP)
        return self.decode(trace.membrane_cadc) * DT / TAU

    def accuracy(self, points: torch.Tensor, classes: torch.Tensor) -> float:
        """Part of the points whose class is found [%]."""
        with torch.no_grad():
            return 100 * (self(points).argmax(1) == classes).float().mean().item()

    def epoch(self, points: torch.Tensor, classes: torch.Tensor, optimizer: torch.optim.Optimizer) -> float:
        """Train with every sample once; return the time that takes [s]."""
        start = time.perf_counter()
        for chosen in torch.randperm(len(points)).split(100):
            loss = torch.nn.functional.cross_entropy(self(points[chosen]), classes[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for weight, scale in zip(self.parameters, self.scale, strict=True):
                    weight.clamp_(-63 / scale, 63 / scale)  # what a synapse holds
        return time.perf_counter() - start

    def train(self, train: tuple, test: tuple, n_epoch: int, rate: float, decay: float) -> tuple[list[float], float]:
        """Return the test accuracy after each epoch [%], and the shortest time of one [s]."""
        optimizer = torch.optim.Adam(self.parameters, lr=rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
        times, found = [], []
        for _ in range(n_epoch):
            times.append(self.epoch(*train, optimizer))
            schedule.step()
            found.append(self.accuracy(*test))
        return found, min(times)


def measured_weight_scale(chip: b2.EmulatedChip) -> float:
    """Factor from weights of the model to those of the calibrated chip, as one measures it on a real one."""
    rest, threshold = b2.Parameter(model=0.0, hardware=RESET), b2.Parameter(model=1.0, hardware=THRESHOLD)
    neurons = b2.IAFNeuron(N_HIDDEN, reset=rest, threshold=threshold, **COMMON)
    return b2.alignment.weight_scaling(neurons, chip=chip, n_trial=10).mean_weight_scale.item()


def samples(size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and their classes."""
    points, classes = zip(*hxsnn.datasets.YinYangDataset(size=size, seed=seed), strict=True)
    return torch.stack(points), torch.tensor(classes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chip", type=int, nargs="+", default=[1, 3, 7, 5, 11], help="seeds of chips")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="seeds of weights, as many")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--pretraining", type=int, default=24, help="epochs in the model")
    parser.add_argument("--epochs", type=int, default=6, help="epochs in the loop")
    arguments = parser.parse_args()
    if len(arguments.chip) != len(arguments.seed):
        parser.error("--chip and --seed must have the same length")
    torch.set_num_threads(1)
    warnings.simplefilter(
        "ignore", UserWarning
    )  # of a circuit that cannot be calibrated; it is trained like the others
    train, test = samples(arguments.samples, seed=42), samples(1000, seed=40)
    last = []
    for number, seed in zip(arguments.chip, arguments.seed, strict=True):
        torch.manual_seed(seed)
        chip = b2.EmulatedChip(seed=number)
        hxsnn.init_hardware(chip)
        scale = measured_weight_scale(chip)
        model, on_chip = Network(True, scale), Network(False, scale)
        torch.nn.init.normal_(model.inputs.weight, 0.3, 0.5)
        torch.nn.init.normal_(model.weights.weight, 0.0, 0.1)
        in_model, model_time = model.train(train, test, arguments.pretraining, 0.03, 0.9)
        for mine, trained in zip(on_chip.parameters, model.parameters, strict=True):
            mine.data.copy_(trained.data)
        before = on_chip.accuracy(*test)
        in_loop, loop_time = on_chip.train(train, test, arguments.epochs, 0.006, 0.65)
        last.append(in_loop[-1])
        health = on_chip.experiment.default_execution_instance.calib.success.values[: N_HIDDEN + 3]
        print(
            f"chip {number}, seed {seed}: model {in_model[-1]:.1f} % ({model_time:.2f} s an epoch), on the chip {before:.1f} %, "
            f"trained in the loop {', '.join(f'{a:.1f}' for a in in_loop)} % ({loop_time:.1f} s an epoch); "
            f"{int((~health).sum())} circuits not calibrated",
            flush=True,
        )
    print(f"mean of the last epoch of {len(last)} runs: {statistics.mean(last):.1f} %, least {min(last):.1f} %")


if __name__ == "__main__":
    main()
