"""What the accessor ``bss2`` draws of calibrations: it chooses entries, and hands numbers to the files that draw."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bss2sim.calibration.uncalibrated import achieved_uncalibrated
from bss2sim.errors import InputError, suggestion
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON, enum_to_capmem
from bss2sim.plot_distributions import distributions
from bss2sim.plot_residuals import draw_residuals
from bss2sim.trial_selection import first_unless_chosen, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RESIDUAL = "residual_"


class PicturesOfCalibrations:
    """The part of the accessor that draws calibrations."""

    _dataset: xr.Dataset

    def histograms(
        self,
        quantities: str | Iterable[str] | None = None,
        *,
        before: xr.Dataset | None = None,
        **entry: Any,
    ) -> list[Axes]:
        """Draw histograms of what circuits achieve, before and after the calibration.

        Parameters
        ----------
        quantities : str or iterable of str, optional
            Which; by default those of a neuron.
        before : Dataset
            What circuits achieved before, as ``EmulatedChip.achieved`` returns it. By default what the emulated chip of this
            calibration does with the same codes for all circuits (:func:`bss2sim.calibration.uniform_registers`).
        **entry
            Label along dims of your own (``chip``, those of a target) and ``synaptic_input``; all entries together along
            those that are not given.

        Returns
        -------
        list of Axes
            One a quantity, of a new figure.

        Raises
        ------
        InputError
            If this is no calibration, a quantity cannot be drawn, there is no such label, or the chip is not known and
            `before` not given.
        UnknownKeywordError
            If there is no such dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import bss2sim as b2
        >>> calibration = b2.calibrate(b2.EmulatedChip(seed=7), b2.NeuronCalibTarget())
        >>> axes = calibration.bss2.histograms(["threshold", "tau_mem"])
        >>> [ax.get_xlabel() for ax in axes]
        ['threshold [LSB]', 'tau_mem [us]']
        """
        calibration = self._calibration("histograms")
        if before is None:
            before = achieved_uncalibrated(calibration)
        elif not isinstance(before, xr.Dataset):
            raise InputError(f"histograms: before must be a Dataset of quantities; got {type(before).__name__}")
        places: dict[str, dict[Hashable, int]] = {"before": {}, "after": {}}
        own = {"before": before, "after": calibration}
        known = {dim: None for dataset in own.values() for dim in _dims_of_circuits(dataset)}
        for dim in entry:
            if dim not in known:
                positions("histograms", calibration.success, known, {dim: 0}, ("quantities", "before"))
        for name, dataset in own.items():
            there = {dim: label for dim, label in entry.items() if dim in _dims_of_circuits(dataset)}
            places[name] = _positions_in("histograms", dataset, there)
        axes = distributions(before.isel(places["before"]), calibration.isel(places["after"]), quantities)
        if entry:
            words = ", ".join(f"{dim} {label}" for dim, label in entry.items())
            axes[0].figure.suptitle(words, fontsize="medium")
        return axes

    def residuals(self, quantity: str = "threshold", ax: Axes | None = None, **entry: Any) -> Axes:
        """Draw how far circuits are from the target, where they are: strokes over the columns, one lane for each of the two rows.

        The range of a lane is that of the circuits that did not fail, if there are any. Those that failed are
        crosses, at the edge of the lane if they are beyond; the legend counts them.

        Parameters
        ----------
        quantity : str
            Which: ``threshold``, ``tau_syn``, ...
        ax : Axes, optional
            Where to draw; a new figure by default.
        **entry
            Label along dims of your own (``chip``, those of a target) and ``synaptic_input``. Where none is given it is the
            first; the title says which.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If this is no calibration, it has no such residual, or there is no such label.
        UnknownKeywordError
            If there is no such dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import bss2sim as b2
        >>> calibration = b2.calibrate(b2.EmulatedChip(seed=7), b2.NeuronCalibTarget())
        >>> ax = calibration.bss2.residuals("tau_syn", synaptic_input="inhibitory")
        >>> ax.get_title(), len(ax.collections[0].get_segments())
        ('synaptic_input inhibitory', 512)
        """
        calibration = self._calibration("residuals")
        there = [str(name).removeprefix(_RESIDUAL) for name in calibration.data_vars if str(name).startswith(_RESIDUAL)]
        if quantity not in there:
            hint = suggestion(quantity, there) if isinstance(quantity, str) else f"; known: {', '.join(there)}"
            raise InputError(f"residuals: this calibration has no residual of {quantity!r}{hint}")
        residual = calibration[_RESIDUAL + quantity]
        dims = [dim for dim in residual.dims if dim not in ("atomic_neuron", "capmem_block")]
        place = positions("residuals", residual, dims, entry, ("quantity", "ax"))
        place, title = first_unless_chosen(residual, dims, place)
        residual = residual.isel(place)
        success = calibration.success.isel({dim: at for dim, at in place.items() if dim in calibration.success.dims})
        if "capmem_block" in residual.dims:
            block = xr.DataArray(enum_to_capmem(success.atomic_neuron.values)[0], dims="atomic_neuron")
            residual = residual.sel(capmem_block=block).assign_coords(atomic_neuron=success.atomic_neuron)
        ax = draw_residuals(residual, success.values.astype(bool), quantity, ax)
        ax.set_title(title, fontsize="medium")
        return ax

    def _calibration(self, function: str) -> xr.Dataset:
        """Return the Dataset if it is a whole calibration."""
        dataset = self._dataset
        lacking = [name for name in ("success", "threshold_v_threshold_code") if name not in dataset]
        if lacking:
            raise InputError(
                f"{function}: this Dataset is no calibration, it has no {lacking[0]}; take the accessor of a Calibration, as "
                "calibrate() and load_calibration() return it, or of Calibration.to_dataset()"
            )
        if "atomic_neuron" not in dataset.coords:
            dataset = dataset.assign_coords(atomic_neuron=np.arange(N_ATOMIC_NEURON))
        return dataset


def _dims_of_circuits(dataset: xr.Dataset) -> list[Hashable]:
    """Dims of a Dataset of circuits along which entries can be chosen."""
    return [dim for dim in dataset.dims if dim not in ("atomic_neuron", "capmem_block")]


def _positions_in(function: str, dataset: xr.Dataset, chosen: dict[str, Any]) -> dict[Hashable, int]:
    """Return where labels are along dims of a Dataset, which no array of it need have all of."""
    place: dict[Hashable, int] = {}
    for dim, label in chosen.items():
        array = next(array for array in dataset.data_vars.values() if dim in array.dims)
        place |= positions(function, array, [dim], {dim: label}, ())
    return place
