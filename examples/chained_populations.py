"""
Chained populations
===================

Spikes are recorded in the format in which they are taken as input: the result of one population, with its continuous
spike times, is the input of the next. Here a volley of spikes runs through five populations of 100 neurons. The first
ones sharpen it, then it keeps its width, as in a synfire chain.
"""

import matplotlib.pyplot as plt
import numpy as np

import bss2sim as b2

rng = np.random.default_rng(3)
size, n_population, duration = 100, 5, 100e-6
neurons = b2.IAFNeuron(size, reset=80.0, threshold=125.0, refractory_time=30e-6)

# %%
# The first volley: one spike per input, spread over some 10 us.
start = np.clip(rng.normal(20e-6, 6e-6, size), 0, None)
volleys = [b2.sparse_spikes(start, np.arange(size), n_neuron=size, duration=duration)]
for _ in range(n_population):
    # 40 % of the connections exist; together they carry a little more than a spike takes
    weight = np.where(rng.random((size, size)) < 0.4, rng.uniform(0.5, 4.0, (size, size)), 0.0)
    volleys.append(b2.simulate(neurons, volleys[-1], synapse=b2.Synapse(weight)))

# %%
fig, axes = plt.subplots(len(volleys), 1, figsize=(7, 8), sharex=True, layout="constrained")
for number, (ax, volley) in enumerate(zip(axes, volleys, strict=True)):
    b2.plot.raster(volley, ax)
    spread = volley.spike_time.values.std() * 1e6
    ax.set(ylabel=f"population {number}" if number else "input", xlabel="")
    ax.text(0.99, 0.9, f"{volley.sizes['spike']} spikes, spread {spread:.1f} us", transform=ax.transAxes,
            ha="right", va="top")  # fmt: skip
axes[-1].set_xlabel("Time [us]")

plt.show()
