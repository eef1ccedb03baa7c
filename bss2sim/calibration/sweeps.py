"""Checks of measured sweeps: their codes, and whether they are of whole chips."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bss2sim.errors import InputError
from bss2sim.hardware.registers import REGISTERS, SIZES
from bss2sim.variables import SYNAPTIC_INPUTS


def codes_of(name: str, array: xr.DataArray, dim: str) -> np.ndarray:
    """Return the codes along a dim of a sweep."""
    register = REGISTERS[dim]
    if dim not in array.coords:
        raise InputError(f"{name} has no coordinate {dim}: the codes of the sweep")
    codes = array.coords[dim].values
    if register.switch:
        if codes.tolist() != [False, True]:
            raise InputError(f"{name} must have False, then True along {dim}; got {codes.tolist()}")
        return codes.astype(np.int64)
    if (
        codes.dtype.kind not in "iu"
        or np.any(np.diff(codes) <= 0)
        or codes[0] < register.lower
        or codes[-1] > register.upper
    ):
        raise InputError(
            f"the codes of {name} along {dim} must be integers that rise, {register.lower} to {register.upper}; got {codes}"
        )
    return codes.astype(np.int64)


def check_sizes(name: str, array: xr.DataArray, own: tuple[str, ...]) -> None:
    """Refuse other than whole chips."""
    for dim in own:
        if array.sizes[dim] != SIZES[dim]:
            raise InputError(f"{name} has {array.sizes[dim]} entries along {dim}; a chip has {SIZES[dim]}")
        labels = list(SYNAPTIC_INPUTS) if dim == "synaptic_input" else list(range(SIZES[dim]))
        if dim in array.coords and array.coords[dim].values.tolist() != labels:
            raise InputError(f"{name} has other labels along {dim} than {labels[0]} .. {labels[-1]}")
