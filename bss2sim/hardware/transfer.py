"""Transfer laws: the quantity that the code of a register makes, and the code that makes a quantity.

Every law is a pure function of codes, of the parameters of the circuits, and of other quantities it depends on (its
context). It works on numbers and arrays that broadcast with NumPy's rules. The inverse is exact; it gives a code that
is not rounded and may lie outside of the range of the register, infinite where no code is high enough, never NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bss2sim.hardware.registers import REGISTERS

MIRROR_RATIO = 8.0  # division and multiplication of a conductance; HA:v3/neuron.h:322-332

Parameters = Mapping[str, Any]


class Law:
    """A monotone law between a code and a quantity.

    Attributes
    ----------
    quantity : str
        Name of the quantity; also of the law.
    code : str
        Register that sets it.
    parameters : tuple of str
        Names of the parameters that the law reads.
    increasing : bool
        Whether the quantity rises with the code.
    lower, upper : int
        Range of the register.

    Examples
    --------
    >>> from bss2sim.hardware.transfer import LAWS
    >>> law, parameters = LAWS["threshold"], {"threshold_offset": 0.0, "threshold_slope": 0.325}
    >>> float(law.evaluate(400, parameters)), float(law.invert(130.0, parameters))
    (130.0, 400.0)
    """

    quantity: ClassVar[str]
    code: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    increasing: ClassVar[bool] = True

    @property
    def lower(self) -> int:
        """Smallest code."""
        return REGISTERS[self.code].lower

    @property
    def upper(self) -> int:
        """Largest code."""
        return REGISTERS[self.code].upper

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the quantity that a code makes."""
        raise NotImplementedError

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code that makes a quantity: not rounded, maybe outside of the range."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<law of {self.quantity}: {self.code} {self.lower} to {self.upper}>"


class _Linear(Law):
    """A straight line: offset + slope code."""

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return offset + slope code."""
        offset, slope = (parameters[name] for name in self.parameters)
        return np.asarray(offset + slope * np.asarray(code))

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return (quantity - offset) / slope."""
        offset, slope = (parameters[name] for name in self.parameters)
        return np.asarray((quantity - offset) / slope)


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

    def evaluate(self, code: Any, parameters: Parameters, *, leak_i_bias_code: Any = 0, **context: Any) -> np.ndarray:
        """Return the leak potential [CADC LSB]."""
        offset = parameters["leak_offset"] + parameters["leak_bias_slope"] * np.asarray(leak_i_bias_code)
        return np.asarray(offset + parameters["leak_slope"] * np.asarray(code))

    def invert(self, quantity: Any, parameters: Parameters, *, leak_i_bias_code: Any = 0, **context: Any) -> np.ndarray:
        """Return the code of the leak potential."""
        offset = parameters["leak_offset"] + parameters["leak_bias_slope"] * np.asarray(leak_i_bias_code)
        return np.asarray((quantity - offset) / parameters["leak_slope"])


class TauMemLaw(Law):
    """Membrane time constant: tau = C s / (g (code + b) m).

    where C is the capacitance [LSB of the capacitor], g the conductance per code [LSB/s], b the code that remains at
    code 0 (the leak is off there, though: tau is infinite), and m is 1/8 with division, 8 with multiplication. The
    amplifier saturates: its current is g V_s tanh(V / V_s) at the distance V from the leak potential, so that a step
    of that amplitude begins as slowly as with the time constant times s = x / tanh(x), x = V / V_s; s = 1 for small
    steps. Context: `capacitance`, `enable_leak_division`, `enable_leak_multiplication`, `amplitude` [CADC LSB].
    Source: CX:measurement/intrinsic_capacitance.py:1-15,116-137, HA:v3/neuron.h:322-332; b and tanh are assumptions.
    """

    quantity = "tau_mem"
    code = "leak_i_bias_code"
    parameters = ("leak_conductance", "leak_bias_offset", "leak_saturation")
    increasing = False

    def _numerator(
        self,
        parameters: Parameters,
        *,
        capacitance: Any,
        enable_leak_division: Any = False,
        enable_leak_multiplication: Any = False,
        amplitude: Any = 0.0,
        **context: Any,
    ) -> np.ndarray:
        """Time constant times (code + b) [s]."""
        step = np.asarray(amplitude / parameters["leak_saturation"], np.float64)
        slower = np.divide(step, np.tanh(step), out=np.ones_like(step), where=step != 0)
        mirror = np.where(enable_leak_division, 1 / MIRROR_RATIO, 1.0) * np.where(
            enable_leak_multiplication, MIRROR_RATIO, 1.0
        )
        return np.asarray(capacitance * slower / (parameters["leak_conductance"] * mirror))

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the time constant [s]; infinite at code 0."""
        code = np.asarray(code)
        with np.errstate(divide="ignore"):
            tau_mem = self._numerator(parameters, **context) / (code + parameters["leak_bias_offset"])
        return np.where(code <= 0, np.inf, tau_mem)

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a time constant [s]."""
        with np.errstate(divide="ignore"):
            return np.asarray(
                self._numerator(parameters, **context) / np.asarray(quantity, np.float64)
                - parameters["leak_bias_offset"]
            )


class TauSynLaw(Law):
    """Synaptic time constant: tau = K r / code.

    where K is a constant of the circuit and the input [s], and r is 1, or with high resistance the parameter
    `high_resistance_factor`. Below `floating_code` the synaptic line does not decay: tau is infinite. Context:
    `enable_high_resistance`. Source: falls with the code, CX:hagen/neuron_synin.py:613-616,705-726,849-854; that it
    falls as 1 / code is an assumption.
    """

    quantity = "tau_syn"
    code = "i_bias_tau_code"
    parameters = ("tau_syn_constant", "high_resistance_factor", "floating_code")
    increasing = False

    def _constant(self, parameters: Parameters, *, enable_high_resistance: Any = False, **context: Any) -> np.ndarray:
        """Time constant times code [s]."""
        resistance = np.where(enable_high_resistance, parameters["high_resistance_factor"], 1.0)
        return np.asarray(parameters["tau_syn_constant"] * resistance)

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the time constant [s]; infinite where the line floats."""
        code = np.asarray(code)
        with np.errstate(divide="ignore"):
            tau_syn = self._constant(parameters, **context) / code
        return np.where(code < parameters["floating_code"], np.inf, tau_syn)

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a time constant [s]."""
        with np.errstate(divide="ignore"):
            return np.asarray(self._constant(parameters, **context) / np.asarray(quantity, np.float64))


class SynapseDacLaw(Law):
    """Current of the synapses of a quadrant relative to the nominal one: factor = slope code.

    where slope is near 1/600. That it is proportional is an assumption. Source: CX:inc/neuron_calib_target.h:211-216.
    """

    quantity = "synapse_dac"
    code = "synapse_dac_bias_code"
    parameters = ("synapse_dac_slope",)

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the factor."""
        return np.asarray(parameters["synapse_dac_slope"] * np.asarray(code))

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a factor."""
        return np.asarray(quantity / parameters["synapse_dac_slope"])


def compress(code: Any, parameters: Parameters) -> np.ndarray:
    """Return the transconductance code / (1 + code / c) that a code of i_bias_gm makes, c being `gm_compression` [codes]."""
    code = np.asarray(code)
    return np.asarray(code / (1 + code / parameters["gm_compression"]))


class SynapticStrengthLaw(Law):
    """Step of the membrane of an IAF neuron per weight LSB: A = a f(code) d tau / C, f(code) = code / (1 + code / c).

    where A is where the membrane comes to rest after one event of weight 1 [CADC LSB], a is the gain of the circuit
    and the input [LSB/s], d the factor of the synapse DACs of the quadrant, tau the synaptic time constant [s], C the
    capacitance [LSB of the capacitor] and c the code at which the transconductance has fallen to half of the straight
    line. A does not depend on tau_mem. Context: `capacitance`, `tau_syn`, `synapse_dac`. Source: charge per event
    CX:inc/neuron_calib_target.h:211-216; f is an assumption.
    """

    quantity = "synaptic_strength"
    code = "i_bias_gm_code"
    parameters = ("synaptic_gain", "gm_compression")

    def evaluate(
        self,
        code: Any,
        parameters: Parameters,
        *,
        capacitance: Any,
        tau_syn: Any,
        synapse_dac: Any = 1.0,
        **context: Any,
    ) -> np.ndarray:
        """Return the strength [CADC LSB per weight LSB]; 0 at code 0, infinite where the synaptic line floats."""
        current = parameters["synaptic_gain"] * compress(code, parameters) * synapse_dac / capacitance
        with np.errstate(invalid="ignore"):
            return np.where(current == 0, 0.0, current * tau_syn)

    def invert(
        self,
        quantity: Any,
        parameters: Parameters,
        *,
        capacitance: Any,
        tau_syn: Any,
        synapse_dac: Any = 1.0,
        **context: Any,
    ) -> np.ndarray:
        """Return the code of a strength [CADC LSB per weight LSB]; infinite where no transconductance is high enough."""
        per_gm = np.asarray(parameters["synaptic_gain"] * np.asarray(synapse_dac) * tau_syn / capacitance)
        with np.errstate(divide="ignore", invalid="ignore"):
            gm = np.where(np.equal(quantity, 0), 0.0, quantity / per_gm)
            # of infinite gm the second form is NaN, and not taken
            return np.where(gm >= parameters["gm_compression"], np.inf, gm / (1 - gm / parameters["gm_compression"]))


class ReferenceMismatchLaw(Law):
    """Slope of the membrane that a synaptic input causes without events: m = k f(gm_code) (code - optimum) / C.

    where m is in CADC LSB/s, counted so that it rises with the code, k is `reference_gain` [LSB/s], f the
    transconductance as in :class:`SynapticStrengthLaw` and C the capacitance [LSB of the capacitor]. The excitatory
    input lowers, the inhibitory input raises the membrane by it, so a circuit drifts by m_inhibitory - m_excitatory.
    Context: `capacitance`, `i_bias_gm_code`. Source: the searches of both references run in opposite directions,
    CX:spiking/neuron.py:257-387; the numbers are assumptions.
    """

    quantity = "reference_mismatch"
    code = "i_shift_reference_code"
    parameters = ("reference_optimum", "reference_gain", "gm_compression")

    def _per_code(self, parameters: Parameters, *, capacitance: Any, i_bias_gm_code: Any, **context: Any) -> np.ndarray:
        """Slope of the membrane per code [CADC LSB/s]."""
        return np.asarray(parameters["reference_gain"] * compress(i_bias_gm_code, parameters) / capacitance)

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the slope of the membrane [CADC LSB/s]."""
        return np.asarray(self._per_code(parameters, **context) * (np.asarray(code) - parameters["reference_optimum"]))

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a slope [CADC LSB/s]; the optimum for 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(np.equal(quantity, 0), 0.0, quantity / self._per_code(parameters, **context))
        return np.asarray(parameters["reference_optimum"] + distance)


#: Laws by quantity, in an order in which they can be inverted: the context of each comes before it.
LAWS: dict[str, Law] = {
    law.quantity: law
    for law in (
        CapacitanceLaw(),
        TauMemLaw(),
        LeakLaw(),
        ResetLaw(),
        ThresholdLaw(),
        TauSynLaw(),
        SynapseDacLaw(),
        SynapticStrengthLaw(),
        ReferenceMismatchLaw(),
    )
}
