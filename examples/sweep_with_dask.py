"""
A sweep that survives a crash
=============================

A sweep over thresholds and chips is streamed into a Zarr store, block by block, and can be stopped at any time: the same call
goes on with what is missing. The arrays that come back read the store when they are needed.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import bss2sim as b2

rng = np.random.default_rng(4)
spikes = xr.DataArray(rng.random((200, 64)) < 0.03, dims=("time", "input"))
synapse = b2.Synapse(rng.normal(6.0, 10.0, (64, 32)).clip(-60, 60))
level = xr.DataArray(np.linspace(95, 140, 10), dims="level")
neurons = b2.IAFNeuron(32, threshold=level, refractory_time=2e-6, enable_cadc_recording=False)
chips = b2.EmulatedChip(seed=xr.DataArray(np.arange(20, 32), dims="chip"))


def sweep(store):
    setting = {"synapse": synapse, "chip": chips, "record": b2.Recording(spikes="count")}
    return b2.sweep(neurons, spikes, **setting, store=store, chunks={"chip": 3}, progress=False)


folder = tempfile.TemporaryDirectory()
store = Path(folder.name) / "run.zarr"
run = sweep(store)
print(run.spike_count)

# %%
# Lose a block, as if the job had been killed before it was finished. The second call computes this block only.
(store / "sweep" / "blocks" / "000002.json").unlink()
again = sweep(store)
print("the same bits:", bool((again.spike_count == run.spike_count).all()))

# %%
# Every chip has circuits of its own, calibrated to the same thresholds: what is left of their differences shows in the rates.
rate = (again.spike_count.mean("neuron") / run.attrs["duration"] / 1e3).compute()
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(level, rate.transpose("level", "chip"), color="0.7", linewidth=1)
ax.plot(level, rate.mean("chip"), "o-", color="tab:orange", label="mean of 12 chips")
ax.plot([], [], color="0.7", label="single chips")
ax.set(xlabel="Threshold [LSB]", ylabel="Mean rate [kHz]", title="32 neurons on 12 emulated chips")
ax.legend()

plt.show()
folder.cleanup()
