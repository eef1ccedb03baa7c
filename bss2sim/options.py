"""Settings of the process: how many threads run, whether compiled kernels are kept on disk."""

from __future__ import annotations

import operator
import os
import sys
from types import TracebackType

from .errors import ParameterError, refuse_unknown_keywords

_values: dict[str, int | bool | None] = {"threads": None, "cache": False}


def check_threads(threads: object) -> int | None:
    """Return a number of threads, or None for "as many as there are processors"."""
    if threads is None:
        return None
    try:
        number = operator.index(threads)  # type: ignore[arg-type]  # that is what is found out
    except TypeError as reason:
        raise ParameterError(
            f"threads must be a whole number of at least 1, or None for all; got {threads!r}"
        ) from reason
    if isinstance(threads, bool) or number < 1:
        raise ParameterError(f"threads must be at least 1, or None for all processors; got {threads!r}")
    return number


class set_options:
    """Set options for the process, or for a ``with`` block.

    Parameters
    ----------
    threads : int or None, optional
        Threads that :func:`simulate` spreads trials and neurons over. None: the environment variable
        NUMBA_NUM_THREADS if set, else all processors this process may use. Results do not depend on it.
    cache : bool, optional
        Keep compiled kernels on disk (NUMBA_CACHE_DIR, or ``__pycache__`` beside the source), so that the next
        process starts without compiling. Off by default: Numba does not notice a change in a called function,
        which matters when you edit the package itself. Once on, it stays on in this process.

    Raises
    ------
    ParameterError
        If a value is not allowed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> with b2.set_options(threads=1):
    ...     b2.get_options()["threads"]
    1
    """

    @refuse_unknown_keywords
    def __init__(self, *, threads: int | str | None = "keep", cache: bool | str = "keep") -> None:
        self._before = dict(_values)
        if threads != "keep":
            _values["threads"] = check_threads(threads)
        if cache != "keep":
            if not isinstance(cache, bool):
                raise ParameterError(f"cache must be True or False; got {cache!r}")
            _values["cache"] = cache
            if cache and "bss2sim.kernels.jit" in sys.modules:
                sys.modules["bss2sim.kernels.jit"].enable_cache()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _values.update(self._before)


def get_options() -> dict[str, int | bool | None]:
    """Return the options in force.

    Returns
    -------
    dict
        ``threads`` and ``cache``, see :class:`set_options`.

    Examples
    --------
    >>> import bss2sim as b2
    >>> sorted(b2.get_options())
    ['cache', 'threads']
    """
    return dict(_values)


def thread_count(threads: object = None) -> int:
    """Return the number of threads to use: the argument, else the option, else the environment, else all."""
    number = check_threads(threads) or _values["threads"]
    if number is None:
        given = os.environ.get("NUMBA_NUM_THREADS", "")
        if given and not (given.isdecimal() and int(given) > 0):
            raise ParameterError(
                f"the environment variable NUMBA_NUM_THREADS must be a whole number of at least 1; it is {given!r}"
            )
        number = int(given) if given else _processors()
    return int(number)


def _processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
