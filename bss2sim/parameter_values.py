"""Turn the arguments of a population into labelled arrays, or refuse them with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .arrays import as_array, as_variable, is_chunked, shadow
from .errors import ParameterError
from .variables import RESERVED_DIMS

SECONDS = ("tau_mem", "tau_syn", "refractory_time", "holdoff_time")
POSITIVE = ("tau_mem", "tau_syn")


def where_bad(bad: np.ndarray, dims: tuple[Any, ...]) -> str:
    """Name the first bad entry: ``; neuron 3``; empty for one number."""
    if bad.ndim == 0:
        return ""
    first = np.unravel_index(int(np.argmax(bad)), bad.shape)
    return "; " + ", ".join(f"{dim} {index}" for dim, index in zip(dims, first, strict=True))


def refuse_bad(what: str, bad: np.ndarray, array: np.ndarray, dims: tuple[Any, ...], range_: str, unit: str) -> None:
    """Raise ParameterError if anything is marked as bad, naming the first: ``range_`` says what is good."""
    if bad.any():
        value = array[np.unravel_index(int(np.argmax(bad)), bad.shape)]
        where = where_bad(bad, dims)
        found = f"{where} has {value}{unit}" if where else f"; got {value}{unit}"
        raise ParameterError(f"{what} must be {range_}{found}")


def check_range(what: str, name: str, array: np.ndarray, dims: tuple[Any, ...]) -> None:
    """Refuse numbers that are not finite or out of range."""
    unit = " s" if name in SECONDS else ""
    if name in POSITIVE:
        bad, range_ = ~(np.isfinite(array) & (array > 0)), f"finite and above 0{unit}"
    elif name in SECONDS:
        bad, range_ = ~(np.isfinite(array) & (array >= 0)), f"finite and at least 0{unit}"
    else:
        bad, range_ = ~np.isfinite(array), "finite"
    refuse_bad(what, bad, array, dims, range_, unit)


def as_labelled(what: str, value: Any, size: int) -> tuple[np.ndarray, tuple[Any, ...], dict[Any, Any]]:
    """Return an argument as an array with names of its dims and labels of those of the caller's own.

    Parameters
    ----------
    what : str
        Its name in messages.
    value : number, array (neuron,) or DataArray
        What the caller gave.
    size : int
        Number of neurons.

    Returns
    -------
    array, dims, coords
        The array as it was given, of any dtype.

    Raises
    ------
    ParameterError
        If it is chunked, its shape does not fit the population, or a dim has a reserved name.
    """
    coords: dict[Any, Any] = {}
    if isinstance(value, xr.DataArray):
        if value.chunks is not None:
            raise ParameterError(f"{what} is chunked (dask); call .compute() on it first")
        for dim in value.dims:
            if dim in RESERVED_DIMS and dim != "neuron":
                raise ParameterError(
                    f"{what} has a dim {dim!r}; a parameter may have `neuron` and sweep dims of your own"
                )
        array, dims = value.values, value.dims
        coords = {dim: value.coords[dim].variable for dim in value.dims if dim in value.coords and dim != "neuron"}
        if "neuron" in value.coords and not np.array_equal(value.coords["neuron"].values, np.arange(size)):
            raise ParameterError(
                f"{what} has a neuron coordinate other than 0 .. {size - 1}; select or sort its neurons first"
            )
    else:
        array = as_array(what, value, "a number or an array (neuron,)", ParameterError)
        if array.ndim > 1:
            raise ParameterError(
                f"{what} has shape {array.shape}; give a number, an array of shape ({size},), or a DataArray with named dims"
            )
        dims = ("neuron",)[: array.ndim]
    sizes = dict(zip(dims, array.shape, strict=True))
    if array.dtype.kind in "biuf" and sizes.get("neuron", size) != size:
        pair = sizes["neuron"] == 2 and isinstance(value, list) and "tau_syn" in what
        remedy = (
            f". Time constants of excitatory and inhibitory inputs are a tuple: {what}=({value[0]}, {value[1]})"
            if pair
            else ""
        )
        raise ParameterError(
            f"{what} has {sizes['neuron']} entries along neuron; the population has {size} neurons{remedy}"
        )
    return array, dims, coords


def read_only(array: np.ndarray, dims: tuple[Any, ...], coords: dict[Any, Any], dtype: Any) -> xr.DataArray:
    """Return a labelled copy of an array that cannot be written to."""
    array = np.array(array, dtype=dtype)
    array.setflags(write=False)
    return xr.DataArray(as_variable(dims, array), coords)


def with_dims(what: str, value: Any) -> xr.DataArray:
    """Return a chunked argument as a DataArray; a bare one is of neurons."""
    if isinstance(value, xr.DataArray):
        return value
    if value.ndim > 1:
        raise ParameterError(f"{what} has shape {value.shape}; give dims names, e.g. xr.DataArray(array, dims=...)")
    return xr.DataArray(value, dims=("neuron",)[: value.ndim])


def labelled(name: str, value: Any, size: int, what: str | None = None) -> xr.DataArray:
    """Turn an argument into a read-only DataArray whose dims are named: `spike_mask` bool, all others float64.

    The numbers of a chunked one are not looked at: every part of it is checked when it is computed.

    Raises ParameterError if a shape or type does not fit, or a number is not finite or out of range.
    """
    what = what or name
    chunked = is_chunked(value)
    if chunked:
        value = with_dims(what, value)
    array, dims, coords = as_labelled(what, shadow(value) if chunked else value, size)
    if name == "spike_mask":
        if array.dtype.kind != "b":
            raise ParameterError(
                f"{what} must be True or False (for each neuron); got dtype {array.dtype}: pass np.asarray({name}, dtype=bool)"
            )
        return xr.DataArray(value.variable, coords) if chunked else read_only(array, dims, coords, bool)
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{what} must be real numbers; got {value!r}")
    if chunked:
        return xr.DataArray(xr.Variable(dims, value.variable.data.astype(np.float64)), coords)
    array = np.asarray(array, dtype=np.float64)
    check_range(what, name, array, dims)
    return read_only(array, dims, coords, np.float64)


def split_pair(name: str, value: Any) -> tuple[Any, ...] | None:
    """Return (excitatory, inhibitory) if the argument is such a pair: a tuple, or has a dim `synaptic_input`; else None."""
    if isinstance(value, xr.DataArray) and "synaptic_input" in value.dims:
        if value.sizes["synaptic_input"] != 2:
            raise ParameterError(f"{name} must have two entries along synaptic_input: excitatory, inhibitory")
        return tuple(value.isel(synaptic_input=k, drop=True) for k in range(2))
    if isinstance(value, tuple):
        if len(value) != 2:
            unit = " [s]" if name in SECONDS else ""
            raise ParameterError(
                f"{name} must be one value or a pair (excitatory, inhibitory){unit}; got {len(value)} values"
            )
        return value
    return None


def check_holdoff(values: dict[str, tuple[xr.DataArray, ...]], which: str) -> None:
    """Refuse a holdoff longer than the refractory time it is a part of."""
    holdoff, refractory = (values[name][0] for name in ("holdoff_time", "refractory_time"))
    if is_chunked(holdoff, refractory):
        return
    if holdoff.values.max(initial=-np.inf) <= refractory.values.min(initial=np.inf):
        return
    bad = (holdoff > refractory).transpose(..., "neuron", missing_dims="ignore")
    if bad.any():
        at = {dim: int(k) for dim, k in zip(bad.dims, np.argwhere(bad.values)[0], strict=True)}
        pick = [x.isel({d: k for d, k in at.items() if d in x.dims}).item() for x in (holdoff, refractory)]
        where = ", ".join(f"{dim} {index}" for dim, index in at.items())
        raise ParameterError(
            f"holdoff_time{which} must be at most refractory_time{which}, of which it is the last part; "
            f"{where + ' has' if where else 'got'} holdoff_time {pick[0]} s, refractory_time {pick[1]} s"
        )


def public(value: xr.DataArray) -> Any:
    """Scalars leave as Python numbers, everything else labelled."""
    # a copy that shares the read-only numbers: assigning to its values or labels does not change the population
    return value.item() if value.ndim == 0 else value.copy(deep=False)


def public_pair(values: tuple[xr.DataArray, ...]) -> Any:
    """One value, or a pair of them."""
    parts = tuple(public(value) for value in values)
    return parts if len(parts) == 2 else parts[0]


def same_value(one: Any, other: Any) -> bool:
    """Whether two checked arguments are the same: of arrays shape, labels and all numbers."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(same_value(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, xr.DataArray) or isinstance(other, xr.DataArray):
        return isinstance(one, xr.DataArray) and isinstance(other, xr.DataArray) and one.identical(other)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.array_equal(one, other)
    return bool(one == other)


def short(value: Any) -> str:
    """Text of an argument for messages and descriptions: of arrays the shape alone."""
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))})" if len(value) <= 2 else f"<{len(value)} neurons>"
    if isinstance(value, xr.DataArray):
        return "<" + ", ".join(f"{dim}: {length}" for dim, length in value.sizes.items()) + ">"
    if isinstance(value, np.ndarray):
        return f"<{', '.join(map(str, value.shape))}>"
    return f"<{len(value)} entries>" if isinstance(value, dict) else repr(value)
