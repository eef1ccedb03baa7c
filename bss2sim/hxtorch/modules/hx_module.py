"""Bases of all modules: they are connected when they are called, and compute when the experiment runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import InputError, ParameterError

from ..execution_instance import ExecutionInstance
from ..handle import Handle, TensorHandle


def check_instance(name: str, value: Any, kind: type) -> Any:
    """Return an argument of a class; ParameterError otherwise."""
    if not isinstance(value, kind):
        raise ParameterError(f"{name} must be an instance of {kind.__name__}; got {value!r}")
    return value


def carried(handle: Any, name: str) -> Tensor:
    """Return a tensor of an input handle; InputError if there is none."""
    if not isinstance(handle, Handle) or name not in handle.data:
        carries = ", ".join(handle.data) if isinstance(handle, Handle) else "nothing"
        raise InputError(f"the input must carry {name!r}; a {type(handle).__name__} carries {carries}")
    value = handle.data[name]
    if not isinstance(value, Tensor):
        raise InputError(f"{name} of the input must be a tensor (time, batch, neuron); got {value!r}")
    return value


class HXTorchFunctionMixin:
    """What modules that compute share: `func`, which is made of `forward_func`.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> issubclass(hxsnn.IAFNeuron, hxsnn.modules.hx_module.HXTorchFunctionMixin)
    True
    """

    def forward_func(self, *input: Any, hw_data: Any = None) -> Any:
        """Compute the output; subclasses do.

        Raises
        ------
        InputError
            If the subclass does not.
        """
        raise InputError(f"{type(self).__name__} has no forward_func(self, *inputs); write one")

    @property
    def func(self) -> Callable[..., Any]:
        """The computation as a function ``func(inputs, hw_data=None)`` of the tuple of input handles."""
        return self._prepare_func(self.forward_func)

    def _prepare_func(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function of handles the form of `func`; `hw_data` is left out for one that does not take it."""
        takes = inspect.signature(function).parameters
        with_data = "hw_data" in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values())

        def call(inputs: Any, hw_data: Any = None) -> Any:
            handles = inputs if isinstance(inputs, tuple) else (inputs,)
            return function(*handles, hw_data=hw_data) if with_data else function(*handles)

        return call


class HXBaseExperimentModule(HXTorchFunctionMixin, torch.nn.Module):
    """Base of what can be connected in an experiment.

    A module of your own sets ``output_type`` to a class of handles and has a method ``forward_func(self, *inputs)``, or
    ``forward_func(self, *inputs, hw_data=None)``, that turns filled handles into one of that class, or into tensors for it.

    Parameters
    ----------
    experiment : Experiment
        To which the module belongs.

    Raises
    ------
    ParameterError
        If that is no experiment.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> class Twice(hxsnn.HXBaseExperimentModule):
    ...     output_type = hxsnn.SynapseHandle
    ...     def forward_func(self, input):
    ...         return 2 * input.graded_spikes
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> handle = Twice(experiment)(hxsnn.SynapseHandle(torch.ones(5, 1, 1)))
    >>> hxsnn.run(experiment, 5)
    >>> handle.graded_spikes.sum()
    tensor(10.)
    """

    output_type: Any = TensorHandle
    descriptor: Any = None

    def __init__(self, experiment: Any) -> None:
        from ..experiment import Experiment

        super().__init__()
        self.experiment = check_instance("experiment", experiment, Experiment)
        self._output_handle = self.output_type()

    def forward(self, *input: Any) -> Any:
        """Connect the module to its inputs.

        Parameters
        ----------
        *input : Handle
            What it takes, filled or to be filled by other modules.

        Returns
        -------
        Handle
            The output of this module, always the same one; empty until the experiment runs.

        Raises
        ------
        InputError
            If an input is no handle, or the module was called already.
        """
        for handle in input:
            if not isinstance(handle, Handle):
                raise InputError(
                    f"{type(self).__name__} takes handles; got {type(handle).__name__}: wrap tensors, as NeuronHandle(spikes)"
                )
        self.experiment.connect(self, input, self._output_handle)
        self._output_handle.clear()
        return self._output_handle

    def exec_forward(self, input: Any, output: Handle, hw_map: dict[Any, Any]) -> None:
        """Compute, and fill the output.

        Parameters
        ----------
        input : tuple of Handle
            Filled.
        output : Handle
            To be filled.
        hw_map : dict
            Recordings of a chip by `descriptor`; none in mock mode.
        """
        fill(output, self.func(input, hw_data=hw_map.get(self.descriptor)))


def fill(output: Handle, result: Any) -> None:
    """Put a handle, a tensor or some tensors into a handle."""
    if isinstance(result, Handle):
        output.clone(result)
    elif isinstance(result, tuple):
        output.put(*result)
    else:
        output.put(result)


class HXFunctionalModule(HXBaseExperimentModule):
    """Base of modules that have no counterpart on the chip.

    Parameters
    ----------
    experiment : Experiment
        To which the module belongs.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> issubclass(hxsnn.BatchDropout, hxsnn.modules.HXFunctionalModule)
    True
    """


class HXHardwareEntityMixin(HXBaseExperimentModule):
    """What modules that have a counterpart on the chip share.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> issubclass(hxsnn.Synapse, hxsnn.modules.hx_module.HXHardwareEntityMixin)
    True
    """

    def __init__(self, experiment: Any, execution_instance: Any = None, chip_coordinate: Any = None) -> None:
        from ..halco import DLSGlobal

        super().__init__(experiment)
        if execution_instance is None:
            execution_instance = experiment.default_execution_instance
        self.execution_instance = check_instance("execution_instance", execution_instance, ExecutionInstance)
        self.chip_coordinate = DLSGlobal(0 if chip_coordinate is None else chip_coordinate)
        self.execution_instance.modules.append(self)
        self._changed_since_last_run = True

    @property
    def changed_since_last_run(self) -> bool:
        """Whether the chip has to be configured anew; run() leaves it alone in mock mode."""
        return self._changed_since_last_run

    def reset_changed_since_last_run(self) -> None:
        """Take the module as it is for unchanged."""
        self._changed_since_last_run = False

    def extra_repr(self) -> str:
        """Name nothing; modules name their sizes."""
        return ""

    def register_hw_entity(self) -> None:
        """Take a place on the chip; a module without neurons needs none."""

    def configure_hw_entity(self, neuron_id: int, neuron_block: Any, coord: Any) -> Any:
        """Configure a neuron on the chip; a module without neurons leaves the block as it is."""
        return neuron_block

    def post_process(self, hw_data: Any, runtime: float) -> Any:
        """Turn recordings of a chip into tensors; a module without recordings has none."""
        return None

    def __getattr__(self, name: str) -> Any:
        """Explain what builds networks of a real chip, which the emulated one does not have."""
        if name in ("add_to_network_graph", "add_to_input_generator"):
            raise AttributeError(
                f"{type(self).__name__} has no {name}: it builds the network of a real chip with pygrenade; run() takes "
                f"the modules as "
                "they are connected"
            )
        return super().__getattr__(name)


class HXModule(HXHardwareEntityMixin):
    """Base of modules that have a counterpart on the chip.

    Parameters
    ----------
    experiment : Experiment
        To which the module belongs.
    execution_instance : ExecutionInstance, optional
        With which others it is on the chip. None: the one of the experiment.
    chip_coordinate : DLSGlobal or int, optional
        On which chip; acts in hardware mode. None: chip 0.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> class Delay(hxsnn.HXModule):
    ...     output_type = hxsnn.NeuronHandle
    ...     def forward_func(self, input, hw_data=None):
    ...         return hxsnn.NeuronHandle(input.spikes.roll(1, 0))
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> handle = Delay(experiment)(hxsnn.NeuronHandle(torch.eye(3)[:, None]))
    >>> hxsnn.run(experiment, None)
    >>> handle.spikes[0]
    tensor([[0., 0., 1.]])
    """
