"""Graphs of NIR as populations and synapses, refused where these have no place for what the graph says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import as_seconds
from ..chip_arguments import DEFAULTS
from ..errors import Bss2SimError, InputError, ParameterError, refuse_unknown_keywords
from ..neuron import IAFNeuron, LIFNeuron, LINeuron, Population
from ..synapse import Synapse
from .nir_chain import chain_of
from .nir_nodes import KEY, import_nir
from .spikes import in_seconds

if TYPE_CHECKING:
    import nir

_KEPT = ("refractory_time", "holdoff_time", "spike_mask", "transform", *DEFAULTS)
_SAME = 1e-14  # relative: a time of the graph and one of the metadata that differ by rounding only
_ROWS = "a Linear (or an Affine without bias), then LI and IF, LI and LIF, LI and LI, CubaLIF or CubaLI, for each population"


@refuse_unknown_keywords
def from_nir(graph: nir.NIRGraph, *, time_unit: float | None = None) -> list[tuple[Population, Synapse]]:
    """Read the populations and synapses of a graph of NIR.

    Parameters
    ----------
    graph : nir.NIRGraph
        A chain from one Input to one Output: Linear, then LI and IF (:class:`bss2sim.IAFNeuron`), LI and LIF or CubaLIF
        (LIFNeuron), or LI and LI or CubaLI (LINeuron), once or more often. Gains, as r / tau of LI, go into the weights.
    time_unit : float, optional
        Unit of all times in the graph [s]: 1.0 for seconds, 1e-3 for milliseconds. Default: what :func:`to_nir` wrote; other
        graphs do not say it, and it must be given.

    Returns
    -------
    list of (population, Synapse)
        From the input to the output. Parameters that are the same for all neurons are one number. Refractory times
        are 0 and arguments of the chip have their defaults, unless to_nir kept them in the metadata; metadata of other tools is
        not read.

    Raises
    ------
    InputError
        If the graph is no such chain (recurrent, branched, nested, of other nodes), a node has a bias or a leak of the
        current, or numbers are not real, finite, in range and of the right shape.
    ParameterError
        If time_unit is missing, out of range, or another one than the graph was written with.
    MissingDependencyError
        If NIR is not installed.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> import bss2sim as b2
    >>> neurons = b2.IAFNeuron(2, threshold=1.0, reset=0.0, tau_syn=5e-6, refractory_time=0.0)
    >>> graph = b2.convert.to_nir(neurons, b2.Synapse(np.ones((3, 2))), time_unit=1e-3)
    >>> [(back, synapse)] = b2.convert.from_nir(graph)
    >>> back == neurons, synapse
    (True, Synapse(<input: 3, neuron: 2>))
    """
    nir = import_nir("from_nir")
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(
            f"from_nir: graph must be a nir.NIRGraph, as nir.read() returns it; got {type(graph).__name__}"
        )
    written = _metadata(graph)
    unit = _unit(time_unit, written)
    chain = chain_of(graph)
    layers: list[tuple[Population, Synapse]] = []
    rest = chain[1:-1]
    while rest:
        rest = _read_layer(rest, unit, written, layers)
    if not layers:
        raise InputError(f"from_nir: the graph has no neurons; it needs {_ROWS}")
    if written is not None and len(written["populations"]) != len(layers):
        raise InputError(
            f"from_nir: the metadata {KEY!r} are of {len(written['populations'])} populations, the graph has {len(layers)}; "
            "remove them"
        )
    _check_ends(chain, layers)
    return layers


def _metadata(graph: Any) -> Any:
    """Return what to_nir wrote, None if it did not."""
    text = graph.metadata.get(KEY)
    if text is None:
        return None
    try:
        written = json.loads(text)
        as_seconds("time_unit", written["time_unit"])
        for part in written["populations"]:
            odd = [name for name in part["lost"] if name not in _KEPT]
            if odd or not {"tau_mem", "tau_syn"} <= set(part):
                raise KeyError(odd or "tau")
    except Exception as reason:  # whatever a text that someone else wrote makes fail
        raise InputError(
            f"from_nir: the metadata {KEY!r} of the graph cannot be read ({reason!r}); remove them"
        ) from reason
    return written


def _unit(time_unit: Any, written: Any) -> float:
    """Return the unit of times [s]."""
    if time_unit is None:
        if written is None:
            raise ParameterError(
                "from_nir: the graph does not say in which unit its times are; give time_unit= [s], e.g. 1.0 or 1e-3"
            )
        return float(written["time_unit"])
    unit = as_seconds("time_unit", time_unit)
    if written is not None and unit != written["time_unit"]:
        raise ParameterError(
            f"from_nir: time_unit is {unit} s, but the graph was written with {written['time_unit']} s; leave time_unit out"
        )
    return unit


def _array(name: str, node: Any, field: str, size: int | None) -> np.ndarray:
    """Return the numbers of a field, float64 (neuron,), or weights (neuron, input) as they are."""
    value = np.asarray(getattr(node, field))
    where = f"from_nir: {field} of node {name!r} ({type(node).__name__})"
    if value.dtype.kind not in "iuf" or value.size == 0 or not np.isfinite(value).all():
        raise InputError(f"{where} must be finite real numbers; got shape {value.shape}, dtype {value.dtype}")
    if size is None:
        if value.ndim != 2:
            raise InputError(f"{where} must have two dims (output, input); got shape {value.shape}")
        return value
    if value.shape != (size,):
        raise InputError(f"{where} must have shape ({size},), as many as the weights before it; got {value.shape}")
    return value.astype(np.float64)


def _positive(name: str, node: Any, field: str, size: int) -> np.ndarray:
    """Return numbers above 0."""
    value = _array(name, node, field, size)
    if (value <= 0).any():
        k = int(np.argmax(value <= 0))
        raise InputError(
            f"from_nir: {field} of node {name!r} ({type(node).__name__}) must be above 0; neuron {k} has {value[k]}"
        )
    return value


def _read_layer(rest: list[tuple[str, Any]], unit: float, written: Any, layers: list[Any]) -> list[tuple[str, Any]]:
    """Read a population and its weights from the front of the nodes; return the nodes behind."""
    kinds = tuple(type(node).__name__ for _, node in rest[:3])
    if kinds[0] not in ("Linear", "Affine"):
        raise InputError(f"from_nir: node {rest[0][0]!r} ({kinds[0]}) has no weights before it; needed are {_ROWS}")
    (name, node), *behind = rest
    weight = _array(name, node, "weight", None)
    size = weight.shape[0]
    if kinds[0] == "Affine" and np.any(np.asarray(node.bias) != 0):
        raise InputError(
            f"from_nir: node {name!r} (Affine) has a bias, a constant current that neurons here do not have"
        )
    if kinds[1:] in (("LI", "IF"), ("LI", "LIF"), ("LI", "LI")):
        values, gain = _after_li(behind[0], behind[1], size, unit)
        used = 3
    elif kinds[1:2] in (("CubaLIF",), ("CubaLI",)):
        values, gain = _cuba(*behind[0], size, unit)
        used = 2
    else:
        odd = f"{behind[0][0]!r} ({kinds[1]})" if behind else f"{name!r} ({kinds[0]})"
        raise InputError(
            f"from_nir: node {odd} is where a synapse with a time constant should be or begin; needed are {_ROWS}"
        )
    if layers and weight.shape[1] != layers[-1][0].size:
        raise InputError(
            f"from_nir: node {name!r} has {weight.shape[1]} inputs; the population before it has {layers[-1][0].size} neurons"
        )
    if layers and not layers[-1][0].fires:
        raise InputError(
            f"from_nir: node {name!r} is behind a population without spikes, whose membrane cannot be an input here"
        )
    neuron_name = rest[used - 1][0]
    kind: Any = LIFNeuron if "leak" in values and "threshold" in values else LINeuron if "leak" in values else IAFNeuron
    kept: dict[str, Any] = {}
    if written is not None and len(layers) < len(written["populations"]):
        part = written["populations"][len(layers)]
        kept = dict(part["lost"])
        for field in ("tau_mem", "tau_syn"):
            values[field] = _sharpened(values[field], part[field])
    transform = kept.pop("transform", None)
    neutral = {"refractory_time": 0.0} if kind.fires else {}
    scaled = weight if (gain == 1.0).all() else weight * gain[:, None]
    try:
        numbers = {field: _one_if_same(value) for field, value in values.items()}
        layer = (
            kind(size, **{**neutral, **numbers, **kept}),
            Synapse(np.ascontiguousarray(scaled.T), transform=transform),
        )
    except Bss2SimError as reason:
        raise InputError(f"from_nir: node {neuron_name!r}: {reason}") from reason
    layers.append(layer)
    return rest[used:]


def _after_li(
    synapse: tuple[str, Any], neuron: tuple[str, Any], size: int, unit: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return parameters and the gain of the weights of LI and IF, LIF or LI."""
    name, node = synapse
    tau_syn = _positive(name, node, "tau", size)
    gain = _array(name, node, "r", size) / tau_syn
    if (_array(name, node, "v_leak", size) != 0).any():
        raise InputError(f"from_nir: v_leak of node {name!r} (LI) must be 0: a synaptic current here decays to 0")
    name, node = neuron
    if type(node).__name__ == "IF":
        with np.errstate(over="ignore"):  # the population refuses what is infinite
            values = {"tau_mem": in_seconds(1.0 / _positive(name, node, "r", size), unit)}
    else:
        gain = gain * _array(name, node, "r", size)
        tau_mem = in_seconds(_positive(name, node, "tau", size), unit)
        values = {"tau_mem": tau_mem, "leak": _array(name, node, "v_leak", size)}
    if type(node).__name__ != "LI":
        values |= {"threshold": _array(name, node, "v_threshold", size), "reset": _array(name, node, "v_reset", size)}
    return {**values, "tau_syn": in_seconds(tau_syn, unit)}, gain


def _cuba(name: str, node: Any, size: int, unit: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return parameters and the gain of the weights of CubaLIF or CubaLI."""
    tau_syn = _positive(name, node, "tau_syn", size)
    gain = _array(name, node, "w_in", size) / tau_syn * _array(name, node, "r", size)
    tau_mem = in_seconds(_positive(name, node, "tau_mem", size), unit)
    values = {"tau_mem": tau_mem, "leak": _array(name, node, "v_leak", size)}
    if type(node).__name__ == "CubaLIF":
        values |= {"threshold": _array(name, node, "v_threshold", size), "reset": _array(name, node, "v_reset", size)}
    return {**values, "tau_syn": in_seconds(tau_syn, unit)}, gain


def _sharpened(found: np.ndarray, kept: Any) -> np.ndarray:
    """Return times of the metadata where they are those of the graph but for rounding."""
    try:
        exact = np.broadcast_to(np.asarray(kept, np.float64), found.shape)
    except (TypeError, ValueError):
        return found
    return np.where(np.isclose(exact, found, rtol=_SAME, atol=0), exact, found)


def _one_if_same(value: np.ndarray) -> Any:
    """Return one number if all are the same."""
    return float(value[0]) if (value == value[0]).all() else value


def _check_ends(chain: list[tuple[str, Any]], layers: list[tuple[Population, Synapse]]) -> None:
    """Refuse an Input or Output of another shape."""
    sizes = (layers[0][1].n_input, layers[-1][0].size)
    for (name, node), size, types in zip((chain[0], chain[-1]), sizes, ("input_type", "output_type"), strict=True):
        for given in getattr(node, types).values():
            shape = (size,) if given is None else tuple(np.asarray(given).reshape(-1).tolist())
            if shape != (size,):
                raise InputError(f"from_nir: node {name!r} has the shape {shape}; the weights say ({size},)")
