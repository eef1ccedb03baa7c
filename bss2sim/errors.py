"""Errors and warnings of the package, and the one place that refuses unknown keywords.

Every message says what is wrong, where, the value with its unit, the allowed range and the remedy.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
_PACKAGE = str(Path(__file__).parent)


class Bss2SimError(Exception):
    """Base of every error this package raises on purpose."""


class ParameterError(Bss2SimError, ValueError):
    """A parameter has a wrong value, shape, name or type."""


class InputError(Bss2SimError, ValueError):
    """Input data (spikes, jumps, state, an earlier result) cannot be used."""


class UnknownKeywordError(Bss2SimError, TypeError):
    """A keyword argument does not exist; the nearest one is suggested."""


class FileError(Bss2SimError, OSError):
    """A file cannot be read or written."""


class MissingDependencyError(Bss2SimError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class DeviceError(Bss2SimError, OSError):
    """A device cannot be used: there is none, or its memory is too small."""


# What neurons are counted by: populations have a size, arrays of their spikes do not say it and need n_neuron. Then what other
# packages call parameters, where the nearest name is another one, or none is near.
_ALSO_CALLED = {
    "size": ("n_neuron",), "n_neuron": ("size",), "n_neurons": ("n_neuron", "size"), "num_neurons": ("n_neuron", "size"),
    "in_size": ("n_input",), "n_inputs": ("n_input",), "out_size": ("size",), "n_output": ("size",),
    "tau_ref": ("refractory_time",), "t_ref": ("refractory_time",), "v_th": ("threshold",), "v_threshold": ("threshold",),
    "weight": ("synapse",), "weights": ("weight", "synapse"),
}  # fmt: skip


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known name, else ``; known: ...``."""
    known = list(known)
    for other in _ALSO_CALLED.get(name, ()):
        if other in known:
            return f"; did you mean {other!r}?"
    begins = [other for other in known if len(name) > 1 and other.startswith(name)]
    near = begins if len(begins) == 1 else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def refuse_unknown_keywords(function: _F) -> _F:
    """Make a callable answer an unknown keyword with the nearest known one."""
    owner = function.__qualname__.removesuffix(".__init__")
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in parameters:
                raise UnknownKeywordError(f"{owner}() has no argument {name!r}{suggestion(name, parameters)}")
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]  # functools.wraps keeps the signature


_silent: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep back what :func:`warn` says in this thread; the filters of warnings belong to the whole process."""
    before = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(before)


def warn(message: str) -> None:
    """Warn of something in the line that called the package, however deep in the package it was found."""
    if _silent.get():
        return
    frame = sys._getframe(1)
    level = 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(message, UserWarning, stacklevel=level)


def first_few(items: Iterable[Any], most: int = 8) -> str:
    """Name the first items of many: ``3, 4 and 10 more``."""
    names = [str(item) for item in items]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def choose(what: str, value: object, allowed: Iterable[Any]) -> Any:
    """Return `value` if it is one of `allowed`, else raise ParameterError with the nearest one."""
    allowed = list(allowed)
    for option in allowed:
        if value is option or (isinstance(value, str) and value == option):
            return option
    names = [repr(option) for option in allowed]
    hint = suggestion(value, [o for o in allowed if isinstance(o, str)]) if isinstance(value, str) else ""
    hint = hint if hint.startswith("; did") else ""
    raise ParameterError(f"{what} must be one of {', '.join(names)}; got {value!r}{hint}")
