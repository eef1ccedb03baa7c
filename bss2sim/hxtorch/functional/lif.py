"""Leaking integrate-and-fire neurons on tensors, under the names of the reference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import ParameterError, refuse_unknown_keywords
from bss2sim.torch import lif

from .iaf import ENTRIES, dtype_of_run
from .measured import read_hw_data
from .steps import cuba_lif_step as cuba_lif_step
from .threshold import check_method

_ANY_STEP = 1e-6  # exponential variants know no seconds: any step gives the same numbers


@refuse_unknown_keywords
def cuba_lif_integration(
    input: Tensor,
    *,
    leak: Any,
    reset: Any,
    threshold: Any,
    tau_syn: Any,
    tau_mem: Any,
    method: str,
    alpha: float,
    hw_data: Any = None,
    dt: float = 1e-6,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Integrate leaking neurons without refractory time.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Jumps of the synaptic current [unit of threshold].
    leak, reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    method : {"superspike"}
        What takes the place of the derivative of a spike.
    alpha : float
        Its steepness [1/unit of threshold].
    hw_data : tuple of Tensor, optional
        Recorded (spikes, cadc, madc), see :func:`cuba_iaf_integration`.
    dt : float
        Length of a step [s].

    Returns
    -------
    tuple of Tensor
        spikes, membrane_cadc, current, each (time, batch, neuron), and membrane_madc or None.

    Raises
    ------
    ParameterError
        If a parameter is out of range or of a wrong shape, or the method does not exist.
    InputError
        If a tensor has a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import cuba_lif_integration
    >>> spikes, *_ = cuba_lif_integration(
    ...     torch.full((50, 1, 1), 0.2), leak=0.0, reset=0.0, threshold=1.0, tau_syn=10e-6, tau_mem=10e-6, method="superspike",
    ...     alpha=50.0,
    ... )
    >>> spikes.sum()
    tensor(5.)
    """
    return cuba_refractory_lif_integration(
        input, leak=leak, reset=reset, threshold=threshold, tau_syn=tau_syn, tau_mem=tau_mem, refractory_time=0.0,
        method=method, alpha=alpha, hw_data=hw_data, dt=dt,
    )  # fmt: skip


@refuse_unknown_keywords
def cuba_refractory_lif_integration(
    input: Tensor,
    *,
    leak: Any,
    reset: Any,
    threshold: Any,
    tau_syn: Any,
    tau_mem: Any,
    refractory_time: Any,
    method: str,
    alpha: float,
    hw_data: Any = None,
    dt: float = 1e-6,
    holdoff_time: Any = 0.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Integrate leaking neurons with refractory time: as :func:`cuba_lif_integration`.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Jumps of the synaptic current [unit of threshold].
    leak, reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    refractory_time : number or Tensor, shape () or (neuron,)
        Time after a spike without another one [s].
    method : {"superspike"}
        What takes the place of the derivative of a spike.
    alpha : float
        Its steepness [1/unit of threshold].
    hw_data : tuple of Tensor, optional
        Recorded (spikes, cadc, madc).
    dt : float
        Length of a step [s].
    holdoff_time : number or Tensor, shape () or (neuron,)
        Last part of the refractory time, in which the membrane is free [s]. The reference has none.

    Returns
    -------
    tuple of Tensor
        spikes, membrane_cadc, current, each (time, batch, neuron), and membrane_madc or None.

    Raises
    ------
    ParameterError
        If a parameter is out of range or of a wrong shape, or the method does not exist.
    InputError
        If a tensor has a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import cuba_refractory_lif_integration
    >>> spikes, *_ = cuba_refractory_lif_integration(
    ...     torch.full((50, 1, 1), 0.2), leak=0.0, reset=0.0, threshold=1.0, tau_syn=10e-6, tau_mem=10e-6,
    ...     refractory_time=20e-6, method="superspike", alpha=50.0,
    ... )
    >>> spikes.sum()
    tensor(2.)
    """
    check_method(method)
    spikes, cadc, madc = read_hw_data(hw_data, ENTRIES, dtype_of_run(input))
    run = lif(
        input, leak=leak, threshold=threshold, reset=reset, tau_mem=tau_mem, tau_syn=tau_syn,
        refractory_time=refractory_time, holdoff_time=holdoff_time, dt=dt, alpha=alpha, measured_spikes=spikes,
        measured_membrane=cadc,
    )  # fmt: skip
    return run.spikes, run.membrane, run.current, madc


def time_constant_of(name: str, factor: Any, dt: float = _ANY_STEP) -> Tensor:
    """Return the time constant whose Euler step multiplies by a factor: ``1 - dt / tau = factor`` [s].

    ``a (v - leak) + leak + (1 - a) i`` is ``v + (1 - a) (leak - v + i)``, an Euler step with ``dt / tau = 1 - a``.

    Raises
    ------
    ParameterError
        If a factor is not within 0 and 1, 1 left out.
    """
    value = torch.as_tensor(factor)
    value = value if value.is_floating_point() else value.double()
    if not bool(((value >= 0) & (value < 1)).all()):
        raise ParameterError(f"{name} must be exp(-dt / tau), from 0 up to but not 1; got {factor}")
    return dt / (1 - value.double())


@refuse_unknown_keywords
def exp_cuba_lif_integration(
    input: Tensor,
    *,
    leak: Any,
    reset: Any,
    threshold: Any,
    tau_syn_exp: Any,
    tau_mem_exp: Any,
    method: str,
    alpha: float,
    hw_data: Any = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Integrate leaking neurons with factors ``exp(-dt / tau)``: as :func:`cuba_lif_integration`.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Jumps of the synaptic current [unit of threshold].
    leak, reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn_exp, tau_mem_exp : number or Tensor, shape () or (neuron,)
        ``exp(-dt / tau)`` of each time constant, from 0 up to but not 1.
    method : {"superspike"}
        What takes the place of the derivative of a spike.
    alpha : float
        Its steepness [1/unit of threshold].
    hw_data : tuple of Tensor, optional
        Recorded (spikes, cadc, madc).

    Returns
    -------
    tuple of Tensor
        spikes, membrane_cadc, current, each (time, batch, neuron), and membrane_madc or None.

    Raises
    ------
    ParameterError
        If a parameter is out of range or of a wrong shape, or the method does not exist.
    InputError
        If a tensor has a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import exp_cuba_lif_integration
    >>> spikes, *_ = exp_cuba_lif_integration(
    ...     torch.full((50, 1, 1), 0.2), leak=0.0, reset=0.0, threshold=1.0, tau_syn_exp=0.9, tau_mem_exp=0.9,
    ...     method="superspike", alpha=50.0,
    ... )
    >>> spikes.sum()
    tensor(5.)
    """
    return cuba_refractory_lif_integration(
        input, leak=leak, reset=reset, threshold=threshold, tau_syn=time_constant_of("tau_syn_exp", tau_syn_exp),
        tau_mem=time_constant_of("tau_mem_exp", tau_mem_exp), refractory_time=0.0, method=method, alpha=alpha,
        hw_data=hw_data, dt=_ANY_STEP,
    )  # fmt: skip
