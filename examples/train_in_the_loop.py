"""
Training with the chip in the loop
==================================

A network that learned the Yin-Yang data set in the model meets a chip: with the same codes for all circuits, calibrated, and
calibrated with some more epochs that ran on it. In these, what the chip measures takes the place of what the model computes,
and the gradients are those of the model: the weights learn what the calibration has left.
"""

import matplotlib.pyplot as plt
import torch

import bss2sim as b2
import bss2sim.hxtorch as hxsnn

torch.manual_seed(0)
torch.set_num_threads(1)  # threads would wait for each other
tau = {"tau_mem": 10e-6, "tau_syn": 10e-6}
encode = hxsnn.transforms.encode.CoordinatesToSpikes(60, t_early=2e-6, t_late=50e-6, t_bias=20e-6)
data = (hxsnn.datasets.YinYangDataset(size=1500, seed=42), hxsnn.datasets.YinYangDataset(size=1000, seed=40))
(points, classes), test = (next(iter(torch.utils.data.DataLoader(each, len(each)))) for each in data)

# %%
# All circuits are calibrated to one target; the medians of their codes then are those of a chip without calibration.
chip = b2.EmulatedChip(seed=7)
calibration = b2.calibrate(chip, b2.NeuronCalibTarget(leak=125, reset=80, threshold=125, synapse_dac_bias=1000, **tau))
strength = calibration.achieved.synaptic_strength.mean().item()

# %%
# What is 1 in the model are 45 LSB on the chip, and 27 of a readout, whose membrane then stays where it is linear.
hxsnn.init_hardware(chip)
experiment = hxsnn.Experiment(mock=True)
potentials = {"reset": hxsnn.MixedHXModelParameter(0.0, 80), "threshold": hxsnn.MixedHXModelParameter(1.0, 125)}
reading = {"leak": hxsnn.MixedHXModelParameter(0.0, 125), "trace_offset": 125 - 128, "trace_scale": 1 / 27}
first = hxsnn.Synapse(5, 120, experiment, transform=lambda w: (45 / strength * w).clamp(-63, 63))
hidden = hxsnn.IAFNeuron(120, experiment, alpha=10.0, enable_cadc_recording=False, **potentials, **tau)
second = hxsnn.Synapse(120, 3, experiment, transform=lambda w: (27 / strength * w).clamp(-63, 63))
readout = hxsnn.ReadoutNeuron(3, experiment, **reading, **tau)
torch.nn.init.normal_(first.weight, 0.3, 0.5)


def scores(points):
    trace = readout(second(hidden(first(hxsnn.NeuronHandle(encode(points))))))
    hxsnn.run(experiment, 60)
    return trace.membrane_cadc.sum(0) * experiment.dt / tau["tau_mem"]


def train(n_batch, rate):
    """Train, in the model or in the loop; return which test points are classified as they should be."""
    optimizer = torch.optim.Adam([first.weight, second.weight], lr=rate)
    for _ in range(n_batch):
        chosen = torch.randint(len(points), (100,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(scores(points[chosen]), classes[chosen]).backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.99
    return scores(test[0]).argmax(1) == test[1]


right = [train(250, 0.03)]
experiment.mock = False  # from here on the network is on the chip
for setting in (b2.calibration.uniform_registers(calibration.registers), calibration):
    experiment.default_execution_instance.load_calib(setting)
    right.append(train(0, 0.0))
right.append(train(60, 0.006))
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), width_ratios=(1.2, 1, 1), layout="constrained")
names = ["model", "chip, same codes\nfor all circuits", "chip, calibrated", "the same, trained in\nthe loop"]
bars = axes[0].barh(names[::-1], [100 * each.float().mean().item() for each in right[::-1]], color="0.8")
axes[0].bar_label(bars, fmt="%.1f %%", label_type="center")
axes[0].set(xlabel="Test accuracy [%]", ylabel="Where the network runs", xlim=(0, 100))
for ax, name, each in zip(axes[1:], names[2:], right[2:], strict=True):
    ax.scatter(*test[0].T[:2], c=test[1], s=8, cmap="Greys", vmin=-1, vmax=4)
    ax.plot(*test[0][~each].T[:2], "kx")
    ax.set(xlabel="x", ylabel="y", aspect="equal", title=f"{name}: {int((~each).sum())} wrong")
plt.show()
