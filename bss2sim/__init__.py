"""The integrate-and-fire neurons of the BrainScaleS-2 chip, and its emulated circuits, simulated.

Labelled arrays go in, one labelled :class:`xarray.Dataset` comes out::

    import bss2sim as b2

    neurons = b2.IAFNeuron(512, threshold=125.0, reset=80.0)
    run = b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), dt=1e-6)

The public names are loaded when they are first used (PEP 562), so that importing the package takes milliseconds.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bss2sim import accessor as accessor
    from bss2sim import alignment as alignment
    from bss2sim import calibration as calibration
    from bss2sim import convert as convert
    from bss2sim import datasets as datasets
    from bss2sim import errors as errors
    from bss2sim import hardware as hardware
    from bss2sim import hxtorch as hxtorch
    from bss2sim import plot as plot
    from bss2sim import runs as runs
    from bss2sim import sbi as sbi
    from bss2sim import torch as torch
    from bss2sim.calibration.calibrate import calibrate
    from bss2sim.calibration.result import Calibration, load_calibration
    from bss2sim.calibration.target import NeuronCalibTarget
    from bss2sim.errors import (
        Bss2SimError,
        DeviceError,
        FileError,
        InputError,
        MissingDependencyError,
        ParameterError,
        UnknownKeywordError,
    )
    from bss2sim.hardware.chip import EmulatedChip
    from bss2sim.hardware.chip_configuration import ChipConfiguration
    from bss2sim.hardware.coordinates import AtomicNeuronOnDLS
    from bss2sim.hardware.morphology import LogicalNeuronOnDLS, SingleCompartmentNeuron
    from bss2sim.inputs import sparse_spikes
    from bss2sim.neuron import IAFNeuron, LIFNeuron, LINeuron
    from bss2sim.options import get_options, set_options
    from bss2sim.parameter_pair import Parameter
    from bss2sim.recording import Recording
    from bss2sim.share_chip import share_chip
    from bss2sim.simulate import simulate
    from bss2sim.synapse import Synapse
    from bss2sim.versions import show_versions

__version__ = "0.1.0"

__all__ = [
    "IAFNeuron",
    "LIFNeuron",
    "LINeuron",
    "Parameter",
    "Synapse",
    "Recording",
    "simulate",
    "sparse_spikes",
    "EmulatedChip",
    "ChipConfiguration",
    "NeuronCalibTarget",
    "calibrate",
    "Calibration",
    "load_calibration",
    "share_chip",
    "AtomicNeuronOnDLS",
    "LogicalNeuronOnDLS",
    "SingleCompartmentNeuron",
    "set_options",
    "get_options",
    "show_versions",
    "Bss2SimError",
    "ParameterError",
    "InputError",
    "UnknownKeywordError",
    "FileError",
    "DeviceError",
    "MissingDependencyError",
    "__version__",
]

_HOME = {
    "IAFNeuron": "neuron",
    "LIFNeuron": "neuron",
    "LINeuron": "neuron",
    "Parameter": "parameter_pair",
    "Synapse": "synapse",
    "Recording": "recording",
    "simulate": "simulate",
    "sparse_spikes": "inputs",
    "EmulatedChip": "hardware.chip",
    "ChipConfiguration": "hardware.chip_configuration",
    "NeuronCalibTarget": "calibration.target",
    "calibrate": "calibration.calibrate",
    "Calibration": "calibration.result",
    "load_calibration": "calibration.result",
    "share_chip": "share_chip",
    "AtomicNeuronOnDLS": "hardware.coordinates",
    "LogicalNeuronOnDLS": "hardware.morphology",
    "SingleCompartmentNeuron": "hardware.morphology",
    "set_options": "options",
    "get_options": "options",
    "show_versions": "versions",
    "Bss2SimError": "errors",
    "ParameterError": "errors",
    "InputError": "errors",
    "UnknownKeywordError": "errors",
    "FileError": "errors",
    "DeviceError": "errors",
    "MissingDependencyError": "errors",
}
_MODULES = (
    "accessor",
    "alignment",
    "calibration",
    "convert",
    "datasets",
    "errors",
    "hardware",
    "hxtorch",
    "plot",
    "runs",
    "sbi",
    "torch",
)


def _load(module: str) -> ModuleType:
    """Import a module of the package."""
    from .kernels.collector import paused

    with paused():
        return import_module(f"{__name__}.{module}")


def __getattr__(name: str) -> Any:
    """Load a public name or submodule on first use."""
    if name in _HOME:
        value = getattr(_load(_HOME[name]), name)
        globals()[name] = value  # the next access is a plain lookup
        return value
    if name in _MODULES:
        return _load(name)
    message = f"module {__name__!r} has no attribute {name!r}"
    if not name.startswith("_"):
        from difflib import get_close_matches

        near = get_close_matches(name, __dir__(), n=1)
        message += f"; did you mean {near[0]!r}?" if near else ""
    raise AttributeError(message)


def __dir__() -> list[str]:
    """List the public names and submodules, loaded or not."""
    return sorted({*__all__, *_MODULES})


class _Package(ModuleType):
    """The package itself, with a guard for names shared by a function and the file it is in."""

    def __setattr__(self, name: str, value: object) -> None:
        # `import bss2sim.simulate` would bind the file as `simulate`, where the function of that name belongs.
        if isinstance(value, ModuleType) and name in _HOME:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
