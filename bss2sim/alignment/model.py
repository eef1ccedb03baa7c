"""What the model does in the runs of alignment: rest, threshold, and the effect of a weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..errors import ParameterError
from ..neuron import IAFNeuron, LINeuron, Population
from ..recording import Recording
from ..simulate import simulate
from ..synapse import Synapse
from .bench import DT, N_TIME, SETTLED, SPIKE_ROW

UNREACHABLE = 1e30  # threshold of a model that must not fire


def model_value(neurons: Population, name: str) -> xr.DataArray:
    """Return a parameter of the model, dims (.., [neuron])."""
    return neurons._parameters[name][0].drop_vars("neuron", errors="ignore")


def model_rest(neurons: Population) -> xr.DataArray:
    """Return where membranes of the model are without input, dims (.., [neuron])."""
    return model_value(neurons, "leak" if neurons.leaks else "reset")


def model_height(neurons: Population) -> xr.DataArray:
    """Return threshold less rest of the model, dims (.., [neuron]); ParameterError if it is not above 0."""
    height = model_value(neurons, "threshold") - model_rest(neurons)
    if not (height > 0).all():
        rest = "leak" if neurons.leaks else "reset"
        raise ParameterError(
            f"threshold of the model must be above its {rest}, to tell how long its unit is on the chip; threshold - {rest} is "
            f"{float(height.min())}"
        )
    return height


def amplitude(membrane: xr.DataArray, plateau: bool, falls: xr.DataArray | bool) -> xr.DataArray:
    """Return what single spikes do to membranes (.., time, neuron) at rest 0: plateau at the end, or largest or lowest value."""
    if plateau:
        return membrane.isel(time=SETTLED).mean("time", dtype=np.float64)
    return xr.where(falls, membrane.min("time"), membrane.max("time"))


def slope_through_zero(amplitudes: xr.DataArray, weight: xr.DataArray) -> xr.DataArray:
    """Return the slope of straight lines through 0, by least squares along the dim of `weight`."""
    dim = str(weight.dims[0])
    return (amplitudes * weight).sum(dim) / float((weight**2).sum())


def model_slope(neurons: Population) -> xr.DataArray:
    """Return what a weight of 1 adds to membranes of the model, dims (.., neuron), by runs with weights -1 to 1."""

    def of_model(name: str) -> Any:
        value = getattr(neurons, name)
        return getattr(value, "model", value)

    times = {name: of_model(name) for name in ("tau_mem", "tau_syn")}
    model: Population
    if neurons.leaks:
        model = LINeuron(neurons.size, leak=of_model("leak"), **times)
    else:
        model = IAFNeuron(neurons.size, reset=of_model("reset"), threshold=UNREACHABLE, **times)
    weight = xr.DataArray(np.arange(-10, 11) / 10, dims="batch")
    inputs = np.zeros((N_TIME, weight.size, 1))
    inputs[SPIKE_ROW, :, 0] = weight
    synapse = Synapse(np.ones((1, neurons.size)))
    run = simulate(model, inputs, synapse=synapse, dt=DT, record=Recording(None, membrane=True))
    trace = run.membrane.drop_vars("neuron") - model_rest(neurons)
    return slope_through_zero(amplitude(trace, not neurons.leaks, weight < 0), weight)
