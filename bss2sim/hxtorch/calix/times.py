"""Times with a unit: arrays of microseconds, as calix has them, that know it."""

from __future__ import annotations

from typing import Any

import numpy as np

from bss2sim.errors import ParameterError, choose

_IN_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}


class Microseconds(np.ndarray):
    """An array of times [us], as the package ``quantities`` would have it.

    Attributes
    ----------
    units : str
        ``"us"``.
    magnitude : array
        The numbers without the unit.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hxtorch.calix.times import Microseconds
    >>> times = np.full(2, 6.0).view(Microseconds)
    >>> times.rescale("s")
    array([6.e-06, 6.e-06])
    """

    units = "us"

    @property
    def magnitude(self) -> np.ndarray:
        """The numbers without the unit."""
        return self.view(np.ndarray)

    def rescale(self, units: Any) -> np.ndarray:
        """Return the numbers in another unit: s, ms, us or ns, or that of ``quantities``.

        Raises
        ------
        ParameterError
            If the unit is another one.
        """
        name = choose("units", getattr(units, "symbol", units), _IN_MICROSECONDS)
        return self.magnitude / _IN_MICROSECONDS[name]


def in_seconds(name: str, value: Any) -> Any:
    """Return times as plain numbers [s]: those with a unit are rescaled, plain ones are s.

    Parameters
    ----------
    name : str
        What messages call it.
    value : number, array, or anything with ``rescale``
        Times.

    Returns
    -------
    float or array

    Raises
    ------
    ParameterError
        If it is no number.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hxtorch.calix.times import Microseconds, in_seconds
    >>> in_seconds("tau_mem", np.array(6.0).view(Microseconds)), in_seconds("tau_mem", 6e-6)
    (6e-06, 6e-06)
    """
    plain = value.rescale("s") if hasattr(value, "rescale") else value
    array = np.asarray(plain)
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{name} must be times in s, or with a unit; got {value!r}")
    return array.item() if array.ndim == 0 else np.array(array, np.float64)
