"""Leaking integrate-and-fire neurons, and what all neurons have in common."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import torch
from torch import Tensor

from bss2sim.chip_arguments import place_neurons
from bss2sim.errors import InputError, ParameterError
from bss2sim.hardware.neuron_block import configure, disable_spiking
from bss2sim.recording.grid import post_process
from bss2sim.torch.arguments import check_positive
from bss2sim.trace_values import trace_values

from ..functional import cuba_refractory_lif_integration
from ..functional.threshold import check_method
from ..handle import NeuronHandle, SynapseHandle
from ..morphology import SingleCompartmentNeuron, check_block
from ..observables import HardwareObservables
from .batch_dropout import check_mask
from .hx_module import carried
from .neuron_arguments import check_extra, check_of_chip, document, plain_of_chip
from .types import Population

_PARAMETERS = (
    "leak", "reset", "threshold", "tau_mem", "tau_syn", "i_synin_gm", "membrane_capacitance", "refractory_time",
    "synapse_dac_bias", "holdoff_time", "e_coba_reversal", "e_coba_reference",
)  # fmt: skip
_ATTRIBUTES = {"trace_offset": "offset", "trace_scale": "scale"}  # arguments whose attribute has another name
_DEFAULTS = {"leak": 80, "reset": 80, "threshold": 125, "refractory_time": 1e-6, "holdoff_time": 0.0}


@document
class Neuron(Population):
    """Leaking integrate-and-fire neurons with exponential synaptic currents.

    In mock mode they compute Euler steps as hxtorch does, and have the refractory and holdoff time that its neurons ignore.
    Arguments that act in hardware mode are checked all the same.

    Parameters
    ----------
    {arguments}

    Attributes
    ----------
    mask : Tensor, shape (neuron,)
        Which neurons send their spikes; set by a dropout behind them. It acts in hardware mode.
    scale, offset : float, Tensor or mapping
        `trace_scale` and `trace_offset`.

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
    >>> neurons = hxsnn.Neuron(2, experiment, leak=0.0, reset=0.0, threshold=1.0)
    >>> handle = neurons(hxsnn.SynapseHandle(torch.full((50, 1, 2), 0.2)))
    >>> hxsnn.run(experiment, 50)
    >>> handle.spikes.sum((0, 1))
    tensor([5., 5.])
    """

    output_type: Any = NeuronHandle
    extra_names: ClassVar[tuple[str, ...]] = ("e_coba_reversal", "e_coba_reference")
    cadc_time_shift: int
    shift_cadc_to_first: bool
    interpolation_mode: str

    def __init__(
        self,
        size: int,
        experiment: Any,
        leak: Any = 80,
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
        chip_coordinate: Any = None,
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
        self._set_up(Neuron, locals())

    def _set_up(self, kind: Any, given: dict[str, Any]) -> None:
        """Check and keep the arguments, which are the variables of a constructor."""
        extra = given["extra_params"]
        check_extra(kind, extra)
        given = {**_DEFAULTS, **given, **extra}
        super().__init__(
            given["size"], given["experiment"], given["execution_instance"], given.get("chip_coordinate"),
            **{name: given.get(name) for name in _PARAMETERS},
        )  # fmt: skip
        self._of_chip = check_of_chip(given, self.size)
        self._chip_names = tuple(self._of_chip)
        self.method, self.alpha = (
            check_method(given.get("method", "superspike")),
            check_positive("alpha", given.get("alpha", 50.0)),
        )
        self.offset, self.scale = given["trace_offset"], given["trace_scale"]
        for name in (
            "cadc_time_shift", "shift_cadc_to_first", "interpolation_mode", "enable_cadc_recording", "enable_madc_recording",
            "enable_cadc_recording_placement_in_dram", "record_neuron_id", "placement_constraint", "neuron_structure",
        ):  # fmt: skip
            setattr(self, name, given[name])
        self.enable_spike_recording = given.get("enable_spike_recording", False)
        self._mask = torch.ones(self.size)

    @property
    def mask(self) -> Tensor:
        """1 for neurons that send their spikes, 0 for the others, (neuron,)."""
        return self._mask

    @mask.setter
    def mask(self, mask: Any) -> None:
        self._mask = check_mask(mask, self.size)

    def _trace_values(self, name: str) -> Any:
        """Return offset or scale of each neuron; of a mapping those of the places that the neurons take on an empty chip."""
        value = self._of_chip[name]
        if not isinstance(value, dict):
            return value
        return trace_values(name, value, place_neurons(self._of_chip, self.size, ()), self.size)

    def post_process(self, hw_data: HardwareObservables, runtime: float) -> tuple[Tensor | None, ...]:
        """Turn recordings of a chip into tensors, those that are enabled; the others are None.

        Samples are interpolated, then shifted in time, then the first value of each trace or the offset is subtracted, then they
        are scaled.

        Parameters
        ----------
        hw_data : HardwareObservables
            What a chip recorded.
        runtime : float
            Length of the run [s].

        Returns
        -------
        tuple of Tensor
            spikes and cadc, each (time, batch, neuron) with one row more than steps, and madc (2, sample, batch).
        """
        dt = self.experiment.dt
        spikes = cadc = madc = None
        if self.enable_cadc_recording and hw_data.cadc is not None:
            grid = hw_data.cadc.to_dense(runtime, dt, self.interpolation_mode).transpose(0, 1)
            cadc = torch.from_numpy(post_process(
                grid.numpy(), cadc_time_shift=self.cadc_time_shift, shift_cadc_to_first=self.shift_cadc_to_first,
                trace_offset=self._trace_values("trace_offset"), trace_scale=self._trace_values("trace_scale"),
            )).transpose(0, 1)  # fmt: skip
        if self.enable_spike_recording and hw_data.spikes is not None:
            spikes = hw_data.spikes.to_dense(runtime, dt).float()
        if self.enable_madc_recording and hw_data.madc is not None:
            madc = hw_data.madc.to_raw()
        return spikes, cadc, madc

    def chip_arguments(self) -> dict[str, Any]:
        """Return the arguments that act on the chip, as populations of bss2sim take them."""
        return plain_of_chip({name: getattr(self, _ATTRIBUTES.get(name, name)) for name in self._chip_names})

    def params_in_steps(self) -> dict[str, Any]:
        """Return the values that the numerics take, by name."""
        return {name: parameter.model_value for name, parameter in self.params_dict().items()}

    leaks: ClassVar[bool] = True  # on the chip
    fires: ClassVar[bool] = True
    takes_times: ClassVar[bool] = False  # inputs (2, time, batch, neuron) that bring gradients of spike times back

    def register_hw_entity(self) -> None:
        """Take circuits of the execution instance: those of `placement_constraint`, else the first that are free.

        Runs place neurons that are not registered, all of an instance together.

        Raises
        ------
        ParameterError
            If circuits are taken, or there is no room.
        """
        structure = self.neuron_structure or SingleCompartmentNeuron(1)
        self.execution_instance.neuron_placement.register_id(self.unit_ids, structure, self.placement_constraint)

    @staticmethod
    def create_default_hw_entity() -> Any:
        """Return the configuration of a circuit as after power-on."""
        from ..lola import AtomicNeuron

        return AtomicNeuron()

    def configure_hw_entity(self, neuron_id: int, neuron_block: Any, coord: Any) -> Any:
        """Configure a neuron on the chip: its circuits as one, its event output, its leak, and its readout if the MADC records it.

        Parameters
        ----------
        neuron_id : int
            Index in the population.
        neuron_block : lola.NeuronBlock
            What is changed.
        coord : LogicalNeuronOnDLS
            Where the neuron is.

        Returns
        -------
        NeuronBlock
            The same.

        Raises
        ------
        ParameterError
            If an argument is of another kind, or there is no such neuron.
        """
        block = check_block(neuron_block)
        if not 0 <= neuron_id < self.size:
            raise ParameterError(f"neuron_id must be the index of a neuron, 0 .. {self.size - 1}; got {neuron_id!r}")
        recorded = self.enable_madc_recording and self.record_neuron_id == neuron_id
        registers = configure(
            block.registers, [coord], spike_mask=[bool(self.mask[neuron_id]) and self.fires], enable_leak=self.leaks,
            madc_neuron=0 if recorded else None,
        )  # fmt: skip
        block.registers = registers if self.fires else disable_spiking(registers, [coord])
        return block

    def _jumps(self, input: tuple[Any, ...], hw_data: Any) -> Tensor:
        """Return the sum of the inputs, of those beside measured data as long as all last; InputError if they do not fit."""
        if not input:
            raise InputError("there is no input; pass a SynapseHandle")
        jumps = [carried(handle, "graded_spikes") for handle in input]
        for jump in jumps:
            if jump.shape[-1] != self.size:
                raise InputError(
                    f"graded_spikes must be (time, batch, neuron) with {self.size} neurons; got {tuple(jump.shape)}"
                )
        if not self.takes_times and any(jump.dim() == 4 for jump in jumps):
            raise InputError(
                "an EventPropSynapse needs an EventPropNeuron behind it, for gradients of spike times; one whose threshold is out "
                "of reach reads out. Or put a Synapse here"
            )
        if hw_data is not None:  # a chip may run for less time than its inputs last
            n_step = min(len(jump) if jump.dim() < 4 else jump.shape[1] for jump in jumps)
            jumps = [jump[..., :n_step, :, :] for jump in jumps]
        shapes = [tuple(jump.shape) for jump in jumps]
        try:
            torch.broadcast_shapes(*shapes)
        except RuntimeError as reason:
            raise InputError(
                f"inputs must have the same steps and trials; their graded_spikes are {', '.join(map(str, shapes))}"
            ) from reason
        total = jumps[0]
        for jump in jumps[1:]:
            total = total + jump
        return total

    def _integrated(self, names: tuple[str, ...], input: tuple[Any, ...], hw_data: Any) -> dict[str, Any]:
        """Return the arguments of a function that integrates these neurons."""
        values = self.params_in_steps()
        return {
            "input": self._jumps(input, hw_data), **{name: values[name] for name in names},
            "method": self.method, "alpha": self.alpha, "hw_data": hw_data,
        }  # fmt: skip

    def forward_func(self, *input: SynapseHandle, hw_data: Any = None) -> NeuronHandle:
        """Return spikes, membrane and current; several inputs are summed."""
        names = ("leak", "reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time")
        arguments = self._integrated(names, input, hw_data)
        return NeuronHandle(*cuba_refractory_lif_integration(**arguments, dt=self.experiment.dt))


def __getattr__(name: str) -> Any:
    """Find the classes that hxtorch has in this file."""
    home = {"NeuronExp": "exponential", "EventPropNeuron": "eventprop"}.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__package__}.{home}"), name)
