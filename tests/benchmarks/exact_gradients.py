"""Exact gradients: the way back beside the way forth.

    python tests/benchmarks/exact_gradients.py

Both take turns in one process. 512 neurons behind 256 inputs that fire in 5 % of the microseconds, at any time, 100 trials of
100 us; the loss is a sum with a weight of each spike time, or of each of 100 sampled membranes.
"""

import statistics

import numpy as np
import torch
from cases import RESET, STEPS, TAU, THRESHOLD, N
from ratios import measure

from bss2sim.eventprop_run import Events, ExactRun, run_exact_backward, run_exact_forward

N_INPUT, B, DURATION = 256, 100, 100e-6


def make_run(kind: str, time_constants: str) -> ExactRun:
    """A run with samples of the membrane or without, and one synaptic time constant for all neurons or one for each."""
    rng = np.random.default_rng(0)
    n = int(0.05 * N_INPUT * DURATION * 1e6)
    time = np.sort(rng.uniform(0, DURATION, (B, n)), axis=1).ravel()
    events = Events(time, rng.integers(0, N_INPUT, B * n), np.repeat(np.arange(B), n), B)
    tau = TAU if time_constants == "shared" else TAU * rng.uniform(0.9, 1.1, N)
    parameters = {"threshold": THRESHOLD, "reset": RESET, "tau_mem": TAU, "tau_syn": tau, "refractory_time": STEPS * 1e-6,
                  "holdoff_time": 0.0}  # fmt: skip
    samples = np.arange(100) * 1e-6 if kind == "membranes" else np.empty(0)
    weight = 0.04 * rng.normal(size=(N_INPUT, N))
    return ExactRun(
        events, weight, {k: np.asarray(v, np.float64) for k, v in parameters.items()}, DURATION, samples, 0.01
    )


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    for kind in ("spikes", "membranes"):
        for time_constants in ("shared", "own"):
            run = make_run(kind, time_constants)
            spikes, membrane = run_exact_forward(run)
            assert spikes is not None
            rng = np.random.default_rng(1)
            of_time, of_membrane = rng.normal(size=spikes.time.size), rng.normal(size=membrane.shape)
            times = measure(
                [
                    lambda run=run: run_exact_forward(run),
                    lambda run=run, of=(spikes, of_time, of_membrane): run_exact_backward(run, *of, False),
                    lambda run=run, of=(spikes, of_time, of_membrane): run_exact_backward(run, *of, True),
                ],
                10.0,
            )
            forth, back, whole = (min(t) for t in times)
            median = [statistics.median(t) for t in times]
            name = f"loss on {kind}, tau_syn {time_constants}, {spikes.time.size / B / N:.2f} spikes a neuron"
            texts = [
                f"{best * 1e3:.0f} ms ({middle * 1e3:.0f})"
                for best, middle in zip((forth, back, whole), median, strict=True)
            ]
            print(
                f"{name}: forth {texts[0]}, back {texts[1]}, with input times {texts[2]}; "
                f"back / forth {back / forth:.2f}, {whole / forth:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
