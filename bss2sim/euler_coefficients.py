"""What Euler steps of a population read: quotients of dt and time constants in the dtype of the run, steps of times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .errors import ParameterError
from .inputs import SNAP
from .plan import Plan

MOST_COUNTED = np.iinfo(np.int32).max  # steps that the kernels count


class EulerCoefficients(NamedTuple):
    """Arrays (parameter row, neuron) in the dtype of the run; None what the neurons do not have.

    Attributes
    ----------
    k_mem, k_syn, k_inh : array
        dt over the time constants of the membrane and the synaptic currents; if `decays`, the latter are 1 - dt/tau.
    decays : True or None
        Whether the current is multiplied by a factor.
    threshold, reset, leak : array or None
        Potentials.
    n_refractory, n_holdoff : array or None
        Steps, int32; `n_holdoff` is None if all are 0.
    mask : array or None
        0 where spikes are not recorded; None if all are.
    """

    k_mem: np.ndarray
    k_syn: np.ndarray
    k_inh: np.ndarray | None
    decays: bool | None
    threshold: np.ndarray | None
    reset: np.ndarray | None
    leak: np.ndarray | None
    n_refractory: np.ndarray | None
    n_holdoff: np.ndarray | None
    mask: np.ndarray | None


def count_steps(duration: np.ndarray, dt: float) -> np.ndarray:
    """Return how many steps a duration [s] takes, as float64: the nearest whole number within 1e-6 relative, else rounded up."""
    ratio = np.asarray(duration, np.float64) / dt
    nearest = np.rint(ratio)
    return np.where(np.abs(ratio - nearest) <= SNAP * nearest, nearest, np.ceil(ratio))


def _counter(steps: np.ndarray) -> np.ndarray:
    """Return steps as the kernel counts them; more than it can count are refused before it runs."""
    return np.minimum(steps, np.iinfo(np.int32).max).astype(np.int32)


def work_out(
    p: dict[str, np.ndarray], dt: float, f: np.dtype, leaks: bool, fires: bool
) -> tuple[EulerCoefficients, dict[str, float]]:
    """Return the coefficients of neurons that leak or fire, and the most steps a neuron has of each duration, by its name.

    `p` are the parameters, arrays (row, neuron) in float64; `dt` is in s, `f` the dtype of the run.
    """
    # The reference's roundings: quotients in float64, then the dtype of the run; in its LIF the factor 1 - dt/tau.
    decays = True if leaks and fires else None

    def synaptic(tau: np.ndarray) -> np.ndarray:
        return ((1 - dt / tau) if decays else dt / tau).astype(f)

    k_mem, k_syn = (dt / p["tau_mem"]).astype(f), synaptic(p["tau_syn"])
    k_inh = synaptic(p["tau_inh"]) if "tau_inh" in p else None
    leak = p["leak"].astype(f) if leaks else None
    if not fires:
        return EulerCoefficients(k_mem, k_syn, k_inh, decays, None, None, leak, None, None, None), {}
    refractory, holdoff = (count_steps(p[name], dt) for name in ("refractory_time", "holdoff_time"))
    coefficients = EulerCoefficients(
        k_mem, k_syn, k_inh, decays, p["threshold"].astype(f), p["reset"].astype(f), leak,
        _counter(refractory), _counter(holdoff) if holdoff.any() else None,
        None if p["spike_mask"].all() else p["spike_mask"],
    )  # fmt: skip
    most = {"refractory_time": float(refractory.max(initial=0)), "holdoff_time": float(holdoff.max(initial=0))}
    return coefficients, most


def euler_coefficients(plan: Plan) -> EulerCoefficients:
    """Return the coefficients of a run: those of an earlier one with the same population, dt and dtype if there was one.

    Raises
    ------
    ParameterError
        If the counter of refractory steps could not hold a duration after all the steps of the run.
    """
    coefficients: EulerCoefficients
    coefficients, most = plan.kept.get(("euler", plan.dt, plan.dtype.char), lambda: work_out(
        plan.parameters, plan.dt, plan.dtype, plan.neurons.leaks, plan.neurons.fires))  # fmt: skip
    refuse_long(most, plan.dt, plan.n_time)
    return coefficients


def refuse_long(most: dict[str, float], dt: float, n_time: int) -> None:
    """Raise ParameterError if the counter of refractory steps could not hold a duration after `n_time` steps."""
    limit = MOST_COUNTED - n_time
    for name, steps in most.items():
        if steps >= limit:
            raise ParameterError(f"{name} is {steps:.10g} steps of dt = {dt} s; fewer than {limit} are possible")
