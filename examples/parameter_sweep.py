"""
A sweep is an array with named dimensions
=========================================

Any parameter may be a DataArray. Its dimensions broadcast as xarray does it and appear in the result: one call
simulates all combinations of thresholds and refractory times, and what comes back is labelled with both.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm

import bss2sim as b2

rng = np.random.default_rng(2)
n_input, n_neuron, duration = 64, 32, 1e-3


def axis(name, values):
    return xr.DataArray(values, dims=name, coords={name: values})


threshold = axis("threshold", np.linspace(90.0, 200.0, 23))
refractory_time = axis("refractory_time", np.linspace(0.5e-6, 20e-6, 24))
neurons = b2.IAFNeuron(n_neuron, reset=80.0, threshold=threshold, refractory_time=refractory_time)

# %%
# Random input spikes at 50 kHz per input (the chip is 1000 times faster than biology).
n_spike = rng.poisson(50e3 * duration * n_input)
spikes = b2.sparse_spikes(rng.uniform(0, duration, n_spike), rng.integers(0, n_input, n_spike), duration=duration)
weight = rng.normal(2.0, 6.0, (n_input, n_neuron))
run = b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), record=b2.Recording(spikes="count"))

# %%
# The result has the dimensions threshold, refractory_time and neuron.
rate = run.spike_count.mean("neuron") / duration / 1e3
rate = rate.transpose("threshold", "refractory_time")
fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
axes = refractory_time * 1e6, threshold, rate
image = ax.pcolormesh(*axes, cmap="Greys_r", norm=LogNorm())
lines = ax.contour(*axes, levels=[25, 50, 100, 200], colors="tab:orange")
ax.clabel(lines, fmt="%.0f kHz")
ax.set(xlabel="Refractory time [us]", ylabel="Threshold [LSB]", title=f"Mean rate of {n_neuron} neurons")
fig.colorbar(image, label="Rate [kHz]", ticks=[25, 50, 100, 200, 400], format="%.0f").minorticks_off()

plt.show()
