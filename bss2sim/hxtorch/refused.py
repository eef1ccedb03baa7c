"""Modules of the software of a real chip that are not here: what imports them is told why, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

from bss2sim.errors import Bss2SimError

_LINK = "it talks to a real chip; the emulated one is that of hxtorch.init_hardware()"
REASONS = {
    "hxtorch.perceptron": "matrix multiplication on the chip is not emulated; use torch",
    "hxtorch.ann": "matrix multiplication on the chip is not emulated; use torch",
    "hxtorch.nn": "matrix multiplication on the chip is not emulated; use torch",
    "hxtorch.examples": "the examples of hxtorch are not part of this package; see its folder examples",
    "calix.common": "its searches and measurements run on a real chip; see bss2sim.calibrate(chip, target, method='search')",
    "calix.hagen": "it calibrates matrix multiplication, which is not emulated",
    "calix.spiking.correlation": "correlation sensors are not emulated",
    "calix.spiking.synapse_driver": "short-term plasticity is not emulated",
    "dlens_vx_v3.sta": _LINK,
    "dlens_vx_v3.hxcomm": _LINK,
    "pygrenade_vx": "it builds and runs the network of a real chip; run() takes the modules as they are connected",
    "stadls_vx_v3": _LINK,
    "pyhxcomm": _LINK,
    "pyhxcomm_vx": _LINK,
    "hxcomm": _LINK,
    "stadls": _LINK,
}


class NotEmulatedError(Bss2SimError, ImportError):
    """A module of the software of a real chip is not here."""


class _Finder(MetaPathFinder):
    """Asked last, when nobody else has a module."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raise NotEmulatedError for what is known and not here."""
        reason = REASONS.get(fullname)
        if reason is not None:
            raise NotEmulatedError(f"{fullname} is not in bss2sim.hxtorch: {reason}", name=fullname)


_FINDER = _Finder()


def refuse_imports() -> None:
    """Explain imports that fail from now on."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def allow_imports() -> None:
    """Stop it."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
