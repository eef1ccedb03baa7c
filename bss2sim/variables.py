"""Every variable a Dataset of this package may hold, registered once, and the one door it leaves through."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .arrays import as_variable
from .coordinates import assemble, index_coordinate

TRIAL = "..."  # stands for `batch` and every sweep dim
RESERVED_DIMS = ("time", "sample_time", "neuron", "input", "spike", "synaptic_input")
SYNAPTIC_INPUTS = ("excitatory", "inhibitory")


@dataclass(frozen=True)
class Variable:
    """What a labelled variable is.

    Attributes
    ----------
    name : str
        Name in the Dataset.
    dims : tuple of str
        Dimensions in memory order; ``...`` stands for the trial dims, a dim in brackets may be absent.
    dtype : str
        Kind of numbers: a NumPy dtype, or ``float`` for the dtype of the simulation.
    units : str
        SI unit, or empty for numbers and for potentials (the unit of threshold and reset).
    long_name : str
        One line for plots and readers.
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    units: str
    long_name: str


def _register(*variables: Variable) -> dict[str, Variable]:
    """Key variables by name."""
    return {variable.name: variable for variable in variables}


VARIABLES: dict[str, Variable] = _register(
    Variable("time", ("time",), "float64", "s", "time on the grid"),
    Variable("sample_time", ("sample_time",), "float64", "s", "time of a sample"),
    Variable("neuron", ("neuron",), "int64", "", "index in the population"),
    Variable("synaptic_input", ("synaptic_input",), "str", "", "synaptic input of the neuron"),
    Variable("spike_time", ("spike",), "float64", "s", "time of the spike"),
    Variable("spike_neuron", ("spike",), "int32", "", "neuron that fired"),
    Variable("spike_batch", ("spike",), "int64", "", "trial of the spike: row of row_size, flattened in C order"),
    Variable("row_size", (TRIAL,), "int64", "", "number of spikes of the trial"),
    Variable("spikes", (TRIAL, "time", "neuron"), "uint8", "", "number of spikes in the bin"),
    Variable("spike_count", (TRIAL, "neuron"), "int64", "", "number of spikes"),
    Variable("first_spike", (TRIAL, "neuron"), "float64", "s", "time of the first spike"),
    Variable("membrane", (TRIAL, "time|sample_time", "neuron"), "float", "", "membrane potential"),
    Variable("current", (TRIAL, "time|sample_time", "[synaptic_input]", "neuron"), "float", "", "synaptic current"),
    Variable("state_membrane", (TRIAL, "neuron"), "float", "", "membrane potential at state_time"),
    Variable("state_asymptote", (TRIAL, "neuron"), "float", "", "potential that the current leads to without input"),
    Variable("state_current", (TRIAL, "[synaptic_input]", "neuron"), "float", "", "synaptic current at state_time"),
    Variable("state_time", (TRIAL,), "float64", "s", "time of the state"),
    Variable("state_phase", (TRIAL, "neuron"), "int8", "", "0 free, 1 clamped, 2 holdoff"),
    Variable("state_transition_time", (TRIAL, "neuron"), "float64", "s", "end of the phase"),
    Variable("state_refractory_step", (TRIAL, "neuron"), "int32", "", "refractory steps left"),
    Variable("pixel", ("sample", "pixel"), "float64", "", "brightness of a pixel, 0 to 1"),
    Variable("label", ("sample|batch",), "int64", "", "class of the sample"),
)


def _matches(variable: Variable, dims: tuple[Hashable, ...]) -> bool:
    """Whether the dims of an array are those of the registry."""
    rest = list(dims)
    for pattern in reversed(variable.dims):
        if pattern == TRIAL:
            return not any(dim in RESERVED_DIMS for dim in rest)
        optional = pattern.startswith("[")
        if rest and rest[-1] in pattern.strip("[]").split("|"):
            rest.pop()
        elif not optional:
            return False
    return not rest


@functools.lru_cache(maxsize=256)
def check_variable(name: str, dims: tuple[Hashable, ...], dtype: np.dtype) -> Variable:
    """Return the registered variable, or raise TypeError if name, dims or dtype are not as registered."""
    variable = VARIABLES.get(name)
    if variable is None:
        raise TypeError(f"variable {name!r} is not registered in bss2sim.variables")
    if not _matches(variable, dims):
        raise TypeError(f"{name} has dims {dims}; registered are {variable.dims}")
    if variable.dtype == "str":
        good = dtype.kind in "US"
    elif variable.dtype == "float":
        good = dtype.kind == "f"
    else:
        good = dtype == np.dtype(variable.dtype)
    if not good:
        raise TypeError(f"{name} has dtype {dtype}; registered is {variable.dtype}")
    return variable


def _attrs_of(registered: Variable) -> dict[str, Any]:
    """Attributes that label a registered variable."""
    attrs: dict[str, Any] = {"long_name": registered.long_name}
    if registered.units:
        attrs["units"] = registered.units
    if registered.name == "row_size":
        attrs["sample_dimension"] = "spike"  # CF contiguous ragged array
    return attrs


LABEL_ATTRS = {name: _attrs_of(registered) for name, registered in VARIABLES.items()}


def create_dataset(
    variables: Mapping[str, tuple[tuple[Hashable, ...], np.ndarray]],
    coords: Mapping[Hashable, Any],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Make a Dataset of registered variables; every result of the package is made here.

    Parameters
    ----------
    variables : mapping of str to (dims, array)
        Data variables, memory order.
    coords : mapping
        Coordinates; registered ones get their attrs, those of sweep dims are passed on.
    attrs : mapping
        Provenance: strings, numbers and arrays only, so that netCDF and zarr can hold them.

    Raises
    ------
    TypeError
        If a variable or an attribute is not as registered: a defect of the package, not of the caller.
    """
    for key, value in attrs.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float | numbers.Number | np.ndarray):
            raise TypeError(f"attribute {key!r} is a {type(value).__name__}; files hold str, numbers and arrays")
    data: dict[Hashable, xr.Variable] = {}
    for name, (dims, array) in variables.items():
        check_variable(name, dims, array.dtype)
        data[name] = as_variable(dims, array, LABEL_ATTRS[name])
    labels: dict[Hashable, Any] = {}
    for dim, label in coords.items():
        ours = dim in VARIABLES and not isinstance(label, xr.Variable)
        labels[dim] = index_coordinate(dim, np.asarray(label), LABEL_ATTRS[str(dim)]) if ours else label
    if all(isinstance(label, tuple) for label in labels.values()):
        return assemble(data, labels, dict(attrs))
    # labels of sweep dims are the caller's, of any kind
    given = {dim: label[0] if isinstance(label, tuple) else label for dim, label in labels.items()}
    return xr.Dataset(data, given, dict(attrs))
