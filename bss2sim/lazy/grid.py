"""How the trials of a run are cut into blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..broadcasting import Trials
from .call import Chunks, Path

Index = tuple[int, ...]  # of a block along each trial dim


@dataclass(frozen=True)
class Grid:
    """Blocks of trials: the chunks along each trial dim, in the order of the result.

    Attributes
    ----------
    chunks : dict
        Dim -> lengths of its chunks.
    """

    chunks: dict[Hashable, tuple[int, ...]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of chunks along each dim."""
        return tuple(map(len, self.chunks.values()))

    @cached_property
    def _ends(self) -> dict[Hashable, list[int]]:
        """Where the chunks of each dim end."""
        return {dim: np.cumsum(chunks).tolist() for dim, chunks in self.chunks.items()}

    @property
    def size(self) -> int:
        """Number of blocks."""
        return math.prod(self.shape)

    def __iter__(self) -> Iterator[Index]:
        return itertools.product(*map(range, self.shape))

    def where(self, index: Index) -> dict[Hashable, slice]:
        """Return the trials of a block, by dim."""
        ends = zip(self.chunks.items(), self._ends.values(), index, strict=True)
        return {dim: slice(end[k] - chunks[k], end[k]) for (dim, chunks), end, k in ends}

    def trials(self, index: Index) -> np.ndarray:
        """Return the numbers of the trials of a block among all, axes as the dims."""
        shape = tuple(map(sum, self.chunks.values()))
        return np.arange(math.prod(shape)).reshape(shape)[tuple(self.where(index).values())]

    def along(self, dims: tuple[Hashable, ...], index: Index) -> Index:
        """Return the number of the chunk of a block along some dims; 0 along dims that are not cut."""
        place = dict(zip(self.chunks, index, strict=True))
        return tuple(place.get(dim, 0) for dim in dims)

    def name(self, index: Index) -> str:
        """Name a block in messages: ``chip 10 to 19, threshold 0 to 4``."""
        parts = (f"{dim} {part.start} to {part.stop - 1}" for dim, part in self.where(index).items())
        return ", ".join(parts) or "all of it"


def unite(trials: Trials, chunks: Mapping[Path, Chunks], whole: tuple[Hashable, ...] = ()) -> Grid:
    """Cut each trial dim wherever an argument is cut; dims that no argument cuts, and those in `whole`, stay whole."""
    found = {}
    for dim, size in trials.sizes.items():
        ends = {size}
        for of_argument in chunks.values():
            if dim in of_argument and dim not in whole:
                ends.update(np.cumsum(of_argument[dim]).tolist())
        found[dim] = tuple(np.diff([0, *sorted(ends - {0})]).tolist()) if size else (0,)
    return Grid(found)
