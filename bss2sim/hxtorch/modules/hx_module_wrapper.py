"""Groups of modules that run as one."""

from __future__ import annotations

from typing import Any

from bss2sim.errors import InputError

from ..handle import Handle
from .hx_module import HXBaseExperimentModule, HXFunctionalModule, check_instance, fill


class HXModuleWrapper(HXFunctionalModule):
    """Modules that are computed together, as a recurrent network has to be.

    Call the modules first, then the group. A subclass has a method ``forward_func(self, input, hw_data=None)`` that computes what
    all of them put out: it gets the handles that come from outside, in the order in which the modules were called, and returns
    one handle for each module, in the order of the arguments.

    Parameters
    ----------
    experiment : Experiment
        To which the modules belong.
    **modules : HXModule
        The modules by name; each becomes an attribute.

    Attributes
    ----------
    modules : list
        The modules, in the order of the arguments. It hides ``torch.nn.Module.modules``.

    Raises
    ------
    ParameterError
        If an argument is no module.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> class Pair(hxsnn.HXModuleWrapper):
    ...     def forward_func(self, input, hw_data=None):
    ...         jumps = self.synapses.func(input)
    ...         return jumps, self.neurons.func(jumps)
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> synapses, neurons = hxsnn.Synapse(4, 2, experiment), hxsnn.IAFNeuron(2, experiment)
    >>> pair = Pair(experiment, synapses=synapses, neurons=neurons)
    >>> handle = neurons(synapses(hxsnn.NeuronHandle(torch.ones(9, 1, 4))))
    >>> pair()
    >>> hxsnn.run(experiment, 9)
    >>> handle.spikes.shape
    torch.Size([9, 1, 2])
    """

    modules: Any  # hxtorch has a list under the name of a method of PyTorch

    def __init__(self, experiment: Any, **modules: Any) -> None:
        super().__init__(experiment)
        self.modules = []
        self.update(**modules)

    def extra_repr(self) -> str:
        """Name the modules."""
        return ", ".join(type(module).__name__ for module in self.modules)

    def contains(self, modules: Any) -> bool:
        """Whether a module, or all of a list, are in the group."""
        wanted = modules if isinstance(modules, list | tuple) else [modules]
        return all(any(module is own for own in self.modules) for module in wanted)

    def update(self, **modules: Any) -> None:
        """Add modules, or replace those of the same names.

        Raises
        ------
        ParameterError
            If an argument is no module.
        """
        for name, module in modules.items():
            setattr(self, name, check_instance(name, module, HXBaseExperimentModule))
        self.modules = list(self._modules.values())

    def forward(self, *input: Any) -> None:
        """Make the modules, which have been called, a group of the next run.

        Raises
        ------
        InputError
            If one has not been called, or is in another group, or handles are passed.
        """
        if input:
            raise InputError(
                f"{type(self).__name__} takes no handles; call its modules with them, then the group without"
            )
        self.experiment.connect_wrapper(self)

    def exec_forward(self, input: Any, output: Any, hw_map: dict[Any, Any]) -> None:
        """Compute, and fill the outputs of all modules.

        Raises
        ------
        InputError
            If there is not one result for each module.
        """
        recorded = tuple(hw_map.get(module.descriptor) for module in self.modules)
        found = self.func(input, hw_data=recorded if hw_map else None)
        results = found if isinstance(found, tuple) else (found,)
        if len(results) != len(output) or not all(isinstance(handle, Handle) for handle in results):
            raise InputError(
                f"forward_func must return {len(output)} handles, one for each of {self.extra_repr()}; got "
                f"{', '.join(type(result).__name__ for result in results)}"
            )
        for handle, result in zip(output, results, strict=True):
            fill(handle, result)
