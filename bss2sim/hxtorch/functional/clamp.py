"""Spikes through weights that saturate as those of a chip do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import ParameterError, refuse_unknown_keywords
from bss2sim.hardware.synapse_array import HIGHEST_WEIGHT
from bss2sim.torch.arguments import check_positive


class WeightRounding(torch.autograd.Function):
    """Weights rounded to multiples of cap / 63, the steps of a chip; backwards as if they were not.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional.linear import WeightRounding
    >>> WeightRounding.apply(63.0, torch.tensor([1.4, -2.6]))
    tensor([ 1., -3.])
    """

    @staticmethod
    def forward(ctx: Any, cap: float, weight: Tensor) -> Tensor:
        """Return the rounded weights."""
        return torch.round(weight / cap * HIGHEST_WEIGHT) * cap / HIGHEST_WEIGHT

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        """Return the gradient of the weights."""
        return None, grad_output


@refuse_unknown_keywords
def linear_exponential_clamp(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    cap: float = 1.5,
    start_weight: float = 61.0,
    quantize: bool = False,
) -> Tensor:
    """Return the jumps that spikes cause through weights that approach a limit exponentially.

    A weight ``|w|`` up to ``s = start_weight / 63 cap`` stays, a larger one becomes
    ``s + (cap - s) (1 - exp(-(|w| - s) / (cap - s)))``, with the sign of w.

    Parameters
    ----------
    inputs : Tensor, shape (time, batch, input)
        Spikes.
    weight : Tensor, shape (neuron, input)
        Weights [unit of the threshold].
    bias : Tensor, shape (neuron,), optional
        Added in every step.
    cap : float
        The limit [unit of the threshold]: where ``transform`` of the synapses reaches 63.
    start_weight : float
        Weight of the chip where the approach begins, above 0 and below 63.
    quantize : bool
        Round the weights to multiples of cap / 63, too; the gradient passes as if they were not.

    Returns
    -------
    Tensor
        (time, batch, neuron).

    Raises
    ------
    ParameterError
        If `cap` is not above 0, `start_weight` out of range, or `quantize` neither True nor False.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import linear_exponential_clamp
    >>> linear_exponential_clamp(torch.ones(1, 1, 1), torch.tensor([[1.0], [3.0]]), cap=1.5, start_weight=42.0)
    tensor([[[1.0000, 1.4908]]])
    """
    cap = check_positive("cap", cap)
    if (
        isinstance(start_weight, bool)
        or not isinstance(start_weight, float | int)
        or not 0 < start_weight < HIGHEST_WEIGHT
    ):
        raise ParameterError(
            f"start_weight must be above 0 and below {HIGHEST_WEIGHT} weight LSB; got {start_weight!r}"
        )
    if not isinstance(quantize, bool):
        raise ParameterError(f"quantize must be True or False; got {quantize!r}")
    start = start_weight / HIGHEST_WEIGHT * cap
    rest = cap - start
    size = weight.abs()
    beyond = (size - start).clamp(min=0.0)  # without it the branch that is not taken overflows, and its gradient is NaN
    clamped = torch.where(size > start, torch.sign(weight) * (start - rest * torch.expm1(-beyond / rest)), weight)
    return torch.nn.functional.linear(inputs, WeightRounding.apply(cap, clamped) if quantize else clamped, bias)
