"""Experiments: modules that are connected by handles, and run together."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from bss2sim.arrays import as_seconds
from bss2sim.errors import ParameterError, refuse_unknown_keywords

from .backend.module_manager import ModuleManager
from .execution_info import ExecutionInfo
from .execution_instance import ExecutionInstance


class BaseExperiment(ABC):
    """What modules and runs need of an experiment.

    Parameters
    ----------
    modules : BaseModuleManager
        The graph of its modules.
    mock : bool
        Whether it computes the model.
    dt : float
        Length of a step [s].

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.experiment import BaseExperiment
    >>> isinstance(hxsnn.Experiment(mock=True), BaseExperiment)
    True
    """

    def __init__(self, modules: Any, mock: bool, dt: float) -> None:
        self.modules, self.mock, self.dt = modules, mock, dt

    @abstractmethod
    def connect(self, module: Any, input_handles: tuple[Any, ...], output_handle: Any) -> None:
        """Connect a module with the handles it takes and the one it fills."""

    @abstractmethod
    def get_hw_results(self, runtime: int | None) -> tuple[dict[Any, Any], Any]:
        """Run what is on the chip, and return what it recorded."""


class Experiment(BaseExperiment):
    """What runs together: modules register with it when they are made, and are connected when they are called.

    Parameters
    ----------
    mock : bool
        True: the modules compute the numerics of the model. False: hardware mode, the network runs on the emulated chip of
        :func:`init_hardware`, and what it records takes the place of what the model computes, with the gradients of the model.
    dt : float
        Length of a step [s].
    hw_routing_func : callable, optional
        Finds the way of spikes through a real chip. The emulated chip needs none; kept as an attribute.

    Attributes
    ----------
    mock, dt, hw_routing_func
        As given.
    modules : ModuleManager
        The graph.
    inter_batch_entry_wait : int or None
        Wait between trials on a real chip [s]; trials on the emulated one do not wait.
    last_run_chip_configs : list or None
        Calibrations of the populations in the last run in hardware mode.
    grenade_network, grenade_network_graph : None
        What hxtorch fills in hardware mode.
    n_trial_before : int
        Number of trials in hardware mode so far; each has noise of its own.

    Raises
    ------
    ParameterError
        If an argument is of a wrong type, or dt not above 0.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True, dt=1e-6)
    >>> synapses = hxsnn.Synapse(4, 2, experiment)
    >>> neurons = hxsnn.IAFNeuron(2, experiment, reset=0.0, threshold=1.0)
    >>> handle = neurons(synapses(hxsnn.NeuronHandle(torch.ones(50, 10, 4))))
    >>> hxsnn.run(experiment, 50)
    >>> handle.spikes.shape
    torch.Size([50, 10, 2])
    """

    @refuse_unknown_keywords
    def __init__(self, mock: bool = False, dt: float = 1e-6, hw_routing_func: Callable[..., Any] | None = None) -> None:
        if not isinstance(mock, bool | np.bool_):
            raise ParameterError(f"mock must be True or False; got {mock!r}")
        if hw_routing_func is not None and not callable(hw_routing_func):
            raise ParameterError(f"hw_routing_func must be a function or None; got {hw_routing_func!r}")
        super().__init__(ModuleManager(), bool(mock), as_seconds("dt", dt))
        self.hw_routing_func = hw_routing_func
        self.inter_batch_entry_wait: int | None = None
        self._last_run_chip_configs: Any = None
        self.grenade_network: Any = None
        self.grenade_network_graph: Any = None
        self._populations: list[Any] = []
        self._projections: list[Any] = []
        self.n_trial_before = 0
        self._default_execution_instance: ExecutionInstance | None = None

    @property
    def last_run_chip_configs(self) -> Any:
        """Calibrations of the populations in the last run in hardware mode; None before it."""
        return self._last_run_chip_configs

    def note_chip_configs(self, calibrations: list[Any]) -> None:
        """Keep the calibrations of a run."""
        self._last_run_chip_configs = calibrations

    @property
    def default_execution_instance(self) -> ExecutionInstance:
        """Instance of modules that are not given one."""
        if self._default_execution_instance is None:
            self._default_execution_instance = ExecutionInstance()
        return self._default_execution_instance

    @default_execution_instance.setter
    def default_execution_instance(self, instance: ExecutionInstance) -> None:
        if not isinstance(instance, ExecutionInstance):
            raise ParameterError(f"default_execution_instance must be an ExecutionInstance; got {instance!r}")
        self._default_execution_instance = instance

    def clear(self) -> None:
        """Forget what was connected since the last run; modules stay registered."""
        self.modules.clear()

    def connect(self, module: Any, input_handles: tuple[Any, ...], output_handle: Any) -> None:
        """Connect a module; calling a module does it.

        Raises
        ------
        InputError
            If it is connected already, or takes nothing.
        """
        self.modules.add_node(module, tuple(input_handles), output_handle)

    def connect_wrapper(self, wrapper: Any) -> None:
        """Make modules a group; calling the group does it.

        Raises
        ------
        InputError
            If not all its modules have been called, or one is in another group.
        """
        self.modules.add_wrapper(wrapper)

    def register_population(self, module: Any) -> None:
        """Take note of neurons."""
        self._populations.append(module)

    def register_projection(self, module: Any) -> None:
        """Take note of synapses."""
        self._projections.append(module)

    def check_runtime(self, runtime: Any) -> int | None:
        """Return a number of steps; in mock mode it may be None.

        Raises
        ------
        ParameterError
            If it is neither.
        """
        if runtime is None and self.mock:
            return None
        try:
            steps = operator.index(runtime)
        except TypeError:
            steps = 0
        if isinstance(runtime, bool) or steps < 1:
            raise ParameterError(
                f"Requested runtime invalid. It must be a whole number of steps of dt = {self.dt} s"
                f"{', or None' if self.mock else ''}; got {runtime!r}"
            )
        return steps

    def get_hw_results(self, runtime: int | None) -> tuple[dict[Any, Any], ExecutionInfo | None]:
        """Get the modules ready, run them on the chip and return what it recorded: in mock mode nothing, ``({}, None)``.

        Parameters
        ----------
        runtime : int or None
            Steps; in mock mode runs are as long as their inputs.

        Returns
        -------
        tuple
            Recordings by the `descriptor` of modules, and information on the run.

        Raises
        ------
        ParameterError
            If `runtime` is no number of steps.
        TypeError
            If a dropout does not follow one population of neurons.
        """
        steps = self.check_runtime(runtime)
        self.modules.pre_process(self)
        if self.mock or steps is None:
            return {}, None
        from .chip_run import ChipRun

        chip_run = ChipRun(self, steps)
        recorded = chip_run.recorded()
        self.n_trial_before += chip_run.n_trial
        self.modules.reset_changed_since_last_run()
        return recorded, chip_run.info()
