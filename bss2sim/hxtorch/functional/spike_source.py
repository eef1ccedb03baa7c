"""Neurons that repeat their input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..handle import NeuronHandle
from .measured import read_hw_data


def input_neuron(input: Tensor, hw_data: Any = None) -> NeuronHandle:
    """Return the input as the spikes of neurons, or those that a chip sent back.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Spikes, dense or sparse.
    hw_data : tuple of Tensor, optional
        Recorded (spikes,), which take the place of the input.

    Returns
    -------
    NeuronHandle
        With its spikes.

    Raises
    ------
    InputError
        If `hw_data` is no tuple of one entry.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import input_neuron
    >>> input_neuron(torch.ones(5, 1, 2))
    NeuronHandle(spikes=(5, 1, 2), membrane_cadc=None, current=None, membrane_madc=None)
    """
    dtype = input.dtype if input.is_floating_point() else torch.get_default_dtype()
    (spikes,) = read_hw_data(hw_data, ("spikes",), dtype)
    return NeuronHandle(input if spikes is None else spikes)
