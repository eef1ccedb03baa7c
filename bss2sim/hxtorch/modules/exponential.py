"""Leaking neurons whose steps multiply by ``exp(-dt / tau)`` in place of ``1 - dt / tau``.

As in hxtorch the values of the model of `tau_mem` and `tau_syn` are these factors, as in
``HXTransformedModelParameter(exp(-dt / tau), lambda factor: -dt / log(factor))``. A :class:`HXParameter`, and so a number, has
one value for the model and the chip, and is the time constant itself [s]; hxtorch would take it for a factor.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..functional.lif import time_constant_of
from ..parameter import HXParameter
from .neuron import Neuron
from .neuron_arguments import document
from .readout_neuron import ReadoutNeuron


def _exponential(value: Any, dt: float) -> Tensor:
    """Return the time constant whose Euler step multiplies by the exponential factor of another one [s]."""
    return dt / -torch.expm1(-dt / torch.as_tensor(value).double())


class _Exponential:
    """Gives time constants such that Euler steps have exponential factors."""

    experiment: Any

    def params_in_steps(self) -> dict[str, Any]:
        """Return the values that the numerics take, by name."""
        values: dict[str, Any] = super().params_in_steps()  # type: ignore[misc]  # of the neurons it is mixed into
        for name in ("tau_mem", "tau_syn"):
            if isinstance(getattr(self, name), HXParameter):  # one value for both worlds: a time
                values[name] = _exponential(values[name], self.experiment.dt)
            else:
                values[name] = time_constant_of(name, values[name], self.experiment.dt)
        return values


@document
class NeuronExp(_Exponential, Neuron):
    """As :class:`Neuron`, with exponential factors ``exp(-dt / tau)``.

    `tau_mem` and `tau_syn` are time constants [s] if they are numbers or an HXParameter; the model's value of other parameters
    is the factor.

    Parameters
    ----------
    {arguments}

    Raises
    ------
    ParameterError
        If a value is out of range, or of a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> neurons = hxsnn.NeuronExp(2, experiment, leak=0.0, reset=0.0, threshold=1.0)
    >>> handle = neurons(hxsnn.SynapseHandle(torch.full((50, 1, 2), 0.2)))
    >>> hxsnn.run(experiment, 50)
    >>> handle.spikes.sum((0, 1))
    tensor([5., 5.])
    """


@document
class ReadoutNeuronExp(_Exponential, ReadoutNeuron):
    """As :class:`ReadoutNeuron`, with exponential factors ``exp(-dt / tau)``.

    `tau_mem` and `tau_syn` are time constants [s] if they are numbers or an HXParameter; the model's value of other parameters
    is the factor.

    Parameters
    ----------
    {arguments}

    Raises
    ------
    ParameterError
        If a value is out of range, or of a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> readout = hxsnn.ReadoutNeuronExp(1, experiment, leak=0.0)
    >>> spikes = torch.zeros(50, 1, 1)
    >>> spikes[0] = 1.0
    >>> handle = readout(hxsnn.SynapseHandle(spikes))
    >>> hxsnn.run(experiment, 50)
    >>> handle.membrane_cadc.max()
    tensor(0.3869)
    """
