"""Residuals of a calibration over the circuits of the chip, where they are on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bss2sim.hardware.coordinates import N_COLUMN, N_COLUMN_HALF, N_ROW, enum_to_grid
from bss2sim.plot_axes import DARK, axes_or_new, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LANE = 2.6  # distance of the zeros of two rows, by the largest residual
_NAMES = ("row 0, top", "row 1, bottom")


def draw_residuals(residual: xr.DataArray, success: np.ndarray, name: str, ax: Axes | None) -> Axes:
    """Draw residuals (atomic_neuron,) as strokes up or down over the columns, a lane for each of the 2 rows.

    Circuits that failed are crosses: where their residual is, at the edge of their lane if it is beyond, at zero if it is none.
    """
    value, unit = shown(residual)
    column, row = enum_to_grid(residual.atomic_neuron.values)
    good = success & np.isfinite(value)
    judged = good if good.any() else np.isfinite(value)  # failed circuits would hide the others
    most = float(np.abs(value[judged]).max(initial=0.0)) or 1.0
    zero = -_LANE * most * row
    ax = axes_or_new(ax)
    ax.vlines(column[good], zero[good], (zero + value)[good], color=DARK, linewidth=1.0)
    failed = ~success
    if failed.any():
        height = np.clip(np.nan_to_num(value[failed]), -1.15 * most, 1.15 * most)
        beyond = int((np.abs(np.nan_to_num(value[failed])) > most).sum())
        label = f"{int(failed.sum())} failed" + (f", {beyond} of them beyond" if beyond else "")
        ax.plot(
            column[failed], zero[failed] + height, "x", color="#c2410c", markeredgewidth=1.5, markersize=6, label=label
        )
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, fontsize="small", frameon=False)
    ticks = _ticks(most)
    places = [-_LANE * most * lane for lane in range(N_ROW)]
    for place, text in zip(places, _NAMES, strict=True):
        ax.axhline(place, color="0.6", linewidth=0.8, zorder=0)
        ax.text(1.005, place, text, transform=ax.get_yaxis_transform(), rotation=-90, va="center", fontsize="small")
    ax.axvline(N_COLUMN_HALF - 0.5, color="0.6", linewidth=0.8, zorder=0)  # quadrants
    ax.set_yticks([place + tick for place in places for tick in ticks], [f"{tick:g}" for _ in places for tick in ticks])
    ax.set(xlabel="Column", ylabel=f"{name}: achieved\nless target{unit}", xlim=(-2, N_COLUMN + 1))
    ax.set_ylim(places[-1] - 1.25 * most, 1.25 * most)
    return ax


def _ticks(most: float) -> list[float]:
    """Return ticks of a lane, zero and as far up as down."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=4, symmetric=True, steps=[1, 2, 5, 10]).tick_values(-most, most)
    return [0.0 if abs(tick) < 1e-9 * most else float(tick) for tick in ticks if abs(tick) <= most * (1 + 1e-9)]
