"""Simulate into a Zarr store, block by block; go on where an earlier call was cut off."""

from __future__ import annotations

import inspect
import os
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import FileError, ParameterError, UnknownKeywordError, first_few, suggestion, warn
from ..lazy.block import Runner, make_runner
from ..lazy.call import Call, read_call
from ..lazy.graph import block_graph, require_dask
from ..lazy.grid import Index
from ..lazy.layout import Layout, lay_out
from ..neuron import Population
from ..options import get_options
from ..simulate import simulate
from .digests import chunked_digests, differences, fingerprint
from .names import check_names
from .progress import compute_all
from .regions import choose_regions
from .store import Store, create_store, open_store, require_zarr, trial_numbers

__all__ = ["open_sweep", "sweep"]

_ARGUMENTS = [name for name in inspect.signature(simulate).parameters if name not in ("state", "return_state", "out")]


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
        If the store was made with other arguments or versions (what differs is named), is no sweep, its labels are damaged, or it
        cannot be written.
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
    require_dask()
    require_zarr()
    for name in arguments:
        if name not in _ARGUMENTS:
            known = [*_ARGUMENTS, "store", "chunks", "progress"]
            raise UnknownKeywordError(f"sweep() has no argument {name!r}{suggestion(name, known)}")
    if not isinstance(progress, bool):
        raise ParameterError(f"progress must be True or False; got {progress!r}")
    path = _as_path(store)
    call = read_call({"neurons": neurons, "inputs": inputs, **arguments})
    layout = lay_out(call)
    target = _prepare(path, call, layout, chunks)
    missing, damaged = target.missing()
    if damaged:
        named = (f"{target.grid.name(index)} ({fault})" for index, fault in damaged.items())
        warn(f"{path}: {len(damaged)} of the finished blocks are damaged and computed again: {first_few(named, 4)}")
    for index in damaged:
        target.record(index).unlink(missing_ok=True)
    _compute(target, layout, missing, progress)
    return open_sweep(path)


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
    bss2sim.errors.FileError: nowhere.zarr holds no sweep: it has no sweep/zarr.json; give another store=
    """
    require_dask()
    require_zarr()
    target = open_store(_as_path(store))
    lacking = [index for index in target.grid if not target.record(index).exists()]
    if lacking:
        raise FileError(
            f"{target.path} is not finished: {len(lacking)} of {target.grid.size} blocks are missing, the first with "
            f"{target.grid.name(lacking[0])}; run the same sweep again to compute them"
        )
    target.check_metadata()
    target.check_files()
    return target.dataset()


def _as_path(store: Any) -> Path:
    """Return the directory of a store."""
    if not isinstance(store, str | os.PathLike):
        raise ParameterError(f"store must be the path of a directory; got {type(store).__name__}")
    text = os.fspath(store)
    if not isinstance(text, str) or "://" in text or not text or "\0" in text:
        raise ParameterError(f"store must be a directory on a disk that all workers share; got {text!r}")
    path = Path(text).expanduser()
    try:
        path.exists()
    except OSError as reason:
        raise FileError(f"{path} is no directory of a store: {reason}") from reason
    return path


def _prepare(path: Path, call: Call, layout: Layout, chunks: Any) -> Store:
    """Open the store if it is that of this very sweep, or make it."""
    check_names(layout)
    marks = fingerprint(call, layout)
    grid = choose_regions(layout, chunks)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return create_store(path, layout, grid, marks, chunked_digests(call, grid))
    target = open_store(path)
    target.check_metadata()
    _refuse_other(path, differences(target.fingerprint, marks))
    if chunks is not None and any(grid.chunks[dim] != target.grid.chunks[dim] for dim in chunks):
        before = {dim: of_dim[0] for dim, of_dim in target.grid.chunks.items()}
        raise FileError(f"{path} was made with chunks={before}; leave chunks out to go on, or give another store=")
    _refuse_other(path, differences(target.parts, chunked_digests(call, target.grid)))
    target.clean()
    return target


def _refuse_other(path: Path, what: str) -> None:
    """Refuse a store of another sweep."""
    if what:
        raise FileError(f"{path} was made by another sweep ({what}); give another store=, or remove this one")


def _compute(target: Store, layout: Layout, missing: list[Index], progress: bool) -> None:
    """Compute blocks and write them."""
    from dask.delayed import Delayed

    runner = make_runner(layout, bool(get_options()["cache"]))
    shared = replace(target, path=target.path.absolute())  # workers may have another current directory
    name, graph = block_graph(layout, target.grid, runner, _run, missing, shared, dict(layout.trials.sizes))
    tasks = [Delayed((name, *index), graph, layer=name) for index in missing]
    # threads of this process would share one GPU
    at_once = 1 if layout.call.fixed.get("device") in ("cuda", "auto") else None
    compute_all(tasks, progress=progress, done=target.grid.size - len(missing), at_once=at_once)


def _run(
    runner: Runner, index: Index, where: dict[Hashable, slice], name: str, pieces: list[Any], target: Store,
    sizes: dict[Hashable, int],
) -> None:  # fmt: skip
    """Run a block and write it: a task."""
    arrays: dict[str, np.ndarray] = runner.arrays(runner.run(where, name, pieces))
    target.write(index, arrays, np.asarray(trial_numbers(sizes, where)))
