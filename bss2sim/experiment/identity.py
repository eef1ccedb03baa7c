"""Which random numbers a trial draws: its chip, its run, and its number in the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..broadcasting import Trials, labels_of
from ..errors import ParameterError, warn
from ..hardware.chip import EmulatedChip, whole_numbers

MOST_RUN = 2**32 - 1  # the counter of random numbers has 32 bits for it


@dataclass(frozen=True)
class Identity:
    """What the random numbers of every trial are drawn by.

    Attributes
    ----------
    seed, batch, run : int64 arrays (trial,)
        Seed of the chip, number of the batch entry, number of the run.
    """

    seed: np.ndarray
    batch: np.ndarray
    run: np.ndarray

    def __getitem__(self, trials: np.ndarray) -> Identity:
        return Identity(self.seed[trials], self.batch[trials], self.run[trials])


def as_run(run: Any) -> xr.DataArray:
    """Return the numbers of runs, int64; ParameterError if they are none."""
    if isinstance(run, xr.DataArray) and "batch" in run.dims:
        raise ParameterError(
            "run has a dim 'batch', whose entries draw numbers of their own anyway; rename it, e.g. to 'run'"
        )
    return whole_numbers("run", run, MOST_RUN)


def batch_numbers(trials: Trials) -> np.ndarray:
    """Return the number of every entry of the dim batch: its label if that is a whole number, else its place."""
    size = trials.sizes["batch"]
    labels = trials.labels.get("batch")
    if labels is None or labels.dtype.kind not in "iu":
        return np.arange(size, dtype=np.int64)
    numbers = np.array(labels.values).astype(np.int64)
    if np.unique(numbers).size < size:
        warn(
            "batch has the same label more than once: such trials draw the same random numbers. Give each entry a label of its "
            "own, or drop the labels"
        )
    return numbers


def identify(trials: Trials, chip: EmulatedChip, run: xr.DataArray) -> Identity:
    """Return what every trial draws its random numbers by; the dims of chip and run are among those of the trials."""

    def spread(array: xr.DataArray) -> np.ndarray:
        return trials.spread(array.dims, array.values) if array.ndim else np.full(trials.size, array.values)

    batch = np.zeros(trials.size, np.int64)
    if "batch" in trials.sizes:
        batch = trials.spread(("batch",), batch_numbers(trials))
    return Identity(spread(chip._seeds), batch, spread(run))


def add_identity(trials: Trials, chip: EmulatedChip, run: xr.DataArray) -> None:
    """Take in the dims of the chips and of the runs."""
    for what, array in (("chip", chip._seeds), ("run", run)):
        trials.add(what, dict(array.sizes), labels_of(array, array.dims))
