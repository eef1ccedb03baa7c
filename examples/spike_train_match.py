"""
A neuron learns a spike train
=============================

One non-leaking neuron gets the same random spikes of 100 inputs in every epoch, and learns weights with which it fires at
given times. The loss compares filtered spike trains (van Rossum's distance); the filter is a leaking integrator. Its
gradient goes through the spikes of the neuron by the SuperSpike rule.
"""

import matplotlib.pyplot as plt
import torch

from bss2sim.torch import IAF, li

torch.manual_seed(2)
n_time, n_input, n_epoch = 400, 100, 300  # steps of 1 us
inputs = (torch.rand(n_time, 1, n_input) < 0.02).float()  # (time, batch, input)
target = torch.zeros(n_time, 1, 1)
target[[60, 130, 170, 260, 330]] = 1.0

neuron = IAF(
    1, n_input=n_input, threshold=1.0, reset=0.0, tau_mem=10e-6, tau_syn=10e-6, refractory_time=2e-6, alpha=2.0
)
optimizer = torch.optim.Adam(neuron.parameters(), lr=0.005)

losses, trains = [], []
for _ in range(n_epoch):
    run = neuron(inputs)
    # Jumps of +1 and -1 through the filter: what is left is the difference of the filtered trains.
    difference = li(run.spikes - target, leak=0.0, tau_mem=10e-6, tau_syn=10e-6).membrane
    loss = difference.square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    trains.append(torch.nonzero(run.spikes[:, 0, 0]).flatten().tolist())

fig, axes = plt.subplots(3, 1, figsize=(7, 7), height_ratios=(2, 1, 1), layout="constrained")
for epoch, train in enumerate(trains):
    axes[0].plot(train, [epoch] * len(train), "k.", markersize=1.5)
for time in torch.nonzero(target[:, 0, 0]).flatten().tolist():
    axes[0].axvline(time, color="#c2410c", linewidth=4, alpha=0.3)
axes[0].set(title="Spikes of every epoch, and the times to learn", ylabel="Epoch", xlim=(0, n_time))

axes[1].plot(neuron(inputs).membrane[:, 0, 0].detach(), color="#1a1a2e")
axes[1].axhline(1.0, color="0.6", linestyle="--", linewidth=1)
axes[1].set(xlabel="Time [us]", ylabel="Membrane", xlim=(0, n_time))

axes[2].semilogy([max(loss, 1e-3) for loss in losses], color="#1a1a2e")
axes[2].set(xlabel="Epoch", ylabel="Loss")

plt.show()
