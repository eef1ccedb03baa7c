"""Spikes with a surrogate in place of their derivative."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class SuperSpike(torch.autograd.Function):
    """1 where the input is above 0, else 0; backwards ``1 / (alpha |input| + 1)^2``.

    Source: F. Zenke, S. Ganguli, *SuperSpike*, Neural Computation 30 (2018), eq. 3.3.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import SuperSpike
    >>> distance = torch.tensor([-0.1, 0.0, 0.1], requires_grad=True)
    >>> SuperSpike.apply(distance, 50.0)
    tensor([0., 0., 1.], grad_fn=<SuperSpikeBackward>)
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, alpha: float) -> Tensor:
        """Return the spikes of distances to the threshold."""
        ctx.save_for_backward(input)
        ctx.alpha = alpha
        return (input > 0).to(input.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        """Return the gradient of the input, and none of alpha."""
        (input,) = ctx.saved_tensors
        return grad_output / (ctx.alpha * input.abs() + 1) ** 2, None


def superspike_func(input: Tensor, alpha: float) -> Tensor:
    """Return spikes where distances to the threshold are above 0: :class:`SuperSpike` as a function.

    Parameters
    ----------
    input : Tensor
        Membrane minus threshold [any unit].
    alpha : float
        Steepness of what takes the place of the derivative [1/unit of input].

    Returns
    -------
    Tensor
        0 and 1.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional.superspike import superspike_func
    >>> superspike_func(torch.tensor([-1.0, 1.0]), 50.0)
    tensor([0., 1.])
    """
    spikes: Tensor = SuperSpike.apply(input, alpha)
    return spikes
