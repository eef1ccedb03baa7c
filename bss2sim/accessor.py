"""The accessor ``bss2`` of labelled results: pictures of runs and of calibrations.

Results of this package have it without more. Where a file is opened with xarray alone, ``import bss2sim.accessor`` gives it to
every Dataset.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

import bss2sim.accessor_registration  # noqa: F401  # gives Datasets the accessor
from bss2sim import plot
from bss2sim.calibration.uncalibrated import achieved_uncalibrated
from bss2sim.errors import InputError, suggestion
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON, enum_to_capmem
from bss2sim.plot_distributions import distributions
from bss2sim.plot_residuals import draw_residuals
from bss2sim.plot_statistics import draw_first_spikes, draw_intervals, draw_rates
from bss2sim.spike_statistics import check_sparse, first_spikes, intervals, population_size, rates
from bss2sim.trial_selection import describe_some, first_unless_chosen, neuron_labels, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bss2Accessor"]

_RESIDUAL = "residual_"


class Bss2Accessor:
    """Pictures of a result: ``run.bss2.raster()``, ``calibration.bss2.residuals("threshold")``.

    Every method draws into the Axes it is given, or into those of a new figure, and returns them. Units are those of the
    registry, times in us and rates in kHz of hardware time; all pictures can be read in grey. Trials are chosen by keyword:
    the name of a trial dim, and a label along it (an index if the dim has no labels), as ``batch=3`` or ``threshold=100.0``.

    Parameters
    ----------
    dataset : Dataset
        A result of :func:`bss2sim.simulate`, sparse spikes, or a calibration.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([1e-6, 2e-6], [0, 1], n_neuron=2, duration=5e-6)
    >>> ax = spikes.bss2.raster()
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('Time [us]', 'Neuron')
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def raster(self, ax: Axes | None = None, *, neuron: int | Sequence[int] | None = None, **trial: Any) -> Axes:
        """Draw the spikes of one trial: time to the right, neurons upwards.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        neuron : int or sequence of int, optional
            Labels of the neurons; all by default.
        **trial
            Label along each trial dim. Where none is given it is the first; the title says which trial is drawn.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If there are no sparse spikes, or those of trials that were taken away, or no such neuron or label.
        UnknownKeywordError
            If there is no such trial dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import bss2sim as b2
        >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 1, 1], [0, 1, 1], n_neuron=2, duration=5e-6)
        >>> ax = spikes.bss2.raster(batch=1)
        >>> ax.get_title(), len(ax.lines[0].get_xdata())
        ('batch 1', 2)
        """
        run = self._dataset
        check_sparse("raster", run)
        place, title = self._one_trial("raster", run.row_size, run.row_size.dims, trial)
        flat = _flat_index(run.row_size, place)
        label = neuron_labels("raster", neuron, np.arange(population_size(run)))
        if neuron is not None:
            run = run.isel(spike=np.isin(run.spike_neuron.values, label))
        ax = plot.raster(run, ax, batch=flat)
        if neuron is not None:
            ax.set_ylim(label.min() - 0.7, label.max() + 0.7)
        ax.set_title(title, fontsize="medium")
        return ax

    def traces(
        self,
        ax: Axes | None = None,
        *,
        neuron: int | Sequence[int] | None = None,
        threshold: float | None = None,
        **trial: Any,
    ) -> Axes:
        """Draw the membranes of some neurons in one trial over time.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        neuron : int or sequence of int, optional
            Labels of the neurons; the first three recorded ones by default.
        threshold : float, optional
            Potential at which a dotted line is drawn [unit of the membrane]. If the run has a trial dim of that name, its
            label instead, and no line.
        **trial
            Label along each trial dim. Where none is given it is the first; the title says which trial is drawn.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If there is no membrane, or no such neuron or label.
        UnknownKeywordError
            If there is no such trial dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> import bss2sim as b2
        >>> run = b2.simulate(b2.IAFNeuron(4), np.full((10, 2, 4), 5.0), record=b2.Recording(membrane=True))
        >>> ax = run.bss2.traces(neuron=[0, 3], batch=1, threshold=125.0)
        >>> [line.get_label() for line in ax.lines]
        ['neuron 0', 'neuron 3', 'threshold']
        """
        run = self._dataset
        if "membrane" not in run:
            plot.traces(run)  # which says what is missing
        membrane = run.membrane
        dims = [dim for dim in membrane.dims if dim not in ("time", "sample_time", "neuron")]
        if "threshold" in dims and threshold is not None:
            trial, threshold = {**trial, "threshold": threshold}, None
        place, title = self._one_trial("traces", membrane, dims, trial)
        ax = plot.traces(run, ax, neuron, _flat_index(membrane, place), threshold=threshold)
        ax.set_title(title, fontsize="medium")
        return ax

    def rates(self, ax: Axes | None = None, *, neuron: int | Sequence[int] | None = None, **trial: Any) -> Axes:
        """Draw the rate of each neuron: the mean over trials, and from the lowest to the highest.

        :func:`bss2sim.runs.rates` returns the numbers.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        neuron : int or sequence of int, optional
            Labels of the neurons; all by default.
        **trial
            Label along trial dims; all trials along those that are not given.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If there are no spikes that can be counted, or those of trials that were taken away, no neurons, no duration, or no
            such neuron or label.
        UnknownKeywordError
            If there is no such trial dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import bss2sim as b2
        >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 3e-6], [0, 1, 1], n_neuron=3, duration=1e-3)
        >>> ax = spikes.bss2.rates()
        >>> ax.get_ylabel(), ax.lines[0].get_ydata()
        ('Rate [kHz]', array([1., 2., 0.]))
        """
        rate, title = self._some_trials("rates", rates(self._dataset), neuron, trial)
        ax = draw_rates(rate, ax)
        ax.set_title(title, fontsize="medium")
        return ax

    def isi(self, ax: Axes | None = None, *, neuron: int | Sequence[int] | None = None, **trial: Any) -> Axes:
        """Draw a histogram of the inter-spike intervals of all neurons and trials together.

        :func:`bss2sim.runs.intervals` returns the numbers.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        neuron : int or sequence of int, optional
            Labels of the neurons; all by default.
        **trial
            Label along trial dims; all trials along those that are not given.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If there are no sparse spikes, or those of trials that were taken away, or no such neuron or label.
        UnknownKeywordError
            If there is no such trial dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import bss2sim as b2
        >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 5e-6, 8e-6], [0, 1, 0, 1], n_neuron=2, duration=1e-5)
        >>> ax = spikes.bss2.isi(neuron=1)
        >>> ax.get_xlabel(), int(sum(bar.get_height() for bar in ax.patches))
        ('Inter-spike interval [us]', 1)
        """
        run = self._dataset
        interval = intervals(run)
        row_size = run.row_size
        place = positions("isi", row_size, row_size.dims, trial, ("ax", "neuron"))
        wanted = np.zeros(row_size.shape, bool)
        wanted[tuple(place.get(dim, slice(None)) for dim in row_size.dims)] = True
        mine = wanted.ravel()[interval.interval_batch.values]
        label = neuron_labels("isi", neuron, np.arange(population_size(run)))
        mine &= np.isin(interval.interval_neuron.values, label)
        ax = draw_intervals(interval[mine], ax)
        ax.set_title(describe_some(row_size, row_size.dims, place), fontsize="medium")
        return ax

    def first_spikes(self, ax: Axes | None = None, *, neuron: int | Sequence[int] | None = None, **trial: Any) -> Axes:
        """Draw when each neuron fires first: every trial, and the median of the trials in which it fires.

        :func:`bss2sim.runs.first_spikes` returns the numbers. The title says how many neurons are silent in all of them.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        neuron : int or sequence of int, optional
            Labels of the neurons; all by default.
        **trial
            Label along trial dims; all trials along those that are not given.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If there are neither first nor sparse spikes, or those of trials that were taken away, no neurons, or no such
            neuron or label.
        UnknownKeywordError
            If there is no such trial dim.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import bss2sim as b2
        >>> spikes = b2.sparse_spikes([1e-6, 2e-6, 5e-6], [0, 1, 0], n_neuron=3, duration=1e-5)
        >>> ax = spikes.bss2.first_spikes()
        >>> ax.get_title(), (ax.lines[0].get_xdata()).round(6)
        ('1 of 3 neurons silent', array([1., 2.]))
        """
        first, title = self._some_trials("first_spikes", first_spikes(self._dataset), neuron, trial)
        ax = draw_first_spikes(first, self._dataset, ax)
        ax.set_title(", ".join(text for text in (title, ax.get_title()) if text), fontsize="medium")
        return ax

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
        """Draw how far circuits are from the target, over the 2 x 256 grid of circuits; failed ones are crossed out.

        The range of the colours is that of the circuits that did not fail; the colour bar has arrows if others are beyond.

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
        >>> ax.get_title(), ax.images[0].get_array().shape
        ('synaptic_input inhibitory', (2, 256))
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

    def _one_trial(
        self, function: str, array: xr.DataArray, dims: Iterable[Hashable], trial: dict[str, Any]
    ) -> tuple[dict[Hashable, int], str]:
        """Return the position of one trial, and words that name it."""
        known = ("ax", "neuron", "threshold") if function == "traces" else ("ax", "neuron")
        dims = list(dims)
        return first_unless_chosen(array, dims, positions(function, array, dims, trial, known))

    def _some_trials(
        self, function: str, array: xr.DataArray, neuron: Any, trial: dict[str, Any]
    ) -> tuple[xr.DataArray, str]:
        """Return the chosen trials and neurons of an array (..., neuron), and words that name the trials."""
        dims = [dim for dim in array.dims if dim != "neuron"]
        place = positions(function, array, dims, trial, ("ax", "neuron"))
        title = describe_some(array, dims, place)
        there = array.neuron.values if "neuron" in array.coords else np.arange(array.sizes["neuron"])
        if neuron is not None:
            label = neuron_labels(function, neuron, there)
            array = array.assign_coords(neuron=there).sel(neuron=label)
        if not array.size:
            raise InputError(f"{function}: there is nothing to draw: {dict(array.sizes)}")
        return array.isel(place), title

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


def _flat_index(array: xr.DataArray, place: dict[Hashable, int]) -> int:
    """Return the index of a trial among all of them, flattened in C order."""
    if not place:
        return 0
    return int(np.ravel_multi_index(tuple(place.values()), [array.sizes[dim] for dim in place]))


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
