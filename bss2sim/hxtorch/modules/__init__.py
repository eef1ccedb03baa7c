"""The modules networks are made of."""

from .batch_dropout import BatchDropout
from .eventprop import EventPropNeuron, EventPropSynapse
from .exponential import NeuronExp, ReadoutNeuronExp
from .hx_module import HXBaseExperimentModule, HXFunctionalModule, HXModule
from .hx_module_wrapper import HXModuleWrapper
from .iaf_neuron import IAFNeuron
from .input_neuron import InputNeuron
from .neuron import Neuron
from .readout_neuron import ReadoutNeuron
from .sparse_synapse import SparseSynapse
from .synapse import Synapse
from .types import InputPopulation, Population, Projection

__all__ = [
    "BatchDropout",
    "EventPropNeuron",
    "EventPropSynapse",
    "HXBaseExperimentModule",
    "HXFunctionalModule",
    "HXModule",
    "HXModuleWrapper",
    "IAFNeuron",
    "InputNeuron",
    "InputPopulation",
    "Neuron",
    "NeuronExp",
    "Population",
    "Projection",
    "ReadoutNeuron",
    "ReadoutNeuronExp",
    "SparseSynapse",
    "Synapse",
]
