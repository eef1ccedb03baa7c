"""Align labelled arrays by the names of their leading dims, those of chips and sweeps."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from bss2sim.errors import ParameterError
from bss2sim.hardware.coordinates import atomic_neuron_coords
from bss2sim.hardware.registers import SIZES
from bss2sim.variables import SYNAPTIC_INPUTS, TRIAL, VARIABLES, create_dataset


@dataclass
class Alignment:
    """Leading dims in order of appearance, with the labels of those that have any."""

    sizes: dict[Hashable, int] = field(default_factory=dict)
    labels: dict[Hashable, xr.Variable] = field(default_factory=dict)

    def add(self, what: str, array: xr.DataArray) -> None:
        """Take in the leading dims of an array; ParameterError if one is known with another length or other labels."""
        for dim in array.dims:
            if dim in SIZES:
                continue
            if self.sizes.setdefault(dim, array.sizes[dim]) != array.sizes[dim]:
                raise ParameterError(
                    f"dim {dim!r} of {what} has {array.sizes[dim]} entries, and {self.sizes[dim]} before; dims of one name "
                    "must agree, rename one of them to have every pair"
                )
            if dim in array.coords:
                label = array.coords[dim].variable
                if not self.labels.setdefault(dim, label).equals(label):  # NaN is equal to itself here
                    raise ParameterError(
                        f"dim {dim!r} of {what} has other labels than before; align them or drop the labels"
                    )

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the leading dims."""
        return tuple(self.sizes.values())

    def values(self, array: xr.DataArray) -> np.ndarray:
        """Return the numbers of an array so that they broadcast with those of all others."""
        lead = [dim for dim in array.dims if dim not in SIZES]
        if not lead:
            return array.values
        order = [dim for dim in self.sizes if dim in lead]
        own = [dim for dim in array.dims if dim in SIZES]
        values = array.values.transpose([array.dims.index(dim) for dim in order + own])
        shape = [self.sizes[dim] if dim in lead else 1 for dim in self.sizes]
        return values.reshape(shape + list(values.shape[len(lead) :]))

    def dataset(self, values: Mapping[str, np.ndarray], attrs: Mapping[str, object]) -> xr.Dataset:
        """Make a Dataset of registered variables whose numbers broadcast with the leading dims."""
        data = {}
        for name, value in values.items():
            own = tuple(dim for dim in VARIABLES[name].dims if dim != TRIAL)
            dims: tuple[Hashable, ...] = own
            shape = tuple(SIZES[dim] for dim in own)
            if TRIAL in VARIABLES[name].dims:
                dims, shape = (*self.sizes, *own), (*self.shape, *shape)
            data[name] = (dims, value if value.shape == shape else np.array(np.broadcast_to(value, shape)))
        return create_dataset(data, self.coords({dim for dims, _ in data.values() for dim in dims}), attrs)

    def coords(self, dims: Iterable[Hashable]) -> dict[Hashable, object]:
        """Return the labels of some dims."""
        dims = set(dims)
        coords: dict[Hashable, object] = {dim: label for dim, label in self.labels.items() if dim in dims}
        if "synaptic_input" in dims:
            coords["synaptic_input"] = list(SYNAPTIC_INPUTS)
        if "capmem_block" in dims:
            coords["capmem_block"] = np.arange(SIZES["capmem_block"])
        if "atomic_neuron" in dims:
            coords.update(atomic_neuron_coords())
        return coords
