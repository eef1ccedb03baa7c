"""From distances to the threshold to spikes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bss2sim.errors import choose

from .superspike import superspike_func

METHODS = ("superspike",)


def check_method(method: Any) -> Any:
    """Return the name of a gradient estimator; ParameterError if it does not exist."""
    return choose("method", method, METHODS)


def threshold(input: Tensor, method: str, alpha: float) -> Tensor:
    """Return spikes where distances to the threshold are above 0.

    Parameters
    ----------
    input : Tensor
        Membrane minus threshold [any unit].
    method : {"superspike"}
        What takes the place of the derivative.
    alpha : float
        Its steepness [1/unit of input].

    Returns
    -------
    Tensor
        0 and 1.

    Raises
    ------
    ParameterError
        If the method does not exist.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.functional import threshold
    >>> threshold(torch.tensor([-1.0, 1.0]), "superspike", 50.0)
    tensor([0., 1.])
    """
    check_method(method)
    return superspike_func(input, alpha)
