"""The accessor ``bss2`` of labelled results: pictures of runs and of calibrations.

Results of this package have it without more. Where a file is opened with xarray alone, ``import bss2sim.accessor`` gives it to
every Dataset.
"""

from __future__ import annotations

import xarray as xr

import bss2sim.accessor_registration  # noqa: F401  # gives Datasets the accessor
from bss2sim.pictures_of_calibrations import PicturesOfCalibrations
from bss2sim.pictures_of_runs import PicturesOfRuns

__all__ = ["Bss2Accessor"]


class Bss2Accessor(PicturesOfRuns, PicturesOfCalibrations):
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
