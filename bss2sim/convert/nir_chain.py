"""The nodes of a graph of NIR in a row, if they are one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError, first_few

_KNOWN = ("Input", "Output", "Linear", "Affine", "LI", "IF", "LIF", "CubaLI", "CubaLIF")


def chain_of(graph: Any) -> list[tuple[str, Any]]:
    """Return names and nodes in a row from Input to Output."""
    nodes: Mapping[str, Any] = graph.nodes
    for name, node in nodes.items():
        if type(node).__name__ not in _KNOWN:
            raise InputError(
                f"from_nir: node {name!r} is of kind {type(node).__name__}, which has no counterpart here; read are "
                f"{', '.join(_KNOWN)}"
            )
    ends = {}
    for kind in ("Input", "Output"):
        found = [name for name, node in nodes.items() if type(node).__name__ == kind]
        if len(found) != 1:
            raise InputError(
                f"from_nir: the graph must have one {kind}; it has {len(found)}: {first_few(found) or 'none'}"
            )
        ends[kind] = found[0]
    after: dict[str, list[str]] = {name: [] for name in nodes}
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in graph.edges:
        if source not in nodes or target not in nodes:
            raise InputError(f"from_nir: an edge goes from {source!r} to {target!r}, one of which does not exist")
        after[source].append(target)
        before[target].append(source)
    _refuse_circles(after)
    for name in nodes:
        for found, what in ((before[name], "before"), (after[name], "behind")):
            wanted = 0 if name == ends["Input" if what == "before" else "Output"] else 1
            if len(found) != wanted:
                raise InputError(
                    f"from_nir: node {name!r} has {len(found)} nodes {what} it, {first_few(found) or 'none'}, where {wanted} can "
                    "be read; the graph must be a chain from Input to Output"
                )
    chain = [ends["Input"]]
    while after[chain[-1]]:
        chain.append(after[chain[-1]][0])
    return [(name, nodes[name]) for name in chain]


def _refuse_circles(after: dict[str, list[str]]) -> None:
    """Refuse recurrent graphs."""
    waiting = dict.fromkeys(after, 0)
    for targets in after.values():
        for target in targets:
            waiting[target] += 1
    ready = [name for name, number in waiting.items() if number == 0]
    while ready:
        for target in after[ready.pop()]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    round_ = [name for name, number in waiting.items() if number > 0]
    if round_:
        raise InputError(
            f"from_nir: the graph is recurrent, in or behind a circle are {first_few(map(repr, round_))}; populations here are "
            "feed-forward"
        )
