"""
Spike times to the nanosecond
=============================

A non-leaking neuron learns weights with which it fires at four given times. There is no grid: the times are those of the exact
integrator, and their derivatives are exact (EventProp): good enough for Newton's method, which no surrogate gradient is.
"""

import matplotlib.pyplot as plt
import torch

from bss2sim.torch import IAFExact, Spikes

torch.manual_seed(3)
n_input, n_step = 60, 25
inputs = Spikes.from_times(80e-6 * torch.rand(1, n_input))  # (batch, input): one spike each
target = torch.tensor([15e-6, 33e-6, 47e-6, 72e-6], dtype=torch.float64)

neuron = IAFExact(
    1, n_input, duration=100e-6, sample_time=torch.arange(1000) * 1e-7, threshold=1.0, reset=0.0, tau_mem=10e-6,
    tau_syn=5e-6, refractory_time=2e-6, dtype=torch.float64,
)  # fmt: skip
torch.nn.init.constant_(neuron.weight, 0.2)  # it has to fire four times to begin with: silent neurons do not learn

trains, errors, membranes = [], [], []
for _step in range(n_step):
    run = neuron(inputs)
    times = run.spikes.time[: len(target)]
    rows = [torch.autograd.grad(time, neuron.weight, retain_graph=True)[0][:, 0] for time in times]
    with torch.no_grad():
        error = times - target
        # Half the way to the targets, by the least change of the weights that does it
        neuron.weight[:, 0] -= 0.5 * torch.linalg.pinv(torch.stack(rows)) @ error
    trains.append(1e6 * run.spikes.time.detach())
    membranes.append(run.membrane[:, 0, 0].detach())
    errors.append(error.abs().max().item())
print(f"largest error: {1e6 * errors[0]:.1f} us at first, {1e9 * errors[-1]:.1g} ns at last")

fig, axes = plt.subplots(3, 1, figsize=(7, 7), height_ratios=(2, 1, 1), layout="constrained")
for step, train in enumerate(trains):
    axes[0].plot(train, [step] * len(train), "k.", markersize=4)
for time in target:
    axes[0].axvline(1e6 * time, color="#c2410c", linewidth=4, alpha=0.3)
axes[0].set(title="Spikes of every step, and the times to learn", ylabel="Step", xlim=(0, 100))

for step, color in ((0, "0.7"), (-1, "#1a1a2e")):
    axes[1].plot(1e6 * neuron.sample_time, membranes[step], color=color)
axes[1].set(xlabel="Time [us]", ylabel="Membrane", xlim=(0, 100))

axes[2].semilogy(errors, color="#1a1a2e")
axes[2].set(xlabel="Step", ylabel="Largest error [s]")

plt.show()
