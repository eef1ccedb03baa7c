"""Dropout of neurons for a whole batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.arrays import as_whole
from bss2sim.errors import InputError, ParameterError, refuse_unknown_keywords

from ..functional import batch_dropout
from ..handle import NeuronHandle
from .hx_module import HXFunctionalModule, carried


class BatchDropout(HXFunctionalModule):
    """Leave out the spikes of neurons at random, of the same ones in all trials of a run.

    It must follow one population of neurons, whose `mask` it sets as well. Spikes that stay are not scaled.

    Parameters
    ----------
    size : int
        Number of neurons.
    dropout : float
        Probability of a neuron to be left out, 0 to 1. In evaluation mode none is.
    experiment : Experiment
        To which the module belongs.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type or out of range.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> neurons, dropout = hxsnn.IAFNeuron(4, experiment), hxsnn.BatchDropout(4, 0.5, experiment)
    >>> handle = dropout(neurons(hxsnn.SynapseHandle(torch.full((50, 1, 4), 99.0))))
    >>> hxsnn.run(experiment, 50)
    >>> bool(((handle.spikes.sum((0, 1)) > 0) == dropout.mask).all())
    True
    """

    output_type = NeuronHandle

    @refuse_unknown_keywords
    def __init__(self, size: int, dropout: float, experiment: Any) -> None:
        super().__init__(experiment)
        self.size = as_whole("size", size)
        if isinstance(dropout, bool) or not isinstance(dropout, float | int) or not 0 <= dropout <= 1:
            raise ParameterError(f"dropout must be a probability, 0 to 1; got {dropout!r}")
        self._dropout = float(dropout)
        self._mask: Tensor | None = None

    def extra_repr(self) -> str:
        """Name size and probability."""
        return f"size={self.size}, dropout={self._dropout}"

    def set_mask(self) -> None:
        """Draw a new mask in training mode; in evaluation mode all neurons stay. run() calls it once."""
        self.mask = (torch.rand(self.size) > self._dropout).float() if self.training else torch.ones(self.size)

    @property
    def mask(self) -> Tensor | None:
        """1 for neurons that stay, 0 for the others, (neuron,); None before the first run."""
        return self._mask

    @mask.setter
    def mask(self, mask: Any) -> None:
        self._mask = check_mask(mask, self.size)

    def forward_func(self, input: NeuronHandle) -> NeuronHandle:  # type: ignore[override]  # takes one handle
        """Return the handle of the neurons with the spikes that stay.

        Raises
        ------
        InputError
            If there is no mask, or spikes are of another size.
        """
        spikes = carried(input, "spikes")
        if self._mask is None:
            raise InputError("there is no mask yet; run() draws one, set_mask() too")
        if spikes.shape[-1] != self.size:
            raise InputError(
                f"spikes must be (time, batch, neuron) with {self.size} neurons; got {tuple(spikes.shape)}"
            )
        output = NeuronHandle()
        output.put(**{name: value for name, value in input.data.items() if name in output.data})
        output.spikes = batch_dropout(spikes, self._mask)
        return output


def check_mask(mask: Any, size: int) -> Tensor:
    """Return a mask of neurons; ParameterError if it is none."""
    tensor = torch.as_tensor(mask)
    if tuple(tensor.shape) != (size,) or not bool(((tensor == 0) | (tensor == 1)).all()):
        raise ParameterError(f"mask must be 0 or 1 for each of the {size} neurons; got {mask}")
    return tensor
