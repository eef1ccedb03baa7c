"""Slow twins of the chip in plain Python, written from its description: one circuit at a time, nothing of the package."""

import math
from statistics import NormalDist

M64 = 2**64 - 1
INPUTS = 2
CIRCUITS = 512


def philox(key, counter):
    """Return the four words of Philox 4x64-10."""
    (k0, k1), (c0, c1, c2, c3) = key, counter
    for _ in range(10):
        p0, p1 = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (p1 >> 64) ^ c1 ^ k0, p1 & M64, (p0 >> 64) ^ c3 ^ k1, p0 & M64
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & M64, (k1 + 0xBB67AE8584CAA73B) & M64
    return c0, c1, c2, c3


def uniform(seed, stream, run, index):
    """Return one number of a stream; the counter counts from 1."""
    word = philox((seed, stream), (index // 4 + 1, run, 0, 0))[index % 4]
    return ((word >> 12) + 0.5) / 2**52


def normal(seed, stream, run, index):
    """Return one standard normal number, a multiple of 2^-32."""
    return round(NormalDist().inv_cdf(uniform(seed, stream, run, index)) * 2**32) / 2**32


def factor(z, spread):
    """Return a lognormal factor whose mantissa has 32 bits."""
    mantissa, exponent = math.frexp(math.exp(spread * z))
    return math.ldexp(round(mantissa * 2**32) / 2**32, exponent)


def circuit(seed, neuron, variation=1.0):
    """Return the parameters of one circuit; those of inputs as (excitatory, inhibitory), of its quadrant as a number."""

    def z(stream, slot, size=CIRCUITS, place=neuron):
        return variation * normal(seed, stream, 0, slot * size + place)

    def pair(stream):
        return [z(stream, 0, INPUTS * CIRCUITS, side * CIRCUITS + neuron) for side in range(INPUTS)]

    p = {}
    p["leak_slope"] = 0.26 * factor(z(1, 1), 0.015)
    p["leak_bias_slope"] = 0.002 * z(1, 2)
    p["leak_offset"] = 80 + 5 * z(1, 0) - 613 * p["leak_slope"] - 300 * p["leak_bias_slope"]
    p["reset_slope"] = 0.29 * factor(z(2, 1), 0.015)
    p["reset_offset"] = 70 + 6 * z(2, 0) - 599 * p["reset_slope"]
    p["threshold_slope"] = 0.325 * factor(z(3, 1), 0.015)
    p["threshold_offset"] = 125 + 3.5 * z(3, 0) - 385 * p["threshold_slope"]
    p["capacitance_intrinsic"] = 6 * factor(z(4, 0), 1 / 6)
    p["capacitance_slope"] = factor(z(4, 1), 0.02)
    p["leak_conductance"] = 69 / 3e-3 * factor(z(5, 0), 0.15)
    p["tau_syn_constant"] = [600e-6 * factor(x, 0.2) for x in pair(6)]
    p["synaptic_gain"] = [0.82 * 69 / (375 * 10e-6) * factor(x, 0.15) for x in pair(7)]
    p["synapse_dac_slope"] = factor(z(8, 0, 4, neuron // 128), 0.08) / 600
    p["reference_optimum"] = [310 + 25 * x for x in pair(9)]
    return p


def achieved(p, codes):
    """Return the quantities of one circuit from its parameters and the codes of its registers, names as on the chip."""
    q = {}
    q["leak"] = p["leak_offset"] + p["leak_slope"] * codes["leak_v_leak_code"]
    q["leak"] += p["leak_bias_slope"] * codes["leak_i_bias_code"]
    q["reset"] = p["reset_offset"] + p["reset_slope"] * codes["reset_v_reset_code"]
    q["threshold"] = p["threshold_offset"] + p["threshold_slope"] * codes["threshold_v_threshold_code"]
    q["capacitance"] = p["capacitance_intrinsic"] + p["capacitance_slope"] * codes["membrane_capacitance_code"]
    mirror = 1.0
    if codes["enable_leak_division"]:
        mirror /= 8
    if codes["enable_leak_multiplication"]:
        mirror *= 8
    if codes["leak_i_bias_code"] == 0:
        q["tau_mem"] = math.inf
    else:
        q["tau_mem"] = q["capacitance"] / (p["leak_conductance"] * mirror * (codes["leak_i_bias_code"] + 5))
    q["synapse_dac"] = p["synapse_dac_slope"] * codes["synapse_dac_bias_code"]
    q["tau_syn"], q["synaptic_strength"], q["reference_mismatch"] = [], [], []
    for side in range(INPUTS):
        code = codes["i_bias_tau_code"][side]
        resistance = 10 if codes["enable_high_resistance"][side] else 1
        tau_syn = math.inf if code < 5 else p["tau_syn_constant"][side] * resistance / code
        q["tau_syn"].append(tau_syn)
        gm = codes["i_bias_gm_code"][side] / (1 + codes["i_bias_gm_code"][side] / 1500)
        on = codes["enable_synaptic_input"][side]
        off = not on or gm == 0 or q["synapse_dac"] == 0
        current = p["synaptic_gain"][side] * gm * q["synapse_dac"] / q["capacitance"]
        q["synaptic_strength"].append(0.0 if off else current * tau_syn)
        distance = codes["i_shift_reference_code"][side] - p["reference_optimum"][side]
        slope = 14e3 * (69 / q["capacitance"]) * (gm / 375)
        q["reference_mismatch"].append(slope * distance if on else 0.0)
    q["drift"] = q["reference_mismatch"][1] - q["reference_mismatch"][0]
    scale = codes["clock_scale_fast_code"] if codes["input_clock_code"] else codes["clock_scale_slow_code"]
    total, holdoff = codes["refractory_time_code"], 31 - 2 * codes["reset_holdoff_code"]
    q["refractory_time"] = total * 8e-9 * 2**scale
    q["holdoff_time"] = 0.0 if holdoff > total else holdoff * 8e-9 * 2**scale
    return q
