"""Slow twins of placement of several populations and of values looked up by place. Import nothing from bss2sim.

A neuron is a list of enums of circuits, the first one read out; a population is (size, shape, constraint), where shape is a
list of (column, row) from the corner.
"""


def neuron_at(anchor, shape):
    """Circuits of a neuron whose corner is a circuit, or None where the shape leaves the chip or its half."""
    column, row = anchor % 256, anchor // 256
    circuits = []
    for right, down in shape:
        if row + down > 1 or (column + right) // 128 != column // 128:
            return None
        circuits.append(256 * (row + down) + column + right)
    return circuits


def place_populations(populations, used=()):
    """Neurons of each population; None if a circuit is wanted twice or there is no room."""
    taken = set(used)
    placed = {}
    for constrained in (True, False):
        for index, (size, shape, constraint) in enumerate(populations):
            if (constraint is not None) != constrained:
                continue
            neurons = []
            for anchor in constraint if constrained else range(512):
                if len(neurons) == size:
                    break
                circuits = neuron_at(anchor, shape)
                fits = circuits is not None and not taken & set(circuits)
                if constrained and not fits:
                    return None
                if fits:
                    neurons.append(circuits)
                    taken |= set(circuits)
            if len(neurons) < size:
                return None
            placed[index] = neurons
    return [placed[index] for index in range(len(populations))]


def look_up(neurons, of_neuron, of_circuit):
    """Value of each neuron: its own (key: tuple of circuits), else that of its first circuit; None if there is neither."""
    return [of_neuron.get(tuple(circuits), of_circuit.get(circuits[0])) for circuits in neurons]
