"""Gradients of weights from lots of trials, added up in an order that depends on nothing but their number."""

from __future__ import annotations

import threading

import numpy as np

from . import memory
from .weights import unpack

_MOST = 16  # lots of a run
_CHUNKS_PER_THREAD = 4  # at least, if there are as many lots


class Lots:
    """Add up the gradients of weights (input, neuron) of lots of trials, packed by groups of neurons.

    Neighbouring lots are added in twos, the sums again, and so on; the last one of an odd number goes on as it is. A chunk is
    a power of two of neighbouring lots, whose sums a kernel makes in the same way, so no bit depends on the chunks. Sums are
    added as soon as both are there, so that there are hardly more arrays than threads, still in their caches.

    Parameters
    ----------
    n_trial : int
        Trials of the run: lots depend on them alone.
    threads : int
        Threads that take chunks.
    n_input, n_neuron, dtype : int, int, dtype
        Of the weights.

    Attributes
    ----------
    bounds : list of int
        Lot k is the trials bounds[k] .. bounds[k + 1].
    n_chunk : int
        Number of chunks; see :meth:`lots_of`.
    """

    def __init__(self, n_trial: int, threads: int, n_input: int, n_neuron: int, dtype: np.dtype) -> None:
        width = memory.LINE // dtype.itemsize
        self._n_input, self._n_neuron, self._dtype = n_input, n_neuron, dtype
        n_lot = min(_MOST, n_trial)
        self.bounds = [n_trial * k // n_lot for k in range(n_lot + 1)] if n_lot else [0]
        self._together = 1
        while 2 * self._together * _CHUNKS_PER_THREAD * threads <= n_lot:
            self._together *= 2
        self.n_chunk = -(-n_lot // self._together)
        self._shape = (self._together.bit_length(), -(-n_neuron // width) * (n_input + 1) * width)
        self._sum: np.ndarray | None = None
        self._done: dict[tuple[int, int], np.ndarray] = {}
        self._free: list[np.ndarray] = []
        self._lock = threading.Lock()

    def lots_of(self, chunk: int) -> tuple[int, int]:
        """Return the first lot of a chunk, and the one after its last."""
        return chunk * self._together, min((chunk + 1) * self._together, len(self.bounds) - 1)

    def begin(self) -> np.ndarray:
        """Return memory for a chunk, (level, weight), not initialised."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return memory.empty(self._shape, self._dtype)

    def end(self, chunk: int, array: np.ndarray) -> None:
        """Take the gradient of a chunk, the first row of an array."""
        level, n = 0, self.n_chunk
        while n > 1:
            if chunk ^ 1 < n:
                with self._lock:
                    other = self._done.pop((level, chunk ^ 1), None)
                    if other is None:
                        self._done[level, chunk] = array
                        return
                left, right = (other, array) if chunk & 1 else (array, other)
                left[0] += right[0]
                with self._lock:
                    self._free.append(right)
                array = left
            level, chunk, n = level + 1, chunk >> 1, (n + 1) >> 1
        self._sum = array

    def total(self) -> np.ndarray:
        """Return the sum over the lots, (input, neuron)."""
        if self._sum is None:
            return memory.zeros((self._n_input, self._n_neuron), self._dtype)
        return unpack(self._sum[0], self._n_input, self._n_neuron)
