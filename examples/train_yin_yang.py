"""
Training of a hxtorch network
=============================

A network of non-leaking neurons learns the three classes of the Yin-Yang data set in mock mode, written as for hxtorch: only the
import is another one. Four coordinates and a bias become one spike each; 120 hidden IAF neurons, with the refractory time of the
chip, feed three leaky readouts; the class whose membrane rises highest is the answer.
"""

import matplotlib.pyplot as plt
import torch

import bss2sim.hxtorch as hxsnn  # in a script of hxtorch: import hxtorch.snn as hxsnn

torch.manual_seed(0)
torch.set_num_threads(1)  # products of small matrices: threads would wait for each other
n_steps, n_hidden, batch, n_epochs = 38, 120, 100, 12

# %%
# The network. Potentials of the model are such that the threshold is 1; a chip would be calibrated to the second values.
experiment = hxsnn.Experiment(mock=True, dt=1e-6)
synapses = hxsnn.Synapse(5, n_hidden, experiment)
hidden = hxsnn.IAFNeuron(
    n_hidden, experiment, tau_mem=6e-6, tau_syn=6e-6, refractory_time=1e-6,
    reset=hxsnn.MixedHXModelParameter(0.0, 80), threshold=hxsnn.MixedHXModelParameter(1.0, 125),
)  # fmt: skip
weights = hxsnn.Synapse(n_hidden, 3, experiment)
readout = hxsnn.ReadoutNeuron(3, experiment, leak=hxsnn.MixedHXModelParameter(0.0, 80), tau_mem=6e-6, tau_syn=6e-6)
torch.nn.init.normal_(synapses.weight, 0.3, 0.5)
torch.nn.init.normal_(weights.weight, 0.0, 0.1)
network = torch.nn.ModuleList([synapses, hidden, weights, readout])
decode = hxsnn.transforms.decode.MaxOverTime()


def scores(spikes):
    """Highest membranes (batch, class) for spikes (time, batch, input)."""
    trace = readout(weights(hidden(synapses(hxsnn.NeuronHandle(spikes)))))
    hxsnn.run(experiment, n_steps)
    return decode(trace.membrane_cadc)


def samples(size, seed):
    """Points, their spikes and classes."""
    points, classes = zip(*hxsnn.datasets.YinYangDataset(size=size, seed=seed), strict=True)
    encode = hxsnn.transforms.encode.CoordinatesToSpikes(n_steps, t_early=2e-6, t_late=26e-6, t_bias=18e-6)
    return torch.stack(points), encode(torch.stack(points)), torch.tensor(classes)


# %%
_, train_spikes, train_classes = samples(5000, seed=42)
test_points, test_spikes, test_classes = samples(1000, seed=40)
optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
accuracy = []
for _epoch in range(n_epochs):
    for chosen in torch.randperm(5000).split(batch):
        loss = torch.nn.functional.cross_entropy(scores(train_spikes[:, chosen]), train_classes[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
    with torch.no_grad():
        found = scores(test_spikes).argmax(1)
    accuracy.append(100 * (found == test_classes).float().mean().item())
print(f"test accuracy after {n_epochs} epochs: {accuracy[-1]:.1f} %")  # 96 to 97 %

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.plot(range(1, n_epochs + 1), accuracy, "o-")
left.set(xlabel="Epoch", ylabel="Test accuracy [%]")
right.scatter(test_points[:, 0], test_points[:, 1], c=found, s=8, cmap="viridis")
right.set(xlabel="x", ylabel="y", aspect="equal", title="Class found")
plt.show()
