"""Time stamps that the emulated chip gives its spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import memory
from .chip_time import CYCLES_PER_SECOND, run_cycles, whole_cycles

if TYPE_CHECKING:
    from ..hardware.chip_configuration import ChipConfiguration

Arrivals = tuple[np.ndarray, ...]  # what `Stamps.arrive` makes of some spikes, for `Stamps.merge`


class StampedSpikes(NamedTuple):
    """Spikes as they arrive, by trial, then time stamp, then neuron.

    Attributes
    ----------
    spike_time : array (spike,)
        Time stamps [s].
    spike_neuron : array (spike,)
        Neuron, int32.
    spike_trial : array (spike,)
        Trial, int64.
    row_size : array (trial,)
        Number of spikes of each trial, int64.
    """

    spike_time: np.ndarray
    spike_neuron: np.ndarray
    spike_trial: np.ndarray
    row_size: np.ndarray


class Stamps:
    """Delay spikes that come in parts, side by side, round their times down to cycles of the FPGA, and sort them.

    A spike arrives `spike_delay` after it was fired, with a random difference of spread `spike_jitter`, drawn for the number of the
    spike among those of its neuron in the trial. Its stamp is the cycle of 8 ns in which it arrives. Spikes whose stamp is
    outside of [0, duration) never arrive: those fired less than the delay before the end among them.

    Parameters
    ----------
    circuit : array of int (neuron,)
        Circuit that fires for each neuron, enum.
    seed, batch, run : arrays of int (trial,)
        Seed of the chip, label of the batch entry and number of the run.
    duration : float
        Length of the run [s].
    configuration : ChipConfiguration
        Delay and jitter.
    factors : mapping of str to float
        Effects; `spike_delay`, `spike_jitter` and `spike_resolution` matter here. Without the last one times are
        not rounded.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
    >>> from bss2sim.recording.spike_stamps import Stamps
    >>> one, factors = np.zeros(1, np.int64), {"spike_delay": 1.0, "spike_jitter": 0.0, "spike_resolution": 1.0}
    >>> stamps = Stamps(circuit=one, seed=one, batch=one, run=one, duration=10e-6,
    ...     configuration=ChipConfiguration(), factors=factors)
    >>> some = stamps.arrive(np.array([2.003e-6, 9.9e-6]), np.zeros(2, np.int32), np.zeros(2, np.int64))
    >>> spikes = stamps.merge([some])
    >>> spikes.spike_time, spikes.row_size
    (array([2.296e-06]), array([1]))
    """

    def __init__(
        self,
        *,
        circuit: np.ndarray,
        seed: np.ndarray,
        batch: np.ndarray,
        run: np.ndarray,
        duration: float,
        configuration: ChipConfiguration,
        factors: Mapping[str, float],
    ) -> None:
        self._who = (batch, run, seed)
        self._circuit = np.ascontiguousarray(circuit, np.int64)
        self._n_trial, self._n_neuron = len(seed), len(circuit)
        self._delay = factors["spike_delay"] * configuration.spike_delay
        self._jitter = factors["spike_jitter"] * configuration.spike_jitter
        self._whole = bool(factors["spike_resolution"])
        self._end = run_cycles(duration) if self._whole else duration
        self._key = _Key(self._n_trial, int(self._end), self._n_neuron) if self._whole else None

    def arrive(self, spike_time: np.ndarray, spike_neuron: np.ndarray, spike_trial: np.ndarray) -> Arrivals:
        """Return the spikes of some neurons or trials that arrive, for :meth:`merge`; several threads may ask.

        Parameters
        ----------
        spike_time : array (spike,)
            True times [s].
        spike_neuron, spike_trial : arrays of int (spike,)
            Neuron and trial. All spikes of a neuron in a trial come in one part, in the order of time, with no spike of another
            trial between them; parts of a population may follow one another.
        """
        trial = np.ascontiguousarray(spike_trial, np.int64)
        neuron = np.ascontiguousarray(spike_neuron, np.int32)
        time = np.asarray(spike_time, np.float64) + self._delay
        if self._jitter:
            time = time + self._jitter * self._drawn(trial, neuron)
        if self._whole:
            time = whole_cycles(time)
        kept = (time >= 0) & (time < self._end)
        if not kept.all():
            time, trial, neuron = time[kept], trial[kept], neuron[kept]
        if self._key is not None and self._key.fits:
            # nearly sorted, which the stable way makes use of
            return (np.sort(self._key.join(trial, time.astype(np.int64), neuron), kind="stable"),)
        return time, trial, neuron

    def _drawn(self, trial: np.ndarray, neuron: np.ndarray) -> np.ndarray:
        """Return a standard normal number for each spike."""
        from ..kernels import noise
        from ..kernels.readout import fill_jitter

        drawn = np.empty(trial.size)
        scratch = np.zeros(self._n_neuron, np.int64), np.empty(trial.size, np.int64), np.empty(trial.size, np.int64)
        fill_jitter(drawn, trial, neuron, self._circuit, noise.SPIKE_JITTER, *self._who, *scratch)
        return drawn

    def merge(self, parts: Sequence[Arrivals]) -> StampedSpikes:
        """Sort the spikes of all parts."""
        if self._key is not None and self._key.fits:
            return self._merge_keys([part[0] for part in parts])
        time, trial, neuron = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.lexsort((neuron, time, trial))
        time, trial, neuron = time[order], trial[order], neuron[order]
        time = time / CYCLES_PER_SECOND if self._whole else time
        return StampedSpikes(time, neuron, trial, np.bincount(trial, minlength=self._n_trial))

    def _merge_keys(self, keys: list[np.ndarray]) -> StampedSpikes:
        """Merge sorted keys; two parts, of the halves of a chip, are the usual case."""
        from ..kernels.merge import merge_keys

        assert self._key is not None
        if len(keys) > 2:
            keys = [np.sort(np.concatenate(keys), kind="stable")]
        first, second = (*keys, np.empty(0, np.int64))[:2]
        size = first.size + second.size
        time, trial = (memory.empty((size,), dtype) for dtype in (np.float64, np.int64))
        neuron, row_size = memory.empty((size,), np.int32), np.zeros(self._n_trial, np.int64)
        merge_keys(first, second, self._key.cycle, self._key.neuron, CYCLES_PER_SECOND, time, neuron, trial, row_size)
        return StampedSpikes(time, neuron, trial, row_size)


class _Key:
    """Trial, cycle and neuron in one whole number: numbers are sorted ten times as fast as their order is found."""

    _most = 63  # bits

    def __init__(self, n_trial: int, end: int, n_neuron: int) -> None:
        self.neuron, self.cycle = int(n_neuron).bit_length(), end.bit_length()
        self.fits = n_trial.bit_length() + self.cycle + self.neuron < self._most

    def join(self, trial: np.ndarray, cycle: np.ndarray, neuron: np.ndarray) -> np.ndarray:
        """Return the numbers, in the order of (trial, cycle, neuron)."""
        key: np.ndarray = (trial << self.cycle) + cycle
        key <<= self.neuron
        key += neuron
        return key
