"""Neurons that never fire, whose membranes are read out."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from torch import Tensor

from ..functional import cuba_li_integration
from ..handle import ReadoutNeuronHandle, SynapseHandle
from ..observables import HardwareObservables
from .neuron import Neuron
from .neuron_arguments import document


@document
class ReadoutNeuron(Neuron):
    """Leaking integrators that never fire, whose membranes are read out.

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
    >>> readout = hxsnn.ReadoutNeuron(3, experiment, leak=0.0)
    >>> handle = readout(hxsnn.SynapseHandle(torch.ones(50, 10, 3)))
    >>> hxsnn.run(experiment, 50)
    >>> handle.membrane_cadc.shape
    torch.Size([50, 10, 3])
    """

    output_type: Any = ReadoutNeuronHandle
    fires: ClassVar[bool] = False
    extra_names: ClassVar[tuple[str, ...]] = ("chip_coordinate", "e_coba_reversal", "e_coba_reference")

    def __init__(
        self,
        size: int,
        experiment: Any,
        leak: Any = 80,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        i_synin_gm: Any = 500,
        membrane_capacitance: Any = 63,
        synapse_dac_bias: Any = 600,
        execution_instance: Any = None,
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
        self._set_up(ReadoutNeuron, locals())

    def post_process(self, hw_data: HardwareObservables, runtime: float) -> tuple[Tensor | None, ...]:
        """Turn recordings of a chip into tensors: cadc and madc, as :meth:`Neuron.post_process` does."""
        return super().post_process(hw_data, runtime)[1:]

    def forward_func(  # type: ignore[override]  # neurons that never fire have another handle
        self, *input: SynapseHandle, hw_data: Any = None
    ) -> ReadoutNeuronHandle:
        """Return membrane and current; several inputs are summed."""
        p = self.params_in_steps()
        return ReadoutNeuronHandle(*cuba_li_integration(
            self._jumps(input, hw_data), leak=p["leak"], tau_syn=p["tau_syn"], tau_mem=p["tau_mem"], hw_data=hw_data,
            dt=self.experiment.dt,
        ))  # fmt: skip


def __getattr__(name: str) -> Any:
    """Find the classes that hxtorch has in this file."""
    home = {"ReadoutNeuronExp": "exponential"}.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__package__}.{home}"), name)
