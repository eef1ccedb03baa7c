"""From a wanted quantity to the best integer code of a law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bss2sim.hardware.coordinates import N_ATOMIC_NEURON, enum_to_capmem
from bss2sim.hardware.law import Law, Parameters

from .wanted import Failures, Wanted

__all__ = ["BestCode", "best_code", "invert_target"]

QUADRANT = enum_to_capmem(np.arange(N_ATOMIC_NEURON))[0]
INTRINSIC_CAPACITANCE = (
    6.0  # typical, of circuits whose own is not known [LSB]; above 3.2: CX:hw/test_capacitance_measurement.py:165-290
)

# Codes at which calix decides; CX:hagen/neuron_leak_bias.py:375-411,689-715, CX:hagen/neuron_synin.py:705-726
HIGH_RESISTANCE_CODE = 920
OFFSET_DIVISION_CODE = 1017
RESET_DIVISION_CODE = 63
RESET_MULTIPLICATION_CODE = 959
OFFSET_SHORTEST = 3e-6  # shortest tau_mem of a chip for which calix never multiplies [s]


class BestCode(NamedTuple):
    """The best integer code for every circuit.

    Attributes
    ----------
    code : array of int
        In the range of the register.
    value : array
        The quantity at it.
    below, above : arrays of bool
        Where the law would need a code more than half below the lowest or above the highest one.
    """

    code: np.ndarray
    value: np.ndarray
    below: np.ndarray
    above: np.ndarray


def best_code(law: Law, quantity: Any, parameters: Parameters, *, lower: Any = None, **context: Any) -> BestCode:
    """Invert a law and round to the code whose quantity is nearest to the wanted one.

    Laws are curved: of the two codes next to the exact inverse the one with the nearer quantity is taken, which need not
    be the nearer code.

    Parameters
    ----------
    law : Law
        Law of :data:`bss2sim.hardware.transfer.LAWS`, or one like it.
    quantity : float or array
        Wanted quantity, finite [unit of the law].
    parameters : mapping
        Parameters of the circuits, arrays that broadcast with `quantity`.
    lower : int or array, optional
        Smallest code to take, above that of the register: below it the quantity may be infinite.
    **context
        Other quantities that the law depends on.

    Returns
    -------
    BestCode

    Examples
    --------
    >>> from bss2sim.calibration.inversion import best_code
    >>> from bss2sim.hardware.transfer import LAWS
    >>> parameters = {"threshold_offset": 0.0, "threshold_slope": 0.325}
    >>> best = best_code(LAWS["threshold"], 125.0, parameters)
    >>> int(best.code), float(best.value)
    (385, 125.125)
    """
    least = law.lower if lower is None else np.maximum(np.ceil(lower), law.lower)
    exact = np.asarray(law.invert(quantity, parameters, **context), np.float64)
    low = np.clip(np.floor(exact), least, law.upper).astype(np.int64)
    high = np.minimum(low + 1, law.upper)
    at_low = law.evaluate(low, parameters, **context)
    at_high = law.evaluate(high, parameters, **context)
    up = np.abs(at_high - quantity) < np.abs(at_low - quantity)
    return BestCode(
        np.where(up, high, low), np.where(up, at_high, at_low), exact < least - 0.5, exact > law.upper + 0.5
    )


def strength_weight(wanted: Wanted) -> np.ndarray:
    """Return how strong an input is to be beside others of its chip: in proportion to tau_syn / capacitance.

    Strengths are calibrated to the median of the chip. Where all circuits have the same targets that is the median itself;
    where they have not, what their targets ask for is no mismatch, and stays.
    """
    return wanted["tau_syn"] / (wanted["membrane_capacitance"] + INTRINSIC_CAPACITANCE)[..., np.newaxis, :]


def wanted_strength(wanted: Wanted, strength: np.ndarray) -> np.ndarray:
    """Return the strengths to calibrate to, from those at the requested codes (..., synaptic_input, atomic_neuron).

    Medians over the chip, of each input ("calibrated") or of the excitatory one for both ("matching").
    Source: CX:spiking/neuron_calib_parts.py:31-66.
    """
    weight = strength_weight(wanted)
    median = np.median(strength / weight, axis=-1, keepdims=True)
    if wanted.synin_mode == "matching":
        median = median[..., :1, :]
    return weight * median


def choose_mirror(law: Law, wanted: Wanted, parameters: Parameters, capacitance: Any, rule: str) -> tuple[Any, Any]:
    """Return where to divide and where to multiply the leak conductance.

    Rule "default": the slowest of the three ranges that reaches tau_mem with a code below 1017: it has the most codes.
    "calix": for a chip whose shortest tau_mem is 3 us or more only division, there where it reaches; else as its method
    with a reset. Source: CX:hagen/neuron_leak_bias.py:375-411,689-715.
    """
    tau_mem = wanted["tau_mem"]

    def at(code: int, **mirror: bool) -> np.ndarray:
        return law.evaluate(code, parameters, capacitance=capacitance, **mirror)

    divided = at(OFFSET_DIVISION_CODE, enable_leak_division=True) < tau_mem
    plain = at(OFFSET_DIVISION_CODE) < tau_mem
    if rule == "default":
        return divided, ~divided & ~plain
    slow = tau_mem.min(axis=-1, keepdims=True) >= OFFSET_SHORTEST
    division = np.where(slow, divided, at(RESET_DIVISION_CODE) < tau_mem)
    return division, ~slow & ~division & (at(RESET_MULTIPLICATION_CODE) > tau_mem)


def invert_target(
    wanted: Wanted, laws: Mapping[str, Law], parameters: Parameters, failures: Failures, *, rule: str = "default"
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Invert every law, each after those it depends on.

    Parameters
    ----------
    wanted : Wanted
        What to reach.
    laws : mapping of str to Law
        Laws by quantity; of a quantity without law the registers stay as they are.
    parameters : mapping of str to array
        Parameters of the laws (chip dims..., own dims), which broadcast with what is wanted.
    failures : Failures
        Gets the circuits that need a code beyond the range of a register.
    rule : {"default", "calix"}
        How division and multiplication of the leak are chosen.

    Returns
    -------
    codes : dict of arrays
        Registers by name (leading dims..., own dims).
    aims : dict of arrays
        The quantities that were aimed at, by name.
    """
    codes: dict[str, np.ndarray] = {"membrane_capacitance_code": wanted["membrane_capacitance"]}
    aims: dict[str, np.ndarray] = {}
    values: dict[str, np.ndarray] = {}

    def best(quantity: str, aim: np.ndarray, **context: Any) -> None:
        law = laws[quantity]
        found = best_code(law, aim, parameters, **context)
        codes[law.code], values[quantity], aims[quantity] = found.code, found.value, aim
        if quantity != "synapse_dac":
            least = context.get("lower", law.lower)
            least = int(np.ceil(least)) if least is not None else law.lower
            article = "an" if law.code[0] in "aeiou" else "a"
            failures.add(quantity, found.below, f"needs {article} {law.code} below {least}")
            failures.add(quantity, found.above, f"needs {article} {law.code} above {law.upper}")

    capacitance = np.asarray(1.0)
    if "capacitance" in laws:
        capacitance = laws["capacitance"].evaluate(wanted["membrane_capacitance"], parameters)
    of_input = capacitance[..., np.newaxis, :] if capacitance.ndim else capacitance
    if "tau_mem" in laws:
        division, multiplication = choose_mirror(laws["tau_mem"], wanted, parameters, capacitance, rule)
        codes["enable_leak_division"], codes["enable_leak_multiplication"] = division, multiplication
        best("tau_mem", wanted["tau_mem"], lower=1, capacitance=capacitance, enable_leak_division=division,
             enable_leak_multiplication=multiplication)  # fmt: skip
    if "leak" in laws:
        # after its bias, with which it changes: CX:hagen/neuron_leak_bias.py:44-48
        best("leak", wanted["leak"], leak_i_bias_code=codes.get("leak_i_bias_code", 0))
    for quantity in ("reset", "threshold"):
        if quantity in laws:
            best(quantity, wanted[quantity])
    if "tau_syn" in laws:
        law = laws["tau_syn"]
        high = law.evaluate(HIGH_RESISTANCE_CODE, parameters, enable_high_resistance=True) <= wanted["tau_syn"]
        codes["enable_high_resistance"] = high
        best("tau_syn", wanted["tau_syn"], lower=parameters.get("floating_code"), enable_high_resistance=high)
    requested = wanted["synapse_dac_bias"]
    if "synapse_dac" in laws:
        # all quadrants as strong as the weakest one at the requested code
        factor = laws["synapse_dac"].evaluate(requested[..., np.newaxis], parameters)
        best("synapse_dac", np.broadcast_to(factor.min(axis=-1, keepdims=True), factor.shape))
    else:
        codes["synapse_dac_bias_code"] = requested[..., np.newaxis]
    codes["i_bias_gm_code"] = wanted["i_synin_gm"]
    if "synaptic_strength" in laws and wanted.synin_mode != "uncalibrated":
        context = {"capacitance": of_input, "tau_syn": values.get("tau_syn", wanted["tau_syn"])}
        if "synapse_dac" in laws:
            context["synapse_dac"] = values["synapse_dac"][..., np.newaxis, QUADRANT]
        strength = laws["synaptic_strength"].evaluate(wanted["i_synin_gm"], parameters, **context)
        best("synaptic_strength", wanted_strength(wanted, strength), **context)
    if "reference_mismatch" in laws:
        best("reference_mismatch", np.zeros(1), capacitance=of_input, i_bias_gm_code=codes["i_bias_gm_code"])
    return codes, aims
