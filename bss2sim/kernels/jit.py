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
* A function that only kernels call is a :func:`part`: it has no entry for Python and no machine code of its own.
* An argument that is None switches a part of a kernel off: Numba leaves out ``if x is not None:`` then. It does not leave
  out the ``else`` for an argument that is not None, so kernels write two ``if`` where that branch would not compile.
* Types are inferred at the first call; no signatures, so importing compiles nothing.
* The on-disk cache is opt-in (``bss2sim.set_options(cache=True)``): Numba does not notice a changed
  callee in another file, and a read-only installation cannot hold a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any

import numba
from numba.core import event

from .collector import paused
from .notice import Notice

# The shorter pipeline stands on inner parts of Numba: with another version than those it was tried with, Numba's own gives
# the same machine code, later.
_TRIED = ((0, 68),)
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
_PART_OPTIONS = dict(_OPTIONS)
if numba.version_info.short in _TRIED:
    from .pipeline import KernelCompiler, PartCompiler, load_without_blas

    _OPTIONS["pipeline_class"] = KernelCompiler
    _PART_OPTIONS.update(pipeline_class=PartCompiler, no_cpython_wrapper=True)
    load_without_blas()
_KERNELS: list[Any] = []
_cached = False


class _NoCollection(event.Listener):
    """Pause the garbage collector while Numba compiles."""

    def __init__(self) -> None:
        self._pauses: list[AbstractContextManager[None]] = []

    def on_start(self, started: event.Event) -> None:
        """A compilation begins, maybe within another."""
        self._pauses.append(paused())
        self._pauses[-1].__enter__()

    def on_end(self, ended: event.Event) -> None:
        """A compilation ends."""
        self._pauses.pop().__exit__(None, None, None)


event.register("numba:compile", _NoCollection())
event.register("numba:compile", Notice())


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


def part(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call; a call from Python is a TypeError. The cache keeps it with its kernels."""
    compiled = numba.njit(**_PART_OPTIONS)(function)
    if "pipeline_class" in _PART_OPTIONS and not numba.config.DISABLE_JIT:
        # It has no entry for Python: let no call find one.
        compiled._insert = lambda *entry: None
        compiled._compile_for_args = _refuse
    return compiled


def _refuse(*args: Any, **kwargs: Any) -> Any:
    """What a call of a part from Python comes to."""
    raise TypeError("this function is a part of kernels; call it from one")


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function in plain Python, with all that it calls: the same bits, without compiling."""
    body: Any = getattr(function, "py_func", function)
    called = {name: body.__globals__.get(name) for name in body.__code__.co_names}
    compiled = {name: plain(value) for name, value in called.items() if hasattr(value, "py_func")}
    return FunctionType(body.__code__, {**body.__globals__, **compiled}, body.__name__)


def enable_cache() -> None:
    """Let every kernel, loaded or not, keep its machine code on disk (NUMBA_CACHE_DIR, or beside the source)."""
    global _cached
    if not _cached:
        _cached = True
        for compiled in _KERNELS:
            if hasattr(compiled, "enable_caching"):  # with JIT off it is a plain function
                compiled.enable_caching()
