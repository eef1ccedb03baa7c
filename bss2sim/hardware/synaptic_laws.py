"""Laws of the synaptic inputs: time constant, strength of synapses and of inputs, reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from bss2sim.hardware.law import Law, Parameters


class TauSynLaw(Law):
    """Synaptic time constant: tau = K r / code.

    where K is a constant of the circuit and the input [s], and r is 1, or with high resistance the parameter
    `high_resistance_factor`. Below `floating_code` the synaptic line does not decay: tau is infinite. Context, if
    wanted: `enable_high_resistance`. Source: falls with the code, CX:hagen/neuron_synin.py:613-616,705-726,849-854;
    that it falls as 1 / code is an assumption.
    """

    quantity = "tau_syn"
    code = "i_bias_tau_code"
    parameters = ("tau_syn_constant", "high_resistance_factor", "floating_code")
    context = ("enable_high_resistance",)
    increasing = False

    def _constant(self, parameters: Parameters, *, enable_high_resistance: Any = False) -> np.ndarray:
        """Time constant times code [s]."""
        resistance = np.where(enable_high_resistance, parameters["high_resistance_factor"], 1.0)
        return np.asarray(parameters["tau_syn_constant"] * resistance)

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the time constant [s]; infinite where the line floats."""
        with np.errstate(divide="ignore"):
            tau_syn = self._constant(parameters, **context) / code
        return np.where(code < parameters["floating_code"], np.inf, tau_syn)

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a time constant [s]."""
        return self._constant(parameters, **context) / quantity


class SynapseDacLaw(Law):
    """Current of the synapses of a quadrant relative to the nominal one: factor = slope code.

    where slope is near 1/600. That it is proportional is an assumption. Source: CX:inc/neuron_calib_target.h:211-216.
    """

    quantity = "synapse_dac"
    code = "synapse_dac_bias_code"
    parameters = ("synapse_dac_slope",)

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the factor."""
        return parameters["synapse_dac_slope"] * code

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a factor."""
        return quantity / parameters["synapse_dac_slope"]


def transconductance(code: Any, parameters: Parameters) -> np.ndarray:
    """Return f(code) = code / (1 + code / c), where c is `gm_compression` [codes]; that it bends so is an assumption."""
    code = np.asarray(code)
    return np.asarray(code / (1 + code / parameters["gm_compression"]))


class SynapticStrengthLaw(Law):
    """Step of the membrane of an IAF neuron per weight LSB: A = a f(code) d tau / C.

    where A is where the membrane comes to rest after one event of weight 1 [CADC LSB], a is the gain of the circuit
    and the input [LSB/s], f(code) = code / (1 + code / c) the transconductance, which has fallen to half of the
    straight line at code c, d the factor of the synapse DACs of the quadrant, tau the synaptic time constant [s] and C
    the capacitance [LSB of the capacitor]. A does not depend on tau_mem. Context: `capacitance`, `tau_syn`, and if
    wanted `synapse_dac`. Source: charge per event CX:inc/neuron_calib_target.h:211-216; f is an assumption.
    """

    quantity = "synaptic_strength"
    code = "i_bias_gm_code"
    parameters = ("synaptic_gain", "gm_compression")
    context = ("capacitance", "tau_syn", "synapse_dac")

    def _per_gm(self, parameters: Parameters, *, capacitance: Any, tau_syn: Any, synapse_dac: Any = 1.0) -> np.ndarray:
        """Strength per transconductance [CADC LSB per weight LSB]; 0 of synapses that are off."""
        synapse_dac = np.asarray(synapse_dac)
        with np.errstate(invalid="ignore"):
            per_gm = parameters["synaptic_gain"] * synapse_dac * np.asarray(tau_syn) / capacitance
        return np.where(synapse_dac == 0, 0.0, per_gm)

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the strength [CADC LSB per weight LSB]; 0 at code 0, infinite where the synaptic line floats."""
        with np.errstate(invalid="ignore"):
            strength = transconductance(code, parameters) * self._per_gm(parameters, **context)
        return np.where(code == 0, 0.0, strength)

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a strength [CADC LSB per weight LSB]; infinite where no transconductance is high enough."""
        gm = np.where(quantity == 0, 0.0, quantity / self._per_gm(parameters, **context))
        gm = np.where(
            np.isinf(quantity), quantity, gm
        )  # also where the line floats and the strength is infinite itself
        compression = parameters["gm_compression"]
        code = np.where(gm >= compression, np.inf, gm / (1 - gm / compression))
        return np.where(gm == -np.inf, -compression, code)  # the limit


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
    context = ("capacitance", "i_bias_gm_code")

    def _per_code(self, parameters: Parameters, *, capacitance: Any, i_bias_gm_code: Any) -> np.ndarray:
        """Slope of the membrane per code [CADC LSB/s]."""
        return np.asarray(parameters["reference_gain"] * transconductance(i_bias_gm_code, parameters) / capacitance)

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the slope of the membrane [CADC LSB/s]."""
        return self._per_code(parameters, **context) * (code - parameters["reference_optimum"])

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code of a slope [CADC LSB/s]; the optimum for 0."""
        distance = np.where(quantity == 0, 0.0, quantity / self._per_code(parameters, **context))
        return parameters["reference_optimum"] + distance
