"""The graph of a run: one task for each block, and the parts of the arguments that it reads.

Arguments that are not chunked are in the graph once: cut into the parts that blocks read, or whole if none of their dims is cut.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import xarray as xr

from ..arrays import is_chunked
from ..errors import MissingDependencyError
from .block import Piece, Runner
from .call import take_trials, trial_dims
from .grid import Grid, Index
from .layout import Layout

if TYPE_CHECKING:
    from dask.highlevelgraph import HighLevelGraph

Task = Callable[..., Any]  # of runner, index of the block, its trials, its name and its pieces


def require_dask() -> None:
    """Refuse to go on without dask."""
    try:
        import dask.array  # noqa: F401  # only whether it is there
    except ImportError as reason:
        raise MissingDependencyError(
            "chunked arguments and sweeps need dask, sweeps zarr too; install them with pip install 'bss2sim[dask,zarr]'"
        ) from reason


def block_graph(
    layout: Layout, grid: Grid, runner: Runner, task: Task, blocks: Iterable[Index], *more: Any
) -> tuple[str, HighLevelGraph]:
    """Make the graph of some blocks.

    Parameters
    ----------
    layout, grid, runner
        The run, how it is cut, and what runs a block.
    task : callable
        ``task(runner, index, where, name, pieces, *more)`` is what a block does.
    blocks : iterable of Index
        Which blocks.
    *more
        Further arguments of the task, the same for all.

    Returns
    -------
    name : str
        The key of a block is (name, *index).
    graph : HighLevelGraph
    """
    from dask.highlevelgraph import HighLevelGraph

    name = f"bss2sim-{uuid.uuid4().hex}"
    shared = Piece((runner, more))
    graph: dict[Any, Any] = {f"{name}-run": shared}
    chunked: dict[Any, Any] = {}  # path -> array cut as the blocks are
    for path, part in layout.call.parts.items():
        if is_chunked(part):
            chunks = {axis: grid.chunks.get(dim, -1) for axis, dim in enumerate(part.dims)}
            chunked[path] = part.data.rechunk(chunks)
    for index in blocks:
        where = grid.where(index)
        keys = []
        for number, (path, part) in enumerate(layout.call.parts.items()):
            if path in chunked:
                keys.append((chunked[path].name, *grid.along(tuple(part.dims), index)))
                continue
            key = (f"{name}-{number}", *grid.along(trial_dims(part), index))
            if key not in graph:
                graph[key] = Piece(_bare(take_trials(part, where)))
            keys.append(key)
        graph[name, *index] = (_run_task, task, f"{name}-run", index, Piece(where), grid.name(index), keys)
    return name, HighLevelGraph.from_collections(name, graph, dependencies=list(chunked.values()))


def _bare(part: xr.DataArray | xr.Dataset) -> xr.DataArray | xr.Dataset:
    """Drop the labels of a part, which were checked for the whole run."""
    return part.drop_vars([name for name in part.coords if set(part[name].dims) <= {*trial_dims(part), "time"}])


def _run_task(task: Task, shared: Piece, index: Any, where: Piece, name: str, pieces: list[Any]) -> Any:
    """Unpack what a block needs and run it."""
    runner, more = shared.part
    return task(runner, tuple(index), where.part, name, pieces, *more)
