"""What a calibration found: registers, what they give, and which circuits it failed for; kept in files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import xarray as xr

from bss2sim.errors import Bss2SimError, FileError, refuse_unknown_keywords
from bss2sim.hardware.registers import REGISTERS, check_registers

from .result_checks import KIND, as_registered, check_attrs, check_parts, checksum, numbers_digest, plain

__all__ = ["Calibration", "calibration_id", "load_calibration"]


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
    return numbers_digest(registers)[:16]


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

    Attributes
    ----------
    bss2 : Bss2Accessor
        Pictures: ``calibration.bss2.histograms()``, ``calibration.bss2.residuals("threshold")``.

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

    @property
    def bss2(self) -> Any:
        """Pictures: ``histograms()`` and ``residuals()`` of :class:`bss2sim.accessor.Bss2Accessor`."""
        return self.to_dataset().bss2

    def to_dataset(self) -> xr.Dataset:
        """Return everything as one Dataset, as :meth:`to_netcdf` writes it.

        Returns
        -------
        Dataset
            Registers, quantities, residuals, ``success`` and ``reason``.

        Examples
        --------
        >>> import bss2sim as b2
        >>> dataset = b2.calibrate(b2.EmulatedChip(seed=7), b2.NeuronCalibTarget()).to_dataset()
        >>> dict(dataset.sizes)
        {'atomic_neuron': 512, 'synaptic_input': 2, 'capmem_block': 4}
        """
        parts = {**self.registers.data_vars, **self.achieved.data_vars, **self.residual.data_vars}
        both = {"success": self.success, "reason": self.reason}
        return xr.Dataset({**parts, **both}, attrs={"kind": KIND, **self.attrs})

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write a netCDF file; :func:`load_calibration` reads it. A file that is there is replaced at the end.

        If `path` is a symbolic link, the file it leads to is replaced.

        Parameters
        ----------
        path : path
            Name of the file.

        Raises
        ------
        FileError
            If `path` is no name of a file, the file cannot be written, or cannot hold the dims or labels.

        Examples
        --------
        >>> import bss2sim as b2
        >>> calibration = b2.calibrate(b2.EmulatedChip(seed=7), b2.NeuronCalibTarget())
        >>> calibration.to_netcdf("chip7.nc")  # doctest: +SKIP
        """
        where = file_to_write(path)
        dataset = self.to_dataset()
        dataset.attrs["checksum"] = checksum(dataset)
        try:
            # some netCDF libraries write complex labels in a way of their own, which the others cannot read
            if any(coord.dtype.kind == "c" for coord in dataset.coords.values()):
                raise ValueError("complex numbers are no netCDF type")
            with tempfile.TemporaryDirectory(dir=where.parent, prefix=".calibration-") as folder:
                written = Path(folder) / where.name
                dataset.to_netcdf(written)
                if checksum(as_registered(xr.load_dataset(written))) != dataset.attrs["checksum"]:
                    raise ValueError("a label or an attribute does not come back from a netCDF file as it is")
                os.replace(written, where)
        except OSError as error:
            # not the name of the temporary file
            raise FileError(f"the calibration cannot be written to {where}: {error.strerror or error}") from error
        # each netCDF library has its own kinds of errors for names and labels it cannot hold
        except Exception as error:
            raise FileError(
                f"the calibration cannot be written to {where}: a netCDF file cannot hold its dims ({self._dims()}), "
                f"their labels or its attributes: {error}"
            ) from error

    def _dims(self) -> str:
        """Leading dims, for a message."""
        return ", ".join(map(repr, self.success.dims[:-1])) or "none"


def file_to_write(path: Any) -> Path:
    """Return where a calibration is to be written.

    Raises
    ------
    FileError
        If there can be no file of that name.
    """
    # the file that a link leads to is replaced, not the link
    where = Path(os.path.realpath(_as_path(path)))
    if where.is_dir():
        raise FileError(f"the calibration cannot be written to {where}: it is a directory; name a file in it")
    if not where.parent.is_dir():
        raise FileError(
            f"the calibration cannot be written to {where}: there is no directory {where.parent}; make it first"
        )
    return where


def _as_path(path: Any) -> Path:
    """Return a path that can be the name of a file."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = path
    if not isinstance(text, str):
        raise FileError(f"path must be the name of a file, a str or os.PathLike; got {path!r}")
    if not text or "\0" in text:
        raise FileError(f"path must be the name of a file, without null characters; got {text!r}")
    try:
        os.path.lexists(text)
        os.stat(os.path.realpath(text))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # too long, a loop of links, a folder that may not be read
        shown = text if len(text) < 200 else f"{text[:60]}... ({len(text)} characters)"
        raise FileError(
            f"{shown!r} cannot be the name of a file: {getattr(error, 'strerror', None) or error}"
        ) from error
    return Path(text)


def _read(path: Path) -> xr.Dataset:
    """Read all of a netCDF file, or say why that cannot be."""
    if path.is_dir():
        raise FileError(f"{path} is a directory; name the file in it")
    if not path.is_file():
        raise FileError(f"there is no file {path}; write one with Calibration.to_netcdf()")
    try:
        return xr.load_dataset(path)
    except Exception as error:  # each netCDF library has its own kinds of errors for damaged files
        raise FileError(f"{path} {why_unreadable(error, 'netCDF file')}") from error


def why_unreadable(error: BaseException, kind: str) -> str:
    """Say why a file cannot be read; what libraries say of damaged ones is no help, and many lines."""
    if isinstance(error, PermissionError | IsADirectoryError):
        # HDF5's own text has several lines
        return f"cannot be read: {os.strerror(error.errno) if error.errno else error}"
    lacking = kind == "netCDF file" and not any(find_spec(name) for name in ("h5netcdf", "netCDF4"))
    return f"is damaged, or no {kind}" + lacking * "; files of netCDF 4 need pip install 'bss2sim[netcdf]'"


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
        If `path` is no name of a file, the file does not exist, is damaged (the checksum is one of all numbers, labels and
        attributes), holds something else, or its variables have other names, dims, dtypes or ranges than a calibration's.
    UnknownKeywordError
        If an argument does not exist.

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
    path = _as_path(path)
    dataset = _read(path)
    check_attrs(str(path), dataset.attrs)
    lacking = [name for name in ("success", "reason", *REGISTERS) if name not in dataset.data_vars]
    if lacking:
        raise FileError(f"{path} is no whole calibration: it lacks {', '.join(lacking)}")
    dataset = as_registered(dataset)
    try:
        check_parts(str(path), dataset)
        registers = check_registers(dataset[list(REGISTERS)].drop_attrs(deep=False))
    except FileError:
        raise
    except (TypeError, Bss2SimError) as error:
        raise FileError(f"{path} holds what no calibration has: {error}") from error
    if checksum(dataset) != dataset.attrs["checksum"] or calibration_id(registers) != dataset.attrs["calibration_id"]:
        raise FileError(f"{path} is damaged: its numbers, labels or attributes are not those that were written")
    rest = [str(name) for name in dataset.data_vars if name not in {*REGISTERS, "success", "reason"}]
    attrs = {str(key): plain(value) for key, value in dataset.attrs.items() if key not in ("kind", "checksum")}
    bare = dataset.drop_attrs(deep=False).assign_attrs(attrs)
    return Calibration(
        registers.assign_attrs(attrs),
        bare[[name for name in rest if not name.startswith("residual_")]],
        bare[[name for name in rest if name.startswith("residual_")]],
        bare["success"],
        bare["reason"],
        attrs,
    )
