"""Fields of a calibration target as a Dataset of every circuit, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, ParameterError, suggestion
from bss2sim.hardware.coordinates import atomic_neuron_coords
from bss2sim.hardware.registers import N_CAPMEM_BLOCK, SIZES
from bss2sim.variables import SYNAPTIC_INPUTS, create_dataset

from .target_fields import FIELDS, Field


def to_dataset(fields: Mapping[str, xr.DataArray], synin_mode: str) -> xr.Dataset:
    """Return fields spread over all circuits; see :meth:`bss2sim.calibration.target.NeuronCalibTarget.to_dataset`."""
    variables: dict[str, tuple[tuple[Hashable, ...], np.ndarray]] = {}
    coords: dict[Hashable, Any] = {}
    for name, array in fields.items():
        field = FIELDS[name]
        dims = field.dims or ("capmem_block",)
        own = [dim for dim in array.dims if dim not in field.dims]
        sizes: dict[Hashable, int] = {dim: array.sizes[dim] for dim in own}
        sizes |= {dim: SIZES[dim] for dim in dims}
        full = array.variable.set_dims(sizes).transpose(*own, *dims)
        variables[field.variable] = ((*own, *dims), np.array(full.values))
        coords |= {dim: array.coords[dim].variable for dim in array.coords}
    coords |= {str(dim): label for dim, label in atomic_neuron_coords().items()}
    coords |= {"synaptic_input": np.array(SYNAPTIC_INPUTS), "capmem_block": np.arange(N_CAPMEM_BLOCK)}
    return create_dataset(variables, coords, {"synin_mode": synin_mode})


def from_dataset(dataset: xr.Dataset) -> dict[str, Any]:
    """Return the arguments of the target that a Dataset describes.

    Raises
    ------
    InputError
        If it is no Dataset, or a variable or ``synin_mode`` is missing or unknown.
    ParameterError
        If quadrants have different ``synapse_dac_bias_code``.
    """
    if not isinstance(dataset, xr.Dataset):
        raise InputError(f"a target is read from a Dataset; got {type(dataset).__name__}")
    known = [field.variable for field in FIELDS.values()]
    missing = [name for name in known if name not in dataset.data_vars]
    if missing or "synin_mode" not in dataset.attrs:
        what = missing or ["attribute synin_mode"]
        raise InputError(f"the Dataset is no target: it lacks {', '.join(what)}; see NeuronCalibTarget.to_dataset()")
    for name in dataset.data_vars:
        if name not in known:
            raise InputError(f"a target has no variable {name!r}{suggestion(str(name), known)}")
    for name in known:
        for dim in dataset[name].dims:
            if dim in SIZES and dataset.sizes[dim] != SIZES[dim]:
                raise ParameterError(f"{name} has {dataset.sizes[dim]} entries along {dim}; a chip has {SIZES[dim]}")
    given: dict[str, Any] = {name: _compact(field, dataset[field.variable]) for name, field in FIELDS.items()}
    return {**given, "synin_mode": dataset.attrs["synin_mode"]}


def _compact(field: Field, array: xr.DataArray) -> xr.DataArray:
    """Drop the dims of the chip along which all values are the same."""
    for dim in ("capmem_block", "atomic_neuron", "synaptic_input"):
        if dim in array.dims and array.sizes[dim]:
            first = array.isel({dim: 0}, drop=True)
            if bool((array == first).all()):
                array = first
    if "capmem_block" in array.dims:
        raise ParameterError(f"{field.name} is one number a chip; {field.variable} differs between capmem_block")
    return array
