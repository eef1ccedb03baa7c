"""Decoders: one number for each trial and neuron out of a trace."""

from __future__ import annotations

import torch
from torch import Tensor


class MaxOverTime(torch.nn.Module):
    """Highest value of each neuron and trial.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.decode import MaxOverTime
    >>> MaxOverTime()(torch.tensor([[[1.0]], [[3.0]]]))
    tensor([[3.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Reduce (time, batch, neuron) to (batch, neuron)."""
        return input.max(0).values


class SumOverTime(torch.nn.Module):
    """Sum of each neuron and trial.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.decode import SumOverTime
    >>> SumOverTime()(torch.tensor([[[1.0]], [[3.0]]]))
    tensor([[4.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Reduce (time, batch, neuron) to (batch, neuron)."""
        return input.sum(0)


class MeanOverTime(torch.nn.Module):
    """Mean of each neuron and trial.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.decode import MeanOverTime
    >>> MeanOverTime()(torch.tensor([[[1.0]], [[3.0]]]))
    tensor([[2.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Reduce (time, batch, neuron) to (batch, neuron)."""
        return input.mean(0)
