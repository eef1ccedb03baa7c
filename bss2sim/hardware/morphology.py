"""Neurons made of several circuits: their shape, and where they sit on the chip."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import as_whole
from ..errors import ParameterError, refuse_unknown_keywords
from .coordinates import N_COLUMN_HALF, N_ROW, AtomicNeuronOnDLS


@functools.total_ordering
class LogicalNeuronOnDLS:
    """A neuron of one compartment, placed on the chip. Immutable, hashable, ordered by its circuits.

    Parameters
    ----------
    atomic_neurons : iterable of AtomicNeuronOnDLS or int
        Its circuits. They must be in one half of the chip and hang together: the switches that join circuits reach
        the right neighbour and the other row, and not from column 127 to 128. Source: LO:morphology.h:92-100.

    Attributes
    ----------
    atomic_neurons : tuple of AtomicNeuronOnDLS
        The circuits in the order given.
    active : AtomicNeuronOnDLS
        The first circuit: the only one with leak, capacitance, threshold, spikes and readout. Source: HS:morphology.py:183-200.
    anchor : AtomicNeuronOnDLS
        Corner of the shape: its left-most column and top-most row. Source: HC-s:neuron.cpp:508-555.

    Raises
    ------
    ParameterError
        If there is no circuit, one is named twice, they are in both halves, or do not hang together.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> neuron = LogicalNeuronOnDLS([3, 259, 4])
    >>> neuron.active, neuron.anchor, len(neuron)
    (AtomicNeuronOnDLS(3), AtomicNeuronOnDLS(3), 3)
    """

    __slots__ = ("atomic_neurons",)
    atomic_neurons: tuple[AtomicNeuronOnDLS, ...]

    @refuse_unknown_keywords
    def __init__(self, atomic_neurons: Iterable[Any]) -> None:
        try:
            neurons = tuple(atomic_neurons)
        except TypeError as reason:
            raise ParameterError(f"atomic_neurons must be a list of circuits; got {atomic_neurons!r}") from reason
        neurons = tuple(
            neuron if isinstance(neuron, AtomicNeuronOnDLS) else AtomicNeuronOnDLS(neuron) for neuron in neurons
        )
        _check_compartment([neuron.enum for neuron in neurons])
        object.__setattr__(self, "atomic_neurons", neurons)

    active = property(lambda self: self.atomic_neurons[0])

    @property
    def anchor(self) -> AtomicNeuronOnDLS:
        """Corner of the shape: its left-most column and top-most row."""
        column = min(neuron.column for neuron in self.atomic_neurons)
        return AtomicNeuronOnDLS(column=column, row=min(neuron.row for neuron in self.atomic_neurons))

    def __len__(self) -> int:
        return len(self.atomic_neurons)

    def __eq__(self, other: object) -> bool:
        return self.atomic_neurons == other.atomic_neurons if isinstance(other, LogicalNeuronOnDLS) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.atomic_neurons < other.atomic_neurons if isinstance(other, LogicalNeuronOnDLS) else NotImplemented

    def __hash__(self) -> int:
        return hash((LogicalNeuronOnDLS, self.atomic_neurons))

    def __setattr__(self, name: str, value: object = None) -> None:
        raise AttributeError("LogicalNeuronOnDLS is immutable; make a new one")

    __delattr__ = __setattr__

    def __reduce__(self) -> tuple[type, tuple[tuple[AtomicNeuronOnDLS, ...]]]:
        return LogicalNeuronOnDLS, (self.atomic_neurons,)

    def __repr__(self) -> str:
        return f"LogicalNeuronOnDLS([{', '.join(str(neuron.enum) for neuron in self.atomic_neurons)}])"


def _check_compartment(enums: list[int]) -> None:
    """Refuse circuits that cannot be one compartment."""
    if not enums:
        raise ParameterError("atomic_neurons is empty; a neuron needs at least one circuit")
    twice = [enum for enum in enums if enums.count(enum) > 1] if len(set(enums)) < len(enums) else []
    if twice:
        raise ParameterError(f"atomic_neurons names circuit {twice[0]} twice; a circuit is in a neuron once")
    halves = {enum // N_COLUMN_HALF % 2 for enum in enums}
    if len(halves) > 1:
        raise ParameterError(
            f"circuits {enums} are in both halves of the chip; a neuron stays in columns 0 .. 127 or 128 .. 255"
        )
    rest, reached = set(enums), {enums[0]}
    while reached:  # from circuit to neighbour; both halves at once do not occur, so columns do not wrap
        rest -= reached
        reached = rest & {n for enum in reached for n in (enum - 1, enum + 1, enum - 256, enum + 256)}
    if rest:
        raise ParameterError(
            f"circuit {min(rest)} touches none of the others of its neuron {enums}; circuits are joined to the left, the right "
            "and the other row"
        )


class SingleCompartmentNeuron:
    """The shape of a neuron whose circuits share one membrane. Immutable and hashable.

    More circuits see more synapses: each has the 256 of its own column and row. The first circuit is the active one: leak,
    capacitance and threshold of all others are off, and it gives the analog output. Source: HS:morphology.py:141-200.

    Parameters
    ----------
    size : int
        Number of circuits, 1 .. 256, the circuits of half a chip.
    expand_horizontally : bool, default False
        False fills columns first: (column 0, row 0), (0, 1), (1, 0), (1, 1) ... True fills the upper row of the half chip
        before the lower one.

    Attributes
    ----------
    size : int
    expand_horizontally : bool
    width, height : int
        Columns and rows the shape takes.

    Raises
    ------
    ParameterError
        If the size is not 1 .. 256, or `expand_horizontally` not True or False.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> SingleCompartmentNeuron(3).place(10)
    LogicalNeuronOnDLS([10, 266, 11])
    >>> SingleCompartmentNeuron(3, expand_horizontally=True).place(10)
    LogicalNeuronOnDLS([10, 11, 12])
    """

    __slots__ = ("expand_horizontally", "size")
    size: int
    expand_horizontally: bool

    @refuse_unknown_keywords
    def __init__(self, size: int, *, expand_horizontally: bool = False) -> None:
        number = as_whole("size", size)
        if number > N_ROW * N_COLUMN_HALF:
            raise ParameterError(f"size must be at most 256 circuits, those of half a chip; got {number}")
        if not isinstance(expand_horizontally, bool | np.bool_):
            raise ParameterError(f"expand_horizontally must be True or False; got {expand_horizontally!r}")
        object.__setattr__(self, "size", number)
        object.__setattr__(self, "expand_horizontally", bool(expand_horizontally))

    @property
    def offsets(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of the circuits, counted from the anchor, int64 (circuit,)."""
        circuit = np.arange(self.size)
        if self.expand_horizontally:
            return circuit % N_COLUMN_HALF, circuit // N_COLUMN_HALF
        return circuit // N_ROW, circuit % N_ROW

    width = property(lambda self: int(self.offsets[0].max()) + 1)
    height = property(lambda self: int(self.offsets[1].max()) + 1)

    def place(self, anchor: int | AtomicNeuronOnDLS) -> LogicalNeuronOnDLS:
        """Return the neuron whose left-most column and top-most row are those of a circuit.

        Parameters
        ----------
        anchor : int or AtomicNeuronOnDLS

        Returns
        -------
        LogicalNeuronOnDLS

        Raises
        ------
        ParameterError
            If the anchor is no circuit, or the shape leaves the rows or its half of the chip, which ends at column 127 or 255.
            Source: HC-s:neuron.cpp:508-555.

        Examples
        --------
        >>> SingleCompartmentNeuron(2).place(5).atomic_neurons
        (AtomicNeuronOnDLS(5), AtomicNeuronOnDLS(261))
        """
        corner = AtomicNeuronOnDLS(anchor)
        last_row, last_column = corner.row + self.height - 1, corner.column + self.width - 1
        if last_row >= N_ROW:
            raise ParameterError(
                f"{self!r} is {self.height} rows high and does not fit below {corner!r} in row {corner.row}; "
                f"choose an anchor in row 0"
            )
        if last_column // N_COLUMN_HALF != corner.column // N_COLUMN_HALF:
            end = 127 if corner.column < N_COLUMN_HALF else 255
            raise ParameterError(
                f"{self!r} at {corner!r} reaches from column {corner.column} to {last_column}, beyond column {end} where that half "
                f"of the chip ends; choose an anchor in columns up to {end + 1 - self.width}"
            )
        columns, rows = self.offsets
        return LogicalNeuronOnDLS((corner.enum + columns + 256 * rows).tolist())

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, SingleCompartmentNeuron) else NotImplemented

    def __hash__(self) -> int:
        return hash((SingleCompartmentNeuron, self._key))

    _key = property(lambda self: (self.size, self.expand_horizontally))

    def __setattr__(self, name: str, value: object = None) -> None:
        raise AttributeError("SingleCompartmentNeuron is immutable; make a new one")

    __delattr__ = __setattr__

    def __reduce__(self) -> tuple[Any, tuple[int, bool]]:
        return _shape, (self.size, self.expand_horizontally)

    def __repr__(self) -> str:
        return f"SingleCompartmentNeuron({self.size}{', expand_horizontally=True' if self.expand_horizontally else ''})"


def _shape(size: int, expand_horizontally: bool) -> SingleCompartmentNeuron:
    """Make a shape again that was pickled."""
    return SingleCompartmentNeuron(size, expand_horizontally=expand_horizontally)
