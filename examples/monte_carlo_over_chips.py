"""
Monte Carlo over chips
======================

Chips differ, and so do results. A dim of the seed makes many chips; one call calibrates all of them, one call runs the same
experiment on each. Here a population of 32 neurons gets the same input on 16 chips, calibrated, and with the same codes for all
circuits of a chip.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import bss2sim as b2

n_chip, n_input, n_neuron, duration = 16, 24, 32, 100e-6
rng = np.random.default_rng(4)
neurons = b2.IAFNeuron(n_neuron, reset=80.0, threshold=125.0, refractory_time=2e-6)
n_spike = rng.poisson(40e3 * duration * n_input)
spikes = b2.sparse_spikes(rng.uniform(0, duration, n_spike), rng.integers(0, n_input, n_spike), n_neuron=n_input,
                          duration=duration)  # fmt: skip
synapse = b2.Synapse(rng.integers(-12, 25, (n_input, n_neuron)))

chips = b2.EmulatedChip(seed=xr.DataArray(np.arange(n_chip), dims="chip", coords={"chip": np.arange(n_chip)}))
target = b2.NeuronCalibTarget(reset=80.0, threshold=125.0, refractory_time=2e-6)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a few circuits of all the chips cannot be calibrated
    calibration = b2.calibrate(chips, target)
uniform = b2.calibration.uniform_registers(calibration.registers)

# %%
# The result has a dim ``chip``. What stays after calibration is drift, noise, and synapses that differ.
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained", width_ratios=(3, 2))
for registers, name, colour, marker in (
    (uniform, "same codes", "#e5b000", "s"),
    (calibration.registers, "calibrated", "#1a1a2e", "o"),
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = b2.simulate(neurons, spikes, synapse=synapse, chip=chips, calibration=registers)
    rate = b2.runs.rates(run).mean("neuron") / 1e3
    axes[0].plot(
        run.chip, rate, marker, color=colour, label=f"{name}: {float(rate.mean()):.1f} +- {float(rate.std()):.1f} kHz"
    )
    first = b2.runs.first_spikes(run)
    spread = first.std("chip").values.ravel() * 1e6
    axes[1].hist(spread[np.isfinite(spread)], np.arange(0, np.nanmax(spread) + 1), color=colour, alpha=0.8, label=name)
axes[0].set(xlabel="Chip", ylabel="Mean rate of the population [kHz]", xticks=range(0, n_chip, 5))
axes[0].set_ylim(0, 1.3 * axes[0].get_ylim()[1])  # room for the legend
axes[0].legend(fontsize="small")
axes[1].set(xlabel="Spread of a first spike over chips [us]", ylabel="Neurons")
axes[1].legend(fontsize="small")

plt.show()
