"""Which random numbers a trial draws: its chip, its run, and its number in the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..broadcasting import Trials, labels_of
from ..errors import ParameterError, warn
from ..hardware.chip import EmulatedChip
from ..variables import RESERVED_DIMS

MOST = 2**32  # numbers of runs that differ


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


def _short(value: Any) -> str:
    """A value for a message; of an array its numbers only."""
    return str(value.values) if isinstance(value, xr.DataArray) else repr(value)


def as_run(run: Any) -> xr.DataArray:
    """Return the numbers of runs, int64; ParameterError if they are none."""
    array = run if isinstance(run, xr.DataArray) else xr.DataArray(np.asarray(run))
    if array.dtype.kind not in "iu" or (array.ndim and not isinstance(run, xr.DataArray)):
        raise ParameterError(f"run must be a whole number of at least 0, or a DataArray of them; got {_short(run)}")
    if array.chunks is not None:
        raise ParameterError("run is chunked (dask); call .compute() on it first")
    wrong = [dim for dim in array.dims if dim in RESERVED_DIMS or dim == "batch"]
    if wrong:
        raise ParameterError(f"run has a dim {wrong[0]!r}; give it dims of your own, e.g. 'run'")
    if array.size == 0 or array.min() < 0 or array.max() >= MOST:
        raise ParameterError(f"run must be 0 to {MOST - 1}, at least one number; got {_short(run)}")
    return array.astype(np.int64)


def _batch_numbers(trials: Trials) -> np.ndarray:
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

    seed = chip.seed if isinstance(chip.seed, xr.DataArray) else xr.DataArray(np.int64(chip.seed))
    batch = np.zeros(trials.size, np.int64)
    if "batch" in trials.sizes:
        batch = trials.spread(("batch",), _batch_numbers(trials))
    return Identity(spread(seed).astype(np.int64), batch, spread(run).astype(np.int64))


def add_identity(trials: Trials, chip: EmulatedChip, run: xr.DataArray) -> None:
    """Take in the dims of the chips and of the runs."""
    for what, array in (("chip", chip.seed), ("run", run)):
        if isinstance(array, xr.DataArray) and array.ndim:
            trials.add(what, dict(array.sizes), labels_of(array, array.dims))
