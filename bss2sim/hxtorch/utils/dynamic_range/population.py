"""The population that the utilities measure."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from bss2sim.calibration.result import load_calibration
from bss2sim.errors import ParameterError, suggestion
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON
from bss2sim.hardware.morphology import SingleCompartmentNeuron
from bss2sim.neuron import LIFNeuron
from bss2sim.parameter_pair import Parameter

from ...connection import connected
from ...modules.neuron import Neuron
from ...modules.types import as_hx_parameter

OF_CHIP = ("i_synin_gm", "membrane_capacitance", "synapse_dac_bias")
NAMES = ("leak", "reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time", *OF_CHIP)
N_TRIAL = 20


def _number(value: Any) -> Any:
    """Return a tensor as a number or an array."""
    if not isinstance(value, Tensor):
        return value
    array = value.detach().cpu().double().numpy()
    return array.item() if array.size == 1 else array


def measured_population(params: dict[str, Any], neuron_structure: Any) -> LIFNeuron:
    """Return leaking neurons on as many circuits of the chip as there are, with the values of parameters.

    Leak and reset that are not given are 0 in the model if its threshold is another number than that of the chip.

    Raises
    ------
    ParameterError
        If a parameter does not exist, or a structure is none.
    """
    if not isinstance(neuron_structure, SingleCompartmentNeuron):
        raise ParameterError(f"neuron_structure must be a SingleCompartmentNeuron; got {neuron_structure!r}")
    size = N_ATOMIC_NEURON // (2 * neuron_structure.size if neuron_structure.size > 1 else 1)
    values: dict[str, Any] = {}
    for name, given in params.items():
        if name not in NAMES:
            raise ParameterError(f"params has {name!r}, which is no parameter of neurons{suggestion(name, NAMES)}")
        one = as_hx_parameter(name, given, size)
        hardware = _number(one.hardware_value)
        values[name] = hardware if name in OF_CHIP else Parameter(model=_number(one.model_value), hardware=hardware)
    threshold = values.get("threshold")
    if threshold is not None and not np.array_equal(threshold.model, threshold.hardware):
        # the model has a unit of its own, in which rest is 0 if nothing else is said
        for name in ("leak", "reset"):
            values.setdefault(name, Parameter(model=0.0, hardware=Neuron._calibratable_parameters_defaults[name]))
    return LIFNeuron(size, **values, neuron_structure=neuron_structure)


def setting(calib_path: Any) -> dict[str, Any]:
    """Return where and how it is measured: the chip of the process, calibrated by a file or to what the neurons ask for."""
    calibration = None if calib_path is None else load_calibration(calib_path)
    return {"chip": connected().chip, "effects": connected().effects, "calibration": calibration, "n_trial": N_TRIAL}


def missing(module: str, name: str, classes: tuple[str, ...]) -> AttributeError:
    """Return the error for a name that a module does not have; classes are those of hxtorch."""
    if name in classes:
        return AttributeError(
            f"{module} has no {name}: it runs the measurement on a real chip; use the function beside it, or "
            f"bss2sim.alignment, which "
            "returns all that is measured"
        )
    return AttributeError(f"module {module!r} has no attribute {name!r}")
