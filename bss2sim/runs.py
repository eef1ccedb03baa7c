"""What is done with finished runs: put them together, and make numbers of their spikes."""

from collections.abc import Hashable, Iterable

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, refuse_unknown_keywords
from bss2sim.spike_statistics import check_trials, count_spikes, first_spikes, intervals, rates

__all__ = ["concatenate", "count_spikes", "first_spikes", "intervals", "rates"]

_SPARSE = ("spike_time", "spike_neuron", "spike_batch")
_NO_TRIALS = ("time", "sample_time", "neuron", "spike", "synaptic_input")


@refuse_unknown_keywords
def concatenate(runs: Iterable[xr.Dataset], dim: Hashable = "batch") -> xr.Dataset:
    """Put runs together along a trial dimension.

    A batch that is simulated in pieces and put together is the same, bit for bit, as the batch simulated at once.

    Parameters
    ----------
    runs : iterable of Dataset
        Results of :func:`bss2sim.simulate`, or sparse spikes, with the same variables and the same settings.
    dim : hashable
        Trial dimension all of them have: ``batch`` or one of a sweep.

    Returns
    -------
    Dataset
        All trials, in the order of `runs`. Spikes are sorted by (trial, time, neuron) as in each run.

    Raises
    ------
    InputError
        If there is no run, the runs differ in variables, dims, coords other than `dim`, or attrs, or their spikes are
        of trials that were taken away.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> first = b2.sparse_spikes([1e-6, 2e-6], [0, 1], batch=[0, 1], n_batch=2, duration=1e-5)
    >>> second = b2.sparse_spikes([3e-6], [1], batch=[0], n_batch=1, duration=1e-5)
    >>> both = concatenate([first, second])
    >>> both.row_size.values, both.spike_batch.values
    (array([1, 1, 1]), array([0, 1, 2]))
    """
    if isinstance(runs, xr.Dataset) or not isinstance(runs, Iterable):
        raise InputError(f"concatenate: runs must be an iterable of Datasets; got {type(runs).__name__}")
    runs = list(runs)
    if not runs:
        raise InputError("concatenate: there is no run to put together")
    for index, run in enumerate(runs):
        _check_alike(runs[0], run, index, dim)

    sparse = "row_size" in runs[0].data_vars
    parts = [run.drop_vars(_SPARSE) if sparse else run for run in runs]
    try:
        # Variables without `dim` must be equal in all runs; so must the other coords.
        joined = xr.concat(
            parts, dim, data_vars="minimal", coords="minimal", compat="equals", join="exact", combine_attrs="override"
        )
    except (ValueError, xr.MergeError) as error:
        raise InputError(f"concatenate: the runs do not fit together: {error}") from error
    # xr.concat puts `dim` where it likes; the order of the first run is kept
    for name in joined.data_vars:
        joined[name] = joined[name].transpose(*runs[0][name].dims) if name in runs[0] else joined[name]
    if not sparse:
        return joined

    for index, run in enumerate(runs):
        check_trials(f"concatenate: run {index}", run)
    axis = runs[0].row_size.dims.index(dim)
    offset = 0
    trials = []
    for run in runs:
        place = list(np.unravel_index(run.spike_batch.values, run.row_size.shape))
        place[axis] = place[axis] + offset
        trials.append(np.ravel_multi_index(tuple(place), joined.row_size.shape))
        offset += run.sizes[dim]
    trial = np.concatenate(trials)
    # Spikes of one trial come from one run, in which they are sorted: a stable sort by trial is all that is missing.
    order = np.argsort(trial, kind="stable") if np.any(np.diff(trial) < 0) else slice(None)
    for name in _SPARSE:
        first = runs[0][name]
        values = trial if name == "spike_batch" else np.concatenate([run[name].values for run in runs])
        joined[name] = (first.dims, values[order].astype(first.dtype, copy=False), first.attrs)
    return joined[list(runs[0].data_vars)]


def _check_alike(first: xr.Dataset, run: xr.Dataset, index: int, dim: Hashable) -> None:
    """Refuse runs that are not pieces of one batch."""
    where = f"concatenate: run {index}"
    if not isinstance(run, xr.Dataset):
        raise InputError(f"{where} must be a Dataset, got {type(run).__name__}")
    if dim not in run.dims:
        raise InputError(f"{where} has no dim {dim!r}, only {', '.join(map(repr, run.dims))}")
    if dim in _NO_TRIALS:
        raise InputError(f"{where}: runs are put together along a dim of trials, {dim!r} is none")
    if set(run.data_vars) != set(first.data_vars):
        odd = ", ".join(sorted(map(str, set(run.data_vars) ^ set(first.data_vars))))
        raise InputError(f"{where} and run 0 have different variables: only one of them has {odd}")
    for name in first.data_vars:
        if run[name].dims != first[name].dims:
            raise InputError(f"{where}: {name} has the dims {run[name].dims}, run 0 has {first[name].dims}")
    if run.attrs != first.attrs:
        odd = next(key for key in {**first.attrs, **run.attrs} if run.attrs.get(key) != first.attrs.get(key))
        raise InputError(f"{where} has {odd} = {run.attrs.get(odd)!r}, run 0 has {odd} = {first.attrs.get(odd)!r}")
