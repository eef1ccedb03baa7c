"""The selections of the accessor ``bss2``: those of xarray, with the sparse spikes of what is selected."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import xarray as xr

from bss2sim.errors import InputError
from bss2sim.spike_selection import select


class Selections:
    """The part of the accessor that selects."""

    _dataset: xr.Dataset

    def sel(
        self,
        indexers: Mapping[Any, Any] | None = None,
        method: Any = None,
        tolerance: Any = None,
        drop: bool = False,
        **indexers_kwargs: Any,
    ) -> xr.Dataset:
        """Select trials, neurons and entries of a sweep by their labels, and their sparse spikes with them.

        As :meth:`xarray.Dataset.sel`, which leaves sparse spikes as they are. ``spike_neuron`` goes on to be the index in the
        population; where neurons were selected, the attribute ``selected_neuron`` says which ones, and counts, rates and
        pictures are of those.

        Parameters
        ----------
        indexers : mapping, optional
            By dim a label, a list or a slice of labels, as of :meth:`xarray.Dataset.sel`. A dim without labels is selected
            from by position.
        method : {None, "nearest", "pad", "backfill"}, optional
            How labels are found that are not there.
        tolerance : float, optional
            How far away they may be.
        drop : bool
            Drop the labels of single entries instead of keeping them as scalar coordinates.
        **indexers_kwargs
            The same as `indexers`, by keyword.

        Returns
        -------
        Dataset
            The selection, with the attributes of the run.

        Raises
        ------
        UnknownKeywordError
            If there is no such dim.
        InputError
            If there is no such label, spikes cannot follow the selection (``time``, of a run with sparse spikes; a neuron
            twice; other neurons for each trial), or they are of other trials than the run already.

        Examples
        --------
        >>> import bss2sim as b2
        >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 1, 1], [0, 1, 1], n_neuron=2, duration=5e-6)
        >>> alone = spikes.bss2.sel(batch=1, neuron=[1])
        >>> alone.spike_time.values, int(alone.row_size), alone.attrs["selected_neuron"]
        (array([2.e-06, 3.e-06]), 2, '[1]')
        """
        wanted = _merged("sel", indexers, indexers_kwargs)
        return select(
            "sel",
            self._dataset,
            wanted,
            lambda data, some: data.sel(some, method=method, tolerance=tolerance, drop=drop),
        )

    def isel(
        self,
        indexers: Mapping[Any, Any] | None = None,
        drop: bool = False,
        **indexers_kwargs: Any,
    ) -> xr.Dataset:
        """Select trials, neurons and entries of a sweep by their positions, and their sparse spikes with them.

        As :meth:`xarray.Dataset.isel`, which leaves sparse spikes as they are; see :meth:`sel`. A mask or a slice along ``spike``
        selects spikes, and ``row_size`` counts those that are left.

        Parameters
        ----------
        indexers : mapping, optional
            By dim a position, a list, a slice or a mask, as of :meth:`xarray.Dataset.isel`.
        drop : bool
            Drop the labels of single entries instead of keeping them as scalar coordinates.
        **indexers_kwargs
            The same as `indexers`, by keyword.

        Returns
        -------
        Dataset
            The selection, with the attributes of the run.

        Raises
        ------
        UnknownKeywordError
            If there is no such dim.
        InputError
            If there is no such position, spikes cannot follow the selection (``time``, of a run with sparse spikes; a neuron
            twice; other neurons for each trial), or they are of other trials than the run already.

        Examples
        --------
        >>> import bss2sim as b2
        >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 1, 1], [0, 1, 1], n_neuron=2, duration=5e-6)
        >>> spikes.bss2.isel(batch=[1, 0]).spike_batch.values
        array([0, 0, 1])
        >>> early = spikes.bss2.isel(spike=spikes.spike_time < 2.5e-6)
        >>> early.row_size.values
        array([1, 1])
        """
        wanted = _merged("isel", indexers, indexers_kwargs)
        return select("isel", self._dataset, wanted, lambda data, some: data.isel(some, drop=drop))


def _merged(function: str, indexers: Any, keywords: dict[str, Any]) -> dict[Hashable, Any]:
    """Return what was given by position or by keyword."""
    if indexers is None:
        return dict(keywords.items())
    if not isinstance(indexers, Mapping):
        raise InputError(
            f"{function}: indexers must be a mapping, {{dim: label}}, or keywords, {function}(batch=3); got {indexers!r}"
        )
    if keywords:
        raise InputError(f"{function}: give a mapping or keywords, not both; got {dict(indexers)!r} and {keywords!r}")
    return dict(indexers)
