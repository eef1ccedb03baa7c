"""Kinds of modules: populations of neurons and projections between them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bss2sim.arrays import as_whole
from bss2sim.calibration.target_fields import FIELDS
from bss2sim.errors import ParameterError

from ..parameter import HXBaseParameter, HXParameter
from .hx_module import HXModule
from .targets import read_targets, write_targets

# In the order of the reference. Those of the chip alone are checked with the other arguments of the chip.
OF_MODEL = ("leak", "reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time")


def as_hx_parameter(name: str, value: Any, size: int) -> HXBaseParameter:
    """Return a parameter of neurons, made of a plain value if it is none.

    Raises
    ------
    ParameterError
        If its value in the model is not finite, or of a wrong shape.
    """
    parameter = value if isinstance(value, HXBaseParameter) else HXParameter(value)
    if name not in OF_MODEL:
        return parameter
    for world, number in (("model_value", parameter.model_value), ("hardware_value", parameter.hardware_value)):
        try:
            tensor = torch.as_tensor(number)
        except (TypeError, ValueError, RuntimeError) as reason:
            raise ParameterError(f"{name} must be a number or a tensor; its {world} is {number!r}") from reason
        if tensor.is_complex() or tensor.dtype == torch.bool or not bool(tensor.isfinite().all()):
            raise ParameterError(f"{name} must be finite real numbers; its {world} is {number}")
        shapes = [(), (1,), (size,), *([(2, size)] if world == "hardware_value" else [])]
        if tuple(tensor.shape) not in shapes:
            raise ParameterError(
                f"{name} must be one number, or one for each of the {size} neurons; its {world} has the shape {tuple(tensor.shape)}"
            )
    return parameter


class BasePopulation(HXModule):
    """Base of neurons and inputs.

    Parameters
    ----------
    size : int
        Number of neurons.
    experiment : Experiment
        To which they belong.
    execution_instance : ExecutionInstance, optional
        With which others they are on the chip.
    chip_coordinate : DLSGlobal or int, optional
        On which chip.

    Attributes
    ----------
    unit_ids : ndarray, shape (neuron,)
        Numbers of the neurons in their execution instance.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type, or the size not at least 1.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> hxsnn.InputNeuron(3, experiment).unit_ids
    array([0, 1, 2])
    """

    def __init__(self, size: int, experiment: Any, execution_instance: Any = None, chip_coordinate: Any = None) -> None:
        super().__init__(experiment, execution_instance, chip_coordinate)
        self.size = as_whole("size", size)
        self.unit_ids = np.array(self.execution_instance.take_ids(self.size))
        experiment.register_population(self)

    def has_trainable_params(self) -> bool:
        """Whether a parameter of the neurons is trainable."""
        return False

    def extra_repr(self) -> str:
        """Name the size."""
        return f"size={self.size}"


class InputPopulation(BasePopulation):
    """Base of inputs.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> issubclass(hxsnn.InputNeuron, hxsnn.modules.InputPopulation)
    True
    """


class Population(BasePopulation):
    """Base of neurons: each parameter is an attribute, a :class:`HXBaseParameter`.

    Parameters
    ----------
    size : int
        Number of neurons.
    experiment : Experiment
        To which they belong.
    execution_instance : ExecutionInstance, optional
        With which others they are on the chip.
    chip_coordinate : DLSGlobal or int, optional
        On which chip.
    **hxparams : number, Tensor or HXBaseParameter
        Parameters by name; plain values become :class:`HXParameter`.

    Raises
    ------
    ParameterError
        If a value is not finite, or of a wrong shape.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> neurons = hxsnn.IAFNeuron(2, hxsnn.Experiment(mock=True), threshold=100)
    >>> neurons.threshold
    HXParameter(model_value=100, hardware_value=100)
    """

    def __init__(
        self,
        size: int,
        experiment: Any,
        execution_instance: Any = None,
        chip_coordinate: Any = None,
        **hxparams: Any,
    ) -> None:
        super().__init__(size, experiment, execution_instance, chip_coordinate)
        hxparams = {**self._calibratable_parameters_defaults, **hxparams}
        self._hxparams = tuple(hxparams)
        for name, value in hxparams.items():
            setattr(self, name, as_hx_parameter(name, value, self.size))
        self._calibrated_to: dict[str, Any] | None = None
        self.calibrated_values: dict[str, Any] = {}  # what the chip was calibrated to last

    _calibratable_parameters_defaults: ClassVar[dict[str, Any]] = {
        **{name: FIELDS[name].default for name in OF_MODEL}, "leak": 80, "reset": 80, "threshold": 125,
        **{name: FIELDS[name].default for name in ("i_synin_gm", "membrane_capacitance", "synapse_dac_bias")},
        "e_coba_reversal": None, "e_coba_reference": None,
    }  # fmt: skip

    def params_dict(self) -> dict[str, HXBaseParameter]:
        """Return the parameters by name."""
        return {name: getattr(self, name) for name in self._hxparams}

    def has_trainable_params(self) -> bool:
        """Whether a parameter of the neurons is trainable."""
        return any(getattr(self, name).is_trainable() for name in self._hxparams)

    def set_trainable_params(self, chip: Any) -> None:
        """Write trained parameters that have a function for it (see :meth:`HXBaseParameter.make_trainable`) to a chip.

        Parameters
        ----------
        chip : lola.Chip
            Where to; the neurons are where :meth:`register_hw_entity` or the run placed them.

        Raises
        ------
        ParameterError
            If the neurons have no place yet.
        """
        for parameter in self.params_dict().values():
            if parameter.set_on_chip_func is not None:
                parameter.set_on_chip(chip, self.execution_instance.neuron_placement.id2logicalneuron(self.unit_ids))

    def calibration_from_params(self, targets: Any, neurons: Any) -> Any:
        """Write the values of the hardware into the targets of a calibration; see :func:`targets.write_targets`."""
        return write_targets(self, targets, neurons)

    def params_from_calibration(self, targets: Any, neurons: Any) -> None:
        """Take the values of the hardware from the targets of a calibration; see :func:`targets.read_targets`."""
        read_targets(self, targets, neurons)

    def calib_changed_since_last_run(self) -> bool:
        """Whether a value on the chip is another one than when the changes were reset; never reset, all are.

        The reference compares names, not values, and does not notice changes.
        """
        before, now = self._calibrated_to, self._hardware_values()
        return before is None or any(not _same(before.get(name), value) for name, value in now.items())

    @property
    def changed_since_last_run(self) -> bool:
        """Whether the chip has to be configured or calibrated anew; run() leaves it alone in mock mode."""
        return self._changed_since_last_run or self.calib_changed_since_last_run()

    def reset_changed_since_last_run(self) -> None:
        """Take the parameters as they are for unchanged."""
        super().reset_changed_since_last_run()
        self._calibrated_to = {
            name: value.detach().clone() if isinstance(value, Tensor) else value
            for name, value in self._hardware_values().items()
        }

    def _hardware_values(self) -> dict[str, Any]:
        """Values on the chip by name."""
        return {name: getattr(self, name).hardware_value for name in self._hxparams}


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same numbers."""
    if one is None or other is None:
        return one is other
    return bool(torch.equal(torch.as_tensor(one).double(), torch.as_tensor(other).double()))


class Projection(HXModule):
    """Base of synapses.

    Parameters
    ----------
    in_features, out_features : int
        Number of inputs and of neurons.
    experiment : Experiment
        To which they belong.
    execution_instance : ExecutionInstance, optional
        With which others they are on the chip.
    chip_coordinate : DLSGlobal or int, optional
        On which chip.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type, or a number not at least 1.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.Synapse(4, 2, hxsnn.Experiment(mock=True)).weight.shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        experiment: Any,
        execution_instance: Any = None,
        chip_coordinate: Any = None,
    ) -> None:
        super().__init__(experiment, execution_instance, chip_coordinate)
        self.in_features, self.out_features = (
            as_whole("in_features", in_features),
            as_whole("out_features", out_features),
        )
        experiment.register_projection(self)

    def extra_repr(self) -> str:
        """Name the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}"
