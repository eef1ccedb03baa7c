"""Offset and scale of CADC traces: one number, one of each neuron, or looked up by where a neuron is on the chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import as_array
from .errors import ParameterError, choose, first_few
from .parameter_values import as_labelled, read_only, refuse_bad

TRACE_ARGUMENTS = ("trace_offset", "trace_scale")


def check_trace(name: str, value: Any, size: int) -> Any:
    """Return a float, a read-only DataArray (neuron,), or a dict of floats by circuit or neuron on the chip.

    Raises ParameterError if it is none of these, or a number is not finite.
    """
    if isinstance(value, Mapping):
        return _check_mapping(name, value)
    array, dims, _ = as_labelled(name, value, size)
    if set(dims) - {"neuron"}:
        raise ParameterError(
            f"{name} has the dims {dims}; give a number, an array of shape ({size},), or a mapping of circuits to numbers"
        )
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{name} must be real numbers; got {value!r}")
    refuse_bad(name, ~np.isfinite(array), array, dims, "finite", "")
    return float(array) if array.ndim == 0 else read_only(array, dims, {}, np.float64)


def _check_mapping(name: str, value: Mapping[Any, Any]) -> dict[Any, float]:
    """Check keys and values of a mapping."""
    from .hardware.coordinates import AtomicNeuronOnDLS
    from .hardware.morphology import LogicalNeuronOnDLS

    if not value:
        raise ParameterError(f"{name} is an empty mapping; give a number, or an entry for each neuron")
    checked = {}
    for key, entry in value.items():
        if not isinstance(key, AtomicNeuronOnDLS | LogicalNeuronOnDLS):
            raise ParameterError(
                f"{name} must have AtomicNeuronOnDLS or LogicalNeuronOnDLS as keys; got {key!r}; give an array for numbers "
                "in the order of the neurons"
            )
        array = as_array(f"{name} of {key!r}", entry, "a number", ParameterError)
        if array.ndim or array.dtype.kind not in "iuf" or not np.isfinite(array):
            raise ParameterError(f"{name} of {key!r} must be a finite real number; got {entry!r}")
        checked[key] = float(array)
    return checked


def trace_values(name: str, value: Any, placement: Sequence[Any], size: int) -> np.ndarray:
    """Return the number of each neuron, float64 (neuron,).

    Parameters
    ----------
    name : {"trace_offset", "trace_scale"}
        What it is.
    value : float, DataArray or dict
        As :func:`check_trace` returns it.
    placement : sequence of LogicalNeuronOnDLS
        Where the neurons are.
    size : int
        How many there are.

    Returns
    -------
    ndarray, shape (neuron,), float64
        Of a mapping the entry of the neuron, else that of its first circuit, the one that is read out.

    Raises
    ------
    ParameterError
        If a neuron has no entry, or the placement is of other neurons.
    """
    choose("name", name, TRACE_ARGUMENTS)
    placement = list(placement)
    if len(placement) != size:
        raise ParameterError(f"placement has {len(placement)} neurons; the population has {size}")
    if not isinstance(value, dict):
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,)).copy()
    found = [value.get(neuron, value.get(neuron.active)) for neuron in placement]
    missing = [f"neuron {k} ({placement[k]!r})" for k, number in enumerate(found) if number is None]
    if missing:
        raise ParameterError(
            f"{name} has no entry for {first_few(missing)}; add them, by LogicalNeuronOnDLS or by the "
            "AtomicNeuronOnDLS of their first circuit, or give placement_constraint"
        )
    return np.array(found, dtype=np.float64)
