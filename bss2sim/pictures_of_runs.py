"""What the accessor ``bss2`` draws of runs: it chooses trials and neurons, and hands numbers to the files that draw."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bss2sim import plot
from bss2sim.plot_statistics import draw_first_spikes, draw_intervals, draw_rates
from bss2sim.spike_statistics import check_sparse, first_spikes, intervals, neurons_of, rates
from bss2sim.trial_selection import (
    describe_some,
    first_unless_chosen,
    neuron_labels,
    positions,
    refuse_nothing,
    with_neuron_dim,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PicturesOfRuns:
    """The part of the accessor that draws runs."""

    _dataset: xr.Dataset

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
        label = neuron_labels("raster", neuron, neurons_of(run))
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
            Labels of the neurons; the first three recorded ones by default, and the title says of how many.
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
        membrane = with_neuron_dim(run.membrane)
        dims = [dim for dim in membrane.dims if dim not in ("time", "sample_time", "neuron")]
        if "threshold" in dims and threshold is not None:
            trial, threshold = {**trial, "threshold": threshold}, None
        place, title = self._one_trial("traces", membrane, dims, trial)
        ax = plot.traces(run, ax, neuron, _flat_index(membrane, place), threshold=threshold)
        ax.set_title(", ".join(text for text in (title, plot.shown_of(membrane, neuron)) if text), fontsize="medium")
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
        label = neuron_labels("isi", neuron, neurons_of(run))
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

    def _one_trial(
        self, function: str, array: xr.DataArray, dims: Iterable[Hashable], trial: dict[str, Any]
    ) -> tuple[dict[Hashable, int], str]:
        """Return the position of one trial, and words that name it."""
        refuse_nothing(function, array)
        known = ("ax", "neuron", "threshold") if function == "traces" else ("ax", "neuron")
        dims = list(dims)
        return first_unless_chosen(array, dims, positions(function, array, dims, trial, known))

    def _some_trials(
        self, function: str, array: xr.DataArray, neuron: Any, trial: dict[str, Any]
    ) -> tuple[xr.DataArray, str]:
        """Return the chosen trials and neurons of an array (..., neuron), and words that name the trials."""
        array = with_neuron_dim(array)
        dims = [dim for dim in array.dims if dim != "neuron"]
        place = positions(function, array, dims, trial, ("ax", "neuron"))
        title = describe_some(array, dims, place)
        there = array.neuron.values if "neuron" in array.coords else np.arange(array.sizes["neuron"])
        if neuron is not None:
            label = neuron_labels(function, neuron, there)
            array = array.assign_coords(neuron=there).sel(neuron=label)
        refuse_nothing(function, array)
        return array.isel(place), title


def _flat_index(array: xr.DataArray, place: dict[Hashable, int]) -> int:
    """Return the index of a trial among all of them, flattened in C order."""
    if not place:
        return 0
    return int(np.ravel_multi_index(tuple(place.values()), [array.sizes[dim] for dim in place]))
