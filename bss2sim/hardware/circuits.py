"""Draw the parameters of the laws of every circuit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bss2sim.errors import ParameterError, suggestion
from bss2sim.hardware.chip_configuration import (
    NOMINAL_CAPACITANCE_CODE,
    NOMINAL_DAC_CODE,
    NOMINAL_GM_CODE,
    NOMINAL_LEAK_BIAS_CODE,
    NOMINAL_TAU_SYN,
    ChipConfiguration,
    is_finite,
)
from bss2sim.hardware.draws import lognormal, normal
from bss2sim.hardware.registers import SIZES
from bss2sim.hardware.transfer import LAWS
from bss2sim.variables import TRIAL, VARIABLES

#: Stream of each law. A number stays with its law for ever: another one would make other chips of the same seeds.
STREAMS = {
    "leak": 1,
    "reset": 2,
    "threshold": 3,
    "capacitance": 4,
    "tau_mem": 5,
    "tau_syn": 6,
    "synaptic_strength": 7,
    "synapse_dac": 8,
    "reference_mismatch": 9,
}

PARAMETERS = tuple(dict.fromkeys(name for law in LAWS.values() for name in law.parameters))

LIMIT = 1e100  # of every parameter, and 1 / LIMIT of factors, so that no product of some of them overflows
_ANY_SIGN = (
    "leak_offset",
    "leak_bias_slope",
    "reset_offset",
    "threshold_offset",
    "leak_bias_offset",
    "reference_optimum",
)


def variation_factors(variation: Any) -> dict[str, float]:
    """Turn `variation` into a factor of each law; ParameterError if it is none."""
    given = variation if isinstance(variation, Mapping) else dict.fromkeys(STREAMS, variation)
    factors = dict.fromkeys(STREAMS, 1.0)
    for name, value in given.items():
        if name not in STREAMS:
            raise ParameterError(f"variation has no law {name!r}{suggestion(str(name), STREAMS)}")
        if not is_finite(value) or value < 0:
            where = f" of {name}" if isinstance(variation, Mapping) else ""
            raise ParameterError(f"variation{where} must be a finite number of at least 0; got {value!r}")
        factors[name] = float(value)
    return factors


def _check(parameters: Mapping[str, np.ndarray]) -> None:
    """Refuse parameters that are not finite, and factors that are not above 0, or too near to overflow."""
    for name, values in parameters.items():
        good = np.abs(values) <= LIMIT
        if name not in _ANY_SIGN:
            good &= values >= 1 / LIMIT
        if not good.all():
            bound = f"within {LIMIT:g} of 0" if name in _ANY_SIGN else f"{1 / LIMIT:g} to {LIMIT:g}"
            raise ParameterError(
                f"variation or configuration is too large: {name} of a circuit is {values[~good].flat[0]:g} and must be "
                f"{bound}; take a smaller variation, or spreads and levels nearer to the defaults"
            )


def draw_parameters(
    seeds: np.ndarray, variation: Mapping[str, float], configuration: ChipConfiguration
) -> dict[str, np.ndarray]:
    """Return the parameters of the laws of every circuit of every chip.

    Levels are normal around the typical one; slopes, conductances and gains are the typical one times a lognormal factor
    exp(spread z). With variation 0 every circuit has the typical law to the bit.

    Parameters
    ----------
    seeds : array of int, any shape
        Chips.
    variation : mapping of law to number
        Factor of the spreads of each law of :data:`STREAMS`.
    configuration : ChipConfiguration
        Typical laws and their spreads.

    Returns
    -------
    dict of arrays
        :data:`PARAMETERS` by name, shape of `seeds` and then of a circuit, an input or a quadrant; scalars of what all have alike.

    Raises
    ------
    ParameterError
        If a parameter is not finite or a factor is not above 0, which a very large variation or configuration does.
    """
    with np.errstate(all="ignore"):
        parameters = _drawn(seeds, variation, configuration)
    _check(parameters)
    return parameters


def _drawn(
    seeds: np.ndarray, variation: Mapping[str, float], configuration: ChipConfiguration
) -> dict[str, np.ndarray]:
    """Return the parameters as they are drawn, not checked."""
    c = configuration

    def draw(law: str, *names: str) -> list[np.ndarray]:
        """Numbers of one law, scaled by its variation; one array of dims of each name."""
        dims = [dim for dim in VARIABLES[names[0]].dims if dim != TRIAL]
        z = normal(seeds, STREAMS[law], 0, (len(names), *(SIZES[dim] for dim in dims)))
        return [variation[law] * part for part in np.moveaxis(z, seeds.ndim, 0)]

    p: dict[str, np.ndarray] = {}
    level, slope, bias_slope = draw("leak", "leak_offset", "leak_slope", "leak_bias_slope")
    p["leak_slope"] = c.leak_slope * lognormal(slope, c.potential_slope_spread)
    p["leak_bias_slope"] = c.leak_bias_slope_spread * bias_slope
    p["leak_offset"] = (
        c.leak_level
        + c.leak_level_spread * level
        - c.leak_level_code * p["leak_slope"]
        - NOMINAL_LEAK_BIAS_CODE * p["leak_bias_slope"]
    )
    level, slope = draw("reset", "reset_offset", "reset_slope")
    p["reset_slope"] = c.reset_slope * lognormal(slope, c.potential_slope_spread)
    p["reset_offset"] = c.reset_level + c.reset_level_spread * level - c.reset_level_code * p["reset_slope"]
    level, slope = draw("threshold", "threshold_offset", "threshold_slope")
    p["threshold_slope"] = c.threshold_slope * lognormal(slope, c.potential_slope_spread)
    p["threshold_offset"] = (
        c.threshold_level + c.threshold_level_spread * level - c.threshold_level_code * p["threshold_slope"]
    )

    intrinsic, slope = draw("capacitance", "capacitance_intrinsic", "capacitance_slope")
    p["capacitance_intrinsic"] = c.capacitance_intrinsic * lognormal(intrinsic, c.capacitance_intrinsic_spread)
    p["capacitance_slope"] = lognormal(slope, c.capacitance_slope_spread)
    capacitance = NOMINAL_CAPACITANCE_CODE + c.capacitance_intrinsic
    (conductance,) = draw("tau_mem", "leak_conductance")
    p["leak_conductance"] = capacitance / c.tau_mem_constant * lognormal(conductance, c.leak_conductance_spread)
    p["leak_bias_offset"] = np.array(c.leak_bias_offset)
    p["leak_saturation"] = np.array(c.leak_saturation)

    (constant,) = draw("tau_syn", "tau_syn_constant")
    p["tau_syn_constant"] = c.tau_syn_constant * lognormal(constant, c.tau_syn_spread)
    p["high_resistance_factor"] = np.array(c.high_resistance_factor)
    p["floating_code"] = np.array(c.floating_code)
    (gain,) = draw("synaptic_strength", "synaptic_gain")
    gm = NOMINAL_GM_CODE / (1 + NOMINAL_GM_CODE / c.gm_compression)
    typical = c.synaptic_strength * capacitance / (gm * NOMINAL_TAU_SYN)
    p["synaptic_gain"] = typical * lognormal(gain, c.gm_spread)
    p["gm_compression"] = np.array(c.gm_compression)
    (slope,) = draw("synapse_dac", "synapse_dac_slope")
    p["synapse_dac_slope"] = lognormal(slope, c.synapse_dac_spread) / NOMINAL_DAC_CODE
    (optimum,) = draw("reference_mismatch", "reference_optimum")
    p["reference_optimum"] = c.reference_optimum + c.reference_optimum_spread * optimum
    p["reference_gain"] = np.array(c.reference_slope * capacitance / gm)
    return p
