"""The configuration of a chip under the names of ``dlens_vx_v3.lola``: views of the registers of this package.

A change of a field is a change of the register behind it, checked like any other.
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from bss2sim.errors import ParameterError, suggestion
from bss2sim.hardware.neuron_block import default_registers
from bss2sim.hardware.registers import REGISTERS, SIZES, check_registers
from bss2sim.hardware.synapse_array import HIGHEST_WEIGHT

from .halco import AtomicNeuronOnDLS, CommonNeuronBackendConfigOnDLS, Ranged

__all__ = ["AtomicNeuron", "Chip", "NeuronBlock", "SynapseWeightMatrix"]

_INPUT = {
    "enable": "enable_synaptic_input", "i_bias_tau": "i_bias_tau_code", "i_bias_gm": "i_bias_gm_code",
    "i_shift_reference": "i_shift_reference_code", "enable_high_resistance": "enable_high_resistance",
}  # fmt: skip
# group -> field -> register; the fields of lola.AtomicNeuron that this chip has. Source: LO:v3/neuron.h:23-545
FIELDS: dict[str, dict[str, str]] = {
    "leak": {
        "v_leak": "leak_v_leak_code", "i_bias": "leak_i_bias_code", "enable_division": "enable_leak_division",
        "enable_multiplication": "enable_leak_multiplication",
    },
    "reset": {
        "v_reset": "reset_v_reset_code", "i_bias": "reset_i_bias_code", "enable_division": "enable_reset_division",
        "enable_multiplication": "enable_reset_multiplication",
    },
    "threshold": {"enable": "enable_threshold", "v_threshold": "threshold_v_threshold_code"},
    "membrane_capacitance": {"capacitance": "membrane_capacitance_code"},
    "refractory_period": {
        "refractory_time": "refractory_time_code", "reset_holdoff": "reset_holdoff_code", "input_clock": "input_clock_code",
        "enable_pause": "enable_pause",
    },
    "excitatory_input": _INPUT,
    "inhibitory_input": _INPUT,
    "event_routing": {"analog_output": "analog_output_code", "enable_digital": "enable_digital"},
    "readout": {
        "enable_amplifier": "enable_amplifier", "enable_buffered_access": "enable_buffered_access",
        "source": "readout_source_code",
    },
}  # fmt: skip
_ROW = {"excitatory_input": 0, "inhibitory_input": 1}  # of registers that each input has
_CLOCKS = {"clock_scale_slow": "clock_scale_slow_code", "clock_scale_fast": "clock_scale_fast_code"}


class Group:
    """Some fields of one place: each reads and writes a register.

    Parameters
    ----------
    name : str
        What messages call it.
    block : NeuronBlock
        Whose registers they are.
    fields : dict of str to str
        Field -> register.
    place : tuple of int
        Which entry of the registers; those with fewer dims have its last ones.

    Raises
    ------
    ParameterError
        If a value is out of the range of its register.
    """

    __slots__ = ("_block", "_fields", "_name", "_place")
    _block: NeuronBlock
    _fields: dict[str, str]
    _name: str
    _place: tuple[int, ...]

    def __init__(self, name: str, block: NeuronBlock, fields: dict[str, str], place: tuple[int, ...]) -> None:
        for key, value in (("_name", name), ("_block", block), ("_fields", fields), ("_place", place)):
            object.__setattr__(self, key, value)

    def _entry(self, field: str) -> tuple[Any, Any, tuple[int, ...]]:
        """Return register, numbers and index of a field; AttributeError if the chip does not have it."""
        name = self._fields.get(field)
        if name is None:
            raise AttributeError(
                f"{self._name} has no field {field!r} on the emulated chip{suggestion(field, self._fields)}"
            )
        values = self._block.registers[name].values
        return REGISTERS[name], values, self._place[len(self._place) - values.ndim :]

    def __getattr__(self, field: str) -> int | bool:
        register, values, place = self._entry(field)
        return bool(values[place]) if register.switch else int(values[place])

    def __setattr__(self, field: str, value: Any) -> None:
        register, values, place = self._entry(field)
        number = value.item() if hasattr(value, "item") else value
        text = f"{self._name}.{field}"
        if register.switch:
            if not isinstance(number, bool):
                raise ParameterError(f"{text} must be True or False; got {value!r}")
        elif isinstance(number, bool) or not isinstance(number, int) or not register.lower <= number <= register.upper:
            raise ParameterError(
                f"{text} must be a whole number from {register.lower} to {register.upper}; got {value!r}"
            )
        values[place] = number

    def __dir__(self) -> list[str]:
        return sorted(self._fields)

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(f'{field}={getattr(self, field)!r}' for field in self._fields)})"


class AtomicNeuron:
    """The configuration of one circuit.

    Groups are ``leak``, ``reset``, ``threshold``, ``membrane_capacitance``, ``refractory_period``, ``excitatory_input``,
    ``inhibitory_input``, ``event_routing`` and ``readout``, with the fields of lola that the emulated chip has.

    Parameters
    ----------
    block : NeuronBlock, optional
        Whose circuit it is. None: one of its own, as after power-on.
    number : int
        Which circuit, 0 to 511.

    Raises
    ------
    ParameterError
        If there is no such circuit.

    Examples
    --------
    >>> from bss2sim.hxtorch.lola import AtomicNeuron
    >>> circuit = AtomicNeuron()
    >>> circuit.leak.i_bias = 200
    >>> circuit.leak
    leak(v_leak=0, i_bias=200, enable_division=False, enable_multiplication=False)
    """

    __slots__ = ("_block", "_number")
    _block: NeuronBlock
    _number: int

    def __init__(self, block: NeuronBlock | None = None, number: int = 0) -> None:
        object.__setattr__(self, "_block", NeuronBlock() if block is None else block)
        object.__setattr__(self, "_number", AtomicNeuronOnDLS(number).enum)

    def __getattr__(self, group: str) -> Group:
        if group not in FIELDS:
            raise AttributeError(f"circuits of the emulated chip have no {group!r}{suggestion(group, FIELDS)}")
        return Group(group, self._block, FIELDS[group], (_ROW.get(group, 0), self._number))

    def __setattr__(self, group: str, value: Any) -> None:
        own = getattr(self, group)
        if not isinstance(value, Group) or value._name != group:
            raise ParameterError(f"{group} must be that of another circuit, or set its fields; got {value!r}")
        for field in own._fields:
            setattr(own, field, getattr(value, field))

    def __dir__(self) -> list[str]:
        return sorted(FIELDS)


class _Circuits:
    """The circuits of a block by their coordinates."""

    __slots__ = ("_block",)

    def __init__(self, block: NeuronBlock) -> None:
        self._block = block

    def __len__(self) -> int:
        return AtomicNeuronOnDLS.size

    def __getitem__(self, coordinate: Any) -> AtomicNeuron:
        return AtomicNeuron(self._block, AtomicNeuronOnDLS(coordinate).enum)

    def __setitem__(self, coordinate: Any, circuit: AtomicNeuron) -> None:
        if not isinstance(circuit, AtomicNeuron):
            raise ParameterError(f"a circuit must be an AtomicNeuron; got {circuit!r}")
        own = self[coordinate]
        for group in FIELDS:
            setattr(own, group, getattr(circuit, group))


class _Backends:
    """The two backends of a block, which have their clocks in common here."""

    __slots__ = ("_block",)

    def __init__(self, block: NeuronBlock) -> None:
        self._block = block

    def __len__(self) -> int:
        return CommonNeuronBackendConfigOnDLS.size

    def __getitem__(self, coordinate: Any) -> Group:
        CommonNeuronBackendConfigOnDLS(coordinate)
        return Group("backend", self._block, _CLOCKS, ())


class NeuronBlock:
    """The configuration of all circuits of a chip.

    Parameters
    ----------
    registers : Dataset, optional
        Registers, those of one chip; a copy is kept. None: as after power-on.

    Attributes
    ----------
    registers : Dataset
        The registers as they are now; :func:`bss2sim.simulate` takes them as ``calibration=``.
    atomic_neurons
        :class:`AtomicNeuron` by :class:`~bss2sim.hxtorch.halco.AtomicNeuronOnDLS`.
    backends
        With ``clock_scale_slow`` and ``clock_scale_fast``, by CommonNeuronBackendConfigOnDLS; the two have the same clocks here.

    Raises
    ------
    ParameterError
        If the registers are not valid, or of several chips.

    Examples
    --------
    >>> from bss2sim.hxtorch import halco, lola
    >>> block = lola.NeuronBlock()
    >>> block.atomic_neurons[halco.AtomicNeuronOnDLS(3)].membrane_capacitance.capacitance = 40
    >>> block.registers.membrane_capacitance_code.values[2:5]
    array([ 0, 40,  0])
    """

    __slots__ = ("_registers",)

    def __init__(self, registers: xr.Dataset | None = None) -> None:
        self.registers = default_registers() if registers is None else registers

    @property
    def atomic_neurons(self) -> _Circuits:
        """The circuits."""
        return _Circuits(self)

    @property
    def backends(self) -> _Backends:
        """The clocks."""
        return _Backends(self)

    @property
    def registers(self) -> xr.Dataset:
        """All registers."""
        return self._registers

    @registers.setter
    def registers(self, registers: xr.Dataset) -> None:
        checked = check_registers(registers)
        several = sorted({str(dim) for dim in checked.dims} - SIZES.keys())
        if several:
            raise ParameterError(
                f"registers have a dim {several[0]!r}; a NeuronBlock is of one chip, choose it with .isel()"
            )
        self._registers = checked.copy(deep=True)


class Chip:
    """The configuration of a chip: that of its circuits.

    Parameters
    ----------
    registers : Dataset, optional
        As of :class:`NeuronBlock`.

    Attributes
    ----------
    neuron_block : NeuronBlock
        The circuits.

    Raises
    ------
    ParameterError
        If the registers are not valid, or of several chips.

    Examples
    --------
    >>> from bss2sim.hxtorch import lola
    >>> lola.Chip().neuron_block.atomic_neurons[0].refractory_period.reset_holdoff
    15
    """

    __slots__ = ("_neuron_block",)

    def __init__(self, registers: xr.Dataset | None = None) -> None:
        self.neuron_block = NeuronBlock(registers)

    @property
    def neuron_block(self) -> NeuronBlock:
        """The circuits."""
        return self._neuron_block

    @neuron_block.setter
    def neuron_block(self, block: NeuronBlock) -> None:
        if not isinstance(block, NeuronBlock):
            raise ParameterError(f"neuron_block must be a NeuronBlock; got {block!r}")
        self._neuron_block = block


class SynapseWeightMatrix:
    """Weights of synapses.

    Examples
    --------
    >>> from bss2sim.hxtorch.lola import SynapseWeightMatrix
    >>> SynapseWeightMatrix.Value.max
    63
    """

    class Value(Ranged):
        """Weight of a synapse, 0 to 63."""

        size = HIGHEST_WEIGHT + 1
