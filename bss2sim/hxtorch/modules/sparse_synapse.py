"""Synapses of which some exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bss2sim.errors import refuse_unknown_keywords

from ..functional.linear import connection_mask, linear
from ..handle import NeuronHandle, SynapseHandle
from ..transforms.weight_transforms import linear_saturating
from .synapse import Weights, spikes_of


class SparseSynapse(Weights):
    """Synapses of which some exist. As :class:`Synapse` otherwise.

    Weights of connections that do not exist are set to 0 in every run. As in the reference, their gradients are those of
    weights that exist.

    Parameters
    ----------
    connections : Tensor, shape (input, neuron)
        Dense or sparse; 0 where there is no connection.
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

    Attributes
    ----------
    weight : Parameter, shape (neuron, input)
        Weights [unit of the threshold].
    mask : Tensor, shape (neuron, input)
        Which connections exist.
    connections : list of tuple
        (input, neuron) of each.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type.
    InputError
        If the connections are no tensor (input, neuron).
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> synapses = hxsnn.SparseSynapse(torch.tensor([[1, 0], [0, 1]]), hxsnn.Experiment(mock=True))
    >>> synapses.connections
    [(0, 0), (1, 1)]
    """

    @refuse_unknown_keywords
    def __init__(
        self,
        connections: Any,
        experiment: Any,
        execution_instance: Any = None,
        chip_coordinate: Any = None,
        device: Any = None,
        dtype: Any = None,
        transform: Callable[..., Any] = linear_saturating,
    ) -> None:
        mask = connection_mask(connections)
        super().__init__(mask.shape[1], mask.shape[0], experiment, execution_instance, chip_coordinate)
        self.mask = mask.to(device)
        self.connections: list[tuple[int, int]] = [(entry[0], entry[1]) for entry in mask.T.nonzero().tolist()]
        self._set_weight(device, dtype, transform)

    def extra_repr(self) -> str:
        """Name the sizes and the number of connections."""
        return f"{super().extra_repr()}, connections={len(self.connections)}"

    def chip_weight(self) -> np.ndarray:
        """Return `transform` of the weights, float64 (input, neuron); 0 where there is no connection."""
        return np.where(self.mask.numpy().T, super().chip_weight(), 0.0)

    def forward_func(self, input: NeuronHandle) -> SynapseHandle:  # type: ignore[override]  # takes one handle
        """Return the jumps that spikes (time, batch, input) cause."""
        self.weight.data[~self.mask] = 0
        return SynapseHandle(linear(spikes_of(input, self.in_features, self.weight.dtype), self.weight))
