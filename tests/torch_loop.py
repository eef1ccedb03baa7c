"""The reference's Euler steps as a plain PyTorch loop, for its automatic differentiation. Imports nothing from bss2sim."""

import torch


class SuperSpike(torch.autograd.Function):
    """1 where the argument is above 0, with the surrogate gradient of slope 1 / (alpha |x| + 1)^2."""

    @staticmethod
    def forward(ctx, distance, alpha):
        ctx.save_for_backward(distance)
        ctx.alpha = alpha
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (distance,) = ctx.saved_tensors
        return gradient / (ctx.alpha * distance.abs() + 1) ** 2, None


def loop(
    jumps, *, tau_mem, tau_syn, threshold=None, reset=None, leak=None, n_refractory=0, n_holdoff=0, dt=1e-6, alpha=50.0,
):  # fmt: skip
    """Return spikes, membrane and current, (time, batch, neuron). Without `threshold` the neurons never fire."""
    shape = jumps.shape[1:]
    membrane = (reset if leak is None else leak) * torch.ones(shape, dtype=jumps.dtype)
    current = torch.zeros(shape, dtype=jumps.dtype)
    left = torch.zeros(shape, dtype=jumps.dtype)
    spikes, membranes, currents = [], [], []
    for jump in jumps:
        drive = current if leak is None else leak - membrane + current
        membrane = membrane + dt / tau_mem * drive
        current = current * (1 - dt / tau_syn) + jump
        if threshold is None:
            spike = torch.zeros_like(membrane)
        else:
            busy, clamped = (left > 0).to(jumps.dtype), (left > n_holdoff).to(jumps.dtype)
            spike = SuperSpike.apply(membrane - threshold, alpha) * (1 - busy)
            fired = spike.detach()
            cut = torch.maximum(fired, clamped)
            membrane = (1 - cut) * membrane + cut * reset
            left = fired * n_refractory + (1 - fired) * torch.relu(left - 1)
        spikes.append(spike)
        membranes.append(membrane)
        currents.append(current)
    return torch.stack(spikes), torch.stack(membranes), torch.stack(currents)
