"""Neurons and synapses with gradients of spike times."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import ParameterError

from ..functional.eventprop import EventPropNeuronFunction, EventPropSynapseFunction
from ..functional.measured import read_hw_data
from ..handle import NeuronHandle, SynapseHandle
from .neuron import Neuron
from .neuron_arguments import document
from .synapse import Synapse, spikes_of


@document
class EventPropNeuron(Neuron):
    """As :class:`Neuron`, with gradients of spike times, see :class:`functional.EventPropNeuronFunction`.

    `method` and `alpha` are those of SuperSpike: other values than the defaults are refused. Synapses before it should be an
    :class:`EventPropSynapse`, which hands gradients of spike times on, and so should those behind it: of a :class:`Synapse` there
    it would take the gradient of a spike for that of its time.

    Parameters
    ----------
    {arguments}

    Raises
    ------
    ParameterError
        If a value is out of range, or of a wrong shape; in a run also if a parameter is trainable.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> synapses = hxsnn.modules.EventPropSynapse(1, 1, experiment)
    >>> neurons = hxsnn.modules.EventPropNeuron(1, experiment, leak=0.0, reset=0.0, threshold=1.0)
    >>> synapses.weight.data[:] = 6.0
    >>> spikes = torch.zeros(30, 1, 1)
    >>> spikes[0] = 1.0
    >>> handle = neurons(synapses(hxsnn.NeuronHandle(spikes)))
    >>> hxsnn.run(experiment, 30)
    >>> handle.spikes[2].sum().backward()
    >>> print(f"{synapses.weight.grad.item():.1e}")
    4.1e-07
    """

    takes_times = True

    def _set_up(self, kind: Any, given: dict[str, Any]) -> None:
        """Refuse what is of SuperSpike, then go on as all neurons."""
        if given["method"] != "superspike" or given["alpha"] != 50.0:
            raise ParameterError(
                f"method and alpha are those of SuperSpike, EventProp has none; leave them out; got {given['method']!r}, "
                f"{given['alpha']!r}"
            )
        super()._set_up(kind, given)

    def forward_func(self, *input: SynapseHandle, hw_data: Any = None) -> NeuronHandle:
        """Return spikes, membrane and current; several inputs are summed."""
        p = self.params_in_steps()
        jumps = self._jumps(tuple(SynapseHandle(_with_times(handle)) for handle in input), hw_data)
        *_, madc = read_hw_data(hw_data, ("spikes", "cadc", "madc"), jumps.dtype)
        spikes, membrane, current = EventPropNeuronFunction.apply(
            jumps, p["leak"], p["reset"], p["threshold"], p["tau_syn"], p["tau_mem"], hw_data, self.experiment.dt,
            p["refractory_time"], p["holdoff_time"],
        )  # fmt: skip
        return NeuronHandle(spikes, membrane, current, madc)


def _with_times(handle: Any) -> Any:
    """Return jumps with a second part for gradients of times, which plain synapses do not have."""
    jumps = handle.data.get("graded_spikes")
    if not isinstance(jumps, Tensor) or jumps.dim() != 3:
        return jumps
    return torch.stack((jumps, torch.zeros_like(jumps)))


class EventPropSynapse(Synapse):
    """As :class:`Synapse`, for an :class:`EventPropNeuron` behind it.

    Parameters
    ----------
    in_features, out_features : int
        Number of inputs and of neurons.
    experiment : Experiment
        To which they belong.
    execution_instance : ExecutionInstance, optional
        With which others they are on the chip.
    chip_coordinate : DLSGlobal or int, optional
        On which chip.
    device : str, optional
        Of the weights; the CPU.
    dtype : torch.dtype, optional
        Of the weights.
    transform : callable
        From weights of the model to weights of the chip; acts in hardware mode.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type, or a number not at least 1.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> synapses = hxsnn.modules.EventPropSynapse(4, 2, experiment)
    >>> handle = synapses(hxsnn.NeuronHandle(torch.ones(10, 1, 4)))
    >>> hxsnn.run(experiment, 10)
    >>> handle.graded_spikes.shape
    torch.Size([2, 10, 1, 2])
    """

    def forward_func(self, input: NeuronHandle) -> SynapseHandle:  # type: ignore[override]  # takes one handle
        """Return the jumps that spikes (time, batch, input) cause, with zeros for gradients of times."""
        spikes = spikes_of(input, self.in_features, self.weight.dtype)
        return SynapseHandle(EventPropSynapseFunction.apply(spikes, self.weight))
