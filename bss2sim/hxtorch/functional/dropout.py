"""Neurons that are left out of a batch."""

from __future__ import annotations

from torch import Tensor


def batch_dropout(input: Tensor, mask: Tensor) -> Tensor:
    """Return spikes without those of masked neurons. The others are not scaled: a spike on a chip is a spike.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Spikes.
    mask : Tensor, shape (neuron,)
        0 for neurons that are left out, else 1.

    Returns
    -------
    Tensor
        (time, batch, neuron).

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import batch_dropout
    >>> batch_dropout(torch.ones(1, 1, 3), torch.tensor([1.0, 0.0, 1.0]))
    tensor([[[1., 0., 1.]]])
    """
    return input * mask.to(input.dtype)
