"""Sparse spikes between a run and flat arrays: one entry per spike, sorted by trial, time and neuron."""

from __future__ import annotations

import numbers
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ..arrays import as_seconds, as_whole
from ..errors import InputError
from ..inputs import read_sparse
from ..variables import RESERVED_DIMS, create_dataset
from .description import Description, describe

MOST_NEURON = np.iinfo(np.int32).max  # what spike_neuron holds
_NAMES = ("spike_time", "spike_neuron", "spike_batch", "row_size")
_LAST_PLACES = 4 * np.finfo(np.float64).eps  # relative: what a rate may be off by that is a whole number


class Spikes(NamedTuple):
    """Spikes of a run.

    Attributes
    ----------
    time, neuron, pointer : arrays
        Times [s], neurons, and where each trial begins.
    n_neuron : int
        Number of neurons: as the caller says, else the run, else as many as are labelled or spike, at least one.
    held : Description
        Labels of the run.
    """

    time: np.ndarray
    neuron: np.ndarray
    pointer: np.ndarray
    n_neuron: int
    held: Description


def check_run(function: str, run: Any) -> xr.Dataset:
    """Return a run in memory; InputError if it is no Dataset."""
    if not isinstance(run, xr.Dataset):
        raise InputError(f"{function}: run must be a Dataset; got {type(run).__name__}")
    if run.chunks:
        raise InputError(f"{function}: the run is chunked (dask); call .compute() on it first")
    return run


def take_spikes(function: str, run: Any, n_neuron: int | None = None) -> Spikes:
    """Take the sparse spikes of a run, checked."""
    run = check_run(function, run)
    if "spike_time" not in run:
        raise InputError(
            f"{function}: the run has no sparse spikes, only {', '.join(map(str, run.data_vars)) or 'nothing'}; "
            'record them with Recording(spikes="sparse")'
        )
    drive = read_sparse(run, MOST_NEURON)
    assert drive.time is not None and drive.source is not None and drive.pointer is not None
    held = describe(function, run, drive.sizes)
    labels = run.neuron.values if "neuron" in run.coords else drive.source
    if labels.dtype.kind not in "iu":
        raise InputError(
            f"{function}: the labels of dim neuron must be the numbers of the neurons; got dtype {labels.dtype}. Drop them, "
            ".drop_vars('neuron')"
        )
    found = max([0, *(int(array.max()) + 1 for array in (drive.source, labels) if array.size)])
    check_n_neuron(function, n_neuron, held)
    known = held.attrs.get("n_neuron")
    size = max(found, 1) if known is None else as_whole(f"{function}: n_neuron", known)
    if found > size:
        raise InputError(f"{function}: the run has neuron {found - 1}, but n_neuron is {size}")
    held.n_neuron = None if known is None else size  # what only occurs is no limit
    return Spikes(drive.time, drive.source, drive.pointer, size, held)


def in_seconds(count: Any, unit: float) -> Any:
    """Return whole units in seconds."""
    rate = 1.0 / unit
    # units as 8e-9 s have no exact float; dividing by their rate, which has one, gives the nearest number
    return count / round(rate) if abs(rate - round(rate)) <= _LAST_PLACES * rate and rate >= 1 else count * unit


def check_duration(function: str, duration: Any, held: Description) -> None:
    """Take in the duration that a caller gives."""
    if duration is not None:
        held.attrs["duration"] = as_seconds(f"{function}: duration", duration)


def check_n_neuron(function: str, n_neuron: Any, held: Description) -> None:
    """Take in the number of neurons that a caller gives, which spikes do not tell if the last ones are silent."""
    if n_neuron is not None:
        held.n_neuron = held.attrs["n_neuron"] = as_whole(f"{function}: n_neuron", n_neuron)


def end_of(function: str, attrs: dict[str, Any]) -> float:
    """Return when a run ends [s], infinite if that is not known."""
    begin, length = attrs.get("start_time", 0.0), attrs.get("duration", np.inf)
    for name, value in (("start_time", begin), ("duration", length)):
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not float(value) >= 0:
            raise InputError(f"{function}: attribute {name!r} must be a number of seconds; got {value!r}")
    return float(begin + length)


def _in_order(time: np.ndarray, neuron: np.ndarray, trial: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spikes sorted by trial, time and neuron; arrays that are so already as they are."""
    if not bool((np.diff(trial) >= 0).all() and ((np.diff(time) >= 0) | (np.diff(trial) > 0)).all()):
        order = np.argsort(time)
        # one pass of counting if it fits into 16 bits
        key = trial.astype(np.uint16) if trial.max() < 2**16 else trial
        order = order[np.argsort(key[order], kind="stable")]
        time, neuron, trial = time[order], neuron[order], trial[order]
    same = (np.diff(time) == 0) & (np.diff(trial) == 0)
    if not (same & (np.diff(neuron) < 0)).any():
        return time, neuron, trial
    tied = np.zeros(time.size, bool)
    tied[1:] = same
    tied[:-1] |= same
    places = np.flatnonzero(tied)
    neuron = neuron.copy()
    neuron[places] = neuron[places[np.lexsort((neuron[places], time[places], trial[places]))]]
    return time, neuron, trial


def make_spikes(
    function: str, time: np.ndarray, neuron: np.ndarray, trial: np.ndarray, held: Description
) -> xr.Dataset:
    """Make a Dataset of sparse spikes from arrays (spike,) in any order.

    Raises
    ------
    InputError
        If a time is not finite, negative or beyond the duration, or a neuron or trial does not exist.
    """
    wrong = [dim for dim in held.trials if dim in RESERVED_DIMS or dim in _NAMES]
    if wrong:
        raise InputError(f"{function}: {wrong[0]!r} cannot be a dim of trials, the package uses the name; rename it")
    bad = ~np.isfinite(time) | (time < 0)
    if bad.any():
        k = int(np.argmax(bad))
        raise InputError(f"{function}: times must be finite and at least 0 s; spike {k} has {time[k]} s")
    limit = MOST_NEURON if held.n_neuron is None else min(held.n_neuron, MOST_NEURON)
    bad = (neuron < 0) | (neuron >= limit)
    if bad.any():
        k = int(np.argmax(bad))
        raise InputError(f"{function}: neurons must be in 0 .. {limit - 1}; spike {k} has {neuron[k]}")
    finish = end_of(function, held.attrs)
    if time.size and time.max() > finish * (1 + 1e-12):
        k = int(np.argmax(time))
        raise InputError(
            f"{function}: times must be at most {finish} s, the end of the run; spike {k} has {time[k]} s. Give a longer duration="
        )
    time, neuron, trial = _in_order(time, neuron, trial)
    rows = np.bincount(trial, minlength=held.n_trial).astype(np.int64)
    dims = tuple(held.trials)
    coords: dict[Hashable, Any] = {
        name: coord for name, coord in held.coords.items() if set(coord.dims) <= {*dims, "neuron"}
    }
    variables: dict[str, tuple[tuple[Hashable, ...], np.ndarray]] = {
        "spike_time": (("spike",), np.ascontiguousarray(time, np.float64)),
        "spike_neuron": (("spike",), neuron.astype(np.int32)),
        "spike_batch": (("spike",), trial.astype(np.int64)),
        "row_size": (dims, rows.reshape(tuple(held.trials.values()))),
    }
    return create_dataset(variables, coords, held.attrs)
