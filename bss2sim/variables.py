"""Every variable a Dataset of this package may hold, registered once, and the one door it leaves through."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from . import accessor_registration as accessor_registration  # every Dataset that is made here has the accessor
from .arrays import as_variable
from .coordinates import assemble, index_coordinate

TRIAL = "..."  # stands for `batch` and every sweep dim
RESERVED_DIMS = (
    "time", "sample_time", "neuron", "input", "spike", "synaptic_input", "hemisphere", "cadc_sample", "madc_sample",
    "circuit", "atomic_neuron", "row", "column", "quadrant",
)  # fmt: skip
SYNAPTIC_INPUTS = ("excitatory", "inhibitory")


@dataclass(frozen=True)
class Variable:
    """What a labelled variable is.

    Attributes
    ----------
    name : str
        Name in the Dataset.
    dims : tuple of str
        Dimensions in memory order; ``...`` stands for the trial dims, a dim in brackets may be absent.
    dtype : str
        Kind of numbers: a NumPy dtype or several with ``|`` between, or ``float`` for the dtype of the simulation.
    units : str
        SI unit, or empty for numbers and for potentials (the unit of threshold and reset).
    long_name : str
        One line for plots and readers.
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    units: str
    long_name: str


def _register(*variables: Variable) -> dict[str, Variable]:
    """Key variables by name."""
    return {variable.name: variable for variable in variables}


VARIABLES: dict[str, Variable] = _register(
    Variable("time", ("time",), "float64", "s", "time on the grid"),
    Variable("sample_time", ("sample_time",), "float64", "s", "time of a sample"),
    Variable("neuron", ("neuron",), "int64", "", "index in the population"),
    Variable("synaptic_input", ("synaptic_input",), "str", "", "synaptic input of the neuron"),
    Variable("spike_time", ("spike",), "float64", "s", "time of the spike"),
    Variable("spike_neuron", ("spike",), "int32", "", "neuron that fired"),
    Variable("spike_batch", ("spike",), "int64", "", "trial of the spike: row of row_size, flattened in C order"),
    Variable("row_size", (TRIAL,), "int64", "", "number of spikes of the trial"),
    Variable("spikes", (TRIAL, "time", "neuron"), "uint8", "", "number of spikes in the bin"),
    Variable("spike_count", (TRIAL, "neuron"), "int64", "", "number of spikes"),
    Variable("first_spike", (TRIAL, "neuron"), "float64", "s", "time of the first spike"),
    Variable("rate", (TRIAL, "neuron"), "float64", "Hz", "spikes per time"),
    Variable("spike_interval", ("interval",), "float64", "s", "time from a spike of a neuron to its next one"),
    Variable("interval_neuron", ("interval",), "int32", "", "neuron that fired"),
    Variable("interval_batch", ("interval",), "int64", "", "trial: row of row_size, flattened in C order"),
    Variable("membrane", (TRIAL, "time|sample_time", "neuron"), "float", "", "membrane potential"),
    Variable("current", (TRIAL, "time|sample_time", "[synaptic_input]", "neuron"), "float", "", "synaptic current"),
    Variable("state_membrane", (TRIAL, "neuron"), "float", "", "membrane potential at state_time"),
    Variable("state_asymptote", (TRIAL, "neuron"), "float", "", "potential that the current leads to without input"),
    Variable("state_current", (TRIAL, "[synaptic_input]", "neuron"), "float", "", "synaptic current at state_time"),
    Variable("state_time", (TRIAL,), "float64", "s", "time of the state"),
    Variable("state_phase", (TRIAL, "neuron"), "int8", "", "0 free, 1 clamped, 2 holdoff"),
    Variable("state_transition_time", (TRIAL, "neuron"), "float64", "s", "end of the phase"),
    Variable("state_refractory_step", (TRIAL, "neuron"), "int32", "", "refractory steps left"),
    Variable("hemisphere", ("hemisphere",), "int64", "", "half of the chip: 0 top, 1 bottom"),
    Variable("cadc_value", (TRIAL, "cadc_sample", "neuron"), "int16|float64", "LSB", "reading of the CADC less 128"),
    Variable("cadc_time", (TRIAL, "hemisphere", "cadc_sample"), "float64", "s", "time stamp of the sample"),
    Variable("madc_value", (TRIAL, "madc_sample"), "uint16|float64", "LSB", "reading of the MADC"),
    Variable("madc_time", (TRIAL, "madc_sample"), "float64", "s", "time stamp of the sample"),
    Variable("weight_saturated", (TRIAL, "input", "neuron"), "bool", "", "weight larger than a synapse can hold"),
    Variable("chip_weight", ("chip_weight",), "int64", "", "weight of a synapse"),
    Variable(
        "trace_offset", (TRIAL, "neuron"), "float64", "LSB", "reading of the CADC less 128 where the model is at 0"
    ),
    Variable("trace_scale", (TRIAL, "neuron"), "float64", "1/LSB", "unit of the model per LSB of the CADC"),
    Variable("cadc_baseline", (TRIAL, "neuron"), "float64", "LSB", "reading of the CADC less 128 without input"),
    Variable("threshold_height", (TRIAL, "neuron"), "float64", "LSB", "threshold less baseline as the CADC reads them"),
    Variable("reached_threshold", (TRIAL, "neuron"), "bool", "", "whether the neuron fired in every trial"),
    Variable("mean_trace_offset", (TRIAL,), "float64", "LSB", "reading less 128 where the model is at 0, all neurons"),
    Variable("mean_trace_scale", (TRIAL,), "float64", "1/LSB", "unit of the model per LSB of the CADC, all neurons"),
    Variable("weight_scale", (TRIAL, "neuron"), "float64", "", "weight of the chip per weight of the model"),
    Variable("mean_weight_scale", (TRIAL,), "float64", "", "weight of the chip per weight of the model, all neurons"),
    Variable("chip_slope", (TRIAL, "neuron"), "float64", "LSB", "amplitude per weight of a synapse of the chip"),
    Variable("model_slope", (TRIAL, "neuron"), "float64", "", "amplitude per weight of the model"),
    Variable("chip_amplitude", (TRIAL, "chip_weight", "neuron"), "float64", "LSB", "amplitude that a spike causes"),
    Variable("range_upper", (TRIAL, "neuron"), "float64", "LSB", "reading less 128 at the upper end of the membrane"),
    Variable("range_lower", (TRIAL, "neuron"), "float64", "LSB", "reading less 128 at the lower end of the membrane"),
    Variable("mean_cadc_baseline", (TRIAL,), "float64", "LSB", "reading less 128 without input, mean of neurons"),
    Variable("mean_range_upper", (TRIAL,), "float64", "LSB", "reading less 128 at the upper end, mean of neurons"),
    Variable("mean_range_lower", (TRIAL,), "float64", "LSB", "reading less 128 at the lower end, mean of neurons"),
    Variable("pixel", ("sample", "pixel"), "float64", "", "brightness of a pixel, 0 to 1"),
    Variable("label", ("sample|batch",), "int64", "", "class of the sample"),
)

_CIRCUIT = (TRIAL, "atomic_neuron")
_INPUT = (TRIAL, "synaptic_input", "atomic_neuron")

# Labels of a chip, and the registers of its circuits: codes are integers, switches are True or False.
VARIABLES |= _register(
    Variable("atomic_neuron", ("atomic_neuron|neuron",), "int64", "", "neuron circuit: enum of its coordinate"),
    Variable("row", ("atomic_neuron|neuron",), "int64", "", "row of the circuit: 0 top, 1 bottom"),
    Variable("column", ("atomic_neuron|neuron",), "int64", "", "column of the circuit"),
    Variable("quadrant", ("atomic_neuron|neuron",), "int64", "", "quadrant of the circuit"),
    Variable("capmem_block", ("capmem_block",), "int64", "", "CapMem block: one a quadrant"),
    Variable("leak_v_leak_code", _CIRCUIT, "int64", "", "code of the leak potential"),
    Variable("leak_i_bias_code", _CIRCUIT, "int64", "", "code of the bias of the leak"),
    Variable("reset_v_reset_code", _CIRCUIT, "int64", "", "code of the reset potential"),
    Variable("reset_i_bias_code", _CIRCUIT, "int64", "", "code of the bias of the reset"),
    Variable("threshold_v_threshold_code", _CIRCUIT, "int64", "", "code of the threshold"),
    Variable("membrane_capacitance_code", _CIRCUIT, "int64", "", "code of the membrane capacitor"),
    Variable("refractory_time_code", _CIRCUIT, "int64", "", "clock cycles from a spike to the end of its holdoff"),
    Variable("reset_holdoff_code", _CIRCUIT, "int64", "", "half of 31 less the clock cycles of the holdoff"),
    Variable("input_clock_code", _CIRCUIT, "int64", "", "clock that counts: 0 slow, 1 fast"),
    Variable("i_bias_tau_code", _INPUT, "int64", "", "code of the bias of the synaptic time constant"),
    Variable("i_bias_gm_code", _INPUT, "int64", "", "code of the bias of the synaptic transconductance"),
    Variable("i_shift_reference_code", _INPUT, "int64", "", "code of the bias of the synaptic reference"),
    Variable("synapse_dac_bias_code", (TRIAL, "capmem_block"), "int64", "", "code of the bias of the synapse DACs"),
    Variable("clock_scale_slow_code", (TRIAL,), "int64", "", "binary logarithm of the divisor of the slow clock"),
    Variable("clock_scale_fast_code", (TRIAL,), "int64", "", "binary logarithm of the divisor of the fast clock"),
    Variable("enable_leak_division", _CIRCUIT, "bool", "", "leak conductance divided by 8"),
    Variable("enable_leak_multiplication", _CIRCUIT, "bool", "", "leak conductance times 8"),
    Variable("enable_reset_division", _CIRCUIT, "bool", "", "reset conductance divided by 8"),
    Variable("enable_reset_multiplication", _CIRCUIT, "bool", "", "reset conductance times 8"),
    Variable("enable_threshold", _CIRCUIT, "bool", "", "threshold comparator on"),
    Variable("enable_digital", _CIRCUIT, "bool", "", "spikes leave the circuit as events"),
    Variable("enable_pause", _CIRCUIT, "bool", "", "synaptic input paused during the reset"),
    Variable("enable_amplifier", _CIRCUIT, "bool", "", "readout amplifier on"),
    Variable("enable_buffered_access", _CIRCUIT, "bool", "", "readout amplifier connected to the MADC"),
    Variable("enable_synaptic_input", _INPUT, "bool", "", "synaptic input on"),
    Variable("enable_high_resistance", _INPUT, "bool", "", "long synaptic time constants"),
    Variable("readout_source_code", _CIRCUIT, "int64", "", "0 membrane, 1 exc_synin, 2 inh_synin, 3 adaptation"),
    Variable("analog_output_code", _CIRCUIT, "int64", "", "0 off, 1 normal, 2 strong"),
)

# Quantities that codes make.
_QUANTITIES = (
    Variable("leak", _CIRCUIT, "float64", "LSB", "leak potential as the CADC reads it"),
    Variable("reset", _CIRCUIT, "float64", "LSB", "reset potential as the CADC reads it"),
    Variable("threshold", _CIRCUIT, "float64", "LSB", "threshold as the CADC reads it"),
    Variable("tau_mem", _CIRCUIT, "float64", "s", "membrane time constant"),
    Variable("tau_syn", _INPUT, "float64", "s", "synaptic time constant"),
    Variable("synaptic_strength", _INPUT, "float64", "LSB", "membrane step of an IAF neuron per weight LSB"),
    Variable("synapse_dac", (TRIAL, "capmem_block"), "float64", "", "synapse current relative to the nominal one"),
    Variable("capacitance", _CIRCUIT, "float64", "LSB", "membrane capacitance with the intrinsic one"),
    Variable("reference_mismatch", _INPUT, "float64", "LSB/s", "membrane slope that the synaptic reference causes"),
    Variable("drift", _CIRCUIT, "float64", "LSB/s", "membrane slope without input and leak"),
    Variable("refractory_time", _CIRCUIT, "float64", "s", "time from a spike to the end of its holdoff"),
    Variable("holdoff_time", _CIRCUIT, "float64", "s", "time after the reset in which no spike is accepted"),
)
VARIABLES |= _register(*_QUANTITIES)
VARIABLES |= _register(
    *(
        replace(quantity, name=f"residual_{quantity.name}", long_name=f"achieved less target: {quantity.long_name}")
        for quantity in _QUANTITIES
    )
)
VARIABLES |= _register(
    Variable("success", _CIRCUIT, "bool", "", "whether the circuit was calibrated"),
    Variable("reason", _CIRCUIT, "str", "", "why it was not; empty if it was"),
)

# Parameters of the laws between the two, one value a circuit where circuits differ.
VARIABLES |= _register(
    Variable("leak_offset", _CIRCUIT, "float64", "LSB", "leak potential at code 0"),
    Variable("leak_slope", _CIRCUIT, "float64", "LSB", "leak potential per code"),
    Variable("leak_bias_slope", _CIRCUIT, "float64", "LSB", "leak potential per code of the bias of the leak"),
    Variable("reset_offset", _CIRCUIT, "float64", "LSB", "reset potential at code 0"),
    Variable("reset_slope", _CIRCUIT, "float64", "LSB", "reset potential per code"),
    Variable("threshold_offset", _CIRCUIT, "float64", "LSB", "threshold at code 0"),
    Variable("threshold_slope", _CIRCUIT, "float64", "LSB", "threshold per code"),
    Variable("capacitance_intrinsic", _CIRCUIT, "float64", "LSB", "membrane capacitance at code 0"),
    Variable("capacitance_slope", _CIRCUIT, "float64", "LSB", "membrane capacitance per code"),
    Variable("leak_conductance", _CIRCUIT, "float64", "LSB/s", "leak conductance per code, of the capacitor's LSB"),
    Variable("leak_bias_offset", (), "float64", "", "code that adds to the one of the bias of the leak"),
    Variable("leak_saturation", (), "float64", "LSB", "distance from the leak potential where the current saturates"),
    Variable("tau_syn_constant", _INPUT, "float64", "s", "synaptic time constant times code"),
    Variable("high_resistance_factor", (), "float64", "", "by which high resistance prolongs the time constant"),
    Variable("floating_code", (), "float64", "", "code below which the synaptic line does not decay"),
    Variable("synaptic_gain", _INPUT, "float64", "LSB/s", "synaptic strength per code, capacitance and time constant"),
    Variable("gm_compression", (), "float64", "", "code at which the transconductance is half of the linear law"),
    Variable("synapse_dac_slope", (TRIAL, "capmem_block"), "float64", "", "synapse current per code"),
    Variable("reference_optimum", _INPUT, "float64", "", "code at which the synaptic reference matches"),
    Variable("reference_gain", (), "float64", "LSB/s", "membrane slope per code of the synaptic reference"),
)


def _matches(variable: Variable, dims: tuple[Hashable, ...]) -> bool:
    """Whether the dims of an array are those of the registry."""
    rest = list(dims)
    for pattern in reversed(variable.dims):
        if pattern == TRIAL:
            return not any(dim in RESERVED_DIMS for dim in rest)
        optional = pattern.startswith("[")
        if rest and rest[-1] in pattern.strip("[]").split("|"):
            rest.pop()
        elif not optional:
            return False
    return not rest


@functools.lru_cache(maxsize=256)
def check_variable(name: str, dims: tuple[Hashable, ...], dtype: np.dtype) -> Variable:
    """Return the registered variable, or raise TypeError if name, dims or dtype are not as registered."""
    variable = VARIABLES.get(name)
    if variable is None:
        raise TypeError(f"variable {name!r} is not registered in bss2sim.variables")
    if not _matches(variable, dims):
        raise TypeError(f"{name} has dims {dims}; registered are {variable.dims}")
    if variable.dtype == "str":
        good = dtype.kind in "US"
    elif variable.dtype == "float":
        good = dtype.kind == "f"
    else:
        good = any(dtype == np.dtype(one) for one in variable.dtype.split("|"))
    if not good:
        raise TypeError(f"{name} has dtype {dtype}; registered is {variable.dtype}")
    return variable


def _attrs_of(registered: Variable) -> dict[str, Any]:
    """Attributes that label a registered variable."""
    attrs: dict[str, Any] = {"long_name": registered.long_name}
    if registered.units:
        attrs["units"] = registered.units
    if registered.name == "row_size":
        attrs["sample_dimension"] = "spike"  # CF contiguous ragged array
    return attrs


_IN_FILES = (str, int, float, numbers.Number, np.ndarray)  # a union would be made anew for each attribute
LABEL_ATTRS = {name: _attrs_of(registered) for name, registered in VARIABLES.items()}


def create_dataset(
    variables: Mapping[str, tuple[tuple[Hashable, ...], np.ndarray]],
    coords: Mapping[Hashable, Any],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Make a Dataset of registered variables; every result of the package is made here.

    Parameters
    ----------
    variables : mapping of str to (dims, array)
        Data variables, memory order.
    coords : mapping
        Coordinates; registered ones get their attrs, those of sweep dims are passed on.
    attrs : mapping
        Provenance: strings, numbers and arrays only, so that netCDF and zarr can hold them.

    Raises
    ------
    TypeError
        If a variable or an attribute is not as registered: a defect of the package, not of the caller.
    """
    for key, value in attrs.items():
        if isinstance(value, bool) or not isinstance(value, _IN_FILES):
            raise TypeError(f"attribute {key!r} is a {type(value).__name__}; files hold str, numbers and arrays")
    data: dict[Hashable, xr.Variable] = {}
    for name, (dims, array) in variables.items():
        check_variable(name, dims, array.dtype)
        data[name] = as_variable(dims, array, LABEL_ATTRS[name])
    labels: dict[Hashable, Any] = {}
    for dim, label in coords.items():
        ours = dim in VARIABLES and not isinstance(label, xr.Variable)
        labels[dim] = index_coordinate(dim, np.asarray(label), LABEL_ATTRS[str(dim)]) if ours else label
    # other labels of neurons have no index; those of sweep dims have, and are the caller's, of any kind
    if all(
        isinstance(label, tuple) or (isinstance(label, xr.Variable) and name not in label.dims)
        for name, label in labels.items()
    ):
        return assemble(data, labels, dict(attrs))
    given = {dim: label[0] if isinstance(label, tuple) else label for dim, label in labels.items()}
    return xr.Dataset(data, given, dict(attrs))
