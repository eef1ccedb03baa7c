"""Times that the digital clocks of a neuron make out of its registers."""

from __future__ import annotations

import numpy as np

BASE_PERIOD = 8e-9  # period of the refractory clock at scale 0 [s]: 250 MHz halved; HA:neuron.h:83-96
LONGEST_HOLDOFF = 31  # clock cycles of the holdoff at reset_holdoff 0; HA:neuron.h:280-315


def clock_period(clock_scale_code: np.ndarray) -> np.ndarray:
    """Return the period of a refractory clock.

    Parameters
    ----------
    clock_scale_code : array of int, any shape
        Scale of the clock, 0 to 15.

    Returns
    -------
    array, same shape
        T = 8 ns * 2^scale [s]. Source: HA:neuron.h:83-96.

    Examples
    --------
    >>> from bss2sim.hardware.clocks import clock_period
    >>> float(clock_period(3))
    6.4e-08
    """
    return np.ldexp(BASE_PERIOD, np.asarray(clock_scale_code, np.int64).astype(np.int32))


def refractory_cycles(
    refractory_time_code: np.ndarray, reset_holdoff_code: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the clock cycles of the whole refractory time and of the holdoff in it.

    The refractory time lasts ``refractory_time`` cycles; in the last ``31 - 2 reset_holdoff`` of them the clamp is released
    and no spike is accepted. If the holdoff is longer than the whole, the chip never meets the value that releases the
    clamp: the reset lasts the whole time and there is no holdoff (an assumption: the chip is documented as glitchy then).

    Parameters
    ----------
    refractory_time_code : array of int, any shape
        Counter, 0 to 255.
    reset_holdoff_code : array of int, broadcastable
        0 to 15.

    Returns
    -------
    total, holdoff : arrays of int
        Clock cycles. Source: HA:neuron.h:280-343, LO:v3/neuron.h:397-430.

    Examples
    --------
    >>> from bss2sim.hardware.clocks import refractory_cycles
    >>> [int(cycles) for cycles in refractory_cycles(32, 15)]
    [32, 1]
    """
    total = np.asarray(refractory_time_code, np.int64)
    holdoff = LONGEST_HOLDOFF - 2 * np.asarray(reset_holdoff_code, np.int64)
    return total, np.where(holdoff > total, 0, holdoff)


def is_glitch(refractory_time_code: np.ndarray, reset_holdoff_code: np.ndarray) -> np.ndarray:
    """Return whether the holdoff is longer than the refractory time it is a part of.

    Parameters
    ----------
    refractory_time_code, reset_holdoff_code : arrays of int, broadcastable
        Counter, 0 to 255, and reset holdoff, 0 to 15.

    Returns
    -------
    array of bool
        True where the chip never meets the value that releases the clamp. Source: HA:neuron.h:303-306.

    Examples
    --------
    >>> from bss2sim.hardware.clocks import is_glitch
    >>> bool(is_glitch(8, 8)), bool(is_glitch(15, 8))
    (True, False)
    """
    return LONGEST_HOLDOFF - 2 * np.asarray(reset_holdoff_code, np.int64) > np.asarray(refractory_time_code, np.int64)


def refractory_durations(
    refractory_time_code: np.ndarray, reset_holdoff_code: np.ndarray, clock_scale_code: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the refractory time, holdoff included, and the holdoff.

    Parameters
    ----------
    refractory_time_code : array of int, any shape
        Counter, 0 to 255.
    reset_holdoff_code : array of int, broadcastable
        0 to 15.
    clock_scale_code : array of int, broadcastable
        Scale of the clock that the circuit counts, 0 to 15.

    Returns
    -------
    refractory_time, holdoff_time : arrays
        Cycles of :func:`refractory_cycles` times the period of the clock [s].

    Examples
    --------
    >>> from bss2sim.hardware.clocks import refractory_durations
    >>> refractory_time, holdoff_time = refractory_durations(79, 15, 4)
    >>> print(f"{refractory_time * 1e6:.3f} us, {holdoff_time * 1e6:.3f} us")
    10.112 us, 0.128 us
    """
    total, holdoff = refractory_cycles(refractory_time_code, reset_holdoff_code)
    period = clock_period(clock_scale_code)
    return total * period, holdoff * period
