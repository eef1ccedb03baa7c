"""Simulate chunked arguments: a Dataset of dask arrays, computed block by block."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from operator import getitem
from typing import Any

import numpy as np
import xarray as xr

from ..errors import ParameterError
from ..options import get_options
from .block import Runner, make_runner
from .call import read_call
from .graph import block_graph
from .grid import Grid, Index, unite
from .layout import Layout, lay_out


def simulate_lazily(**arguments: Any) -> xr.Dataset:
    """Return the result of :func:`bss2sim.simulate` as dask arrays, one block of trials a task.

    Parameters
    ----------
    **arguments
        All of those of ``simulate``.

    Raises
    ------
    ParameterError
        If sparse spikes are recorded, or the run needs a state or memory of the caller.
    """
    layout = lay_out(read_call(arguments))
    if layout.is_sparse:
        raise ParameterError(
            "the number of sparse spikes of a lazy run is not known before it is computed; record spikes='dense', 'count', 'first' "
            "or None, stream the run into a file with sweep(..., store=), which keeps sparse spikes, or call .compute() on the "
            "chunked arguments"
        )
    grid = unite(layout.trials, layout.call.chunks, whole_dims(layout))
    return layout.dataset(block_arrays(layout, grid))


def whole_dims(layout: Layout) -> tuple[Hashable, ...]:
    """Return the trial dims that cannot be cut."""
    # each batch entry begins as the one before it ended
    return ("batch",) if layout.call.fixed.get("start") == "carried" else ()


def block_arrays(layout: Layout, grid: Grid) -> dict[str, Any]:
    """Return the dense variables as dask arrays."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    runner = make_runner(layout, bool(get_options()["cache"]))
    name, base = block_graph(layout, grid, runner, _run, grid)
    arrays = {}
    for variable, (dims, dtype, _) in layout.dense().items():
        own = f"{variable}-{name}"
        chunks = tuple(grid.chunks.get(dim, (layout.sizes[dim],)) for dim in dims)
        layer: dict[Any, Any] = {}
        for place in itertools.product(*(range(len(of_dim)) for of_dim in chunks)):
            at = dict(zip(dims, place, strict=True))
            # of a variable without some of the trial dims every block has the same
            layer[own, *place] = (getitem, (name, *(at.get(dim, 0) for dim in grid.chunks)), variable)
        graph = HighLevelGraph({**base.layers, own: layer}, {**base.dependencies, own: {name}})
        arrays[variable] = da.Array(graph, own, chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(dims), dtype))
    return arrays


def _run(
    runner: Runner, index: Index, where: dict[Hashable, slice], name: str, pieces: list[Any]
) -> dict[str, np.ndarray]:
    """What the task of a block returns."""
    return runner.arrays(runner.run(where, name, pieces))
