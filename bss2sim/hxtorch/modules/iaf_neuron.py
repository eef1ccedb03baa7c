"""Non-leaking integrate-and-fire neurons."""

from __future__ import annotations

from typing import Any, ClassVar

from ..functional import cuba_refractory_iaf_integration
from ..handle import NeuronHandle, SynapseHandle
from .neuron import Neuron
from .neuron_arguments import EXTRA, document


@document
class IAFNeuron(Neuron):
    """Non-leaking integrate-and-fire neurons with exponential synaptic currents.

    In mock mode they compute Euler steps as hxtorch does, and have the refractory and holdoff time that its IAFNeuron ignores:
    ``refractory_time=0`` gives its numbers. `leak` acts in hardware mode, where calibrations need it.

    Parameters
    ----------
    {arguments}

    Raises
    ------
    ParameterError
        If a value is out of range, or of a wrong shape.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> experiment = hxsnn.Experiment(mock=True)
    >>> neurons = hxsnn.IAFNeuron(2, experiment, reset=0.0, threshold=1.0, refractory_time=0.0)
    >>> handle = neurons(hxsnn.SynapseHandle(torch.full((50, 1, 2), 0.1)))
    >>> hxsnn.run(experiment, 50)
    >>> handle.spikes.sum((0, 1))
    tensor([3., 3.])
    """

    extra_names: ClassVar[tuple[str, ...]] = EXTRA
    leaks: ClassVar[bool] = False

    def __init__(
        self,
        size: int,
        experiment: Any,
        reset: Any = 80,
        threshold: Any = 125,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        i_synin_gm: Any = 500,
        membrane_capacitance: Any = 63,
        refractory_time: Any = 1e-6,
        synapse_dac_bias: Any = 600,
        holdoff_time: Any = 0.0,
        method: str = "superspike",
        alpha: float = 50.0,
        execution_instance: Any = None,
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
        **extra_params: Any,
    ) -> None:
        self._set_up(IAFNeuron, locals())

    def forward_func(self, *input: SynapseHandle, hw_data: Any = None) -> NeuronHandle:
        """Return spikes, membrane and current; several inputs are summed."""
        names = ("reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time")
        arguments = self._integrated(names, input, hw_data)
        return NeuronHandle(*cuba_refractory_iaf_integration(**arguments, dt=self.experiment.dt))
