"""Laws of the membrane: potentials, capacitance and time constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from bss2sim.hardware.law import Law, Parameters

MIRROR_RATIO = 8.0  # division and multiplication of a conductance; HA:v3/neuron.h:322-332


class _Linear(Law):
    """A straight line: offset + slope code."""

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return offset + slope code."""
        offset, slope = (parameters[name] for name in self.parameters)
        return offset + slope * code

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return (quantity - offset) / slope."""
        offset, slope = (parameters[name] for name in self.parameters)
        return (quantity - offset) / slope


class ResetLaw(_Linear):
    """Reset potential: V = offset + slope code.

    where V is the potential as the CADC of the circuit reads it [CADC LSB], slope is near 0.29 LSB. It is a straight
    line over the useful codes (300 to 1000). Source: DM:fp_calibration.rst:515, divided by 3 MADC LSB per CADC LSB.
    """

    quantity = "reset"
    code = "reset_v_reset_code"
    parameters = ("reset_offset", "reset_slope")


class ThresholdLaw(_Linear):
    """Threshold potential: V = offset + slope code.

    where V is the potential as the CADC of the circuit reads it [CADC LSB], slope is near 0.325 LSB. It is a straight
    line over the useful codes (0 to 600). Source: DM:fp_calibration.rst:516, divided by 3 MADC LSB per CADC LSB.
    """

    quantity = "threshold"
    code = "threshold_v_threshold_code"
    parameters = ("threshold_offset", "threshold_slope")


class CapacitanceLaw(_Linear):
    """Membrane capacitance: C = C_i + slope code.

    where C is in LSB of the capacitor (about 36 fF), slope is near 1, and C_i is the intrinsic capacitance of the
    circuit. Source: HA:v3/neuron.h:93-101, CX:hw/test_capacitance_measurement.py:165-290.
    """

    quantity = "capacitance"
    code = "membrane_capacitance_code"
    parameters = ("capacitance_intrinsic", "capacitance_slope")


class LeakLaw(Law):
    """Leak potential: V = offset + slope code + bias_slope bias_code.

    where V is the potential as the CADC of the circuit reads it [CADC LSB], slope is near 0.26 LSB, and bias_slope is
    the small part of the leak amplifier's offset that changes with its bias: the leak must be set again when the bias
    has changed. Context: `leak_i_bias_code`. Source: DM:fp_calibration.rst:514, CX:hagen/neuron_leak_bias.py:44-48.
    """

    quantity = "leak"
    code = "leak_v_leak_code"
    parameters = ("leak_offset", "leak_slope", "leak_bias_slope")
    context = ("leak_i_bias_code",)

    def _offset(self, parameters: Parameters, *, leak_i_bias_code: Any) -> np.ndarray:
        """Potential at code 0 [CADC LSB]."""
        return np.asarray(parameters["leak_offset"] + parameters["leak_bias_slope"] * np.asarray(leak_i_bias_code))

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the leak potential [CADC LSB]."""
        return self._offset(parameters, **context) + parameters["leak_slope"] * code

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a leak potential [CADC LSB]."""
        return (quantity - self._offset(parameters, **context)) / parameters["leak_slope"]


class TauMemLaw(Law):
    """Membrane time constant: tau = C s / (g (code + b) m).

    where C is the capacitance [LSB of the capacitor], g the conductance per code [LSB/s], b the code that remains at
    code 0 (the leak is off there, though: tau is infinite), and m is 1/8 with division, 8 with multiplication. The
    amplifier saturates: its current is g V_s tanh(V / V_s) at the distance V from the leak potential, so that a step
    of that amplitude begins as slowly as with the time constant times s = x / tanh(x), x = V / V_s; s = 1 for small
    steps. Context: `capacitance`, and if wanted `enable_leak_division`, `enable_leak_multiplication`, `amplitude`
    [CADC LSB]. Source: CX:measurement/intrinsic_capacitance.py:1-15,116-137, HA:v3/neuron.h:322-332; b and tanh are
    assumptions.
    """

    quantity = "tau_mem"
    code = "leak_i_bias_code"
    parameters = ("leak_conductance", "leak_bias_offset", "leak_saturation")
    context = ("capacitance", "enable_leak_division", "enable_leak_multiplication", "amplitude")
    increasing = False

    def _per_code(
        self,
        parameters: Parameters,
        *,
        capacitance: Any,
        enable_leak_division: Any = False,
        enable_leak_multiplication: Any = False,
        amplitude: Any = 0.0,
    ) -> np.ndarray:
        """Time constant times (code + b) [s]."""
        step = np.asarray(amplitude / parameters["leak_saturation"], np.float64)
        slower = np.divide(step, np.tanh(step), out=np.ones_like(step), where=step != 0)
        mirror = np.where(enable_leak_division, 1 / MIRROR_RATIO, 1.0)
        mirror = mirror * np.where(enable_leak_multiplication, MIRROR_RATIO, 1.0)
        return np.asarray(capacitance * slower / (parameters["leak_conductance"] * mirror))

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the time constant [s]; infinite at code 0."""
        with np.errstate(divide="ignore"):
            tau_mem = self._per_code(parameters, **context) / (code + parameters["leak_bias_offset"])
        return np.where(code <= 0, np.inf, tau_mem)

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a time constant [s]."""
        return self._per_code(parameters, **context) / quantity - parameters["leak_bias_offset"]
