"""A finished sweep as a Dataset of dask arrays that read the store."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

from ..lazy.grid import Index
from .store import Store
from .zarr_arrays import without_notes_of_formats


def read_dataset(store: Store) -> xr.Dataset:
    """Open a sweep; variables are dask arrays with a chunk for each block."""
    with without_notes_of_formats():
        found = xr.open_zarr(store.path, chunks={}, consolidated=True)
    found.attrs = {k: np.array(v) if isinstance(v, list) else v for k, v in found.attrs.items()}
    labels = {name: label.load() for name, label in found.coords.items()}
    # texts that were objects come back as numpy's texts of any length
    labels = {name: label.astype(object) if label.dtype.kind == "T" else label for name, label in labels.items()}
    found = found.assign_coords(labels)
    if store.sparse:
        found = found.assign(_join_spikes(store, found["row_size"].values))
    return found[store.order]


def _join_spikes(store: Store, row_size: np.ndarray) -> dict[str, xr.Variable]:
    """Return the sparse spikes in the order of the trials, whatever the blocks: dask arrays of the runs of trials in each."""
    import dask.array as da
    import zarr

    counts = row_size.reshape(-1)
    runs = []  # first trial, block, and where its spikes are there
    for index in store.grid:
        own = store.grid.trials(index).reshape(-1)
        end = np.cumsum(counts[own])
        cuts = [0, *(np.flatnonzero(np.diff(own) != 1) + 1).tolist(), own.size]
        for first, last in itertools.pairwise(cuts):
            low, high = int(end[first] - counts[own[first]]), int(end[last - 1])
            if high > low:
                runs.append((int(own[first]), index, slice(low, high)))
    runs.sort(key=lambda run: run[0])
    found = {}
    for name, label in store.sparse.items():
        parts: dict[Index, Any] = {}
        for _, index, _ in runs:
            if index not in parts:
                array = zarr.open_array(str(store.spikes(index) / name), mode="r")
                parts[index] = da.from_array(array, chunks=array.shape, name=f"{name}-{store.path}-{index}")
        pieces = [parts[index][where] for _, index, where in runs] or [da.empty(0, dtype=label["dtype"])]
        found[name] = xr.Variable(("spike",), da.concatenate(pieces), label["attrs"])
    return found
