"""From the lists of samples that a chip sends to arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class SampleArrays:
    """Samples of every trial and neuron, in the order of arrival.

    Attributes
    ----------
    value : array (trial, sample, neuron)
        Samples, float64; NaN beyond the `count` of a row.
    stamp : array (trial, neuron, sample)
        Their times [s]; NaN beyond the `count` of a row.
    count : array of int (trial, neuron)
        How many there are.
    n : int
        The smallest count: what a rectangular raw recording keeps, as the reference's does.
    """

    value: np.ndarray
    stamp: np.ndarray
    count: np.ndarray
    n: int


def arrange_samples(
    value: np.ndarray,
    time: np.ndarray,
    trial: np.ndarray,
    neuron: np.ndarray | None = None,
    *,
    n_trial: int,
    n_neuron: int = 1,
) -> SampleArrays:
    """Sort samples by trial and neuron; what :func:`~bss2sim.recording.grid.cadc_to_grid` takes, for recordings of a chip.

    Parameters
    ----------
    value, time : arrays (entry,)
        Samples and their times [s], those of one trial and neuron in the order of time.
    trial, neuron : arrays of int (entry,)
        Where they belong. Without `neuron`: all to neuron 0, as those of the MADC.
    n_trial, n_neuron : int
        How many there are.

    Returns
    -------
    SampleArrays
        The arrays. The reference makes a raw recording of the MADC as long as the mean of its trials, and what a trial lacks is
        memory that it never wrote; here it is NaN.

    Raises
    ------
    InputError
        If a trial or a neuron does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.recording.grid import cadc_to_grid
    >>> from bss2sim.recording.sample_lists import arrange_samples
    >>> samples = arrange_samples([-48, -28, 7], [1e-6, 3e-6, 2e-6], [0, 0, 0], [0, 0, 1], n_trial=1, n_neuron=2)
    >>> cadc_to_grid(samples.value, samples.stamp, 4, 1e-6, hemisphere=np.arange(2), count=samples.count)[0, :, 0]
    array([-48., -48., -38., -28.], dtype=float32)
    """
    trial = np.asarray(trial)
    neuron = np.zeros_like(trial) if neuron is None else np.asarray(neuron)
    for name, number, size in (("trial", trial, n_trial), ("neuron", neuron, n_neuron)):
        bad = (number < 0) | (number >= size)
        if bad.any():
            raise InputError(f"{name} must be 0 to {size - 1}; got {number[bad][0]} at index {int(np.argmax(bad))}")
    row = trial * n_neuron + neuron
    count = np.bincount(row, minlength=n_trial * n_neuron)
    order = np.argsort(row, kind="stable")
    row = row[order]
    place = np.arange(row.size) - (np.cumsum(count) - count)[row]
    values = np.full((n_trial * n_neuron, int(count.max(initial=0))), np.nan)
    stamps = values.copy()
    values[row, place] = np.asarray(value)[order]
    stamps[row, place] = np.asarray(time)[order]
    shape = (n_trial, n_neuron)
    return SampleArrays(
        np.ascontiguousarray(values.reshape(*shape, values.shape[1]).transpose(0, 2, 1)),
        stamps.reshape(*shape, values.shape[1]),
        count.reshape(shape),
        int(count.min(initial=row.size)),
    )
