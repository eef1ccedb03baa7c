"""What the columns of theta set: parameters of the neurons, and the gain of the synapses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from ..errors import InputError, ParameterError, suggestion
from ..neuron import Population
from ..synapse import Synapse

DRAW = "draw"  # the dim of the rows
GAIN = "gain"


def check_parameters(neurons: Any, parameters: Any, synapse: Any, chip: Any, calibration: Any) -> list[str]:
    """Return the names of the parameters, each of which can be set and makes a difference."""
    if not isinstance(neurons, Population):
        raise ParameterError(f"neurons must be an IAFNeuron, LIFNeuron or LINeuron; got {type(neurons).__name__}")
    known = [*(name for name in neurons._names if name != "spike_mask"), GAIN]
    if isinstance(parameters, str) or not isinstance(parameters, Sequence) or not parameters:
        raise ParameterError(f"parameters must be a list of names, e.g. ['threshold', 'gain']; got {parameters!r}")
    for name in parameters:
        if name not in known:
            raise ParameterError(f"there is no parameter {name!r} to set{suggestion(str(name), known)}")
        if list(parameters).count(name) > 1:
            raise ParameterError(f"parameters has {name!r} more than once")
        if name == GAIN:
            if not isinstance(synapse, Synapse):
                raise ParameterError("'gain' is a factor on weights; give synapse=Synapse(weight)")
        elif chip is not None and calibration is not None:
            raise ParameterError(
                f"calibration= says what the chip is configured with, so {name!r} would have no effect; leave calibration out, and "
                "each row is calibrated"
            )
        elif isinstance(getattr(neurons, name), bool) or not isinstance(getattr(neurons, name), float):
            raise ParameterError(
                f"{name!r} is set to one number for all neurons; give the neurons one number of it, too"
            )
    for what, dims in (
        ("neurons", {dim for _, values in neurons._values() for dim in values.dims}),
        ("synapse", getattr(getattr(synapse, "_weight", None), "dims", ())),
    ):
        if DRAW in dims:
            raise InputError(f"{what} has a dim {DRAW!r}, which is that of the rows of theta; rename it")
    return list(parameters)


def scaled(synapse: Synapse, gain: xr.DataArray) -> Synapse:
    """Return synapses with weights of every row."""
    weight = synapse._weight
    dense = weight if isinstance(weight, xr.DataArray) else xr.DataArray(weight.toarray(), dims=("input", "neuron"))
    return Synapse((gain * dense).astype(dense.dtype), transform=synapse.transform)
