"""Run one block of a run: what a task of dask does, in whatever thread, process or machine."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..errors import Bss2SimError
from ..options import set_options
from ..plausibility import told
from .call import Call, Path
from .layout import Layout


@dataclass(frozen=True)
class Piece:
    """A part of an argument in a graph, where dask would otherwise look into it."""

    part: Any


@dataclass(frozen=True)
class Runner:
    """What all blocks of a run share; made once, and sent to each worker once.

    Attributes
    ----------
    fixed : dict
        Arguments of the run.
    dims : dict
        Path of every argument that is cut -> its dims.
    variables : dict of str to tuple
        Dims of every variable of the result.
    batch : int64 array or None
        On a chip: numbers of the batch entries.
    cache : bool
        Whether compiled kernels are kept on disk.
    told : frozenset of str
        Parameters of the neurons that were not chunked: their values were seen before.
    """

    fixed: dict[str, Any]
    dims: dict[Path, tuple[Hashable, ...]]
    variables: dict[str, tuple[Hashable, ...]]
    batch: np.ndarray | None
    cache: bool
    told: frozenset[str]

    def run(self, where: Mapping[Hashable, slice], name: str, pieces: Sequence[Any]) -> xr.Dataset:
        """Run the trials of a block.

        Parameters
        ----------
        where : mapping of dim to slice
            The trials.
        name : str
            Of the block in messages.
        pieces : sequence
            The part of every argument in `dims`, in this order.
        """
        from ..simulate import simulate

        if self.cache:
            set_options(cache=True)
        parts: dict[Path, Any] = {}
        for (path, dims), piece in zip(self.dims.items(), pieces, strict=True):
            part = piece.part if isinstance(piece, Piece) else xr.DataArray(piece, dims=dims)
            if self.batch is not None and "batch" in part.dims:
                part = part.assign_coords(batch=self.batch[where["batch"]])
            parts[path] = part
        try:
            with told(self.told):
                arguments = Call(self.fixed).with_parts(parts)
            with told():  # where the blocks were made
                result = simulate(**arguments)
        except Bss2SimError as error:
            error.add_note(f"This was in the block with {name}, whose entries are counted from its start.")
            raise
        return result.transpose(*(dim for dim in self.order if dim in result.dims), ...)

    @property
    def order(self) -> tuple[Hashable, ...]:
        """Dims in the order of the result."""
        return tuple(dict.fromkeys(dim for dims in self.variables.values() for dim in dims))

    def arrays(self, result: xr.Dataset) -> dict[str, np.ndarray]:
        """Return the arrays of a block by variable, axes as in the whole result."""
        return {name: result[name].variable.transpose(*dims).values for name, dims in self.variables.items()}


def make_runner(layout: Layout, cache: bool) -> Runner:
    """Return what runs the blocks of a run; kernels run on one thread unless the caller asked for more."""
    fixed = dict(layout.call.fixed)
    if fixed.get("threads") is None and (fixed.get("device") != "cuda" or fixed.get("chip") is not None):
        fixed["threads"] = 1
    dims = {path: tuple(part.dims) for path, part in layout.call.parts.items()}
    variables = {name: of_variable for name, (of_variable, _, _) in layout.variables.items()}
    chunked = {path[1] for path in layout.call.chunks if path[0] == "neurons"}
    seen = frozenset(fixed["neurons"]._names) - chunked
    return Runner(fixed, dims, variables, layout.batch, cache, seen)
