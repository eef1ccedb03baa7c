"""Shapes of neurons on the chip, under the names of the reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from bss2sim.errors import ParameterError
from bss2sim.hardware import morphology, neuron_block
from bss2sim.hardware.coordinates import N_COLUMN

from .hal import ReadoutSource
from .halco import (
    AtomicNeuronOnLogicalNeuron,
    CompartmentOnLogicalNeuron,
    LogicalNeuronCompartments,
    LogicalNeuronOnDLS,
)
from .lola import NeuronBlock


def check_block(block: Any) -> NeuronBlock:
    """Return the configuration of the circuits of a chip; ParameterError if it is none."""
    if not isinstance(block, NeuronBlock):
        raise ParameterError(f"neuron_block must be a lola.NeuronBlock, as Chip().neuron_block; got {block!r}")
    return block


class Morphology(ABC):
    """What a shape of neurons can do: it configures the circuits of a placed neuron.

    Methods change the :class:`lola.NeuronBlock` they are given.

    Examples
    --------
    >>> from bss2sim.hxtorch import lola
    >>> from bss2sim.hxtorch.morphology import SingleCompartmentNeuron
    >>> neuron, block = SingleCompartmentNeuron(2), lola.NeuronBlock()
    >>> neuron.disable_leak(neuron.logical_neuron, block)
    >>> block.atomic_neurons[256].leak.enable_division
    True
    """

    __slots__ = ()

    @property
    @abstractmethod
    def compartments(self) -> LogicalNeuronCompartments:
        """Circuits of its compartments, counted from the anchor."""

    @property
    @abstractmethod
    def logical_neuron(self) -> LogicalNeuronOnDLS:
        """The neuron with its anchor in circuit 0."""

    @abstractmethod
    def implement_morphology(self, coord: Any, neuron_block: Any) -> None:
        """Configure the circuits of a placed neuron as one."""

    @staticmethod
    def enable_madc_recording(coord: Any, neuron_block: Any, readout_source: Any) -> None:
        """Connect the first circuit of a neuron to the MADC; `readout_source` is a ReadoutSource."""
        block = check_block(neuron_block)
        try:
            source = ReadoutSource(readout_source).name
        except ValueError as reason:
            names = ", ".join(known.name for known in ReadoutSource)
            raise ParameterError(
                f"readout_source must be a hal.ReadoutSource ({names}); got {readout_source!r}"
            ) from reason
        block.registers = _rules.enable_madc_recording(block.registers, coord, source=source)

    @staticmethod
    def set_spike_recording(enable: bool, coord: Any, neuron_block: Any) -> None:
        """Choose whether a neuron sends its spikes."""
        block = check_block(neuron_block)
        block.registers = _rules.set_spike_mask(block.registers, [coord], [enable])

    @staticmethod
    def disable_spiking(coord: Any, neuron_block: Any) -> None:
        """Turn threshold and event output of a neuron off; the reference turns the output on."""
        block = check_block(neuron_block)
        block.registers = _rules.disable_spiking(block.registers, [coord])

    @staticmethod
    def disable_leak(coord: Any, neuron_block: Any) -> None:
        """Turn the leak of a neuron off as far as the chip can."""
        block = check_block(neuron_block)
        block.registers = _rules.disable_leak(block.registers, [coord])


_rules = neuron_block  # arguments of the methods have its name


class SingleCompartmentNeuron(morphology.SingleCompartmentNeuron, Morphology):
    """The shape of a neuron whose circuits share one membrane, equal to the :class:`bss2sim.SingleCompartmentNeuron`.

    Parameters
    ----------
    size : int
        Number of circuits, 1 .. 256.
    expand_horizontally : bool
        Whether the upper row is filled before the lower one.

    Raises
    ------
    ParameterError
        If the size is out of range.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.morphology.SingleCompartmentNeuron(2).compartments
    {CompartmentOnLogicalNeuron(0): [AtomicNeuronOnLogicalNeuron(0), AtomicNeuronOnLogicalNeuron(256)]}
    """

    __slots__ = ()

    def __init__(self, size: int, expand_horizontally: bool = False) -> None:
        super().__init__(size, expand_horizontally=expand_horizontally)

    @property
    def compartments(self) -> LogicalNeuronCompartments:
        """Circuits of the compartment, counted from the anchor."""
        columns, rows = self.offsets
        circuits = [AtomicNeuronOnLogicalNeuron(number) for number in (columns + N_COLUMN * rows).tolist()]
        return LogicalNeuronCompartments({CompartmentOnLogicalNeuron(): circuits})

    @property
    def logical_neuron(self) -> LogicalNeuronOnDLS:
        """The neuron with its anchor in circuit 0."""
        return LogicalNeuronOnDLS(self.compartments, 0)

    def place(self, anchor: Any) -> LogicalNeuronOnDLS:
        """Return the neuron with its anchor at a circuit; see :class:`bss2sim.SingleCompartmentNeuron`."""
        return LogicalNeuronOnDLS.of(super().place(anchor))

    def implement_morphology(self, coord: Any, neuron_block: Any) -> None:
        """Configure the circuits of a placed neuron as one: only the first has leak, capacitance, threshold and output."""
        block = check_block(neuron_block)
        sends = bool(block.registers["enable_digital"].values[coord.active.enum])
        block.registers = _rules.configure(block.registers, [coord], spike_mask=sends, enable_leak=True)

    def __reduce__(self) -> tuple[Any, tuple[int, bool]]:
        return SingleCompartmentNeuron, (self.size, self.expand_horizontally)
