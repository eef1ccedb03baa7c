"""A slow simulation of graphs of NIR, from the equations of its nodes alone; imports nothing from bss2sim."""

import numpy as np


def simulate_graph(graph, spikes, *, dt, n_step):
    """Integrate a chain of nodes by small steps; return the spikes and the potential of the last node (step, neuron).

    `spikes` are pairs (time, input) in the unit of the graph; each is a pulse of area 1. Linear nodes act at once, the others
    by forward steps of `dt`. NIR does not say where potentials begin: here at v_leak, or v_reset of a node without leak.
    """
    names = [edge[0] for edge in graph.edges] + [graph.edges[-1][1]]
    nodes = [graph.nodes[name] for name in names if type(graph.nodes[name]).__name__ not in ("Input", "Output")]
    pulses = np.zeros((n_step, int(np.prod(graph.nodes[names[0]].input_type["input"]))))
    for time, index in spikes:
        pulses[round(time / dt), index] += 1 / dt
    value = pulses
    fired = None
    for node in nodes:
        kind = type(node).__name__
        if kind == "Linear":
            value = value @ node.weight.T
            continue
        n = value.shape[1]
        threshold = getattr(node, "v_threshold", np.full(n, np.inf))
        leak = getattr(node, "v_leak", np.zeros(n))
        v = (leak if hasattr(node, "v_leak") else node.v_reset) * np.ones(n)
        current = np.zeros(n)
        fired, trace = np.zeros((n_step, n), bool), np.zeros((n_step, n))
        for k in range(n_step):
            drive = value[k]
            if kind.startswith("Cuba"):
                current = current + dt * (-current + node.w_in * drive) / node.tau_syn
                v = v + dt * (leak - v + node.r * current) / node.tau_mem
            elif kind == "IF":
                v = v + dt * node.r * drive
            else:
                v = v + dt * (leak - v + node.r * drive) / node.tau
            fired[k] = v > threshold
            v = np.where(fired[k], getattr(node, "v_reset", v), v)
            trace[k] = v
        value = fired / dt if np.isfinite(threshold).all() else trace
    return fired, trace
