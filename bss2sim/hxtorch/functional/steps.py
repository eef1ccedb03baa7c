"""Single Euler steps, for networks whose next input depends on their last spikes; a loop over them is slow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import refuse_unknown_keywords
from bss2sim.euler_coefficients import count_steps

from .threshold import threshold as fire
from .unterjubel import Unterjubel

Step = tuple[Tensor, Tensor, Tensor]


def _fired(
    v: Tensor,
    spikes_hw: Tensor | None,
    membrane_hw: Tensor | None,
    reset: Any,
    threshold: Any,
    method: str,
    alpha: float,
) -> tuple[Tensor, Tensor]:
    """Return spikes and membrane after the drive of a step, with measured values in their places where there are some."""
    if membrane_hw is not None:
        v = Unterjubel.apply(v, membrane_hw)
    z = fire(v - threshold, method, alpha)
    if spikes_hw is not None:
        z = Unterjubel.apply(z, spikes_hw)
    if membrane_hw is None:  # a measured membrane has been reset already
        v = torch.where(z.detach() > 0, torch.as_tensor(reset, dtype=v.dtype), v)
    return z, v


@refuse_unknown_keywords
def iaf_step(
    z: Tensor,
    v: Tensor,
    i: Tensor,
    input: Tensor,
    spikes_hw: Tensor | None,
    membrane_hw: Tensor | None,
    *,
    reset: Any,
    threshold: Any,
    tau_syn: Any,
    tau_mem: Any,
    method: str,
    alpha: float,
    dt: float,
) -> Step:
    """Take one step of non-leaking neurons, as :func:`cuba_iaf_integration` takes many.

    Parameters
    ----------
    z : Tensor, shape (batch, neuron)
        Spikes of the step before; they have acted already, and are not read.
    v, i : Tensor, shape (batch, neuron)
        Membrane and current after the step before; at the start `reset` and 0 [unit of threshold].
    input : Tensor, shape (batch, neuron)
        Jumps of the current in this step [unit of threshold].
    spikes_hw, membrane_hw : Tensor, shape (batch, neuron), or None
        Measured values of this step, which take the place of the model's.
    reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    method : {"superspike"}
        What takes the place of the derivative of a spike.
    alpha : float
        Its steepness [1/unit of threshold].
    dt : float
        Length of the step [s].

    Returns
    -------
    tuple of Tensor
        z, v and i of this step, each (batch, neuron).

    Raises
    ------
    ParameterError
        If the method does not exist.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional.iaf import iaf_step
    >>> z, v, i = torch.zeros(1, 1), torch.zeros(1, 1), torch.full((1, 1), 12.0)
    >>> iaf_step(z, v, i, torch.zeros(1, 1), None, None, reset=0.0, threshold=1.0, tau_syn=10e-6, tau_mem=10e-6,
    ...     method="superspike", alpha=50.0, dt=1e-6)
    (tensor([[1.]]), tensor([[0.]]), tensor([[10.8000]]))
    """
    driven = v + dt / tau_mem * i
    i = i - dt / tau_syn * i + input
    z, v = _fired(driven, spikes_hw, membrane_hw, reset, threshold, method, alpha)
    return z, v, i


@refuse_unknown_keywords
def cuba_lif_step(
    z: Tensor,
    v: Tensor,
    i: Tensor,
    input: Tensor,
    spikes_hw: Tensor | None,
    membrane_hw: Tensor | None,
    *,
    leak: Any,
    reset: Any,
    threshold: Any,
    tau_syn: Any,
    tau_mem: Any,
    method: str,
    alpha: float,
    dt: float = 1e-6,
) -> Step:
    """Take one step of leaking neurons, as :func:`cuba_lif_integration` takes many.

    Parameters
    ----------
    z : Tensor, shape (batch, neuron)
        Spikes of the step before; they have acted already, and are not read.
    v, i : Tensor, shape (batch, neuron)
        Membrane and current after the step before; at the start `leak` and 0 [unit of threshold].
    input : Tensor, shape (batch, neuron)
        Jumps of the current in this step [unit of threshold].
    spikes_hw, membrane_hw : Tensor, shape (batch, neuron), or None
        Measured values of this step, which take the place of the model's.
    leak, reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    method : {"superspike"}
        What takes the place of the derivative of a spike.
    alpha : float
        Its steepness [1/unit of threshold].
    dt : float
        Length of the step [s].

    Returns
    -------
    tuple of Tensor
        z, v and i of this step, each (batch, neuron).

    Raises
    ------
    ParameterError
        If the method does not exist.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional.lif import cuba_lif_step
    >>> z, v, i = torch.zeros(1, 1), torch.zeros(1, 1), torch.full((1, 1), 5.0)
    >>> cuba_lif_step(z, v, i, torch.zeros(1, 1), None, None, leak=0.0, reset=0.0, threshold=1.0, tau_syn=10e-6,
    ...     tau_mem=10e-6, method="superspike", alpha=50.0)
    (tensor([[0.]]), tensor([[0.5000]]), tensor([[4.5000]]))
    """
    driven = v + dt / tau_mem * (leak - v + i)
    i = i - dt / tau_syn * i + input
    z, v = _fired(driven, spikes_hw, membrane_hw, reset, threshold, method, alpha)
    return z, v, i


@refuse_unknown_keywords
def refractory_update(
    z: Tensor,
    v: Tensor,
    ref_state: Tensor,
    spikes_hw: Tensor | None,
    membrane_hw: Tensor | None,
    *,
    reset: Any,
    refractory_time: Any,
    dt: float,
) -> Step:
    """Hold neurons back that fired: after a step of :func:`iaf_step` or :func:`cuba_lif_step`.

    Parameters
    ----------
    z, v : Tensor, shape (batch, neuron)
        Spikes and membrane of this step.
    ref_state : Tensor, shape (batch, neuron)
        Steps for which a neuron is still held back; 0 at the start.
    spikes_hw, membrane_hw : Tensor, shape (batch, neuron), or None
        Measured values of this step: they stay as they are, whatever the state; the reference overwrites them.
    reset : number or Tensor, shape () or (neuron,)
        Where the membrane is meanwhile [unit of v].
    refractory_time : number or Tensor, shape () or (neuron,)
        How long that is [s]. Multiples of dt take that many steps; the reference may take one more.
    dt : float
        Length of the step [s].

    Returns
    -------
    tuple of Tensor
        z, v and ref_state for the next step, each (batch, neuron).

    Raises
    ------
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional.refractory import refractory_update
    >>> fired, state = torch.ones(1, 1), torch.zeros(1, 1)
    >>> for _ in range(3):
    ...     z, _, state = refractory_update(fired, fired, state, None, None, reset=0.0, refractory_time=2e-6, dt=1e-6)
    ...     print(z.item(), state.item())
    1.0 2.0
    0.0 1.0
    0.0 0.0
    """
    busy = ref_state > 0
    held = torch.as_tensor(reset, dtype=v.dtype).expand_as(v)
    if membrane_hw is not None:  # measured values, with the gradients of those they take the place of
        held = Unterjubel.apply(held, v.detach())
    silent = torch.zeros_like(z) if spikes_hw is None else z.detach()
    z, v = torch.where(busy, silent, z), torch.where(busy, held, v)
    most = torch.as_tensor(
        count_steps(torch.as_tensor(refractory_time).detach().double().numpy(), dt), dtype=ref_state.dtype
    )
    return z, v, torch.where(z.detach() > 0, most, (ref_state - 1).clamp(min=0))
