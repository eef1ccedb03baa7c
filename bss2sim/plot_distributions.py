"""Histograms of what circuits achieve, before and after a calibration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bss2sim.errors import InputError, choose, refuse_unknown_keywords
from bss2sim.plot_axes import DARK, LIGHT, load_pyplot, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = ("leak", "reset", "threshold", "tau_mem", "tau_syn", "synaptic_strength", "refractory_time", "holdoff_time")
_BINS = 40


def _chosen(before: xr.Dataset, after: xr.Dataset, quantities: str | Iterable[str]) -> list[str]:
    """Return the names asked for; InputError if one cannot be drawn."""
    try:
        names = [quantities] if isinstance(quantities, str) else list(quantities)
    except TypeError:
        raise InputError(f"distributions: quantities must be names, e.g. ['leak']; got {quantities!r}") from None
    if not names:
        raise InputError("distributions: quantities is empty; name at least one, or leave it out for all of a neuron")
    known = [str(name) for name in before.data_vars if name in after.data_vars]
    for name in names:
        try:
            choose("quantity", name, known)
        except ValueError as reason:
            raise InputError(f"distributions: {reason}") from None
        for what, achieved in (("before", before), ("after", after)):
            if achieved[name].dtype.kind not in "iuf":
                raise InputError(
                    f"distributions: {name} of {what} holds no numbers but {achieved[name].dtype}; name quantities like 'leak'"
                )
            if not _values(achieved, name).size:
                raise InputError(
                    f"distributions: {name} has no finite value in {what}; leave it out, or set the registers it depends on"
                )
    return names


def _values(achieved: xr.Dataset, name: str) -> np.ndarray:
    """Return the finite values of a quantity, in the unit in which they are shown."""
    values = shown(achieved[name])[0].ravel()
    return values[np.isfinite(values)]


@refuse_unknown_keywords
def distributions(before: xr.Dataset, after: xr.Dataset, quantities: str | Iterable[str] | None = None) -> list[Axes]:
    """Draw histograms of every quantity over the circuits, before and after a calibration.

    Parameters
    ----------
    before, after : Dataset
        What circuits achieve, as ``EmulatedChip.achieved`` returns it and ``Calibration.achieved`` holds it.
    quantities : str or iterable of str, optional
        Which; by default those of a neuron that are in both and finite.

    Returns
    -------
    list of Axes
        One a quantity, in the order of `quantities`, of a new figure.

    Raises
    ------
    InputError
        If a quantity is not in both, holds no numbers or no finite ones, or if there is none to draw.
    MissingDependencyError
        If matplotlib is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> chip = b2.EmulatedChip(seed=7)
    >>> calibration = b2.calibrate(chip, b2.NeuronCalibTarget())
    >>> before = chip.achieved(b2.calibration.uniform_registers(calibration.registers))
    >>> axes = distributions(before, calibration.achieved, ["threshold", "tau_mem"])
    >>> axes[1].get_xlabel()
    'tau_mem [us]'
    """
    for what, given in (("before", before), ("after", after)):
        if not isinstance(given, xr.Dataset):
            raise InputError(f"distributions: {what} must be a Dataset of quantities; got {type(given).__name__}")
    common = [name for name in _SHOWN if name in before and name in after]
    if quantities is None:
        names = [name for name in common if _values(before, name).size and _values(after, name).size]
        if not names:
            raise InputError(
                "distributions: before and after have no quantity in common; take those of EmulatedChip.achieved"
            )
    else:
        names = _chosen(before, after, quantities)
    plt = load_pyplot()
    n_column = min(len(names), 4)
    n_row = -(-len(names) // n_column)
    figure, axes = plt.subplots(
        n_row, n_column, figsize=(3.0 * n_column, 2.5 * n_row), squeeze=False, layout="constrained"
    )
    for ax, name in zip(axes.flat, names, strict=False):
        values = [_values(achieved, name) for achieved in (before, after)]
        both = np.concatenate(values)
        if both.min() == both.max():
            bins = np.linspace(both.min() - 0.5, both.max() + 0.5, _BINS + 1)
        else:
            bins = np.linspace(both.min(), both.max(), _BINS + 1)
        ax.hist(values[0], bins, color=LIGHT, label="before")
        ax.hist(values[1], bins, color=DARK, histtype="step", linewidth=1.5, label="after")
        ax.set(xlabel=f"{name}{shown(before[name])[1]}", ylabel="Circuits")
    axes.flat[0].legend(fontsize="small")
    for ax in list(axes.flat)[len(names) :]:
        figure.delaxes(ax)
    return list(axes.flat)[: len(names)]
