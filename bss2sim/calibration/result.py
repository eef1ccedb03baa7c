"""What a calibration found: registers, what they give, and which circuits it failed for; kept in files."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bss2sim.errors import Bss2SimError, FileError, refuse_unknown_keywords
from bss2sim.hardware.registers import REGISTERS, check_registers
from bss2sim.variables import VARIABLES, check_variable

__all__ = ["Calibration", "calibration_id", "load_calibration"]

KIND = "bss2sim calibration"
_TEXTS = ("kind", "bss2sim_version", "method", "rule", "chip_seed", "calibration_id", "checksum")


def calibration_id(registers: xr.Dataset) -> str:
    """Return the name of a set of registers: 16 hexadecimal digits of the SHA-256 of their numbers.

    Parameters
    ----------
    registers : Dataset
        As :func:`bss2sim.hardware.registers.check_registers` returns it.

    Returns
    -------
    str
        The same for the same dims and numbers, on every machine.

    Examples
    --------
    >>> import xarray as xr
    >>> from bss2sim.calibration.result import calibration_id
    >>> calibration_id(xr.Dataset({"clock_scale_slow_code": ((), 3)}))
    '051ac9d30f49b8f4'
    """
    return _digest(registers)[:16]


def _digest(dataset: xr.Dataset) -> str:
    """SHA-256 of names, dims and numbers: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.data_vars)):
        array = dataset[name]
        digest.update(repr((name, tuple(map(str, array.dims)), array.shape)).encode())
        if array.dtype.kind in "UO":
            digest.update(repr(array.values.ravel().tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(array.values, "<f8" if array.dtype.kind == "f" else "<i8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Calibration:
    """The result of :func:`bss2sim.calibration.calibrate.calibrate`.

    Parameters
    ----------
    registers : Dataset
        Codes and switches of every circuit, by register; dims (..., atomic_neuron) and as in
        :data:`bss2sim.hardware.registers.REGISTERS`.
    achieved : Dataset
        What they give, by quantity: potentials [CADC LSB], times [s], ``synaptic_strength`` [CADC LSB per weight LSB].
    residual : Dataset
        ``residual_<quantity>``: achieved less target, in the unit of the quantity.
    success : DataArray of bool (..., atomic_neuron)
        Circuits all of whose quantities were calibrated.
    reason : DataArray of str (..., atomic_neuron)
        Why a circuit failed, one clause a quantity; empty if it did not.
    attrs : mapping
        ``bss2sim_version``, ``method``, ``rule``, ``seed``, ``chip_seed``, ``calibration_id``.

    Examples
    --------
    >>> from bss2sim.calibration.calibrate import calibrate
    >>> from bss2sim.calibration.target import NeuronCalibTarget
    >>> from bss2sim.hardware.chip import EmulatedChip
    >>> calibration = calibrate(EmulatedChip(seed=7), NeuronCalibTarget(threshold=125, reset=80))
    >>> bool(abs(calibration.residual.residual_threshold).max() < 0.2)
    True
    """

    registers: xr.Dataset
    achieved: xr.Dataset
    residual: xr.Dataset
    success: xr.DataArray
    reason: xr.DataArray
    attrs: Mapping[str, Any]

    def __repr__(self) -> str:
        """Say how many circuits succeeded, and how."""
        done = f"{int(self.success.sum())} of {self.success.size} circuits"
        return f"<Calibration {self.attrs['calibration_id']}: {done}, method {self.attrs['method']!r}>"

    def to_dataset(self) -> xr.Dataset:
        """Return everything as one Dataset, as :meth:`to_netcdf` writes it."""
        parts = {**self.registers.data_vars, **self.achieved.data_vars, **self.residual.data_vars}
        both = {"success": self.success, "reason": self.reason}
        return xr.Dataset({**parts, **both}, attrs={"kind": KIND, **self.attrs})

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write a netCDF file; :func:`load_calibration` reads it. A file that is there is replaced at the end.

        Parameters
        ----------
        path : path
            Name of the file.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        path = Path(path)
        dataset = self.to_dataset()
        dataset.attrs["checksum"] = _digest(dataset)
        try:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".calibration-") as folder:
                written = Path(folder) / path.name
                dataset.to_netcdf(written)
                os.replace(written, path)
        except OSError as error:
            raise FileError(f"the calibration cannot be written to {path}: {error}") from error


def _read(path: Path) -> xr.Dataset:
    """Read all of a netCDF file, or say why that cannot be."""
    if not path.is_file():
        raise FileError(f"there is no file {path}; write one with Calibration.to_netcdf()")
    try:
        return xr.load_dataset(path)
    except Exception as error:  # each netCDF library has its own kinds of errors for damaged files
        raise FileError(f"{path} is damaged or no netCDF file: {type(error).__name__}: {error}") from error


def _as_registered(dataset: xr.Dataset) -> xr.Dataset:
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


@refuse_unknown_keywords
def load_calibration(path: str | os.PathLike[str]) -> Calibration:
    """Read a calibration that :meth:`Calibration.to_netcdf` wrote, and check all of it.

    Parameters
    ----------
    path : path
        Name of the file.

    Returns
    -------
    Calibration

    Raises
    ------
    FileError
        If the file does not exist, is damaged, holds something else, or its variables have other names, dims, dtypes or
        ranges than a calibration's.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from bss2sim.calibration.calibrate import calibrate
    >>> from bss2sim.calibration.result import load_calibration
    >>> from bss2sim.calibration.target import NeuronCalibTarget
    >>> from bss2sim.hardware.chip import EmulatedChip
    >>> calibration = calibrate(EmulatedChip(seed=7), NeuronCalibTarget())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     calibration.to_netcdf(pathlib.Path(folder) / "chip7.nc")
    ...     again = load_calibration(pathlib.Path(folder) / "chip7.nc")
    >>> again.registers.equals(calibration.registers)
    True
    """
    path = Path(path)
    dataset = _read(path)
    if dataset.attrs.get("kind") != KIND:
        raise FileError(
            f"{path} is no calibration: its attribute `kind` is {dataset.attrs.get('kind')!r}, not {KIND!r}"
        )
    lacking = [name for name in (*_TEXTS, "seed") if name not in dataset.attrs]
    lacking += [name for name in ("success", "reason", *REGISTERS) if name not in dataset.data_vars]
    if lacking:
        raise FileError(f"{path} is no whole calibration: it lacks {', '.join(lacking)}")
    dataset = _as_registered(dataset)
    try:
        for name, array in dataset.data_vars.items():
            check_variable(str(name), array.dims, array.dtype)
        registers = check_registers(dataset[list(REGISTERS)].drop_attrs(deep=False))
    except (TypeError, Bss2SimError) as error:
        raise FileError(f"{path} holds what no calibration has: {error}") from error
    if _digest(dataset) != dataset.attrs["checksum"] or calibration_id(registers) != dataset.attrs["calibration_id"]:
        raise FileError(f"{path} is damaged: its numbers are not those that were written")
    rest = [str(name) for name in dataset.data_vars if name not in {*REGISTERS, "success", "reason"}]
    attrs = {key: _plain(value) for key, value in dataset.attrs.items() if key not in ("kind", "checksum")}
    plain = dataset.drop_attrs(deep=False).assign_attrs(attrs)
    return Calibration(
        registers.assign_attrs(attrs),
        plain[[name for name in rest if not name.startswith("residual_")]],
        plain[[name for name in rest if name.startswith("residual_")]],
        plain["success"],
        plain["reason"],
        attrs,
    )


def _plain(value: Any) -> Any:
    """Numbers come back as NumPy's."""
    return value.item() if isinstance(value, np.generic) else value
