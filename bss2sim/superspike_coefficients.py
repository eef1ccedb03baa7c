"""What the kernels of training read of the parameters, worked out once for the way forth and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .euler_coefficients import work_out
from .kept import Kept


class WorkedOut(NamedTuple):
    """What follows from parameters: coefficients in the order of the kernels, the most steps of each duration by its name."""

    constants: tuple[np.ndarray | bool | None, ...]
    most: dict[str, float]


_worked_out = Kept(16)  # the way back finds what the way forth worked out, that of a few layers
_MOST_NEURONS = 4096  # whose coefficients are kept


def work_out_once(
    parameters: dict[str, np.ndarray], n_neuron: int, dt: float, dtype: np.dtype, check: Callable[[], None]
) -> WorkedOut:
    """Return what follows from float64 parameters, () or (neuron,); `check` refuses them if they are out of range."""

    def row(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else np.ascontiguousarray(array).reshape(-1)

    def make() -> WorkedOut:
        check()
        p = {name: np.broadcast_to(value, (1, n_neuron)) for name, value in parameters.items()}
        p["spike_mask"] = np.ones((1, n_neuron), bool)
        c, most = work_out(p, dt, dtype, "leak" in p, "threshold" in p)
        return WorkedOut(
            (row(c.k_mem), row(c.k_syn), c.decays, row(c.threshold), row(c.reset), row(c.leak),
             row(c.n_refractory), row(c.n_holdoff)), most,
        )  # fmt: skip

    if n_neuron > _MOST_NEURONS:
        return make()
    values = tuple((name, value.shape, value.tobytes()) for name, value in parameters.items())
    found: WorkedOut = _worked_out.get((values, n_neuron, dt, dtype.char), make)
    return found
