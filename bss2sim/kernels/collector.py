"""Pause Python's garbage collector. Imports neither NumPy nor Numba."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector while modules are loaded or kernels compiled: a fifth of a first result is spent in it.

    Both make objects by the hundred thousand and leave few to collect. They are then handed to the oldest generation
    as they are; a collection of the youngest would look at each.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # else these would not be ours to unfreeze
            gc.freeze()
            gc.unfreeze()
        gc.enable()
