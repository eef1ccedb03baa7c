"""Exact populations as modules of PyTorch, whose parameters can be trained by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import refuse_unknown_keywords
from bss2sim.plausibility import warn_of_long_time

from .arguments import check_positive
from .exact import ExactObservables, check_samples, check_slope_floor, iaf_exact, li_exact, read_samples, split_tau_syn
from .neurons import Neurons, check_count
from .spikes import Spikes


class _Exact(Neurons):
    """Neurons without a grid."""

    def _set(self, given: dict[str, Any]) -> None:
        """Take the arguments of the constructor."""
        exc, inh = split_tau_syn(given["tau_syn"])
        if inh is not None:
            self._names = (*self._names, "tau_inh")
        self._set_neurons(
            {**given, "tau_syn": exc, "tau_inh": inh, "n_input": check_count("n_input", given["n_input"])}
        )
        self.duration = check_positive("duration", given["duration"], " s")
        warn_of_long_time("duration", self.duration)
        self.register_buffer("sample_time", read_samples(given["sample_time"]).detach().clone())

    def _settings(self) -> list[str]:
        """Texts of the arguments that are no parameters of the neurons."""
        samples: Tensor = self.sample_time  # type: ignore[assignment]  # a buffer
        return [f"duration={self.duration:g}"] + ([f"sample_time=({len(samples)} values)"] if len(samples) else [])

    def _arguments(self) -> dict[str, Any]:
        """Arguments of the functional."""
        samples: Tensor = self.sample_time  # type: ignore[assignment]  # a buffer
        parameters = {name: getattr(self, name) for name in self._names}
        if "tau_inh" in parameters:
            parameters["tau_syn"] = parameters["tau_syn"], parameters.pop("tau_inh")
        return {
            "weight": self.weight,
            "duration": self.duration,
            "sample_time": samples if len(samples) else None,
            **parameters,
        }


class IAFExact(_Exact):
    """Non-leaking integrate-and-fire neurons with exact gradients: :func:`bss2sim.torch.iaf_exact` as a module.

    Parameters
    ----------
    size : int
        Number of neurons.
    n_input : int
        Inputs of its weights, ``weight``, shape (input, neuron).
    duration : float
        Length of a run [s].
    sample_time : sequence of float or Tensor, shape (sample_time,), optional
        Increasing times at which the membrane is put out [s].
    threshold, reset : float or Tensor, shape () or (neuron,)
        Potentials [CADC LSB, or any one unit that weights share].
    tau_mem : float or Tensor, shape () or (neuron,)
        Membrane time constant [s], above 0.
    tau_syn : float or Tensor, shape () or (neuron,), or a tuple of two
        Synaptic time constant [s], above 0, or a pair (excitatory, inhibitory), the second of which becomes the parameter
        ``tau_inh``.
    refractory_time, holdoff_time : float or Tensor, shape () or (neuron,)
        Time after a spike without another one, and its last part, in which the membrane is free [s].
    trainable : sequence of str
        Parameters that are trained: any of the six, and "tau_inh". Times are in seconds, and so are the steps of an optimizer:
        give them a learning rate of their own.
    slope_floor : float
        Clips gradients of spikes that almost did not happen [1]; see :func:`bss2sim.torch.iaf_exact`.
    dtype : torch.dtype, optional
        Of the weights. Parameters of the neurons and times are float64.

    Raises
    ------
    ParameterError
        If a value is out of range, or its shape does not fit.
    InputError
        If spikes do not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import IAFExact, Spikes
    >>> layer = IAFExact(3, n_input=2, duration=50e-6, threshold=1.0, reset=0.0, trainable=("refractory_time",))
    >>> sorted(name for name, _ in layer.named_parameters())
    ['refractory_time', 'weight']
    >>> layer(Spikes.from_times(torch.tensor([[1e-6, 4e-6]]))).spikes.first().shape
    torch.Size([1, 3])
    """

    _names = ("threshold", "reset", "tau_mem", "tau_syn", "refractory_time", "holdoff_time")

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        n_input: int,
        *,
        duration: float,
        sample_time: Any = None,
        threshold: Any = 125.0,
        reset: Any = 80.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        trainable: Sequence[str] = (),
        slope_floor: float = 0.01,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._set(locals())
        self.slope_floor = check_slope_floor(slope_floor)

    def _settings(self) -> list[str]:
        """Texts of the arguments that are no parameters of the neurons."""
        return [*super()._settings(), f"slope_floor={self.slope_floor:g}"]

    def forward(self, spikes: Spikes) -> ExactObservables:
        """Run the neurons; see :func:`bss2sim.torch.iaf_exact`."""
        return iaf_exact(spikes, slope_floor=self.slope_floor, **self._arguments())


class LIExact(_Exact):
    """Leaking integrators that never fire, with exact gradients: :func:`bss2sim.torch.li_exact` as a module.

    Parameters
    ----------
    size : int
        Number of neurons.
    n_input : int
        Inputs of its weights, ``weight``, shape (input, neuron).
    duration : float
        Length of a run [s].
    sample_time : sequence of float or Tensor, shape (sample_time,)
        Increasing times at which the membrane is put out [s].
    leak : float or Tensor, shape () or (neuron,)
        Potential the membrane leaks to [CADC LSB, or any one unit that weights share].
    tau_mem : float or Tensor, shape () or (neuron,)
        Membrane time constant [s], above 0.
    tau_syn : float or Tensor, shape () or (neuron,), or a tuple of two
        Synaptic time constant [s], above 0, or a pair (excitatory, inhibitory), the second of which becomes the parameter
        ``tau_inh``.
    trainable : sequence of str
        Parameters that are trained: "leak", "tau_mem", "tau_syn", "tau_inh".
    dtype : torch.dtype, optional
        Of the weights.

    Raises
    ------
    ParameterError
        If a value is out of range, or its shape does not fit.
    InputError
        If spikes do not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import LIExact, Spikes
    >>> readout = LIExact(3, n_input=2, duration=50e-6, sample_time=[20e-6, 40e-6], leak=0.0)
    >>> readout(Spikes.from_times(torch.tensor([[1e-6, 4e-6]]))).shape
    torch.Size([2, 1, 3])
    """

    _names = ("leak", "tau_mem", "tau_syn")

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        n_input: int,
        *,
        duration: float,
        sample_time: Any,
        leak: Any = 80.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        trainable: Sequence[str] = (),
        dtype: torch.dtype | None = None,
    ) -> None:
        self._set({**locals(), "sample_time": check_samples(sample_time)})

    def forward(self, spikes: Spikes) -> Tensor:
        """Run the neurons; see :func:`bss2sim.torch.li_exact`."""
        return li_exact(spikes, **self._arguments())
