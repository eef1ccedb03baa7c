"""Pictures of numbers made of spikes: rates, intervals, first spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bss2sim.plot_axes import axes_or_new, legend_above, shown, time_range, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 50
_GREY = "0.65"


def draw_rates(rate: xr.DataArray, ax: Axes | None) -> Axes:
    """Draw the rate of each neuron (..., neuron) [Hz]: the mean over all trials, and from the lowest to the highest."""
    value, unit = shown(rate)
    value = value.reshape(-1, rate.sizes["neuron"])
    label = _labels(rate)
    ax = axes_or_new(ax)
    # room of a neuron in points: bars of neighbours leave a gap, as long as the ink can be seen
    room = ax.bbox.width / ax.figure.dpi * 72 / (np.ptp(label) + 1 if label.size else 1)
    if len(value) > 1:
        width = float(np.clip(0.6 * room, 0.3, 3))
        grey = _GREY if room > 2 else "0.4"  # thin lines look paler than they are
        ax.vlines(label, value.min(0), value.max(0), color=grey, linewidth=width, label="lowest to highest trial")
    size = float(np.clip(1.5 * room, 2, 6))
    ax.plot(
        label,
        value.mean(0),
        "o",
        color="black",
        markersize=size,
        markeredgewidth=0,
        label=f"mean of {len(value)} trials",
    )
    ax.set(xlabel="Neuron", ylabel=f"Rate{unit}")
    if len(value) > 1:
        legend_above(ax, 2)
    ax.set_ylim(bottom=0, auto=None)
    whole_numbers(ax.xaxis)
    return ax


def draw_intervals(interval: xr.DataArray, ax: Axes | None) -> Axes:
    """Draw how many inter-spike intervals (interval,) [s] there are of each length."""
    value, unit = shown(interval)
    ax = axes_or_new(ax)
    if value.size:
        ax.hist(
            value,
            np.linspace(0, value.max() * (1 + 1e-9), _BINS + 1).tolist(),
            color="0.4",
            edgecolor="black",
            linewidth=0.5,
        )
    else:
        ax.text(0.5, 0.5, "no neuron fired twice in a trial", ha="center", va="center", transform=ax.transAxes)
    ax.set(xlabel=f"Inter-spike interval{unit}", ylabel="Intervals")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    whole_numbers(ax.yaxis)
    return ax


def draw_first_spikes(first: xr.DataArray, run: xr.Dataset, ax: Axes | None) -> Axes:
    """Draw when each neuron fires first (..., neuron) [s]: every trial, and the median of those in which it fires."""
    value, unit = shown(first)
    value = value.reshape(-1, first.sizes["neuron"])
    label = _labels(first)
    fires = ~np.isnan(value).all(0)
    median = np.full(label.size, np.nan)
    median[fires] = np.nanmedian(value[:, fires], axis=0)
    ax = axes_or_new(ax)
    size = float(np.clip(200 / max(label.size, 1), 2, 6))
    several = len(value) > 1
    if several:
        trial, neuron = np.nonzero(~np.isnan(value))
        ax.plot(value[trial, neuron], label[neuron], "|", color=_GREY, markersize=size + 2, label="each trial")
    name = f"median of {len(value)} trials" if several else "first spike"
    ax.plot(median[fires], label[fires], "o", color="black", markersize=size, label=name)
    ax.set(xlabel=f"Time of the first spike{unit}", ylabel="Neuron")
    silent = "" if fires.all() else f"{int((~fires).sum())} of {label.size} neurons silent"
    ax.set_title(silent, fontsize="medium")
    if label.size:
        ax.set_ylim(label.min() - 0.7, label.max() + 0.7)
    time_range(ax, run, value[~np.isnan(value)])
    whole_numbers(ax.yaxis)
    if several:
        ax.legend(fontsize="small")
    return ax


def _labels(array: xr.DataArray) -> np.ndarray:
    """Labels of the neurons, their indices if there are none."""
    return array.neuron.values if "neuron" in array.coords else np.arange(array.sizes["neuron"])
