"""Non-leaking integrate-and-fire neurons on tensors, under the names of the reference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import refuse_unknown_keywords
from bss2sim.torch import iaf

from .measured import read_hw_data
from .steps import iaf_step as iaf_step
from .threshold import check_method

ENTRIES = ("spikes", "cadc", "madc")


def dtype_of_run(input: Tensor) -> torch.dtype:
    """Return the dtype in which an input is computed with."""
    return input.dtype if input.is_floating_point() else torch.get_default_dtype()


@refuse_unknown_keywords
def cuba_iaf_integration(
    input: Tensor,
    *,
    reset: Any,
    threshold: Any,
    tau_syn: Any,
    tau_mem: Any,
    method: str,
    alpha: float,
    hw_data: Any = None,
    dt: float = 1e-6,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Integrate non-leaking neurons without refractory time.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Jumps of the synaptic current [unit of threshold].
    reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    method : {"superspike"}
        What takes the place of the derivative of a spike.
    alpha : float
        Its steepness [1/unit of threshold].
    hw_data : tuple of Tensor, optional
        Recorded (spikes, cadc, madc), each may be None or left out: the first two, (time, batch, neuron), take the place of
        what the model computes, the last is handed through.
    dt : float
        Length of a step [s].

    Returns
    -------
    tuple of Tensor
        spikes, membrane_cadc, current, each (time, batch, neuron), and membrane_madc or None. They are as long as the shortest
        of the input and the recordings.

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
    >>> from bss2sim.hxtorch.functional import cuba_iaf_integration
    >>> spikes, membrane, current, madc = cuba_iaf_integration(
    ...     torch.full((50, 1, 2), 0.1), reset=0.0, threshold=1.0, tau_syn=10e-6, tau_mem=10e-6, method="superspike", alpha=50.0
    ... )
    >>> spikes.sum((0, 1))
    tensor([3., 3.])
    """
    return cuba_refractory_iaf_integration(
        input, reset=reset, threshold=threshold, tau_syn=tau_syn, tau_mem=tau_mem, refractory_time=0.0, method=method,
        alpha=alpha, hw_data=hw_data, dt=dt,
    )  # fmt: skip


@refuse_unknown_keywords
def cuba_refractory_iaf_integration(
    input: Tensor,
    *,
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
    """Integrate non-leaking neurons with refractory time: as :func:`cuba_iaf_integration`.

    Parameters
    ----------
    input : Tensor, shape (time, batch, neuron)
        Jumps of the synaptic current [unit of threshold].
    reset, threshold : number or Tensor, shape () or (neuron,)
        Potentials [any one unit].
    tau_syn, tau_mem : number or Tensor, shape () or (neuron,)
        Time constants [s].
    refractory_time : number or Tensor, shape () or (neuron,)
        Time after a spike without another one [s]. Multiples of dt are exact; the reference may be one step off.
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
    >>> from bss2sim.hxtorch.functional import cuba_refractory_iaf_integration
    >>> spikes, *_ = cuba_refractory_iaf_integration(
    ...     torch.full((50, 1, 1), 0.1), reset=0.0, threshold=1.0, tau_syn=10e-6, tau_mem=10e-6, refractory_time=20e-6,
    ...     method="superspike", alpha=50.0,
    ... )
    >>> spikes.sum()
    tensor(2.)
    """
    check_method(method)
    spikes, cadc, madc = read_hw_data(hw_data, ENTRIES, dtype_of_run(input))
    run = iaf(
        input, threshold=threshold, reset=reset, tau_mem=tau_mem, tau_syn=tau_syn, refractory_time=refractory_time,
        holdoff_time=holdoff_time, dt=dt, alpha=alpha, measured_spikes=spikes, measured_membrane=cadc,
    )  # fmt: skip
    return run.spikes, run.membrane, run.current, madc
