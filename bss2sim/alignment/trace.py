"""Offset and scale from readings of the CADC to the unit of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..errors import first_few, refuse_unknown_keywords, warn
from ..neuron import Population
from .bench import Bench, check_neurons, mean, over_trials, set_up
from .model import model_height, model_rest


def _warn_of_silence(reached: xr.DataArray) -> None:
    """Warn of neurons that did not fire in every trial."""
    if reached.all():
        return
    silent = ~reached.transpose(..., "neuron").values.reshape(-1, reached.sizes["neuron"])
    names = first_few(np.flatnonzero(silent.any(axis=0)))
    warn(
        f"{int(silent.sum())} of {silent.size} neurons did not reach their threshold in every trial (neuron {names}); their "
        "threshold_height is none, and means are over the others. reached_threshold says which; a calibration that succeeds for "
        "them, or a threshold within the range that dynamic_range measures, is the remedy"
    )


def measure_threshold(bench: Bench) -> tuple[dict[str, xr.DataArray], xr.Dataset]:
    """Measure baseline and threshold; runs 0 and 1 of the bench."""
    silent = bench.measure(0, fires=True)
    baseline = over_trials(silent.membrane, ("batch", "time"))
    driven = bench.measure(1, fires=True, current=bench.threshold_current)
    height = over_trials(driven.membrane.max("time")) - baseline
    reached = (driven.spike_count > 0).all("batch")
    _warn_of_silence(reached)
    return {"cadc_baseline": baseline, "threshold_height": height, "reached_threshold": reached}, silent


@refuse_unknown_keywords
def trace_scaling(
    neurons: Population,
    *,
    chip: Any,
    calibration: Any = None,
    run: Any = 0,
    n_trial: int = 20,
    effects: Any = 1.0,
    threads: int | None = None,
) -> xr.Dataset:
    """Measure the offset and scale of each neuron that turn readings of the CADC into the unit of the model.

    Parameters
    ----------
    neurons : IAFNeuron or LIFNeuron
        With the values of the model and of the chip, e.g. ``threshold=b2.Parameter(model=1.0, hardware=125)``. Arguments that
        choose what is recorded, and how it is processed, have no effect here.
    chip : EmulatedChip
        One chip or several.
    calibration : Calibration or Dataset of registers, optional
        What the chip is configured with. Default: it is calibrated to what the neurons ask for.
    run : int or DataArray of int
        Number of the run, see :func:`bss2sim.simulate`.
    n_trial : int
        Trials that means are over.
    effects : float or dict of str to float
        Factors of the chip's effects, see :func:`bss2sim.simulate`.
    threads : int, optional
        Threads to use.

    Returns
    -------
    Dataset
        Dims (.., neuron) with those of chips, calibration and runs first:

        * ``trace_offset`` [CADC LSB], ``trace_scale`` [unit of the model per CADC LSB]: ``(reading - offset) * scale`` is the
          rest of the model at the baseline and its threshold at the threshold. NaN where no threshold is above the baseline.
          Arguments of a population have the same names.
        * ``cadc_baseline`` [CADC LSB, signed], ``threshold_height`` [CADC LSB]: what was measured
        * ``reached_threshold`` (bool): whether the neuron fired in every trial
        * ``mean_trace_offset``, ``mean_trace_scale`` (..): one pair for all neurons, from the means of baseline and height over
          those that fired in every trial with a height above 0

    Raises
    ------
    ParameterError
        If the neurons have no threshold, or that of the model is not above its rest, or an argument is out of range.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If a neuron does not fire in every trial.

    Notes
    -----
    Measured as by the reference (HS:utils/dynamic_range/threshold.py). The baseline is the mean reading without input. Then a
    constant current drives all neurons over their thresholds: the height of a threshold is the mean over trials of the highest
    reading less the baseline, and trace_scale = (threshold - rest of the model) / height. In the reference the rest is 0. Rest
    is the leak potential of a LIFNeuron and the reset potential of an IAFNeuron, whose baseline includes its drift in 100 us.
    The constant current stands for the reference's offset current of code 1000, which it may be far below: it takes a neuron over
    its threshold in 20 us without a leak, and a leaking one as fast that the equilibrium is at twice the height and more. Were it
    larger, the CADC with its 1.85 us between samples would miss the way from reset to threshold: at 60e6 CADC LSB/s, a time
    constant of 10 us and a refractory time of 2 us the height is 31 LSB rather than 43 of 45, since spikes come at 3/2 of the
    period of the samples. As in the reference the trace is the grid, whose interpolation takes 1 to 2 LSB off the peaks. Time
    constants and refractory times near that period take more.

    Examples
    --------
    >>> import bss2sim as b2
    >>> rest, threshold = b2.Parameter(model=0.0, hardware=80), b2.Parameter(model=1.0, hardware=125)
    >>> neurons = b2.LIFNeuron(4, leak=rest, reset=rest, threshold=threshold)
    >>> measured = b2.alignment.trace_scaling(neurons, chip=b2.EmulatedChip(seed=7), n_trial=4)
    >>> 1 / 60 < measured.mean_trace_scale.item() < 1 / 35
    True
    >>> aligned = neurons.replace(trace_offset=measured.trace_offset, trace_scale=measured.trace_scale)
    """
    check_neurons(neurons)
    height, rest = model_height(neurons), model_rest(neurons)
    bench = set_up(neurons, chip, calibration, run, n_trial, effects, threads)
    measured, silent = measure_threshold(bench)
    on_chip = measured["threshold_height"]
    good = measured["reached_threshold"] & (on_chip > 0)
    scale = height / on_chip.where(on_chip > 0)
    mean_scale = mean(xr.broadcast(height, on_chip)[0], good) / mean(on_chip, good)
    mean_rest = mean(xr.broadcast(rest, on_chip)[0], good)
    values = {
        "trace_offset": measured["cadc_baseline"] - rest / scale,
        "trace_scale": scale,
        **measured,
        "mean_trace_offset": mean(measured["cadc_baseline"], good) - mean_rest / mean_scale,
        "mean_trace_scale": mean_scale,
    }
    return bench.dataset(values, silent)
