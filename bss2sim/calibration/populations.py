"""Populations of neurons that are placed on circuits: the calibration fields of every circuit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.arrays import as_array
from bss2sim.errors import ParameterError
from bss2sim.hardware.registers import N_ATOMIC_NEURON

from .target_fields import FIELDS, name_circuits

# Where a population's defaults are not those of a target: hxtorch's neurons; HS:modules/iaf_neuron.py:42-70
_DEFAULTS = {name: field.default for name, field in FIELDS.items()} | {"reset": 80.0, "refractory_time": 1e-6}
_OF_CHIP = ("i_synin_gm", "synapse_dac_bias")


def _circuits_of(where: str, circuits: Any) -> np.ndarray:
    """Return the circuits of a population as integers (neuron, circuit)."""
    array = as_array(f"{where}: circuits", circuits, "integers (neuron,) or (neuron, circuit)", ParameterError)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
        raise ParameterError(
            f"{where}: circuits must be integers of shape (neuron,) or (neuron, circuit), at least one; "
            f"got shape {np.shape(circuits)}, dtype {array.dtype}"
        )
    bad = array[(array < 0) | (array >= N_ATOMIC_NEURON)]
    if bad.size:
        raise ParameterError(f"{where}: circuits must be 0 to {N_ATOMIC_NEURON - 1}; got {bad[0]}")
    return array.astype(np.int64)


def _value_of(population: Any, name: str) -> Any:
    """Return a field of a population, or the default of neurons."""
    if isinstance(population, Mapping):
        return population.get(name, _DEFAULTS[name])
    return getattr(population, name, _DEFAULTS[name])


def _per_neuron(where: str, name: str, value: Any, size: int) -> xr.DataArray:
    """Label a value of a population: dims (own dims, [synaptic_input], [neuron])."""
    pair = "synaptic_input" in FIELDS[name].dims
    if isinstance(value, tuple) and len(value) == 2 and pair:
        parts = [_per_neuron(where, name, part, size) for part in value]
        both = xr.concat(xr.broadcast(*parts), "synaptic_input", coords="minimal", compat="override")
        return both.transpose(..., *(dim for dim in ("synaptic_input", "neuron") if dim in both.dims))
    if isinstance(value, xr.DataArray):
        array = value.drop_vars([dim for dim in ("neuron", "synaptic_input") if dim in value.coords])
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
    if array.sizes.get("neuron", size) != size:
        raise ParameterError(f"{where}: {name} has {array.sizes['neuron']} entries along neuron; circuits has {size}")
    return array.transpose(..., *(dim for dim in ("synaptic_input", "neuron") if dim in array.dims))


def _write(base: xr.DataArray, value: xr.DataArray, circuits: np.ndarray) -> xr.DataArray:
    """Return `base` with the values of a population on its circuits."""
    if "neuron" in value.dims:
        spread = value.isel(neuron=np.repeat(np.arange(len(circuits)), circuits.shape[1]))
        spread = spread.rename(neuron="atomic_neuron").assign_coords(atomic_neuron=circuits.ravel())
        spread = spread.reindex(atomic_neuron=np.arange(N_ATOMIC_NEURON)).drop_vars("atomic_neuron")
    else:
        spread = value
    mine = xr.DataArray(np.isin(np.arange(N_ATOMIC_NEURON), circuits), dims="atomic_neuron")
    return xr.where(mine, spread, base)


def _same(one: Any, other: Any) -> bool:
    """Whether two values of the whole chip are the same; a number is the pair of twice itself."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape and other.shape and one.shape != other.shape:
        return False
    return bool(np.all(one == other))


def place_populations(populations: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Return the fields of a target that gives each population what it asks for on its circuits.

    Parameters
    ----------
    populations : iterable of (population, circuits)
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
    try:
        entries = [(population, circuits) for population, circuits in populations]
    except (TypeError, ValueError) as error:
        raise ParameterError(f"populations must be pairs (population, circuits): {error}") from None
    for index, (population, circuits) in enumerate(entries):
        where = f"population {index}"
        placed = _circuits_of(where, circuits)
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
        for name in fields:
            value = _per_neuron(where, name, _value_of(population, name), len(placed))
            fields[name] = _write(fields[name], value, placed)
        for name in _OF_CHIP:
            value = _value_of(population, name)
            first, known = of_chip.setdefault(name, (index, value))
            if not _same(known, value):
                raise ParameterError(
                    f"{name} is one of the whole chip: population {first} asks for {known}, {where} for {value}"
                )
    chip = {name: of_chip.get(name, (0, FIELDS[name].default))[1] for name in _OF_CHIP}
    whole = {
        name: array.transpose(..., *(d for d in FIELDS[name].dims if d in array.dims)) for name, array in fields.items()
    }
    return {**whole, **chip}
