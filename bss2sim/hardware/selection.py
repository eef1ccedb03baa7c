"""Which circuits a caller means: numbers, coordinates of circuits, or placed neurons."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from bss2sim.arrays import as_array
from bss2sim.errors import ParameterError
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON, AtomicNeuronOnDLS
from bss2sim.hardware.morphology import LogicalNeuronOnDLS

Placement = Iterable[LogicalNeuronOnDLS | Iterable[Any]]


def _enum(circuit: Any) -> int:
    """Number of a circuit; ParameterError if there is no such circuit."""
    try:
        number = operator.index(getattr(circuit, "enum", circuit))
    except TypeError as reason:
        raise ParameterError(
            f"a circuit must be a number 0 to {N_ATOMIC_NEURON - 1}; got {circuit!r}; give a number or an AtomicNeuronOnDLS"
        ) from reason
    if isinstance(circuit, bool) or not 0 <= number < N_ATOMIC_NEURON:
        raise ParameterError(f"a circuit must be 0 to {N_ATOMIC_NEURON - 1}; got {circuit!r}")
    return number


def _once(circuits: list[int]) -> np.ndarray:
    """Return numbers of circuits; ParameterError if one is there twice."""
    if len(set(circuits)) < len(circuits):
        twice = next(circuit for circuit in circuits if circuits.count(circuit) > 1)
        raise ParameterError(f"circuit {twice} is there twice; a circuit belongs to one neuron")
    return np.array(circuits, dtype=np.int64)


def _chosen(circuits: Any) -> list[list[int]]:
    """Numbers of the circuits of each entry: one of a circuit, all of a placed neuron."""
    if isinstance(circuits, LogicalNeuronOnDLS | AtomicNeuronOnDLS):
        circuits = [circuits]
    try:
        entries = list(circuits)
    except TypeError as reason:
        raise ParameterError(
            f"circuits must be a list of circuits or of placed neurons, e.g. [3] or what place() returns; got {circuits!r}"
        ) from reason
    return [
        [circuit.enum for circuit in entry.atomic_neurons] if isinstance(entry, LogicalNeuronOnDLS) else [_enum(entry)]
        for entry in entries
    ]


def all_circuits(circuits: Any) -> np.ndarray:
    """Return the numbers of circuits, with all those of placed neurons, int64 (circuit,).

    ParameterError if there is no such circuit or one is there twice.

    >>> all_circuits([7, LogicalNeuronOnDLS([3, 259])])
    array([  7,   3, 259])
    """
    return _once([circuit for entry in _chosen(circuits) for circuit in entry])


def active_circuits(circuits: Any) -> np.ndarray:
    """Return the numbers of circuits, of placed neurons that of the first circuit, int64 (entry,).

    ParameterError if there is no such circuit or one is there twice.

    >>> active_circuits([7, LogicalNeuronOnDLS([3, 259])])
    array([7, 3])
    """
    return _once([entry[0] for entry in _chosen(circuits)])


def placed_neurons(placement: Any) -> list[np.ndarray]:
    """Return the numbers of the circuits of every neuron, a list of int64 (circuit,).

    ParameterError if it is no list of neurons, there is no such circuit, or one is there twice.

    >>> placed_neurons([[7], LogicalNeuronOnDLS([3, 259])])
    [array([7]), array([  3, 259])]
    """
    if isinstance(placement, LogicalNeuronOnDLS):
        placement = [placement]
    remedy = "give what place() returns, or a list of circuits for each neuron, e.g. [[0, 1], [2, 3]]"
    try:
        entries = list(placement)
    except TypeError as reason:
        raise ParameterError(f"placement must be a list of neurons; got {placement!r}; {remedy}") from reason
    neurons = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, LogicalNeuronOnDLS):
            try:
                entry = list(entry)
            except TypeError as reason:
                raise ParameterError(f"neuron {index} of the placement is {entry!r}; {remedy}") from reason
        neurons.append(all_circuits(entry))
        if neurons[-1].size == 0:
            raise ParameterError(f"neuron {index} of the placement has no circuit; give it at least one")
    _once([circuit for neuron in neurons for circuit in neuron.tolist()])
    return neurons


def neuron_mask(spike_mask: Any, n_neuron: int) -> np.ndarray:
    """Return True or False for each neuron, bool (neuron,).

    ParameterError if they are no booleans, of another number, or masked.

    >>> neuron_mask(True, 3)
    array([ True,  True,  True])
    """
    mask = as_array("spike_mask", spike_mask, "True or False for each neuron", ParameterError)
    if mask.dtype != bool:
        raise ParameterError(f"spike_mask must be True or False for each neuron; got dtype {mask.dtype}")
    if mask.ndim > 1 or (mask.ndim and mask.size != n_neuron):
        raise ParameterError(f"spike_mask has shape {mask.shape}; give True, False or {n_neuron} of them")
    return np.broadcast_to(mask, n_neuron)
