"""Which modules are executed together, and with which calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from bss2sim.errors import ParameterError, refuse_unknown_keywords


class ExecutionInstance:
    """Modules that are on the chip at the same time.

    In mock mode it groups modules and numbers their neurons, no more. In hardware mode its populations share the chip.

    Parameters
    ----------
    calib_path : str or Path, optional
        File of a :class:`bss2sim.Calibration`, loaded at once; acts in hardware mode.
    calib_cache_dir : str or Path, optional
        Where hxtorch keeps calibrations; here they take less time than a file does, and the path is only checked.
    input_loopback : bool
        Whether input spikes come back from the chip; acts in hardware mode.

    Attributes
    ----------
    ID : int
        Number of the instance in this process.
    calib : Calibration, Dataset of registers or None
        What was loaded, or made by a run.
    populations : list
        Populations of the last run, or calibration.
    modules : list
        Modules that were made with it, in their order.
    id_counter : int
        Number of neurons that are numbered so far.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type.
    FileError
        If the file cannot be read.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> instance = hxsnn.ExecutionInstance()
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> neurons = hxsnn.IAFNeuron(4, experiment, execution_instance=instance)
    >>> instance.modules == [neurons], instance.id_counter
    (True, 4)
    """

    _instance_counter = 0

    @refuse_unknown_keywords
    def __init__(
        self,
        calib_path: str | Path | None = None,
        calib_cache_dir: str | Path | None = None,
        input_loopback: bool = False,
    ) -> None:
        for name, path in (("calib_path", calib_path), ("calib_cache_dir", calib_cache_dir)):
            if path is not None and not isinstance(path, str | Path):
                raise ParameterError(f"{name} must be a path; got {path!r}")
        if not isinstance(input_loopback, bool):
            raise ParameterError(f"input_loopback must be True or False; got {input_loopback!r}")
        self._id = ExecutionInstance._instance_counter
        ExecutionInstance._instance_counter += 1
        self.calib_cache_dir = None if calib_cache_dir is None else Path(calib_cache_dir)
        self.input_loopback = input_loopback
        self.calib: Any = None
        self.calib_is_given = False
        self.calibrated_to: Any = None  # (chip, target)
        self.n_calibrated = 0
        self.populations: list[Any] = []
        self.modules: list[Any] = []
        self.id_counter = 0
        if calib_path is not None:
            self.load_calib(calib_path)

    @property
    def ID(self) -> int:
        """Number of the instance in this process."""
        return self._id

    def load_calib(self, calib_path: Any) -> Any:
        """Take a calibration for the runs to come, keep it and return it.

        Parameters
        ----------
        calib_path : str, Path, Calibration or Dataset
            File of a calibration; or the calibration itself, or registers as :func:`bss2sim.simulate` takes them.

        Raises
        ------
        ParameterError
            If it is none of these, or the Dataset holds other things than all registers.
        FileError
            If the file cannot be read.
        """
        from bss2sim.calibration.result import Calibration, load_calibration
        from bss2sim.hardware.registers import check_registers

        if isinstance(calib_path, xr.Dataset):
            check_registers(calib_path)
        elif not isinstance(calib_path, str | Path | Calibration):
            raise ParameterError(
                f"calib_path must be the path of a calibration, a Calibration or a Dataset of registers; got {calib_path!r}"
            )
        self.calib = load_calibration(calib_path) if isinstance(calib_path, str | Path) else calib_path
        self.calib_is_given, self.calibrated_to = True, None
        return self.calib

    def calibrate(self) -> None:
        """Calibrate the chip of :func:`init_hardware` to populations of this instance; runs do it when a value changes.

        Populations are those that are connected, else those of the last run, else all that were made with the instance. A
        calibration that was loaded is given up.
        """
        from .chip_populations import prepare
        from .connection import connected
        from .modules.neuron import Neuron

        made = [module for module in self.modules if isinstance(module, Neuron)]
        populations = _connected(made) or self.populations or made
        if populations:
            self.calib_is_given = False
            prepare(self, populations, connected().chip)

    def take_ids(self, number: int) -> range:
        """Number some neurons of the instance."""
        first = self.id_counter
        self.id_counter += number
        return range(first, self.id_counter)


def _connected(populations: list[Any]) -> list[Any]:
    """Return the populations that were called since the last run, in the order of the calls."""
    managers = dict.fromkeys(module.experiment.modules for module in populations)
    called = [step.module for manager in managers for step in manager.steps()]
    return [module for module in called if module in populations]
