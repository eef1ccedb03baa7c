"""The only Numba options of the package.

* No fastmath: it breaks the compensated logarithm and the range reduction of the exact path.
* ``nogil``: batches are spread over Python threads by :mod:`bss2sim.threads`; Numba's own parallel
  layer is not used. It costs a second of compile time, and its macOS default aborts the process
  under a second thread pool (dask).
* ``error_model="numpy"``: no branch for a division by zero in inner loops.
* ``_nrt=False``: no counting of references to arrays, of which kernels make none. Counting is an atomic
  instruction, and it waits for every streaming store under way: recording was three times slower with it.
* ``no_cfunc_wrapper``: nobody calls a kernel from C.
* ``pipeline_class``: see :mod:`bss2sim.kernels.pipeline`.
* An argument that is None switches a part of a kernel off: Numba leaves out ``if x is not None:`` then. It does not leave
  out the ``else`` for an argument that is not None, so kernels write two ``if`` where that branch would not compile.
* Types are inferred at the first call; no signatures, so importing compiles nothing.
* The on-disk cache is opt-in (``bss2sim.set_options(cache=True)``): Numba does not notice a changed
  callee in another file, and a read-only installation cannot hold a cache.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event

from .pipeline import KernelCompiler

# The shorter pipeline stands on inner parts of Numba: with another version than those it was tried with, Numba's own gives
# the same machine code, later.
_TRIED = ((0, 68),)
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
if numba.version_info.short in _TRIED:
    _OPTIONS["pipeline_class"] = KernelCompiler
_KERNELS: list[Any] = []
_cached = False


class _NoCollection(event.Listener):
    """Pause the garbage collector while Numba compiles, which makes objects by the million and frees few."""

    def __init__(self) -> None:
        self._depth = 0
        self._paused = False

    def on_start(self, started: event.Event) -> None:
        """A compilation begins, maybe within another."""
        if self._depth == 0 and gc.isenabled():
            gc.disable()
            self._paused = True
        self._depth += 1

    def on_end(self, ended: event.Event) -> None:
        """A compilation ends."""
        self._depth -= 1
        if self._depth == 0 and self._paused:
            self._paused = False
            gc.enable()


event.register("numba:compile", _NoCollection())


def _registered(compiled: Any) -> Any:
    """Keep track of a compiled function, and cache it if caching is on already."""
    _KERNELS.append(compiled)
    if _cached and hasattr(compiled, "enable_caching"):
        compiled.enable_caching()
    return compiled


def rule(function: Callable[..., Any]) -> Any:
    """Compile a small pure function that is copied into every loop that calls it."""
    return _registered(numba.njit(inline="always", **_OPTIONS)(function))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that is called as a whole."""
    return _registered(numba.njit(**_OPTIONS)(function))


def enable_cache() -> None:
    """Let every kernel, loaded or not, keep its machine code on disk (NUMBA_CACHE_DIR, or beside the source)."""
    global _cached
    if not _cached:
        _cached = True
        for compiled in _KERNELS:
            if hasattr(compiled, "enable_caching"):  # with JIT off it is a plain function
                compiled.enable_caching()
