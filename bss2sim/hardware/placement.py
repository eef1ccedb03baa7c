"""Which circuits of the chip the neurons of a population take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import as_whole
from ..errors import ParameterError, refuse_unknown_keywords
from .coordinates import N_ATOMIC_NEURON, N_COLUMN_HALF, AtomicNeuronOnDLS
from .morphology import LogicalNeuronOnDLS, SingleCompartmentNeuron

_FREE, _USED_BEFORE = -1, -2  # else the index of the neuron that has the circuit


def _list(what: str, value: Any) -> list[Any]:
    """Return the entries of a list of neurons or circuits; ParameterError for what is none."""
    try:
        return list(value)
    except TypeError as reason:
        raise ParameterError(f"{what} must be a list of circuits or neurons; got {value!r}") from reason


def _owners(used: Iterable[Any]) -> np.ndarray:
    """Mark the circuits that are used already, int64 (atomic_neuron,)."""
    owner = np.full(N_ATOMIC_NEURON, _FREE)
    for entry in _list("used", used):
        circuits = entry.atomic_neurons if isinstance(entry, LogicalNeuronOnDLS) else (AtomicNeuronOnDLS(entry),)
        owner[[circuit.enum for circuit in circuits]] = _USED_BEFORE
    return owner


def _first_fit(structure: SingleCompartmentNeuron, n_neuron: int, owner: np.ndarray) -> list[LogicalNeuronOnDLS]:
    """Take anchors in enum order where the shape fits and all its circuits are free."""
    columns, rows = structure.offsets
    shape = columns + 256 * rows
    anchors = np.arange(N_ATOMIC_NEURON)
    inside = anchors % N_COLUMN_HALF + structure.width <= N_COLUMN_HALF
    anchors = anchors[inside & (anchors // 256 + structure.height <= 2)]
    placed: list[LogicalNeuronOnDLS] = []
    for anchor in anchors.tolist():
        if len(placed) == n_neuron:
            break
        circuits = anchor + shape
        if (owner[circuits] == _FREE).all():
            owner[circuits] = len(placed)
            placed.append(LogicalNeuronOnDLS(circuits.tolist()))
    if len(placed) < n_neuron:
        before = int(np.count_nonzero(owner == _USED_BEFORE))
        raise ParameterError(
            f"there is no room for {n_neuron} neurons: {len(placed)} of {structure!r} fit on the chip, which has 512 circuits, "
            f"{before} of them used before; take fewer or smaller neurons, or free circuits"
        )
    return placed


def _constrained(
    structure: SingleCompartmentNeuron, constraint: list[Any], owner: np.ndarray
) -> list[LogicalNeuronOnDLS]:
    """Place every neuron where it is wanted."""
    placed: list[LogicalNeuronOnDLS] = []
    for index, entry in enumerate(constraint):
        try:
            corner = entry.anchor if isinstance(entry, LogicalNeuronOnDLS) else entry
            neuron = structure.place(corner)
        except ParameterError as reason:
            raise ParameterError(f"placement_constraint, neuron {index}: {reason}") from reason
        if isinstance(entry, LogicalNeuronOnDLS) and entry != neuron:
            raise ParameterError(
                f"placement_constraint, neuron {index}: {entry!r} is not of the shape {structure!r}, which is {neuron!r} there"
            )
        circuits = np.array([circuit.enum for circuit in neuron.atomic_neurons])
        taken = circuits[owner[circuits] != _FREE]
        if taken.size:
            other = int(owner[taken[0]])
            who = (
                "is used already, by `used`"
                if other == _USED_BEFORE
                else f"belongs to neuron {other}, {placed[other]!r}"
            )
            raise ParameterError(
                f"placement_constraint, neuron {index}: circuit {taken[0]} of {neuron!r} {who}; choose circuits that are free"
            )
        owner[circuits] = index
        placed.append(neuron)
    return placed


@refuse_unknown_keywords
def place(
    structure: SingleCompartmentNeuron,
    n_neuron: int,
    *,
    placement_constraint: Iterable[Any] | None = None,
    used: Iterable[Any] = (),
) -> list[LogicalNeuronOnDLS]:
    """Give every neuron of a population its circuits.

    Without a constraint each neuron takes the first anchor, in the order of the enum, where its shape fits and all its
    circuits are free. Anchors where the shape would cross the border of its half of the chip or leave the rows are passed
    over. hxtorch stops there with an error, so a shape whose width does not divide 128 never reaches the right half.
    Source: HS:neuron_placement.py:71-101.

    Parameters
    ----------
    structure : SingleCompartmentNeuron
        The shape of each neuron.
    n_neuron : int
        How many there are.
    placement_constraint : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS, optional
        One entry for each neuron: its anchor, or the placed neuron, which must have the shape `structure`.
    used : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS, optional
        Circuits that other populations have.

    Returns
    -------
    list of LogicalNeuronOnDLS
        One for each neuron, in their order.

    Raises
    ------
    ParameterError
        If there is no room for all, the constraint has another length than the population, a place is not on the chip, or
        two neurons want the same circuit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> place(SingleCompartmentNeuron(2), 2, used=[0])
    [LogicalNeuronOnDLS([1, 257]), LogicalNeuronOnDLS([2, 258])]
    >>> place(SingleCompartmentNeuron(1), 2, placement_constraint=[300, 7])
    [LogicalNeuronOnDLS([300]), LogicalNeuronOnDLS([7])]
    """
    if not isinstance(structure, SingleCompartmentNeuron):
        raise ParameterError(f"structure must be a SingleCompartmentNeuron; got {type(structure).__name__}")
    number = as_whole("n_neuron", n_neuron)
    owner = _owners(used)
    if placement_constraint is None:
        return _first_fit(structure, number, owner)
    constraint = _list("placement_constraint", placement_constraint)
    if len(constraint) != number:
        raise ParameterError(
            f"placement_constraint has {len(constraint)} entries for {number} neurons; give one entry for each neuron"
        )
    return _constrained(structure, constraint, owner)
