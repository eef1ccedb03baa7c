"""Populations that share a chip: those that say where they want to be come first, the others fill what is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import ParameterError
from .morphology import LogicalNeuronOnDLS


def place_together(
    populations: Sequence[Any], names: Sequence[str], used: Iterable[Any] = ()
) -> list[list[LogicalNeuronOnDLS]]:
    """Place populations so that no circuit is in two of them.

    Parameters
    ----------
    populations : sequence of populations
        Each with ``placement_constraint`` and ``place(used)``, as :class:`bss2sim.IAFNeuron`.
    names : sequence of str
        What messages call them.
    used : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS
        Circuits that nobody may have.

    Returns
    -------
    list of list of LogicalNeuronOnDLS
        Of each population, in the order given. Those with a constraint are placed first, then the others in their order,
        each at the first free circuits.

    Raises
    ------
    ParameterError
        If two constraints want one circuit, or there is no room.
    """
    constrained = [k for k, one in enumerate(populations) if one.placement_constraint is not None]
    free = [k for k, one in enumerate(populations) if one.placement_constraint is None]
    taken = list(used)
    owner: dict[Any, int] = {}
    placed: list[list[LogicalNeuronOnDLS]] = [[] for _ in populations]
    for index in constrained + free:
        for neuron in populations[index].placement_constraint or ():
            for circuit in neuron.atomic_neurons:
                if circuit in owner:
                    raise ParameterError(
                        f"{names[owner[circuit]]} and {names[index]} both have {circuit!r} in their placement_constraint; move "
                        "one of them, or leave its placement_constraint away"
                    )
        try:
            placed[index] = populations[index].place(taken)
        except ParameterError as reason:
            raise ParameterError(f"{names[index]}: {reason}") from reason
        taken += placed[index]
        owner.update((circuit, index) for neuron in placed[index] for circuit in neuron.atomic_neurons)
    return placed
