"""The target of a calibration of neurons, with the fields of calix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bss2sim.calibration.target import NeuronCalibTarget as Target
from bss2sim.calibration.target_fields import FIELDS
from bss2sim.errors import ParameterError
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON

from ..times import Microseconds, in_seconds

TIMES = ("tau_mem", "tau_syn", "refractory_time", "holdoff_time")
N_INPUT = 2
_DENSE = ("leak", "reset", "threshold", "tau_mem", "membrane_capacitance", "refractory_time", "holdoff_time")


class _Dense:
    """Gives a new target whose fields are arrays, from the class and from its instances."""

    def __get__(self, instance: Any, owner: type[NeuronCalibTarget]) -> NeuronCalibTarget:
        target = owner()
        for name in _DENSE:
            value = getattr(target, name)
            values = np.full(N_ATOMIC_NEURON, value * 1e6 if name in TIMES else value)
            setattr(target, name, values.view(Microseconds) if name in TIMES else values)
        target.tau_syn = np.full((N_INPUT, N_ATOMIC_NEURON), target.tau_syn * 1e6).view(Microseconds)
        target.i_synin_gm = np.full(N_INPUT, target.i_synin_gm)
        target.e_coba_reversal = np.full((N_INPUT, N_ATOMIC_NEURON), [[np.inf], [-np.inf]])
        target.e_coba_reference = np.full((N_INPUT, N_ATOMIC_NEURON), np.nan)
        return target


@dataclass(slots=True)
class NeuronCalibTarget:
    """What the circuits of a chip are to be calibrated to. It can be changed, in contrast to :class:`bss2sim.NeuronCalibTarget`.

    ``NeuronCalibTarget.DenseDefault`` is a new one whose fields are arrays of all circuits; those of times are in us, as those
    of calix, and have ``rescale``. Plain numbers are s. Times with units of the package ``quantities`` can be given.

    Parameters
    ----------
    leak, reset, threshold : int or array (atomic_neuron,)
        Potentials [CADC LSB].
    tau_mem : float or array (atomic_neuron,)
        Time constant of the membrane [s, or with a unit].
    tau_syn : float, or array (atomic_neuron,), (synaptic_input,) or (synaptic_input, atomic_neuron)
        Time constant of the synaptic input [s, or with a unit].
    i_synin_gm : int, or array (synaptic_input,) or (synaptic_input, atomic_neuron)
        Code of the synaptic transconductance. A number: inputs are matched; two: each is calibrated; one for each circuit: as it
        is.
    e_coba_reversal, e_coba_reference : None, or arrays of infinities and of NaN
        Of conductance-based inputs, which the emulated chip does not have.
    membrane_capacitance : int or array (atomic_neuron,)
        Code of the capacitor.
    refractory_time : float or array (atomic_neuron,)
        Time after a spike without another one, holdoff included [s, or with a unit].
    synapse_dac_bias : int
        Code of the synapse DACs.
    holdoff_time : float or array (atomic_neuron,)
        Last part of the refractory time [s, or with a unit].

    Examples
    --------
    >>> from bss2sim.hxtorch.calix.spiking.neuron import NeuronCalibTarget
    >>> target = NeuronCalibTarget.DenseDefault
    >>> target.tau_mem[3] = 6.0                                         # us
    >>> print(target.to_bss2sim().tau_mem.values[2:4])
    [1.e-05 6.e-06]
    """

    leak: Any = int(FIELDS["leak"].default)
    reset: Any = int(FIELDS["reset"].default)
    threshold: Any = int(FIELDS["threshold"].default)
    tau_mem: Any = FIELDS["tau_mem"].default
    tau_syn: Any = FIELDS["tau_syn"].default
    i_synin_gm: Any = FIELDS["i_synin_gm"].default
    e_coba_reversal: Any = None
    e_coba_reference: Any = None
    membrane_capacitance: Any = FIELDS["membrane_capacitance"].default
    refractory_time: Any = FIELDS["refractory_time"].default
    synapse_dac_bias: Any = FIELDS["synapse_dac_bias"].default
    holdoff_time: Any = FIELDS["holdoff_time"].default

    DenseDefault = _Dense()

    def to_bss2sim(self) -> Target:
        """Return the same target as a :class:`bss2sim.NeuronCalibTarget`.

        Raises
        ------
        ParameterError
            If a value cannot be a target, or inputs are to be conductance-based.
        """
        if self.e_coba_reversal is not None and not np.isinf(np.asarray(self.e_coba_reversal, np.float64)).all():
            raise ParameterError(
                "e_coba_reversal asks for conductance-based inputs, which the emulated chip does not have; leave it None, "
                "or infinite"
            )
        if self.e_coba_reference is not None and not np.isnan(np.asarray(self.e_coba_reference, np.float64)).all():
            raise ParameterError(
                "e_coba_reference is of conductance-based inputs, which the emulated chip does not have; leave it None, or NaN"
            )
        fields = {
            name: in_seconds(name, getattr(self, name)) if name in TIMES else getattr(self, name) for name in FIELDS
        }
        if np.shape(fields["tau_syn"]) == (N_INPUT,):
            fields["tau_syn"] = tuple(np.asarray(fields["tau_syn"]).tolist())
        gm = np.asarray(fields["i_synin_gm"])
        modes = {0: "matching", 1: "calibrated", 2: "uncalibrated"}
        if gm.shape not in ((), (N_INPUT,), (N_INPUT, N_ATOMIC_NEURON)) or gm.dtype.kind not in "iuf":
            raise ParameterError(
                f"i_synin_gm must be a number, two, or (2, {N_ATOMIC_NEURON}) codes; got {self.i_synin_gm!r}"
            )
        if gm.ndim == 1:
            fields["i_synin_gm"] = tuple(gm.tolist())
        return Target(**fields, synin_mode=modes[gm.ndim])
