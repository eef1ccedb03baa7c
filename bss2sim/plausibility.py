"""What is allowed and hardly ever meant: times a million times too long, neurons that cannot rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import ArrayLike

from bss2sim.errors import warn

_LONG_STEP, _LONG_TIME = 0.1, 1.0  # [s]; of the chip, and of biology, nothing is so slow
_FOREVER = 1e5  # [s]; a longer time constant is one that shall not end

_told: ContextVar[bool] = ContextVar("told", default=False)


@contextmanager
def told(yes: bool = True) -> Iterator[None]:
    """Keep back the warnings of this module in this thread: the caller was told, or the values are none of the caller's."""
    before = _told.set(yes or _told.get())
    try:
        yield
    finally:
        _told.reset(before)


def warn_of_long_step(dt: float) -> None:
    """Warn of a grid spacing [s] that was meant in another unit."""
    if dt >= _LONG_STEP and not _told.get():
        warn(_in_seconds("dt", dt))


def warn_of_long_time(name: str, value: ArrayLike) -> None:
    """Warn of a time of the neurons [s], one or (..., neuron), that was meant in another unit."""
    times = np.asarray(value)
    long = (times >= _LONG_TIME) & (times < _FOREVER)
    if long.any() and not _told.get():
        warn(_in_seconds(name, float(times[long].flat[0])))


def _in_seconds(name: str, value: float) -> str:
    """Say that times are in seconds."""
    return (
        f"{name} is {value:g} s, and the chip's times are microseconds; times are in seconds: for {value:g} us give "
        f"{name}={value:g}e-6"
    )


def warn_of_restless(reset: ArrayLike, threshold: ArrayLike, which: str = "", counted: str = "neurons") -> None:
    """Warn of neurons whose reset potential is not below their threshold, both one or arrays that broadcast.

    `which` follows the two names, `counted` is what the entries of arrays are.
    """
    one, other = np.broadcast_arrays(reset, threshold)
    bad = one >= other
    if not bad.any() or _told.get():
        return
    first = int(np.argmax(bad))
    low, high = float(other.flat[first]), float(one.flat[first])
    what = "without any input" if high > low else "at the least input"
    many = f"{int(bad.sum())} of {bad.size} {counted} have" if bad.size > 1 else "the neurons have"
    warn(
        f"reset{which} must be below threshold{which} for a neuron to rest: {many} reset {high:g} and threshold {low:g}, and "
        f"fire again {what} as soon as the refractory period ends; each has a default, so give both, in one unit"
    )
