"""What is done with finished runs: put them together, count their spikes."""

from collections.abc import Hashable, Iterable

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, ParameterError, refuse_unknown_keywords
from bss2sim.variables import VARIABLES

__all__ = ["concatenate", "count_spikes"]

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
        If there is no run, or the runs differ in variables, dims, coords other than `dim`, or attrs.

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


@refuse_unknown_keywords
def count_spikes(run: xr.Dataset, n_neuron: int | None = None) -> xr.DataArray:
    """Count the spikes of each trial and neuron.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate` with any kind of spikes but "first", or sparse spikes.
    n_neuron : int, optional
        Size of the population. By default the length of dim ``neuron``, for sparse spikes without that dim the
        largest index of a spike + 1.

    Returns
    -------
    DataArray, shape (..., neuron)
        Number of spikes.

    Raises
    ------
    InputError
        If `run` has no spikes, or one of a neuron beyond `n_neuron`.
    ParameterError
        If `n_neuron` is not a positive whole number.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 2, 2], n_neuron=4, duration=1e-5)
    >>> count_spikes(spikes, 4).values
    array([1, 0, 2, 0])
    """
    if not isinstance(run, xr.Dataset):
        raise InputError(f"count_spikes: run must be a Dataset; got {type(run).__name__}")
    if n_neuron is not None and (isinstance(n_neuron, bool) or not hasattr(n_neuron, "__index__") or n_neuron < 1):
        raise ParameterError(f"count_spikes: n_neuron must be a whole number of at least 1; got {n_neuron!r}")
    if "spike_count" in run:
        return run.spike_count
    if "spikes" in run:
        count = run.spikes.sum("time", dtype=np.int64)
    elif "row_size" in run:
        neuron = run.spike_neuron.values
        found = int(neuron.max()) + 1 if neuron.size else 0
        size = run.sizes.get("neuron", found) if n_neuron is None else n_neuron
        if found > size:
            raise InputError(f"count_spikes: neuron {found - 1} spiked, but there are {size} neurons")
        shape = (*run.row_size.shape, size)
        place = run.spike_batch.values * size + neuron
        values = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape)
        count = xr.DataArray(values, run.row_size.coords, (*run.row_size.dims, "neuron"))
    else:
        raise InputError(
            f"count_spikes: the run has no spikes to count, only {', '.join(map(str, run.data_vars))}; "
            f'record them with Recording(spikes="count")'
        )
    count.attrs = {"long_name": VARIABLES["spike_count"].long_name}
    return count.rename("spike_count")


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
