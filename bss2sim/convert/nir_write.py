"""Networks as graphs of NIR, refused where NIR has no place for what they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..arrays import as_seconds
from ..chip_arguments import DEFAULTS
from ..errors import ParameterError, first_few, refuse_unknown_keywords
from ..neuron import LINeuron, Population
from ..parameter_pair import Parameter
from ..parameter_values import same_value, short
from ..synapse import Synapse
from .nir_nodes import KEY, import_nir

if TYPE_CHECKING:
    import nir

# What NIR cannot say, with the value that needs no saying.
_WITHOUT_PLACE = {"refractory_time": 0.0, "holdoff_time": 0.0, "spike_mask": True, **DEFAULTS}


@refuse_unknown_keywords
def to_nir(
    neurons: Population | Sequence[Population],
    synapse: Synapse | Sequence[Synapse],
    *,
    time_unit: float,
    strict: bool = True,
) -> nir.NIRGraph:
    """Make a graph of NIR of a population, or of a chain of them, each with its synapses.

    Parameters
    ----------
    neurons : IAFNeuron, LIFNeuron or LINeuron, or a sequence of them
        Populations from the input to the output.
    synapse : Synapse or a sequence of them
        Weights in front of each population.
    time_unit : float
        Unit of all times in the graph [s]: NIR does not say one. 1.0 for graphs in seconds, 1e-3 for those in
        milliseconds.
    strict : bool
        Refuse what NIR has no place for: refractory and holdoff times, spike masks, arguments of the chip, weights of
        the chip. With False it goes to the metadata of the graph, where :func:`from_nir` finds it and no other tool looks.

    Returns
    -------
    nir.NIRGraph
        Input, then for each population Linear, LI and IF, or with a leak Linear and CubaLIF or CubaLI, and Output. Exact: r of
        LI is its tau, r of IF is 1 / tau_mem. A chain has names with its numbers, ``neuron_1``. The metadata
        also has the times in seconds to the last bit. NIR does not say where membranes begin; here at reset, or at the leak.

    Raises
    ------
    ParameterError
        If sizes do not fit, a parameter or weight is swept, tau_syn is a pair, a number differs between model and chip, or,
        strictly, something would be lost.
    MissingDependencyError
        If NIR is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> neurons = b2.IAFNeuron(2, threshold=1.0, reset=0.0, tau_mem=10e-6, tau_syn=5e-6, refractory_time=0.0)
    >>> graph = b2.convert.to_nir(neurons, b2.Synapse(np.ones((3, 2))), time_unit=1e-6)
    >>> list(graph.nodes), graph.nodes["synapse"].tau, graph.nodes["neuron"].r
    (['input', 'weight', 'synapse', 'neuron', 'output'], array([5., 5.]), array([0.1, 0.1]))
    """
    nir = import_nir("to_nir")
    unit = as_seconds("time_unit", time_unit)
    if not isinstance(strict, bool | np.bool_):
        raise ParameterError(f"to_nir: strict must be True or False; got {strict!r}")
    populations = [neurons] if isinstance(neurons, Population) else neurons
    synapses = [synapse] if isinstance(synapse, Synapse) else synapse
    for name, found, what in (("neurons", populations, "population"), ("synapse", synapses, "Synapse")):
        if not isinstance(found, Sequence):
            raise ParameterError(f"to_nir: {name} must be a {what} or a sequence of them; got {type(found).__name__}")
    if not populations or len(populations) != len(synapses):
        raise ParameterError(
            f"to_nir: each population needs a Synapse in front of it; got {len(populations)} populations and "
            f"{len(synapses)} synapses"
        )
    nodes: dict[str, Any] = {}
    kept = []
    several = len(populations) > 1
    for k, (population, weights) in enumerate(zip(populations, synapses, strict=True)):
        where = f"to_nir: population {k}" if several else "to_nir"
        _check_sizes(where, populations, synapses, k)
        if k == 0:
            nodes["input"] = nir.Input(input_type=np.array([weights.n_input]))
        end = f"_{k}" if several else ""
        weight = weights._weight
        if isinstance(weight, xr.DataArray) and weight.ndim > 2:
            raise ParameterError(
                f"{where}: weight has the dim {weight.dims[0]!r}; a graph is one network. Take one with .isel()"
            )
        dense = weight.values if isinstance(weight, xr.DataArray) else weight.toarray()
        nodes[f"weight{end}"] = nir.Linear(weight=np.ascontiguousarray(dense.T))
        _add_neurons(nir, nodes, end, population, _values(where, population), unit)
        kept.append(_keep(where, population, weights, bool(strict)))
    nodes["output"] = nir.Output(output_type=np.array([populations[-1].size]))
    names = list(nodes)
    text = json.dumps({"time_unit": unit, "populations": kept})
    return nir.NIRGraph(nodes, list(pairwise(names)), metadata={KEY: text})


def _check_sizes(where: str, populations: Sequence[Any], synapses: Sequence[Any], k: int) -> None:
    """Refuse what is no network."""
    population, synapse = populations[k], synapses[k]
    if not isinstance(population, Population):
        raise ParameterError(
            f"{where}: neurons must be an IAFNeuron, LIFNeuron or LINeuron; got {type(population).__name__}"
        )
    if not isinstance(synapse, Synapse):
        raise ParameterError(f"{where}: synapse must be a Synapse(weight); got {type(synapse).__name__}")
    if synapse.n_neuron != population.size:
        raise ParameterError(f"{where}: weight has {synapse.n_neuron} neurons; the population has {population.size}")
    if k and synapse.n_input != populations[k - 1].size:
        raise ParameterError(
            f"{where}: weight has {synapse.n_input} inputs; the population before it has {populations[k - 1].size} neurons"
        )
    if k and not populations[k - 1].fires:
        raise ParameterError(f"{where}: the population before it, an LINeuron, sends no spikes")


def _values(where: str, population: Population) -> dict[str, np.ndarray]:
    """Return the parameters of the model, one value a neuron."""
    found = {}
    for name, values in population._parameters.items():
        if len(values) > 1:
            raise ParameterError(
                f"{where}: {name} is a pair (excitatory, inhibitory), for which NIR has no synapse; use one time constant"
            )
        swept = [dim for dim in values[0].dims if dim != "neuron"]
        if swept:
            raise ParameterError(
                f"{where}: {name} has the dim {swept[0]!r}; a graph is one network. Take one with .isel()"
            )
        found[name] = np.array(np.broadcast_to(values[0].values, population.size))
    return found


def _add_neurons(nir: Any, nodes: dict[str, Any], end: str, population: Population, value: Any, unit: float) -> None:
    """Add the nodes of a population."""
    tau_syn, tau_mem = value["tau_syn"] / unit, value["tau_mem"] / unit
    none = np.zeros(population.size)
    if not population.leaks:
        nodes[f"synapse{end}"] = nir.LI(tau=tau_syn, r=tau_syn.copy(), v_leak=none)
        nodes[f"neuron{end}"] = nir.IF(r=1.0 / tau_mem, v_threshold=value["threshold"], v_reset=value["reset"])
        return
    common = {"tau_syn": tau_syn, "tau_mem": tau_mem, "r": none + 1.0, "v_leak": value["leak"], "w_in": tau_syn.copy()}
    if isinstance(population, LINeuron):
        nodes[f"neuron{end}"] = nir.CubaLI(**common)
    else:
        nodes[f"neuron{end}"] = nir.CubaLIF(**common, v_threshold=value["threshold"], v_reset=value["reset"])


def _keep(where: str, population: Population, synapse: Synapse, strict: bool) -> dict[str, Any]:
    """Return what NIR has no place for, and times to the last bit; ParameterError if it may not be lost, or cannot be kept."""
    lost = {}
    for name, value in population._arguments().items():
        if isinstance(value, Parameter):
            raise ParameterError(
                f"{where}: {name} differs between model and chip, which NIR cannot say; give one number"
            )
        if name in _WITHOUT_PLACE and not _is(value, _WITHOUT_PLACE[name]):
            lost[name] = value
    if synapse.transform is not None:
        lost["transform"] = synapse.transform
    if lost and strict:
        raise ParameterError(
            f"{where}: NIR has no place for {first_few(lost)}, and other tools would run another network. Set them to their "
            "neutral values (refractory_time=0), or give strict=False to keep them in the metadata of the graph"
        )
    lost = {name: _plain(where, name, value) for name, value in lost.items()}
    kept: dict[str, Any] = {"lost": lost}
    for name in ("tau_mem", "tau_syn"):
        values = population._parameters[name][0].values
        kept[name] = values.tolist()
    return kept


def _is(value: Any, usual: Any) -> bool:
    """Whether a value, or each of an array, is the usual one."""
    if isinstance(value, xr.DataArray):
        return bool((value.values == usual).all())
    return same_value(value, usual)


def _plain(where: str, name: str, value: Any) -> Any:
    """Return a value as JSON holds it; ParameterError if it cannot."""
    if isinstance(value, xr.DataArray) and set(value.dims) <= {"neuron"}:
        value = value.values
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and all(isinstance(entry, bool | int | float | str) for entry in value):
        return value
    raise ParameterError(f"{where}: {name} = {short(value)} cannot be kept in a graph of NIR; leave it out")
