"""How a run is cut for the threads."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from .kernels.codes import BLOCK

SMALL = 100_000  # neuron-steps below which waking a thread costs more than it gains
_CHUNKS_PER_THREAD = 6
_CHUNK = 800_000  # neuron-steps of a chunk worth the call of a kernel


@dataclass(frozen=True)
class Partition:
    """How a run is cut: blocks of neurons make tasks with the trials, consecutive tasks make chunks.

    Attributes
    ----------
    block, n_block : int
        Neurons of a block, blocks of a trial.
    n_task : int
        Trials times blocks; task k is block k % n_block of trial k // n_block.
    bounds : list of int
        Chunk k has the tasks bounds[k] .. bounds[k + 1].
    threads : int
        Threads that take chunks.
    """

    block: int
    n_block: int
    n_task: int
    bounds: list[int]
    threads: int

    @property
    def n_chunk(self) -> int:
        """Number of chunks."""
        return len(self.bounds) - 1


@lru_cache(64)  # nobody writes to the bounds
def partition(n_trial: int, n_neuron: int, work_per_neuron: float, threads: int, most: int = BLOCK) -> Partition:
    """Cut a run for some threads, `most` neurons a block; the result of the run does not depend on the cut."""
    if n_trial * n_neuron * work_per_neuron < SMALL:
        threads = 1
    block = max(1, min(most, n_neuron))
    if 0 < n_trial < threads and n_neuron >= 128:
        share = math.ceil(n_neuron * n_trial / threads)
        block = min(block, max(64, 64 * math.ceil(share / 64)))
    n_block = math.ceil(n_neuron / block)
    n_task = n_trial * n_block
    per_thread = max(1, min(_CHUNKS_PER_THREAD, round(n_trial * n_neuron * work_per_neuron / (_CHUNK * threads))))
    n_chunk = max(1, min(n_task, per_thread * threads if threads > 1 else 1))
    bounds = [n_task * k // n_chunk for k in range(n_chunk + 1)]
    return Partition(block, n_block, n_task, bounds, threads)


def cut_finer(part: Partition, n_chunk: int) -> Partition:
    """Cut a run into at least so many chunks, if it has as many tasks."""
    n_chunk = max(part.n_chunk, min(n_chunk, part.n_task))
    return replace(part, bounds=[part.n_task * k // n_chunk for k in range(n_chunk + 1)])
