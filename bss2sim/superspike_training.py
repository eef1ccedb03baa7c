"""What a run of training is given, and what its way forth keeps for the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .euler_coefficients import refuse_long
from .spike_lists import n_words
from .superspike_coefficients import WorkedOut


@dataclass(frozen=True)
class Rows:
    """A tensor (time, trial, neuron) as the kernels read it: flat, rows of time `stride` elements apart."""

    flat: np.ndarray
    stride: int


@dataclass(frozen=True)
class Spikes:
    """Input spikes of training, dense or as events, and their weights.

    Attributes
    ----------
    n_input : int
        Number of inputs.
    weight : array (input, neuron)
        Weights.
    dense : array or None
        Flat (time, trial, input).
    step, source, pointer : array or None
        Steps and inputs of events, sorted by trial, step, input; those of trial b are pointer[b] .. pointer[b + 1].
    """

    n_input: int
    weight: np.ndarray
    dense: np.ndarray | None = None
    step: np.ndarray | None = None
    source: np.ndarray | None = None
    pointer: np.ndarray | None = None


@dataclass(frozen=True)
class Kept:
    """What the way back starts from; arrays are empty where there is nothing.

    Attributes
    ----------
    membrane, current, busy : array (interval, trial, neuron)
        States at the start of every interval.
    marked : array of uint64
        Dense spikes, a bit each, flat (trial, time, word of 64 inputs), and a last number that is not 0 if any of them is not 1.
    """

    membrane: np.ndarray
    current: np.ndarray
    busy: np.ndarray
    marked: np.ndarray

    def plainly_marked(self) -> np.ndarray:
        """Return the bits of dense spikes, empty if they are not all there is to know of them."""
        return self.marked[:-1] if self.marked.size and self.marked[-1] == 0 else self.marked[:0]


@dataclass(frozen=True)
class Training:
    """A run of training.

    Attributes
    ----------
    n_time, n_batch, n_neuron : int
        Sizes.
    dtype, dt, alpha : dtype, float, float
        Of the run; grid spacing [s]; steepness of the surrogate [1/(unit of the membrane)].
    interval : int
        Steps between kept states.
    parameters : dict of array, () or (neuron,)
        Float64, by name. Without ``threshold`` the neurons never fire, with ``leak`` they leak.
    worked_out : WorkedOut
        What :func:`work_out_once` returns for them.
    jumps, spikes : Rows, Spikes
        One of them: jumps of the current, or spikes through weights.
    measured_spikes, measured_membrane : Rows or None
        What takes the place of spikes and membrane of the model.
    """

    n_time: int
    n_batch: int
    n_neuron: int
    dtype: np.dtype
    dt: float
    alpha: float
    interval: int
    parameters: dict[str, np.ndarray]
    worked_out: WorkedOut
    jumps: Rows | None = None
    spikes: Spikes | None = None
    measured_spikes: Rows | None = None
    measured_membrane: Rows | None = None

    def __post_init__(self) -> None:
        refuse_long(self.worked_out.most, self.dt, self.n_time)

    @property
    def fires(self) -> bool:
        """Whether there is a threshold."""
        return "threshold" in self.parameters

    @property
    def leaks(self) -> bool:
        """Whether there is a leak."""
        return "leak" in self.parameters

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the outputs."""
        return self.n_time, self.n_batch, self.n_neuron

    @property
    def counter(self) -> type:
        """Type in which steps are counted: as many fill a line as numbers of the run."""
        return np.int32 if self.dtype == np.float32 else np.int64

    def kept_shape(self) -> tuple[int, int, int]:
        """Of the kept states."""
        return -(-self.n_time // self.interval), self.n_batch, self.n_neuron

    def marked_size(self) -> int:
        """Size of the kept marks of dense spikes."""
        s = self.spikes
        return 0 if s is None or s.dense is None else self.n_batch * self.n_time * n_words(s.n_input) + 1

    def measured(self) -> tuple[np.ndarray | int | None, ...]:
        """Measured data in the order of the kernels."""
        found: list[np.ndarray | int | None] = []
        for rows in (self.measured_spikes, self.measured_membrane):
            found += [None, 0] if rows is None else [rows.flat, rows.stride]
        return tuple(found)

    def drive(self, packed: np.ndarray | None) -> tuple[np.ndarray | int | None, ...]:
        """Input spikes in the order of the kernels."""
        s = self.spikes
        return (
            (None, None, None, None, 0, None)
            if s is None
            else (s.dense, s.step, s.source, s.pointer, s.n_input, packed)
        )
