"""Simulate into a Zarr store, block by block; go on where an earlier call was cut off."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

import xarray as xr

from ..errors import FileError
from ..lazy.graph import require_dask
from ..neuron import Population
from .fill import fill_store
from .read import read_dataset
from .store import as_path, open_store
from .zarr_arrays import require_zarr

__all__ = ["open_sweep", "sweep"]


def sweep(
    neurons: Population,
    inputs: Any,
    *,
    store: str | os.PathLike[str],
    chunks: Mapping[Hashable, int] | None = None,
    progress: bool = True,
    **arguments: Any,
) -> xr.Dataset:
    """Simulate into a Zarr store block by block, and resume what an earlier call has begun.

    A block is some of the trials. When the process is killed, the disk is full or a block fails, all finished blocks are kept: the
    same call computes what is missing. A finished block whose files were damaged since is named in a warning and computed again.

    Parameters
    ----------
    neurons : IAFNeuron, LIFNeuron or LINeuron
        What to simulate, see :func:`simulate`.
    inputs : array, DataArray or Dataset
        What drives it, see :func:`simulate`. These, parameters and weights may be chunked (dask).
    store : path
        Directory of the store, made if it does not exist.
    chunks : mapping of str to int, optional
        Trials of a block along dims, -1 for all. Default: as arguments are chunked, else such that a block has up to 32 MiB of
        results; of a store that exists as they are there. No bit depends on it.
    progress : bool
        Show a bar: tqdm's, with a client of dask.distributed that of dask.
    **arguments : optional
        Those of :func:`simulate` but `state`, `return_state` and `out`. `threads` are those of one block, 1 by default; as many
        blocks run at once as :class:`set_options` has threads, or the cluster has.

    Returns
    -------
    Dataset
        What :func:`simulate` would return, as dask arrays that read the store.

    Raises
    ------
    FileError
        If the store was made with other arguments or versions (what differs is named), is no sweep, its labels are damaged,
        another process is writing into it, or it cannot be written.
    ParameterError
        If `chunks` does not fit the trials, or Zarr cannot hold names or labels of dims; and as :func:`simulate`.
    InputError
        As :func:`simulate`.
    UnknownKeywordError
        If an argument does not exist.
    MissingDependencyError
        If dask or zarr is not installed.

    Warns
    -----
    UserWarning
        If finished blocks are damaged.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, xarray as xr
    >>> import bss2sim as b2
    >>> threshold = xr.DataArray([100.0, 110.0, 125.0], dims="threshold")
    >>> neurons = b2.IAFNeuron(2, threshold=threshold)
    >>> jumps = np.full((50, 2), 5.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = b2.sweep(neurons, jumps, store=f"{folder}/run.zarr", chunks={"threshold": 1}, progress=False)
    ...     run.row_size.values.tolist(), run.spike_time.chunks
    ([16, 12, 8], ((16, 12, 8),))
    """
    fill_store(store, {"neurons": neurons, "inputs": inputs, **arguments}, chunks=chunks, progress=progress)
    return open_sweep(store)


def open_sweep(store: str | os.PathLike[str]) -> xr.Dataset:
    """Open a sweep that is finished.

    Parameters
    ----------
    store : path
        Directory that :func:`sweep` has written.

    Returns
    -------
    Dataset
        The result, as dask arrays that read the store; sparse spikes in the order of the trials.

    Raises
    ------
    FileError
        If there is no sweep, blocks or files of theirs are missing, or its labels are damaged.
    MissingDependencyError
        If dask or zarr is not installed.

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.open_sweep("nowhere.zarr")
    Traceback (most recent call last):
    bss2sim.errors.FileError: nowhere.zarr holds no sweep: there is no such directory; give another store=
    """
    require_dask()
    require_zarr()
    target = open_store(as_path(store))
    lacking = [index for index in target.grid if not target.record(index).exists()]
    if lacking:
        raise FileError(
            f"{target.path} is not finished: {len(lacking)} of {target.grid.size} blocks are missing, the first with "
            f"{target.grid.name(lacking[0])}; run the same sweep again to compute them"
        )
    target.check_metadata()
    target.check_files()
    return read_dataset(target)
