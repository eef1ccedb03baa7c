"""Coefficients of a step: constants of each neuron, computed once per run."""

from __future__ import annotations

from .elementary import decay, leaky_gain
from .jit import kernel


@kernel
def fill_grid_coefficients(dt, tau_mem, tau_syn, gain, kept, loss):
    """Gain, kept part of the current and loss over dt [s], arrays (row, neuron), for one synaptic current.

    `kept` = exp(-dt/tau_syn). `gain` is what the membrane rises per unit of current: with leak see
    ``elementary.leaky_gain``, without (`loss` None) (tau_syn/tau_mem) (1 - exp(-dt/tau_syn)).
    """
    for row in range(tau_mem.shape[0]):
        for n in range(tau_mem.shape[1]):
            mem, syn = tau_mem[row, n], tau_syn[row, n]
            kept[row, n], lost = decay(dt / syn)
            if loss is not None:
                gain[row, n] = leaky_gain(dt, mem, syn)
                loss[row, n] = decay(dt / mem)[1]
            else:
                gain[row, n] = syn / mem * lost
