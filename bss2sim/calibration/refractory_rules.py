"""Rules that turn refractory and holdoff times into registers, on plain arrays (chip, atomic_neuron)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import ParameterError
from ..hardware.clocks import LONGEST_HOLDOFF

HIGHEST_SCALE = 15  # HA:neuron.h:83-96
HIGHEST_COUNT = 255  # HA:neuron.h:335-343
HIGHEST_HOLDOFF_CODE = 15  # HA:neuron.h:307-315
MANY_COUNTS = 30  # fewer are said to misbehave; CX:spiking/refractory_period.py:116-122
BASE_PERIOD = 8000  # one count at scale 0 [ps]; HA:neuron.h:83-96

_ROWS = 8  # chips at a time: their costs at all scales stay in the cache
_BESIDES = 1 << 10  # more than there are circuits: one picosecond counts more than all small counters of a chip
_FAR = 1 << 40  # distance where a clock cannot serve a circuit [ps]: beyond all others of a chip together

_BASE_FREQUENCY = 250e6  # [Hz]; HA-s:pll.cpp:217-235


class Codes(NamedTuple):
    """Registers of the refractory clocks, int64, (chip, atomic_neuron) and for the scales (chip,)."""

    refractory_time: np.ndarray
    reset_holdoff: np.ndarray
    input_clock: np.ndarray
    clock_scale_slow: np.ndarray
    clock_scale_fast: np.ndarray


def nearest_cycles(
    refractory: np.ndarray, holdoff: np.ndarray, period: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the clock cycles nearest to both times, and how far they are from them together.

    Among all the chip can count, 1 .. 255 cycles of which the last 1, 3 .. 31 are holdoff, the sum of the two distances is
    smallest. Of equally near ones the longer are taken. Integers make the choice independent of rounding.

    Parameters
    ----------
    refractory, holdoff : arrays of int64, broadcastable
        Times, the holdoff at least 0 and not above the refractory time [ps].
    period : array of int64, broadcastable
        Period of the clock [ps].

    Returns
    -------
    total, last : arrays of int64
        Cycles of the refractory time, and those at its end that are holdoff.
    distance : array of int64
        How far the two times are from those wanted, added [ps]. Beyond all that occur, 2^40, where the clock is too fast.

    Examples
    --------
    >>> import numpy as np
    >>> [int(x) for x in nearest_cycles(np.array(10_000_000), np.array(2_000_000), np.array(64_000))]
    [156, 31, 32000]
    """
    nearest = (2 * refractory + period) // (2 * period)
    last = np.minimum(2 * (holdoff // (2 * period)) + 1, LONGEST_HOLDOFF)
    possible = (nearest <= HIGHEST_COUNT) & (holdoff <= (LONGEST_HOLDOFF + 1) * period)
    total = np.maximum(nearest, last)
    distance = np.abs(total * period - refractory) + np.abs(last * period - holdoff)
    # Where the holdoff is the longer one, by one cycle: longer total, as above, or shorter holdoff?
    shorter = last - 2
    other = np.abs(nearest * period - refractory) + np.abs(shorter * period - holdoff)
    better = (nearest < last) & (shorter > 0) & (other < distance)
    total, last = np.where(better, nearest, total), np.where(better, shorter, last)
    return total, last, np.where(possible, np.where(better, other, distance), _FAR)


def _fewest_picoseconds(refractory: np.ndarray, holdoff: np.ndarray) -> Codes:
    """Search all pairs of clock scales for some chips (chip, atomic_neuron) [ps]."""
    scale = np.arange(HIGHEST_SCALE + 1)
    period = (BASE_PERIOD << scale)[:, None, None]
    total, last, distance = nearest_cycles(refractory, holdoff, period)  # (scale, chip, atomic_neuron)
    cost = distance * _BESIDES + (total < MANY_COUNTS)
    pair = np.full((refractory.shape[0], scale.size, scale.size), np.iinfo(np.int64).max)  # (chip, slow, fast)
    for slow in scale:
        # each circuit takes the better clock; the order of the two is of no account
        pair[:, slow, : slow + 1] = np.minimum(cost[: slow + 1], cost[slow]).sum(axis=2).T
    best = pair.reshape(len(pair), -1).argmin(axis=1)  # of equal ones the fastest slow clock, then the fastest fast one
    slow, fast = best // scale.size, best % scale.size
    chip = np.arange(len(pair))
    on_fast = cost[fast, chip] <= cost[slow, chip]
    # a clock that no circuit takes is as the other
    slow = np.where(on_fast.all(axis=1), fast, slow)
    fast = np.where(on_fast.any(axis=1), fast, slow)
    on_fast |= (fast == slow)[:, None]
    use = np.where(on_fast, fast[:, None], slow[:, None])[None]
    counted, ending = (np.take_along_axis(cycles, use, axis=0)[0] for cycles in (total, last))
    return Codes(counted, (LONGEST_HOLDOFF - ending) // 2, on_fast.astype(np.int64), slow, fast)


def nearest_codes(refractory: np.ndarray, holdoff: np.ndarray) -> Codes:
    """Return the registers whose times are nearest to those wanted: the default rule.

    Of all pairs of clock scales, and all ways to give each circuit one of the two clocks, the one with the smallest sum over
    the circuits of |refractory time - wanted| + |holdoff time - wanted|. Of equal ones that with the fewest counters below
    30, then the fastest clocks. A clock that no circuit takes has the scale of the other.

    Parameters
    ----------
    refractory, holdoff : arrays of int64, shape (chip, atomic_neuron)
        Times that some clock can make, the holdoff within the refractory time [ps].

    Returns
    -------
    Codes

    Examples
    --------
    >>> import numpy as np
    >>> codes = nearest_codes(np.full((1, 512), 2_000_000), np.zeros((1, 512), np.int64))
    >>> int(codes.refractory_time[0, 0]), int(codes.clock_scale_fast[0])
    (250, 0)
    """
    parts = [
        _fewest_picoseconds(refractory[row : row + _ROWS], holdoff[row : row + _ROWS])
        for row in range(0, len(refractory), _ROWS)
    ]
    return Codes(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _calix_scale(shortest: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """Step from scale 4 until a period [us] lies in the wanted range, as calix does; above 15 it finds none."""
    longest = np.maximum(longest, 2 * shortest)
    scale = np.full(shortest.shape, 4)
    for _ in range(15):
        period = np.ldexp(1.0, scale + 1) / _BASE_FREQUENCY * 1e6
        scale = scale + (period < shortest) - ((period > longest) & (period >= shortest))
    return np.maximum(scale, 0)


def _calix_cycles(time: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Count the cycles of times [us] as calix does: rounded towards zero, and one more."""
    return (time * (_BASE_FREQUENCY / np.ldexp(1.0, scale + 1))[:, None] * 1e-6).astype(np.int64) + 1


def calix_codes(refractory: np.ndarray, holdoff: np.ndarray) -> Codes:
    """Return the registers that calix sets, where the chip has them.

    Circuits up to the mean refractory time count the fast clock, and their holdoff stays at one cycle; the others, and those
    whose holdoff is beyond 31 cycles of it, the slow one. A scale that no circuit uses is 0. The mean of equal times may
    round below them: then all circuits take the slow clock. Source: CX:spiking/refractory_period.py:70-262.

    Parameters
    ----------
    refractory, holdoff : arrays of float64, shape (chip, atomic_neuron)
        Times [us]. The unit matters for the rounding of the mean.

    Returns
    -------
    Codes
        Counters may be out of range: below 0 or above 255.

    Raises
    ------
    ParameterError
        If calix finds no clock.

    Examples
    --------
    >>> import numpy as np
    >>> codes = calix_codes(np.full((1, 512), 10.0), np.full((1, 512), 2.0))
    >>> int(codes.refractory_time[0, 0]), int(codes.reset_holdoff[0, 0]), int(codes.clock_scale_fast[0])
    (79, 15, 4)
    """
    refractory, holdoff = np.ascontiguousarray(refractory), np.ascontiguousarray(holdoff)  # the mean rounds the same
    fast = refractory <= refractory.mean(axis=1, keepdims=True)
    any_fast = fast.any(axis=1)
    highest = refractory.max(axis=1, where=fast, initial=-np.inf, keepdims=False)
    lowest = refractory.min(axis=1, where=fast, initial=np.inf)
    fast_scale = np.where(any_fast, _calix_scale(highest / HIGHEST_COUNT, lowest / MANY_COUNTS), 0)
    _refuse_scale(fast_scale, refractory)
    counter = _calix_cycles(refractory, fast_scale)

    slow = ~fast | (holdoff > LONGEST_HOLDOFF * (np.ldexp(1.0, fast_scale + 1) / _BASE_FREQUENCY * 1e6)[:, None])
    highest = refractory.max(axis=1, where=slow, initial=-np.inf)
    lowest = refractory.min(axis=1, where=slow, initial=np.inf)
    slow_scale = _calix_scale(
        np.maximum(holdoff.max(axis=1) / LONGEST_HOLDOFF, highest / HIGHEST_COUNT),
        np.minimum(holdoff.min(axis=1), lowest / MANY_COUNTS),
    )
    slow_scale = np.where(slow.any(axis=1), slow_scale, 0)
    _refuse_scale(
        slow_scale, np.maximum(holdoff * (HIGHEST_COUNT / LONGEST_HOLDOFF), np.where(slow, refractory, -np.inf))
    )
    counter = np.where(slow, _calix_cycles(refractory, slow_scale), counter)
    cycles = _calix_cycles(holdoff, slow_scale)
    code = np.ceil(HIGHEST_HOLDOFF_CODE - (cycles - 1) / 2).astype(np.int64)
    return Codes(counter, np.where(slow, code, HIGHEST_HOLDOFF_CODE), (~slow).astype(np.int64), slow_scale, fast_scale)


def _refuse_scale(scale: np.ndarray, need: np.ndarray) -> None:
    """Refuse clocks slower than the slowest, naming the circuit that needs them."""
    if (scale > HIGHEST_SCALE).any():
        chip = int(np.argmax(scale > HIGHEST_SCALE))
        raise ParameterError(
            f'rule "calix" finds no clock for atomic_neuron {int(need[chip].argmax())}: refractory_time can be at most about '
            "66.8 ms and holdoff_time 8.1 ms, less where they differ; shorten them"
        )
