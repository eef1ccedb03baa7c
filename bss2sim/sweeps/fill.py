"""Fill a store: make it or go on with it, and compute the blocks that it lacks."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..device import lacks_cuda
from ..errors import FileError, ParameterError, UnknownKeywordError, first_few, suggestion, warn
from ..lazy.block import Runner, make_runner
from ..lazy.call import read_call
from ..lazy.graph import block_graph, require_dask
from ..lazy.grid import Grid, Index
from ..lazy.layout import Layout, lay_out
from ..options import get_options
from ..simulate import simulate
from .claim import Claim
from .create import create_store, remove_unfinished
from .digests import chunked_digests, differences, fingerprint
from .names import check_names
from .progress import compute_all
from .regions import choose_regions
from .store import Store, as_path, open_store
from .zarr_arrays import require_zarr

_ARGUMENTS = [name for name in inspect.signature(simulate).parameters if name not in ("state", "return_state", "out")]


def fill_store(store: Any, arguments: Mapping[str, Any], *, chunks: Any, progress: bool) -> int:
    """Compute what a sweep lacks; see :func:`bss2sim.sweep`.

    Parameters
    ----------
    store : path
        Directory of the store.
    arguments : mapping
        Those of ``simulate``.
    chunks, progress
        As of ``sweep``.

    Returns
    -------
    int
        Number of blocks that were computed: none if the sweep was finished before.
    """
    require_dask()
    require_zarr()
    for name in arguments:
        if name not in _ARGUMENTS:
            known = [*_ARGUMENTS, "store", "chunks", "progress"]
            raise UnknownKeywordError(f"sweep() has no argument {name!r}{suggestion(name, known)}")
    if not isinstance(progress, bool):
        raise ParameterError(f"progress must be True or False; got {progress!r}")
    path = as_path(store)
    call = read_call(arguments)
    layout = lay_out(call)
    check_names(layout)
    marks, grid = fingerprint(call, layout), choose_regions(layout, chunks)
    parts = None
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        parts = chunked_digests(call, grid)
        create_store(path, layout, grid, marks, parts)
    target = open_store(path)
    target.check_metadata()
    _refuse_other(path, differences(target.fingerprint, marks))
    if chunks is not None:
        _check_chunks(target, grid, chunks)
    with Claim(path) as claim:
        if not target.is_complete():  # of a finished one nothing is written
            claim.take()
        if parts is None or target.grid != grid:
            parts = chunked_digests(call, target.grid)
        _refuse_other(path, differences(target.parts, parts))
        missing, damaged = target.missing()
        if missing:
            claim.take()
            remove_unfinished(path.resolve())
            target.clean()
        if damaged:
            named = (f"{target.grid.name(index)} ({fault})" for index, fault in damaged.items())
            warn(f"{path}: {len(damaged)} of the finished blocks are damaged and computed again: {first_few(named, 4)}")
        for index in damaged:
            target.record(index).unlink(missing_ok=True)
        _compute(target, layout, missing, progress)
    return len(missing)


def _check_chunks(target: Store, grid: Grid, chunks: Mapping[Hashable, int]) -> None:
    """Refuse chunks other than those of the store."""
    if any(grid.chunks[dim] != target.grid.chunks[dim] for dim in chunks):
        before = {dim: of_dim[0] for dim, of_dim in target.grid.chunks.items()}
        raise FileError(
            f"{target.path} was made with chunks={before}; leave chunks out to go on, or give another store="
        )


def _refuse_other(path: Path, what: str) -> None:
    """Refuse a store of another sweep."""
    if what:
        raise FileError(f"{path} was made by another sweep ({what}); give another store=, or remove this one")


def _compute(target: Store, layout: Layout, missing: list[Index], progress: bool) -> None:
    """Compute blocks and write them."""
    from dask.delayed import Delayed

    runner = make_runner(layout, bool(get_options()["cache"]))
    shared = replace(target, path=target.path.absolute())  # workers may have another current directory
    name, graph = block_graph(layout, target.grid, runner, _run, missing, shared)
    tasks = [Delayed((name, *index), graph, layer=name) for index in missing]
    device = layout.call.fixed.get("device")
    # threads of this process would share one GPU
    at_once = 1 if device == "cuda" or (device == "auto" and not lacks_cuda()) else None
    compute_all(tasks, progress=progress, done=target.grid.size - len(missing), at_once=at_once)


def _run(
    runner: Runner, index: Index, where: dict[Hashable, slice], name: str, pieces: list[Any], target: Store
) -> None:
    """Run a block and write it: a task."""
    target.write(index, runner.arrays(runner.run(where, name, pieces)))
