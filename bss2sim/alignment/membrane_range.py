"""The ends of the range of the membranes."""

from __future__ import annotations

from typing import Any

import xarray as xr

from ..errors import refuse_unknown_keywords
from ..neuron import Population
from .bench import SETTLED, check_neurons, mean, over_trials, set_up


@refuse_unknown_keywords
def dynamic_range(
    neurons: Population,
    *,
    chip: Any,
    calibration: Any = None,
    run: Any = 0,
    n_trial: int = 20,
    effects: Any = 1.0,
    threads: int | None = None,
) -> xr.Dataset:
    """Measure the range of the membranes as the CADC reads it.

    Parameters
    ----------
    neurons : IAFNeuron, LIFNeuron or LINeuron
        Arguments that choose what is recorded, and how it is processed, have no effect here.
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
        Signed readings [CADC LSB], -128 to 127, dims (.., neuron) with those of chips, calibration and runs first:

        * ``cadc_baseline``: without input
        * ``range_upper``, ``range_lower``: with a source and with a sink of constant current
        * ``mean_cadc_baseline``, ``mean_range_upper``, ``mean_range_lower`` (..): means over the neurons

    Raises
    ------
    ParameterError
        If neurons or chip are none, or an argument is out of range.
    UnknownKeywordError
        If an argument does not exist.

    Notes
    -----
    Measured as by the reference (HS:utils/dynamic_range/boundary.py), with thresholds off: the baseline is the mean of 100 us, the
    ends are means of the last 20 % of them. The current stands for the reference's offset current of code 1000: 60e6 CADC LSB/s,
    or as much as reaches both ends against the fastest leak.

    Examples
    --------
    >>> import bss2sim as b2
    >>> neurons = b2.LINeuron(4, leak=80)
    >>> measured = b2.alignment.dynamic_range(neurons, chip=b2.EmulatedChip(seed=7), n_trial=4)
    >>> bool(measured.mean_range_lower < measured.mean_cadc_baseline < measured.mean_range_upper)
    True
    """
    check_neurons(neurons, reads_only=True)
    bench = set_up(neurons, chip, calibration, run, n_trial, effects, threads)
    silent = bench.measure(0)
    values = {"cadc_baseline": over_trials(silent.membrane, ("batch", "time"))}
    for number, (name, sign) in enumerate((("range_upper", 1), ("range_lower", -1)), start=1):
        found = bench.measure(number, current=sign * bench.largest_current)
        values[name] = over_trials(found.membrane.isel(time=SETTLED), ("batch", "time"))
    return bench.dataset({**values, **{f"mean_{name}": mean(value) for name, value in values.items()}}, silent)
