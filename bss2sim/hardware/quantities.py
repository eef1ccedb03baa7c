"""What registers make of a circuit: every quantity from codes and the parameters of the laws, without noise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from bss2sim.hardware.clocks import refractory_durations
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON, enum_to_capmem
from bss2sim.hardware.transfer import LAWS

_QUADRANT = enum_to_capmem(np.arange(N_ATOMIC_NEURON))[0]

_CAPACITANCE = ("membrane_capacitance_code",)
_TAU_SYN = ("i_bias_tau_code", "enable_high_resistance")
_REFERENCE = ("i_shift_reference_code", "i_bias_gm_code", "enable_synaptic_input", *_CAPACITANCE)
_CLOCK = (
    "refractory_time_code",
    "reset_holdoff_code",
    "input_clock_code",
    "clock_scale_slow_code",
    "clock_scale_fast_code",
)

#: Registers that each quantity depends on.
NEEDED: dict[str, tuple[str, ...]] = {
    "leak": ("leak_v_leak_code", "leak_i_bias_code"),
    "reset": ("reset_v_reset_code",),
    "threshold": ("threshold_v_threshold_code",),
    "tau_mem": ("leak_i_bias_code", "enable_leak_division", "enable_leak_multiplication", *_CAPACITANCE),
    "tau_syn": _TAU_SYN,
    "synaptic_strength": (
        "i_bias_gm_code",
        "synapse_dac_bias_code",
        "enable_synaptic_input",
        *_TAU_SYN,
        *_CAPACITANCE,
    ),
    "synapse_dac": ("synapse_dac_bias_code",),
    "capacitance": _CAPACITANCE,
    "reference_mismatch": _REFERENCE,
    "drift": _REFERENCE,
    "refractory_time": _CLOCK,
    "holdoff_time": _CLOCK,
}


class Quantities:
    """Quantities by name, each worked out when it is asked for.

    Parameters
    ----------
    codes : mapping of str to array
        Registers by name, shape (..., own dims); the leading dims of all broadcast.
    parameters : mapping of str to array
        Parameters of the laws by name, the same; scalars as they are.
    """

    def __init__(self, codes: Mapping[str, np.ndarray], parameters: Mapping[str, np.ndarray]) -> None:
        self._codes = codes
        self._parameters = parameters

    def _evaluate(self, name: str, **context: np.ndarray) -> np.ndarray:
        """Law of one name at the code that sets it."""
        return LAWS[name].evaluate(self._codes[LAWS[name].code], self._parameters, **context)

    @cached_property
    def capacitance(self) -> np.ndarray:
        """Membrane capacitance (..., atomic_neuron) [LSB]."""
        return self._evaluate("capacitance")

    @cached_property
    def leak(self) -> np.ndarray:
        """Leak potential (..., atomic_neuron) [CADC LSB]."""
        return self._evaluate("leak", leak_i_bias_code=self._codes["leak_i_bias_code"])

    @cached_property
    def reset(self) -> np.ndarray:
        """Reset potential (..., atomic_neuron) [CADC LSB]."""
        return self._evaluate("reset")

    @cached_property
    def threshold(self) -> np.ndarray:
        """Threshold (..., atomic_neuron) [CADC LSB]."""
        return self._evaluate("threshold")

    @cached_property
    def tau_mem(self) -> np.ndarray:
        """Membrane time constant (..., atomic_neuron) [s]."""
        names = ("enable_leak_division", "enable_leak_multiplication")
        return self._evaluate("tau_mem", capacitance=self.capacitance, **{name: self._codes[name] for name in names})

    @cached_property
    def tau_syn(self) -> np.ndarray:
        """Synaptic time constant (..., synaptic_input, atomic_neuron) [s]."""
        return self._evaluate("tau_syn", enable_high_resistance=self._codes["enable_high_resistance"])

    @cached_property
    def synapse_dac(self) -> np.ndarray:
        """Factor of the synapse DACs (..., capmem_block)."""
        return self._evaluate("synapse_dac")

    @cached_property
    def synaptic_strength(self) -> np.ndarray:
        """Step of an IAF membrane per weight LSB (..., synaptic_input, atomic_neuron) [CADC LSB]; 0 of an input that is off."""
        strength = self._evaluate(
            "synaptic_strength",
            capacitance=self.capacitance[..., np.newaxis, :],
            tau_syn=self.tau_syn,
            synapse_dac=self.synapse_dac[..., np.newaxis, _QUADRANT],
        )
        return np.where(self._codes["enable_synaptic_input"], strength, 0.0)

    @cached_property
    def reference_mismatch(self) -> np.ndarray:
        """Slope of the membrane without events (..., synaptic_input, atomic_neuron) [CADC LSB/s]; 0 of an input that is off."""
        mismatch = self._evaluate(
            "reference_mismatch",
            capacitance=self.capacitance[..., np.newaxis, :],
            i_bias_gm_code=self._codes["i_bias_gm_code"],
        )
        return np.where(self._codes["enable_synaptic_input"], mismatch, 0.0)

    @cached_property
    def drift(self) -> np.ndarray:
        """Slope of a membrane without leak and events (..., atomic_neuron) [CADC LSB/s]."""
        return self.reference_mismatch[..., 1, :] - self.reference_mismatch[..., 0, :]

    @cached_property
    def _durations(self) -> tuple[np.ndarray, np.ndarray]:
        """Refractory time and holdoff (..., atomic_neuron) [s]."""
        slow, fast = (self._codes[f"clock_scale_{kind}_code"][..., np.newaxis] for kind in ("slow", "fast"))
        scale = np.where(self._codes["input_clock_code"] == 1, fast, slow)
        return refractory_durations(self._codes["refractory_time_code"], self._codes["reset_holdoff_code"], scale)

    @property
    def refractory_time(self) -> np.ndarray:
        """Refractory time, holdoff included (..., atomic_neuron) [s]."""
        return self._durations[0]

    @property
    def holdoff_time(self) -> np.ndarray:
        """Holdoff (..., atomic_neuron) [s]."""
        return self._durations[1]
