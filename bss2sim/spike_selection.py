"""Select along dims of a result, its sparse spikes with them, which xarray leaves as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, UnknownKeywordError, first_few, suggestion
from bss2sim.spike_statistics import SELECTED, SPARSE, check_trials, neurons_of, population_size

Apply = Callable[[xr.Dataset, Mapping[Hashable, Any]], xr.Dataset]
_LABEL = "bss2_neuron_label"  # a variable that travels with dim neuron through the selection


def select(function: str, run: xr.Dataset, indexers: Mapping[Hashable, Any], apply: Apply) -> xr.Dataset:
    """Select with xarray, and take the spikes of the trials and neurons that are left.

    Parameters
    ----------
    function : str
        Who asks, for messages.
    run : Dataset
        Any result, with sparse spikes or without.
    indexers : mapping
        By dim what to select.
    apply : callable
        Select from a Dataset as xarray does.

    Returns
    -------
    Dataset
        ``row_size`` and ``spike_batch`` are those of the trials that are left, in their order.

    Raises
    ------
    UnknownKeywordError
        If there is no such dim.
    InputError
        If xarray refuses the selection, the spikes cannot follow it, or they are of other trials than the run already.
    """
    sparse = all(name in run for name in SPARSE)
    if not sparse:
        _check_dims(function, run, indexers)
        return _apply(function, run, indexers, apply)
    check_trials(function, run)
    if "time" in indexers:
        raise InputError(
            f"{function}: the sparse spikes of a run are not on a grid, so time cannot be selected for all of it; select in one "
            "variable, run.membrane.sel(time=...), and spikes by a mask, run.bss2.isel(spike=run.spike_time < 1e-5)"
        )
    adds_neuron = "neuron" not in run.dims and "neuron" not in run.coords
    rest = run.drop_dims("spike")
    if adds_neuron and "neuron" in indexers:
        rest = rest.assign_coords(neuron=("neuron", neurons_of(run)))
    _check_dims(function, rest, {dim: what for dim, what in indexers.items() if dim != "spike"}, ("neuron", "spike"))
    spikes = run[[name for name, variable in run.variables.items() if "spike" in variable.dims]]
    if "spike" in indexers:
        spikes = _some_spikes(function, spikes, indexers["spike"], apply)
    others = {dim: what for dim, what in indexers.items() if dim != "spike"}

    # row_size itself carries which trial is which
    shape = run.row_size.shape
    rest = rest.assign(row_size=(run.row_size.dims, np.arange(run.row_size.size).reshape(shape)))
    label = _labels(function, run, rest) if "neuron" in rest.dims else None
    if label is not None:
        rest = rest.assign({_LABEL: ("neuron", label)})
    chosen = _apply(function, rest, others, apply)
    kept = None
    if label is not None:
        # other names than "neuron" may select along it: an index over another coordinate
        if "neuron" in others or not np.array_equal(chosen[_LABEL].values, label):
            kept = _kept_neurons(function, run, chosen[_LABEL])
        chosen = chosen.drop_vars(_LABEL)
    trial = chosen.row_size
    order, rows = _places(spikes, run.row_size.size, trial.values.ravel(), kept)
    return _with_spikes(run, chosen, spikes.isel(spike=order), rows.reshape(trial.shape), kept)


def _check_dims(
    function: str, run: xr.Dataset, indexers: Mapping[Hashable, Any], more: tuple[Hashable, ...] = ()
) -> None:
    """Refuse names along which nothing can be selected."""
    options = ("method", "tolerance", "drop") if function == "sel" else ("drop",)
    known = [*dict.fromkeys([*run.dims, *(run.xindexes if function == "sel" else ()), *more, *options])]
    for name in indexers:
        if name in run.dims or (function == "sel" and name in run.xindexes):
            continue
        if name in run.coords and run[name].ndim == 1:
            (dim,) = run[name].dims
            raise UnknownKeywordError(
                f"{function}: {name!r} labels dim {dim!r} and is no dim itself; select isel({dim}=run.{name} == value)"
            )
        if name in run.coords:
            raise UnknownKeywordError(
                f"{function}: {name} {run[name].values} was selected already, it is no dim any more"
            )
        raise UnknownKeywordError(
            f"{function}: the data has no dim {name!r}{suggestion(str(name), [str(dim) for dim in known])}"
        )


def _apply(function: str, run: xr.Dataset, indexers: Mapping[Hashable, Any], apply: Apply) -> xr.Dataset:
    """Select with xarray; its refusals become an InputError that says which labels there are."""
    try:
        return apply(run, indexers)
    except (KeyError, IndexError, ValueError, TypeError) as reason:
        text = str(reason.args[0]).rstrip(".") if reason.args else type(reason).__name__
        if text in indexers:  # all that xarray says of a text where positions are meant
            text = f"{text} has no labels, and {indexers[text]!r} is no position"
        there = [
            f"{dim}: {first_few(run[dim].values) if function == 'sel' and dim in run.coords else f'0 .. {run.sizes[dim] - 1}'}"
            for dim in indexers
            if dim in run.dims
        ]
        raise InputError(f"{function}: {text}" + (f"; there are {'; '.join(there)}" if there else "")) from reason


def _some_spikes(function: str, spikes: xr.Dataset, wanted: Any, apply: Apply) -> xr.Dataset:
    """Select spikes by their position."""
    place = xr.Dataset({"place": ("spike", np.arange(spikes.sizes["spike"]))})
    found = _apply(function, place, {"spike": wanted}, apply).place
    if found.dims != ("spike",) or (np.diff(found.values) <= 0).any():
        raise InputError(
            f"{function}: spikes stay in their order, each at most once: select them with a mask or a slice along spike"
        )
    return spikes.isel(spike=found.values)


def _labels(function: str, run: xr.Dataset, rest: xr.Dataset) -> np.ndarray:
    """Return which neuron of the population each entry along dim neuron is."""
    if "neuron" in rest.coords and rest.neuron.dtype.kind in "iu":
        return rest.neuron.values
    label = neurons_of(run)
    if label.size != rest.sizes["neuron"]:
        raise InputError(
            f"{function}: dim neuron has {rest.sizes['neuron']} entries and no numbers as labels, the spikes are of {label.size} "
            "neurons; label it with assign_coords(neuron=...)"
        )
    return label


def _kept_neurons(function: str, run: xr.Dataset, label: xr.DataArray) -> np.ndarray:
    """Return the neurons that were selected, checked against those whose spikes the run has."""
    if any(dim != "neuron" for dim in label.dims):
        raise InputError(
            f"{function}: neuron selects along {first_few(label.dims)}, which spikes cannot follow; select with a list of labels"
        )
    kept = np.atleast_1d(label.values)
    if np.unique(kept).size != kept.size:
        raise InputError(f"{function}: neuron must name each neuron once; got {first_few(kept)}")
    lost = kept[~np.isin(kept, neurons_of(run))]
    if lost.size and SELECTED in run.attrs:
        raise InputError(
            f"{function}: the spikes of neuron {lost[0]} are not there any more, an earlier selection left them out; select from "
            "the whole run"
        )
    if lost.size and "n_neuron" in run.attrs:
        raise InputError(
            f"{function}: {lost[0]} along dim neuron is no index in the population of {population_size(run)} neurons, by which "
            "spikes are named; keep other names in a coordinate of their own along neuron"
        )
    return kept


def _places(
    spikes: xr.Dataset, n_trial: int, trial: np.ndarray, kept: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the spikes of trials are, one trial after the other, and how many each has."""
    of_trial = spikes.spike_batch.values
    place = np.arange(of_trial.size)
    if kept is not None:
        place = place[np.isin(spikes.spike_neuron.values, kept)]
    if (np.diff(of_trial[place]) < 0).any():
        place = place[np.argsort(of_trial[place], kind="stable")]
    count = np.bincount(of_trial[place], minlength=n_trial)
    begin = np.cumsum(count) - count
    rows = count[trial]
    shift = begin[trial] - (np.cumsum(rows) - rows)
    return place[np.arange(int(rows.sum())) + np.repeat(shift, rows)], rows


def _with_spikes(
    run: xr.Dataset, chosen: xr.Dataset, spikes: xr.Dataset, rows: np.ndarray, kept: np.ndarray | None
) -> xr.Dataset:
    """Put spikes (spike,) and their rows into what was selected, the selection without spikes."""
    kind = run.row_size.dtype
    data = {name: spikes.variables[name] for name in spikes.data_vars}
    batch = np.repeat(np.arange(rows.size), rows.ravel()).astype(run.spike_batch.dtype)
    data["spike_batch"] = xr.Variable("spike", batch, run.spike_batch.attrs)
    data["row_size"] = xr.Variable(chosen.row_size.dims, rows.astype(kind), run.row_size.attrs)
    result = chosen.assign(data)
    along = {name: spikes.variables[name] for name in spikes.coords if "spike" in spikes.variables[name].dims}
    result = result.assign_coords(along) if along else result
    if kept is not None and not np.array_equal(kept, neurons_of(run)):
        size = max(population_size(run), int(kept.max(initial=-1)) + 1)
        result = result.assign_attrs({"n_neuron": size, SELECTED: json.dumps(kept.tolist())})
    return result
