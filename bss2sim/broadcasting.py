"""Broadcast by name: which trials a run has, and which row of each argument a trial reads."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from .errors import InputError


@dataclass
class Trials:
    """The trial dims of a run, in order of appearance, with the labels of those that have any.

    A trial is one entry of their product, numbered in C order.
    """

    sizes: dict[Hashable, int] = field(default_factory=dict)
    labels: dict[Hashable, xr.Variable] = field(default_factory=dict)
    _origin: dict[Hashable, str] = field(default_factory=dict)

    def add(self, what: str, sizes: Mapping[Hashable, int], labels: Mapping[Hashable, Any]) -> None:
        """Take in the trial dims of an argument.

        Raises
        ------
        InputError
            If a dim is known with another length or other labels.
        """
        for dim, size in sizes.items():
            if dim in self.sizes and self.sizes[dim] != size:
                raise InputError(
                    f"dim {dim!r} has {self.sizes[dim]} entries in {self._origin[dim]} and {size} in {what}; "
                    "dims of one name must agree, rename one of them to sweep both"
                )
            self.sizes.setdefault(dim, size)
            self._origin.setdefault(dim, what)
            if dim in labels:
                variable = labels[dim]
                if dim in self.labels and not np.array_equal(self.labels[dim].values, variable.values):
                    raise InputError(
                        f"dim {dim!r} has other labels in {what} than before; align them or drop the labels"
                    )
                self.labels.setdefault(dim, variable)

    @property
    def dims(self) -> tuple[Hashable, ...]:
        """Names of the trial dims."""
        return tuple(self.sizes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Their lengths."""
        return tuple(self.sizes.values())

    @property
    def size(self) -> int:
        """Number of trials."""
        return math.prod(self.shape)

    def spread(self, dims: tuple[Hashable, ...], values: np.ndarray) -> np.ndarray:
        """Return, for each trial, the entry of an array over some of the trial dims."""
        if dims == self.dims:
            return np.array(values, order="C").reshape(-1)
        order = [dim for dim in self.sizes if dim in dims]
        values = np.transpose(values, [dims.index(dim) for dim in order])
        shape = [self.sizes[dim] if dim in dims else 1 for dim in self.sizes]
        # a copy, never a read-only view, which would be another type to the kernels
        return np.array(np.broadcast_to(values.reshape(shape), self.shape), order="C").reshape(-1)

    def rows(self, dims: tuple[Hashable, ...]) -> np.ndarray:
        """Return, for each trial, its row in an array whose leading dims are `dims`, flattened."""
        if not dims:
            return np.zeros(self.size, np.int64)
        sizes = [self.sizes[dim] for dim in dims]
        return self.spread(dims, np.arange(math.prod(sizes), dtype=np.int64).reshape(sizes))


def labels_of(array: xr.DataArray | xr.Dataset, dims: tuple[Hashable, ...]) -> dict[Hashable, xr.Variable]:
    """Return the coordinates that label some dims."""
    return {dim: array.coords[dim].variable for dim in dims if dim in array.coords}


def stack(
    arrays: Mapping[str, xr.DataArray], trials: Trials, size: int, dtypes: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], tuple[Hashable, ...]]:
    """Spread parameters over their common sweep dims. Returns arrays (row, neuron), and the dims of the rows."""
    dims = tuple(dim for dim in trials.sizes if any(dim in array.dims for array in arrays.values()))
    shape = (*(trials.sizes[dim] for dim in dims), size)
    full_dims = (*dims, "neuron")
    rows = {}
    for name, array in arrays.items():
        own, values = array.variable.dims, array.variable.values
        dtype = dtypes.get(name, np.float64)
        if not own:
            rows[name] = np.full((math.prod(shape) // size, size), values, dtype)
            continue
        order = [dim for dim in full_dims if dim in own]
        spread = np.transpose(values, [own.index(dim) for dim in order])
        spread = spread.reshape([trials.sizes.get(dim, size) if dim in own else 1 for dim in full_dims])
        # a copy: a read-only view would be another type to the kernels and compile them again
        spread = np.array(np.broadcast_to(spread, shape), dtype=dtype, order="C")
        rows[name] = spread.reshape(-1, size)
    return rows, dims
