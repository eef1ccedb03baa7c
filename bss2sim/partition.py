"""How a run is cut for the threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_SMALL = 100_000  # neuron-steps below which waking a thread costs more than it gains
_CHUNKS_PER_THREAD = 6
_WIDEST = 512


@dataclass(frozen=True)
class Partition:
    """How a run is cut: blocks of neurons make tasks with the trials, consecutive tasks make chunks."""

    block: int
    n_block: int
    n_task: int
    bounds: list[int]
    threads: int

    @property
    def n_chunk(self) -> int:
        return len(self.bounds) - 1

    def keep(self, chunk: int, arrays: Sequence[np.ndarray | None]) -> Callable[[], None]:
        """Copy what a chunk changes of arrays (trial, neuron); return the function that puts it back."""
        kept = []
        for task in range(self.bounds[chunk], self.bounds[chunk + 1]):
            low = task % self.n_block * self.block
            place = (task // self.n_block, slice(low, low + self.block))
            kept += [(array, place, array[place].copy()) for array in arrays if array is not None]

        def restore() -> None:
            for array, place, values in kept:
                array[place] = values

        return restore


def partition(n_trial: int, n_neuron: int, work_per_neuron: float, threads: int) -> Partition:
    """Cut a run for some threads; the result of the run does not depend on the cut."""
    if n_trial * n_neuron * work_per_neuron < _SMALL:
        threads = 1
    block = min(_WIDEST, n_neuron)
    if 0 < n_trial < threads and n_neuron >= 128:
        share = math.ceil(n_neuron * n_trial / threads)
        block = min(block, max(64, 64 * math.ceil(share / 64)))
    n_block = math.ceil(n_neuron / block)
    n_task = n_trial * n_block
    n_chunk = max(1, min(n_task, _CHUNKS_PER_THREAD * threads if threads > 1 else 1))
    bounds = [n_task * k // n_chunk for k in range(n_chunk + 1)]
    return Partition(block, n_block, n_task, bounds, threads)
