"""The operators behind the exact functionals: what PyTorch's dispatcher, compiler and autograd see of the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bss2sim.eventprop_run import Events, ExactRun, run_exact_backward, run_exact_forward

from .operators import refuse_second_derivative
from .team import on_threads_of_torch

# Without threshold the neurons never fire, with leak they leak; tau_inh is that of negative weights. Parameters are float64,
# () or (neuron,).
_EVENTS = "Tensor event_time, Tensor event_neuron, Tensor event_batch, Tensor weight, "
_NEURONS = (
    "Tensor tau_mem, Tensor tau_syn, Tensor? tau_inh, Tensor? threshold, Tensor? reset, Tensor? refractory_time, "
    "Tensor? holdoff_time, Tensor? leak, "
)
_GIVEN = f"{_EVENTS}{_NEURONS}Tensor sample_time, int n_batch, float duration, float slope_floor"
_NAMES = tuple(part.split()[-1] for part in _GIVEN.split(","))
_PARAMETERS = _NAMES[4:12]
_DIFFERENTIABLE = ("event_time", "weight", *_PARAMETERS)
_N_TENSOR = 13


def _events(given: dict[str, Any], what: str) -> Events:
    """Gather spikes from the arguments of an operator."""
    time, neuron, batch = (given[f"{what}_{name}"].detach().numpy() for name in ("time", "neuron", "batch"))
    return Events(time, neuron, batch, given["n_batch"])


def _run(given: dict[str, Any]) -> ExactRun:
    """Gather a run from the arguments of an operator."""
    events = _events(given, "event")
    parameters = {name: given[name].detach().numpy() for name in _PARAMETERS if given[name] is not None}
    weight = given["weight"].detach().to(torch.float64).contiguous().numpy()
    return ExactRun(events, weight, parameters, given["duration"], given["sample_time"].numpy(), given["slope_floor"])


def _forward(*arguments: Any) -> tuple[Tensor, ...]:
    """Return spike times, neurons and trials (spike,), and the membrane (batch, sample, neuron) in the dtype of the weights."""
    given = dict(zip(_NAMES, arguments, strict=True))
    run = _run(given)
    with on_threads_of_torch():
        spikes, membrane = run_exact_forward(run)
    if spikes is None:
        spikes = Events(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64), run.events.n_batch)
    found = torch.from_numpy(membrane).to(given["weight"].dtype)
    whole = (torch.from_numpy(array.astype(np.int64)) for array in (spikes.neuron, spikes.batch))
    return (torch.from_numpy(spikes.time), *whole, found)


def _forward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    """Shapes and dtypes of what :func:`_forward` returns; the number of spikes is known after the run only."""
    given = dict(zip(_NAMES, arguments, strict=True))
    n: Any = 0 if given["threshold"] is None else torch.library.get_ctx().new_dynamic_size()
    time, weight = given["event_time"], given["weight"]
    shape = (given["n_batch"], given["sample_time"].shape[0], weight.shape[1])
    return (time.new_empty(n), time.new_empty(n, dtype=torch.int64), time.new_empty(n, dtype=torch.int64),
            weight.new_empty(shape))  # fmt: skip


def _backward(*arguments: Any) -> tuple[Tensor, ...]:
    """Return the gradients of what can have one; what does not exist is empty."""
    given = dict(zip(_BACKWARD_NAMES, arguments, strict=True))
    run = _run(given)
    spikes = _events(given, "spike") if run.fires else None
    of_time, of_membrane = given["of_time"], given["of_membrane"]
    shape = (run.events.n_batch, run.sample_time.size, run.weight.shape[1])
    with on_threads_of_torch():
        found = run_exact_backward(
            run, spikes,
            np.zeros(0 if spikes is None else spikes.time.size) if of_time is None else of_time.detach().numpy(),
            np.zeros(shape) if of_membrane is None else of_membrane.detach().to(torch.float64).numpy(),
            given["time_too"],
        )  # fmt: skip
    none = np.empty(0)
    arrays = [none if found.time is None else found.time, found.weight]
    arrays += [np.asarray(found.parameters.get(name, none)) for name in _PARAMETERS]
    tensors = [torch.from_numpy(array) for array in arrays]
    tensors[1] = tensors[1].to(given["weight"].dtype)
    return tuple(tensors)


def _backward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    """Shapes and dtypes of what :func:`_backward` returns."""
    given = dict(zip(_BACKWARD_NAMES, arguments, strict=True))
    time = given["event_time"]
    shapes = [(0,) if given[name] is None else given[name].shape for name in _PARAMETERS]
    return (
        torch.empty_like(time) if given["time_too"] else time.new_empty(0),
        given["weight"].new_empty(given["weight"].shape),
        *(time.new_empty(shape) for shape in shapes),
    )


_FOUND = "Tensor spike_time, Tensor spike_neuron, Tensor spike_batch"
_BACKWARD_SCHEMA = f"({_GIVEN}, {_FOUND}, Tensor? of_time, Tensor? of_membrane, bool time_too)"
_BACKWARD_NAMES = tuple(part.split()[-1] for part in _BACKWARD_SCHEMA.strip("()").split(","))

exact_events = torch.library.custom_op(
    "bss2sim::exact_events", _forward, mutates_args=(), device_types="cpu",
    schema=f"({_GIVEN}) -> (Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
exact_events.register_fake(_forward_fake)
_events_backward = torch.library.custom_op(
    "bss2sim::exact_events_backward", _backward, mutates_args=(), device_types="cpu",
    schema=f"{_BACKWARD_SCHEMA} -> ({', '.join(['Tensor'] * len(_DIFFERENTIABLE))})",
)  # fmt: skip
_events_backward.register_fake(_backward_fake)


def _set_up(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    """Keep inputs and spikes: nothing else of the run is needed."""
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[1:3])
    ctx.fires = inputs[_NAMES.index("threshold")] is not None
    if not ctx.fires:
        ctx.mark_non_differentiable(output[0])
    ctx.settings = inputs[_N_TENSOR:]
    ctx.save_for_backward(*inputs[:_N_TENSOR], *output[:3])


def _differentiate(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
    """Return the gradient of each argument."""
    saved = ctx.saved_tensors
    needed = dict(zip(_NAMES, ctx.needs_input_grad, strict=True))
    result: list[Tensor | None] = [None] * len(_NAMES)
    of_time, of_membrane = gradients[0] if ctx.fires else None, gradients[3]
    if of_time is None and of_membrane is None:
        return tuple(result)
    found = _events_backward(
        *saved[:_N_TENSOR], *ctx.settings, *saved[_N_TENSOR:], of_time, of_membrane, needed["event_time"]
    )
    for name, gradient in zip(_DIFFERENTIABLE, found, strict=True):
        if needed[name]:
            result[_NAMES.index(name)] = gradient
    return tuple(result)


exact_events.register_autograd(_differentiate, setup_context=_set_up)
refuse_second_derivative(_events_backward, "the adjoint has no adjoint of its own")
