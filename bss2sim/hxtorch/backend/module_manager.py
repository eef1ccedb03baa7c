"""The graph of the modules of an experiment: what feeds what, and in which order they run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import networkx
import torch

from bss2sim.errors import InputError

from ..modules.types import InputPopulation, Population


class Step(NamedTuple):
    """One module in the order of execution.

    Attributes
    ----------
    module : Module
        What runs.
    sources : tuple of Handle
        What it takes.
    target : Handle, or tuple of them for a group
        What it fills.
    """

    module: Any
    sources: tuple[Any, ...]
    target: Any


class BaseModuleManager(ABC):
    """What an experiment needs of the graph of its modules.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.backend.module_manager import BaseModuleManager
    >>> isinstance(hxsnn.Experiment(mock=True).modules, BaseModuleManager)
    True
    """

    @abstractmethod
    def clear(self) -> None:
        """Forget all connections and groups."""

    @abstractmethod
    def add_node(self, module: Any, sources: tuple[Any, ...], target: Any) -> None:
        """Connect a module with the handles it takes and the one it fills."""

    @abstractmethod
    def add_wrapper(self, wrapper: Any) -> None:
        """Make some modules a group that runs as one."""

    @abstractmethod
    def done(self) -> list[Step]:
        """Return what is to run, in order."""


def name_of(module: Any) -> str:
    """Name a module in messages."""
    described = getattr(module, "extra_repr", str)().split(", ")[0]
    return f"{type(module).__name__}({described})"


def _graph_of(steps: list[Step]) -> networkx.DiGraph:
    """Return which steps, by their numbers, fill what others take."""
    order = networkx.DiGraph()
    order.add_nodes_from(range(len(steps)))
    filled: dict[int, int] = {}
    for index, step in enumerate(steps):
        targets = step.target if isinstance(step.target, tuple) else (step.target,)
        filled.update((id(handle), index) for handle in targets)
    for index, step in enumerate(steps):
        order.add_edges_from((filled[id(handle)], index) for handle in step.sources if id(handle) in filled)
    return order


class ModuleManager(BaseModuleManager):
    """The graph of the modules of an experiment.

    Nodes are numbers of modules, edges carry the handle between two. Handles that no module fills come from nodes ``s_i_k``,
    handles that no module takes go to ``t_i``, i being the module and k its input.

    Attributes
    ----------
    nodes : dict
        Module -> number. Numbers stay when the graph is cleared.
    wrappers : dict
        Group of modules -> name ``w_k``.
    graph : networkx.DiGraph
        The graph since it was cleared; edges have an attribute ``handle``.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> synapses = hxsnn.Synapse(4, 2, experiment)
    >>> neurons = hxsnn.IAFNeuron(2, experiment)
    >>> handle = neurons(synapses(hxsnn.NeuronHandle()))
    >>> experiment.modules.find_edges(handle)
    [(1, 't_1')]
    """

    _population_types = (Population, InputPopulation)

    def __init__(self) -> None:
        self.nodes: dict[Any, int] = {}
        self.wrappers: dict[Any, str] = {}
        self.graph = networkx.DiGraph()
        self._masked: list[tuple[Any, Any]] = []  # neurons and the mask that a dropout of the last run gave them
        self._steps: dict[Any, Step] = {}  # what was connected since the graph was cleared

    def clear(self) -> None:
        """Forget all connections and groups; modules keep their numbers."""
        self.graph.clear()
        self.wrappers.clear()
        self._steps.clear()

    def is_connected(self) -> bool:
        """Whether anything was connected since the graph was cleared."""
        return bool(self._steps)

    def has_module(self, module: Any) -> bool:
        """Whether a module, or a group, is known."""
        return module in self.nodes or module in self.wrappers

    def get_node_id(self) -> int:
        """Return the number that the next new module gets."""
        return len(self.nodes)

    def get_wrapper_id(self) -> str:
        """Return the name that the next new group gets."""
        return f"w_{len(self.wrappers)}"

    def get_id_by_module(self, module: Any) -> int | None:
        """Return the number of a module, None if it has none."""
        return self.nodes.get(module)

    def get_module_by_id(self, node_id: int) -> Any:
        """Return the module of a number, None if there is none."""
        return next((module for module, number in self.nodes.items() if number == node_id), None)

    def get_id_by_wrapper(self, wrapper: Any) -> str | None:
        """Return the name of a group, None if it has none."""
        return self.wrappers.get(wrapper)

    def get_wrapper_by_id(self, wrapper_id: str) -> Any:
        """Return the group of a name, None if there is none."""
        return next((wrapper for wrapper, name in self.wrappers.items() if name == wrapper_id), None)

    def find_edges(self, handle: Any) -> list[tuple[Any, Any]]:
        """Return the edges that carry a handle."""
        return [(source, target) for source, target, carried in self.graph.edges.data("handle") if carried is handle]

    def input_data(self) -> list[Any]:
        """Return the handles that come from outside, each once."""
        filled = {id(step.target) for step in self._steps.values()}
        handles = {id(handle): handle for step in self._steps.values() for handle in step.sources}
        return [handle for key, handle in handles.items() if key not in filled]

    def add_node(self, module: Any, sources: tuple[Any, ...], target: Any) -> None:
        """Connect a module with the handles it takes and the one it fills.

        Raises
        ------
        InputError
            If it is connected already, or takes nothing.
        """
        if module in self._steps:
            raise InputError(
                f"{name_of(module)} was called twice before run(); it has one output handle, so make a second module, or run the "
                "experiment in between (experiment.clear() forgets what was called)"
            )
        if not sources:
            raise InputError(f"{name_of(module)} was called without a handle; pass what it takes as input")
        node = self.nodes.setdefault(module, len(self.nodes))
        self._steps[module] = Step(module, tuple(sources), target)
        self.graph.add_node(node)
        for index, handle in enumerate(sources):
            producer = next((step.module for step in self._steps.values() if step.target is handle), None)
            source = f"s_{node}_{index}" if producer is None else self.nodes[producer]
            self.graph.add_edge(source, node, handle=handle)
            if producer is not None and self.graph.has_node(f"t_{source}"):
                self.graph.remove_node(f"t_{source}")
        self._connect_target(node, target)

    def _connect_target(self, node: int, target: Any) -> None:
        """Lead the output of a module to those that were waiting for it, or to nowhere."""
        waiting = [(source, user) for source, user in self.find_edges(target) if source != node]
        for source, user in waiting:
            self.graph.remove_node(source)
            self.graph.add_edge(node, user, handle=target)
        if not self.find_edges(target):
            self.graph.add_edge(node, f"t_{node}", handle=target)

    def add_wrapper(self, wrapper: Any) -> None:
        """Make some modules a group that runs as one.

        Raises
        ------
        InputError
            If not all of its modules have been called, or one is in another group already.
        """
        missing = [module for module in wrapper.modules if module not in self._steps]
        if missing or not wrapper.modules:
            names = ", ".join(name_of(module) for module in missing)
            raise InputError(
                f"{type(wrapper).__name__}: call all its modules before it; not called since the last run: {names}"
            )
        for other in self.wrappers:
            shared = [module for module in wrapper.modules if other is not wrapper and module in other.modules]
            if shared:
                raise InputError(
                    f"{name_of(shared[0])} is in two groups of modules; a module runs once, so leave it in one"
                )
        self.wrappers.setdefault(wrapper, self.get_wrapper_id())

    def changed_since_last_run(self) -> bool:
        """Whether a module that acts on the chip changed."""
        return any(getattr(module, "changed_since_last_run", False) for module in self.nodes)

    def reset_changed_since_last_run(self) -> None:
        """Take the modules as they are for unchanged."""
        for module in self.nodes:
            getattr(module, "reset_changed_since_last_run", lambda: None)()

    def _get_populations(self, module: Any, target: bool = False) -> list[Any]:
        """Return the nearest populations before a module, or behind it."""
        step = self.graph.successors if target else self.graph.predecessors
        found, seen = [], set()
        front = list(step(self.nodes[module])) if module in self._steps else []
        while front:
            node = front.pop(0)
            if node in seen:
                continue
            seen.add(node)
            other = self.get_module_by_id(node) if isinstance(node, int) else None
            if isinstance(other, self._population_types):
                found.append(other)
            elif other is not None:
                front.extend(step(node))
        return found

    def source_populations(self, module: Any) -> list[Any]:
        """Return the nearest populations whose spikes reach a module."""
        return self._get_populations(module)

    def target_populations(self, module: Any) -> list[Any]:
        """Return the nearest populations that a module reaches."""
        return self._get_populations(module, target=True)

    def pre_process(self, instance: Any) -> None:
        """Get an experiment ready to run: draw the masks of dropouts."""
        self._handle_dropout_mask()
        if not instance.mock:
            self._check_masks()

    def _handle_dropout_mask(self) -> None:
        """Draw the mask of each dropout and hand it to the neurons before it.

        Raises
        ------
        TypeError
            If a dropout does not follow one population of neurons.
        """
        from ..modules.batch_dropout import BatchDropout
        from ..modules.neuron import Neuron

        for neurons, mask in self._masked:
            if neurons.mask is mask:  # not one that the user has set since
                neurons.mask = torch.ones(neurons.size)
        self._masked.clear()
        for module in self._steps:
            if not isinstance(module, BatchDropout):
                continue
            before = [self.get_module_by_id(node) for node in self.graph.predecessors(self.nodes[module])]
            if len(before) != 1 or not isinstance(before[0], Neuron):
                names = ", ".join(name_of(other) for other in before if other is not None) or "an input"
                raise TypeError(f"{name_of(module)} must follow exactly one population of neurons; it follows {names}")
            module.set_mask()
            before[0].mask = module.mask
            self._masked.append((before[0], before[0].mask))

    def _check_masks(self) -> None:
        """Refuse what a chip cannot do: neurons whose spikes go to one dropout and not to another."""
        masks: dict[Any, Any] = {}
        for neurons, mask in self._masked:
            if not torch.equal(masks.setdefault(neurons, mask), mask):
                raise InputError(
                    f"{name_of(neurons)} has two dropouts behind it; on a chip a neuron sends its spikes to all or to none: take "
                    "one dropout for both, a population for each, or mock=True"
                )

    def _handle_wrappers(self) -> dict[Any, Step]:
        """Return the steps with each group as one."""
        steps = dict(self._steps)
        for wrapper in self.wrappers:
            own = [steps.pop(module) for module in self._steps if wrapper.contains(module)]
            inside = {id(step.target) for step in own}
            sources = {id(handle): handle for step in own for handle in step.sources if id(handle) not in inside}
            targets = tuple(self._steps[module].target for module in wrapper.modules)
            steps[wrapper] = Step(wrapper, tuple(sources.values()), targets)
        return steps

    def _order(self) -> list[Step]:
        """Return the steps in an order in which each runs after what it takes.

        Raises
        ------
        InputError
            If modules feed each other in a circle and are no group.
        """
        return self.order_of(list(self._handle_wrappers().values()))

    def steps(self) -> list[Step]:
        """Return what was connected, groups taken apart, in the order of the calls."""
        return list(self._steps.values())

    def order_of(self, steps: list[Step]) -> list[Step]:
        """Return steps in an order in which each runs after what it takes.

        Raises
        ------
        InputError
            If they feed each other in a circle.
        """
        order = _graph_of(steps)
        try:
            return [steps[index] for index in networkx.lexicographical_topological_sort(order)]
        except networkx.NetworkXUnfeasible as reason:
            circle = [name_of(steps[source].module) for source, _ in networkx.find_cycle(order)]
            raise InputError(
                f"modules feed each other in a circle: {' -> '.join([*circle, circle[0]])}; put them into an HXModuleWrapper whose "
                "forward_func runs them together"
            ) from reason

    def circles_of(self, steps: list[Step]) -> list[list[Step]]:
        """Return steps in an order in which each runs after what it takes; those that feed each other in a circle as one entry."""
        order = _graph_of(steps)
        circles = [sorted(circle) for circle in networkx.strongly_connected_components(order)]
        circles.sort()
        between = networkx.condensation(order, circles)
        return [
            [steps[index] for index in circles[number]] for number in networkx.lexicographical_topological_sort(between)
        ]

    def done(self) -> list[Step]:
        """Return what is to run, in order."""
        return self._order()

    def __str__(self) -> str:
        lines = [f"{number}: {name_of(module)}" for module, number in self.nodes.items()]
        edges = [f"{source} -> {target}" for source, target in self.graph.edges]
        return "\n".join(["ModuleManager", *lines, *edges])
