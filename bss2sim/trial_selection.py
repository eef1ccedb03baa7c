"""Which trials and neurons of a result are meant: keywords by dim, labels of neurons."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, UnknownKeywordError, first_few, suggestion

_CLOSE = 1e-9  # labels that are floats agree to so much, relative: 0.1 + 0.2 finds 0.3


def positions(
    function: str, array: xr.DataArray, dims: Iterable[Hashable], chosen: Mapping[str, Any], known: Sequence[str]
) -> dict[Hashable, int]:
    """Return where along its dim each chosen label is.

    Parameters
    ----------
    function : str
        Who asks, for messages.
    array : DataArray
        What has the dims and their labels.
    dims : iterable of hashable
        Dims that may be chosen along.
    chosen : mapping of str to label
        By dim the label, or the index of an entry where there are no labels.
    known : sequence of str
        Other keywords of the function, to suggest them.

    Raises
    ------
    UnknownKeywordError
        If there is no such dim.
    InputError
        If there is no such label, or more than one.
    """
    dims = list(dims)
    for name in chosen:
        if name not in dims:
            raise UnknownKeywordError(
                f"{function}() has no argument {name!r}, nor has its data a dim of that name"
                f"{suggestion(name, [*map(str, dims), *known])}"
            )
    return {dim: _position(function, array, dim, chosen[str(dim)]) for dim in dims if dim in chosen}


def _position(function: str, array: xr.DataArray, dim: Hashable, wanted: Any) -> int:
    """Return where a label is."""
    size = array.sizes[dim]
    if dim not in array.coords:
        if isinstance(wanted, bool) or not hasattr(wanted, "__index__") or not -size <= wanted < size:
            raise InputError(
                f"{function}: {dim} must be an index in 0 ... {size - 1}, it has no labels; got {wanted!r}"
            )
        return int(wanted) % size
    coordinate = array.coords[dim]
    label = coordinate.values
    if np.ndim(wanted) != 0:
        raise InputError(f"{function}: {dim} must be one label; got {wanted!r}")
    found = np.flatnonzero(label == (_as_time(wanted) if label.dtype.kind in "mM" else wanted))
    if found.size == 0 and label.dtype.kind == "f" and isinstance(wanted, int | float | np.number):
        found = np.flatnonzero(np.isclose(label, float(wanted), rtol=_CLOSE, atol=0))
    if found.size != 1:
        unit = f" {coordinate.attrs['units']}" if coordinate.attrs.get("units") else ""
        what = f"there are {found.size} of" if found.size else "there is no"
        raise InputError(f"{function}: {what} {dim} {wanted}{unit}; labels: {first_few(label)}")
    return int(found[0])


def _as_time(wanted: Any) -> Any:
    """Return a text or an object of `datetime` as NumPy has times; other labels as they are."""
    if isinstance(wanted, datetime.timedelta):
        return np.timedelta64(wanted)
    if not isinstance(wanted, str | datetime.date):
        return wanted
    try:
        return np.datetime64(wanted)
    except ValueError:
        return wanted


def first_unless_chosen(
    array: xr.DataArray, dims: Iterable[Hashable], chosen: Mapping[Hashable, int]
) -> tuple[dict[Hashable, int], str]:
    """Return one position along each dim, the first where none was chosen, and words that say which they are."""
    place = {dim: chosen.get(dim, 0) for dim in dims}
    return place, describe(array, place)


def describe(array: xr.DataArray, place: Mapping[Hashable, int]) -> str:
    """Name the entries at positions along dims that have several: ``batch 3, threshold 100 LSB``."""
    words = []
    for dim, index in place.items():
        if array.sizes[dim] > 1:
            label = array.coords[dim].values[index] if dim in array.coords else index
            text = f"{label:.6g}" if isinstance(label, float | np.floating) else str(label)
            unit = array.coords[dim].attrs.get("units", "") if dim in array.coords else ""
            words.append(f"{dim} {text}{' ' + unit if unit else ''}")
    return ", ".join(words)


def describe_some(array: xr.DataArray, dims: Iterable[Hashable], place: Mapping[Hashable, int]) -> str:
    """Name the entries at positions, and the dims of a sweep of which all entries are taken together."""
    pooled = [dim for dim in dims if dim not in place and dim != "batch" and array.sizes[dim] > 1]
    words = [describe(array, place), *(f"all {array.sizes[dim]} of {dim}" for dim in pooled)]
    return ", ".join(word for word in words if word)


def refuse_nothing(function: str, array: xr.DataArray) -> None:
    """Refuse an array without entries, of which there is nothing to draw."""
    if array.size == 0:
        raise InputError(f"{function}: there is nothing to draw: {dict(array.sizes)}")


def with_neuron_dim(array: xr.DataArray) -> xr.DataArray:
    """Return an array of one neuron, of which a selection left the label alone, with its dim."""
    single = "neuron" not in array.dims and "neuron" in array.coords
    return array.expand_dims("neuron", -1) if single else array


def neuron_labels(function: str, neuron: Any, there: np.ndarray) -> np.ndarray:
    """Return the labels of neurons that were asked for, all that are there if none; InputError if one is not."""
    if neuron is None:
        return there
    wanted = listed_neurons(function, neuron)
    for index in wanted.tolist():
        if index not in there:
            raise InputError(f"{function}: there is no neuron {index!r}; neurons: {first_few(there)}")
    return wanted


def listed_neurons(function: str, neuron: Any) -> np.ndarray:
    """Return what was asked for as an array (neuron,); InputError if it cannot be labels of neurons."""
    wanted = np.atleast_1d(neuron)
    if wanted.size == 0:
        raise InputError(f"{function}: neuron is empty; name at least one, or leave it out for all")
    if wanted.ndim > 1 or wanted.dtype.kind == "b":
        raise InputError(f"{function}: neuron must be one label of a neuron or a list of them; got {neuron!r}")
    return wanted
