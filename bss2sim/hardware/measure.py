"""Reads of quantities as the calibration of a real chip makes them: with the noise of writes and of reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bss2sim.hardware.chip_configuration import ChipConfiguration
from bss2sim.hardware.draws import normal
from bss2sim.hardware.quantities import NEEDED, Quantities
from bss2sim.hardware.registers import HIGHEST_CAPMEM_CODE, SIZES
from bss2sim.hardware.transfer import LAWS
from bss2sim.variables import TRIAL, VARIABLES

#: Stream of the noise of each quantity, apart from those of the laws.
STREAMS = {name: 1001 + index for index, name in enumerate(NEEDED)}

HIGHEST_READ = 255  # HA:cadc.h:306-315
EXACT = ("refractory_time", "holdoff_time")  # digital: nothing to read
_POTENTIALS = ("leak", "reset")
_FITS = ("tau_mem", "tau_syn", "synaptic_strength", "synapse_dac", "capacitance")


def _own_shape(quantity: str) -> tuple[int, ...]:
    """Shape of a quantity of one chip."""
    return tuple(SIZES[dim] for dim in VARIABLES[quantity].dims if dim != TRIAL)


def read(
    quantity: str,
    codes: Mapping[str, np.ndarray],
    parameters: Mapping[str, np.ndarray],
    configuration: ChipConfiguration,
    seeds: np.ndarray,
    runs: np.ndarray,
) -> np.ndarray:
    """Return one noisy read of a quantity.

    Parameters
    ----------
    quantity : str
        One of :data:`STREAMS`.
    codes, parameters : mappings of str to array
        As of :class:`~bss2sim.hardware.quantities.Quantities`.
    configuration : ChipConfiguration
        The noise.
    seeds, runs : arrays of int
        Of the leading dims; they broadcast.

    Returns
    -------
    array (..., own dims)
        The read [unit of the quantity].
    """
    if quantity in EXACT:
        return np.array(getattr(Quantities(codes, parameters), quantity))
    noise = normal(seeds, STREAMS[quantity], runs, (4, *_own_shape(quantity)))
    write, membrane, causal, acausal = np.moveaxis(noise, noise.ndim - 1 - len(_own_shape(quantity)), 0)
    c = configuration
    law = LAWS.get(quantity)
    if law is not None and law.upper == HIGHEST_CAPMEM_CODE:
        code = codes[law.code]
        # a cell at code 0 is off and has no noise
        codes = {**codes, law.code: np.where(code == 0, 0.0, np.maximum(code + c.capmem_write_noise * write, 0.0))}
    value = getattr(Quantities(codes, parameters), quantity)
    if quantity in _POTENTIALS:
        potential = np.clip(value + c.membrane_noise * membrane, c.membrane_lower, c.membrane_upper)
        reads = [np.rint(potential + c.cadc_noise * channel) for channel in (causal, acausal)]
        return sum(np.clip(one, 0, HIGHEST_READ) for one in reads) / 2
    if quantity == "threshold":
        highest = value + c.threshold_read_bias + c.threshold_read_noise * membrane
        return np.clip(np.rint(np.clip(highest, c.membrane_lower, c.membrane_upper)), 0, HIGHEST_READ)
    if quantity in _FITS:
        return value * np.exp(getattr(c, f"{quantity}_read_noise") * membrane)
    return value + c.reference_read_noise * membrane
