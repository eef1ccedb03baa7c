"""Spikes through weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import InputError

from .clamp import WeightRounding as WeightRounding
from .clamp import linear_exponential_clamp as linear_exponential_clamp


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the jumps of the synaptic current that spikes cause.

    Parameters
    ----------
    input : Tensor, shape (time, batch, input)
        Spikes.
    weight : Tensor, shape (neuron, input)
        Weights.
    bias : Tensor, shape (neuron,), optional
        Added in every step.

    Returns
    -------
    Tensor
        (time, batch, neuron).

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import linear
    >>> linear(torch.ones(5, 1, 2), torch.tensor([[1.0, 2.0]]))[0]
    tensor([[3.]])
    """
    return torch.nn.functional.linear(input, weight, bias)


def connection_mask(connections: Any) -> Tensor:
    """Return which connections exist, bool (neuron, input), of a dense or sparse tensor (input, neuron)."""
    if not isinstance(connections, Tensor) or connections.dim() != 2:
        raise InputError(
            f"connections must be a tensor (input, neuron), dense or sparse, 0 where there is none; got {_what(connections)}"
        )
    dense = connections.to_dense() if connections.layout != torch.strided else connections
    return (dense != 0).T.contiguous()


def _what(value: Any) -> str:
    """Name a value by its shape, or its type."""
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def linear_sparse(
    input: Tensor, weight: Tensor, connections: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Return the jumps that spikes cause through those weights that exist.

    Parameters
    ----------
    input : Tensor, shape (time, batch, input)
        Spikes.
    weight : Tensor, shape (neuron, input)
        Weights. Those of connections that do not exist are set to 0 in place.
    connections : Tensor, shape (input, neuron), optional
        Dense or sparse, 0 where there is no connection. None: all exist.
    bias : Tensor, shape (neuron,), optional
        Added in every step.

    Returns
    -------
    Tensor
        (time, batch, neuron).

    Raises
    ------
    InputError
        If the connections are no tensor (input, neuron) that fits the weights.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import linear_sparse
    >>> linear_sparse(torch.ones(1, 1, 2), torch.tensor([[1.0, 2.0]]), torch.tensor([[1], [0]]))
    tensor([[[1.]]])
    """
    if connections is not None:
        mask = connection_mask(connections)
        if mask.shape != weight.shape:
            raise InputError(
                f"connections (input, neuron) {tuple(mask.T.shape)} do not fit the weights (neuron, input) {tuple(weight.shape)}"
            )
        weight.data[~mask] = 0
    return linear(input, weight, bias)
