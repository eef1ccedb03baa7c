"""Populations without a grid: exact spike times and membranes, with exact gradients (EventProp)."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bss2sim.errors import InputError, ParameterError, refuse_unknown_keywords, warn

from .arguments import check_device, check_positive, read_parameter, read_weight, refuse_bool, refuse_forward_mode
from .exact_operators import exact_events
from .spikes import Spikes


class ExactObservables(NamedTuple):
    """What neurons without a grid put out.

    Parameters
    ----------
    spikes : Spikes
        Spike times, with gradients.
    membrane : Tensor, shape (sample_time, batch, neuron)
        Membrane at the sample times [unit of threshold], in the dtype of the weights.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import Spikes, iaf_exact
    >>> inputs = Spikes.from_times(torch.tensor([[1e-6, 2e-6]]))
    >>> run = iaf_exact(inputs, torch.ones(2, 3), duration=50e-6, sample_time=[10e-6, 40e-6])
    >>> run.membrane.shape
    torch.Size([2, 1, 3])
    """

    spikes: Spikes
    membrane: Tensor


def check_size(name: str, value: Any) -> int:
    """Return a whole number of at least 0.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"{name} must be a whole number of at least 0; got {value!r}")
    return number


def _read_spikes(spikes: Any) -> Spikes:
    """Return input spikes that an operator can take."""
    if not isinstance(spikes, Spikes):
        raise InputError(
            f"spikes must be Spikes, as a population puts them out, or Spikes.from_times(times) or "
            f"Spikes.from_grid(tensor, dt) makes them; got {type(spikes).__name__}"
        )
    time, neuron, batch, n_batch, n_neuron = spikes
    for name, tensor, floats in (("time", time, True), ("neuron", neuron, False), ("batch", batch, False)):
        kind = "floats" if floats else "whole numbers"
        fits = isinstance(tensor, Tensor) and tensor.is_floating_point() == floats
        if not fits or tensor.dim() != 1 or tensor.is_complex() or tensor.dtype == torch.bool:
            found = f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else type(tensor).__name__
            raise InputError(f"{name} of spikes must be a tensor of {kind} (spike,); got {found}")
        check_device(f"{name} of spikes", tensor)
    if not torch.compiler.is_compiling():
        n_batch, n_neuron = (check_size(f"{name} of spikes", getattr(spikes, name)) for name in ("n_batch", "n_neuron"))
        if not len(time) == len(neuron) == len(batch):
            raise InputError(
                f"time, neuron and batch of spikes must have one entry per spike; got {len(time)}, {len(neuron)}, {len(batch)}"
            )
        for name, tensor, n in (("batch", batch, n_batch), ("neuron", neuron, n_neuron)):
            outside = tensor[(tensor < 0) | (tensor >= n)]
            if len(outside):
                raise InputError(f"{name} of spikes must be in 0 .. {n - 1}; got {int(outside[0])}")
    neuron, batch = (tensor.to(torch.int64).contiguous() for tensor in (neuron, batch))
    return Spikes(time.to(torch.float64).contiguous(), neuron, batch, n_batch, n_neuron)


def read_samples(sample_time: Any) -> Tensor:
    """Return sample times [s], (sample,); None: no samples.

    Raises
    ------
    ParameterError
        If they are no times, or ask for a gradient.
    """
    if sample_time is None:
        return torch.empty(0, dtype=torch.float64)
    if isinstance(sample_time, Tensor) and sample_time.requires_grad:
        raise ParameterError("sample_time gets no gradient; pass sample_time.detach()")
    refuse_bool("sample_time", sample_time)
    try:
        times = torch.as_tensor(sample_time, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as reason:
        raise ParameterError(f"sample_time must be increasing times (sample,) [s]; got {sample_time!r}") from reason
    if times.dim() != 1:
        raise ParameterError(f"sample_time must be increasing times (sample,) [s]; got the shape {tuple(times.shape)}")
    return times.contiguous()


def check_samples(sample_time: Any) -> Tensor:
    """Return the sample times [s] of a readout, (sample,), one or more.

    Raises
    ------
    ParameterError
        If there are none.
    """
    times = read_samples(sample_time)
    if not len(times):
        raise ParameterError("sample_time must hold one time or more [s]: a readout puts out nothing else")
    return times


def split_tau_syn(value: Any) -> tuple[Any, Any]:
    """Return the excitatory and the inhibitory time constant of a tuple, or one and None.

    Raises
    ------
    ParameterError
        If it is a tuple of another length.
    """
    if not isinstance(value, tuple):
        return value, None
    if len(value) != 2:
        raise ParameterError(
            f"tau_syn must be one value or a pair (excitatory, inhibitory) [s]; got {len(value)} values"
        )
    return value


def _warn_of_late_spikes(time: Tensor, duration: float) -> None:
    """Warn if no input spike is within the run, as those of times in microseconds."""
    if torch.compiler.is_compiling() or not len(time):
        return
    first = float(time.detach().min())
    if first >= duration:
        warn(
            f"all input spikes are at or after the end of the run, duration={duration} s: the first is at {first:.6g} s"
        )


def _run(
    spikes: Any, weight: Any, parameters: dict[str, Any], duration: Any, sample_time: Any, slope_floor: float
) -> tuple[Spikes, Tensor]:
    """Check the arguments and run the operator."""
    given = _read_spikes(spikes)
    exc, inh = split_tau_syn(parameters.pop("tau_syn"))
    refuse_forward_mode(given.time, weight, exc, inh, *parameters.values())
    length = check_positive("duration", duration, " s")
    _warn_of_late_spikes(given.time, length)
    weight = read_weight(weight, given.n_neuron)
    n_neuron = weight.shape[1]
    p = {name: read_parameter(name, value, n_neuron) for name, value in {**parameters, "tau_syn": exc}.items()}
    if inh is not None:
        p["tau_inh"] = read_parameter("tau_syn", inh, n_neuron)
    time, neuron, batch, membrane = exact_events(
        given.time, given.neuron, given.batch, weight, p["tau_mem"], p["tau_syn"], p.get("tau_inh"), p.get("threshold"),
        p.get("reset"), p.get("refractory_time"), p.get("holdoff_time"), p.get("leak"), read_samples(sample_time),
        given.n_batch, length, slope_floor,
    )  # fmt: skip
    return Spikes(time, neuron, batch, given.n_batch, n_neuron), membrane.transpose(0, 1)


def check_slope_floor(value: Any) -> float:
    """Return a number of at least 0.

    Raises
    ------
    ParameterError
        If it is none.
    """
    refuse_bool("slope_floor", value)
    try:
        number = float(value)
    except (TypeError, ValueError) as reason:
        raise ParameterError(f"slope_floor must be a number; got {value!r}") from reason
    if not 0 <= number < float("inf"):
        raise ParameterError(f"slope_floor must be finite and at least 0; got {number}")
    return number


@refuse_unknown_keywords
def iaf_exact(
    spikes: Spikes,
    weight: Tensor,
    *,
    duration: float,
    sample_time: Any = None,
    threshold: Any = 125.0,
    reset: Any = 80.0,
    tau_mem: Any = 10e-6,
    tau_syn: Any = 10e-6,
    refractory_time: Any = 1e-6,
    holdoff_time: Any = 0.0,
    slope_floor: float = 0.01,
) -> ExactObservables:
    """Run non-leaking integrate-and-fire neurons exactly, with exact gradients (EventProp).

    Spikes come and go at any time; there is no grid. The run is :func:`bss2sim.simulate` with ``integrator="exact"``. Gradients
    go to the times of the input spikes, the weights and all parameters, from losses on spike times and on sampled membranes; of the
    run only its spikes are kept for them. They are those of the number of spikes as it is: a neuron that is silent has none.

    Parameters
    ----------
    spikes : Spikes
        Input spikes: those of another population, or made by :meth:`Spikes.from_times` or :meth:`Spikes.from_grid`.
    weight : Tensor, shape (input, neuron)
        Jump of the synaptic current that a spike causes [unit of threshold].
    duration : float
        Length of the run [s]; what would happen later does not.
    sample_time : sequence of float or Tensor, shape (sample_time,), optional
        Increasing times at which the membrane is put out [s], in [0, duration).
    threshold, reset : float or Tensor, shape () or (neuron,)
        Potentials [CADC LSB, or any one unit that weights share].
    tau_mem : float or Tensor, shape () or (neuron,)
        Membrane time constant [s], above 0.
    tau_syn : float or Tensor, shape () or (neuron,), or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory): positive weights act
        through the first, negative ones through the second.
    refractory_time, holdoff_time : float or Tensor, shape () or (neuron,)
        Time after a spike without another one, and its last part, in which the membrane is free [s].
    slope_floor : float
        Clips gradients of spikes that almost did not happen: the slope of the membrane at a spike, by which its gradient is
        divided, is taken as at least this much of ``abs(threshold - reset) / tau_mem`` [1]. 0: no clipping.

    Returns
    -------
    ExactObservables
        spikes, and the membrane (sample_time, batch, neuron).

    Raises
    ------
    InputError
        If spikes or weights do not fit, or membrane or current are no longer finite.
    ParameterError
        If a parameter is out of range, its shape does not fit, or neurons would fire infinitely often.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    The time of a spike, 10 us + 10 us ln(80/35), and what a larger weight does to it:

    >>> import torch
    >>> from bss2sim.torch import Spikes, iaf_exact
    >>> weight = torch.tensor([[80.0]], requires_grad=True)
    >>> run = iaf_exact(Spikes.from_times(torch.tensor([[10e-6]])), weight, duration=100e-6)
    >>> latency = run.spikes.first()                       # (batch, neuron)
    >>> print(f"{latency.item() * 1e6:.3f} us")
    18.267 us
    >>> latency.sum().backward()
    >>> print(f"{weight.grad.item() * 1e6:.4f} us")
    -0.1607 us
    """
    return ExactObservables(*_run(
        spikes, weight,
        {"threshold": threshold, "reset": reset, "tau_mem": tau_mem, "tau_syn": tau_syn,
         "refractory_time": refractory_time, "holdoff_time": holdoff_time},
        duration, sample_time, check_slope_floor(slope_floor),
    ))  # fmt: skip


@refuse_unknown_keywords
def li_exact(
    spikes: Spikes,
    weight: Tensor,
    *,
    duration: float,
    sample_time: Any,
    leak: Any = 80.0,
    tau_mem: Any = 10e-6,
    tau_syn: Any = 10e-6,
) -> Tensor:
    """Run leaking integrators that never fire exactly, a readout of exact spikes, with exact gradients.

    Parameters
    ----------
    spikes : Spikes
        Input spikes; see :func:`iaf_exact`.
    weight : Tensor, shape (input, neuron)
        Jump of the synaptic current that a spike causes [unit of leak].
    duration : float
        Length of the run [s].
    sample_time : sequence of float or Tensor, shape (sample_time,)
        Increasing times at which the membrane is put out [s], in [0, duration).
    leak : float or Tensor, shape () or (neuron,)
        Potential the membrane leaks to, and starts at [CADC LSB, or any one unit that weights share].
    tau_mem : float or Tensor, shape () or (neuron,)
        Membrane time constant [s], above 0.
    tau_syn : float or Tensor, shape () or (neuron,), or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory): positive weights act
        through the first, negative ones through the second.

    Returns
    -------
    Tensor, shape (sample_time, batch, neuron)
        Membrane at the sample times, in the dtype of the weights; gradients go to the times of the spikes, the weights and all
        parameters.

    Raises
    ------
    InputError
        If spikes or weights do not fit, or membrane or current are no longer finite.
    ParameterError
        If a parameter is out of range, or its shape does not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import Spikes, li_exact
    >>> spikes = Spikes.from_times(torch.tensor([[0.0]]))
    >>> membrane = li_exact(spikes, torch.ones(1, 1), duration=50e-6, sample_time=[10e-6], leak=0.0)
    >>> round(membrane.item(), 4)                          # exp(-1)
    0.3679
    """
    parameters = {"leak": leak, "tau_mem": tau_mem, "tau_syn": tau_syn}
    return _run(spikes, weight, parameters, duration, check_samples(sample_time), 0.0)[1]
