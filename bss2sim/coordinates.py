"""Coordinates with their index: making an index takes longer than labelling all the rest, so it is made once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex

from .arrays import as_variable
from .kept import Kept

MOST_BYTES = 2**16  # of labels that are kept; of longer ones reading them would cost more than it saves
_kept = Kept(64)

Indexed = tuple[xr.Variable, PandasIndex]


def _make(dim: Hashable, label: np.ndarray, attrs: Mapping[str, Any]) -> Indexed:
    """Make a coordinate as xarray makes it by default."""
    label = np.array(label)
    label.setflags(write=False)  # an index may use this memory itself, and give it away as values of the coordinate
    variable = as_variable((dim,), label, attrs)
    index = PandasIndex.from_variables({dim: variable}, options={})
    return index.create_variables({dim: variable})[dim], index


def index_coordinate(dim: Hashable, label: np.ndarray, attrs: Mapping[str, Any]) -> Indexed:
    """Return the coordinate of a dim and its index; the same index whenever dim, labels and attrs are the same.

    The coordinate is a new one in every call, so changing its attributes changes no other result. Its labels cannot be
    written to, as those of any index.
    """
    if label.nbytes > MOST_BYTES:
        return _make(dim, label, attrs)
    key = (dim, label.dtype.str, label.tobytes(), *attrs.items())
    variable, index = _kept.get(key, lambda: _make(dim, label, attrs))
    return variable.copy(deep=False), index


def _direct_constructor() -> Callable[..., xr.Dataset] | None:
    """Return the constructor that xarray uses itself for variables it has checked; None if it is not as known."""
    construct = getattr(xr.Dataset, "_construct_direct", None)
    wanted = {"variables", "coord_names", "attrs", "indexes"}
    return construct if construct is not None and wanted <= set(inspect.signature(construct).parameters) else None


_construct = _direct_constructor()


def assemble(
    data: dict[Hashable, xr.Variable], labels: dict[Hashable, Indexed | xr.Variable], attrs: dict[str, Any]
) -> xr.Dataset:
    """Put variables and coordinates together, without making an index anew; a coordinate that is no pair has none."""
    variables = {name: label[0] if isinstance(label, tuple) else label for name, label in labels.items()}
    indexes = {dim: label[1] for dim, label in labels.items() if isinstance(label, tuple)}
    if _construct is not None:
        # Aligning and merging what is aligned takes as long as all the rest of a short run. It is not public, so
        # there is the other way too; a test compares them.
        return _construct({**data, **variables}, set(variables), attrs=attrs, indexes=indexes)
    return xr.Dataset(data, xr.Coordinates(variables, indexes=indexes), attrs)
