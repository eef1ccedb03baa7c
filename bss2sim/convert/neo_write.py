"""Runs as blocks of Neo: a segment for each trial, with spike trains, signals on a grid and irregular samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import InputError, MissingDependencyError, refuse_unknown_keywords
from .description import KEY, NUMBER, Description, as_text, describe
from .spikes import check_n_neuron, check_run, end_of, take_spikes

if TYPE_CHECKING:
    import neo

SPARSE = ("spike_time", "spike_neuron", "spike_batch", "row_size")
SAMPLED = {"cadc_value": "cadc_time", "madc_value": "madc_time"}
TRACES = ("membrane", "current")
ALONG_TIME = ("time", "sample_time")


def import_neo(function: str) -> tuple[Any, Any]:
    """Import Neo and its units."""
    try:
        import neo
        import quantities
    except ImportError as error:
        raise MissingDependencyError(
            f'{function} needs Neo, which is not installed: pip install "bss2sim[neo]"'
        ) from error
    return neo, quantities


@refuse_unknown_keywords
def to_neo(run: xr.Dataset, n_neuron: int | None = None) -> neo.Block:
    """Make a block of Neo of a run.

    Parameters
    ----------
    run : Dataset
        A result of :func:`bss2sim.simulate`, or sparse spikes.
    n_neuron : int, optional
        Number of neurons, each a spike train in every segment. Default: as the run says, else as are labelled or spike.

    Returns
    -------
    neo.Block
        One ``Segment`` for each trial, annotated with ``bss2sim_trial``, its number, and the labels of the trial dims. In it
        a spike train for each neuron, annotated with ``channel_id``, the neuron, from `t_start` to `t_stop` of the run; an
        ``AnalogSignal`` (time, neuron) of the membrane and of each synaptic current on the grid, an
        ``IrregularlySampledSignal`` of those at sample times, of the CADC one for each hemisphere, and of the MADC one. Times
        are in s. Values are dimensionless; an annotation ``unit`` names what they are in. Variables without time, as spike
        counts, are annotations of the block, and so is the text ``bss2sim``, from which :func:`from_neo` knows the labels.

    Raises
    ------
    InputError
        If the run is chunked, has no trials or no duration, spikes outside of it, or holds what Neo has no place for.
    ParameterError
        If n_neuron is no whole number.
    MissingDependencyError
        If Neo is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([3e-6, 1e-6], [0, 1], [1, 1], n_batch=2, duration=1e-5)
    >>> block = b2.convert.to_neo(spikes)
    >>> [len(segment.spiketrains) for segment in block.segments], block.segments[1].annotations["batch"]
    ([2, 2], 1)
    >>> float(block.segments[1].spiketrains[0][0].rescale("us"))
    3.0
    """
    neo, pq = import_neo("to_neo")
    run = check_run("to_neo", run)
    if "duration" not in run.attrs:
        raise InputError("to_neo: the run has no attribute duration, where spike trains end; make it with duration=")
    trials = _trial_dims(run)
    others = [str(name) for name in run.data_vars if name not in SPARSE]
    held = describe("to_neo", run, trials, others)
    if not held.n_trial:
        raise InputError(f"to_neo: the run has no trials, {held.trials}, and a block needs a segment; leave it out")
    if not np.isfinite(end_of("to_neo", run.attrs)):
        raise InputError(f"to_neo: attribute 'duration' must be finite; got {run.attrs['duration']} s")
    segments = [neo.Segment(name=f"trial {k}", index=k) for k in range(held.n_trial)]
    labels = {dim: held.labels(dim) for dim in held.trials}
    shape = tuple(held.trials.values())
    for k, segment in enumerate(segments):
        segment.annotations[NUMBER] = k
        for dim, place in zip(held.trials, np.unravel_index(k, shape), strict=True):
            segment.annotations[dim] = _annotation(labels[dim][place])
    block = neo.Block(name="bss2sim")
    if "spike_time" in run:
        spikes = take_spikes("to_neo", run, n_neuron)
        check_n_neuron("to_neo", n_neuron, held)
        _add_spikes(neo, pq, segments, spikes, run.attrs)
    elif n_neuron is not None:
        raise InputError("to_neo: n_neuron is the number of spike trains, and the run has no sparse spikes")
    for name in others:
        _add_variable(neo, pq, block, segments, run, name, held)
    block.annotations[KEY] = as_text(held)
    block.segments.extend(segments)
    return block


def _trial_dims(run: xr.Dataset) -> tuple[Any, ...]:
    """Return the trial dims of a run: all that are no part of a variable."""
    inner = {*ALONG_TIME, "neuron", "spike", "synaptic_input", "hemisphere", "cadc_sample", "madc_sample", "input"}
    first = [run["row_size"]] if "row_size" in run else []
    arrays = [*first, *(run[name] for name in run.data_vars)]
    return tuple(dict.fromkeys(dim for array in arrays for dim in array.dims if dim not in inner))


def _annotation(label: Any) -> Any:
    """Return a label as what Neo may hold."""
    if isinstance(label, np.datetime64 | np.timedelta64):
        return str(label)
    return label.item() if isinstance(label, np.generic) else label


def _add_spikes(neo: Any, pq: Any, segments: list[Any], spikes: Any, attrs: dict[str, Any]) -> None:
    """Add the spike trains of all neurons to each segment."""
    from neo.core.spiketrainlist import SpikeTrainList

    begin = float(attrs.get("start_time", 0.0))
    end = end_of("to_neo", attrs)
    outside = (spikes.time < begin) | (spikes.time > end * (1 + 1e-12))
    if outside.any():
        k = int(np.argmax(outside))
        raise InputError(
            f"to_neo: spike {k} is at {spikes.time[k]} s, outside of the run, {begin} s to {end} s; correct its attributes "
            "start_time and duration"
        )
    start, stop = begin * pq.s, end * pq.s
    ids = list(range(spikes.n_neuron))
    for segment, first, last in zip(segments, spikes.pointer[:-1], spikes.pointer[1:], strict=True):
        time, neuron = spikes.time[first:last].copy(), spikes.neuron[first:last].astype(np.int64)
        trains = SpikeTrainList.from_spike_time_array(time, neuron, ids, t_stop=stop, units="s", t_start=start)
        trains.segment = segment
        segment.spiketrains = trains


def _add_variable(
    neo: Any, pq: Any, block: Any, segments: list[Any], run: xr.Dataset, name: str, held: Description
) -> None:
    """Add a variable other than spikes: as signals of the segments, or as an annotation of the block."""
    array = run[name]
    if name in SAMPLED.values():
        if not any(value in run for value, time in SAMPLED.items() if time == name):
            raise InputError(
                f"to_neo: the run has {name} without the samples taken then; .drop_vars({name!r}) leaves it out"
            )
        return
    if name in SAMPLED:
        _add_samples(neo, pq, segments, run, name, held)
    elif name in TRACES:
        _add_traces(neo, pq, segments, array, held, run.attrs)
    elif set(array.dims) & {*ALONG_TIME, "cadc_sample", "madc_sample"}:
        raise InputError(
            f'to_neo: Neo has no place for {name} {array.dims}; record with Recording(spikes="sparse"), or leave it out with '
            f".drop_vars({name!r})"
        )
    else:
        block.annotations[name] = np.array(array.values)


def _per_trial(array: xr.DataArray, held: Description) -> np.ndarray:
    """Return an array (trial, ...) of a variable that may lack some trial dims."""
    own = [dim for dim in array.dims if dim not in held.trials]
    lead = [dim for dim in held.trials if dim in array.dims]
    values = array.transpose(*lead, *own).values
    inner = values.shape[len(lead) :]
    values = values.reshape([held.trials[dim] if dim in lead else 1 for dim in held.trials] + list(inner))
    return np.broadcast_to(values, (*held.trials.values(), *inner)).reshape(held.n_trial, *inner)


def _add_traces(neo: Any, pq: Any, segments: list[Any], array: xr.DataArray, held: Description, attrs: Any) -> None:
    """Add a membrane or current to each segment; a signal for each synaptic input."""
    axis = next((dim for dim in ALONG_TIME if dim in array.dims), None)
    if axis is None or axis not in array.coords:
        raise InputError(f"to_neo: {array.name} {array.dims} has no time coordinate; give it one [s]")
    time, values = array[axis].values.astype(np.float64), _per_trial(array, held)
    neuron = array["neuron"].values if "neuron" in array.coords else np.arange(array.sizes["neuron"])
    inputs = [str(entry) for entry in array["synaptic_input"].values] if "synaptic_input" in array.dims else [None]
    own = [dim for dim in array.dims if dim not in held.trials]
    held.coords.pop(str(axis), None)  # the signals have the times: exactly, or as whole steps of the run
    step = attrs.get("dt")
    even = axis == "time" and step is not None and on_grid(time, float(step)) is not None
    unit = array.attrs.get("units", "unit of threshold")
    for k, segment in enumerate(segments):
        for place, which in enumerate(inputs):
            trace = values[k].take(place, axis=own.index("synaptic_input")) if which is not None else values[k]
            notes = {"unit": unit} if which is None else {"unit": unit, "synaptic_input": which}
            labels: dict[str, Any] = {"name": str(array.name), "array_annotations": {"neuron": neuron}, **notes}
            if even:
                signal = neo.AnalogSignal(trace, units=pq.dimensionless, t_start=time[0] * pq.s,
                                          sampling_period=float(step) * pq.s, **labels)  # fmt: skip
                segment.analogsignals.append(signal)
            else:
                signal = neo.IrregularlySampledSignal(time * pq.s, trace, units=pq.dimensionless, **labels)
                segment.irregularlysampledsignals.append(signal)


def on_grid(time: np.ndarray, step: float) -> int | None:
    """Return the number of the first step if all times are whole steps in a row, to the bit."""
    if time.size == 0 or not step > 0 or not np.isfinite(time).all():
        return None
    first = round(float(time[0]) / step)
    return first if np.array_equal((first + np.arange(time.size)) * step, time) else None


def _add_samples(neo: Any, pq: Any, segments: list[Any], run: xr.Dataset, name: str, held: Description) -> None:
    """Add what an ADC read to each segment; of the CADC one signal for each hemisphere that has neurons."""
    if SAMPLED[name] not in run:
        raise InputError(f"to_neo: the run has {name} without {SAMPLED[name]}, the times of the samples")
    value, time = _per_trial(run[name], held), _per_trial(run[SAMPLED[name]], held)
    unit = run[name].attrs.get("units", "LSB")
    if name == "madc_value":
        for k, segment in enumerate(segments):
            notes = (
                {"unit": unit, "neuron": int(run.attrs["madc_neuron"])}
                if "madc_neuron" in run.attrs
                else {"unit": unit}
            )
            signal = neo.IrregularlySampledSignal(
                time[k] * pq.s, value[k][:, None], units=pq.dimensionless, name=name, **notes
            )
            segment.irregularlysampledsignals.append(signal)
        return
    if "row" not in run.coords or run["row"].dims != ("neuron",):
        raise InputError(
            "to_neo: cadc_value needs the coordinate row (neuron), from which the times of a neuron follow"
        )
    row = run["row"].values
    neuron = run["neuron"].values if "neuron" in run.coords else np.arange(row.size)
    for k, segment in enumerate(segments):
        for hemisphere in range(time.shape[1]):
            mine = row == hemisphere
            labels = {
                "name": name,
                "array_annotations": {"neuron": neuron[mine]},
                "unit": unit,
                "hemisphere": hemisphere,
            }
            signal = neo.IrregularlySampledSignal(
                time[k, hemisphere] * pq.s, value[k][:, mine], units=pq.dimensionless, **labels
            )
            segment.irregularlysampledsignals.append(signal)
