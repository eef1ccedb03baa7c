"""Neurons of the BrainScaleS-2 chip in PyTorch: Euler steps with SuperSpike gradients, one fused operator a layer.

Tensors are (time, batch, neuron). The extra ``torch`` brings PyTorch.
"""

from bss2sim.errors import MissingDependencyError

try:
    import torch as _torch  # noqa: F401  # only whether it is there
except ImportError as reason:  # pragma: no cover  # tests run with PyTorch; one starts a process that hides it
    raise MissingDependencyError(
        'bss2sim.torch needs PyTorch: python -m pip install "bss2sim[torch]", in a checkout ".[torch]"'
    ) from reason

from .exact import ExactObservables, iaf_exact, li_exact
from .exact_modules import IAFExact, LIExact
from .functional import Observables, Traces, iaf, li, lif
from .modules import IAF, LI, LIF
from .spikes import Spikes

__all__ = [
    "iaf",
    "lif",
    "li",
    "Observables",
    "Traces",
    "IAF",
    "LIF",
    "LI",
    "iaf_exact",
    "li_exact",
    "ExactObservables",
    "Spikes",
    "IAFExact",
    "LIExact",
]
