"""Runs as tidy pandas frames, one row per spike or per value, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..arrays import as_array
from ..errors import InputError, MissingDependencyError, refuse_unknown_keywords, suggestion
from ..variables import create_dataset
from .description import KEY, MOST_TRIAL, Description, as_text, describe, from_text
from .spikes import check_duration, check_n_neuron, check_run, make_spikes, take_spikes

if TYPE_CHECKING:
    import pandas as pd

_PER_SPIKE = ("spike_time", "spike_neuron", "spike_batch", "row_size")


def _pandas(function: str) -> Any:
    """Import pandas, which xarray brings."""
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError(f"{function} needs pandas, which is not installed: pip install pandas") from error
    return pandas


@refuse_unknown_keywords
def to_pandas(run: xr.Dataset, variable: str | None = None) -> pd.DataFrame:
    """Make a tidy frame of a run: of its spikes, or of another variable.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate`, or sparse spikes.
    variable : str, optional
        Name of the variable, e.g. "membrane", "spike_count" or "first_spike". Default: the sparse spikes.

    Returns
    -------
    pandas.DataFrame
        Of spikes: a column for each trial dim, with its labels or else positions, ``neuron`` and ``time`` [s]; one row
        per spike, sorted by trial, time and neuron. Of another variable: a column for each of its dims, and one with its
        values. ``attrs["bss2sim"]`` is a text with labels and attributes of the run, from which :func:`from_pandas`
        knows trials without spikes, too.

    Raises
    ------
    InputError
        If the run has no such variable, is chunked, or has labels that are not unique or cannot be written.
    MissingDependencyError
        If pandas is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([3e-6, 1e-6], [0, 5], [0, 1], n_batch=3)
    >>> b2.convert.to_pandas(spikes)
       batch  neuron      time
    0      0       0  0.000003
    1      1       5  0.000001
    """
    pandas = _pandas("to_pandas")
    if variable is None:
        spikes = take_spikes("to_pandas", run)
        _check_labels(pandas, spikes.held)
        row_size = np.diff(spikes.pointer)
        columns = {dim: np.repeat(values, row_size) for dim, values in _spread(spikes.held).items()}
        frame = pandas.DataFrame({**columns, "neuron": spikes.neuron, "time": spikes.time}, copy=False)
        frame.attrs[KEY] = as_text(spikes.held)
        return frame
    run = check_run("to_pandas", run)
    if variable not in run.data_vars:
        names = [str(name) for name in run.data_vars]
        raise InputError(f"to_pandas: the run has no variable {variable!r}{suggestion(str(variable), names)}")
    if variable in _PER_SPIKE:
        raise InputError(
            f"to_pandas: {variable} is a part of the sparse spikes; leave variable out for a frame of them"
        )
    array = run[variable]
    held = describe("to_pandas", run, array.dims, [variable])
    _check_labels(pandas, held)
    frame = pandas.DataFrame({**_spread(held), variable: array.values.reshape(-1)}, copy=False)
    frame.attrs[KEY] = as_text(held)
    return frame


def _spread(held: Description) -> dict[str, np.ndarray]:
    """Return the label of each dim for every entry of their product, in C order."""
    shape = tuple(held.trials.values())
    found = {}
    for axis, dim in enumerate(held.trials):
        along = held.labels(dim).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        found[dim] = np.broadcast_to(along, shape).reshape(-1)
    return found


def _check_labels(pandas: Any, held: Description) -> None:
    """Refuse labels from which the entry cannot be told."""
    for dim in held.trials:
        index = pandas.Index(held.labels(dim))
        if not index.is_unique:
            twice = index[index.duplicated()][0]
            raise InputError(
                f"to_pandas: dim {dim!r} has the label {twice} more than once; rows of these entries could not be told apart. "
                f"Drop the labels, .drop_vars({dim!r}), for positions"
            )


@refuse_unknown_keywords
def from_pandas(
    frame: pd.DataFrame,
    *,
    labels: Mapping[str, Any] | None = None,
    n_neuron: int | None = None,
    duration: float | None = None,
) -> xr.Dataset:
    """Make a Dataset of a tidy frame: of spikes, or of a variable that :func:`to_pandas` wrote.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of spikes: columns ``time`` [s] and ``neuron``, in any order; every other column is a dim of trials. Rows may be in
        any order. Of another variable: as :func:`to_pandas` made it, with its ``attrs``.
    labels : mapping of str to array, optional
        All labels of dims of trials, also of trials without spikes. Default: those in ``frame.attrs``, else those that occur;
        of a column ``batch`` of whole numbers 0 to the largest one.
    n_neuron : int, optional
        Number of neurons, to check the column against; it becomes an attribute of the spikes. Default: that in
        ``frame.attrs``, if any.
    duration : float, optional
        Length of the trials [s]. Default: that in ``frame.attrs``, if any.

    Returns
    -------
    Dataset
        Sparse spikes, which :func:`bss2sim.simulate` takes as inputs, or the variable, with all labels and attributes.

    Raises
    ------
    InputError
        If columns are missing or have no place, values are not finite or out of range, or a label does not exist.
    ParameterError
        If n_neuron or duration is out of range.
    MissingDependencyError
        If pandas is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> import bss2sim as b2
    >>> frame = pd.DataFrame({"batch": [1, 0], "neuron": [5, 0], "time": [1e-6, 3e-6]})
    >>> spikes = b2.convert.from_pandas(frame, duration=1e-5)
    >>> spikes.row_size.values, spikes.spike_neuron.values
    (array([1, 1]), array([0, 5], dtype=int32))
    """
    pandas = _pandas("from_pandas")
    if not isinstance(frame, pandas.DataFrame):
        raise InputError(f"from_pandas: frame must be a pandas.DataFrame; got {type(frame).__name__}")
    held = from_text("from_pandas", frame.attrs[KEY]) if KEY in frame.attrs else None
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(f"from_pandas: the frame has more than one column {twice[0]!r}")
    if held is not None and held.variables:
        if labels is not None or n_neuron is not None or duration is not None:
            raise InputError(
                f"from_pandas: labels, n_neuron and duration are for spikes; this frame holds {next(iter(held.variables))}"
            )
        return _from_values(pandas, frame, held)
    for name in ("time", "neuron"):
        if name not in frame:
            raise InputError(
                f"from_pandas: the frame has no column {name!r}, only {', '.join(map(repr, frame.columns))}"
            )
    dims = [column for column in frame.columns if column not in ("time", "neuron")]
    if labels is not None and not isinstance(labels, Mapping):
        raise InputError(f"from_pandas: labels must be a dict from dims to arrays; got {type(labels).__name__}")
    held = _complete(pandas, frame, dims, held, dict(labels or {}))
    check_duration("from_pandas", duration, held)
    check_n_neuron("from_pandas", n_neuron, held)
    trial = _places(pandas, frame, held)
    time, neuron = _column(frame, "time", "iuf").astype(np.float64), _column(frame, "neuron", "iu")
    return make_spikes("from_pandas", time, neuron, trial, held)


def _column(frame: pd.DataFrame, name: str, kinds: str) -> np.ndarray:
    """Return a column of numbers."""
    column = as_array(f"from_pandas: column {name!r}", frame[name], "numbers", InputError)
    if frame[name].size == 0:
        return column.astype(np.int64 if kinds == "iu" else np.float64)
    if frame[name].isna().any() or column.dtype.kind not in kinds:
        what = "whole numbers" if kinds == "iu" else "numbers"
        raise InputError(f"from_pandas: column {name!r} must be {what}, none missing; got dtype {frame[name].dtype}")
    return column


def _complete(
    pandas: Any, frame: pd.DataFrame, dims: list[Any], known: Description | None, labels: dict[str, Any]
) -> Description:
    """Return the description of spikes: what is known, what the caller gives, and else what occurs in the frame."""
    for dim in dims:
        if not isinstance(dim, str):
            raise InputError(f"from_pandas: column {dim!r} has no name that a dim can have; rename it to a str")
    odd = [dim for dim in labels if dim not in dims]
    if odd:
        raise InputError(f"from_pandas: labels has {odd[0]!r}, which is no column of the frame but time and neuron")
    held = Description(attrs=dict(known.attrs), n_neuron=known.n_neuron) if known is not None else Description()
    if known is not None:
        if set(known.trials) != set(dims):
            odd = sorted(set(known.trials) ^ set(dims))
            raise InputError(
                f"from_pandas: the frame was made of a run with the dims {list(known.trials)}; only one of the two has {odd[0]!r}. "
                "Drop the column, or frame.attrs.clear() to make every column a dim"
            )
        held.coords = {name: coord for name, coord in known.coords.items() if not set(coord.dims) & set(labels)}
        dims = list(known.trials)
    for dim in dims:
        if dim not in labels and known is not None:
            held.trials[dim] = known.trials[dim]
            continue
        if dim in labels:
            values = as_array(f"from_pandas: labels[{dim!r}]", labels[dim], "an array", InputError)
            if values.ndim != 1 or not pandas.Index(values).is_unique:
                raise InputError(f"from_pandas: labels[{dim!r}] must be an array of one dim, each label once")
        else:
            column = as_array(f"from_pandas: column {dim!r}", frame[dim], "labels", InputError)
            if frame[dim].isna().any():
                raise InputError(f"from_pandas: column {dim!r} has missing entries; every spike needs a trial")
            if dim == "batch" and column.dtype.kind in "iu":
                held.trials[dim] = int(column.max()) + 1 if column.size else 0
                continue
            try:
                values = np.unique(column)
            except TypeError as reason:
                raise InputError(
                    f"from_pandas: column {dim!r} has labels without an order ({reason}); give labels={{{dim!r}: [...]}}"
                ) from reason
        held.trials[dim] = values.size
        held.coords[dim] = xr.Variable((dim,), values)
    if held.n_trial > MOST_TRIAL:
        raise InputError(
            f"from_pandas: the dims {held.trials} have {held.n_trial} trials; at most {MOST_TRIAL} fit. Give labels= of those "
            "there are"
        )
    return held


def _places(pandas: Any, frame: pd.DataFrame, held: Description) -> np.ndarray:
    """Return the position of every row in the product of the dims, in C order."""
    place = np.zeros(len(frame), np.int64)
    for dim, size in held.trials.items():
        values = held.labels(dim)
        column = frame[dim].to_numpy()
        if column.dtype.kind in "iu" and values.dtype.kind in "iu" and np.array_equal(values, np.arange(size)):
            outside = (column < 0) | (column >= size)
            found = np.where(outside, 0, column).astype(np.int64)
            found[outside] = -1
        else:
            found = pandas.Index(values).get_indexer(column)
        if (found < 0).any():
            k = int(np.argmax(found < 0))
            raise InputError(f"from_pandas: column {dim!r} of row {k} is {column[k]!r}, which is no label of this dim")
        place = place * size + found
    return place


def _from_values(pandas: Any, frame: pd.DataFrame, held: Description) -> xr.Dataset:
    """Make the variable that a frame holds, whatever the order of its rows."""
    (name, (dims, dtype, attrs)) = next(iter(held.variables.items()))
    if set(frame.columns) != {*dims, name} or set(dims) != set(held.trials):
        odd = sorted(map(str, set(frame.columns) ^ {*dims, name}))
        raise InputError(
            f"from_pandas: a frame of {name} has the columns {[*dims, name]}; only one of the two has {', '.join(odd)}"
        )
    place = _places(pandas, frame, held)
    times = np.bincount(place, minlength=held.n_trial)
    if (times != 1).any():
        k = int(np.argmax(times != 1))
        where = dict(zip(held.trials, map(int, np.unravel_index(k, tuple(held.trials.values()))), strict=True))
        raise InputError(f"from_pandas: {name} needs every entry once; that at {where} is there {times[k]} times")
    column = frame[name].to_numpy()
    wanted = np.dtype(dtype)
    if column.dtype != wanted:
        raise InputError(f"from_pandas: column {name!r} must have dtype {wanted}; got {column.dtype}")
    values = np.empty(held.n_trial, wanted)
    values[place] = column
    shape = tuple(held.trials[dim] for dim in dims)
    coords: dict[Hashable, Any] = {key: coord for key, coord in held.coords.items() if set(coord.dims) <= set(dims)}
    try:
        made = create_dataset({name: (dims, values.reshape(shape))}, coords, held.attrs)
    except TypeError as reason:
        raise InputError(f"from_pandas: {name} is no variable of this package: {reason}") from reason
    made[name].attrs = attrs
    return made
