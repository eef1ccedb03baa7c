"""Numerics of the modules as functions of tensors (time, batch, neuron)."""

from .dropout import batch_dropout
from .eventprop import EventPropNeuronFunction, EventPropSynapseFunction
from .iaf import cuba_iaf_integration, cuba_refractory_iaf_integration
from .li import cuba_li_integration, exp_cuba_li_integration
from .lif import cuba_lif_integration, cuba_refractory_lif_integration, exp_cuba_lif_integration
from .linear import linear, linear_exponential_clamp, linear_sparse
from .spike_source import input_neuron
from .superspike import SuperSpike
from .threshold import threshold
from .unterjubel import Unterjubel

__all__ = [
    "cuba_iaf_integration",
    "cuba_refractory_iaf_integration",
    "cuba_lif_integration",
    "cuba_refractory_lif_integration",
    "exp_cuba_lif_integration",
    "cuba_li_integration",
    "exp_cuba_li_integration",
    "linear",
    "linear_sparse",
    "linear_exponential_clamp",
    "batch_dropout",
    "input_neuron",
    "EventPropNeuronFunction",
    "EventPropSynapseFunction",
    "SuperSpike",
    "Unterjubel",
    "threshold",
]
