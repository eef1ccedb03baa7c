"""Which modules are executed together, and with which calibration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from bss2sim.errors import ParameterError, refuse_unknown_keywords

from .lola import Chip
from .neuron_placement import NeuronPlacement


class ExecutionInstances(set["BaseExecutionInstance"]):
    """Some execution instances.

    Attributes
    ----------
    chips : dict
        ID -> configuration of the chip, a :class:`lola.Chip`; None before its calibration.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.execution_instance import ExecutionInstances
    >>> instance = hxsnn.ExecutionInstance()
    >>> ExecutionInstances([instance]).chips == {instance.ID: None}
    True
    """

    @property
    def chips(self) -> dict[int, Any]:
        """Configuration of the chip of each, by its ID."""
        return {instance.ID: instance.chip for instance in sorted(self, key=lambda one: one.ID)}

    def __getattr__(self, name: str) -> Any:
        """Explain what goes to a real chip alone."""
        raise AttributeError(explain(type(self).__name__, name))


def explain(owner: str, name: str) -> str:
    """Say why an attribute is not there."""
    if name in OF_A_REAL_CHIP:
        return f"{owner} has no {name}: {OF_A_REAL_CHIP[name]}"
    return f"{owner!r} object has no attribute {name!r}"


# what programs a real chip, and what does its work here
OF_A_REAL_CHIP = {
    "cadc_neurons": "grenade records the CADC by it; here enable_cadc_recording of the neurons says what is recorded",
    "cadc_recordings": "grenade records the CADC by it; here enable_cadc_recording of the neurons says what is recorded",
    "playback_hooks": "they are programs of the FPGA, which the emulated chip does not have",
    "generate_playback_hooks": "they are programs of the FPGA, which the emulated chip does not have",
    **{
        f"injection_{when}": "it is a program of the FPGA, which the emulated chip does not have"
        for when in (
            "pre_static_config",
            "pre_realtime",
            "inside_realtime_begin",
            "inside_realtime",
            "inside_realtime_end",
            "post_realtime",
        )
    },
}


class BaseExecutionInstance(ABC):
    """What an experiment needs of an execution instance: a number, and a way to calibrate.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.execution_instance import BaseExecutionInstance
    >>> isinstance(hxsnn.ExecutionInstance(), BaseExecutionInstance)
    True
    """

    _instance_counter: ClassVar[int] = 0

    def __init__(self) -> None:
        self._id = BaseExecutionInstance._instance_counter
        BaseExecutionInstance._instance_counter += 1

    @property
    def ID(self) -> int:
        """Number of the instance in this process."""
        return self._id

    @property
    @abstractmethod
    def chip(self) -> Any:
        """Configuration of the chip, None before its calibration."""

    @abstractmethod
    def calibrate(self) -> None:
        """Calibrate the chip to what the populations of the instance ask for."""

    def __getattr__(self, name: str) -> Any:
        """Explain what goes to a real chip alone."""
        raise AttributeError(explain(type(self).__name__, name))


class ExecutionInstance(BaseExecutionInstance):
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
    calib : Calibration or None
        What was loaded.
    modules : list
        Modules that were made with it, in their order.
    id_counter : int
        Number of neurons that are numbered so far.
    neuron_placement : NeuronPlacement
        Circuits of neurons whose modules called ``register_hw_entity``; runs keep them.
    chip : lola.Chip or None
        A copy of the configuration that the calibration found, before neurons are configured in it.

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
        super().__init__()
        self.calib_cache_dir = None if calib_cache_dir is None else Path(calib_cache_dir)
        self.input_loopback = input_loopback
        self.calib: Any = None
        self.calib_is_given = False
        self.calibrated_to: Any = None  # (chip, target)
        self.n_calibrated = 0
        self.modules: list[Any] = []
        self.id_counter = 0
        self.neuron_placement = NeuronPlacement()
        if calib_path is not None:
            self.load_calib(calib_path)

    @property
    def chip(self) -> Any:
        """Configuration that the calibration found, a :class:`lola.Chip` of its own; None before it."""
        return None if self.calib is None else Chip(self.calib.registers.drop_attrs(deep=False))

    @property
    def has_madc_recording(self) -> bool:
        """Whether a population of the instance records a neuron with the MADC."""
        return any(getattr(module, "enable_madc_recording", False) for module in self.modules)

    def set_neuron_parameters_on_chip(self) -> Chip:
        """Return :attr:`chip` with what trained parameters write into it (``make_trainable(set_on_chip_func)``).

        Runs do it by themselves.

        Raises
        ------
        ParameterError
            If the instance is not calibrated, or neurons of such a parameter have no circuits yet.
        """
        chip: Chip | None = self.chip
        if chip is None:
            raise ParameterError("the chip is not calibrated yet; call calibrate() or load_calib() first")
        for module in self.modules:
            if hasattr(module, "set_trainable_params"):
                module.set_trainable_params(chip)
        return chip

    def load_calib(self, calib_path: str | Path) -> Any:
        """Load the file of a calibration, keep it and return it; see :func:`bss2sim.load_calibration`."""
        from bss2sim.calibration.result import load_calibration

        self.calib = load_calibration(calib_path)
        self.calib_is_given, self.calibrated_to = True, None
        return self.calib

    def calibrate(self) -> None:
        """Calibrate the chip of :func:`init_hardware` to the populations of this instance; runs do it when a value changes.

        A calibration that was loaded is given up.
        """
        from .chip_populations import prepare
        from .connection import connected
        from .modules.neuron import Neuron

        populations = [module for module in self.modules if isinstance(module, Neuron)]
        if populations:
            self.calib_is_given = False
            prepare(self, populations, connected().chip)

    def take_ids(self, number: int) -> range:
        """Number some neurons of the instance."""
        first = self.id_counter
        self.id_counter += number
        return range(first, self.id_counter)
