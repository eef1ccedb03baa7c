"""Files of calibrations. Those of this package stand in for the nightly ones of a real chip."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.result import load_calibration
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.errors import FileError, choose, without_warnings

from ..connection import connected
from ..lola import Chip

# The nightly calibrations of a chip. Source: CX:scripts/calix_generate_default_calibration.py:175-184
TARGETS: dict[str, dict[str, Any]] = {
    "spiking": {},
    "spiking2": {"reset": 80, "threshold": 150, "tau_mem": 6e-6, "tau_syn": 6e-6, "synapse_dac_bias": 1000},
}
_folder: list[tempfile.TemporaryDirectory[str]] = []  # of this process; goes with it


def nightly_calib_path(name: str = "spiking") -> Path:
    """Return the file of a calibration of the chip of :func:`bss2sim.hxtorch.init_hardware`, which is made at the first call.

    Parameters
    ----------
    name : {"spiking", "spiking2"}
        To which target: the default one of calix; or threshold 150 and reset 80 LSB, time constants of 6 us, synapse_dac_bias 1000.

    Returns
    -------
    Path
        For ``ExecutionInstance(calib_path=)`` and ``load_calib``; it is gone with the process.

    Raises
    ------
    ParameterError
        If there is no target of this name.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.utils import calib_helper
    >>> hxsnn.ExecutionInstance(calib_path=calib_helper.nightly_calib_path("spiking2")).calib.achieved.sizes["atomic_neuron"]
    512
    """
    target = TARGETS[choose("name", name, TARGETS)]
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory(prefix="bss2sim-nightly-"))
    chip = connected().chip
    what = "-".join(str(value) for value in chip.provenance.values())
    path = Path(_folder[0].name) / f"{name}-{abs(hash(what)):x}.nc"
    if not path.exists():
        with without_warnings():  # of circuits that fail: runs warn of those they use
            calibrate(chip, NeuronCalibTarget(**target)).to_netcdf(path)
    return path


def nightly_calix_native_path(name: str = "spiking") -> Path:
    """Return the same file as :func:`nightly_calib_path`: there is one kind here.

    Parameters
    ----------
    name : {"spiking", "spiking2"}
        To which target.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        If there is no target of this name.

    Examples
    --------
    >>> from bss2sim.hxtorch.utils import calib_helper
    >>> calib_helper.nightly_calix_native_path() == calib_helper.nightly_calib_path()
    True
    """
    return nightly_calib_path(name)


def chip_from_file(path: str | Path) -> Chip:
    """Return the configuration of a chip from the file of a calibration.

    Parameters
    ----------
    path : str or Path
        As ``Calibration.to_netcdf`` writes it.

    Returns
    -------
    lola.Chip

    Raises
    ------
    FileError
        If the file cannot be read.

    Examples
    --------
    >>> from bss2sim.hxtorch.utils import calib_helper
    >>> chip = calib_helper.chip_from_file(calib_helper.nightly_calib_path())
    >>> chip.neuron_block.atomic_neurons[0].membrane_capacitance.capacitance
    63
    """
    return Chip(load_calibration(path).registers.drop_attrs(deep=False))


def calib_from_calix_native(path: str | Path) -> Any:
    """Return the calibration of a file; see :func:`bss2sim.load_calibration`.

    Parameters
    ----------
    path : str or Path
        As ``Calibration.to_netcdf`` writes it. The pickles of calix belong to a real chip and cannot be read.

    Returns
    -------
    Calibration

    Raises
    ------
    FileError
        If the file cannot be read.

    Examples
    --------
    >>> from bss2sim.hxtorch.utils import calib_helper
    >>> calib_helper.calib_from_calix_native(calib_helper.nightly_calix_native_path()).attrs["method"]
    'analytic'
    """
    return load_calibration(path)


def chip_from_portable_binary(data: bytes) -> Any:
    """Refuse: portable binaries hold the configuration of a real chip.

    Raises
    ------
    FileError
        Always.
    """
    raise FileError(
        f"a portable binary ({len(data)} bytes) holds the configuration of a real chip, with whose circuits the emulated "
        f"ones have nothing in "
        "common: calibrate the emulated chip, e.g. nightly_calib_path(), and use chip_from_file()"
    )


def target_from_calix_native(path: str | Path) -> Any:
    """Refuse: files of calibrations hold what was reached, not the target.

    Raises
    ------
    FileError
        Always.
    """
    raise FileError(
        f"{path}: files of calibrations hold registers and what they give, not the target; see "
        f"calib_from_calix_native(path).achieved"
    )
