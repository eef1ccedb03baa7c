"""Run an experiment."""

from __future__ import annotations

from typing import Any

from bss2sim.errors import Bss2SimError, InputError, ParameterError

from .backend.module_manager import Step, name_of
from .execution_info import ExecutionInfo
from .experiment import Experiment


def run(experiment: Experiment, runtime: int | None) -> ExecutionInfo | None:
    """Run an experiment and fill all output handles. The graph is empty afterwards; modules can be called again.

    Parameters
    ----------
    experiment : Experiment
        What was connected.
    runtime : int or None
        Length on a chip [steps of dt]; outputs have the steps that inputs and recordings have in common. In mock mode runs are as
        long as their inputs, whatever it is.

    Returns
    -------
    ExecutionInfo or None
        Times and health of the run on the chip; None in mock mode.

    Raises
    ------
    ParameterError
        If there is no experiment, or `runtime` is no number of steps.
    InputError
        If nothing is connected, modules feed each other in a circle, or inputs do not fit.
    TypeError
        If a dropout does not follow one population of neurons.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> readout = hxsnn.ReadoutNeuron(2, experiment, leak=0.0)
    >>> handle = readout(hxsnn.SynapseHandle(torch.ones(50, 10, 2)))
    >>> hxsnn.run(experiment, None)
    >>> handle.membrane_cadc.shape
    torch.Size([50, 10, 2])
    """
    if not isinstance(experiment, Experiment):
        raise ParameterError(f"experiment must be an Experiment; got {type(experiment).__name__}")
    try:
        experiment.check_runtime(runtime)
        if not experiment.modules.is_connected():
            raise InputError("nothing is connected; call the modules before each run, which empties the graph")
        recorded, info = experiment.get_hw_results(runtime)
        for step in experiment.modules.done():
            _execute(step, recorded)
    finally:
        experiment.clear()
    return info


def _execute(step: Step, recorded: dict[Any, Any]) -> None:
    """Run one module; an error says in which."""
    try:
        step.module.exec_forward(step.sources, step.target, recorded)
    except Bss2SimError as reason:
        raise type(reason)(f"{name_of(step.module)}: {reason}") from reason
