"""Shapes of neurons on the chip, under the names of the reference."""

from __future__ import annotations

from typing import Any

from bss2sim.hardware import morphology
from bss2sim.hardware.coordinates import N_COLUMN

from .halco import (
    AtomicNeuronOnLogicalNeuron,
    CompartmentOnLogicalNeuron,
    LogicalNeuronCompartments,
    LogicalNeuronOnDLS,
)


class SingleCompartmentNeuron(morphology.SingleCompartmentNeuron):
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

    def __reduce__(self) -> tuple[Any, tuple[int, bool]]:
        return SingleCompartmentNeuron, (self.size, self.expand_horizontally)
