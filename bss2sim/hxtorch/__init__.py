"""Drop-in for ``hxtorch.spiking``: its names, on bss2sim. Experiments run in mock mode, or on the emulated chip.

Change ``import hxtorch.snn as hxsnn`` to ``import bss2sim.hxtorch as hxsnn``; or change nothing and run
``python -m bss2sim.hxtorch script.py``, or call :func:`install` first. The extra ``torch`` brings what it needs.
"""

import sys as _sys

from bss2sim.errors import MissingDependencyError

try:
    import networkx as _networkx  # noqa: F401  # only whether it is there
    import torch as _torch  # noqa: F401  # the same
except ImportError as reason:
    _text = f'bss2sim.hxtorch needs {reason.name}: python -m pip install "bss2sim[torch]", in a checkout ".[torch]"'
    # `python -m bss2sim.hxtorch` comes here before its own file is read, and calls itself "-m" until then
    if _sys.argv[:1] == ["-m"] and any(word.endswith("bss2sim.hxtorch") for word in _sys.orig_argv):
        print(_text, file=_sys.stderr)
        raise SystemExit(2) from None
    raise MissingDependencyError(_text) from reason

from . import backend as backend
from . import datasets as datasets
from . import execution_info as execution_info
from . import execution_instance as execution_instance
from . import experiment as experiment
from . import functional as functional
from . import handle as handle
from . import logger as logger
from . import modules as modules
from . import morphology as morphology
from . import observables as observables
from . import parameter as parameter
from . import transforms as transforms
from . import utils as utils
from .alias import install, uninstall
from .connection import get_unique_identifier, init_hardware, release_hardware
from .execution_instance import ExecutionInstance
from .experiment import Experiment
from .handle import Handle, NeuronHandle, ReadoutNeuronHandle, SynapseHandle, TensorHandle
from .modules import (
    BatchDropout,
    HXBaseExperimentModule,
    HXModule,
    HXModuleWrapper,
    IAFNeuron,
    InputNeuron,
    Neuron,
    NeuronExp,
    ReadoutNeuron,
    ReadoutNeuronExp,
    SparseSynapse,
    Synapse,
)
from .parameter import HXBaseParameter, HXParameter, HXTransformedModelParameter, MixedHXModelParameter, ModelParameter
from .run import run

__all__ = [
    "Experiment",
    "run",
    "IAFNeuron",
    "Neuron",
    "NeuronExp",
    "ReadoutNeuron",
    "ReadoutNeuronExp",
    "InputNeuron",
    "Synapse",
    "SparseSynapse",
    "BatchDropout",
    "HXBaseExperimentModule",
    "HXModule",
    "HXModuleWrapper",
    "Handle",
    "TensorHandle",
    "SynapseHandle",
    "NeuronHandle",
    "ReadoutNeuronHandle",
    "HXBaseParameter",
    "HXParameter",
    "MixedHXModelParameter",
    "HXTransformedModelParameter",
    "ModelParameter",
    "ExecutionInstance",
    "init_hardware",
    "release_hardware",
    "get_unique_identifier",
    "install",
    "uninstall",
]
_SUBMODULES = (
    "alias", "backend", "datasets", "execution_info", "execution_instance", "experiment", "functional", "halco", "handle", "logger",
    "modules", "morphology", "neuron_placement", "parameter", "transforms", "observables", "utils", "hal", "lola", "calix",
)  # fmt: skip

_IN_MODULES = ("EventPropNeuron", "EventPropSynapse", "Population", "InputPopulation", "Projection")


def __getattr__(name: str) -> object:
    """Explain names of hxtorch that are not here."""
    from bss2sim.errors import suggestion

    if name in _IN_MODULES:
        raise AttributeError(
            f"bss2sim.hxtorch has no {name}; as in hxtorch it is in modules: bss2sim.hxtorch.modules.{name}"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}" + suggestion(name, [*__all__, *_SUBMODULES]))
