"""A target brought to the dims of the chips it is for, and the failures that calibrating to it meets."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import ParameterError
from bss2sim.hardware.registers import N_ATOMIC_NEURON, REGISTERS, SIZES
from bss2sim.variables import SYNAPTIC_INPUTS

from .target import NeuronCalibTarget
from .target_fields import FIELDS

# Settings of the chip under calibration that are the same for all circuits; CX:hagen/neuron_helpers.py:262-287,468-516
FIXED: dict[str, int | bool] = {
    "reset_i_bias_code": 1012,
    "enable_reset_multiplication": True,
    "enable_threshold": True,
    "enable_amplifier": True,
    "enable_synaptic_input": True,
}


@dataclass(frozen=True)
class Wanted:
    """What is wanted of every circuit of every chip, as arrays.

    Attributes
    ----------
    dims, shape : tuples
        Leading dims: those of the chips, then those of the target's own.
    coords : dict
        Labels of the leading dims.
    values : dict of arrays
        Fields of the target by name, shape (*shape, own dims of the field).
    synin_mode : str
        As in the target.
    """

    dims: tuple[Hashable, ...]
    shape: tuple[int, ...]
    coords: dict[Hashable, Any]
    values: dict[str, np.ndarray]
    synin_mode: str

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    def default_codes(self) -> dict[str, np.ndarray]:
        """Registers after power-on with the settings of a calibration, for every chip."""
        codes = {}
        for name, register in REGISTERS.items():
            shape = self.shape + tuple(SIZES[dim] for dim in register.dims)
            value = FIXED.get(name, register.default)
            codes[name] = np.full(shape, value, bool if register.switch else np.int64)
        return codes


def bring_together(target: NeuronCalibTarget, chips: xr.DataArray) -> Wanted:
    """Broadcast a target to chips.

    Parameters
    ----------
    target : NeuronCalibTarget
        Its own dims may be those of the chips: one target a chip.
    chips : DataArray
        Any array of the dims of the chips.

    Returns
    -------
    Wanted

    Raises
    ------
    ParameterError
        If a dim has another size or other labels in target and chips.
    """
    sizes: dict[Hashable, int] = dict(chips.sizes)
    coords: dict[Hashable, Any] = {dim: chips.coords[dim].variable for dim in chips.dims if dim in chips.coords}
    for name, array in target.fields.items():
        for dim in array.dims:
            if dim in FIELDS[name].dims:
                continue
            size = array.sizes[dim]
            if chips.sizes.get(dim, size) != size:
                raise ParameterError(
                    f"{name} has {size} entries along {dim}; there are {chips.sizes[dim]} chips along it"
                )
            if dim in array.coords:
                label = array.coords[dim].variable
                if dim in coords and not coords[dim].equals(label):
                    raise ParameterError(f"{name} has other labels along {dim} than the chips")
                coords.setdefault(dim, label)
            sizes[dim] = size
    values = {}
    for name, array in target.fields.items():
        own = FIELDS[name].dims
        full: dict[Hashable, int] = {**sizes}
        full |= {dim: SIZES[dim] for dim in own}
        order = [dim for dim in full if dim in array.dims]
        plain = array.variable.transpose(*order).values
        index = tuple(slice(None) if dim in array.dims else np.newaxis for dim in full)
        values[name] = np.broadcast_to(plain[index], tuple(full.values()))
    return Wanted(tuple(sizes), tuple(sizes.values()), coords, values, target.synin_mode)


@dataclass
class Failures:
    """Circuits that failed, and why: one clause for each quantity.

    Attributes
    ----------
    shape : tuple of int
        Leading dims and circuits.
    """

    shape: tuple[int, ...]
    _found: list[tuple[np.ndarray, str]] = field(default_factory=list)

    def add(self, quantity: str, bad: np.ndarray, why: str) -> None:
        """Note the circuits that are marked; marks of both inputs of a circuit have one clause each."""
        if not bad.any():
            return
        if bad.ndim == len(self.shape) + 1:
            for k, name in enumerate(SYNAPTIC_INPUTS):
                self.add(f"{name} {quantity}", bad[..., k, :], why)
            return
        self._found.append((np.broadcast_to(bad, self.shape), f"{quantity}: {why}"))

    def reasons(self) -> np.ndarray:
        """Return the clauses of every circuit, joined by semicolons (..., atomic_neuron)."""
        failed = np.zeros(self.shape, bool)
        for bad, _ in self._found:
            failed |= bad
        texts = np.full(int(failed.sum()), "", dtype="U1")
        for bad, why in self._found:
            mine = bad[failed]
            longer = np.char.add(np.where(texts == "", "", np.char.add(texts, "; ")), why)
            texts = np.where(mine, longer, texts)
        longest = max(1, int(np.char.str_len(texts).max(initial=0)))
        reasons = np.zeros(self.shape, dtype=f"U{longest}")
        reasons[failed] = texts
        return reasons


def name_failed(success: np.ndarray) -> str:
    """Name the circuits that failed, of the first chip with any, and how many did on how many chips."""
    flat = success.reshape(-1, N_ATOMIC_NEURON)
    chips = np.flatnonzero(~flat.all(axis=1))
    circuits = np.flatnonzero(~flat[chips[0]])
    shown = ", ".join(map(str, circuits[:8])) + (f" and {len(circuits) - 8} more" if len(circuits) > 8 else "")
    place = "" if len(flat) == 1 else f" of {len(chips)} of {len(flat)} chips; of the first of these"
    return f"{int((~flat).sum())} of {flat.size} circuits{place}: atomic_neuron {shown}"
