"""Arguments of a population that act on the chip and change nothing in the model: codes, recordings, placement, traces."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from .errors import ParameterError, choose
from .parameter_pair import Parameter
from .parameter_values import as_labelled, read_only, refuse_bad, split_pair
from .recording.grid import INTERPOLATION_MODES, whole_shift
from .trace_values import check_trace

HIGHEST_CODE = {"i_synin_gm": 1022, "synapse_dac_bias": 1022, "membrane_capacitance": 63}  # HA:capmem.h:117-138
OF_CHIP = ("i_synin_gm", "synapse_dac_bias")  # of which the chip has one: no neuron can have its own

# Defaults of hxtorch's IAFNeuron. Source: HS:modules/iaf_neuron.py:42-70
DEFAULTS: dict[str, Any] = {
    "i_synin_gm": 500,
    "membrane_capacitance": 63,
    "synapse_dac_bias": 600,
    "enable_spike_recording": True,
    "enable_cadc_recording": True,
    "enable_cadc_recording_placement_in_dram": False,
    "enable_madc_recording": False,
    "record_neuron_id": None,
    "placement_constraint": None,
    "trace_offset": 0.0,
    "trace_scale": 1.0,
    "cadc_time_shift": 0,
    "shift_cadc_to_first": False,
    "interpolation_mode": "linear",
    "neuron_structure": None,
}

DOCUMENTATION = """i_synin_gm : int, a tuple of two, or DataArray
    Chip: code of the bias of the synaptic transconductance, 0 to 1022; a pair is (excitatory, inhibitory). The chip
    has one for all neurons.
membrane_capacitance : int, array (neuron,) or DataArray
    Chip: code of the membrane capacitor, 0 to 63.
synapse_dac_bias : int or DataArray
    Chip: code of the bias of the synapse DACs, 0 to 1022. The chip has one for all neurons.
{enable_spike_recording}enable_cadc_recording : bool
    Chip: sample every neuron with the CADC.
enable_cadc_recording_placement_in_dram : bool
    Chip: keep the samples in DRAM, 204 800 at some 6 us each, and not in SRAM, 100 at some 2 us.
enable_madc_recording : bool
    Chip: sample neuron `record_neuron_id` with the MADC. It has room for one neuron of all populations.
record_neuron_id : int, optional
    Chip: which neuron that is, 0 .. size - 1; without `enable_madc_recording` it is not read.
placement_constraint : list of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS, optional
    Chip: where each neuron is, its anchor or all its circuits. None: the first place that is free.
trace_offset, trace_scale : float, array (neuron,), DataArray or mapping
    Chip: the CADC trace of the run is (sample - trace_offset) * trace_scale; the offset [CADC LSB] is signed as samples
    are, -128 to 127. A mapping has AtomicNeuronOnDLS or LogicalNeuronOnDLS as keys, those of other neurons too.
cadc_time_shift : int
    Chip: rows by which the CADC trace is shifted to earlier times, negative to later ones; the edge is repeated.
shift_cadc_to_first : bool
    Chip: subtract the first row of each CADC trace in place of `trace_offset`.
interpolation_mode : {"linear", "nn"}
    Chip: how samples become values on the grid of times: linear, or the nearest sample.
neuron_structure : SingleCompartmentNeuron, optional
    Chip: circuits that make up one neuron. None: one circuit, ``SingleCompartmentNeuron(1)``."""
NOTES = """Any parameter may be a DataArray with dims of your own: they broadcast by name and appear in the result. A
parameter that is one number in the model and another one on the chip is a :class:`bss2sim.Parameter`.

Arguments marked *Chip* act when the population is placed, calibrated or run on a chip, and change nothing in the model."""
_SPIKE_RECORDING = """enable_spike_recording : bool
    Chip: send the spikes of the neurons to the host.
"""


def document(kind: Any) -> Any:
    """Class decorator: fill the arguments of the chip, and what goes for all arguments, into the docstring of a population."""
    text = DOCUMENTATION.replace("{enable_spike_recording}", _SPIKE_RECORDING if kind.fires else "")
    # cleaned first: newer Pythons take the indentation of docstrings away, older ones do not
    doc = inspect.cleandoc(kind.__doc__ or "")
    kind.__doc__ = doc.replace("{chip_arguments}", text).replace("{notes}", NOTES)
    return kind


def _flag(name: str, value: Any, size: int) -> bool:
    """Take True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(f"{name} must be True or False; got {value!r}")
    return bool(value)


def _neuron_id(name: str, value: Any, size: int) -> int:
    """Take the index of a neuron."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool | np.bool_) or not 0 <= number < size:
        raise ParameterError(f"{name} must be the index of a neuron of the population, 0 .. {size - 1}; got {value!r}")
    return number


def _code(name: str, value: Any, size: int) -> tuple[xr.DataArray, ...]:
    """Take codes of a register: one array, or two of a pair (excitatory, inhibitory)."""
    if isinstance(value, Parameter):
        raise ParameterError(
            f"{name} is a code of the chip that the model does not have; give its number, not a Parameter"
        )
    if name == "i_synin_gm":
        pair = split_pair(name, value)
        if pair is not None:
            return tuple(_one_code(name, part, size) for part in pair)
    return (_one_code(name, value, size),)


def _one_code(name: str, value: Any, size: int) -> xr.DataArray:
    """Take codes of a register."""
    array, dims, coords = as_labelled(name, value, size)
    if name in OF_CHIP and "neuron" in dims:
        pair = ", or a tuple of two (excitatory, inhibitory)" if name == "i_synin_gm" else ""
        raise ParameterError(
            f"{name} is one of the whole chip and cannot differ from neuron to neuron; give one number{pair}"
        )
    highest = HIGHEST_CODE[name]
    range_ = f"a whole number, 0 to {highest}"
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{name} must be {range_}; got {value!r}")
    refuse_bad(name, ~((array >= 0) & (array <= highest) & (np.rint(array) == array)), array, dims, range_, "")
    return read_only(array, dims, coords, np.int64)


def _structure(name: str, value: Any, size: int) -> Any:
    """Take the shape of the neurons; one circuit is None."""
    from .hardware.morphology import SingleCompartmentNeuron

    if not isinstance(value, SingleCompartmentNeuron):
        raise ParameterError(f"{name} must be a SingleCompartmentNeuron; got {value!r}")
    return None if value == SingleCompartmentNeuron(1) else value


def structure_of(arguments: dict[str, Any]) -> Any:
    """Return the shape of the neurons, a SingleCompartmentNeuron."""
    from .hardware.morphology import SingleCompartmentNeuron

    return arguments["neuron_structure"] or SingleCompartmentNeuron(1)


def place_neurons(arguments: dict[str, Any], size: int, used: Any) -> list[Any]:
    """Return the circuits of each neuron, as :func:`bss2sim.hardware.place`."""
    from .hardware.placement import place

    constraint = arguments["placement_constraint"]
    return place(structure_of(arguments), size, placement_constraint=constraint, used=used)


_CHECKS: dict[str, Callable[[str, Any, int], Any]] = {
    **dict.fromkeys(HIGHEST_CODE, _code),
    **{name: _flag for name, value in DEFAULTS.items() if isinstance(value, bool)},
    "record_neuron_id": _neuron_id,
    "trace_offset": check_trace,
    "trace_scale": check_trace,
    "cadc_time_shift": lambda name, value, size: whole_shift(value),
    "interpolation_mode": lambda name, value, size: choose(name, value, INTERPOLATION_MODES),
    "neuron_structure": _structure,
}
_CHECKED_DEFAULTS = {name: _code(name, DEFAULTS[name], 1) for name in HIGHEST_CODE}


def check_chip_arguments(given: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the arguments of the chip as a population keeps them; those that are the default are not looked at again.

    Raises ParameterError if a value is of a wrong type or out of range, or two contradict each other.
    """
    kept: dict[str, Any] = {}
    for name, value in given.items():
        default = DEFAULTS[name]
        if type(value) is type(default) and not isinstance(value, np.ndarray | xr.DataArray) and value == default:
            kept[name] = _CHECKED_DEFAULTS.get(name, value)
        elif name != "placement_constraint":
            kept[name] = _CHECKS[name](name, value, size)
    if given["placement_constraint"] is not None:
        arguments = {**kept, "placement_constraint": given["placement_constraint"]}
        kept["placement_constraint"] = tuple(place_neurons(arguments, size, ()))
    if kept["enable_madc_recording"] and kept["record_neuron_id"] is None:
        raise ParameterError(
            f"enable_madc_recording needs to know which neuron; give record_neuron_id, 0 .. {size - 1}"
        )
    return {name: kept[name] for name in given}
