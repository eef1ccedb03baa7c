"""What to record, apart from how to integrate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import as_array
from ..errors import ParameterError, choose, refuse_unknown_keywords

SPIKES = ("sparse", "dense", "count", "first", None)


class Recording:
    """Choose the observables of a run. What is not recorded costs nothing.

    Parameters
    ----------
    spikes : {"sparse", "dense", "count", "first", None}
        "sparse": one entry per spike (`spike_time` [s], `spike_neuron`, `spike_batch`, `row_size`);
        "dense": `spikes` (batch, time, neuron), the number of spikes in each bin;
        "count": `spike_count` (batch, neuron); "first": `first_spike` (batch, neuron) [s], NaN if there is none.
    membrane : bool
        Record the membrane potential (batch, time, neuron).
    current : bool
        Record the synaptic current (batch, time, neuron); with a pair of time constants it has a dim
        `synaptic_input` too.
    neuron : sequence of int, optional
        Restrict every variable with a dim `neuron` to these neurons, in this order. Sparse spikes have no such
        dim: they are always those of all neurons.
    sample_time : array (sample_time,), optional
        Increasing times [s] at which membrane and current are recorded, exact at the sample, in place of the
        grid. Euler steps have values on the grid only.

    Raises
    ------
    ParameterError
        If an argument is not one of the above.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.Recording(spikes="count", membrane=True, neuron=[0, 3])
    Recording(spikes='count', membrane=True, current=False, neuron=[0, 3], sample_time=None)
    """

    spikes: str | None
    membrane: bool
    current: bool
    neuron: np.ndarray | None
    sample_time: np.ndarray | None

    @refuse_unknown_keywords
    def __init__(
        self,
        spikes: str | None = "sparse",
        membrane: bool = False,
        current: bool = False,
        *,
        neuron: Sequence[int] | np.ndarray | None = None,
        sample_time: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        for name, flag in (("membrane", membrane), ("current", current)):
            if not isinstance(flag, bool | np.bool_):
                raise ParameterError(f"{name} must be True or False; got {flag!r}")
        if sample_time is not None and not (membrane or current):
            raise ParameterError("sample_time has nothing to sample; record membrane=True or current=True with it")
        set_ = object.__setattr__
        set_(self, "spikes", choose("spikes", spikes, SPIKES))
        set_(self, "membrane", bool(membrane))
        set_(self, "current", bool(current))
        set_(self, "neuron", None if neuron is None else _indices(neuron))
        set_(self, "sample_time", None if sample_time is None else _times(sample_time))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Recording is immutable; make a new one")

    def __repr__(self) -> str:
        neuron = None if self.neuron is None else self.neuron.tolist()
        times = None if self.sample_time is None else f"<{self.sample_time.size} times>"
        return (
            f"Recording(spikes={self.spikes!r}, membrane={self.membrane}, current={self.current}, "
            f"neuron={neuron}, sample_time={times})"
        )

    def selected(self, size: int) -> np.ndarray:
        """Return the recorded neurons of a population.

        Parameters
        ----------
        size : int
            Number of its neurons.

        Returns
        -------
        ndarray, shape (neuron,)
            Their indices, in the order in which they are recorded.

        Raises
        ------
        ParameterError
            If `neuron` asks for one that the population does not have.

        Examples
        --------
        >>> import bss2sim as b2
        >>> b2.Recording(neuron=[3, 0]).selected(4)
        array([3, 0])
        """
        if self.neuron is None:
            return np.arange(size)
        if self.neuron.max() >= size:
            raise ParameterError(
                f"record.neuron asks for neuron {self.neuron.max()}; the population has 0 .. {size - 1}"
            )
        return self.neuron.copy()


def _array(name: str, value: Any, kinds: str) -> np.ndarray:
    """A one-dimensional, non-empty array of numbers of some kind."""
    array = as_array(name, value, "a sequence of numbers", ParameterError)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in kinds:
        remedy = f"; give [{value}]" if array.ndim == 0 and array.dtype.kind in kinds else ""
        if array.dtype.kind == "b" and array.ndim == 1 and kinds == "iu":
            remedy = f"; for those that are True pass np.flatnonzero({name})"
        raise ParameterError(
            f"{name} must be a sequence of one or more {'whole ' if kinds == 'iu' else ''}numbers; "
            f"got shape {array.shape}, dtype {array.dtype}{remedy}"
        )
    return array


def _indices(neuron: Any) -> np.ndarray:
    """Check indices of neurons."""
    array = _array("neuron", neuron, "iu")
    if array.min() < 0:
        raise ParameterError(f"neuron must hold indices of at least 0; got {array.min()}")
    if np.unique(array).size < array.size:
        index, count = np.unique(array, return_counts=True)
        raise ParameterError(f"neuron must hold each index once; {index[count > 1][0]} is there {count.max()} times")
    indices = array.astype(np.int64)
    indices.setflags(write=False)
    return indices


def _times(sample_time: Any) -> np.ndarray:
    """Check sample times [s]."""
    times = _array("sample_time", sample_time, "iuf").astype(np.float64)
    if not np.isfinite(times).all() or times[0] < 0:
        wrong = times[~(np.isfinite(times) & (times >= 0))][0]
        raise ParameterError(f"sample_time must be finite and at least 0 s; got {wrong} s")
    if (np.diff(times) <= 0).any():
        k = int(np.argmax(np.diff(times) <= 0))
        raise ParameterError(f"sample_time must increase; {times[k]} s is followed by {times[k + 1]} s")
    times.setflags(write=False)
    return times
