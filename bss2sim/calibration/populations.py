"""Populations of neurons that are placed on circuits: the calibration fields of every circuit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.arrays import as_array
from bss2sim.errors import ParameterError
from bss2sim.hardware.coordinates import AtomicNeuronOnDLS
from bss2sim.hardware.morphology import LogicalNeuronOnDLS
from bss2sim.hardware.registers import N_ATOMIC_NEURON
from bss2sim.hardware.shared_placement import place_together
from bss2sim.variables import SYNAPTIC_INPUTS

from .target_fields import FIELDS, name_circuits

# Where a population's defaults are not those of a target: hxtorch's neurons; HS:modules/iaf_neuron.py:42-70
_DEFAULTS = {name: field.default for name, field in FIELDS.items()} | {"reset": 80.0, "refractory_time": 1e-6}
_OF_CHIP = ("i_synin_gm", "synapse_dac_bias")


def _enums(circuits: Any) -> tuple[list[Any], list[int]] | None:
    """Return circuits and whose they are, if they are coordinates; None if they are numbers."""
    if isinstance(circuits, AtomicNeuronOnDLS | LogicalNeuronOnDLS):
        circuits = [circuits]
    if not isinstance(circuits, list | tuple):
        return None
    flat: list[Any] = []
    owners: list[int] = []
    for neuron, entry in enumerate(circuits):
        parts = entry.atomic_neurons if isinstance(entry, LogicalNeuronOnDLS) else entry
        parts = parts if isinstance(parts, list | tuple) else (parts,)
        if not all(isinstance(part, AtomicNeuronOnDLS) for part in parts):
            return None
        flat += [part.enum for part in parts]
        owners += [neuron] * len(parts)
    return flat, owners


def _circuits_of(where: str, circuits: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the circuits of a population as integers, and to which of its neurons each belongs."""
    placed = _enums(circuits)
    shape = "integers (neuron,) or (neuron, circuit), or a list of LogicalNeuronOnDLS or AtomicNeuronOnDLS"
    array = as_array(f"{where}: circuits", circuits if placed is None else placed[0], shape, ParameterError)
    if array.ndim not in (1, 2) or array.dtype.kind not in "iu" or not array.size:
        raise ParameterError(
            f"{where}: circuits must be {shape}, at least one; got shape {np.shape(array)}, dtype {array.dtype}"
        )
    owners = np.repeat(np.arange(len(array)), array[0].size) if placed is None else np.array(placed[1])
    bad = array[(array < 0) | (array >= N_ATOMIC_NEURON)]
    if bad.size:
        raise ParameterError(f"{where}: circuits must be 0 to {N_ATOMIC_NEURON - 1}; got {bad[0]}")
    return array.ravel().astype(np.int64), owners


def _value_of(population: Any, name: str) -> Any:
    """Return a field of a population on the chip, or the default of neurons."""
    if isinstance(population, Mapping):
        return population.get(name, _DEFAULTS[name])
    if _is_placed_by_itself(population) and hasattr(population, name):
        # of a parameter with one value in the model and another on the chip the target is the latter
        return population.hardware_value(name)
    return getattr(population, name, _DEFAULTS[name])


def _is_placed_by_itself(population: Any) -> bool:
    """Whether something is a population that knows where its neurons are, as IAFNeuron."""
    return callable(getattr(population, "place", None)) and callable(getattr(population, "hardware_value", None))


def _entries(populations: Any) -> list[tuple[Any, Any, bool]]:
    """Return populations with their circuits; those that come without are placed beside the others and marked."""
    if _is_placed_by_itself(populations):
        populations = [populations]
    try:
        given = list(populations)
    except TypeError as error:
        raise ParameterError(f"populations must be pairs (population, circuits) or populations: {error}") from None
    plain = [index for index, entry in enumerate(given) if _is_placed_by_itself(entry)]
    pairs = {index: entry for index, entry in enumerate(given) if index not in plain}
    for index, entry in pairs.items():
        try:
            population, circuits = entry
        except (TypeError, ValueError) as error:
            raise ParameterError(f"populations must be pairs (population, circuits) or populations: {error}") from None
        pairs[index] = (population, circuits)
    if plain:
        used = [
            int(k) for index, (_, circuits) in pairs.items() for k in _circuits_of(f"population {index}", circuits)[0]
        ]
        placed = place_together([given[index] for index in plain], [f"population {index}" for index in plain], used)
        pairs |= {index: (given[index], where) for index, where in zip(plain, placed, strict=True)}
    return [(*pairs[index], index in plain) for index in range(len(given))]


def _check_own_place(index: int, population: Any, where: list[Any]) -> None:
    """Refuse a population that would be elsewhere when it runs: there it does not know of the others."""
    alone = population.place()
    if alone != where:
        raise ParameterError(
            f"population {index} comes to {where[0]!r} ... beside the others, but runs at {alone[0]!r} ...: first give every "
            "population its place, e.g. hidden, readout = share_chip(hidden, readout), and make the target of what comes back"
        )


def _per_neuron(where: str, name: str, value: Any, size: int) -> xr.DataArray:
    """Label a value of a population: dims (own dims, [synaptic_input], [neuron])."""
    pair = "synaptic_input" in FIELDS[name].dims
    if isinstance(value, tuple) and len(value) == 2 and pair:
        parts = [_per_neuron(where, name, part, size) for part in value]
        both = xr.concat(xr.broadcast(*parts), "synaptic_input", coords="minimal", compat="override")
        return both.transpose(..., *(dim for dim in ("synaptic_input", "neuron") if dim in both.dims))
    if isinstance(value, xr.DataArray):
        array = _in_order(where, name, value, {"neuron": np.arange(size), "synaptic_input": np.array(SYNAPTIC_INPUTS)})
    else:
        plain = as_array(f"{where}: {name}", value, "a number or an array (neuron,)", ParameterError)
        shapes = {(): (), (size,): ("neuron",)}
        if pair:
            shapes |= {(2, size): ("synaptic_input", "neuron")} | ({(2,): ("synaptic_input",)} if size != 2 else {})
        if plain.shape not in shapes:
            raise ParameterError(
                f"{where}: {name} has shape {plain.shape}; give a number, an array of shape ({size},)"
                + (f" or (2, {size})" if pair else "")
                + ", or a DataArray"
            )
        array = xr.DataArray(plain, dims=shapes[plain.shape])
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{where}: {name} must be real numbers; got dtype {array.dtype}")
    if array.sizes.get("neuron", size) != size:
        raise ParameterError(f"{where}: {name} has {array.sizes['neuron']} entries along neuron; circuits has {size}")
    return array.transpose(..., *(dim for dim in ("synaptic_input", "neuron") if dim in array.dims))


def _in_order(where: str, name: str, value: xr.DataArray, known: dict[str, np.ndarray]) -> xr.DataArray:
    """Return an array sorted by its labels of neurons and inputs, without these."""
    for dim, labels in known.items():
        if dim in value.dims and dim in value.coords:
            given = value.coords[dim].values
            if len(given) == len(labels) and sorted(given.tolist(), key=str) == sorted(labels.tolist(), key=str):
                value = value.isel({dim: [given.tolist().index(label) for label in labels.tolist()]})
            elif len(given) == len(labels):
                raise ParameterError(
                    f"{where}: {name} has other labels along {dim} than {labels[0]} .. {labels[-1]}; drop them if their "
                    f"order is that of the circuits, with .drop_vars({dim!r})"
                )
    return value.drop_vars([dim for dim in known if dim in value.coords])


def _write(base: xr.DataArray, value: xr.DataArray, circuits: np.ndarray, owners: np.ndarray) -> xr.DataArray:
    """Return `base` with the values of a population on its circuits."""
    if "neuron" in value.dims:
        spread = value.isel(neuron=owners)
        spread = spread.rename(neuron="atomic_neuron").assign_coords(atomic_neuron=circuits)
        spread = spread.reindex(atomic_neuron=np.arange(N_ATOMIC_NEURON)).drop_vars("atomic_neuron")
    else:
        spread = value
    mine = xr.DataArray(np.isin(np.arange(N_ATOMIC_NEURON), circuits), dims="atomic_neuron")
    xr.align(spread, base, join="exact", copy=False)
    return xr.where(mine, spread, base)


def _of_chip(what: str, value: Any) -> xr.DataArray:
    """Label a value of the whole chip: dims (own dims, [synaptic_input])."""
    if isinstance(value, tuple) and len(value) == 2 and any(isinstance(part, xr.DataArray) for part in value):
        parts = [_of_chip(what, part) for part in value]
        return xr.concat(xr.broadcast(*parts), "synaptic_input", coords="minimal", compat="override")
    if isinstance(value, xr.DataArray):
        return value
    array = as_array(what, value, "a number, a pair, an array or a DataArray", ParameterError)
    return xr.DataArray(array, dims="synaptic_input" if array.shape == (2,) else None)


def same_on_chip(what: str, one: Any, other: Any) -> bool:
    """Whether two values of the whole chip are the same; a number is the pair of twice itself."""
    mine, theirs = _of_chip(what, one), _of_chip(what, other)
    if (set(mine.dims) ^ set(theirs.dims)) - {"synaptic_input"}:
        return False
    try:
        mine, theirs = xr.align(mine, theirs, join="exact")
        return bool((mine == theirs).all())
    except ValueError:  # dims of other lengths or labels
        return False


def place_populations(populations: Iterable[Any]) -> dict[str, Any]:
    """Return the fields of a target that gives each population what it asks for on its circuits.

    Parameters
    ----------
    populations : iterable of (population, circuits), or of populations
        As in :meth:`bss2sim.calibration.target.NeuronCalibTarget.from_populations`.

    Returns
    -------
    dict
        Arguments of :class:`bss2sim.calibration.target.NeuronCalibTarget`.

    Raises
    ------
    ParameterError
        If a circuit does not exist or is claimed twice, or populations contradict each other.
    """
    fields = {name: xr.DataArray(field.default) for name, field in FIELDS.items() if name not in _OF_CHIP}
    owner = np.full(N_ATOMIC_NEURON, -1)
    of_chip: dict[str, tuple[int, Any]] = {}
    entries = _entries(populations)
    for index, (population, circuits, _) in enumerate(entries):
        where = f"population {index}"
        placed, owners = _circuits_of(where, circuits)
        numbers, counts = np.unique(placed, return_counts=True)
        twice = numbers[(counts > 1) | (owner[numbers] >= 0)]
        if twice.size:
            other = owner[twice[0]] if owner[twice[0]] >= 0 else index
            raise ParameterError(f"{where} and population {other} both claim {name_circuits(twice)}")
        owner[numbers] = index
        if isinstance(population, Mapping):
            unknown = [key for key in population if key not in FIELDS]
            if unknown:
                raise ParameterError(f"{where} has {unknown[0]!r}, which no target has; known: {', '.join(FIELDS)}")
        elif not any(hasattr(population, name) for name in FIELDS):
            raise ParameterError(
                f"{where} is no population, {type(population).__name__} has none of {', '.join(FIELDS)}; give populations or "
                "pairs (population, circuits), in a list"
            )
        for name in fields:
            try:
                array = _per_neuron(where, name, _value_of(population, name), int(owners[-1]) + 1)
                fields[name] = _write(fields[name], array, placed, owners)
            except ValueError as error:
                if isinstance(error, ParameterError):
                    raise
                raise ParameterError(
                    f"{where}: {name} has dims of other sizes or labels than before, or than its other input: {error}"
                ) from None
        for name in _OF_CHIP:
            value = _value_of(population, name)
            if isinstance(value, tuple) and any(isinstance(part, xr.DataArray) for part in value):
                value = _of_chip(f"{where}: {name}", value)
            first, known = of_chip.setdefault(name, (index, value))
            if not same_on_chip(f"{where}: {name}", known, value):
                raise ParameterError(
                    f"{name} is one of the whole chip: population {first} asks for {known}, {where} for {value}"
                )
    for index, (population, circuits, by_itself) in enumerate(entries):
        if by_itself:
            _check_own_place(index, population, circuits)
    chip = {name: of_chip.get(name, (0, FIELDS[name].default))[1] for name in _OF_CHIP}
    whole = {
        name: array.transpose(..., *(d for d in FIELDS[name].dims if d in array.dims)) for name, array in fields.items()
    }
    return {**whole, **chip}
