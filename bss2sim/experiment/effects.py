"""What the emulated chip does beside the model, by name, so that each effect can be switched off or scaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ParameterError, suggestion
from ..hardware.chip_configuration import is_finite

#: Names of the effects. With all off and a chip of variation 0 an experiment is the model, to rounding.
EFFECTS = (
    "synapse_gain",
    "membrane_limits",
    "drift",
    "reset_time_constant",
    "threshold_noise",
    "trial_gain",
    "trial_offset",
    "write_noise",
    "membrane_noise",
    "read_noise",
    "channel_offset",
    "channel_gain",
    "sample_jitter",
    "clock_offset",
    "quantisation",
    "synaptic_delay",
    "spike_delay",
    "spike_jitter",
    "spike_resolution",
)

#: Effects that are on or off; a factor other than 0 is on.
SWITCHES = ("membrane_limits", "quantisation", "spike_resolution")

LARGEST = 100.0  # factor; far beyond any chip, and numbers stay finite


def effect_factors(effects: Any) -> dict[str, float]:
    """Return the factor of every effect.

    Parameters
    ----------
    effects : float or mapping of str to float
        Factor of all effects: 0 switches them off, 1 leaves them as :class:`~bss2sim.hardware.chip_configuration.ChipConfiguration`
        has them. A mapping sets it for single effects; the others keep 1. Of :data:`SWITCHES` anything but 0 is on.

    Returns
    -------
    dict of str to float
        Factor by name, in the order of :data:`EFFECTS`; 0 or 1 of switches.

    Raises
    ------
    ParameterError
        If an effect does not exist, or a factor is no number of 0 to 100.

    Examples
    --------
    >>> from bss2sim.experiment.effects import effect_factors
    >>> factors = effect_factors({"drift": 0.5, "membrane_limits": 0.5})
    >>> factors["drift"], factors["membrane_limits"], factors["read_noise"]
    (0.5, 1.0, 1.0)
    """
    given = effects if isinstance(effects, Mapping) else dict.fromkeys(EFFECTS, effects)
    factors = dict.fromkeys(EFFECTS, 1.0)
    for name, value in given.items():
        if name not in EFFECTS:
            raise ParameterError(f"effects has no effect {name!r}{suggestion(str(name), EFFECTS)}")
        if not is_finite(value) or not 0 <= value <= LARGEST:
            where = f" of {name}" if isinstance(effects, Mapping) else ""
            raise ParameterError(
                f"effects{where} must be a number of 0 to {LARGEST:g}: 0 is off, 1 as configured; got {value!r}"
            )
        factors[name] = float(value != 0) if name in SWITCHES else float(value)
    return factors
