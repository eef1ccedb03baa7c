"""
Pictures of a calibration
=========================

A calibration shows what its circuits were like before it and are after it, and how far each is from the target, where it is on
the chip: two rows of 256 circuits, in four quadrants. Crosses are circuits that could not be calibrated.
"""

import warnings

import matplotlib.pyplot as plt

import bss2sim as b2

chip = b2.EmulatedChip(seed=6)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # two circuits of this chip cannot be made as strong as the others
    calibration = b2.calibrate(chip, b2.NeuronCalibTarget())
print(calibration)

# %%
# Before: the same code for all circuits, the median of those of the calibration.
calibration.bss2.histograms()

# %%
fig, axes = plt.subplots(3, 1, figsize=(9, 8), layout="constrained")
calibration.bss2.residuals("threshold", axes[0])
calibration.bss2.residuals("tau_syn", axes[1], synaptic_input="inhibitory")
calibration.bss2.residuals("synaptic_strength", axes[2])

plt.show()
