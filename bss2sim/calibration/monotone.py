"""Fit monotone curves to noisy samples: many curves at once, all at the same codes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["REASONS", "MonotoneFit", "fit_monotone", "isotonic"]

FEWEST_SAMPLES = 3
COLUMNS = 2048  # curves that are worked on at once; bounds the memory
LINE_RATIO = 2.0  # variance about a line to that between neighbours, up to which the line is taken
FLAT = 5.0  # a curve that rises by less than so many standard deviations of its samples is flat
ROUGH = 3.0  # samples further from every rising curve than so many standard deviations are not monotone
NEGLIGIBLE = 1e-6  # noise below it is none [unit of the samples, or relative to them]

#: Why a curve is no law, by status; status 0 is a good one.
REASONS = ("", "fewer than 3 finite samples", "does not change with the code", "is not monotone in the code")


class MonotoneFit(NamedTuple):
    """Curves at the places of their samples.

    Attributes
    ----------
    table : array (n, m)
        Rising along the first axis. Curves that are no law have the median of the others.
    status : array of int (m,)
        Index of :data:`REASONS`.
    line : bool
        Whether the curves are straight lines; else the nearest rising ones.
    """

    table: np.ndarray
    status: np.ndarray
    line: bool


def isotonic(samples: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the rising values nearest to samples, by weighted least squares.

    By the formula max over j <= i of min over k >= i of the weighted mean of samples j .. k, for all curves at once.
    Source: Barlow et al., Statistical inference under order restrictions, 1972.

    Parameters
    ----------
    samples, weight : arrays (n, m)
        Samples along the first axis; those of weight 0 do not count.

    Returns
    -------
    array (n, m)

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.calibration.monotone import isotonic
    >>> isotonic(np.array([[1.0], [3.0], [2.0], [5.0]]), np.ones((4, 1))).ravel()
    array([1. , 2.5, 2.5, 5. ])
    """
    n, m = samples.shape
    counted = np.where(weight > 0, samples, 0.0) * weight
    zero = np.zeros((1, m))
    sums, weights = (np.concatenate([zero, np.cumsum(part, axis=0)]) for part in (counted, weight))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (sums[np.newaxis, 1:] - sums[:-1, np.newaxis]) / (weights[np.newaxis, 1:] - weights[:-1, np.newaxis])
    first, last = np.ogrid[:n, :n]
    mean[(first > last) | np.zeros((n, n), bool)] = np.nan
    mean[~np.isfinite(mean)] = np.nan
    least = np.fmin.accumulate(mean[:, ::-1], axis=1)[:, ::-1]
    least[np.broadcast_to(first > last, (n, n))] = np.nan
    found = np.fmax.reduce(least, axis=0)
    # samples of weight 0 at the end have no mean to the right: the curve goes on as it was
    return np.fmax.accumulate(found, axis=0)


def _line(x: np.ndarray, samples: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares: value at x = 0 and slope (m,)."""
    total = weight.sum(axis=0)
    at = x[:, np.newaxis]
    middle, level = (weight * at).sum(axis=0) / total, (weight * samples).sum(axis=0) / total
    slope = (weight * (at - middle) * (samples - level)).sum(axis=0) / (weight * (at - middle) ** 2).sum(axis=0)
    return level - slope * middle, slope


def _local_variance(x: np.ndarray, samples: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Variance of samples, from how far each lies off the line through its neighbours; NaN of too few (m,)."""
    share = ((x[2:] - x[1:-1]) / (x[2:] - x[:-2]))[:, np.newaxis]
    off = samples[1:-1] - share * samples[:-2] - (1 - share) * samples[2:]
    known = (weight[:-2] > 0) & (weight[1:-1] > 0) & (weight[2:] > 0)
    square = np.where(known, weight[1:-1] * off**2 / (1 + share**2 + (1 - share) ** 2), 0.0)
    return square.sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)


def fit_monotone(x: np.ndarray, samples: np.ndarray, *, relative: bool) -> MonotoneFit:
    """Fit rising curves.

    Straight lines, if the samples of most curves lie about them no further than about their neighbours; else the nearest
    rising values at each place, which take any shape but average less noise.

    Parameters
    ----------
    x : array (n,)
        Where the samples are, rising.
    samples : array (n, m)
        One curve a column. NaN does not count.
    relative : bool
        Whether the noise is in proportion to the samples.

    Returns
    -------
    MonotoneFit

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.calibration.monotone import fit_monotone
    >>> fit = fit_monotone(np.arange(4.0), np.array([[0, 1, 2, 3.0], [1, 1, 1, 1], [0, 5, 1, 6]]).T, relative=False)
    >>> fit.status
    array([0, 2, 3])
    """
    known = np.isfinite(samples)
    if relative:
        known &= samples != 0
    filled = np.where(known, samples, 1.0)
    weight = known / filled**2 if relative else known.astype(np.float64)
    count = known.sum(axis=0)
    few = count < FEWEST_SAMPLES
    with np.errstate(invalid="ignore", divide="ignore"):
        start, slope = _line(x, filled, weight)
        line = start + slope * x[:, np.newaxis]
        about_line = (weight * (filled - line) ** 2).sum(axis=0) / np.maximum(count - 2, 1)
        rise = slope * (x[-1] - x[0]) * np.sqrt(weight.sum(axis=0) / count)
        local = _local_variance(x, filled, weight)
    enough = ~few & np.isfinite(local)
    noise = max(float(np.sqrt(np.median(local[enough]))) if enough.any() else 0.0, NEGLIGIBLE)
    straight = bool(enough.any() and np.median(about_line[enough]) <= LINE_RATIO * noise**2)

    rising = np.empty_like(line)
    for begin in range(0, samples.shape[1], COLUMNS):
        part = slice(begin, begin + COLUMNS)
        rising[:, part] = isotonic(filled[:, part], weight[:, part])
    with np.errstate(invalid="ignore"):
        off = np.sqrt((weight * (filled - rising) ** 2).sum(axis=0) / np.maximum(count, 1))
        status = np.select([few, np.abs(rise) < FLAT * noise, (rise < 0) | (off > ROUGH * noise)], [1, 2, 3], 0)
    table = line if straight else _fill_left(rising)
    good = status == 0
    typical = (
        np.median(table[:, good], axis=1, keepdims=True) if good.any() else np.linspace(1, 2, len(x))[:, np.newaxis]
    )
    return MonotoneFit(np.where(good, table, typical), status, straight)


def _fill_left(table: np.ndarray) -> np.ndarray:
    """Curves whose first samples do not count begin as low as the first that does."""
    return np.fmin.accumulate(table[::-1], axis=0)[::-1]
