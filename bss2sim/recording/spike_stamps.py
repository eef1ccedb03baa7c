"""Time stamps that the emulated chip gives its spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .chip_time import CYCLES_PER_SECOND, run_cycles, whole_cycles

if TYPE_CHECKING:
    from ..hardware.chip_configuration import ChipConfiguration


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


def stamp_spikes(
    spike_time: np.ndarray,
    spike_neuron: np.ndarray,
    spike_trial: np.ndarray,
    *,
    circuit: np.ndarray,
    seed: np.ndarray,
    batch: np.ndarray,
    run: np.ndarray,
    duration: float,
    configuration: ChipConfiguration,
    factors: Mapping[str, float],
) -> StampedSpikes:
    """Delay spikes, round their times down to cycles of the FPGA, and sort them.

    A spike arrives `spike_delay` after it was fired, with a random difference of spread `spike_jitter`, drawn for the number of the
    spike among those of its neuron in the trial. Its stamp is the cycle of 8 ns in which it arrives. Spikes whose stamp is
    outside of [0, duration) never arrive: those fired less than the delay before the end among them.

    Parameters
    ----------
    spike_time : array (spike,)
        True times [s].
    spike_neuron, spike_trial : arrays of int (spike,)
        Neuron and trial. Spikes of one neuron in one trial must be in the order of time, with no spike of another trial between
        them; parts of a population may follow one another.
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

    Returns
    -------
    StampedSpikes
        Those that arrive.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
    >>> from bss2sim.recording.spike_stamps import stamp_spikes
    >>> one, factors = np.zeros(1, np.int64), {"spike_delay": 1.0, "spike_jitter": 0.0, "spike_resolution": 1.0}
    >>> spikes = stamp_spikes(np.array([2.003e-6, 9.9e-6]), np.zeros(2, np.int32), np.zeros(2, np.int64), circuit=one,
    ...     seed=one, batch=one, run=one, duration=10e-6, configuration=ChipConfiguration(), factors=factors)
    >>> spikes.spike_time, spikes.row_size
    (array([2.296e-06]), array([1]))
    """
    from ..kernels import noise
    from ..kernels.readout import fill_jitter

    n_trial, n_neuron = len(seed), len(circuit)
    trial = np.ascontiguousarray(spike_trial, np.int64)
    neuron = np.ascontiguousarray(spike_neuron, np.int32)
    time = np.asarray(spike_time, np.float64) + factors["spike_delay"] * configuration.spike_delay
    jitter = factors["spike_jitter"] * configuration.spike_jitter
    if jitter:
        drawn = np.empty(time.size)
        words = np.ascontiguousarray(circuit, np.int64)
        scratch = np.zeros(n_neuron, np.int64), np.empty(time.size, np.int64), np.empty(time.size, np.int64)
        fill_jitter(drawn, trial, neuron, words, noise.SPIKE_JITTER, batch, run, seed, *scratch)
        time = time + jitter * drawn
    if factors["spike_resolution"]:
        end = run_cycles(duration)
        time, trial, neuron = _sorted_cycles(whole_cycles(time), trial, neuron, n_trial, end, n_neuron)
    else:
        kept = (time >= 0) & (time < duration)
        time, trial, neuron = time[kept], trial[kept], neuron[kept]
        order = np.lexsort((neuron, time, trial))
        time, trial, neuron = time[order], trial[order], neuron[order]
    return StampedSpikes(time, neuron, trial, np.bincount(trial, minlength=n_trial))


def _sorted_cycles(
    cycle: np.ndarray, trial: np.ndarray, neuron: np.ndarray, n_trial: int, end: int, n_neuron: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drop and sort spikes with whole time stamps; return times [s], trials and neurons."""
    kept = (cycle >= 0) & (cycle < end)
    if not kept.all():
        cycle, trial, neuron = cycle[kept], trial[kept], neuron[kept]
    if n_trial * float(end) * n_neuron < 2.0**62:
        # All three in one number: sorting numbers is ten times as fast as finding their order. They are in order but for jitter and
        # parts of the population, and Timsort, the stable one, makes use of it.
        key = (trial * end + cycle.astype(np.int64)) * n_neuron + neuron
        key.sort(kind="stable")
        whole, place = np.divmod(key, n_neuron)
        trial, ticks = np.divmod(whole, end)
        return ticks / CYCLES_PER_SECOND, trial, place.astype(np.int32)
    order = np.lexsort((neuron, cycle, trial))
    return cycle[order] / CYCLES_PER_SECOND, trial[order], neuron[order]
