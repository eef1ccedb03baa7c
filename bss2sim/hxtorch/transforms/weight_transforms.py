"""From weights of the model to weights that synapses of the chip can hold."""

from __future__ import annotations

import torch
from torch import Tensor


def linear_saturating(
    weight: Tensor, scale: float = 1.0, min_weight: float = -63.0, max_weight: float = 63.0
) -> Tensor:
    """Scale weights and limit them; the chip rounds them when they are written.

    Parameters
    ----------
    weight : Tensor
        Weights of the model.
    scale : float
        Factor from the model to the chip.
    min_weight, max_weight : float
        Limits on the chip.

    Returns
    -------
    Tensor
        Weights on the chip, in the dtype of `weight`.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.transforms.weight_transforms import linear_saturating
    >>> linear_saturating(torch.tensor([0.26, 5.0]), scale=20.0)
    tensor([ 5.2000, 63.0000])
    """
    return torch.clamp(scale * weight, min_weight, max_weight)
