"""Leaking integrators that never fire, on tensors, under the names of the reference."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bss2sim.errors import InputError, refuse_unknown_keywords
from bss2sim.torch import li

from .iaf import dtype_of_run
from .lif import _ANY_STEP, time_constant_of
from .measured import read_hw_data


def _total(input: Any) -> Tensor:
    """Return the sum of several inputs."""
    if isinstance(input, Tensor):
        return input
    if not isinstance(input, tuple | list) or not input:
        raise InputError(f"input must be a tensor (time, batch, neuron) or a tuple of them; got {input!r}")
    total: Tensor = input[0]
    for other in input[1:]:
        total = total + other
    return total


@refuse_unknown_keywords
def cuba_li_integration(
    input: Any,
    *,
    leak: Any,
    tau_syn: Any,
    tau_mem: Any,
    hw_data: Any = None,
    dt: float = 1e-6,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Integrate leaking neurons that never fire.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron), or tuple of them
        Jumps of the synaptic current [unit of leak]; several are summed.
    leak : number or Tensor, shape () or (neuron,)
        Potential [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    hw_data : tuple of Tensor, optional
        Recorded (cadc, madc), each may be None or left out: the first, (time, batch, neuron), takes the place of the membrane.
    dt : float
        Length of a step [s].

    Returns
    -------
    tuple of Tensor
        membrane_cadc, current, each (time, batch, neuron), and membrane_madc or None.

    Raises
    ------
    ParameterError
        If a parameter is out of range or of a wrong shape.
    InputError
        If a tensor has a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import cuba_li_integration
    >>> spikes = torch.zeros(30, 1, 1)
    >>> spikes[0] = 1.0
    >>> membrane, current, _ = cuba_li_integration(spikes, leak=0.0, tau_syn=10e-6, tau_mem=10e-6)
    >>> membrane.max()
    tensor(0.3874)
    """
    total = _total(input)
    cadc, madc = read_hw_data(hw_data, ("cadc", "madc"), dtype_of_run(total))
    run = li(total, leak=leak, tau_mem=tau_mem, tau_syn=tau_syn, dt=dt, measured_membrane=cadc)
    return run.membrane, run.current, madc


@refuse_unknown_keywords
def exp_cuba_li_integration(
    input: Any, *, leak: Any, tau_syn_exp: Any, tau_mem_exp: Any, hw_data: Any = None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Integrate leaking neurons that never fire with factors ``exp(-dt / tau)``: as :func:`cuba_li_integration`.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron), or tuple of them
        Jumps of the synaptic current [unit of leak]; several are summed.
    leak : number or Tensor, shape () or (neuron,)
        Potential [any one unit].
    tau_syn_exp, tau_mem_exp : number or Tensor, shape () or (neuron,)
        ``exp(-dt / tau)`` of each time constant, from 0 up to but not 1.
    hw_data : tuple of Tensor, optional
        Recorded (cadc, madc).

    Returns
    -------
    tuple of Tensor
        membrane_cadc, current, each (time, batch, neuron), and membrane_madc or None.

    Raises
    ------
    ParameterError
        If a parameter is out of range or of a wrong shape.
    InputError
        If a tensor has a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import exp_cuba_li_integration
    >>> spikes = torch.zeros(30, 1, 1)
    >>> spikes[0] = 1.0
    >>> exp_cuba_li_integration(spikes, leak=0.0, tau_syn_exp=0.9, tau_mem_exp=0.9)[0].max()
    tensor(0.3874)
    """
    return cuba_li_integration(
        input, leak=leak, tau_syn=time_constant_of("tau_syn_exp", tau_syn_exp),
        tau_mem=time_constant_of("tau_mem_exp", tau_mem_exp), hw_data=hw_data, dt=_ANY_STEP,
    )  # fmt: skip
