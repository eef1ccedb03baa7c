"""Blocks of Neo as Datasets: spikes of any block, and all else of those that :func:`bss2sim.convert.to_neo` made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import InputError, choose, first_few, refuse_unknown_keywords
from .description import KEY, NUMBER, Description, from_text
from .neo_signals import SAME, read_variables, seconds
from .neo_write import import_neo
from .spikes import MOST_NEURON, check_duration, check_n_neuron, end_of, make_spikes

if TYPE_CHECKING:
    import neo

_OTHER = ("events", "epochs", "imagesequences")


@refuse_unknown_keywords
def from_neo(block: neo.Block, *, only: str | None = None, duration: float | None = None) -> xr.Dataset:
    """Make a Dataset of a block of Neo.

    Parameters
    ----------
    block : neo.Block
        Each segment is a trial, each spike train a neuron: that of its annotation ``channel_id``, else its position. Of a
        block that :func:`to_neo` made, all variables, labels and attributes are restored.
    only : {None, "spikes"}
        "spikes" leaves out all else that a block may hold: signals, waveforms, events, epochs. By default a block that holds
        what a Dataset of this package has no place for is refused.
    duration : float, optional
        Length of the trials [s]. Default: from `t_start` to `t_stop`, which must then be the same in all spike trains.

    Returns
    -------
    Dataset
        With sparse spikes if there are spike trains, which :func:`bss2sim.simulate` takes as inputs; trials are the dim
        ``batch`` unless the block says otherwise. Silent trains count in its attribute ``n_neuron``.

    Raises
    ------
    InputError
        If the block holds what has no place, segments are missing, or times, units, shapes or numbers do not fit.
    ParameterError
        If an argument is out of range.
    MissingDependencyError
        If Neo is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import neo
    >>> import bss2sim as b2
    >>> segment = neo.Segment()
    >>> segment.spiketrains.append(neo.SpikeTrain([10.0, 30.0], units="us", t_stop=100.0))
    >>> block = neo.Block()
    >>> block.segments.append(segment)
    >>> spikes = b2.convert.from_neo(block)
    >>> spikes.spike_time.values, spikes.attrs["duration"]
    (array([1.e-05, 3.e-05]), 0.0001)
    """
    neo, pq = import_neo("from_neo")
    if not isinstance(block, neo.Block):
        raise InputError(f"from_neo: block must be a neo.Block; got {type(block).__name__}")
    only = choose("from_neo: only", only, (None, "spikes"))
    known = from_text("from_neo", block.annotations[KEY]) if KEY in block.annotations else None
    segments = _in_order(list(block.segments), known)
    _refuse_lost(block, segments, known, only)
    held = known or Description({"batch": len(segments)})
    check_duration("from_neo", duration, held)
    parts = []
    if any(len(segment.spiketrains) for segment in segments) or only == "spikes":
        parts.append(_read_spikes(pq, segments, held, known is None, duration))
    if only is None and known is not None:
        parts.append(read_variables(pq, block, segments, held))
    if not parts:
        raise InputError("from_neo: the block has no spike trains")
    return xr.merge(parts, compat="identical", join="exact", combine_attrs="override")


def _in_order(segments: list[Any], known: Description | None) -> list[Any]:
    """Return segments in the order of their trials."""
    if not segments:
        raise InputError("from_neo: the block has no segments; each trial is one")
    if known is None:
        return segments
    numbers = [segment.annotations.get(NUMBER) for segment in segments]
    if sorted(numbers, key=str) != sorted(range(known.n_trial), key=str):
        raise InputError(
            f"from_neo: the block was made of {known.n_trial} trials, each a segment with its number as annotation {NUMBER}; it "
            f"has {first_few(numbers)}. Remove the annotation {KEY!r} of the block to read the segments as a batch"
        )
    return [segment for _, segment in sorted(zip(numbers, segments, strict=True), key=lambda pair: pair[0])]


def _refuse_lost(block: Any, segments: list[Any], known: Description | None, only: str | None) -> None:
    """Refuse what would be left out silently."""
    if only is not None:
        return
    if block.groups:
        raise InputError(
            "from_neo: the block has groups, which a Dataset has no place for; only='spikes' leaves them out"
        )
    names = set() if known is None else {*known.variables}
    for k, segment in enumerate(segments):
        for kind in _OTHER:
            if len(getattr(segment, kind)):
                raise InputError(
                    f"from_neo: segment {k} has {kind}, which a Dataset has no place for; only='spikes' leaves them out"
                )
        trains = segment.spiketrains
        for position, train in enumerate(trains if _is_split(trains) else ()):
            what = "waveforms" if getattr(train, "waveforms", None) is not None else "array annotations"
            if what == "waveforms" or len(getattr(train, "array_annotations", ())):
                raise InputError(
                    f"from_neo: segment {k}: spike train {position} has {what}, which a Dataset has no place for; only='spikes' "
                    "leaves them out"
                )
        for signal in [*segment.analogsignals, *segment.irregularlysampledsignals]:
            if signal.name not in names:
                raise InputError(
                    f"from_neo: segment {k} has a signal {signal.name!r} that to_neo did not write; only='spikes' leaves it out"
                )


def _is_split(trains: Any) -> bool:
    """Whether the spike trains of a segment are objects of their own, and not one array.

    The array is read as it is, which takes no time. Once Neo has split it, its public `multiplexed` may be out of date.
    """
    return not (len(trains) and getattr(trains, "_items", trains) is None)


def _trains(pq: Any, k: int, segment: Any) -> tuple[np.ndarray, np.ndarray, list[int], list[tuple[Any, Any]]]:
    """Return times [s], neurons, all neurons, and starts and ends of the spike trains of a segment."""
    trains = segment.spiketrains
    where = f"from_neo: segment {k}"
    if not _is_split(trains):
        neuron, time = trains.multiplexed
        ids = [_channel(where, k, number) for k, number in enumerate(trains.all_channel_ids)]
        return seconds(pq, time), np.asarray(neuron), ids, [(trains.t_start, trains.t_stop)]
    times, neurons, ids, ends = [np.zeros(0)], [np.zeros(0, np.int64)], [], []
    for position, train in enumerate(trains):
        train = train.load() if hasattr(train, "load") else train
        number = _channel(where, position, train.annotations.get("channel_id", position))
        ids.append(number)
        ends.append((train.t_start, train.t_stop))
        times.append(seconds(pq, train.times))
        neurons.append(np.full(times[-1].size, number, np.int64))
    return np.concatenate(times), np.concatenate(neurons), ids, ends


def _channel(where: str, position: int, number: Any) -> int:
    """Return the neuron that a spike train is of."""
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool | np.bool_)
    if not whole or not 0 <= number < MOST_NEURON:
        raise InputError(
            f"{where}: channel_id of spike train {position} must be a whole number in 0 .. {MOST_NEURON - 1}; got {number!r}"
        )
    return int(number)


def _read_spikes(pq: Any, segments: list[Any], held: Description, foreign: bool, duration: float | None) -> xr.Dataset:
    """Make sparse spikes of the trains of all segments."""
    time, neuron, trial, most = [], [], [], 0
    extents: dict[tuple[float, float], int] = {}
    for k, segment in enumerate(segments):
        found, whose, ids, ends = _trains(pq, k, segment)
        if len(set(ids)) < len(ids):
            twice = next(number for number in ids if ids.count(number) > 1)
            raise InputError(f"from_neo: segment {k} has two spike trains with channel_id {twice}; give each its own")
        for begin, end in ends:
            both = (float(seconds(pq, begin)), float(seconds(pq, end)))
            # of those that differ by rounding only, the first
            known = next((found for found in extents if np.allclose(found, both, rtol=SAME, atol=0)), both)
            extents.setdefault(known, k)
        time.append(found)
        neuron.append(whose)
        trial.append(np.full(found.size, k, np.int64))
        most = max([most, *(number + 1 for number in ids)])
    _check_extents(extents, held, foreign, duration)
    held.n_neuron = max(most, 1)
    if foreign and most:
        check_n_neuron("from_neo", most, held)
    return make_spikes("from_neo", np.concatenate(time), np.concatenate(neuron), np.concatenate(trial), held)


def _check_extents(
    extents: dict[tuple[float, float], int], held: Description, foreign: bool, duration: float | None
) -> None:
    """Take start and duration from the spike trains, or check them against those of the run."""
    for begin, end in extents:
        if not (np.isfinite(begin) and np.isfinite(end) and 0 <= begin <= end):
            raise InputError(
                f"from_neo: segment {extents[begin, end]}: spike trains must begin at 0 s or later and end after that; t_start is "
                f"{begin} s, t_stop {end} s. Move them with .time_shift()"
            )
    if duration is not None or not extents:
        return
    if foreign:
        if len(extents) > 1:
            raise InputError(
                f"from_neo: spike trains have {len(extents)} different extents from t_start to t_stop; give duration= [s] for all"
            )
        begin, end = next(iter(extents))
        if end > begin:
            held.attrs["duration"] = float(f"{end - begin:.15g}")
        if begin > 0:
            held.attrs["start_time"] = begin
        return
    end = end_of("from_neo", held.attrs)
    begin = held.attrs.get("start_time", 0.0)
    for found in extents:
        if not np.allclose(found, (begin, end), rtol=SAME, atol=0):
            raise InputError(
                f"from_neo: segment {extents[found]} goes from {found[0]} s to {found[1]} s, the run from {begin} s to {end} s. "
                f"Remove the annotation {KEY!r} of the block to read it without the labels of the run"
            )
