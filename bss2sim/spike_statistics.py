"""Numbers made of the spikes of a run: counts, rates, intervals, first spikes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, ParameterError, first_few, refuse_unknown_keywords
from bss2sim.variables import LABEL_ATTRS

SPARSE = ("spike_time", "spike_neuron", "spike_batch", "row_size")
SELECTED = "selected_neuron"  # attribute that says whose spikes a selection of neurons left


def population_size(run: xr.Dataset) -> int:
    """Return the number of neurons of a run; of spikes that do not say it, the highest index of a spike + 1."""
    if "n_neuron" in run.attrs:
        return int(run.attrs["n_neuron"])
    found = int(run.spike_neuron.max()) + 1 if run.sizes.get("spike") else 0
    return int(run.sizes.get("neuron", found))


def neurons_of(run: xr.Dataset) -> np.ndarray:
    """Return the neurons whose sparse spikes a run has, silent ones too: all, or those that ``bss2.sel`` left."""
    if SELECTED in run.attrs:
        return np.array(json.loads(run.attrs[SELECTED]), np.int64)
    return np.arange(population_size(run))


@refuse_unknown_keywords
def count_spikes(run: xr.Dataset, n_neuron: int | None = None) -> xr.DataArray:
    """Count the spikes of each trial and neuron.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate` with any kind of spikes but "first", or sparse spikes.
    n_neuron : int, optional
        Size of the population, of sparse spikes. By default what the attribute of that name says, else the length of
        dim ``neuron``, else the largest index of a spike + 1.

    Returns
    -------
    DataArray, shape (..., neuron)
        Number of spikes.

    Raises
    ------
    InputError
        If `run` has no spikes, one of a neuron beyond `n_neuron`, or spikes of trials that were taken away, or ``xr.concat``
        put it together.
    ParameterError
        If `n_neuron` is not a positive whole number.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 2, 2], n_neuron=4, duration=1e-5)
    >>> b2.runs.count_spikes(spikes).values
    array([1, 0, 2, 0])
    """
    _check_dataset("count_spikes", run)
    if n_neuron is not None and (isinstance(n_neuron, bool) or not hasattr(n_neuron, "__index__") or n_neuron < 1):
        raise ParameterError(f"count_spikes: n_neuron must be a whole number of at least 1; got {n_neuron!r}")
    if "spike_count" in run:
        return run.spike_count
    if "spikes" in run:
        count = run.spikes.sum("time", dtype=np.int64)
    elif "row_size" in run:
        check_sparse("count_spikes", run)
        neuron = run.spike_neuron.values
        found = int(neuron.max()) + 1 if neuron.size else 0
        size = population_size(run) if n_neuron is None else n_neuron
        if found > size:
            raise InputError(f"count_spikes: neuron {found - 1} spiked, but there are {size} neurons")
        place = run.spike_batch.values * size + neuron
        label = neurons_of(run) if n_neuron is None else np.arange(n_neuron)
        count = _by_neuron(run, np.bincount(place, minlength=run.row_size.size * size), size, label)
    else:
        raise InputError(
            f"count_spikes: the run has no spikes to count, only {first_few(run.data_vars) or 'nothing'}; "
            f'record them with Recording(spikes="count")'
        )
    count.attrs = dict(LABEL_ATTRS["spike_count"])
    return count.rename("spike_count")


@refuse_unknown_keywords
def rates(run: xr.Dataset) -> xr.DataArray:
    """Return the rate of each trial and neuron: its number of spikes by the duration of the run.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate` with any kind of spikes but "first", or sparse spikes; its attribute
        ``duration`` [s] says how long it was.

    Returns
    -------
    DataArray, shape (..., neuron)
        Rate in hardware time [Hz].

    Raises
    ------
    InputError
        If `run` has no spikes that can be counted, those of trials that were taken away, or no duration.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 2, 2], n_neuron=4, duration=1e-5)
    >>> b2.runs.rates(spikes).values
    array([100000.,      0., 200000.,      0.])
    """
    _check_dataset("rates", run)
    duration = run.attrs.get("duration", 0.0)
    if not (isinstance(duration, int | float | np.number) and 0 < duration < np.inf):
        raise InputError("rates: the run must have an attribute duration, in seconds, to make rates of counts")
    rate = count_spikes(run) / duration
    rate.attrs = dict(LABEL_ATTRS["rate"])
    return rate.rename("rate")


@refuse_unknown_keywords
def intervals(run: xr.Dataset) -> xr.DataArray:
    """Return the inter-spike intervals: the times from each spike of a neuron to its next one in the same trial.

    Parameters
    ----------
    run : Dataset
        Result with sparse spikes, whose times are not rounded to bins.

    Returns
    -------
    DataArray, shape (interval,)
        Intervals [s], sorted by trial, then neuron, then time, with the coordinates ``interval_neuron`` and
        ``interval_batch``: whose they are, as ``spike_neuron`` and ``spike_batch`` say it.

    Raises
    ------
    InputError
        If `run` has no sparse spikes, or those of trials that were taken away.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 5e-6, 6e-6], [0, 3, 0, 0], duration=1e-5)
    >>> found = b2.runs.intervals(spikes)
    >>> (found.values * 1e6).round(6), found.interval_neuron.values
    (array([4., 1.]), array([0, 0], dtype=int32))
    """
    check_sparse("intervals", run)
    time, neuron, trial = (run[name].values for name in SPARSE[:3])
    order = np.lexsort((time, neuron, trial))
    time, neuron, trial = time[order], neuron[order], trial[order]
    same = (neuron[1:] == neuron[:-1]) & (trial[1:] == trial[:-1])
    labels = {"interval_neuron": neuron[1:][same], "interval_batch": trial[1:][same]}
    coords = {name: ("interval", values, LABEL_ATTRS[name]) for name, values in labels.items()}
    attrs = dict(LABEL_ATTRS["spike_interval"])
    return xr.DataArray(np.diff(time)[same], coords, ("interval",), "spike_interval", attrs)


@refuse_unknown_keywords
def first_spikes(run: xr.Dataset) -> xr.DataArray:
    """Return the time of the first spike of each trial and neuron.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate` with sparse or first spikes, or sparse spikes.

    Returns
    -------
    DataArray, shape (..., neuron)
        Time [s]; NaN where a neuron did not fire.

    Raises
    ------
    InputError
        If `run` has neither first nor sparse spikes, a spike of a neuron beyond its population, or spikes of trials that
        were taken away.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 2, 2], n_neuron=3, duration=1e-5)
    >>> b2.runs.first_spikes(spikes).values
    array([1.e-06,    nan, 2.e-06])
    """
    _check_dataset("first_spikes", run)
    if "first_spike" in run:
        return run.first_spike
    check_sparse("first_spikes", run, 'Recording(spikes="first") or Recording(spikes="sparse")')
    size, neuron = population_size(run), run.spike_neuron.values
    if neuron.size and neuron.max() >= size:
        raise InputError(f"first_spikes: neuron {neuron.max()} spiked, but there are {size} neurons")
    time = np.full(run.row_size.size * size, np.inf)
    np.minimum.at(time, run.spike_batch.values * size + neuron, run.spike_time.values)
    first = _by_neuron(run, np.where(np.isinf(time), np.nan, time), size, neurons_of(run))
    first.attrs = dict(LABEL_ATTRS["first_spike"])
    return first.rename("first_spike")


def _by_neuron(run: xr.Dataset, values: np.ndarray, size: int, label: np.ndarray) -> xr.DataArray:
    """Label values of each trial and of `size` neurons, flat, with the coordinates of the trials; keep those of `label`."""
    coords: dict[Any, Any] = {name: coord for name, coord in run.row_size.coords.items() if name != "neuron"}
    if "neuron" in run.coords and np.array_equal(run.neuron.values, label):
        coords["neuron"] = run.neuron
    elif not np.array_equal(label, np.arange(size)):
        coords["neuron"] = ("neuron", label, LABEL_ATTRS["neuron"])
    values = values.reshape(*run.row_size.shape, size)
    return xr.DataArray(values[..., label], coords, (*run.row_size.dims, "neuron"))


def _check_dataset(function: str, run: object) -> None:
    """Refuse what is no Dataset."""
    if not isinstance(run, xr.Dataset):
        raise InputError(f"{function}: run must be a Dataset; got {type(run).__name__}")


def check_sparse(function: str, run: object, remedy: str = 'Recording(spikes="sparse")') -> None:
    """Refuse what has no sparse spikes."""
    _check_dataset(function, run)
    assert isinstance(run, xr.Dataset)
    if any(name not in run for name in SPARSE):
        raise InputError(
            f"{function}: the run has no sparse spikes, only {first_few(run.data_vars) or 'nothing'}; "
            f"record them with {remedy}"
        )
    check_trials(function, run)


def check_trials(function: str, run: xr.Dataset) -> None:
    """Refuse sparse spikes of other trials than those of row_size, to which xarray's ``.isel(batch=1)`` leaves all spikes.

    A trial may have fewer spikes than its row_size says: ``.isel(spike=...)`` chooses among them.
    """
    for name in SPARSE[:3]:
        if run[name].dims != ("spike",):
            raise InputError(
                f"{function}: {name} must have the dim spike alone; got {run[name].dims}. Put runs together with "
                "bss2sim.runs.concatenate(), not with xr.concat()"
            )
    rows, trial = run.row_size.values.ravel(), run.spike_batch.values
    found = np.bincount(trial, minlength=rows.size)
    if found.size > rows.size or (found > rows).any():
        raise InputError(
            f"{function}: spikes and row_size are of other trials: .sel() and .isel() along "
            f"{first_few(run.row_size.dims) or 'trials'} leave spikes as they are. Select in the whole run with .bss2.sel() or "
            ".bss2.isel(), which take the spikes along"
        )
