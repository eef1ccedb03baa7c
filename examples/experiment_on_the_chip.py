"""
An experiment on the chip, calibrated and not
=============================================

Eight neurons get the same input spikes. The CADC reads all their membranes, one sample in some 2 us; the MADC reads one of them
every 34 ns; spikes come with time stamps. Calibrated neurons do nearly the same. With the same codes for all, each has its own
threshold, reset potential and strength, and a drift that adds to its input or takes from it.
"""

import matplotlib.pyplot as plt
import numpy as np

import bss2sim as b2

size, recorded, duration = 8, 2, 100e-6
reset, threshold, tau_syn, refractory_time = 80.0, 125.0, 5e-6, 4e-6
neurons = b2.IAFNeuron(size, reset=reset, threshold=threshold, tau_syn=tau_syn, refractory_time=refractory_time,
                       enable_madc_recording=True, record_neuron_id=recorded)  # fmt: skip
inputs = np.arange(5e-6, duration, 9e-6)
spikes = b2.sparse_spikes(inputs, np.zeros(inputs.size, int), n_neuron=1, duration=duration)
synapse = b2.Synapse(np.full((1, size), 50.0))

# All circuits of the chip, so that the median of their codes, for comparison, is what a typical circuit needs.
chip = b2.EmulatedChip(seed=7)
target = b2.NeuronCalibTarget(reset=reset, threshold=threshold, tau_syn=tau_syn, refractory_time=refractory_time)
calibration = b2.calibrate(chip, target)
uniform = b2.calibration.uniform_registers(calibration.registers)

# %%
# Samples have their own times; those of the CADC depend on the hemisphere of a neuron. The CADC reads -128 to 127.
fig, axes = plt.subplots(
    3, 2, figsize=(9, 7), sharex=True, sharey="row", height_ratios=(3, 2.2, 1.5), layout="constrained"
)
for column, title, registers in zip(axes.T, ("calibrated", "same codes for all"), (calibration, uniform), strict=True):
    run = b2.simulate(neurons, spikes, synapse=synapse, chip=chip, calibration=registers)
    cadc, madc, raster = column
    time = run.cadc_time.sel(hemisphere=run.row) * 1e6
    for neuron in [*range(recorded), *range(recorded + 1, size), recorded]:  # the highlighted one on top
        style = {"color": "0.65", "linewidth": 0.9, "label": "other neurons" if neuron == 0 else None}
        if neuron == recorded:
            style = {"color": "black", "linewidth": 1.6, "label": f"neuron {recorded}"}
        cadc.plot(time.isel(neuron=neuron), run.cadc_value.isel(neuron=neuron), **style)
    cadc.axhline(threshold - 128, color="tab:red", linestyle=":", label="wanted threshold and reset")
    cadc.axhline(reset - 128, color="tab:red", linestyle=":")
    cadc.set(title=title, ylabel="CADC [LSB]")

    madc.plot(run.madc_time * 1e6, run.madc_value, color="black", linewidth=0.6)
    madc.set(ylabel=f"MADC of neuron {recorded} [LSB]")

    b2.plot.raster(run, raster)
    raster.plot(inputs * 1e6, np.full(inputs.size, -1.1), "^", color="tab:red", markersize=4)
    raster.axhspan(recorded - 0.5, recorded + 0.5, color="0.88", linewidth=0)
    raster.set(xlim=(0, duration * 1e6), ylim=(-1.8, size - 0.3), yticks=[-1.1, *range(0, size, 2)],
               yticklabels=["input", *range(0, size, 2)])  # fmt: skip
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)

plt.show()
