"""
Pictures of a run
=================

Every result draws itself: ``run.bss2.raster()``, ``traces()``, ``rates()``, ``isi()``, ``first_spikes()``. Trials are chosen by
the labels of their dims; each picture goes into Axes of yours or into new ones, and all can be read in grey.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import bss2sim as b2

rng = np.random.default_rng(2)
n_batch, n_input, n_neuron, duration = 6, 32, 40, 200e-6
n_spike = rng.poisson(50e3 * duration * n_input * n_batch)
spikes = b2.sparse_spikes(
    rng.uniform(0, duration, n_spike), rng.integers(0, n_input, n_spike), rng.integers(0, n_batch, n_spike),
    n_batch=n_batch, n_neuron=n_input, duration=duration,
)  # fmt: skip
level = [110.0, 125.0]
threshold = xr.DataArray(level, {"threshold": ("threshold", level, {"units": "LSB"})}, "threshold")
run = b2.simulate(
    b2.IAFNeuron(n_neuron, threshold=threshold, refractory_time=3e-6),
    spikes,
    synapse=b2.Synapse(rng.normal(0.7, 6.0, (n_input, n_neuron))),
    record=b2.Recording(membrane=True, sample_time=np.linspace(0, duration, 800, endpoint=False)),
)

# %%
# One trial: spikes, and the membranes of two neurons.
fig, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
run.bss2.raster(axes[0], batch=2, threshold=125)
run.bss2.traces(axes[1], batch=2, threshold=125, neuron=[9, 39])

# %%
# All trials of a threshold: rates, inter-spike intervals, first spikes. ``b2.runs`` has the numbers.
fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
run.bss2.rates(axes[0], threshold=125)
run.bss2.isi(axes[1], threshold=125)
run.bss2.first_spikes(axes[2], threshold=125)
print(f"mean rate {float(b2.runs.rates(run).sel(threshold=125).mean()) / 1e3:.1f} kHz")

plt.show()
