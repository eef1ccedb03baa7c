"""What a calibration in a file must be: its checksum, and the checks of what was read."""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import FileError
from bss2sim.hardware.quantities import NEEDED
from bss2sim.hardware.registers import REGISTERS, check_registers
from bss2sim.variables import TRIAL, VARIABLES, check_variable

KIND = "bss2sim calibration"
TEXTS = ("kind", "bss2sim_version", "method", "rule", "chip_seed", "calibration_id", "checksum")
METHODS = ("analytic", "search")
RULES = ("default", "calix")
ALWAYS = ("refractory_time", "holdoff_time")  # made by the registers, whatever the chip
UNAIMED = ("capacitance", "drift")  # quantities without a target
MAY_LACK = "synaptic_strength"  # has no residual if it was not calibrated


def numbers_digest(dataset: xr.Dataset) -> str:
    """SHA-256 of names, dims and numbers of the variables: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.data_vars)):
        _add_variable(digest, name, dataset.variables[name])
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _heading(name: str, dims: tuple[Hashable, ...], shape: tuple[int, ...]) -> bytes:
    """Name, dims and shape of a variable as bytes."""
    return repr((name, tuple(map(str, dims)), shape)).encode()


def _add_variable(digest: Any, name: str, array: xr.Variable) -> None:
    """Add name, dims and numbers of a variable; not the width of its integers, which files change."""
    digest.update(_heading(name, array.dims, array.shape))
    values = array.values
    if values.dtype.kind not in "fiubmM":
        digest.update(repr(values.ravel().tolist()).encode())
    elif values.dtype.kind in "mM":
        digest.update(values.astype(f"{values.dtype.kind}8[ns]").astype("<i8").tobytes())
    else:
        digest.update(np.ascontiguousarray(values, "<f8" if values.dtype.kind == "f" else "<i8").tobytes())


def checksum(dataset: xr.Dataset) -> str:
    """SHA-256 of all of a Dataset but its attribute ``checksum``: numbers, labels and attributes."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        array = dataset.variables[name]
        _add_variable(digest, name, array)
        digest.update(repr((name in dataset.coords, _sorted_attrs(array.attrs))).encode())
    digest.update(repr(_sorted_attrs(dataset.attrs)).encode())
    return digest.hexdigest()


def _sorted_attrs(attrs: Any) -> list[tuple[str, Any]]:
    """Attributes in order, with numbers as Python's."""
    return sorted((str(key), plain(value)) for key, value in attrs.items() if key != "checksum")


def plain(value: Any) -> Any:
    """Return a number or an array as Python's: NumPy's come back from files."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def check_attrs(where: str, attrs: dict[str, Any]) -> None:
    """Refuse attributes that no calibration has."""
    kind = attrs.get("kind")
    if not isinstance(kind, str) or kind != KIND:
        raise FileError(f"{where} is no calibration: its attribute `kind` is {kind!r}, not {KIND!r}")
    lacking = [name for name in (*TEXTS, "seed") if name not in attrs]
    if lacking:
        raise FileError(f"{where} is no whole calibration: it lacks {', '.join(lacking)}")
    for name in TEXTS:
        if not isinstance(attrs[name], str):
            raise FileError(f"{where} is no calibration: its attribute `{name}` is {attrs[name]!r}, which is no text")
    for name, known in (("method", METHODS), ("rule", RULES)):
        if attrs[name] not in known:
            raise FileError(
                f"{where} is no calibration: its attribute `{name}` is {attrs[name]!r}, not one of {', '.join(known)}"
            )
    try:
        operator.index(plain(attrs["seed"]))
    except TypeError:
        raise FileError(
            f"{where} is no calibration: its attribute `seed` is {attrs['seed']!r}, no whole number"
        ) from None


def check_parts(where: str, dataset: xr.Dataset) -> None:
    """Refuse variables that no calibration has, lacks, or has with other dims, dtypes or numbers."""
    names = [str(name) for name in dataset.data_vars]
    for name in names:
        check_variable(name, dataset[name].dims, dataset[name].dtype)
    check_registers(dataset[list(REGISTERS)])
    lacking = [name for name in ALWAYS if name not in names]
    emulated = "chip_configuration" in dataset.attrs
    quantities = [name for name in NEEDED if name in names or emulated]
    lacking += [name for name in quantities if name not in names]
    residuals = [f"residual_{name}" for name in quantities if name not in UNAIMED]
    lacking += [name for name in residuals if name not in names and name != f"residual_{MAY_LACK}"]
    if lacking:
        raise FileError(f"{where} is no whole calibration: it lacks {', '.join(dict.fromkeys(lacking))}")
    lead = dataset["success"].dims[:-1]
    known = {"success", "reason", *REGISTERS, *quantities, *residuals}
    for name in names:
        array = dataset[name]
        own = tuple(dim for dim in VARIABLES[name].dims if dim != TRIAL)
        if name not in known:
            raise FileError(f"{where} holds what no calibration has: {name}")
        if array.dims != (*lead, *own):
            raise FileError(f"{where} holds what no calibration has: {name} has dims {array.dims}, not {(*lead, *own)}")
        if name in quantities and (np.isnan(array.values) | (array.values == -np.inf)).any():
            raise FileError(f"{where} holds what no calibration has: {name} has entries that are no number")
    if not np.array_equal(dataset["success"].values, dataset["reason"].values == ""):
        raise FileError(f"{where} is damaged: circuits that failed must have a reason, and the others none")


def as_registered(dataset: xr.Dataset) -> xr.Dataset:
    """Give the variables the dtype of the registry: netCDF3 has no 64-bit integers, and strings come back as objects."""
    changed = {}
    for name, array in dataset.variables.items():
        registered = VARIABLES.get(str(name))
        wanted = registered.dtype if registered else ""
        if wanted == "int64" and array.dtype.kind == "i":
            changed[name] = array.astype(np.int64)
        elif wanted == "str" and (array.dtype.kind == "O" and all(isinstance(x, str) for x in array.values.flat)):
            changed[name] = array.astype(str)
    return dataset.assign_coords({n: v for n, v in changed.items() if n in dataset.coords}).assign(
        {n: v for n, v in changed.items() if n not in dataset.coords}
    )
