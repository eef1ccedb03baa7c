"""Registers as they would be without a calibration: the same code for every circuit."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from bss2sim.errors import Bss2SimError, InputError, refuse_unknown_keywords
from bss2sim.hardware.chip import EmulatedChip
from bss2sim.hardware.chip_configuration import ChipConfiguration
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


def achieved_uncalibrated(calibration: xr.Dataset) -> xr.Dataset:
    """Return what the emulated chip of a calibration achieves with the same codes for all circuits.

    Parameters
    ----------
    calibration : Dataset
        A whole calibration, as ``Calibration.to_dataset`` returns it; its attributes say which chip it was made for.

    Returns
    -------
    Dataset
        Quantities by name, see ``EmulatedChip.achieved``.

    Raises
    ------
    InputError
        If the attributes name no emulated chip, or one of whom the calibrated quantities are not.
    """
    remedy = "give before=chip.achieved(b2.calibration.uniform_registers(calibration.registers))"
    try:
        chip = _chip_of(calibration)
        registers = calibration[[name for name in calibration.data_vars if name in REGISTERS]].drop_attrs(deep=False)
        again = chip.achieved(registers, quantities="threshold").threshold
        before = chip.achieved(uniform_registers(registers))
    except (KeyError, TypeError, ValueError, Bss2SimError) as error:
        raise InputError(
            f"the chip of this calibration is not known from its attributes ({type(error).__name__}: {error}); {remedy}"
        ) from error
    if not np.array_equal(again.transpose(*calibration.threshold.dims).values, calibration.threshold.values):
        raise InputError(f"the chip that the attributes of this calibration name gives other thresholds; {remedy}")
    return before


def _chip_of(calibration: xr.Dataset) -> EmulatedChip:
    """Make the chip that the attributes of a calibration name."""
    seeds = np.array([int(seed) for seed in str(calibration.attrs["chip_seed"]).split()])
    configuration = ChipConfiguration(**json.loads(calibration.attrs["chip_configuration"]))
    variation = json.loads(calibration.attrs["chip_variation"])
    if seeds.size == 1:
        return EmulatedChip(int(seeds[0]), variation=variation, configuration=configuration)
    # dims of the chips come first, then those of the target
    dims, left = [], seeds.size
    for dim in calibration.success.dims[:-1]:
        if left == 1:
            break
        dims.append(dim)
        left //= calibration.sizes[dim]
    coords = {dim: calibration.coords[dim] for dim in dims if dim in calibration.coords}
    array = xr.DataArray(seeds.reshape([calibration.sizes[dim] for dim in dims]), coords, dims)
    return EmulatedChip(array, variation=variation, configuration=configuration)
