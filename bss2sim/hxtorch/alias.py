"""The names under which scripts import hxtorch and the packages beside it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

from bss2sim.errors import Bss2SimError

from .refused import allow_imports, refuse_imports

_OWN = "bss2sim.hxtorch"
_SPIKING = ("hxtorch.spiking", "hxtorch.snn")
_MARK = "__bss2sim_alias__"
_OF_HXTORCH = ("init_hardware", "release_hardware", "get_unique_identifier", "logger")
# packages beside hxtorch: name there -> where it is here; parents before what is in them
_BESIDE = {
    "dlens_vx_v3.halco": "bss2sim.hxtorch.halco",
    "dlens_vx_v3.hal": "bss2sim.hxtorch.hal",
    "dlens_vx_v3.lola": "bss2sim.hxtorch.lola",
    "calix": "bss2sim.hxtorch.calix",
    "calix.spiking": "bss2sim.hxtorch.calix.spiking",
    "calix.spiking.neuron": "bss2sim.hxtorch.calix.spiking.neuron",
    "calix.spiking.refractory_period": "bss2sim.hxtorch.calix.spiking.refractory_period",
}
_TOPS = ("hxtorch", *dict.fromkeys(name.partition(".")[0] for name in _BESIDE))
_HIDDEN = ("__main__", "alias", "calix", "hal", "halco", "lola", "refused")  # no names of hxtorch.spiking


class AliasError(Bss2SimError, ImportError):
    """A name that :func:`install` needs belongs to another package that is loaded already."""


def _new(name: str) -> ModuleType:
    """Make an empty package, and enter it."""
    module = ModuleType(name, f"Names of {name} that bss2sim.hxtorch has.")
    module.__path__ = []
    setattr(module, _MARK, True)
    sys.modules[name] = module
    return module


def _is_ours(name: str) -> bool:
    """Whether a name leads to a module that :func:`install` entered."""
    module = sys.modules.get(name)
    return hasattr(module, _MARK) or getattr(module, "__name__", "").startswith(_OWN)


def _deep_modules() -> dict[str, ModuleType]:
    """Return all modules of this package by their name in it."""
    package = importlib.import_module(_OWN)
    found = {}
    for entry in pkgutil.walk_packages(package.__path__, f"{_OWN}."):
        short = entry.name.removeprefix(f"{_OWN}.")
        if short.partition(".")[0] not in _HIDDEN:
            found[short] = importlib.import_module(entry.name)
    return found


def install() -> None:
    """Let ``import hxtorch`` find bss2sim.hxtorch, and ``dlens_vx_v3`` and ``calix`` what it has of them.

    Deep paths such as ``hxtorch.spiking.modules.iaf_neuron`` and ``hxtorch.snn.functional`` lead to the same modules. It takes
    effect in this process, until :func:`uninstall`. A second call changes nothing.

    Raises
    ------
    AliasError
        If another hxtorch, dlens_vx_v3 or calix is imported already.

    Examples
    --------
    >>> import bss2sim.hxtorch
    >>> bss2sim.hxtorch.install()
    >>> import hxtorch.snn as hxsnn
    >>> hxsnn.IAFNeuron is bss2sim.hxtorch.IAFNeuron
    True
    >>> bss2sim.hxtorch.uninstall()
    """
    for name in _TOPS:
        module = sys.modules.get(name)
        if module is not None and not _is_ours(name):
            where = getattr(module, "__file__", None)
            raise AliasError(
                f"another {name} is imported already, from {where}; call bss2sim.hxtorch.install() before anything imports it, or "
                "run the script with python -m bss2sim.hxtorch"
            )
    if "hxtorch" in sys.modules:
        return
    spiking = importlib.import_module(_OWN)
    top = _new("hxtorch")
    for name in _OF_HXTORCH:
        setattr(top, name, getattr(spiking, name))
    sys.modules["hxtorch.logger"] = spiking.logger
    for prefix in _SPIKING:
        sys.modules[prefix] = spiking
        setattr(top, prefix.rpartition(".")[2], spiking)
        for short, module in _deep_modules().items():
            sys.modules[f"{prefix}.{short}"] = module
    for name, home in _BESIDE.items():
        parent, _, child = name.rpartition(".")
        module = importlib.import_module(home)
        sys.modules[name] = module
        if parent and parent not in _BESIDE:
            setattr(sys.modules.get(parent) or _new(parent), child, module)
    refuse_imports()


def uninstall() -> None:
    """Take the names back that :func:`install` entered; what a script imported before keeps working.

    Examples
    --------
    >>> import sys
    >>> import bss2sim.hxtorch
    >>> bss2sim.hxtorch.install()
    >>> bss2sim.hxtorch.uninstall()
    >>> "hxtorch" in sys.modules
    False
    """
    allow_imports()
    tops = [name for name in _TOPS if _is_ours(name)]
    for name in list(sys.modules):
        if name.partition(".")[0] in tops:
            del sys.modules[name]
