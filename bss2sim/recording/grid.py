"""From raw samples and stamped spikes to rows of a regular grid, as the reference converts them.

Row r of a grid is time r dt. Sources: HS-c:spiking/detail/to_dense.cpp, HS:modules/neuron.py:465-523. Where the reference reads
or writes memory that it does not own, these functions have a result:

* a neuron without any sample is NaN in every row;
* a shift by as many rows as there are, or more, repeats the last (first) row;
* before the first sample its value is held; the reference draws a line from (-1 s, 0), which ends within 1e-4 of it.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import memory
from ..errors import InputError, ParameterError, choose
from ..threads import run_chunks
from .chip_time import SNAP, rows_between, segments

INTERPOLATION_MODES = ("linear", "nn")
_TIE = 1e-12  # ways to two samples that differ by less are equally long [s]; stamps are multiples of 8 ns


def grid_rows(duration: float, dt: float) -> int:
    """Return the number of rows that a run has.

    Parameters
    ----------
    duration : float
        Length of the run [s].
    dt : float
        Spacing of the rows [s].

    Returns
    -------
    int
        ceil(duration / dt) + 1, the quotient first rounded where it is whole to 1e-6. The reference divides in float32, which
        gives one row more for some durations, such as 59 us / 1 us.

    Examples
    --------
    >>> from bss2sim.recording.grid import grid_rows
    >>> grid_rows(59e-6, 1e-6), grid_rows(59.5e-6, 1e-6)
    (60, 61)
    """
    ratio = duration / dt
    nearest = round(ratio)
    return (nearest if abs(ratio - nearest) <= SNAP * max(nearest, 1) else math.ceil(ratio)) + 1


def whole_shift(cadc_time_shift: Any) -> int:
    """Return a whole number of rows, of either sign; ParameterError otherwise."""
    try:
        number = operator.index(cadc_time_shift)
    except TypeError:
        number = None
    if number is None or isinstance(cadc_time_shift, bool | np.bool_):
        raise ParameterError(f"cadc_time_shift must be a whole number of rows; got {cadc_time_shift!r}")
    return number


def _of_neurons(name: str, value: Any, n_neuron: int) -> np.ndarray:
    """Spread a number over the neurons, or check an array of one number a neuron."""
    array = np.asarray(value, np.float64)
    if array.shape not in ((), (n_neuron,)):
        raise ParameterError(
            f"{name} must be a number or an array ({n_neuron},), one a neuron; got shape {array.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(array, n_neuron))


def cadc_to_grid(
    value: np.ndarray,
    stamp: np.ndarray,
    n_time: int,
    dt: float,
    interpolation_mode: str = "linear",
    *,
    hemisphere: np.ndarray | None = None,
    count: np.ndarray | None = None,
    cadc_time_shift: int = 0,
    shift_cadc_to_first: bool = False,
    trace_offset: float | np.ndarray = 0.0,
    trace_scale: float | np.ndarray = 1.0,
    threads: int = 1,
) -> np.ndarray:
    """Interpolate samples on a regular grid, and post-process it.

    Parameters
    ----------
    value : array (..., sample, neuron)
        Samples [LSB]; int16, or float64.
    stamp : array (..., sample) or (..., hemisphere, sample)
        Their times [s], which must not decrease. With a dim of hemispheres, or of any other groups of neurons that share times,
        `hemisphere` tells that of each neuron.
    n_time : int
        Rows, see :func:`grid_rows`.
    dt : float
        Their spacing [s].
    interpolation_mode : {"linear", "nn"}
        A straight line between the samples before and after a row; or the nearer one, the later at a tie. Before the first
        sample and from the last one on, that is held.
    hemisphere : array of int (neuron,), optional
        Index in the dim of hemispheres of each neuron.
    count : array of int (...) or (..., hemisphere), optional
        How many samples, from the first on, are used. Left out: all.
    cadc_time_shift, shift_cadc_to_first, trace_offset, trace_scale
        See :func:`post_process`, which gives the same from the plain grid, more slowly.
    threads : int
        Threads; the result does not depend on it.

    Returns
    -------
    array (..., n_time, neuron)
        float32; NaN where a neuron has no sample.

    Raises
    ------
    ParameterError
        If the mode does not exist, the shift is not whole, or offset or scale is not one number a neuron.
    InputError
        If shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.recording.grid import cadc_to_grid
    >>> value, stamp = np.array([[-48], [-28]], np.int16), np.array([1e-6, 3e-6])
    >>> cadc_to_grid(value, stamp, 5, 1e-6)[:, 0]
    array([-48., -48., -38., -28., -28.], dtype=float32)
    >>> cadc_to_grid(value, stamp, 5, 1e-6, "nn")[:, 0]
    array([-48., -48., -28., -28., -28.], dtype=float32)
    """
    from ..kernels.readout import fill_grid

    nearest = choose("interpolation_mode", interpolation_mode, INTERPOLATION_MODES) == "nn"
    value = np.ascontiguousarray(value, np.int16 if np.asarray(value).dtype == np.int16 else np.float64)
    if value.ndim < 2 or n_time < 1:
        raise InputError(f"value must be (..., sample, neuron) and n_time at least 1; got {value.shape} and {n_time}")
    leading, (n_sample, n_neuron) = value.shape[:-2], value.shape[-2:]
    n_trial = math.prod(leading)
    stamps = np.asarray(stamp, np.float64)
    if hemisphere is None:
        hemisphere = np.zeros(n_neuron, np.int64)
        stamps = stamps[..., None, :]
    n_group = stamps.shape[-2] if stamps.ndim > 1 else 0
    if stamps.shape != (*leading, n_group, n_sample):
        raise InputError(
            f"stamp has shape {np.shape(stamp)}; values {value.shape} need times {(*leading, n_sample)}, or with hemisphere= "
            f"{(*leading, 'hemisphere', n_sample)}"
        )
    hemisphere = np.asarray(hemisphere)
    if hemisphere.shape != (n_neuron,) or ((hemisphere < 0) | (hemisphere >= n_group)).any():
        raise InputError(f"hemisphere must be {n_neuron} numbers 0 to {n_group - 1}, one a neuron; got {hemisphere}")
    counts = np.full((*leading, n_group), n_sample) if count is None else np.asarray(count)
    counts = counts.reshape(n_trial, n_group) if counts.size == n_trial * n_group else counts
    if counts.shape != (n_trial, n_group) or ((counts < 0) | (counts > n_sample)).any():
        raise InputError(
            f"count must be 0 to {n_sample} samples, one number for each row of stamp; got {np.asarray(count)}"
        )
    shift = whole_shift(cadc_time_shift)
    offset = _of_neurons("trace_offset", trace_offset, n_neuron)
    scale = _of_neurons("trace_scale", trace_scale, n_neuron)
    out = memory.empty((n_trial, n_time, n_neuron), np.float32)
    if n_sample == 0:
        out[...] = np.nan
        return out.reshape(*leading, n_time, n_neuron)
    flat = value.reshape(n_trial, n_sample, n_neuron)
    times = np.ascontiguousarray(stamps).reshape(n_trial, n_group, n_sample)
    counts = np.ascontiguousarray(counts, np.int64)
    segment, group = segments(hemisphere)
    chunks = rows_between(n_trial, threads)
    shift = max(-n_time, min(shift, n_time))

    def work(chunk: int, worker: int) -> None:
        rows = (n_group, n_time)
        fill_grid(
            *chunks[chunk], flat, times, counts, segment, group, n_time, dt, nearest, _TIE, shift, bool(shift_cadc_to_first),
            offset, scale, np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows), np.empty(n_neuron), out,
        )  # fmt: skip

    run_chunks(len(chunks), threads, work)
    return out.reshape(*leading, n_time, n_neuron)


def post_process(
    grid: np.ndarray,
    *,
    cadc_time_shift: int = 0,
    shift_cadc_to_first: bool = False,
    trace_offset: float | np.ndarray = 0.0,
    trace_scale: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Shift a grid in time, subtract an offset and scale it, in this order.

    Parameters
    ----------
    grid : array (..., time, neuron)
        Potentials [LSB].
    cadc_time_shift : int
        Rows towards earlier times; negative: later. The free end is filled with the last (first) row.
    shift_cadc_to_first : bool
        Subtract the first row of each neuron, after the shift, instead of `trace_offset`.
    trace_offset : float or array (neuron,)
        Offset that is subtracted [LSB].
    trace_scale : float or array (neuron,)
        Factor, last.

    Returns
    -------
    array (..., time, neuron)
        float32.

    Raises
    ------
    ParameterError
        If the shift is not whole, or offset or scale is not one number a neuron.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.recording.grid import post_process
    >>> post_process(np.array([[-48.0], [-38.0], [-28.0]]), cadc_time_shift=1, trace_offset=-48, trace_scale=0.5)[:, 0]
    array([ 5., 10., 10.], dtype=float32)
    """
    grid = np.asarray(grid)
    n_time, n_neuron = grid.shape[-2:]
    shift = whole_shift(cadc_time_shift)
    offset = _of_neurons("trace_offset", trace_offset, n_neuron)
    scale = _of_neurons("trace_scale", trace_scale, n_neuron)
    if n_time and shift:
        shift = max(-n_time, min(shift, n_time))
        grid = np.take(grid, np.clip(np.arange(n_time) + shift, 0, n_time - 1), axis=-2)
    subtracted = grid[..., :1, :] if shift_cadc_to_first else offset
    return ((grid - subtracted) * scale).astype(np.float32)


def spikes_to_grid(
    spike_time: np.ndarray,
    spike_neuron: np.ndarray,
    spike_trial: np.ndarray,
    *,
    n_trial: int,
    n_time: int,
    n_neuron: int,
    dt: float,
) -> np.ndarray:
    """Put spikes into the bins of a regular grid.

    Parameters
    ----------
    spike_time : array (spike,)
        Time stamps [s].
    spike_neuron, spike_trial : arrays of int (spike,)
        Neuron and trial.
    n_trial, n_time, n_neuron : int
        Shape of the grid.
    dt : float
        Spacing of the rows [s].

    Returns
    -------
    array (trial, time, neuron)
        uint8: 1 in the row nearest to the stamp, half a row rounded to the later one; several spikes in a bin give 1. Spikes
        nearest to a row that the grid does not have are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.recording.grid import spikes_to_grid
    >>> zero = np.zeros(3, int)
    >>> spikes_to_grid(np.array([0.4e-6, 0.5e-6, 9e-6]), zero, zero, n_trial=1, n_time=3, n_neuron=1, dt=1e-6)[0, :, 0]
    array([1, 1, 0], dtype=uint8)
    """
    out = memory.zeros((n_trial, n_time, n_neuron), np.uint8)
    row = np.floor(np.asarray(spike_time, np.float64) / dt + 0.5 + 1e-9).astype(np.int64)
    kept = (row >= 0) & (row < n_time)
    out[np.asarray(spike_trial)[kept], row[kept], np.asarray(spike_neuron)[kept]] = 1
    return out
