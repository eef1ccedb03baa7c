"""Values that take the place of others and leave their gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Unterjubel(torch.autograd.Function):
    """The second value forwards, the gradient of the first one backwards: measured data in place of the model's.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import Unterjubel
    >>> model = torch.tensor([1.0], requires_grad=True)
    >>> Unterjubel.apply(model, torch.tensor([3.0])).backward()
    >>> model.grad
    tensor([1.])
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, input_prime: Tensor) -> Tensor:
        """Return the second value."""
        return input_prime.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        """Return the gradient for the first value."""
        return grad_output, None
