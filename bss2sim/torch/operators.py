"""The operators behind the functionals: what PyTorch's dispatcher, compiler and autograd see of the kernels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bss2sim.errors import Bss2SimError, InputError
from bss2sim.parameter_values import check_range
from bss2sim.superspike_coefficients import WorkedOut, work_out_once
from bss2sim.superspike_run import INTERVAL, WEIGHTED_INTERVAL, gradient_of_spikes, run_backward, run_forward
from bss2sim.superspike_training import Kept, Rows, Spikes, Training

from .arguments import check_holdoff, is_alone
from .team import on_threads_of_torch

# What the kernels read. Parameters are float64, () or (neuron,); without threshold the neurons never fire, with leak they leak.
_GIVEN = (
    "Tensor? inputs, Tensor? weight, Tensor? event_step, Tensor? event_source, Tensor? event_pointer, "
    "Tensor tau_mem, Tensor tau_syn, Tensor? threshold, Tensor? reset, Tensor? leak, Tensor? refractory_time, "
    "Tensor? holdoff_time, Tensor? measured_spikes, Tensor? measured_membrane"
)
_SETTINGS = "int n_time, int n_neuron, float dt, float alpha, int checkpoint"
_DIFFERENTIABLE = ("inputs", "weight", "tau_mem", "tau_syn", "threshold", "reset", "leak")
_KEPT = ("kept_membrane", "kept_current", "kept_busy", "kept_spikes")
_NAMES = tuple(part.split()[-1] for part in _GIVEN.split(","))
_PARAMETERS = _NAMES[5:12]


# Parameters, float64 by name, and what followed from them.
Ready = tuple[dict[str, np.ndarray], WorkedOut]


def _numbers(tensor: Tensor) -> np.ndarray:
    """View a tensor as an array."""
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def _rows(tensor: Tensor | None) -> Rows | None:
    """View a tensor (time, trial, neuron) as flat rows of time; it is copied if trials and neurons are not contiguous."""
    if tensor is None:
        return None
    n_time, n_batch, n_neuron = tensor.shape
    stride, of_trial, of_neuron = tensor.stride()
    if not ((n_neuron < 2 or of_neuron == 1) and (n_batch < 2 or of_trial == n_neuron)):
        tensor = tensor.contiguous()
        stride = tensor.stride(0)
    size = (n_time - 1) * stride + n_batch * n_neuron if tensor.numel() else 0
    return Rows(tensor.detach().as_strided((size,), (1,)).numpy(), stride)


def _interval(given: dict[str, Any]) -> int:
    """Steps between kept states."""
    return given["checkpoint"] or (INTERVAL if given["weight"] is None else WEIGHTED_INTERVAL)


def _training(given: dict[str, Any], ready: Ready | None = None) -> Training:
    """Gather a run from the arguments of an operator; refuse values out of range.

    `ready`: what came of the parameters on the way forth.
    """
    inputs, weight = given["inputs"], given["weight"]
    n_time, n_neuron, dt = given["n_time"], given["n_neuron"], given["dt"]
    parameters = ready[0] if ready else {name: _numbers(given[name]) for name in _PARAMETERS if given[name] is not None}

    def check() -> None:
        for name, array in parameters.items():
            check_range(name, name, array, ("neuron",)[: array.ndim])
        if "holdoff_time" in parameters:
            check_holdoff(parameters["holdoff_time"], parameters["refractory_time"])

    spikes = jumps = None
    if weight is not None:
        values = weight.detach().contiguous().numpy()
        n_input = values.shape[0]
        if inputs is not None:
            n_batch = inputs.shape[1]
            spikes = Spikes(n_input, values, dense=inputs[:n_time].detach().contiguous().numpy().reshape(-1))
        else:
            events = [given[name].numpy() for name in ("event_step", "event_source", "event_pointer")]
            n_batch = events[2].size - 1
            spikes = Spikes(n_input, values, None, *events)
        dtype = values.dtype
    elif inputs is not None:
        jumps, n_batch, dtype = _rows(inputs), inputs.shape[1], inputs.detach().numpy().dtype
    else:  # on the way back the current stands for the jumps
        n_batch, dtype = given["current"].shape[1], given["current"].detach().numpy().dtype
    return Training(
        n_time, n_batch, n_neuron, dtype, dt, given["alpha"], _interval(given), parameters,
        ready[1] if ready else work_out_once(parameters, n_neuron, dt, dtype, check), jumps=jumps, spikes=spikes,
        measured_spikes=_rows(given["measured_spikes"]), measured_membrane=_rows(given["measured_membrane"]),
    )  # fmt: skip


def _refuse_not_finite(name: str, values: Tensor) -> None:
    """Refuse data (time, batch, neuron) with a number that is NaN or infinite: the last step alone would show in the state."""
    if bool(values.sum().isfinite()):  # faster than to look at each, of which one must be so if this is not
        return
    wrong = values.isfinite().logical_not().nonzero()
    if len(wrong):
        t, b, n = wrong[0].tolist()
        raise InputError(f"{name} must be finite; time step {t}, batch {b}, neuron {n} is {values[t, b, n].item()}")


def _forward(*arguments: Any) -> tuple[Tensor, ...]:
    """Take the steps; what is not wanted is empty."""
    return _take(arguments)[0]


def _take(arguments: tuple[Any, ...]) -> tuple[tuple[Tensor, ...], Ready]:
    """Take the steps; return what the operator does, and what came of the parameters."""
    given = dict(zip((*_NAMES, "n_time", "n_neuron", "dt", "alpha", "checkpoint", "keep"), arguments, strict=True))
    run = _training(given)
    if given["measured_spikes"] is not None:
        values = given["measured_spikes"][: run.n_time]
        wrong = values[(values != 0) & (values != 1)]
        if len(wrong):
            raise InputError(f"measured_spikes must be 0 or 1; got {wrong[0].item()}")
    if given["measured_membrane"] is not None:
        _refuse_not_finite("measured_membrane", given["measured_membrane"][: run.n_time])
    with on_threads_of_torch():
        spikes, membrane, current, kept = run_forward(run, given["keep"])
    arrays = spikes, membrane, current, kept.membrane, kept.current, kept.busy, kept.marked.view(np.int64)
    # Copies, so that what is kept fits together whatever happens to the tensors.
    ready = {name: array.copy() for name, array in run.parameters.items()}, run.worked_out
    return tuple(map(torch.from_numpy, arrays)), ready


def _forward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    """Shapes and dtypes of what :func:`_forward` returns."""
    given = dict(zip((*_NAMES, "n_time", "n_neuron", "dt", "alpha", "checkpoint", "keep"), arguments, strict=True))
    like = given["weight"] if given["inputs"] is None else given["inputs"]
    n_batch = given["event_pointer"].shape[0] - 1 if given["inputs"] is None else given["inputs"].shape[1]
    interval, keep, fires = _interval(given), given["keep"], given["threshold"] is not None
    shape = (given["n_time"], n_batch, given["n_neuron"])
    kept = ((given["n_time"] + interval - 1) // interval, n_batch, given["n_neuron"])
    counter = torch.int32 if like.dtype == torch.float32 else torch.int64
    marked = 0
    if given["weight"] is not None and given["inputs"] is not None:
        marked = given["n_time"] * n_batch * ((given["weight"].shape[0] + 63) // 64) + 1
    return (
        like.new_empty(shape if fires else (0,)), like.new_empty(shape), like.new_empty(shape),
        like.new_empty(kept if keep != "nothing" else (0,)), like.new_empty(kept if keep == "current" else (0,)),
        like.new_empty(kept if keep != "nothing" and fires else (0,), dtype=counter),
        like.new_empty((marked if keep != "nothing" else 0,), dtype=torch.int64),
    )  # fmt: skip


def _backward(*arguments: Any) -> tuple[Tensor, ...]:
    """Return the gradients of inputs, weight and parameters; what is not wanted is empty."""
    found = _go_back(arguments, None)
    current, weight = (arguments[_BACKWARD_NAMES.index(name)] for name in ("current", "weight"))
    dtypes = [(current if weight is None else weight).dtype] * 2 + [torch.float64] * 5
    return tuple(torch.empty(0, dtype=d) if one is None else one for one, d in zip(found, dtypes, strict=True))


def _go_back(arguments: tuple[Any, ...], ready: Ready | None) -> tuple[Tensor | None, ...]:
    """Return the gradients that are wanted; `ready` as for :func:`_training`."""
    given = dict(zip(_BACKWARD_NAMES, arguments, strict=True))
    if given["kept_membrane"].dim() != 3:
        raise Bss2SimError(
            "this run kept nothing for its gradients, as its inputs did not ask for any: transforms of torch.func "
            "(vmap) hide that; loop instead, or use the batch axis"
        )
    run = _training(given, ready)
    membrane, current, busy, marked = (given[name].numpy() for name in _KEPT)
    kept = Kept(membrane, current, busy, marked.view(np.uint64))
    known = None if given["current"] is None else given["current"].detach().numpy()
    of_inputs, of_weight, of_parameters = given["of_inputs"], given["of_weight"], given["of_parameters"]
    with on_threads_of_torch():
        found = run_backward(
            run, kept, known, tuple(_rows(given[name]) for name in ("of_spikes", "of_membrane", "of_current")),  # type: ignore[arg-type]  # three
            of_inputs, of_weight, of_parameters,
        )  # fmt: skip
        inputs = found.jumps
        if of_inputs and given["weight"] is not None:
            assert inputs is not None and run.spikes is not None
            inputs = gradient_of_spikes(inputs, run.spikes.weight)
    if inputs is not None and inputs.shape[0] < given["n_given"]:  # measured data ended before
        whole = np.zeros((given["n_given"], *inputs.shape[1:]), inputs.dtype)
        whole[: inputs.shape[0]] = inputs
        inputs = whole
    parameters = (found.parameters.get(name) for name in _DIFFERENTIABLE[2:])
    arrays = inputs, found.weight, *parameters
    return tuple(None if array is None else torch.from_numpy(np.asarray(array)) for array in arrays)


def _backward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    """Shapes and dtypes of what :func:`_backward` returns."""
    given = dict(zip(_BACKWARD_NAMES, arguments, strict=True))
    weight, current = given["weight"], given["current"]
    like = current if weight is None else weight
    shapes = [(0,), weight.shape if given["of_weight"] else (0,)]
    if given["of_inputs"]:
        shapes[0] = (given["n_given"], *(current.shape[1:] if weight is None else given["inputs"].shape[1:]))
    for name in _DIFFERENTIABLE[2:]:
        shapes.append(given[name].shape if given["of_parameters"] and given[name] is not None else (0,))
    dtypes = [like.dtype] * 2 + [torch.float64] * 5
    return tuple(like.new_empty(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True))


_BACKWARD_SCHEMA = (
    f"({_GIVEN}, {_SETTINGS}, int n_given, Tensor? current, Tensor {', Tensor '.join(_KEPT)}, "
    "Tensor? of_spikes, Tensor? of_membrane, Tensor? of_current, bool of_inputs, bool of_weight, bool of_parameters)"
)
_BACKWARD_NAMES = tuple(part.split()[-1] for part in _BACKWARD_SCHEMA.strip("()").split(","))

steps = torch.library.custom_op(
    "bss2sim::euler_steps", _forward, mutates_args=(), device_types="cpu",
    schema=f"({_GIVEN}, {_SETTINGS}, str keep) -> ({', '.join(['Tensor'] * 7)})",
)  # fmt: skip
steps.register_fake(_forward_fake)
_steps_backward = torch.library.custom_op(
    "bss2sim::euler_steps_backward", _backward, mutates_args=(), device_types="cpu",
    schema=f"{_BACKWARD_SCHEMA} -> ({', '.join(['Tensor'] * len(_DIFFERENTIABLE))})",
)  # fmt: skip
_steps_backward.register_fake(_backward_fake)


def _set_up(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    """Keep what the way back reads: the current of the run, or, with the current kept at intervals, its inputs alone."""
    tensors, settings, keep = inputs[: len(_NAMES)], inputs[len(_NAMES) : -1], inputs[-1]
    spikes, _, current, *kept = output
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*kept)
    ctx.fires = tensors[_NAMES.index("threshold")] is not None
    if not ctx.fires:
        ctx.mark_non_differentiable(spikes)
    jumps = tensors[0] if tensors[1] is None else None
    ctx.settings = (*settings, 0 if tensors[0] is None else tensors[0].shape[0])
    # Jumps can be forgotten: the current stands for them.
    ctx.save_for_backward(
        None if jumps is not None else tensors[0], *tensors[1:],
        current if keep == "state" else None, *kept,
    )  # fmt: skip


def _differentiate(ctx: Any, *gradients: Tensor | None, way_back: Any = None) -> tuple[Tensor | None, ...]:
    """Return the gradient of each argument; `way_back` is the operator, or the function behind it."""
    saved = ctx.saved_tensors
    needed = dict(zip(_NAMES, ctx.needs_input_grad, strict=False))
    given = [None if g is None or (not ctx.fires and k == 0) else g for k, g in enumerate(gradients[:3])]
    result: list[Tensor | None] = [None] * (len(_NAMES) + len(ctx.settings))
    if all(gradient is None for gradient in given):
        return tuple(result)
    of_parameters = any(needed[name] for name in _DIFFERENTIABLE[2:])
    found = (way_back or _steps_backward)(
        *saved[: len(_NAMES)], *ctx.settings, *saved[len(_NAMES) :], *given,
        needed["inputs"], needed["weight"], of_parameters,
    )  # fmt: skip
    for name, gradient in zip(_DIFFERENTIABLE, found, strict=True):
        if needed[name]:
            result[_NAMES.index(name)] = gradient
    return tuple(result)


def refuse_second_derivative(way_back: Any, reason: str) -> None:
    """Let an operator that gives gradients say that it has none itself, and why."""

    def refuse(ctx: Any, *gradients: Tensor | None) -> None:
        raise Bss2SimError(
            f"the gradients of bss2sim.torch cannot be differentiated again: {reason}; "
            "call backward() or torch.autograd.grad() without create_graph=True"
        )

    def set_up(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Keep nothing."""

    way_back.register_autograd(refuse, setup_context=set_up)


steps.register_autograd(_differentiate, setup_context=_set_up)


class _Steps(torch.autograd.Function):
    """:data:`steps` with its gradients, without the dispatcher."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:
        """Take the steps."""
        found, ctx.ready = _take(arguments)
        _set_up(ctx, arguments, found)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradient of each argument."""
        # With gradients on, they are to be differentiated again: the operator says that there is nothing to differentiate.
        seen = torch.is_grad_enabled() or _is_watched(gradients)
        way_back = _steps_backward if seen else lambda *arguments: _go_back(arguments, ctx.ready)
        return _differentiate(ctx, *gradients, way_back=way_back)


# What a tensor needs before its memory can be read (a sign that was put off, a batch of tensors in one).
_needs: Any = getattr(torch._C, "_dispatch_keys", lambda one: object())
_NOTHING = _needs(torch.empty(0))


def _is_watched(arguments: Iterable[Any]) -> bool:
    """Whether anybody wants to see operators: a compiler, a transform, a mode, or a tensor that is more than its memory."""
    return not is_alone() or any(
        type(one) not in (Tensor, torch.nn.Parameter) or _needs(one) != _NOTHING
        for one in arguments
        if isinstance(one, Tensor)
    )


def take_steps(*arguments: Any) -> tuple[Tensor, ...]:
    """Call :data:`steps`, the quick way if nobody watches."""
    run = steps if _is_watched(arguments) else _Steps.apply
    found: tuple[Tensor, ...] = run(*arguments)
    return found


refuse_second_derivative(_steps_backward, "a surrogate has no second derivative")
