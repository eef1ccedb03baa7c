"""Synapses from all inputs to all neurons."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bss2sim.errors import InputError, ParameterError, refuse_unknown_keywords

from ..functional import linear
from ..handle import NeuronHandle, SynapseHandle
from ..transforms.weight_transforms import linear_saturating
from .hx_module import carried
from .types import Projection


def check_transform(transform: Any) -> Callable[..., Any]:
    """Return a transform of weights; ParameterError if it cannot be called."""
    if not callable(transform):
        raise ParameterError(f"transform must be a function of the weights; got {transform!r}")
    function: Callable[..., Any] = transform
    return function


def spikes_of(input: Any, n_input: int, dtype: torch.dtype) -> Tensor:
    """Return the spikes of a handle, dense and in the dtype of the weights; InputError if they do not fit."""
    spikes = carried(input, "spikes")
    if spikes.dim() != 3 or spikes.shape[-1] != n_input:
        raise InputError(f"spikes must be (time, batch, input) with {n_input} inputs; got {tuple(spikes.shape)}")
    return (spikes if spikes.layout == torch.strided else spikes.to_dense()).to(dtype)


class Weights(Projection):
    """Base of synapses with weights (neuron, input) that are trained."""

    output_type = SynapseHandle
    weight: torch.nn.Parameter

    def _set_weight(self, device: Any, dtype: Any, transform: Any) -> None:
        """Make the weights and draw them."""
        shape = (self.out_features, self.in_features)
        self.weight = torch.nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.transform = check_transform(transform)
        self._weight_before: Tensor | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights, uniform within 1 / sqrt(in_features), as torch.nn.Linear does."""
        torch.nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def chip_weight(self) -> np.ndarray:
        """Return `transform` of the weights, float64 (input, neuron), before the chip limits and rounds them."""
        with torch.no_grad():
            found = torch.as_tensor(self.transform(self.weight.detach().clone()))
        if found.shape != self.weight.shape:
            raise ParameterError(
                f"transform must return weights {tuple(self.weight.shape)}; it returned the shape {tuple(found.shape)}"
            )
        return np.ascontiguousarray(found.double().cpu().numpy().T)

    @property
    def changed_since_last_run(self) -> bool:
        """Whether weights are others than when the changes were reset; run() leaves it alone in mock mode."""
        before = self._weight_before
        return before is None or not torch.equal(before, self.weight.detach())

    def reset_changed_since_last_run(self) -> None:
        """Take the weights as they are for unchanged."""
        self._weight_before = self.weight.detach().clone()


class Synapse(Weights):
    """Synapses from all inputs to all neurons.

    In mock mode weights are numbers of any size; `transform` acts in hardware mode.

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

    Attributes
    ----------
    weight : Parameter, shape (neuron, input)
        Weights [unit of the threshold].

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
    >>> synapses = hxsnn.Synapse(4, 2, experiment)
    >>> handle = synapses(hxsnn.NeuronHandle(torch.ones(10, 1, 4)))
    >>> hxsnn.run(experiment, 10)
    >>> handle.graded_spikes.shape
    torch.Size([10, 1, 2])
    """

    @refuse_unknown_keywords
    def __init__(
        self,
        in_features: int,
        out_features: int,
        experiment: Any,
        execution_instance: Any = None,
        chip_coordinate: Any = None,
        device: Any = None,
        dtype: Any = None,
        transform: Callable[..., Any] = linear_saturating,
    ) -> None:
        super().__init__(in_features, out_features, experiment, execution_instance, chip_coordinate)
        self._set_weight(device, dtype, transform)

    def forward_func(self, input: NeuronHandle) -> SynapseHandle:  # type: ignore[override]  # takes one handle
        """Return the jumps that spikes (time, batch, input) cause."""
        return SynapseHandle(linear(spikes_of(input, self.in_features, self.weight.dtype), self.weight))


def __getattr__(name: str) -> Any:
    """Find the classes that hxtorch has in this file."""
    home = {"EventPropSynapse": "eventprop"}.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__package__}.{home}"), name)
