"""From what a user gives to the tensors an operator takes; what cannot be used is refused with a reason."""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bss2sim.errors import InputError, ParameterError
from bss2sim.inputs import SNAP
from bss2sim.parameter_values import refuse_bad

# How PyTorch says what else is at work; where it does not say, assume that something is.
transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)
modes_active = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 1)
function_modes_active = getattr(torch._C, "_len_torch_function_stack", lambda: 1)


def is_alone() -> bool:
    """Whether no compiler, tracer, transform or mode of PyTorch is at work, so that tensors are what they seem."""
    return not (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or transforms_active()
        or modes_active() > 0
        or function_modes_active() > 0
    )


_FLOATS = (torch.float32, torch.float64)
_LOW = (torch.float16, torch.bfloat16)


class Inputs(NamedTuple):
    """Inputs as an operator takes them.

    Attributes
    ----------
    dense : Tensor or None
        Jumps (time, batch, neuron), or spikes (time, batch, input).
    weight : Tensor or None
        Of the spikes, (input, neuron).
    events : tuple of Tensor or None
        Steps and inputs of spikes, sorted by trial, and where each trial starts.
    n_time, n_batch, n_neuron : int
        Sizes.
    dtype : torch.dtype
        Of the run.
    """

    dense: Tensor | None
    weight: Tensor | None
    events: tuple[Tensor | None, Tensor | None, Tensor | None]
    n_time: int
    n_batch: int
    n_neuron: int
    dtype: torch.dtype


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """Shape of a tensor, for messages."""
    return tuple(tensor.shape)


def check_device(what: str, tensor: Tensor) -> None:
    """Refuse tensors of other devices."""
    if tensor.device.type != "cpu":
        raise InputError(
            f"{what} is on {tensor.device}; bss2sim.torch runs on the CPU only: pass {what}.cpu(), and move what comes back"
        )


def _check_tensor(what: str, value: Any, dims: str) -> Tensor:
    """Refuse what is not a tensor of three, or of two, dims on the CPU."""
    if not isinstance(value, Tensor):
        raise InputError(f"{what} must be a tensor {dims}; got {type(value).__name__}")
    check_device(what, value)
    if value.dim() != dims.count(",") + 1:
        raise InputError(f"{what} must have the shape {dims}; got {_shape(value)}")
    return value


def _as_float(what: str, tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return a tensor in the dtype of the run; under autocast one of lower precision becomes float32."""
    if tensor.dtype in _LOW and torch.is_autocast_enabled("cpu"):
        tensor = tensor.float()
    if tensor.dtype in _LOW or tensor.is_complex():
        raise InputError(f"{what} must be float32 or float64; got {tensor.dtype}: pass {what}.float()")
    if tensor.dtype not in _FLOATS:  # whole numbers and booleans
        return tensor.to(dtype or torch.get_default_dtype())
    if dtype is not None and tensor.dtype != dtype:
        raise InputError(f"{what} is {tensor.dtype}, the run {dtype}: pass {what}.to({dtype})")
    return tensor


def refuse_forward_mode(*values: Any) -> None:
    """Refuse dual numbers: gradients go backwards only."""
    # Where PyTorch does not say how deep it is in dual numbers, assume that there are some.
    if torch.compiler.is_compiling() or getattr(torch.autograd.forward_ad, "_current_level", 0) < 0:
        return
    for value in values:
        if isinstance(value, Tensor) and torch.autograd.forward_ad.unpack_dual(value).tangent is not None:
            raise InputError(
                "there is no forward-mode differentiation (torch.func.jvp, dual numbers): use backward() or torch.autograd"
            )


def read_inputs(inputs: Any, weight: Any) -> Inputs:
    """Return jumps, or spikes and their weights.

    Raises
    ------
    InputError
        If they are no tensors, of the wrong shape, dtype or device, or sparse where they cannot be.
    """
    what = "(time, batch, neuron)" if weight is None else "(time, batch, input)"
    inputs = _check_tensor("inputs", inputs, what)
    if weight is None:
        if inputs.layout != torch.strided:
            raise InputError("sparse inputs are spikes and need weights: pass weight=, or inputs.to_dense()")
        inputs = _as_float("inputs", inputs)
        n_time, n_batch, n_neuron = inputs.shape
        return Inputs(inputs, None, (None, None, None), n_time, n_batch, n_neuron, inputs.dtype)
    n_time, n_batch, n_input = inputs.shape
    weight = read_weight(weight, n_input)
    if inputs.layout == torch.strided:
        dense, events = _as_float("inputs", inputs, weight.dtype), (None, None, None)
        return Inputs(dense, weight, events, n_time, n_batch, weight.shape[1], weight.dtype)
    return Inputs(None, weight, _events(inputs), n_time, n_batch, weight.shape[1], weight.dtype)


def read_weight(weight: Any, n_input: int) -> Tensor:
    """Return weights (input, neuron).

    Raises
    ------
    InputError
        If they are no such tensor.
    """
    weight = _check_tensor("weight", weight, "(input, neuron)")
    if weight.layout != torch.strided:
        raise InputError("weight must be dense; pass weight.to_dense()")
    weight = _as_float("weight", weight)
    if weight.shape[0] != n_input:
        raise InputError(
            f"weight must have the shape (input, neuron) with {n_input} inputs, as inputs have; got {_shape(weight)}"
        )
    return weight


def _events(spikes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the steps and inputs of sparse spikes in the order of trials, steps and inputs, and the bounds of the trials."""
    if spikes.layout != torch.sparse_coo:
        raise InputError(
            f"sparse inputs must have the layout torch.sparse_coo; got {spikes.layout}: pass inputs.to_sparse_coo()"
        )
    if spikes.requires_grad:
        raise InputError("sparse inputs get no gradient; pass inputs.to_dense(), or inputs.detach()")
    if spikes.dense_dim():
        raise InputError(f"sparse inputs must have three sparse dims; got {spikes.sparse_dim()}")
    for axis, index, size in zip(("time", "batch", "input"), spikes._indices(), spikes.shape, strict=True):
        outside = index[
            (index < 0) | (index >= size)
        ]  # PyTorch looks only if it is told to, and coalesce() would move them
        if len(outside):
            raise InputError(f"indices of sparse inputs must be in 0 .. {size - 1} along {axis}; got {int(outside[0])}")
    spikes = spikes.coalesce()
    values = spikes.values()
    if not bool((values == 1).all()):
        raise InputError("sparse inputs must be spikes, all 1; pass graded ones as inputs.to_dense()")
    step, trial, source = spikes.indices()
    # Numbers of 16 bits are sorted more than twice as fast.
    short = trial.to(torch.int16) if spikes.shape[1] <= 2**15 else trial
    order = torch.argsort(short, stable=True)
    pointer = torch.zeros(spikes.shape[1] + 1, dtype=torch.int64)
    pointer[1:] = torch.cumsum(torch.bincount(trial, minlength=spikes.shape[1]), 0)
    return step[order].contiguous(), source[order].contiguous(), pointer


@lru_cache(256)
def _constant(value: float, sign: float) -> Tensor:
    """Return a number as a tensor, which is kept: most parameters are the same in every step of a training."""
    with torch.inference_mode(False):  # else it could not be saved for gradients later
        return torch.tensor(value, dtype=torch.float64, device="cpu")  # whatever the default is


def read_parameter(name: str, value: Any, n_neuron: int) -> Tensor:
    """Return a parameter as a float64 tensor, () or (neuron,); gradients flow back through it.

    Raises
    ------
    ParameterError
        If it is no number or tensor, or its shape does not fit.
    InputError
        If it is on another device.
    """
    if type(value) is float and is_alone():
        return _constant(value, math.copysign(1, value))  # 0.0 and -0.0 are alike as keys, and not as potentials
    refuse_bool(name, value)
    if isinstance(value, Tensor):
        check_device(name, value)
        if value.is_complex():
            raise ParameterError(f"{name} must be real numbers; got {value.dtype}")
        value = value.to(torch.float64)
    else:
        try:
            value = torch.as_tensor(value, dtype=torch.float64, device="cpu")
        except (TypeError, ValueError, RuntimeError) as reason:
            raise ParameterError(f"{name} must be a number or a tensor (neuron,); got {value!r}") from reason
    if value.shape == (1,):
        value = value.reshape(())
    if value.shape not in ((), (n_neuron,)):
        raise ParameterError(
            f"{name} must be one number, or one for each of the {n_neuron} neurons; got the shape {_shape(value)}"
        )
    return value


def refuse_bool(name: str, value: Any) -> None:
    """Refuse True and False, alone or in a tensor, array or list, where a number is meant; PyTorch takes them for 1 and 0."""
    if type(value) is float:  # most are
        return
    if isinstance(value, Tensor | np.ndarray):
        truth = value.dtype in (torch.bool, np.bool_)
    else:
        truth = any(isinstance(one, bool | np.bool_) for one in (value if isinstance(value, list | tuple) else [value]))
    if truth:
        raise ParameterError(f"{name} must be a number, not True or False; got {value!r}")


def check_holdoff(holdoff_time: np.ndarray, refractory_time: np.ndarray) -> None:
    """Refuse a holdoff time [s] that is longer than the refractory time, each () or (neuron,)."""
    holdoff, refractory = np.broadcast_arrays(holdoff_time, refractory_time)
    refuse_bad("holdoff_time", holdoff > refractory * (1 + SNAP), holdoff, ("neuron",)[: holdoff.ndim],
               "at most the refractory_time", " s")  # fmt: skip


def read_measured(name: str, value: Any, run: Inputs) -> Tensor | None:
    """Return measured data in the dtype of the run.

    Raises
    ------
    InputError
        If it is no tensor, its dtype or shape does not fit, or spikes are not 0 or 1.
    """
    if value is None:
        return None
    value = _check_tensor(name, value, "(time, batch, neuron)")
    if tuple(value.shape[1:]) != (run.n_batch, run.n_neuron):
        raise InputError(
            f"{name} must have the shape (time, batch, neuron) with batch {run.n_batch}, neuron {run.n_neuron}; got {_shape(value)}"
        )
    return _as_float(name, value.detach().to_dense() if value.layout != torch.strided else value.detach(), run.dtype)


def check_positive(name: str, value: Any, unit: str = "") -> float:
    """Return a number that is finite and above 0.

    Raises
    ------
    ParameterError
        If it is not.
    """
    refuse_bool(name, value)
    if isinstance(value, str | bytes):
        raise ParameterError(f"{name} must be a number; got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError) as reason:
        raise ParameterError(f"{name} must be a number; got {value!r}") from reason
    if not 0 < number < float("inf"):
        raise ParameterError(f"{name} must be finite and above 0{unit}; got {number}{unit}")
    return number


def check_checkpoint(value: Any) -> int:
    """Return the steps between kept states, 0 for the default.

    Raises
    ------
    ParameterError
        If it is no whole number of at least 1, nor None.
    """
    if value is None:
        return 0
    refuse_bool("checkpoint", value)
    try:
        number = operator.index(value)
    except TypeError as reason:
        raise ParameterError(f"checkpoint must be a number of steps, or None; got {value!r}") from reason
    if number < 1:
        raise ParameterError(f"checkpoint must be at least 1 step, or None; got {value!r}")
    return number
