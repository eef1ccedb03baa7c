"""Which circuits the numbered neurons of an execution instance have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bss2sim.errors import ParameterError, first_few
from bss2sim.hardware.morphology import SingleCompartmentNeuron
from bss2sim.hardware.placement import place

from .halco import LogicalNeuronOnDLS as Placed
from .morphology import SingleCompartmentNeuron as Shape


def _structure(shape: Any) -> SingleCompartmentNeuron:
    """Return the structure whose circuits a shape has; ParameterError if there is none."""
    if isinstance(shape, SingleCompartmentNeuron):
        return shape
    circuits = next(iter(shape.values()), ()) if isinstance(shape, dict) else ()
    for horizontal in (False, True) if circuits else ():
        structure = Shape(len(circuits), horizontal)
        if structure.compartments == shape:
            return structure
    raise ParameterError(f"shape must be the compartments of a SingleCompartmentNeuron; got {shape!r}")


def _ids(neuron_id: Any) -> list[int]:
    """Return numbers of neurons as a list."""
    return [int(one) for one in neuron_id] if isinstance(neuron_id, Iterable) else [int(neuron_id)]


class NeuronPlacement:
    """The circuits of numbered neurons.

    Examples
    --------
    >>> from bss2sim.hxtorch.morphology import SingleCompartmentNeuron
    >>> from bss2sim.hxtorch.neuron_placement import NeuronPlacement
    >>> placement = NeuronPlacement()
    >>> placement.register_id([0, 1], SingleCompartmentNeuron(2).compartments)
    >>> placement.id2logicalneuron(1)
    LogicalNeuronOnDLS([1, 257])
    """

    def __init__(self) -> None:
        self._placed: dict[int, Placed] = {}

    def register_id(self, neuron_id: Any, shape: Any, placement_constraint: Any = None) -> None:
        """Place neurons: where they are wanted, else at the first circuits that are free.

        Parameters
        ----------
        neuron_id : int or list of int
            Numbers that are not placed yet.
        shape : LogicalNeuronCompartments
            Of each neuron, that of a SingleCompartmentNeuron.
        placement_constraint : LogicalNeuronOnDLS, or list of them, optional
            One for each neuron.

        Raises
        ------
        ParameterError
            If a neuron is placed already, its circuits are taken, there is no room, or an argument is of another kind.
        """
        ids = _ids(neuron_id)
        again = [one for k, one in enumerate(ids) if one in self._placed or one in ids[:k]]
        if again:
            raise ParameterError(f"neuron {first_few(again)} has circuits already; a neuron is registered once")
        single = placement_constraint is not None and not isinstance(placement_constraint, list | tuple | np.ndarray)
        constraint = [placement_constraint] if single else placement_constraint
        found = place(_structure(shape), len(ids), placement_constraint=constraint, used=self._placed.values())
        self._placed.update(zip(ids, map(Placed.of, found), strict=True))

    def has_id(self, neuron_id: Any) -> bool:
        """Whether all of these neurons are placed."""
        return all(one in self._placed for one in _ids(neuron_id))

    def id2logicalneuron(self, neuron_id: Any) -> Any:
        """Return the circuits of a neuron, or of a list of them.

        Parameters
        ----------
        neuron_id : int or list of int

        Returns
        -------
        LogicalNeuronOnDLS or list of LogicalNeuronOnDLS

        Raises
        ------
        ParameterError
            If a neuron is not placed.
        """
        ids = _ids(neuron_id)
        missing = [one for one in ids if one not in self._placed]
        if missing:
            raise ParameterError(
                f"neuron {first_few(missing)} has no circuits yet; call register_hw_entity() of its module"
            )
        found = [self._placed[one] for one in ids]
        return found if isinstance(neuron_id, Iterable) else found[0]
