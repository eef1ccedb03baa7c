"""Axes to draw in, and what goes for all of them: units that are shown, ranges of time, ticks on whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bss2sim.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

DARK, LIGHT = "#1a1a2e", "#e5b000"  # they can be told apart in grey
_SHOWN_UNITS = {"s": ("us", 1e6), "Hz": ("kHz", 1e-3)}


def load_pyplot() -> Any:
    """Return matplotlib.pyplot; MissingDependencyError names the extra that brings it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingDependencyError(
            'pictures need matplotlib, which is not installed: pip install "bss2sim[plot]"'
        ) from error
    return pyplot


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the Axes given, or those of a new figure."""
    pyplot = load_pyplot()
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


def shown(array: xr.DataArray) -> tuple[np.ndarray, str]:
    """Return numbers in the unit in which they are shown, and this unit in brackets after a space; empty without one."""
    unit, factor = _SHOWN_UNITS.get(array.attrs.get("units", ""), (array.attrs.get("units", ""), 1.0))
    return np.asarray(array.values) * factor, f" [{unit}]" if unit else ""


def time_range(ax: Axes, run: xr.Dataset, time: np.ndarray) -> None:
    """Show the whole run in us, up to the last of the times if its duration is not known."""
    start = run.attrs.get("start_time", 0.0) * 1e6
    length = run.attrs.get("duration", 0.0) * 1e6
    ax.set_xlim(start, start + length if length else time.max(initial=start + 1.0))


def legend_above(ax: Axes, columns: int) -> None:
    """Put a legend inside the Axes, and raise the upper limit so that it stands above what is drawn."""
    legend = ax.legend(
        loc="upper center", ncols=columns, fontsize="small", frameon=False, borderaxespad=0.2, columnspacing=1.2
    )
    if not ax.get_autoscaley_on():
        return  # the limits are the caller's
    ax.autoscale_view(scalex=False)
    rows = -(-len(legend.get_texts()) // columns)
    points = rows * float(legend.get_texts()[0].get_fontsize()) * 1.5 + 6
    share = min(points / 72 * ax.figure.dpi / ax.bbox.height, 0.5)
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, bottom + (top - bottom) / (1 - share), auto=None)


def whole_numbers(axis: Axis) -> None:
    """Put ticks of an axis of neurons on whole numbers only, even if there is one neuron."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins="auto", steps=[1, 2, 5, 10], min_n_ticks=1))
