"""What is allowed and hardly ever meant: times a million times too long, neurons that cannot rest."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import ArrayLike

from bss2sim.errors import warn

_LONG_STEP, _LONG_TIME = 0.1, 1.0  # [s]; of the chip, and of biology, nothing is so slow
_FOREVER = 1e5  # [s]; a longer time constant is one that shall not end


class _Everything:
    """What has every name."""

    def __contains__(self, name: object) -> bool:
        return True


_told: ContextVar[tuple[Container[str], ...]] = ContextVar("told", default=())


@contextmanager
def told(names: Container[str] = _Everything()) -> Iterator[None]:
    """Keep back, in this thread, warnings of arguments of these names: the caller was told; a set remembers what is told now."""
    before = _told.set((*_told.get(), names))
    try:
        yield
    finally:
        _told.reset(before)


def was_told(*names: str) -> bool:
    """Whether warnings of arguments of these names together are kept back; they are told from now on."""
    known = _told.get()
    if any(all(name in some for name in names) for some in known):
        return True
    for some in known:
        if isinstance(some, set):
            some.update(names)
    return False


def warn_of_long_step(dt: float) -> None:
    """Warn of a grid spacing [s] that was meant in another unit."""
    if dt >= _LONG_STEP and not was_told("dt"):
        warn(_in_seconds("dt", dt))


def warn_of_long_time(name: str, value: ArrayLike) -> None:
    """Warn of a time of the neurons [s], one or (..., neuron), that was meant in another unit."""
    times = np.asarray(value)
    long = (times >= _LONG_TIME) & (times < _FOREVER)
    if long.any() and not was_told(name.removesuffix(".hardware")):
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
    if not bad.any() or was_told("reset", "threshold"):
        return
    first = int(np.argmax(bad))
    low, high = float(other.flat[first]), float(one.flat[first])
    what = "without any input" if high > low else "at the least input"
    many = f"{int(bad.sum())} of {bad.size} {counted} have" if bad.size > 1 else "the neurons have"
    warn(
        f"reset{which} must be below threshold{which} for a neuron to rest: {many} reset {high:g} and threshold {low:g}, and "
        f"fire again {what} as soon as the refractory period ends; each has a default, so give both, in one unit"
    )
