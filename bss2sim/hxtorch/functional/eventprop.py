"""Gradients of spike times on the grid: the adjoint of the leaking neurons between their spikes, with jumps at them.

Source: T. Wunderlich, C. Pehle, *Event-based backpropagation can compute exact gradients for spiking neural networks*, Scientific
Reports 11 (2021), table 1, in Euler steps, with a clamp after each spike. The forward run is that of
:func:`cuba_refractory_lif_integration`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import InputError, ParameterError
from bss2sim.euler_coefficients import count_steps

from .lif import cuba_refractory_lif_integration

_PARAMETERS = ("leak", "reset", "threshold", "tau_syn", "tau_mem", "refractory_time", "holdoff_time")


def _held(spikes: Tensor, refractory_time: Any, holdoff_time: Any, dt: float) -> tuple[Tensor, Tensor]:
    """Return in which steps neurons are clamped, and in which they may not fire (time, batch, neuron)."""
    whole, last = (
        torch.as_tensor(count_steps(torch.as_tensor(time).detach().double().cpu().numpy(), dt), dtype=spikes.dtype)
        for time in (refractory_time, holdoff_time)
    )
    left = torch.zeros_like(spikes[0])
    clamped, waiting = torch.zeros_like(spikes, dtype=torch.bool), torch.zeros_like(spikes, dtype=torch.bool)
    for step in range(spikes.shape[0]):
        waiting[step], clamped[step] = left > 0, left > last
        left = torch.where(spikes[step] > 0, whole, (left - 1).clamp(min=0))
    return clamped, waiting


class EventPropNeuronFunction(torch.autograd.Function):
    """Leaking neurons whose gradients are those of spike times.

    ``apply(input, leak, reset, threshold, tau_syn, tau_mem, hw_data, dt, refractory_time, holdoff_time)`` returns spikes, membrane
    and current, each (time, batch, neuron); the last four arguments may be left out: None, 1 us, 0 and 0. `input` is that of
    :class:`EventPropSynapseFunction` (2, time, batch, neuron), or jumps (time, batch, neuron), whose gradient is that of their
    size. `hw_data` are measured (spikes, cadc), each may be None: they take the place of what the model computes, and the
    current is that of the model.

    Backwards, what arrives at a spike is ``-dL/dt``, the loss that an earlier spike would save [loss/s], as the synapses hand it
    on; gradients of membranes and currents are those of a loss on their values. A spike whose membrane would not rise at the
    threshold has no gradient. There is none of parameters: asking for one is an error.

    Raises
    ------
    InputError
        If `input` has other dims.
    ParameterError
        If a parameter is to get a gradient.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import EventPropNeuronFunction
    >>> jumps = torch.zeros(30, 1, 1)
    >>> jumps[0] = 6.0
    >>> spikes, membrane, current = EventPropNeuronFunction.apply(jumps.requires_grad_(), 0.0, 0.0, 1.0, 10e-6, 10e-6)
    >>> spikes.nonzero()[0]
    tensor([2, 0, 0])
    >>> spikes[2].backward(torch.ones(1, 1))         # by how much a larger jump makes the first spike come earlier [s]
    >>> print(f"{jumps.grad[0].item():.1e}")
    4.1e-07
    """

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        leak: Any,
        reset: Any,
        threshold: Any,
        tau_syn: Any,
        tau_mem: Any,
        hw_data: Any = None,
        dt: float = 1e-6,
        refractory_time: Any = 0.0,
        holdoff_time: Any = 0.0,
    ) -> Any:
        """Return spikes, membrane and current."""
        values = dict(
            zip(_PARAMETERS, (leak, reset, threshold, tau_syn, tau_mem, refractory_time, holdoff_time), strict=True)
        )
        needs = (*ctx.needs_input_grad[1:6], *ctx.needs_input_grad[8:10])
        trained = [name for name, need in zip(_PARAMETERS, needs, strict=False) if need]
        if trained:
            raise ParameterError(
                f"EventProp has gradients of inputs and weights, none of {', '.join(trained)}; train it with "
                f"method='superspike' of "
                "Neuron, or leave it as it is"
            )
        if input.dim() not in (3, 4) or (input.dim() == 4 and input.shape[0] != 2):
            raise InputError(
                f"input must be jumps (time, batch, neuron), or those of an EventPropSynapse (2, time, batch, neuron); got "
                f"{tuple(input.shape)}"
            )
        jumps = input[0] if input.dim() == 4 else input
        spikes, membrane, current, _ = cuba_refractory_lif_integration(
            jumps, **values, method="superspike", alpha=50.0, hw_data=hw_data, dt=dt
        )
        ctx.save_for_backward(spikes, membrane, current)
        ctx.values, ctx.dt, ctx.shape = values, dt, input.shape
        return spikes, membrane, current

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor, grad_membrane: Tensor, grad_current: Tensor) -> Any:
        """Return the gradient of the input."""
        spikes, membrane, current = ctx.saved_tensors
        p = {name: torch.as_tensor(value, dtype=current.dtype) for name, value in ctx.values.items()}
        k_mem, k_syn = ctx.dt / p["tau_mem"], ctx.dt / p["tau_syn"]
        clamped, waiting = _held(spikes, ctx.values["refractory_time"], ctx.values["holdoff_time"], ctx.dt)
        fired = spikes > 0
        # of the membrane and the current after a step; what a delay of the last spike changes, times tau_mem
        on_v, on_i, on_spike = (torch.zeros_like(current[0]) for _ in range(3))
        to_jumps, to_times = torch.zeros_like(current), torch.zeros_like(current)
        for t in range(current.shape[0] - 1, -1, -1):
            at_reset = fired[t] | clamped[t]
            on_spike = on_spike + torch.where(at_reset, on_v * (p["leak"] - p["reset"] + current[t]), 0.0)
            on_v = torch.where(at_reset, 0.0, on_v + grad_membrane[t])
            on_i = on_i + grad_current[t]
            to_jumps[t], to_times[t] = on_i, on_v / p["tau_mem"] - on_i / p["tau_syn"]
            if t == 0:
                break
            on_spike = on_spike + torch.where(fired[t], p["tau_mem"] * grad_spikes[t], 0.0)
            rise = p["leak"] - p["threshold"] + current[t - 1]
            # Above the threshold before already: it fired because its refractory time ended, as late as the spike before it.
            late = waiting[t - 1] & (membrane[t - 1] > p["threshold"])
            crossed = fired[t] & ~late
            by_crossing = torch.where(crossed & (rise > 0), on_spike / torch.where(rise > 0, rise, 1.0), 0.0)
            on_u = torch.where(crossed, by_crossing, on_v)
            on_spike = torch.where(crossed, 0.0, on_spike)
            on_i = (1 - k_syn) * on_i + k_mem * on_u
            on_v = (1 - k_mem) * on_u
        missing = ctx.shape[-3] - to_jumps.shape[0]  # steps beyond the measured data, which no output depends on
        parts = [torch.nn.functional.pad(part, (0, 0, 0, 0, 0, missing)) for part in (to_jumps, to_times)]
        return (torch.stack(parts) if len(ctx.shape) == 4 else parts[0], *[None] * 9)


class EventPropSynapseFunction(torch.autograd.Function):
    """Spikes through weights to :class:`EventPropNeuronFunction`.

    ``apply(input, weight)`` takes spikes (time, batch, input) and weights (neuron, input) and returns jumps (2, time, batch,
    neuron): the second ones are 0 and bring back, for each time, what an earlier spike would save.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import EventPropSynapseFunction
    >>> EventPropSynapseFunction.apply(torch.ones(5, 1, 2), torch.tensor([[1.0, 2.0]]))[:, 0, 0]
    tensor([[3.],
            [0.]])
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, _: Tensor | None = None) -> Tensor:
        """Return the jumps, and as many zeros."""
        ctx.save_for_backward(input, weight)
        jumps = torch.nn.functional.linear(input, weight)
        return torch.stack((jumps, torch.zeros_like(jumps)))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        """Return the gradients of spikes, which are those of their times, and of weights."""
        input, weight = ctx.saved_tensors
        to_jumps, to_times = grad_output
        return to_times @ weight, torch.einsum("tbn,tbi->ni", to_jumps, input.to(to_jumps.dtype)), None
