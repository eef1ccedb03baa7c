"""Slow twins of weights and circuits in experiments, in plain Python: one neuron and one synapse at a time."""

import math
from fractions import Fraction
from statistics import NormalDist

from naive_hardware import achieved, circuit, factor, normal, philox

STREAMS = {
    "leak_v_leak_code": 201, "leak_i_bias_code": 202, "reset_v_reset_code": 203, "threshold_v_threshold_code": 204,
    "i_bias_tau_code": 205, "i_bias_gm_code": 206, "i_shift_reference_code": 207, "synapse_dac_bias_code": 208,
}  # fmt: skip


def weight_code(weight):
    """Return the weight of a synapse, half away from zero, and whether it saturates."""
    doubled = 2 * Fraction(abs(weight))
    whole = math.floor((doubled + 1) / 2)
    return int(math.copysign(min(whole, 63), weight)), whole > 63


def quantiles():
    """Return 65536 normal quantiles of unit variance."""
    normals = [NormalDist().inv_cdf((k + 0.5) / 65536) for k in range(65536)]
    scale = math.sqrt(math.fsum(z * z for z in normals) / 65536)
    return [z / scale for z in normals]


def synapse_gain(seed, atomic_neuron, row, spread, table):
    """Return the gain of one synapse."""
    number = 256 * atomic_neuron + row
    word = philox((seed, 102), (number // 16 + 1, 0, 0, 0))[number // 4 % 4]
    return factor(table[word >> 16 * (number % 4) & 0xFFFF], spread)


def written(seed, run, codes, neuron, noise):
    """Return the codes of a circuit after a write."""

    def write(name, code, index):
        return 0 if code == 0 else max(code + noise * normal(seed, STREAMS[name], run, index), 0.0)

    new = dict(codes)
    for name in STREAMS:
        if name == "synapse_dac_bias_code":
            new[name] = write(name, codes[name], neuron // 128)
        elif isinstance(codes[name], list):
            new[name] = [write(name, code, 512 * side + neuron) for side, code in enumerate(codes[name])]
        else:
            new[name] = write(name, codes[name], neuron)
    return new


def placed_neuron(seed, circuits, codes, *, run=0, noise=0.0, variation=1.0):
    """Return the parameters of a neuron of some circuits; `codes` are those of each circuit."""
    each = [
        achieved(circuit(seed, number, variation), written(seed, run, codes[number], number, noise))
        for number in circuits
    ]
    total = sum(q["capacitance"] for q in each)
    first = each[0]
    n = {name: first[name] for name in ("reset", "leak", "refractory_time", "holdoff_time")}
    n["threshold"] = first["threshold"] if codes[circuits[0]]["enable_threshold"] else math.inf
    n["tau_mem"] = first["tau_mem"] * total / first["capacitance"]
    n["tau_syn"] = [1.0 if math.isinf(tau_syn) else tau_syn for tau_syn in first["tau_syn"]]
    n["circuit_strength"] = [
        [
            # a line that floats keeps its current: strength goes with tau_syn
            _strength(seed, number, codes[number], q, side, variation, run, noise) * q["capacitance"] / total
            for number, q in zip(circuits, each, strict=True)
        ]
        for side in range(2)
    ]
    n["strength"] = [strengths[0] for strengths in n["circuit_strength"]]
    n["drift"] = sum(q["drift"] * q["capacitance"] for q in each) / total
    n["enable_digital"] = codes[circuits[0]]["enable_digital"]
    return n


def _strength(seed, number, codes, q, side, variation, run, noise):
    """Return the strength of an input on its own circuit, with a time constant of 1 s where the line floats."""
    if not math.isinf(q["synaptic_strength"][side]):
        return q["synaptic_strength"][side]
    gm = written(seed, run, codes, number, noise)["i_bias_gm_code"][side]
    return (
        circuit(seed, number, variation)["synaptic_gain"][side]
        * gm
        / (1 + gm / 1500)
        * q["synapse_dac"]
        / q["capacitance"]
    )
