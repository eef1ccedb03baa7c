"""The accessor ``bss2`` of labelled results: pictures of runs and of calibrations, and selections with their spikes.

Results of this package have it without more. Where a file is opened with xarray alone, ``import bss2sim.accessor`` gives it to
every Dataset.
"""

from __future__ import annotations

from typing import Never

import xarray as xr

import bss2sim.accessor_registration  # noqa: F401  # gives Datasets the accessor
from bss2sim.errors import suggestion
from bss2sim.pictures_of_calibrations import PicturesOfCalibrations
from bss2sim.pictures_of_runs import PicturesOfRuns
from bss2sim.selections import Selections

__all__ = ["Bss2Accessor"]


class Bss2Accessor(PicturesOfRuns, PicturesOfCalibrations, Selections):
    """Pictures and selections of a result: ``run.bss2.raster()``, ``run.bss2.sel(batch=3)``.

    :meth:`sel` and :meth:`isel` select as xarray does, and take sparse spikes along. Every other method draws into the Axes it
    is given, or into those of a new figure, and returns them. Units are those of the registry, times in us and rates in kHz of
    hardware time; all pictures can be read in grey. Trials are chosen by keyword: the name of a trial dim, and a label along it
    (an index if the dim has no labels), as ``batch=3`` or ``threshold=100.0``.

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

    Notes
    -----
    xarray's own ``.sel`` and ``.isel`` leave sparse spikes as they are. Where that shows, it is refused; it does not show where
    trials were put into another order, have no labels, and each has as many spikes as the one whose place it took.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def __getattr__(self, name: str) -> Never:
        """Suggest the nearest method."""
        text = f"the accessor bss2 has no {name!r}"
        if not name.startswith("_"):
            text += suggestion(name, [method for method in dir(type(self)) if not method.startswith("_")])
        raise AttributeError(text)
