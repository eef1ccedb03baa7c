"""
Calibration by measured sweeps
==============================

What a real chip does with its codes is known from measurements only: set a code in all circuits, measure, take the next one.
Laws fitted to such sweeps are calibrated as those of an emulated chip. Here an emulated chip stands in for the real one: all
that is used of it are its noisy reads.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import bss2sim as b2

chip = b2.EmulatedChip(seed=7)
registers = b2.hardware.default_registers()


def sweep(quantity, register, codes):
    """Measure a quantity of all circuits at each code; dims (register, atomic_neuron)."""
    reads = []
    for run, code in enumerate(codes):
        registers[register][...] = code
        reads.append(chip.measure(quantity, registers, run=run))
    return xr.concat(reads, xr.DataArray(codes, dims=register, name=register))


measured = xr.Dataset(
    {
        "threshold": sweep("threshold", "threshold_v_threshold_code", np.arange(250, 551, 30)),
        "reset": sweep("reset", "reset_v_reset_code", np.arange(480, 781, 30)),
        "tau_syn": sweep("tau_syn", "i_bias_tau_code", np.arange(40, 301, 20)),
    }
)

# %%
# Fit a law to every circuit and invert it. What the codes give is then measured again.
target = b2.NeuronCalibTarget(threshold=125, reset=80, tau_syn=6e-6)
fitted = b2.calibration.fit_transfer(measured)
calibration = b2.calibrate(fitted, target)
print(f"{int(calibration.success.sum())} of 512 circuits calibrated")
uniform = b2.calibration.uniform_registers(calibration.registers)

fig, axes = plt.subplots(2, 3, figsize=(10, 5.5), layout="constrained")
for (above, below), quantity, goal in zip(axes.T, ("threshold", "reset", "tau_syn"), (125, 80, 6), strict=True):
    factor, unit = (1e6, "us") if quantity == "tau_syn" else (1, "LSB")
    reads = measured[quantity].isel(atomic_neuron=slice(0, 40, 5))
    reads = reads.isel(synaptic_input=0) if quantity == "tau_syn" else reads
    above.plot(reads[reads.dims[0]], reads * factor, "k.-", linewidth=0.6, markersize=4)
    above.set(xlabel=f"Code of {quantity}", ylabel=f"{quantity} of 8 circuits [{unit}]")
    for codes, colour, kind, label in (
        (uniform, "#e5b000", "bar", "same code"),
        (calibration.registers, "#1a1a2e", "step", "calibrated"),
    ):
        values = chip.measure(quantity, codes, run=99).values.ravel() * factor
        below.hist(values, np.linspace(0.7 * goal, 1.3 * goal, 41), color=colour, histtype=kind, label=label)
    below.axvline(goal, color="tab:red", linestyle=":")
    below.set(xlabel=f"{quantity}, measured again [{unit}]", ylabel="Circuits")
axes[1, 0].legend(fontsize="small")

plt.show()
