"""Gradients of weights from lots of trials, added up in the order of the lots, whichever is done first."""

from __future__ import annotations

import threading

import numpy as np

from . import memory
from .weights import unpack


class Lots:
    """Add up the gradients of weights (input, neuron) of lots of trials, packed by groups of neurons.

    A lot is added as soon as those before it are, so that there are hardly more arrays than threads, still in their caches.
    """

    def __init__(self, n_input: int, n_neuron: int, dtype: np.dtype) -> None:
        width = memory.LINE // dtype.itemsize
        self._n_input, self._n_neuron = n_input, n_neuron
        self._shape, self._dtype = (-(-n_neuron // width) * (n_input + 1) * width,), dtype
        self._sum: np.ndarray | None = None
        self._next = 0
        self._done: dict[int, np.ndarray] = {}
        self._free: list[np.ndarray] = []
        self._lock = threading.Lock()

    def begin(self) -> np.ndarray:
        """Return memory for a lot: what is no weight is 0, weights are not initialised."""
        with self._lock:
            if self._free:
                return self._free.pop()
        array = memory.empty(self._shape, self._dtype)
        array.reshape(-1, self._n_input + 1, memory.LINE // self._dtype.itemsize)[:, -1] = 0
        return array

    def end(self, lot: int, array: np.ndarray) -> None:
        """Take the gradient of a lot, 0 and up."""
        with self._lock:
            self._done[lot] = array
            while self._next in self._done:
                array = self._done.pop(self._next)
                self._next += 1
                if self._sum is None:
                    self._sum = array
                else:
                    self._sum += array
                    self._free.append(array)

    def total(self) -> np.ndarray:
        """Return the sum over the lots, (input, neuron)."""
        if self._sum is None:
            return memory.zeros((self._n_input, self._n_neuron), self._dtype)
        return unpack(self._sum, self._n_input, self._n_neuron)
