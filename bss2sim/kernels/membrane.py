"""The membrane rules: one step of one neuron, written once for every loop and target.

Symbols: `membrane` v and potentials in any one unit (CADC LSB or dimensionless), synaptic currents in the
same unit, k = dt / tau without unit, steps counted from the start of the run. A rule holds no float literal,
so float32 stays float32, and no branch (`&`, `|` and ``select`` instead), so that it takes lanes as well as numbers.
"""

from __future__ import annotations

from .jit import rule
from .lanes import select


@rule
def euler_membrane(membrane, current, k_mem):
    """Free membrane after one Euler step: v + (dt/tau_mem) i."""
    return membrane + k_mem * current


@rule
def euler_leaky_membrane(membrane, current, k_mem, leak):
    """Free leaking membrane after one Euler step: v + (dt/tau_mem) (leak - v + i)."""
    return membrane + k_mem * (leak - membrane + current)


@rule
def euler_current(current, k_syn, jump):
    """Synaptic current after one Euler step: i - (dt/tau_syn) i + jump."""
    return current - k_syn * current + jump


@rule
def euler_decayed_current(current, decay, jump):
    """Synaptic current after one Euler step: i (1 - dt/tau_syn) + jump, the reference's order in its LIF."""
    return current * decay + jump


@rule
def euler_fired(membrane, threshold, step, busy_until):
    """Whether the neuron fires: v > threshold (strictly) in a step after `busy_until`."""
    return (membrane > threshold) & (busy_until < step)


@rule
def euler_reset(membrane, reset, step, busy_until, n_refractory, fired):
    """Reset and clamp without holdoff: after a spike for the next `n_refractory` steps.

    Returns (membrane, busy_until, clamped); a neuron that fires is clamped in that step.
    """
    clamped = fired | (busy_until >= step)
    return select(clamped, reset, membrane), select(fired, step + n_refractory, busy_until), clamped


@rule
def euler_reset_holdoff(membrane, reset, step, busy_until, n_refractory, n_holdoff, fired):
    """Reset and clamp; in the last `n_holdoff` busy steps the membrane is free."""
    clamped = fired | (busy_until - n_holdoff >= step)
    return select(clamped, reset, membrane), select(fired, step + n_refractory, busy_until), clamped


@rule
def euler_fire(membrane, threshold, reset, step, busy_until, n_refractory):
    """Fire, reset and clamp without holdoff. Returns (membrane, busy_until, fired)."""
    fired = euler_fired(membrane, threshold, step, busy_until)
    membrane, busy_until, _ = euler_reset(membrane, reset, step, busy_until, n_refractory, fired)
    return membrane, busy_until, fired


@rule
def euler_fire_holdoff(membrane, threshold, reset, step, busy_until, n_refractory, n_holdoff):
    """Fire, reset and clamp; in the last `n_holdoff` busy steps the membrane is free but cannot fire."""
    fired = euler_fired(membrane, threshold, step, busy_until)
    membrane, busy_until, _ = euler_reset_holdoff(
        membrane, reset, step, busy_until, n_refractory, n_holdoff, fired)  # fmt: skip
    return membrane, busy_until, fired


@rule
def superspike(membrane, threshold, alpha, one, zero):
    """Surrogate of the derivative of the spike: 1 / (alpha |v - threshold| + 1)^2, alpha in 1/(unit of the membrane)."""
    distance = membrane - threshold
    root = alpha * select(distance < zero, zero - distance, distance) + one
    return one / (root * root)


@rule
def exact_membrane(membrane, current, gain):
    """Membrane after an interval: v + g i, without leak g = (tau_syn/tau_mem) (1 - exp(-s/tau_syn))."""
    return membrane + gain * current


@rule
def exact_leaky_membrane(membrane, before, leak, loss):
    """Membrane after an interval with the leak taken off: v - (v_before - leak) (1 - exp(-s/tau_mem))."""
    return membrane - (before - leak) * loss


@rule
def exact_asymptote(asymptote, jump, scale):
    """What v tends to once a jump of the current is added, without leak: a + (tau_syn/tau_mem) x."""
    return asymptote + scale * jump


@rule
def exact_bound(membrane, push, chord):
    """Bound of v in an interval: v + (s/tau_mem) push, `push` at least what pulls the membrane up at any time in it."""
    return membrane + chord * push


@rule
def upwards(push, zero):
    """The push if it pulls the membrane up, else zero."""
    return select(zero > push, zero, push)
