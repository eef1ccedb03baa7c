"""What is simulated: immutable descriptions of neuron populations."""

from __future__ import annotations

from typing import Any

from .chip_arguments import document
from .errors import refuse_unknown_keywords
from .population import MOST_KEPT as MOST_KEPT
from .population import Population as Population

_FIRING = ("reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time", "spike_mask")


@document
class IAFNeuron(Population):
    """A population of non-leaking integrate-and-fire neurons with exponential synaptic currents.

    ``tau_mem dv/dt = i``, ``tau_syn di/dt = -i``, and ``i`` jumps at every input. The neuron fires when v exceeds
    `threshold`. A spike starts the refractory period: v is clamped to `reset` for ``refractory_time - holdoff_time``,
    then, in the holdoff, evolves freely from there but cannot fire. If v is above threshold at its end, the neuron
    fires at that instant. At the start v = reset and i = 0. Source of the equations: the numerics of
    hxtorch's IAFNeuron, with the holdoff of the chip's neuron (``docs/model``).

    Parameters
    ----------
    size : int
        Number of neurons.
    reset, threshold : float, array (neuron,) or DataArray
        Reset potential and threshold [CADC LSB, or any one unit that inputs and weights share].
    tau_mem : float, array (neuron,) or DataArray
        Membrane time constant [s], above 0.
    tau_syn : float, array (neuron,) or DataArray, or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory): positive
        jumps act through the first, negative ones through the second.
    refractory_time : float, array (neuron,) or DataArray
        Time after a spike in which the neuron cannot fire, holdoff included [s].
    holdoff_time : float, array (neuron,) or DataArray
        Last part of the refractory time, in which the membrane is already free [s].
    spike_mask : bool, array (neuron,) or DataArray
        False disables the event output of a neuron: it fires and resets, but its spikes are not recorded.
    {chip_arguments}

    Raises
    ------
    ParameterError
        If a value is not finite or out of range, a shape does not fit, holdoff_time > refractory_time, the neurons cannot
        be where `placement_constraint` wants them, or the MADC is not told which one to record.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If `reset` is not below `threshold`, or a time is so long that it was meant in another unit.

    Notes
    -----
    {notes}

    Examples
    --------
    >>> import bss2sim as b2
    >>> neurons = b2.IAFNeuron(512, threshold=125.0, reset=80.0, refractory_time=2e-6, holdoff_time=0.5e-6)
    >>> neurons.threshold
    125.0
    """

    _names = _FIRING

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        *,
        reset: Any = 80.0,
        threshold: Any = 125.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        spike_mask: Any = True,
        i_synin_gm: Any = 500,
        membrane_capacitance: Any = 63,
        synapse_dac_bias: Any = 600,
        enable_spike_recording: bool = True,
        enable_cadc_recording: bool = True,
        enable_cadc_recording_placement_in_dram: bool = False,
        enable_madc_recording: bool = False,
        record_neuron_id: int | None = None,
        placement_constraint: Any = None,
        trace_offset: Any = 0.0,
        trace_scale: Any = 1.0,
        cadc_time_shift: int = 0,
        shift_cadc_to_first: bool = False,
        interpolation_mode: str = "linear",
        neuron_structure: Any = None,
    ) -> None:
        self._set(size, locals())


@document
class LIFNeuron(Population):
    """A population of leaking integrate-and-fire neurons: as :class:`IAFNeuron`, with a leak.

    ``tau_mem dv/dt = leak - v + i``. At the start v = leak (as in the reference) and i = 0.

    Parameters
    ----------
    size : int
        Number of neurons.
    reset, threshold : float, array (neuron,) or DataArray
        Reset potential and threshold [CADC LSB, or any one unit that inputs and weights share].
    tau_mem : float, array (neuron,) or DataArray
        Membrane time constant [s], above 0.
    tau_syn : float, array (neuron,) or DataArray, or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory).
    refractory_time, holdoff_time : float, array (neuron,) or DataArray
        Refractory time and its last, unclamped part [s].
    spike_mask : bool, array (neuron,) or DataArray
        False disables the event output of a neuron.
    leak : float, array (neuron,) or DataArray
        Potential the membrane leaks to [unit of threshold].
    {chip_arguments}

    Raises
    ------
    ParameterError
        If a value is not finite or out of range, a shape does not fit, holdoff_time > refractory_time, the neurons cannot
        be where `placement_constraint` wants them, or the MADC is not told which one to record.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If `reset` is not below `threshold`, or a time is so long that it was meant in another unit.

    Notes
    -----
    {notes}

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.LIFNeuron(10, leak=80.0).leak
    80.0
    """

    _names = (*_FIRING, "leak")
    leaks = True

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        *,
        reset: Any = 80.0,
        threshold: Any = 125.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        spike_mask: Any = True,
        leak: Any = 80.0,
        i_synin_gm: Any = 500,
        membrane_capacitance: Any = 63,
        synapse_dac_bias: Any = 600,
        enable_spike_recording: bool = True,
        enable_cadc_recording: bool = True,
        enable_cadc_recording_placement_in_dram: bool = False,
        enable_madc_recording: bool = False,
        record_neuron_id: int | None = None,
        placement_constraint: Any = None,
        trace_offset: Any = 0.0,
        trace_scale: Any = 1.0,
        cadc_time_shift: int = 0,
        shift_cadc_to_first: bool = False,
        interpolation_mode: str = "linear",
        neuron_structure: Any = None,
    ) -> None:
        self._set(size, locals())


@document
class LINeuron(Population):
    """A population of leaking integrators that never fire, the usual readout.

    ``tau_mem dv/dt = leak - v + i``. At the start v = leak and i = 0.

    Parameters
    ----------
    size : int
        Number of neurons.
    leak : float, array (neuron,) or DataArray
        Potential the membrane leaks to [CADC LSB, or any one unit that inputs and weights share].
    tau_mem : float, array (neuron,) or DataArray
        Membrane time constant [s], above 0.
    tau_syn : float, array (neuron,) or DataArray, or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory).
    {chip_arguments}

    Raises
    ------
    ParameterError
        If a value is not finite or out of range, a shape does not fit, the neurons cannot be where `placement_constraint`
        wants them, or the MADC is not told which one to record.
    UnknownKeywordError
        If an argument does not exist.

    Warns
    -----
    UserWarning
        If a time is so long that it was meant in another unit.

    Notes
    -----
    {notes}

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.LINeuron(3, leak=0.0, tau_mem=20e-6).tau_mem
    2e-05
    """

    _names = ("leak", "tau_mem", "tau_syn")
    _chip_names = tuple(name for name in Population._chip_names if name != "enable_spike_recording")
    fires = False
    leaks = True

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        *,
        leak: Any = 80.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        i_synin_gm: Any = 500,
        membrane_capacitance: Any = 63,
        synapse_dac_bias: Any = 600,
        enable_cadc_recording: bool = True,
        enable_cadc_recording_placement_in_dram: bool = False,
        enable_madc_recording: bool = False,
        record_neuron_id: int | None = None,
        placement_constraint: Any = None,
        trace_offset: Any = 0.0,
        trace_scale: Any = 1.0,
        cadc_time_shift: int = 0,
        shift_cadc_to_first: bool = False,
        interpolation_mode: str = "linear",
        neuron_structure: Any = None,
    ) -> None:
        self._set(size, locals())
