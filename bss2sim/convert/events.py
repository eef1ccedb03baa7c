"""Spikes as structured arrays of events, one array a trial, as tonic and event cameras have them, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_array, as_seconds, as_whole
from ..errors import InputError, ParameterError, choose, refuse_unknown_keywords
from .description import KEY, Description, as_text, from_text
from .spikes import check_duration, check_n_neuron, in_seconds, make_spikes, take_spikes

_ROUNDINGS = (None, "nearest")
_LAST_PLACES = 4  # of a float64: what multiplying by the unit, there and back, may be off by
_FIELDS = {"x": np.int32, "y": np.int32, "t": np.int64, "p": np.int8}
_MOST_TIME = 2**53  # whole numbers beyond it have no exact float64


@refuse_unknown_keywords
def to_events(
    run: xr.Dataset,
    *,
    time_unit: float = 1e-6,
    rounding: str | None = None,
    sensor_size: Sequence[int] | None = None,
    n_neuron: int | None = None,
) -> xr.DataArray:
    """Make arrays of events of the sparse spikes of a run, one for each trial.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate` with sparse spikes, or sparse spikes.
    time_unit : float
        What field ``t`` counts [s]: 1e-6, the microseconds of tonic, by default; 8e-9 holds the time stamps of the chip.
    rounding : {None, "nearest"}
        What becomes of spikes between two units: refused, or moved to the nearest unit, which loses their exact times.
    sensor_size : (int, int, int), optional
        Width, height and polarities (1 or 2), as in tonic: neuron ``(p * height + y) * width + x`` becomes the event (x, y, p),
        in the order of tonic's frames. Default: every neuron a place x in one row.
    n_neuron : int, optional
        Number of neurons, to check the spikes against. Default: as the run says, or as occur.

    Returns
    -------
    DataArray of object, trial dims of the run
        Each entry a structured array (event,) sorted by time, with the fields ``x`` (int32), ``y`` (int32; only with
        sensor_size), ``t`` (int64) and ``p`` (int8; 0 if there is one polarity). Take one out with
        ``events.sel(batch=3).item()``. Labels and attributes of the run are kept.

    Raises
    ------
    InputError
        If the run has no sparse spikes, or a spike is between two units.
    ParameterError
        If an argument is out of range, or sensor_size has no room for the neurons.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([3e-6, 1e-6], [0, 5], [1, 1], n_batch=2)
    >>> events = b2.convert.to_events(spikes)
    >>> events.dims, events.isel(batch=1).item()["t"], events.isel(batch=1).item()["x"]
    (('batch',), array([1, 3]), array([5, 0], dtype=int32))
    """
    time_unit = as_seconds("to_events: time_unit", time_unit)
    rounding = choose("to_events: rounding", rounding, _ROUNDINGS)
    size = _check_sensor("to_events", sensor_size)
    spikes = take_spikes("to_events", run, n_neuron)
    if size is not None and spikes.n_neuron > math.prod(size):
        raise ParameterError(
            f"to_events: sensor_size {size} has {math.prod(size)} places for {spikes.n_neuron} neurons; make it larger"
        )
    events = np.zeros(spikes.time.size, [(name, kind) for name, kind in _FIELDS.items() if name != "y" or size])
    events["t"] = _whole_units(spikes.time, time_unit, rounding)
    if size is None:
        events["x"] = spikes.neuron
    else:
        rest, events["x"] = np.divmod(spikes.neuron, size[0])
        events["p"], events["y"] = np.divmod(rest, size[1])
    held = spikes.held
    if size is not None:
        held.n_neuron = math.prod(size)
    entries = np.empty(held.n_trial, object)
    # copies: a trial that is kept must not keep the memory of all
    entries[:] = [events[begin:end].copy() for begin, end in zip(spikes.pointer[:-1], spikes.pointer[1:], strict=True)]
    coords = {name: coord for name, coord in held.coords.items() if set(coord.dims) <= set(held.trials)}
    made = xr.DataArray(entries.reshape(tuple(held.trials.values())), coords, tuple(held.trials), name="events")
    made.attrs = {"time_unit": time_unit, KEY: as_text(held)}
    if size is not None:
        made.attrs["sensor_size"] = size
    return made


def _check_sensor(function: str, sensor_size: Any) -> tuple[int, int, int] | None:
    """Return width, height and polarities."""
    if sensor_size is None:
        return None
    try:
        width, height, polarities = sensor_size
    except (TypeError, ValueError) as reason:
        raise ParameterError(
            f"{function}: sensor_size must be (width, height, polarities); got {sensor_size!r}"
        ) from reason
    size = tuple(as_whole(f"{function}: each entry of sensor_size", entry) for entry in (width, height, polarities))
    if size[2] > 2:
        raise ParameterError(f"{function}: sensor_size has {size[2]} polarities; 1 or 2 exist")
    return size[0], size[1], size[2]


def _whole_units(time: np.ndarray, unit: float, rounding: str | None) -> np.ndarray:
    """Return times in whole units; InputError if one is in between and may not be rounded."""
    count = np.rint(time / unit)
    if time.size and count.max() >= _MOST_TIME:
        raise InputError(
            f"to_events: {time.max()} s is too long to be exact in units of {unit} s; give a larger time_unit"
        )
    if rounding is None:
        off = np.abs(in_seconds(count, unit) - time) > _LAST_PLACES * np.spacing(time)
        if off.any():
            k = int(np.argmax(off))
            raise InputError(
                f"to_events: {np.count_nonzero(off)} spikes are no whole numbers of {unit} s; spike {k} is at {time[k]} s. Give a "
                'smaller time_unit, 8e-9 for time stamps of the chip, or rounding="nearest", which moves them'
            )
    return count.astype(np.int64)


@refuse_unknown_keywords
def from_events(
    events: Any,
    *,
    time_unit: float | None = None,
    sensor_size: Sequence[int] | None = None,
    n_neuron: int | None = None,
    duration: float | None = None,
) -> xr.Dataset:
    """Make sparse spikes of arrays of events.

    Parameters
    ----------
    events : DataArray, structured array or sequence of them
        What :func:`to_events` made; or one structured array (event,), which gives a result without a dim of trials; or a
        list of them, one for each entry of ``batch``. Fields ``x``, ``t`` and ``p``, and ``y`` if sensor_size is given.
    time_unit : float, optional
        What field ``t`` counts [s]. Default: as to_events wrote it, else 1e-6.
    sensor_size : (int, int, int), optional
        Width, height and polarities: event (x, y, p) becomes neuron ``(p * height + y) * width + x``. Needed if events have
        a field y or both polarities.
    n_neuron : int, optional
        Number of neurons, to check the events against; it becomes an attribute of the spikes. Default: as to_events wrote it,
        or as sensor_size has.
    duration : float, optional
        Length of the trials [s]. Default: that of the run, if to_events wrote it.

    Returns
    -------
    Dataset
        Sparse spikes, which :func:`bss2sim.simulate` takes as inputs.

    Raises
    ------
    InputError
        If fields are missing or have no place, or hold no whole numbers, or a value is out of range.
    ParameterError
        If an argument is out of range.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> events = np.array([(3, 10, 1), (0, 25, 1)], dtype=[("x", int), ("t", int), ("p", int)])
    >>> spikes = b2.convert.from_events(events, n_neuron=4)
    >>> spikes.spike_time.values, spikes.spike_neuron.values
    (array([1.0e-05, 2.5e-05]), array([3, 0], dtype=int32))
    """
    held = Description()
    if isinstance(events, xr.DataArray):
        attrs = events.attrs
        if KEY in attrs:
            held = from_text("from_events", attrs[KEY])
            time_unit = attrs.get("time_unit") if time_unit is None else time_unit
            sensor_size = attrs.get("sensor_size") if sensor_size is None else sensor_size
        # the labels there are: entries may have been chosen since
        held.trials = {str(dim): size for dim, size in events.sizes.items()}
        outside = {
            name: coord for name, coord in held.coords.items() if coord.dims and not set(coord.dims) & set(events.dims)
        }
        inside = {str(name): coord.variable for name, coord in events.coords.items()}
        held.coords = {**{k: c for k, c in outside.items() if "neuron" in c.dims}, **inside}
        arrays = list(events.values.reshape(-1)) if events.ndim else [events.item()]
    elif isinstance(events, np.ndarray) and events.dtype.names is not None:
        arrays = [events]
    elif isinstance(events, Sequence) and not isinstance(events, str | bytes):
        arrays = list(events)
        held.trials = {"batch": len(arrays)}
    else:
        raise InputError(
            "from_events: events must be a structured array, a list of them, or what to_events made; got "
            f"{type(events).__name__}{'' if not isinstance(events, np.ndarray) else f' of dtype {events.dtype}'}"
        )
    time_unit = as_seconds("from_events: time_unit", 1e-6 if time_unit is None else time_unit)
    size = _check_sensor("from_events", sensor_size)
    if n_neuron is None and size is not None:
        if KEY in getattr(events, "attrs", ()):
            held.n_neuron = math.prod(size)
        else:
            n_neuron = math.prod(size)
    check_n_neuron("from_events", n_neuron, held)
    check_duration("from_events", duration, held)
    fields = [_read_fields(index, array, size) for index, array in enumerate(arrays)]
    none = np.zeros(0, np.int64)
    neuron = np.concatenate([none, *(field[0] for field in fields)])
    time = np.concatenate([none, *(field[1] for field in fields)])
    trial = np.repeat(np.arange(len(fields)), [field[0].size for field in fields])
    return make_spikes("from_events", in_seconds(time, time_unit), neuron, trial, held)


def _read_fields(index: int, array: Any, size: tuple[int, int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return neuron and time [units] of the events of a trial."""
    where = f"from_events: array {index}"
    array = as_array(where, array, "a structured array (event,)", InputError)
    names = array.dtype.names
    if names is None or array.ndim != 1:
        raise InputError(f"{where} must be a structured array (event,); got shape {array.shape}, dtype {array.dtype}")
    missing = [name for name in ("x", "t") if name not in names]
    odd = [name for name in names if name not in _FIELDS]
    if missing or odd:
        what = f"lacks field {missing[0]!r}" if missing else f"has a field {odd[0]!r}, which spikes have no place for"
        raise InputError(f"{where} {what}; fields are x, y, t and p")
    for name in names:
        if array.dtype[name].kind not in ("iu" if name in "xy" else "biu") or array.dtype[name].shape:
            raise InputError(f"{where}: field {name!r} must be whole numbers; got dtype {array.dtype[name]}")
    if (array["t"] > _MOST_TIME).any():
        k = int(np.argmax(array["t"] > _MOST_TIME))
        raise InputError(f"{where}: field 't' must be at most 2**53, to be exact; event {k} has {array['t'][k]}")
    value = {name: array[name].astype(np.int64) for name in names}
    if size is None:
        if "y" in names:
            raise InputError(f"{where} has a field 'y'; give sensor_size=(width, height, polarities)")
        if "p" in names and array.size and value["p"].min() != value["p"].max():
            raise InputError(
                f"{where} has more than one polarity; give sensor_size=(width, height, 2), which keeps them apart"
            )
        return value["x"], value["t"]
    width, height, polarities = size
    nothing = np.zeros(array.size, np.int64)
    y, p = value.get("y", nothing), value.get("p", nothing)
    if polarities == 1:
        # tonic's arrays of a single polarity hold either number
        if array.size and p.min() != p.max():
            raise InputError(f"{where} has more than one polarity, but sensor_size {size} has one")
        p = nothing
    for name, found, most in (("x", value["x"], width), ("y", y, height), ("p", p, polarities)):
        bad = (found < 0) | (found >= most)
        if bad.any():
            k = int(np.argmax(bad))
            raise InputError(
                f"{where}: field {name!r} must be in 0 .. {most - 1} by sensor_size {size}; event {k} has {found[k]}"
            )
    return (p * height + y) * width + value["x"], value["t"]
