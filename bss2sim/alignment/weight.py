"""The factor from weights of the model to weights of the chip."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_array
from ..errors import ParameterError, refuse_unknown_keywords
from ..hardware.synapse_array import HIGHEST_WEIGHT
from ..neuron import Population
from .bench import check_neurons, mean, over_trials, set_up
from .model import amplitude, model_height, model_slope, slope_through_zero
from .trace import measure_threshold

WEIGHT = (-63, -49, -35, -21, -7, 7, 21, 35, 49, 63)


def _weights(weight: Any) -> xr.DataArray:
    """Check weights of the chip."""
    array = as_array("weight", weight, "whole numbers from -63 to 63", ParameterError)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.any():
        raise ParameterError(
            f"weight must be a sequence of whole numbers from -{HIGHEST_WEIGHT} to {HIGHEST_WEIGHT}, not all 0; got {weight!r}"
        )
    bad = array[np.abs(array.astype(np.float64)) > HIGHEST_WEIGHT]
    if bad.size:
        raise ParameterError(
            f"weight must be from -{HIGHEST_WEIGHT} to {HIGHEST_WEIGHT}, what a synapse holds; got {bad[0]}"
        )
    if np.unique(array).size != array.size:
        raise ParameterError("weight must hold each weight once; raise n_trial for more trials")
    return xr.DataArray(array.astype(np.int64), {"chip_weight": array.astype(np.int64)}, ("chip_weight",))


@refuse_unknown_keywords
def weight_scaling(
    neurons: Population,
    *,
    chip: Any,
    calibration: Any = None,
    weight: Any = WEIGHT,
    run: Any = 0,
    n_trial: int = 20,
    effects: Any = 1.0,
    threads: int | None = None,
) -> xr.Dataset:
    """Measure the factor from weights of the model to weights of the chip.

    Parameters
    ----------
    neurons : IAFNeuron or LIFNeuron
        With the values of the model and of the chip, e.g. ``threshold=b2.Parameter(model=1.0, hardware=125)``. Arguments that
        choose what is recorded, and how it is processed, have no effect here.
    chip : EmulatedChip
        One chip or several.
    calibration : Calibration or Dataset of registers, optional
        What the chip is configured with. Default: it is calibrated to what the neurons ask for.
    weight : sequence of int, shape (chip_weight,)
        Weights of the chip that are measured, -63 to 63.
    run : int or DataArray of int
        Number of the run, see :func:`bss2sim.simulate`.
    n_trial : int
        Trials of each weight.
    effects : float or dict of str to float
        Factors of the chip's effects, see :func:`bss2sim.simulate`.
    threads : int, optional
        Threads to use.

    Returns
    -------
    Dataset
        Dims (.., neuron) with those of chips, calibration and runs first:

        * ``weight_scale`` [weight LSB per unit of model weight]: with this factor a spike takes a neuron of the chip as far
          towards its threshold as one of the model; the ``transform`` of a :class:`bss2sim.Synapse`. NaN where no threshold is
          above the baseline, or the weight has no effect.
        * ``chip_slope`` [CADC LSB per weight LSB], ``model_slope`` [unit of the model per unit of weight]: what was measured
        * ``chip_amplitude`` (.., chip_weight, neuron) [CADC LSB]
        * ``cadc_baseline``, ``threshold_height``, ``reached_threshold``: of :func:`trace_scaling`
        * ``mean_weight_scale`` (..): one factor for all neurons: the mean of model_slope / chip_slope, times the ratio of the
          mean heights of the thresholds, over neurons that reached it in every trial, with a height above 0

    Raises
    ------
    ParameterError
        If the neurons have no threshold, or that of the model is not above its rest, or an argument is out of range.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If a neuron does not fire in every trial of the measurement of thresholds.

    Notes
    -----
    Measured as by the reference (HS:utils/dynamic_range/weight_scaling.py). Thresholds are switched off, and each trial has one
    spike in row 10, through the first input of the neuron. The amplitude is the mean over trials of the largest reading, for
    negative weights the lowest, less that of the first row; of an IAFNeuron, which keeps its charge, the mean of the last 20 %
    of the rows less the first. A straight line through 0 is fitted. The same is done in the model with weights -1 to 1, where
    the reference takes Euler steps and this is exact, which makes 5 % at tau_mem = tau_syn = 10 us. The
    extremum of noisy readings lies about 1 LSB too far out, as on hardware, which adds some 0.02 to the 0.27 of the chip_slope of
    a default LIFNeuron. The drift of an IAFNeuron falls out if weights are symmetric.

    Examples
    --------
    >>> import bss2sim as b2
    >>> rest, threshold = b2.Parameter(model=0.0, hardware=80), b2.Parameter(model=1.0, hardware=125)
    >>> neurons = b2.LIFNeuron(4, leak=rest, reset=rest, threshold=threshold)
    >>> measured = b2.alignment.weight_scaling(neurons, chip=b2.EmulatedChip(seed=7), weight=[-60, 60], n_trial=4)
    >>> 35 < measured.mean_weight_scale.item() < 65
    True
    >>> synapse = b2.Synapse([[0.5, 0.5, -0.5, 1.0]], transform=measured.mean_weight_scale.item())
    """
    check_neurons(neurons)
    height, weights = model_height(neurons), _weights(weight)
    bench = set_up(neurons, chip, calibration, run, n_trial, effects, threads)
    measured, silent = measure_threshold(bench)
    amplitudes = []
    for number, one in enumerate(weights.values.tolist()):
        found = bench.measure(2 + number, weight=one, from_first=True)
        amplitudes.append(over_trials(amplitude(found.membrane, not neurons.leaks, one < 0)))
    on_chip = xr.concat(amplitudes, weights.chip_weight)
    slope, model = slope_through_zero(on_chip, weights), model_slope(neurons)
    threshold_height = measured["threshold_height"]
    good = measured["reached_threshold"] & (threshold_height > 0)
    ratio = model / slope.where(slope != 0)
    heights = [mean(xr.broadcast(one, slope)[0], good) for one in (threshold_height, height)]
    values = {
        "weight_scale": ratio * threshold_height.where(threshold_height > 0) / height,
        "chip_slope": slope,
        "model_slope": model,
        "chip_amplitude": on_chip,
        **measured,
        "mean_weight_scale": mean(ratio, good) * heights[0] / heights[1],
    }
    return bench.dataset(values, silent)
