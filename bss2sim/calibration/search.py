"""Binary search for codes whose measured value is nearest to a target. Knows nothing of what it searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bss2sim.errors import ParameterError

__all__ = ["SearchResult", "binary_search", "search_increments"]

NOISE_INCREMENT = 5  # of the extra step of a search that begins at noisy codes; CX:common/algorithms.py:17-253
N_LAST = 3  # tests of which the best is taken
N_LAST_NOISY = 6


class SearchResult(NamedTuple):
    """What a search found, for every element of the target.

    Attributes
    ----------
    code : array of int
        The code whose value was nearest to the target among the last tests.
    value : array
        What was measured at it; infinite where no measurement was a number.
    within : array of bool
        False where the code is the lowest or the highest one: the target may lie beyond.
        Source: CX:common/boundary_check.py:52-66.
    """

    code: np.ndarray
    value: np.ndarray
    within: np.ndarray


def search_increments(n_code: int, *, noisy: bool = False) -> list[int]:
    """Return by how much the codes move after each test but the last two.

    Parameters
    ----------
    n_code : int
        Number of codes in the range, at least 1.
    noisy : bool
        Whether there is an extra step of 5, in descending order.

    Returns
    -------
    list of int
        ceil(n_code / 2^(k + 2)) for k = 0 .. ceil(log2(n_code)) - 1. Source: CX:common/algorithms.py:17-253.

    Examples
    --------
    >>> from bss2sim.calibration.search import search_increments
    >>> search_increments(1023)
    [256, 128, 64, 32, 16, 8, 4, 2, 1, 1]
    >>> search_increments(1023, noisy=True)
    [256, 128, 64, 32, 16, 8, 5, 4, 2, 1, 1]
    """
    increments = [-(-n_code // 2 ** (step + 2)) for step in range((n_code - 1).bit_length())]
    return sorted([*increments, NOISE_INCREMENT], reverse=True) if noisy else increments


def binary_search(
    measure: Callable[[np.ndarray], Any],
    target: Any,
    lower: int,
    upper: Any,
    *,
    inverted: bool = False,
    start_noise: Any = None,
) -> SearchResult:
    """Search the codes whose measured values are nearest to targets, all elements at once.

    The first test is in the middle of the range. After each test the codes move down if the value is above the target
    (up if `inverted`), else up, by less and less; the last test probes the other side of the last but two. The best of
    the last three tests is taken. With `start_noise` the first codes are shifted, there is one more step, and the best
    of the last six is taken. On the chip this avoids many cells with equal codes, which couple.
    Source: CX:common/algorithms.py:17-253.

    Parameters
    ----------
    measure : callable
        Takes integer codes of the shape of `target`, returns values of that shape. NaN and infinity are too large.
    target : float or array
        Values to reach [unit of `measure`], finite.
    lower : int
        Lowest code.
    upper : int or array of int
        Highest code, included; an array has one for every element of `target`. Elements do not meet: one whose range is
        shorter makes fewer steps, and is held while the others make theirs.
    inverted : bool
        Whether the value falls as the code rises.
    start_noise : array of int, optional
        By how much to shift the first codes, broadcast to the shape of `target`; it makes the search a noisy one.

    Returns
    -------
    SearchResult
        Codes, values and whether the codes are inside the range. The last codes written are not these: write them.

    Raises
    ------
    ParameterError
        If `upper` is below `lower` or of another shape, a target is not finite, or `measure` returns another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.calibration.search import binary_search
    >>> binary_search(lambda code: 0.26 * code - 80, np.array([80.0, 100.0, 400.0]), 0, 1022)
    SearchResult(code=array([ 615,  692, 1022]), value=array([ 79.9 ,  99.92, 185.72]), within=array([ True,  True, False]))
    """
    target = np.asarray(target, np.float64)
    try:
        highest = np.broadcast_to(np.asarray(upper, np.int64), target.shape)
    except ValueError:
        raise ParameterError(
            f"upper has shape {np.shape(upper)}, which does not fit the targets of shape {target.shape}"
        ) from None
    if (highest < lower).any():
        raise ParameterError(f"the range of codes is empty: upper {highest.min()} is below lower {lower}")
    if not np.isfinite(target).all():
        raise ParameterError("the targets of a search must be finite")
    n_code = highest - lower + 1
    noisy = start_noise is not None
    code = np.where(n_code > 1, lower + n_code // 2, lower)
    if noisy:
        code = np.clip(code + np.asarray(start_noise, np.int64), lower, highest)
    best = code
    best_value = np.full(target.shape, np.inf)
    best_distance = np.full(target.shape, np.inf)
    increments, n_increment = _increments(n_code, noisy)
    # a range of one code has a single test, of a noisy search too
    n_test = np.where(n_increment > 0, n_increment + 2, 1)
    first_counted = n_increment + 2 - (N_LAST_NOISY if noisy else N_LAST)
    previous = ended = code
    for number in range(int(n_test.max(initial=1))):
        value = np.asarray(measure(code), np.float64)
        if value.shape != target.shape:
            raise ParameterError(f"measure must return values of shape {target.shape}; got {value.shape}")
        value = np.where(np.isfinite(value), value, np.inf)
        distance = np.abs(value - target)
        better = (number >= first_counted) & (number < n_test) & (distance < best_distance)
        best = np.where(better, code, best)
        best_value = np.where(better, value, best_value)
        best_distance = np.where(better, distance, best_distance)
        ended = np.where(number == n_increment, code, ended)
        # the other side of the last code but one, where all steps are made; a search that is over stays where it is
        mirror = 2 * previous - code
        inner = np.where(previous - lower > highest - previous, highest - 1, lower + 1)
        outside = (mirror < lower) | (mirror > highest) | (mirror == code)
        mirror = np.where(outside, np.clip(inner, lower, highest), mirror)
        step = increments[min(number, len(increments) - 1)]
        moved = np.clip(np.where((value > target) != inverted, code - step, code + step), lower, highest)
        moving = number < n_increment
        previous = np.where(moving, code, previous)
        code = np.where(moving, moved, np.where((number == n_increment) & (n_test > 1), mirror, code))
    # the best of tests without a single number is the last but one: it has gone furthest
    best = np.where(np.isinf(best_distance), ended, best)
    return SearchResult(best, best_value, (best > lower) & (best < highest))


def _increments(n_code: np.ndarray, noisy: bool) -> tuple[np.ndarray, np.ndarray]:
    """Increments of every element (step, ...), zeros after its last one, and how many it has."""
    lengths, place = np.unique(n_code, return_inverse=True)
    each = [search_increments(int(length), noisy=noisy) for length in lengths]
    table = np.zeros((max((1, *map(len, each))), len(each)), np.int64)
    for k, increments in enumerate(each):
        table[: len(increments), k] = increments
    place = place.reshape(n_code.shape)
    return table[:, place], np.array([len(increments) for increments in each], np.int64)[place]
