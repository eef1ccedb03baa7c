"""Coordinates of the chip under the names of ``dlens_vx_v3.halco``, as far as scripts with neurons use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

from bss2sim.errors import ParameterError
from bss2sim.hardware import coordinates, morphology

__all__ = [
    "AtomicNeuronOnDLS",
    "AtomicNeuronOnLogicalNeuron",
    "CommonNeuronBackendConfigOnDLS",
    "CompartmentOnLogicalNeuron",
    "DLSGlobal",
    "EnumRanged_256_",
    "EnumRanged_512_",
    "LogicalNeuronCompartments",
    "LogicalNeuronOnDLS",
    "NeuronColumnOnDLS",
    "NeuronConfigOnDLS",
    "NeuronRowOnDLS",
    "Ranged",
    "SynapticInputOnNeuron",
    "iter_all",
]


class Ranged(int):
    """A whole number from 0 to size - 1.

    Attributes
    ----------
    size, min, max : int
        How many there are, the smallest and the largest one; of the class.

    Examples
    --------
    >>> from bss2sim.hxtorch.halco import NeuronRowOnDLS
    >>> NeuronRowOnDLS(1), NeuronRowOnDLS.max, NeuronRowOnDLS(1).value()
    (NeuronRowOnDLS(1), 1, 1)
    """

    size: ClassVar[int]
    min: ClassVar[int] = 0
    max: ClassVar[int]

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Note the largest number."""
        super().__init_subclass__(**keywords)
        cls.max = cls.size - 1

    def __new__(cls, value: Any = 0) -> Self:
        """Check the range."""
        return super().__new__(cls, coordinates.one_in_range(cls.__name__, value, cls.size))

    def toEnum(self) -> int:
        """Return the number."""
        return int(self)

    def value(self) -> int:
        """Return the number."""
        return int(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"


class EnumRanged_256_(Ranged):
    """A whole number from 0 to 255."""

    size = coordinates.N_COLUMN


class EnumRanged_512_(Ranged):
    """A whole number from 0 to 511."""

    size = coordinates.N_ATOMIC_NEURON


class NeuronRowOnDLS(Ranged):
    """Row of circuits, 0 (top) or 1."""

    size = coordinates.N_ROW
    top: ClassVar[NeuronRowOnDLS]
    bottom: ClassVar[NeuronRowOnDLS]


NeuronRowOnDLS.top, NeuronRowOnDLS.bottom = NeuronRowOnDLS(0), NeuronRowOnDLS(1)


class NeuronColumnOnDLS(Ranged):
    """Column of circuits, 0 to 255."""

    size = coordinates.N_COLUMN


class NeuronConfigOnDLS(Ranged):
    """Configuration of a circuit, 0 to 511."""

    size = coordinates.N_ATOMIC_NEURON


class CommonNeuronBackendConfigOnDLS(Ranged):
    """Configuration that the circuits of a half of the chip share, 0 or 1."""

    size = 2


class SynapticInputOnNeuron(Ranged):
    """Synaptic input of a circuit, 0 (excitatory) or 1."""

    size = 2


class CompartmentOnLogicalNeuron(Ranged):
    """Compartment of a neuron; neurons have one here."""

    size = 1


class AtomicNeuronOnLogicalNeuron(Ranged):
    """Circuit of a neuron, counted from its anchor: 256 row + column."""

    size = coordinates.N_ATOMIC_NEURON


class DLSGlobal(Ranged):
    """Chip of an experiment; there is one, 0."""

    size = 1


class AtomicNeuronOnDLS(coordinates.AtomicNeuronOnDLS):
    """One neuron circuit, equal to the :class:`bss2sim.AtomicNeuronOnDLS` of the same place.

    Parameters
    ----------
    *place : int, or NeuronRowOnDLS and NeuronColumnOnDLS
        Number 0 .. 511; or row and column, in either order.
    **named : int
        column= and row= instead.

    Raises
    ------
    ParameterError
        If a number is out of range, or there are more than two.

    Examples
    --------
    >>> from bss2sim.hxtorch.halco import AtomicNeuronOnDLS, NeuronColumnOnDLS, NeuronRowOnDLS
    >>> AtomicNeuronOnDLS(NeuronColumnOnDLS(37), NeuronRowOnDLS(1)) == AtomicNeuronOnDLS(293)
    True
    """

    __slots__ = ()
    size: ClassVar[int] = coordinates.N_ATOMIC_NEURON

    def __init__(self, *place: Any, **named: Any) -> None:
        if len(place) == 2 and not named:
            rows = [part for part in place if isinstance(part, NeuronRowOnDLS)]
            columns = [part for part in place if isinstance(part, NeuronColumnOnDLS)]
            if len(rows) != 1 or len(columns) != 1:
                raise ParameterError(f"AtomicNeuronOnDLS takes a NeuronRowOnDLS and a NeuronColumnOnDLS; got {place}")
            super().__init__(column=columns[0], row=rows[0])
        elif len(place) > 1:
            raise ParameterError(f"AtomicNeuronOnDLS takes one number, or a row and a column; got {place}")
        else:
            super().__init__(*place, **named)

    def toEnum(self) -> EnumRanged_512_:
        """Return the number 0 .. 511."""
        return EnumRanged_512_(self.enum)

    def toNeuronRowOnDLS(self) -> NeuronRowOnDLS:
        """Return the row."""
        return NeuronRowOnDLS(self.row)

    def toNeuronColumnOnDLS(self) -> NeuronColumnOnDLS:
        """Return the column."""
        return NeuronColumnOnDLS(self.column)


class LogicalNeuronCompartments(dict[Any, Any]):
    """Circuits of each compartment of a neuron, counted from its anchor.

    Parameters
    ----------
    compartments : mapping
        CompartmentOnLogicalNeuron -> list of AtomicNeuronOnLogicalNeuron.

    Raises
    ------
    ParameterError
        If there is not exactly one compartment.

    Examples
    --------
    >>> from bss2sim.hxtorch.halco import AtomicNeuronOnLogicalNeuron, CompartmentOnLogicalNeuron, LogicalNeuronCompartments
    >>> LogicalNeuronCompartments({CompartmentOnLogicalNeuron(): [AtomicNeuronOnLogicalNeuron(0)]})
    {CompartmentOnLogicalNeuron(0): [AtomicNeuronOnLogicalNeuron(0)]}
    """

    def __init__(self, compartments: Mapping[Any, Iterable[Any]]) -> None:
        if len(compartments) != 1:
            raise ParameterError(f"a neuron has one compartment here; got {len(compartments)}")
        super().__init__(
            {
                CompartmentOnLogicalNeuron(key): [AtomicNeuronOnLogicalNeuron(circuit) for circuit in circuits]
                for key, circuits in compartments.items()
            }
        )


class LogicalNeuronOnDLS(morphology.LogicalNeuronOnDLS):
    """A neuron placed on the chip, equal to the :class:`bss2sim.LogicalNeuronOnDLS` of the same circuits.

    Parameters
    ----------
    compartments : LogicalNeuronCompartments
        Its shape.
    anchor : AtomicNeuronOnDLS
        Where its circuit 0 is.

    Raises
    ------
    ParameterError
        If the circuits are not on the chip, in both halves of it, or do not hang together.

    Examples
    --------
    >>> from bss2sim.hxtorch import halco
    >>> shape = halco.LogicalNeuronCompartments({halco.CompartmentOnLogicalNeuron(): [0, 256]})
    >>> halco.LogicalNeuronOnDLS(shape, halco.AtomicNeuronOnDLS(5)).get_atomic_neurons()
    [AtomicNeuronOnDLS(5), AtomicNeuronOnDLS(261)]
    """

    __slots__ = ()

    def __init__(self, compartments: Mapping[Any, Iterable[Any]], anchor: Any) -> None:
        corner = AtomicNeuronOnDLS(anchor)
        (circuits,) = LogicalNeuronCompartments(compartments).values()
        placed = []
        for circuit in circuits:
            row, column = divmod(int(circuit), coordinates.N_COLUMN)
            placed.append(AtomicNeuronOnDLS(column=corner.column + column, row=corner.row + row))
        super().__init__(placed)

    @classmethod
    def of(cls, neuron: morphology.LogicalNeuronOnDLS) -> Self:
        """Return a placed neuron of :mod:`bss2sim` with these methods."""
        found = cls.__new__(cls)
        object.__setattr__(
            found, "atomic_neurons", tuple(AtomicNeuronOnDLS(circuit) for circuit in neuron.atomic_neurons)
        )
        return found

    def get_atomic_neurons(self) -> list[coordinates.AtomicNeuronOnDLS]:
        """Return its circuits."""
        return list(self.atomic_neurons)

    def get_placed_compartments(self) -> dict[CompartmentOnLogicalNeuron, list[coordinates.AtomicNeuronOnDLS]]:
        """Return the circuits of its compartment."""
        return {CompartmentOnLogicalNeuron(): self.get_atomic_neurons()}


def iter_all(coordinate: Any) -> Iterator[Any]:
    """Return all values of a coordinate, in order.

    Parameters
    ----------
    coordinate : type
        One of this module that has a `size`.

    Returns
    -------
    iterator

    Examples
    --------
    >>> from bss2sim.hxtorch.halco import NeuronRowOnDLS, iter_all
    >>> list(iter_all(NeuronRowOnDLS))
    [NeuronRowOnDLS(0), NeuronRowOnDLS(1)]
    """
    return map(coordinate, range(coordinate.size))
