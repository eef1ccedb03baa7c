"""Arguments of neurons: their documentation, and checks of those that act on the chip."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from bss2sim.chip_arguments import DEFAULTS, check_chip_arguments
from bss2sim.errors import UnknownKeywordError, suggestion

from ..parameter import HXBaseParameter

EXTRA = ("leak", "chip_coordinate", "e_coba_reversal", "e_coba_reference")

_TEXTS = {
    "size": ("int", "Number of neurons."),
    "experiment": ("Experiment", "To which they belong."),
    "leak": (
        "number, Tensor (neuron,) or HXBaseParameter",
        "Potential the membrane leaks to, and starts at [CADC LSB, or any one unit that weights share].",
    ),
    "reset": ("number, Tensor (neuron,) or HXBaseParameter", "Potential after a spike [unit of threshold]."),
    "threshold": (
        "number, Tensor (neuron,) or HXBaseParameter",
        "Potential of a spike [CADC LSB, or any one unit that weights share].",
    ),
    "tau_mem": ("number, Tensor (neuron,) or HXBaseParameter", "Time constant of the membrane [s]."),
    "tau_syn": ("number, Tensor (neuron,) or HXBaseParameter", "Time constant of the synaptic current [s]."),
    "i_synin_gm": (
        "int, tuple of two or HXBaseParameter",
        "Code of the bias of the synaptic transconductance; acts in hardware mode.",
    ),
    "membrane_capacitance": (
        "int, Tensor (neuron,) or HXBaseParameter",
        "Code of the membrane capacitor, 0 to 63; acts in hardware mode.",
    ),
    "refractory_time": (
        "number, Tensor (neuron,) or HXBaseParameter",
        "Time after a spike without another one [s]. The mock mode of hxtorch has none, as 0 here.",
    ),
    "synapse_dac_bias": ("int or HXBaseParameter", "Code of the bias of the synapse DACs; acts in hardware mode."),
    "holdoff_time": (
        "number, Tensor (neuron,) or HXBaseParameter",
        "Last part of the refractory time, in which the membrane is free [s].",
    ),
    "method": ('{"superspike"}', "What takes the place of the derivative of a spike."),
    "alpha": ("float", "Its steepness [1/unit of threshold]."),
    "execution_instance": (
        "ExecutionInstance, optional",
        "With which others they are on the chip. None: the one of the experiment.",
    ),
    "chip_coordinate": ("DLSGlobal or int, optional", "On which chip. There is one, 0."),
    "enable_spike_recording": ("bool", "Send spikes to the host; acts in hardware mode."),
    "enable_cadc_recording": ("bool", "Sample the membranes with the CADC; acts in hardware mode."),
    "enable_cadc_recording_placement_in_dram": ("bool", "Keep the samples in DRAM; acts in hardware mode."),
    "enable_madc_recording": ("bool", "Sample one neuron with the MADC; acts in hardware mode."),
    "record_neuron_id": ("int, optional", "Which neuron that is; acts in hardware mode."),
    "placement_constraint": (
        "list of LogicalNeuronOnDLS, AtomicNeuronOnDLS or int, optional",
        "Where each neuron is on the chip; acts in hardware mode.",
    ),
    "trace_offset": (
        "float, Tensor (neuron,) or mapping of coordinates",
        "Subtracted from CADC samples [signed LSB]; acts in hardware mode.",
    ),
    "trace_scale": ("float, Tensor (neuron,) or mapping of coordinates", "Their factor; acts in hardware mode."),
    "cadc_time_shift": ("int", "Steps by which CADC traces are shifted to earlier times; acts in hardware mode."),
    "shift_cadc_to_first": ("bool", "Subtract the first value of a trace instead; acts in hardware mode."),
    "interpolation_mode": ('{"linear", "nn"}', "From samples to steps; acts in hardware mode."),
    "neuron_structure": ("SingleCompartmentNeuron, optional", "Circuits of a neuron; acts in hardware mode."),
    "extra_params": (
        "number or Tensor",
        "{extra}. The last two belong to conductance-based inputs, which neither the model nor the emulated chip has.",
    ),
}


def document(kind: Any) -> Any:
    """Class decorator: write the arguments of the constructor into the docstring."""
    lines = []
    for name in inspect.signature(kind.__init__).parameters:
        if name == "self":
            continue
        type_, text = _TEXTS[name]
        star = "**" if name == "extra_params" else ""
        lines += [f"{star}{name} : {type_}", "    " + text.replace("{extra}", ", ".join(kind.extra_names))]
    doc = inspect.cleandoc(kind.__doc__ or "")
    kind.__doc__ = doc.replace("{arguments}", "\n".join(lines))
    return kind


def check_extra(kind: Any, extra: dict[str, Any]) -> None:
    """Refuse keywords that do not exist; the reference swallows them."""
    known = [name for name in inspect.signature(kind.__init__).parameters if name not in ("self", "extra_params")]
    for name in extra:
        if name not in kind.extra_names:
            raise UnknownKeywordError(
                f"{kind.__name__}() has no argument {name!r}{suggestion(name, [*known, *kind.extra_names])}"
            )


def check_of_chip(given: dict[str, Any], size: int) -> dict[str, Any]:
    """Check the arguments that act on the chip, and return them as a population keeps them."""
    return check_chip_arguments(plain_of_chip(given), size)


def plain_of_chip(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that act on the chip without parameters and tensors."""
    plain = {}
    for name in DEFAULTS:
        if name in given:
            value = given[name]
            value = value.hardware_value if isinstance(value, HXBaseParameter) else value
            plain[name] = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return plain
