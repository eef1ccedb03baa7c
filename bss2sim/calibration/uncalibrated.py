"""Registers as they would be without a calibration: the same code for every circuit."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bss2sim.errors import refuse_unknown_keywords
from bss2sim.hardware.registers import REGISTERS, check_registers

__all__ = ["uniform_registers"]


@refuse_unknown_keywords
def uniform_registers(registers: xr.Dataset) -> xr.Dataset:
    """Return registers whose code is the same for all circuits of a chip: the median of the given ones.

    What the chip makes of them shows its variation, and by comparison what a calibration does about it. Medians are over all 512
    circuits: registers that are calibrated to something for a few circuits only lose it; calibrate all of them to it before.

    Parameters
    ----------
    registers : Dataset
        Registers, for instance those of a calibration; dims (..., atomic_neuron) and as in
        :data:`bss2sim.hardware.registers.REGISTERS`.

    Returns
    -------
    Dataset
        The same variables and dims. Of codes the lower median over the circuits (or CapMem blocks), so that it is one of
        them; switches as most circuits have them.

    Raises
    ------
    ParameterError
        If a register is unknown or out of range.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> chip = b2.EmulatedChip(seed=7)
    >>> calibration = b2.calibrate(chip, b2.NeuronCalibTarget(threshold=125))
    >>> same = chip.achieved(b2.calibration.uniform_registers(calibration.registers))
    >>> f"{float(same.threshold.std()):.1f} LSB, calibrated {float(calibration.achieved.threshold.std()):.1f} LSB"
    '3.3 LSB, calibrated 0.1 LSB'
    """
    checked = check_registers(registers, names=())
    result = registers.copy()
    for name in checked.data_vars:
        array = checked[name]
        places = [axis for axis, dim in enumerate(array.dims) if dim in ("atomic_neuron", "capmem_block")]
        if str(name) in REGISTERS and places:
            values = np.quantile(array.values, 0.5, axis=places[0], keepdims=True, method="lower")
            result[name] = array.copy(data=np.array(np.broadcast_to(values, array.shape), dtype=array.dtype))
    return result
