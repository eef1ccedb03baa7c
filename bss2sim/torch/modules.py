"""Populations as modules of PyTorch, whose parameters can be trained by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import InputError, refuse_unknown_keywords
from bss2sim.plausibility import warn_of_long_step

from .arguments import check_checkpoint, check_positive
from .functional import Observables, Traces, iaf, li, lif
from .neurons import Neurons


class _Stepped(Neurons):
    """Neurons on a grid."""

    _constant = ("refractory_time", "holdoff_time")

    def _set(self, given: dict[str, Any]) -> None:
        """Take the arguments of the constructor."""
        self._set_neurons(given)
        self.dt = check_positive("dt", given["dt"], " s")
        warn_of_long_step(self.dt)
        self.alpha = check_positive("alpha", given.get("alpha", 1.0))
        self.checkpoint = given["checkpoint"]
        check_checkpoint(self.checkpoint)

    def _settings(self) -> list[str]:
        """Texts of the arguments that are no parameters of the neurons."""
        parts = [f"dt={self.dt:g}"]
        if "threshold" in self._names:
            parts.append(f"alpha={self.alpha:g}")
        return parts + ([] if self.checkpoint is None else [f"checkpoint={self.checkpoint}"])

    def _arguments(self, inputs: Tensor) -> dict[str, Any]:
        """Arguments of the functional; refuses inputs that do not fit."""
        last = self.size if self.n_input is None else self.n_input
        if not isinstance(inputs, Tensor) or inputs.dim() != 3 or inputs.shape[2] != last:
            found = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
            axis = "neuron" if self.n_input is None else "input"
            raise InputError(
                f"inputs of this {type(self).__name__} must be a tensor (time, batch, {axis}) with {axis} {last}; got {found}"
            )
        parameters = {name: getattr(self, name) for name in self._names}
        return {"weight": self.weight, "dt": self.dt, "checkpoint": self.checkpoint, **parameters}


class IAF(_Stepped):
    """Non-leaking integrate-and-fire neurons: :func:`bss2sim.torch.iaf` as a module.

    Parameters
    ----------
    size : int
        Number of neurons.
    n_input : int, optional
        Inputs of a weight matrix of its own, ``weight``, shape (input, neuron): inputs are spikes then. By default they are jumps
        of the synaptic current.
    threshold, reset : float or Tensor, shape () or (neuron,)
        Potentials [CADC LSB, or any one unit that inputs and weights share].
    tau_mem, tau_syn : float or Tensor, shape () or (neuron,)
        Time constants [s], above 0.
    refractory_time, holdoff_time : float or Tensor, shape () or (neuron,)
        Time after a spike without another one, and its last part, in which the membrane is free [s].
    trainable : sequence of str
        Parameters that are trained: "threshold", "reset", "tau_mem", "tau_syn". Time constants are in seconds, and so are the
        steps of an optimizer: give them a learning rate of their own.
    dt : float
        Length of a step [s].
    alpha : float
        Steepness of the surrogate [1/(unit of threshold)].
    checkpoint : int, optional
        Steps between kept states [steps]; see :func:`bss2sim.torch.iaf`.
    dtype : torch.dtype, optional
        Of the weights. Parameters of the neurons are float64, whatever the dtype of the run.

    Raises
    ------
    ParameterError
        If a value is out of range, or its shape does not fit.
    InputError
        If inputs do not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import IAF
    >>> layer = IAF(3, n_input=4, threshold=1.0, reset=0.0, trainable=("tau_mem",))
    >>> sorted(name for name, _ in layer.named_parameters())
    ['tau_mem', 'weight']
    >>> layer(torch.zeros(50, 2, 4)).spikes.shape
    torch.Size([50, 2, 3])
    """

    _names = ("threshold", "reset", "tau_mem", "tau_syn", "refractory_time", "holdoff_time")

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        n_input: int | None = None,
        *,
        threshold: Any = 125.0,
        reset: Any = 80.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        trainable: Sequence[str] = (),
        dt: float = 1e-6,
        alpha: float = 50.0,
        checkpoint: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._set(locals())

    def forward(
        self, inputs: Tensor, measured_spikes: Tensor | None = None, measured_membrane: Tensor | None = None
    ) -> Observables:
        """Run the neurons on inputs (time, batch, neuron or input); see :func:`bss2sim.torch.iaf`."""
        given = self._arguments(inputs)
        return iaf(
            inputs, alpha=self.alpha, measured_spikes=measured_spikes, measured_membrane=measured_membrane, **given
        )


class LIF(_Stepped):
    """Leaking integrate-and-fire neurons: :func:`bss2sim.torch.lif` as a module.

    Parameters
    ----------
    size : int
        Number of neurons.
    n_input : int, optional
        Inputs of a weight matrix of its own, as in :class:`IAF`.
    threshold, reset, leak : float or Tensor, shape () or (neuron,)
        Potentials [CADC LSB, or any one unit that inputs and weights share].
    tau_mem, tau_syn : float or Tensor, shape () or (neuron,)
        Time constants [s], above 0.
    refractory_time, holdoff_time : float or Tensor, shape () or (neuron,)
        Time after a spike without another one, and its last part, in which the membrane is free [s].
    trainable : sequence of str
        Parameters that are trained: "threshold", "reset", "leak", "tau_mem", "tau_syn".
    dt : float
        Length of a step [s].
    alpha : float
        Steepness of the surrogate [1/(unit of threshold)].
    checkpoint : int, optional
        Steps between kept states [steps].
    dtype : torch.dtype, optional
        Of the weights.

    Raises
    ------
    ParameterError
        If a value is out of range, or its shape does not fit.
    InputError
        If inputs do not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.torch import LIF
    >>> LIF(3, leak=90.0)
    LIF(3, threshold=125, reset=80, leak=90, tau_mem=1e-05, tau_syn=1e-05, refractory_time=1e-06, holdoff_time=0, dt=1e-06,
        alpha=50)
    """

    _names = ("threshold", "reset", "leak", "tau_mem", "tau_syn", "refractory_time", "holdoff_time")

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        n_input: int | None = None,
        *,
        threshold: Any = 125.0,
        reset: Any = 80.0,
        leak: Any = 80.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        trainable: Sequence[str] = (),
        dt: float = 1e-6,
        alpha: float = 50.0,
        checkpoint: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._set(locals())

    def forward(
        self, inputs: Tensor, measured_spikes: Tensor | None = None, measured_membrane: Tensor | None = None
    ) -> Observables:
        """Run the neurons on inputs (time, batch, neuron or input); see :func:`bss2sim.torch.lif`."""
        given = self._arguments(inputs)
        return lif(
            inputs, alpha=self.alpha, measured_spikes=measured_spikes, measured_membrane=measured_membrane, **given
        )


class LI(_Stepped):
    """Leaking integrators that never fire: :func:`bss2sim.torch.li` as a module.

    Parameters
    ----------
    size : int
        Number of neurons.
    n_input : int, optional
        Inputs of a weight matrix of its own, as in :class:`IAF`.
    leak : float or Tensor, shape () or (neuron,)
        Potential the membrane leaks to [CADC LSB, or any one unit that inputs and weights share].
    tau_mem, tau_syn : float or Tensor, shape () or (neuron,)
        Time constants [s], above 0.
    trainable : sequence of str
        Parameters that are trained: "leak", "tau_mem", "tau_syn".
    dt : float
        Length of a step [s].
    checkpoint : int, optional
        Steps between kept states [steps].
    dtype : torch.dtype, optional
        Of the weights.

    Raises
    ------
    ParameterError
        If a value is out of range, or its shape does not fit.
    InputError
        If inputs do not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import LI
    >>> readout = LI(3, n_input=120, leak=0.0)
    >>> readout(torch.zeros(50, 2, 120)).membrane.amax(0).shape
    torch.Size([2, 3])
    """

    _names = ("leak", "tau_mem", "tau_syn")

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        n_input: int | None = None,
        *,
        leak: Any = 80.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        trainable: Sequence[str] = (),
        dt: float = 1e-6,
        checkpoint: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._set(locals())

    def forward(self, inputs: Tensor, measured_membrane: Tensor | None = None) -> Traces:
        """Run the neurons on inputs (time, batch, neuron or input); see :func:`bss2sim.torch.li`."""
        return li(inputs, measured_membrane=measured_membrane, **self._arguments(inputs))
