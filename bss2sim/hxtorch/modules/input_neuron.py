"""Inputs as neurons of the chip."""

from __future__ import annotations

from typing import Any

import torch

from bss2sim.errors import InputError, refuse_unknown_keywords

from ..functional import input_neuron
from ..handle import NeuronHandle
from .hx_module import carried
from .types import InputPopulation


class InputNeuron(InputPopulation):
    """Inputs as neurons of the chip; in mock mode they hand their input on.

    Parameters
    ----------
    size : int
        Number of inputs.
    experiment : Experiment
        To which they belong.
    execution_instance : ExecutionInstance, optional
        With which others they are on the chip.
    chip_coordinate : DLSGlobal or int, optional
        On which chip.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type, or the size not at least 1.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> handle = hxsnn.InputNeuron(4, experiment)(hxsnn.NeuronHandle(torch.ones(10, 1, 4)))
    >>> hxsnn.run(experiment, 10)
    >>> handle.spikes.sum()
    tensor(40.)
    """

    output_type = NeuronHandle

    @refuse_unknown_keywords
    def __init__(self, size: int, experiment: Any, execution_instance: Any = None, chip_coordinate: Any = None) -> None:
        super().__init__(size, experiment, execution_instance, chip_coordinate)

    def forward_func(self, input: NeuronHandle, hw_data: Any = None) -> NeuronHandle:  # type: ignore[override]  # one handle
        """Return the input, or the spikes that a chip sent back."""
        spikes = carried(input, "spikes")
        if spikes.shape[-1] != self.size:
            raise InputError(f"spikes must be (time, batch, input) with {self.size} inputs; got {tuple(spikes.shape)}")
        return input_neuron(spikes if spikes.layout == torch.strided else spikes.to_dense(), hw_data)
