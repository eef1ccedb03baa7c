"""
A chip before and after its calibration
=======================================

With one code for all, the 512 circuits of a chip have different thresholds, time constants and strengths. A calibration finds a
code for each circuit, so that they agree.
"""

import matplotlib.pyplot as plt

import bss2sim as b2

chip = b2.EmulatedChip(seed=7)
target = b2.NeuronCalibTarget(threshold=125, reset=80, tau_syn=10e-6, refractory_time=2e-6, holdoff_time=0.5e-6)
calibration = b2.calibrate(chip, target)
print(f"{int(calibration.success.sum())} of 512 circuits calibrated")

# %%
# The same codes for all circuits, the median of the calibrated ones, show what the circuits are like by themselves.
before = chip.achieved(b2.calibration.uniform_registers(calibration.registers))
axes = b2.plot.distributions(before, calibration.achieved, ["reset", "threshold", "tau_syn", "synaptic_strength"])
for ax, goal in zip(axes, (80, 125, 10), strict=False):
    ax.axvline(goal, color="tab:red", linewidth=1, linestyle=":")

plt.show()
