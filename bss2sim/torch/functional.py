"""Populations as functions of tensors (time, batch, neuron), with gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from bss2sim.errors import refuse_unknown_keywords

from .arguments import check_checkpoint, check_positive, read_inputs, read_measured, read_parameter, refuse_forward_mode
from .operators import take_steps


class Observables(NamedTuple):
    """What neurons that fire put out, tensors (time, batch, neuron) in the dtype of the inputs.

    Parameters
    ----------
    spikes : Tensor
        1 where a neuron fires in a step, else 0.
    membrane : Tensor
        Membrane after the step, after its reset [unit of threshold].
    current : Tensor
        Synaptic current after the step, its jump included [unit of threshold].

    Examples
    --------
    >>> import torch, bss2sim.torch
    >>> spikes, membrane, current = bss2sim.torch.iaf(torch.zeros(10, 2, 3))
    >>> membrane.shape
    torch.Size([10, 2, 3])
    """

    spikes: Tensor
    membrane: Tensor
    current: Tensor


class Traces(NamedTuple):
    """What neurons that never fire put out, tensors (time, batch, neuron) in the dtype of the inputs.

    Parameters
    ----------
    membrane : Tensor
        Membrane after the step [unit of leak].
    current : Tensor
        Synaptic current after the step, its jump included [unit of leak].

    Examples
    --------
    >>> import torch, bss2sim.torch
    >>> bss2sim.torch.li(torch.zeros(10, 2, 3), leak=80.0).membrane.unique()
    tensor([80.])
    """

    membrane: Tensor
    current: Tensor


def _run(
    inputs: Any, weight: Any, parameters: dict[str, Any], dt: Any, alpha: Any, measured_spikes: Any,
    measured_membrane: Any, checkpoint: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Check the arguments and run the operator."""
    refuse_forward_mode(inputs, weight, *parameters.values())
    run = read_inputs(inputs, weight)
    p = {name: read_parameter(name, value, run.n_neuron) for name, value in parameters.items()}
    for name in ("refractory_time", "holdoff_time"):
        if name in p:
            p[name] = p[name].detach()
    spikes = read_measured("measured_spikes", measured_spikes, run)
    membrane = read_measured("measured_membrane", measured_membrane, run)
    n_time = min([run.n_time, *[len(data) for data in (spikes, membrane) if data is not None]])
    alpha, dt, interval = check_positive("alpha", alpha), check_positive("dt", dt, " s"), check_checkpoint(checkpoint)
    keep = "nothing"
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (run.dense, run.weight, *p.values())):
        keep = "state" if run.weight is None or not interval else "current"
    found = take_steps(
        run.dense, run.weight, *run.events, p["tau_mem"], p["tau_syn"], p.get("threshold"), p.get("reset"), p.get("leak"),
        p.get("refractory_time"), p.get("holdoff_time"), spikes, membrane,
        n_time, run.n_neuron, dt, alpha, interval, keep,
    )  # fmt: skip
    return found[:3]


@refuse_unknown_keywords
def iaf(
    inputs: Tensor,
    weight: Tensor | None = None,
    *,
    threshold: Any = 125.0,
    reset: Any = 80.0,
    tau_mem: Any = 10e-6,
    tau_syn: Any = 10e-6,
    refractory_time: Any = 1e-6,
    holdoff_time: Any = 0.0,
    dt: float = 1e-6,
    alpha: float = 50.0,
    measured_spikes: Tensor | None = None,
    measured_membrane: Tensor | None = None,
    checkpoint: int | None = None,
) -> Observables:
    """Run non-leaking integrate-and-fire neurons in Euler steps, with SuperSpike gradients.

    The numbers are those of :func:`bss2sim.simulate` with ``integrator="euler"``, to the bit. Gradients go to `inputs`, `weight`,
    `threshold`, `reset`, `tau_mem` and `tau_syn`, by the rule of the reference software (``docs/training``): the derivative of
    a spike with respect to the membrane is replaced by ``1 / (alpha |v - threshold| + 1)^2``, and none goes through the reset, the
    clamp and the refractory time.

    Parameters
    ----------
    inputs : Tensor, shape (time, batch, neuron), or (time, batch, input) with `weight`
        Jumps of the synaptic current [unit of threshold]; or spikes, 0 and 1 or graded, dense or sparse (COO, all 1). A
        jump of step k reaches the membrane in step k + 1.
    weight : Tensor, shape (input, neuron), optional
        Jump that a spike causes [unit of threshold]. Rows are gathered by spike, with no product of matrices.
    threshold, reset : float or Tensor, shape () or (neuron,)
        Potentials [CADC LSB, or any one unit that inputs and weights share].
    tau_mem, tau_syn : float or Tensor, shape () or (neuron,)
        Time constants [s], above 0.
    refractory_time, holdoff_time : float or Tensor, shape () or (neuron,)
        Time after a spike without another one, and its last part, in which the membrane is free [s]; no gradients.
    dt : float
        Length of a step [s].
    alpha : float
        Steepness of the surrogate [1/(unit of threshold)]: about 50 if the threshold is 1 above the reset.
    measured_spikes, measured_membrane : Tensor, shape (time, batch, neuron), optional
        Measured data that takes the place of the model's spikes and membrane; gradients pass straight through to the model. The
        run is as long as the shortest of these and `inputs`.
    checkpoint : int, optional
        Steps between kept states [steps]. By default 32, with `weight` 128. The current of all steps is kept too; not if this
        is given with `weight`: then spikes go through the weights a second time on the way back.

    Returns
    -------
    Observables
        spikes, membrane, current, each (time, batch, neuron), in the dtype of `inputs`, or of `weight` if there is one.

    Raises
    ------
    InputError
        If a tensor has a wrong shape, dtype or device, or membrane or current are no longer finite.
    ParameterError
        If a parameter is out of range, or its shape does not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import iaf
    >>> weight = torch.full((4, 2), 0.5, requires_grad=True)
    >>> inputs = torch.zeros(50, 1, 4)                     # (time, batch, input)
    >>> inputs[::10] = 1.0
    >>> run = iaf(inputs, weight, threshold=1.0, reset=0.0)
    >>> run.spikes.sum().item()
    14.0
    >>> run.spikes.sum().backward()
    >>> weight.grad.shape
    torch.Size([4, 2])
    """
    return Observables(*_run(
        inputs, weight,
        {"threshold": threshold, "reset": reset, "tau_mem": tau_mem, "tau_syn": tau_syn,
         "refractory_time": refractory_time, "holdoff_time": holdoff_time},
        dt, alpha, measured_spikes, measured_membrane, checkpoint,
    ))  # fmt: skip


@refuse_unknown_keywords
def lif(
    inputs: Tensor,
    weight: Tensor | None = None,
    *,
    threshold: Any = 125.0,
    reset: Any = 80.0,
    leak: Any = 80.0,
    tau_mem: Any = 10e-6,
    tau_syn: Any = 10e-6,
    refractory_time: Any = 1e-6,
    holdoff_time: Any = 0.0,
    dt: float = 1e-6,
    alpha: float = 50.0,
    measured_spikes: Tensor | None = None,
    measured_membrane: Tensor | None = None,
    checkpoint: int | None = None,
) -> Observables:
    """Run leaking integrate-and-fire neurons: as :func:`iaf`, with a leak. At the start the membrane is at the leak.

    Parameters
    ----------
    inputs : Tensor, shape (time, batch, neuron), or (time, batch, input) with `weight`
        Jumps of the synaptic current [unit of threshold], or spikes; see :func:`iaf`.
    weight : Tensor, shape (input, neuron), optional
        Jump that a spike causes [unit of threshold].
    threshold, reset, leak : float or Tensor, shape () or (neuron,)
        Potentials [CADC LSB, or any one unit that inputs and weights share].
    tau_mem, tau_syn : float or Tensor, shape () or (neuron,)
        Time constants [s], above 0.
    refractory_time, holdoff_time : float or Tensor, shape () or (neuron,)
        Time after a spike without another one, and its last part, in which the membrane is free [s]; no gradients.
    dt : float
        Length of a step [s].
    alpha : float
        Steepness of the surrogate [1/(unit of threshold)].
    measured_spikes, measured_membrane : Tensor, shape (time, batch, neuron), optional
        Measured data that takes the place of the model's spikes and membrane.
    checkpoint : int, optional
        Steps between kept states [steps]; see :func:`iaf`.

    Returns
    -------
    Observables
        spikes, membrane, current, each (time, batch, neuron).

    Raises
    ------
    InputError
        If a tensor has a wrong shape, dtype or device, or membrane or current are no longer finite.
    ParameterError
        If a parameter is out of range, or its shape does not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import lif
    >>> run = lif(torch.full((20, 1, 1), 20.0), threshold=125.0, leak=80.0)
    >>> run.spikes.sum().item() > 0
    True
    """
    return Observables(*_run(
        inputs, weight,
        {"threshold": threshold, "reset": reset, "leak": leak, "tau_mem": tau_mem, "tau_syn": tau_syn,
         "refractory_time": refractory_time, "holdoff_time": holdoff_time},
        dt, alpha, measured_spikes, measured_membrane, checkpoint,
    ))  # fmt: skip


@refuse_unknown_keywords
def li(
    inputs: Tensor,
    weight: Tensor | None = None,
    *,
    leak: Any = 80.0,
    tau_mem: Any = 10e-6,
    tau_syn: Any = 10e-6,
    dt: float = 1e-6,
    measured_membrane: Tensor | None = None,
    checkpoint: int | None = None,
) -> Traces:
    """Run leaking integrators that never fire, the usual readout. Gradients are exact.

    Parameters
    ----------
    inputs : Tensor, shape (time, batch, neuron), or (time, batch, input) with `weight`
        Jumps of the synaptic current [unit of leak], or spikes; see :func:`iaf`.
    weight : Tensor, shape (input, neuron), optional
        Jump that a spike causes [unit of leak].
    leak : float or Tensor, shape () or (neuron,)
        Potential the membrane leaks to, and starts at [CADC LSB, or any one unit that inputs and weights share].
    tau_mem, tau_syn : float or Tensor, shape () or (neuron,)
        Time constants [s], above 0.
    dt : float
        Length of a step [s].
    measured_membrane : Tensor, shape (time, batch, neuron), optional
        Measured data that takes the place of the model's membrane; gradients pass straight through.
    checkpoint : int, optional
        Steps between kept states [steps]; see :func:`iaf`.

    Returns
    -------
    Traces
        membrane, current, each (time, batch, neuron).

    Raises
    ------
    InputError
        If a tensor has a wrong shape, dtype or device, or membrane or current are no longer finite.
    ParameterError
        If a parameter is out of range, or its shape does not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.torch import li
    >>> inputs = torch.zeros(100, 1, 1)
    >>> inputs[0] = 1.0
    >>> li(inputs, leak=0.0).membrane.argmax().item()      # at about tau_mem = 10 steps
    9
    """
    found = _run(
        inputs,
        weight,
        {"leak": leak, "tau_mem": tau_mem, "tau_syn": tau_syn},
        dt,
        1.0,
        None,
        measured_membrane,
        checkpoint,
    )
    return Traces(*found[1:])
