"""Signals and annotations of blocks that :func:`bss2sim.convert.to_neo` made, as variables of a Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError, first_few
from ..variables import create_dataset
from .description import KEY, Description
from .neo_write import ALONG_TIME, SAMPLED, TRACES, on_grid
from .spikes import in_seconds

SAME = 1e-9  # relative: times that differ by rounding only


def seconds(pq: Any, value: Any) -> Any:
    """Return times in s; that they have a unit of time, Neo makes sure."""
    return in_seconds(np.asarray(value.magnitude, dtype=np.float64), float(value.units.rescale(pq.s).magnitude))


def read_variables(pq: Any, block: Any, segments: list[Any], held: Description) -> xr.Dataset:
    """Make the variables other than spikes that the description names."""
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    coords: dict[Any, Any] = dict(held.coords)
    for name, (dims, dtype, _) in held.variables.items():
        if name in SAMPLED.values():
            continue
        where = f"from_neo: {name}"
        if name in SAMPLED:
            values, times = _read_samples(pq, where, name, segments, held)
            variables[SAMPLED[name]] = _shaped(where, times, held, SAMPLED[name])
        elif name in TRACES:
            axis = next((dim for dim in ALONG_TIME if dim in dims), "time")
            values, coords[axis] = _read_trace(pq, where, name, segments, held)
        elif name in block.annotations:
            values = np.asarray(block.annotations[name])
            if values.dtype != np.dtype(dtype) or values.ndim != len(dims):
                raise InputError(
                    f"{where} must have dims {dims} and dtype {dtype}; got shape {values.shape}, dtype {values.dtype}"
                )
            variables[name] = (dims, values)
            continue
        else:
            raise InputError(f"{where} is missing: the block has no such annotation")
        variables[name] = _shaped(where, values, held, name)
    try:
        made = create_dataset(variables, {k: v for k, v in coords.items() if _fits(v, variables, held)}, held.attrs)
    except (TypeError, ValueError) as reason:
        raise InputError(f"from_neo: the variables of the block do not fit together: {reason}") from reason
    for key in made.data_vars:
        made[key].attrs = held.variables[str(key)][2]
    return made


def _fits(coord: Any, variables: Any, held: Description) -> bool:
    """Whether a coordinate labels dims that are there."""
    dims = {dim for own, _ in variables.values() for dim in own}
    return not isinstance(coord, xr.Variable) or set(coord.dims) <= {*dims, *held.trials, "neuron"}


def _shaped(where: str, values: np.ndarray, held: Description, name: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return an array (trial, ...) with the dims and the dtype of a variable."""
    if name not in held.variables:
        raise InputError(f"{where}: the description {KEY!r} of the block does not name {name}")
    dims, dtype, _ = held.variables[name]
    values = values.reshape(*held.trials.values(), *values.shape[1:])
    for axis, dim in reversed(list(enumerate(held.trials))):
        if dim not in dims:
            first = values.take([0], axis=axis)
            if not np.array_equal(values, np.broadcast_to(first, values.shape), equal_nan=values.dtype.kind == "f"):
                raise InputError(f"{where} has no dim {dim!r}, but differs along it")
            values = first.squeeze(axis)
    wanted = np.dtype(dtype)
    if values.ndim != len(dims):
        raise InputError(f"{where} must have dims {dims}; got shape {values.shape}")
    if values.dtype.kind not in "biuf":
        raise InputError(f"{where} must be real numbers; got dtype {values.dtype}")
    with np.errstate(invalid="ignore", over="ignore"):  # what does not fit is refused
        exact = values.astype(wanted)
    if not np.array_equal(exact, values, equal_nan=values.dtype.kind == "f"):
        raise InputError(f"{where} must be numbers of dtype {wanted}; some are not, or out of its range")
    return dims, np.ascontiguousarray(exact)


def _named(name: str, segment: Any) -> list[Any]:
    """Return the signals of a name."""
    return [signal for signal in [*segment.analogsignals, *segment.irregularlysampledsignals] if signal.name == name]


def _plain(pq: Any, where: str, signal: Any) -> np.ndarray:
    """Return the numbers of a signal; InputError if they have a unit."""
    if signal.units.dimensionality != pq.dimensionless.dimensionality:
        raise InputError(f"{where} must be dimensionless, as to_neo writes it; got {signal.units.dimensionality}")
    return np.asarray(signal.magnitude)


def _of_neurons(where: str, signal: Any, wanted: np.ndarray) -> None:
    """Refuse a signal of other neurons than those of the run."""
    found = signal.array_annotations.get("neuron", np.arange(signal.shape[1]))
    if not np.array_equal(found, wanted):
        raise InputError(f"{where} must be of neurons {first_few(wanted)}; got {first_few(found)}")


def _neurons(held: Description, name: str, segments: list[Any]) -> np.ndarray:
    """Return the neurons of the run."""
    if "neuron" in held.coords:
        return held.coords["neuron"].values
    return np.arange(max((signal.shape[1] for signal in _named(name, segments[0])), default=0))


def _read_trace(
    pq: Any, where: str, name: str, segments: list[Any], held: Description
) -> tuple[np.ndarray, np.ndarray]:
    """Return a trace (trial, time, [synaptic_input], neuron) and its times [s]."""
    dims = held.variables[name][0]
    pair = "synaptic_input" in dims
    neuron, time, rows = _neurons(held, name, segments), None, []
    for k, segment in enumerate(segments):
        signals = _named(name, segment)
        if len(signals) != (2 if pair else 1):
            raise InputError(f"{where}: segment {k} must have {2 if pair else 1} such signals; got {len(signals)}")
        if pair:
            order = [str(entry) for entry in held.coords["synaptic_input"].values]
            if sorted(str(signal.annotations.get("synaptic_input")) for signal in signals) != sorted(order):
                raise InputError(f"{where}: segment {k} must have a signal for each synaptic_input, {', '.join(order)}")
            signals.sort(key=lambda signal: order.index(signal.annotations["synaptic_input"]))
        parts = []
        for signal in signals:
            _of_neurons(where, signal, neuron)
            own = _times(pq, where, signal, held)
            if time is not None and not np.array_equal(own, time):
                raise InputError(
                    f"{where}: segment {k} has other times than the first one; a Dataset has one grid for all trials"
                )
            time = own
            parts.append(_plain(pq, where, signal))
        rows.append(np.stack(parts, axis=1) if pair else parts[0])
    assert time is not None
    return np.stack(rows), time


def _times(pq: Any, where: str, signal: Any, held: Description) -> np.ndarray:
    """Return the times of a signal [s]: whole steps of the run where they are such within rounding."""
    times = seconds(pq, signal.times)
    step = held.attrs.get("dt")
    if hasattr(signal, "sampling_rate") and isinstance(step, float) and step > 0 and times.size:
        exact = (round(float(times[0]) / step) + np.arange(times.size)) * step
        if np.allclose(times, exact, rtol=SAME, atol=SAME * step) and on_grid(exact, step) is not None:
            times = exact
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError(f"{where}: times must be finite and increase")
    return times


def _read_samples(
    pq: Any, where: str, name: str, segments: list[Any], held: Description
) -> tuple[np.ndarray, np.ndarray]:
    """Return what an ADC read (trial, sample, [neuron]), and when [s]."""
    value: list[np.ndarray] = []
    time: list[np.ndarray] = []
    of_cadc = name == "cadc_value"
    if of_cadc and not {"row", "neuron"} <= set(held.coords):
        raise InputError(f"{where}: the description {KEY!r} of the block lacks the rows of the neurons")
    for k, segment in enumerate(segments):
        signals = _named(name, segment)
        wanted = [0, 1] if of_cadc else [None]
        if [signal.annotations.get("hemisphere") for signal in signals] != wanted:
            what = "a signal of hemisphere 0 and one of 1" if of_cadc else "one such signal"
            raise InputError(f"{where}: segment {k} must have {what}; it has {len(signals)}")
        times = [seconds(pq, signal.times) for signal in signals]
        if any(not np.isfinite(own).all() or (np.diff(own) < 0).any() for own in times):
            raise InputError(f"{where}: segment {k}: times must be finite and in order")
        numbers = [_plain(pq, where, signal) for signal in signals]
        if len({len(own) for own in times}) > 1 or (value and len(times[0]) != len(value[0])):
            raise InputError(f"{where}: segment {k} has another number of samples; all must have the same")
        if not of_cadc:
            value.append(numbers[0][:, 0])
            time.append(times[0])
            continue
        row, neuron = held.coords["row"].values, held.coords["neuron"].values
        both = np.empty((len(times[0]), row.size), np.result_type(*numbers))
        for hemisphere, signal in enumerate(signals):
            _of_neurons(where, signal, neuron[row == hemisphere])
            both[:, row == hemisphere] = numbers[hemisphere]
        value.append(both)
        time.append(np.stack(times))
    return np.stack(value), np.stack(time)
