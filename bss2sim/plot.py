"""Pictures of labelled results: spikes, traces and rates of classes, and what a calibration does to a chip.

Every function draws into the Axes it is given, or into those of a new figure, and returns them. Colours differ in
lightness as well as in hue, so that all pictures can be read in grey. Times are in us of hardware time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bss2sim.errors import InputError, refuse_unknown_keywords
from bss2sim.plot_axes import axes_or_new, legend_above, time_range, whole_numbers
from bss2sim.plot_distributions import distributions
from bss2sim.spike_statistics import check_trials, count_spikes, neurons_of
from bss2sim.trial_selection import listed_neurons, refuse_nothing, with_neuron_dim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["raster", "traces", "class_rates", "distributions"]

# Dark to light in luminance (about 15, 45, 65, 80 of 100), each with a line style of its own.
_STYLES = (("#1a1a2e", "-"), ("#c2410c", "-"), ("#2a9fd6", "--"), ("#e5b000", "-."))
_TRACE_SHOWN = 3


@refuse_unknown_keywords
def raster(run: xr.Dataset, ax: Axes | None = None, batch: int = 0) -> Axes:
    """Draw the spikes of one trial: time to the right, neurons upwards.

    Parameters
    ----------
    run : Dataset
        Result with sparse spikes (``spike_time`` [s], ``spike_neuron``, ``spike_batch``, ``row_size``).
    ax : Axes, optional
        Where to draw; a new figure by default.
    batch : int
        Trial: index into ``row_size``, flattened in C order if it has several dims.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If `run` has no sparse spikes or no such trial, or spikes of trials that were taken away.
    MissingDependencyError
        If matplotlib is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6], [0, 1], n_neuron=2, duration=5e-6)
    >>> ax = raster(spikes)
    >>> ax.get_xlabel()
    'Time [us]'
    """
    sparse = ("spike_time", "spike_neuron", "spike_batch", "row_size")
    _need(run, sparse, "raster", 'sparse spikes; record them with Recording(spikes="sparse")')
    check_trials("raster", run)
    refuse_nothing("raster", run.row_size)
    trial = _trial(run.row_size, batch, "raster")
    mine = run.spike_batch.values == trial
    time, neuron = run.spike_time.values[mine] * 1e6, run.spike_neuron.values[mine]
    # The population, not this trial, sets the range: trials drawn beside each other have the same axes.
    there = np.append(neurons_of(run), run.spike_neuron.values) if run.sizes["spike"] else neurons_of(run)
    lowest, highest = (int(there.min()), int(there.max())) if there.size else (0, 0)

    ax = axes_or_new(ax)
    # As high as a row, but never too small to be seen: ticks of a large population overlap their neighbours.
    row = ax.bbox.height / ax.figure.dpi * 72 / (highest - lowest + 2)
    ax.plot(time, neuron, "|", color="black", markersize=float(np.clip(0.8 * row, 4, 15)), markeredgewidth=1.0)
    ax.set(xlabel="Time [us]", ylabel="Neuron", ylim=(lowest - 0.7, highest + 0.7))
    time_range(ax, run, time)
    whole_numbers(ax.yaxis)
    return ax


@refuse_unknown_keywords
def traces(
    run: xr.Dataset,
    ax: Axes | None = None,
    neuron: int | Sequence[int] | None = None,
    batch: int = 0,
    *,
    threshold: float | None = None,
) -> Axes:
    """Draw the membranes of some neurons over time.

    Parameters
    ----------
    run : Dataset
        Result with ``membrane``, on the grid or at sample times.
    ax : Axes, optional
        Where to draw; a new figure by default.
    neuron : int or sequence of int, optional
        Labels of the neurons (coordinate ``neuron``); the first three recorded ones by default.
    batch : int
        Trial: index of the trial, flattened in C order if there are several trial dims.
    threshold : float, optional
        Potential at which a dotted line is drawn [unit of the membrane]; not of a run on a chip.

    Returns
    -------
    Axes
        The title says so if not all neurons that were recorded are drawn, and none were named.

    Raises
    ------
    InputError
        If `run` has no membrane, no such neuron or no such trial, or `threshold` is no number or of a chip.
    MissingDependencyError
        If matplotlib is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> record = b2.Recording(membrane=True)
    >>> run = b2.simulate(b2.IAFNeuron(2), np.full((10, 1, 2), 5.0), record=record)
    >>> ax = traces(run, threshold=125.0)
    >>> len(ax.lines)  # two membranes and the threshold
    3
    """
    _need(run, ("membrane",), "traces", "membrane; record it with Recording(membrane=True)")
    membrane = with_neuron_dim(run.membrane)
    axis = "sample_time" if "sample_time" in membrane.dims else "time"
    if axis not in membrane.dims or "neuron" not in membrane.dims:
        raise InputError(f"traces: the membrane must have dims time and neuron; got {membrane.dims}")
    refuse_nothing("traces", membrane)
    trial_dims = [dim for dim in membrane.dims if dim not in (axis, "neuron")]
    trial = _trial(membrane.isel({axis: 0, "neuron": 0}, drop=True), batch, "traces")
    where = np.unravel_index(trial, [membrane.sizes[dim] for dim in trial_dims]) if trial_dims else ()
    membrane = membrane.isel(dict(zip(trial_dims, map(int, where), strict=True)), drop=True)
    label = membrane.neuron.values if "neuron" in membrane.coords else np.arange(membrane.sizes["neuron"])
    chosen = label[:_TRACE_SHOWN] if neuron is None else listed_neurons("traces", neuron)
    missing = [index for index in chosen if index not in label]
    if missing:
        raise InputError(
            f"traces: the membrane of neuron {missing[0]} was not recorded; recorded: "
            f"{', '.join(map(str, label[:10]))}{', ...' if len(label) > 10 else ''}"
        )

    if threshold is not None and "calibration_id" in run.attrs:
        raise InputError(
            "traces: the membrane of a chip is post-processed, 80 LSB are -48 unless trace_offset=-128, and a threshold is not; "
            "draw a line where it belongs with ax.axhline"
        )

    if threshold is not None and (
        isinstance(threshold, bool | np.bool_) or not isinstance(threshold, int | float | np.number)
    ):
        raise InputError(f"traces: threshold must be one number [unit of the membrane]; got {threshold!r}")
    ax = axes_or_new(ax)
    time = membrane[axis].values * 1e6
    for number, index in enumerate(chosen):
        colour, style = _STYLES[number % len(_STYLES)]
        potential = membrane.isel(neuron=int(np.flatnonzero(label == index)[0])).values
        ax.plot(time, potential, color=colour, linestyle=style, linewidth=1.3, label=f"neuron {index}")
    if threshold is not None:
        ax.axhline(threshold, color="0.4", linestyle=":", linewidth=1.2, label="threshold")
    ax.set(xlabel="Time [us]", ylabel=f"Membrane potential [{membrane.attrs.get('units') or 'a.u.'}]")
    if note := shown_of(membrane, neuron):
        ax.set_title(note, fontsize="medium")
    time_range(ax, run, time)
    legend_above(ax, 4)
    return ax


def shown_of(membrane: xr.DataArray, neuron: object) -> str:
    """Say that traces are not drawn of all neurons, if none were named; else nothing."""
    size = membrane.sizes["neuron"]
    return f"{_TRACE_SHOWN} of {size} neurons" if neuron is None and size > _TRACE_SHOWN else ""


@refuse_unknown_keywords
def class_rates(run: xr.Dataset, label: xr.DataArray | ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw the mean rate of every neuron for every class of stimuli, as an image.

    Neurons are ordered by the class they prefer (the one with the highest mean rate), within a class by falling rate
    there; neurons that never spike come last. Neurons with a preference form a staircase.

    Parameters
    ----------
    run : Dataset
        Result with spikes of any kind that can be counted, one trial per stimulus; attr ``duration`` [s].
    label : DataArray or array_like, shape (batch,)
        Class of each stimulus.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If `run` has no spikes, or not as many trials as `label` has entries.
    MissingDependencyError
        If matplotlib is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6], [0, 1], [0, 1], n_neuron=2, duration=5e-6)
    >>> ax = class_rates(spikes, [0, 1])
    >>> ax.get_ylabel()
    'Class'
    """
    _need(run, (), "class_rates", "")
    count = count_spikes(run)
    label = np.asarray(label)
    if count.ndim != 2 or label.shape != count.shape[:1]:
        raise InputError(
            f"class_rates: label must have one entry for each of the trials {dict(count.sizes)}, "
            f"got an array of shape {label.shape}"
        )
    classes = np.unique(label)
    duration = run.attrs.get("duration", 0.0)
    if not duration > 0:
        raise InputError("class_rates: the run must have an attribute duration, in seconds, to make rates of counts")
    rate = np.stack([count.values[label == which].mean(axis=0) for which in classes]) / duration
    order, border = _by_preference(rate)

    ax = axes_or_new(ax)
    image = ax.imshow(rate[:, order] / 1e3, aspect="auto", cmap="Greys", vmin=0, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02)
    bar.set_label("Mean rate [kHz]")
    for place in border:
        ax.axvline(place - 0.5, color="tab:blue", linewidth=0.6)
    ax.set(xlabel="Neuron, ordered by preferred class", ylabel="Class")
    ax.set_yticks(range(len(classes)), [str(which) for which in classes])
    whole_numbers(ax.xaxis)
    return ax


def _by_preference(rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order of the neurons (neuron,) of rates (class, neuron), and where in it a new preferred class begins."""
    best = rate.max(axis=0)
    preferred = np.where(best > 0, rate.argmax(axis=0), len(rate))
    order = np.lexsort((-best, preferred))
    return order, np.flatnonzero(np.diff(preferred[order])) + 1


def _need(run: object, names: Sequence[str], function: str, what: str) -> None:
    """Refuse what is no Dataset or lacks a variable."""
    if not isinstance(run, xr.Dataset):
        raise InputError(f"{function}: run must be a Dataset; got {type(run).__name__}")
    if any(name not in run for name in names):
        raise InputError(f"{function}: the run has no {what}")


def _trial(trials: xr.DataArray, batch: int, function: str) -> int:
    """Index of a trial, checked; negative ones count from the end."""
    size = trials.size
    if isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or not -size <= batch < size:
        raise InputError(f"{function}: batch must be an index in 0 ... {size - 1}, got {batch!r}")
    return int(batch) % size
