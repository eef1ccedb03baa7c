"""Residuals of a calibration over the circuits of the chip, where they are on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bss2sim.hardware.coordinates import N_COLUMN, N_COLUMN_HALF, N_ROW, enum_to_grid
from bss2sim.plot_axes import axes_or_new, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_residuals(residual: xr.DataArray, success: np.ndarray, name: str, ax: Axes | None) -> Axes:
    """Draw residuals (atomic_neuron,) as an image of 2 rows and 256 columns; circuits that failed are crossed out."""
    value, unit = shown(residual)
    column, row = enum_to_grid(residual.atomic_neuron.values)
    grid = np.full((N_ROW, N_COLUMN), np.nan)
    grid[row, column] = value
    good = np.abs(value[success & np.isfinite(value)])
    most = float(good.max()) if good.size and good.max() > 0 else 1.0  # failed circuits would hide the others
    outside = bool((np.abs(value[np.isfinite(value)]) > most).any())
    ax = axes_or_new(ax)
    image = ax.imshow(
        grid, aspect="auto", interpolation="nearest", cmap="cividis", vmin=-most, vmax=most,
        extent=(-0.5, N_COLUMN - 0.5, N_ROW - 0.5, -0.5),
    )  # fmt: skip
    failed = ~success
    if failed.any():
        ax.plot(
            column[failed], row[failed], "x", color="white", markeredgecolor="black", markersize=5,
            label=f"{int(failed.sum())} failed",
        )  # fmt: skip
        ax.legend(loc="upper left", bbox_to_anchor=(0, 1.25), fontsize="small", frameon=False)
    ax.axvline(N_COLUMN_HALF - 0.5, color="black", linewidth=1.0)  # quadrants
    ax.axhline(0.5, color="black", linewidth=1.0)
    ax.set(xlabel="Column", ylabel="Row")
    ax.set_yticks([0, 1], ["0, top", "1, bottom"])
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, extend="both" if outside else "neither")
    bar.set_label(f"{name}: achieved\nless target{unit}")
    return ax
