"""Fields of a calibration target: their defaults and ranges, and how an argument becomes a labelled array."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.arrays import as_array, as_variable
from bss2sim.errors import ParameterError, first_few, warn
from bss2sim.hardware.registers import N_ATOMIC_NEURON
from bss2sim.variables import RESERVED_DIMS, SYNAPTIC_INPUTS, VARIABLES


@dataclass(frozen=True)
class Field:
    """One field of a target: variable in a Dataset, default, unit and ranges, in that unit.

    Source of defaults: CX:cc/neuron_calib_target.cpp:10-133; of feasible ranges: CX:spiking/neuron.py:181-254; of the
    hard ones of time constants: CX:constants.py:17-20, of codes: HA:capmem.h:117-138 and HA:v3/neuron.h:93-101.
    """

    name: str
    variable: str
    default: float
    unit: str
    feasible: tuple[float, float]
    hard: tuple[float, float]
    code: bool = False
    dims: tuple[str, ...] = ("atomic_neuron",)


_CADC = (0.0, 255.0)  # 8 bit; HA:cadc.h:306-315
_INPUT = ("synaptic_input", "atomic_neuron")

FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("leak", "leak", 80.0, "LSB", (50, 160), _CADC),
        Field("reset", "reset", 70.0, "LSB", (50, 160), _CADC),
        Field("threshold", "threshold", 125.0, "LSB", (50, 220), _CADC),
        Field("tau_mem", "tau_mem", 10e-6, "s", (0.5e-6, 60e-6), (0.1e-6, 2000e-6)),
        Field("tau_syn", "tau_syn", 10e-6, "s", (0.3e-6, 30e-6), (0.1e-6, 100e-6), dims=_INPUT),
        Field("i_synin_gm", "i_bias_gm_code", 500, "", (30, 800), (0, 1022), code=True, dims=_INPUT),
        Field("membrane_capacitance", "membrane_capacitance_code", 63, "", (0, 63), (0, 63), code=True),
        Field("refractory_time", "refractory_time", 2e-6, "s", (40e-9, 32e-6), (0, np.inf)),
        Field("holdoff_time", "holdoff_time", 0.0, "s", (0, 4e-6), (0, np.inf)),
        Field("synapse_dac_bias", "synapse_dac_bias_code", 600, "", (30, 1022), (0, 1022), code=True, dims=()),
    )
}

# Where calix lets i_synin_gm differ; CX:inc/neuron_calib_target.h:63-138
GM_DIMS: dict[str, tuple[str, ...]] = {"matching": (), "calibrated": ("synaptic_input",), "uncalibrated": _INPUT}
_LENGTHS = {"synaptic_input": len(SYNAPTIC_INPUTS), "atomic_neuron": N_ATOMIC_NEURON}
_LABELS = {"synaptic_input": np.array(SYNAPTIC_INPUTS), "atomic_neuron": np.arange(N_ATOMIC_NEURON)}


def name_circuits(circuits: np.ndarray) -> str:
    """Name circuits for a message: ``atomic_neuron 3, 4 and 10 more``."""
    return f"atomic_neuron {first_few(circuits)}"


def bad_circuits(bad: xr.DataArray) -> str:
    """Name the circuits that are marked: with a leading ``; ``, or empty if the array is of the whole chip."""
    if "atomic_neuron" not in bad.dims:
        return ""
    own = bad.any([dim for dim in bad.dims if dim != "atomic_neuron"])
    return f"; {name_circuits(np.flatnonzero(own.values))}"


def _from_array(field: Field, value: Any, dims: tuple[str, ...]) -> xr.DataArray:
    """Label a number or a plain array by its shape."""
    if isinstance(value, tuple) and len(value) == 2 and "synaptic_input" in dims:
        parts = [as_array(field.name, part, "a pair of numbers or arrays", ParameterError) for part in value]
        if len({part.shape for part in parts} - {()}) < 2:
            value = np.stack(np.broadcast_arrays(*parts))
    array = as_array(field.name, value, "a number, an array or a DataArray", ParameterError)
    wanted: dict[tuple[int, ...], tuple[str, ...]] = {(): ()}
    for keep in [(dim,) for dim in dims] + [dims]:
        wanted[tuple(_LENGTHS[dim] for dim in keep)] = keep
    if array.shape not in wanted:
        shapes = ", ".join(str(shape) for shape in wanted if shape)
        raise ParameterError(
            f"{field.name} has shape {array.shape}; give a number"
            + (f", an array of shape {shapes}" if shapes else "")
            + ", or a DataArray with dims of your own"
        )
    return xr.DataArray(array, dims=wanted[array.shape])


def _from_data_array(field: Field, value: xr.DataArray, dims: tuple[str, ...]) -> xr.DataArray:
    """Check the dims and labels of a DataArray; its own dims come first."""
    if value.chunks is not None:
        raise ParameterError(f"{field.name} is chunked (dask); call .compute() on it first")
    for dim in value.dims:
        if dim in dims:
            if value.sizes[dim] != _LENGTHS[str(dim)]:
                raise ParameterError(
                    f"{field.name} has {value.sizes[dim]} entries along {dim}; a chip has {_LENGTHS[str(dim)]}"
                )
            if dim in value.coords and not np.array_equal(value.coords[dim].values, _LABELS[str(dim)]):
                labels = _LABELS[str(dim)]
                raise ParameterError(f"{field.name} has other labels along {dim} than {labels[0]} .. {labels[-1]}")
        elif not isinstance(dim, str):
            raise ParameterError(f"{field.name} has a dim {dim!r}; names of dims must be text")
        elif dim in RESERVED_DIMS or dim in VARIABLES:
            hint = "; place neurons with from_populations()" if dim == "neuron" else ""
            raise ParameterError(f"{field.name} has a dim {dim!r}; it may have {dims} and dims of your own{hint}")
    coords = {d: value.coords[d].variable for d in value.dims if d in value.coords and d not in _LENGTHS}
    own: list[Hashable] = [dim for dim in value.dims if dim not in dims]
    variable = value.variable.transpose(*own, *(dim for dim in dims if dim in value.dims))
    return xr.DataArray(variable, coords)


def labelled(field: Field, value: Any, dims: tuple[str, ...]) -> xr.DataArray:
    """Return an argument as a read-only DataArray with dims (own dims, `dims` or fewer of them).

    Parameters
    ----------
    field : Field
        What the argument is.
    value : float, array or DataArray
        In the unit of the field.
    dims : tuple of str
        The dims of a chip along which it may differ.

    Raises
    ------
    ParameterError
        If shape, dims or type do not fit, or a value is beyond the hard range.
    """
    array = _from_data_array(field, value, dims) if isinstance(value, xr.DataArray) else _from_array(field, value, dims)
    values = array.values
    if not values.size:
        empty = next(dim for dim, size in array.sizes.items() if not size)
        raise ParameterError(f"{field.name} has no entry along {empty}; give at least one")
    if values.dtype.kind not in "iuf":
        raise ParameterError(f"{field.name} must be real numbers; got dtype {values.dtype}")
    unit = f" {field.unit}" if field.unit else ""
    lower, upper = field.hard
    numbers = np.array(values, np.float64)
    bad = ~(np.isfinite(numbers) & (numbers >= lower) & (numbers <= upper))
    text = f"{lower:g} to {upper:g}{unit}" if np.isfinite(upper) else f"finite and at least {lower:g}{unit}"
    if field.code:
        bad |= numbers != np.rint(numbers)
        text = f"a whole number, {text}"
    if bad.any():
        first = numbers[np.unravel_index(int(np.argmax(bad)), bad.shape)]
        where = bad_circuits(array.copy(data=bad))
        raise ParameterError(f"{field.name} must be {text}; got {first:g}{unit}{where}")
    kept = numbers.astype(np.int64) if field.code else numbers
    kept.setflags(write=False)
    return xr.DataArray(as_variable(array.dims, kept), {dim: array.coords[dim].variable for dim in array.coords})


def warn_infeasible(field: Field, array: xr.DataArray) -> None:
    """Warn of values that circuits cannot be expected to reach, and name the circuits."""
    lower, upper = field.feasible
    values = array.values
    bad = (values < lower) | (values > upper)
    if bad.any():
        unit = f" {field.unit}" if field.unit else ""
        first = values[np.unravel_index(int(np.argmax(bad)), bad.shape)]
        warn(
            f"{field.name} = {first:g}{unit} is out of the feasible range, {lower:g} to {upper:g}{unit}"
            f"{bad_circuits(array.copy(data=bad))}; circuits may fail to reach it"
        )
