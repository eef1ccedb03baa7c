"""The registers of the 512 circuits after power-on, and functions that configure neurons in them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import ParameterError, choose, refuse_unknown_keywords
from bss2sim.hardware.alignment import Alignment
from bss2sim.hardware.registers import REGISTERS, SIZES, check_registers, is_own_dim
from bss2sim.hardware.selection import Placement, active_circuits, all_circuits, neuron_mask, placed_neurons

READOUT_SOURCES = {"membrane": 0, "exc_synin": 1, "inh_synin": 2, "adaptation": 3}  # LO:v3/neuron.h:371-386
NORMAL_OUTPUT = 1  # analog_output_code
_NO_LEAK = {"leak_i_bias_code": 0, "enable_leak_division": True, "enable_leak_multiplication": False}


def default_registers(chip_dims: Mapping[Hashable, int] | None = None) -> xr.Dataset:
    """Return all registers as they are after power-on.

    Parameters
    ----------
    chip_dims : mapping of str to int, optional
        Leading dims with their lengths, for registers that differ between chips. Registers without them serve for all chips alike.

    Returns
    -------
    Dataset
        The registers of :data:`~bss2sim.hardware.registers.REGISTERS`, labelled by circuit, input and quadrant.
        Source of the values: LO-s:v3/neuron.cpp:8-396.

    Raises
    ------
    ParameterError
        If a name is no str or one that the package uses itself, or a length is no whole number of at least 1.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers
    >>> registers = default_registers()
    >>> registers["reset_holdoff_code"].values[:3]
    array([15, 15, 15])
    """
    sizes: dict[Hashable, int] = {}
    if chip_dims is not None and not isinstance(chip_dims, Mapping):
        raise ParameterError(f"chip_dims must be a dict of lengths, e.g. {{'chip': 2}}; got {chip_dims!r}")
    for dim, size in (chip_dims or {}).items():
        if not is_own_dim(dim):
            raise ParameterError(f"chip_dims has {dim!r}; give it names of your own, e.g. 'chip'")
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ParameterError(f"chip_dims must have lengths of at least 1; {dim!r} has {size!r}")
        sizes[dim] = int(size)
    values = {
        name: np.full(
            (*sizes.values(), *(SIZES[dim] for dim in register.dims)),
            register.default,
            dtype=bool if register.switch else np.int64,
        )
        for name, register in REGISTERS.items()
    }
    return Alignment(sizes=sizes).dataset(values, {})


def _copy(registers: xr.Dataset) -> xr.Dataset:
    """Check registers; return a copy that shares no numbers with them."""
    return check_registers(registers).copy(deep=True)


def _set(registers: xr.Dataset, circuits: Any, values: Mapping[str, Any]) -> xr.Dataset:
    """Write values into some circuits of registers that are a copy already; return them."""
    for name, value in values.items():
        registers[name].values[..., np.asarray(circuits, np.int64)] = value
    return registers


@refuse_unknown_keywords
def disable_leak(registers: xr.Dataset, circuits: Iterable[Any]) -> xr.Dataset:
    """Turn the leak of circuits off, as far as the chip can: bias 0, divided, not multiplied.

    Parameters
    ----------
    registers : Dataset
        All registers.
    circuits : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS
        Circuits; of a placed neuron all of its circuits.

    Returns
    -------
    Dataset
        Changed copy. Source: HS:morphology.py:114-130.

    Raises
    ------
    ParameterError
        If there is no such circuit, or the registers are not valid.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers, disable_leak
    >>> disable_leak(default_registers(), [0, 1])["enable_leak_division"].values[:3]
    array([ True,  True, False])
    """
    return _set(_copy(registers), all_circuits(circuits), _NO_LEAK)


def _spiking(registers: xr.Dataset, circuits: np.ndarray, on: bool) -> xr.Dataset:
    """Turn comparator and event output of circuits on or off."""
    return _set(_copy(registers), circuits, {"enable_threshold": on, "enable_digital": on})


@refuse_unknown_keywords
def disable_spiking(registers: xr.Dataset, circuits: Iterable[Any]) -> xr.Dataset:
    """Turn threshold comparator and event output of circuits off.

    The reference turns the event output on here, against its own documentation (HS:morphology.py:95-112).

    Parameters
    ----------
    registers : Dataset
        All registers.
    circuits : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS
        Circuits; of a placed neuron all of its circuits.

    Returns
    -------
    Dataset
        Changed copy.

    Raises
    ------
    ParameterError
        If there is no such circuit, or the registers are not valid.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers, disable_spiking
    >>> bool(disable_spiking(default_registers(), [5])["enable_digital"][5])
    False
    """
    return _spiking(registers, all_circuits(circuits), False)


@refuse_unknown_keywords
def enable_spiking(registers: xr.Dataset, circuits: Iterable[Any]) -> xr.Dataset:
    """Turn threshold comparator and event output of circuits on.

    Parameters
    ----------
    registers : Dataset
        All registers.
    circuits : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS
        Circuits; of a placed neuron its first circuit, the only one that spikes.

    Returns
    -------
    Dataset
        Changed copy.

    Raises
    ------
    ParameterError
        If there is no such circuit, or the registers are not valid.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers, enable_spiking
    >>> bool(enable_spiking(default_registers(), [5])["enable_threshold"][5])
    True
    """
    return _spiking(registers, active_circuits(circuits), True)


@refuse_unknown_keywords
def set_spike_mask(registers: xr.Dataset, placement: Placement, spike_mask: Any) -> xr.Dataset:
    """Choose which neurons send their spikes: set the event output of the first circuit of each.

    Parameters
    ----------
    registers : Dataset
        All registers.
    placement : iterable of LogicalNeuronOnDLS, or of iterables of int or AtomicNeuronOnDLS
        The neurons as :func:`~bss2sim.hardware.placement.place` returns them, or the circuits of each.
    spike_mask : bool, or array (neuron,) of bool
        True for neurons that send spikes.

    Returns
    -------
    Dataset
        Changed copy. Source: HS:morphology.py:79-93.

    Raises
    ------
    ParameterError
        If a circuit does not exist or is used twice, or the mask is not of that length.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers, set_spike_mask
    >>> set_spike_mask(default_registers(), [[0], [1]], [True, False])["enable_digital"].values[:2]
    array([ True, False])
    """
    neurons = placed_neurons(placement)
    first = [neuron[0] for neuron in neurons]
    return _set(_copy(registers), first, {"enable_digital": neuron_mask(spike_mask, len(neurons))})


def _connected(source: str) -> dict[str, Any]:
    """Registers of a circuit that the MADC reads; ParameterError if there is no such source."""
    code = READOUT_SOURCES[choose("source", source, READOUT_SOURCES)]
    return {"enable_amplifier": True, "enable_buffered_access": True, "readout_source_code": code}


@refuse_unknown_keywords
def enable_madc_recording(registers: xr.Dataset, circuit: Any, *, source: str = "membrane") -> xr.Dataset:
    """Connect a circuit to the MADC.

    Parameters
    ----------
    registers : Dataset
        All registers.
    circuit : int, AtomicNeuronOnDLS or LogicalNeuronOnDLS
        Circuit; of a placed neuron its first circuit.
    source : str, optional
        What is read: membrane, exc_synin, inh_synin or adaptation.

    Returns
    -------
    Dataset
        Changed copy: amplifier and buffered access on, source set. Source: HS:morphology.py:60-77.

    Raises
    ------
    ParameterError
        If there is no such circuit or source.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import default_registers, enable_madc_recording
    >>> int(enable_madc_recording(default_registers(), 3, source="exc_synin")["readout_source_code"][3])
    1
    """
    return _set(_copy(registers), active_circuits([circuit]), _connected(source))


@refuse_unknown_keywords
def configure(
    registers: xr.Dataset,
    placement: Placement,
    *,
    spike_mask: Any = True,
    enable_leak: bool = False,
    madc_neuron: int | None = None,
    madc_source: str = "membrane",
) -> xr.Dataset:
    """Configure the neurons of a population: morphology, event outputs, leak and MADC readout.

    The first circuit of each neuron is its soma and gets the normal analog output. The others only bring their synaptic inputs: no
    leak, no capacitance, no comparator, no event output.

    Parameters
    ----------
    registers : Dataset
        All registers, e.g. of a calibration.
    placement : iterable of LogicalNeuronOnDLS, or of iterables of int or AtomicNeuronOnDLS
        The neurons as :func:`~bss2sim.hardware.placement.place` returns them, or the circuits of each.
    spike_mask : bool, or array (neuron,) of bool, optional
        True for neurons that send spikes.
    enable_leak : bool, optional
        Keep the leak of the first circuits as it is. An integrate-and-fire neuron has none: False turns it off.
    madc_neuron : int, optional
        Index of the neuron that the MADC records. None: no circuit of these neurons is connected to it.
    madc_source : str, optional
        What the MADC reads: membrane, exc_synin, inh_synin or adaptation.

    Returns
    -------
    Dataset
        Changed copy. Source: HS:modules/neuron.py:331-354, HS:modules/iaf_neuron.py:205-220, HS:morphology.py:173-200; the
        reference connects its recorded neuron to the MADC even if recording is off.

    Raises
    ------
    ParameterError
        If a circuit does not exist or is used twice, the mask is not of that length, or madc_neuron is not in the population.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> from bss2sim.hardware.neuron_block import configure, default_registers
    >>> registers = configure(default_registers(), [[0, 1], [2, 3]], spike_mask=[True, False], madc_neuron=1)
    >>> registers["enable_digital"].values[:4], registers["analog_output_code"].values[:4]
    (array([ True, False, False, False]), array([1, 0, 1, 0]))
    """
    neurons = placed_neurons(placement)
    mask = neuron_mask(spike_mask, len(neurons))
    if not isinstance(enable_leak, bool):
        raise ParameterError(f"enable_leak must be True or False; got {enable_leak!r}")
    connected = _connected(madc_source)
    if madc_neuron is not None:
        if isinstance(madc_neuron, bool) or not isinstance(madc_neuron, int | np.integer):
            raise ParameterError(f"madc_neuron must be the index of a neuron or None; got {madc_neuron!r}")
        if not 0 <= madc_neuron < len(neurons):
            raise ParameterError(f"madc_neuron must be 0 to {len(neurons) - 1}; got {madc_neuron}")
    somas = np.array([neuron[0] for neuron in neurons], dtype=np.int64)
    others = np.concatenate([neuron[1:] for neuron in neurons]) if neurons else somas
    silent = {"enable_amplifier": False, "enable_buffered_access": False}
    inactive = {"membrane_capacitance_code": 0, "enable_threshold": False, "enable_digital": False}
    registers = _copy(registers)
    _set(registers, somas, {"analog_output_code": NORMAL_OUTPUT, "enable_digital": mask, **silent})
    _set(registers, others, inactive | _NO_LEAK | silent)
    if not enable_leak:
        _set(registers, somas, _NO_LEAK)
    if madc_neuron is not None:
        _set(registers, somas[madc_neuron], connected)
    return registers
