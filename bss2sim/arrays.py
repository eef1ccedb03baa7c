"""Turn what a caller passed into an array of numbers, or refuse it with a reason."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from .errors import Bss2SimError, ParameterError


def as_array(what: str, value: Any, shape: str, error: type[Bss2SimError]) -> np.ndarray:
    """Return `value` as an array; `error` if it is none, or has masked entries, which would be lost."""
    if isinstance(value, np.ma.MaskedArray) and _masks(value).any():
        raise error(f"{what} has masked entries; fill them first, e.g. with .filled(value)")
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as reason:  # the last of a tensor that asks for a gradient
        raise error(f"{what} must be {shape}; got {type(value).__name__} ({reason})") from reason


def _masks(value: np.ma.MaskedArray[Any, Any]) -> np.ndarray:
    """Return which entries are masked, of every field of a structured array."""
    return np.ascontiguousarray(np.ma.getmaskarray(value)).view(np.bool_)


def is_dask(array: Any) -> bool:
    """Whether an array is one of dask, which has not been imported if it is not."""
    dask = sys.modules.get("dask.array")
    return dask is not None and isinstance(array, dask.Array)


def is_chunked(*values: Any) -> bool:
    """Whether any of some arguments is, or is made of, arrays of dask."""
    if "dask.array" not in sys.modules:
        return False
    return any(
        is_dask(value)
        or (isinstance(value, xr.DataArray) and value.chunks is not None)
        or getattr(value, "_chunked", False) is True  # not the property of a class
        for value in values
    )


def shadow(array: xr.DataArray) -> xr.DataArray:
    """Return an array of zeros with the shape, labels and dtype of a chunked one, which takes no memory."""
    return array.copy(data=np.broadcast_to(np.zeros((), array.dtype), array.shape))


def as_whole(what: str, value: Any) -> int:
    """Return a whole number of at least 1; ParameterError otherwise."""
    try:
        number = operator.index(value)
    except TypeError as reason:
        raise ParameterError(f"{what} must be a whole number of at least 1; got {value!r}") from reason
    if isinstance(value, bool | np.bool_) or number < 1:
        raise ParameterError(f"{what} must be a whole number of at least 1; got {value!r}")
    return number


def as_seconds(what: str, value: Any) -> float:
    """Return a number of seconds above 0; ParameterError otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as reason:
        raise ParameterError(f"{what} must be a number of seconds above 0; got {value!r}") from reason
    if isinstance(value, str | bytes):
        raise ParameterError(f"{what} must be a number of seconds above 0; got the text {value!r}")
    if isinstance(value, bool | np.bool_) or not (math.isfinite(number) and number > 0):
        raise ParameterError(f"{what} must be finite and above 0 s; got {value!r} s")
    return number


def as_variable(dims: tuple[Hashable, ...], array: np.ndarray, attrs: Mapping[str, Any] | None = None) -> xr.Variable:
    """Label the dims of an array that is a plain NumPy array of numbers already.

    xarray need not look what kind of array it is: for that it would import dask, if that is installed, which takes longer
    than the simulation.
    """
    return xr.Variable(dims, array, attrs, fastpath=True)
