"""From what one wants of a chip to the registers that give it.

``calibrate`` brings the circuits of a chip to a target, ``fit_transfer`` makes a chip of measured sweeps that can be calibrated
like an emulated one, ``refractory_registers`` sets the refractory clocks alone.
"""

from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.measurement import FittedChip, fit_transfer
from bss2sim.calibration.refractory import refractory_registers, refractory_times
from bss2sim.calibration.result import Calibration, load_calibration
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.calibration.uncalibrated import uniform_registers

__all__ = [
    "Calibration",
    "FittedChip",
    "NeuronCalibTarget",
    "calibrate",
    "fit_transfer",
    "load_calibration",
    "refractory_registers",
    "refractory_times",
    "uniform_registers",
]
