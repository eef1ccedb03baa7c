"""Arguments of a run that only the model or only a chip has, refused in the other world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import ParameterError

_NO_STATE = "a chip keeps no state between calls; start='carried' carries it from one batch entry to the next"
_REMEDIES = {
    "integrator": "a chip has its own dynamics, which are always solved exactly; leave integrator out",
    "dtype": "a chip is solved in float64; leave dtype out",
    "state": _NO_STATE,
    "return_state": _NO_STATE,
    "out": "results of a chip are not written into those of an earlier run; leave out= out",
}


def _changed(given: dict[str, tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    """Return names and values of the arguments that are not their default."""
    for name, (value, usual) in given.items():
        if value is not usual and not (isinstance(value, type(usual)) and value == usual):
            yield name, value


def refuse_model_only(**given: tuple[Any, Any]) -> None:
    """Refuse arguments of the model that a chip does not have; each is given with its default."""
    for name, value in _changed(given):
        raise ParameterError(f"{name}={value!r} does not go with chip=: {_REMEDIES[name]}")


def refuse_chip_only(**given: tuple[Any, Any]) -> None:
    """Refuse arguments of a chip where there is none; each is given with its default."""
    for name, _ in _changed(given):
        raise ParameterError(f"{name} acts on a chip only; give chip=EmulatedChip(...), or leave {name} out")
