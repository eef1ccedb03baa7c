"""Populations of an experiment as the emulated chip takes them: values of the hardware, placed and calibrated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.errors import ParameterError
from bss2sim.neuron import IAFNeuron, LIFNeuron, LINeuron
from bss2sim.share_chip import share_chip

from .halco import LogicalNeuronOnDLS
from .lola import Chip, NeuronBlock
from .modules.iaf_neuron import IAFNeuron as IAFModule
from .modules.neuron import Neuron
from .modules.neuron_arguments import plain_of_chip
from .modules.readout_neuron import ReadoutNeuron


def _plain(value: Any) -> Any:
    """Return a value of the hardware as NumPy knows it; rows of a tensor (2, neuron) are a pair."""
    if not isinstance(value, Tensor):
        return value
    array = value.detach().cpu().double().numpy()
    if array.ndim == 2:
        return tuple(array)
    return array.item() if array.size == 1 else array


def _to_calibrate(module: Neuron, name: str) -> Any:
    """Return what the chip is calibrated to: of a parameter that a function writes, what it was at the last calibration."""
    parameter = getattr(module, name)
    if parameter.set_on_chip_func is None:
        return parameter.hardware_value
    return module.calibrated_values.get(name, parameter.hardware_value)


def population_of(module: Neuron) -> Any:
    """Return what the chip is to be: the values of the hardware, whatever those of the model are."""
    kind: Any = (
        LINeuron if isinstance(module, ReadoutNeuron) else IAFNeuron if isinstance(module, IAFModule) else LIFNeuron
    )
    names = [name for name in kind._names if name != "spike_mask"]
    values = {name: _plain(_to_calibrate(module, name)) for name in names}
    placement = module.execution_instance.neuron_placement
    of_chip = {name: value for name, value in module.chip_arguments().items() if name in kind._chip_names}
    for name in of_chip.keys() & module.params_dict().keys():
        of_chip[name] = plain_of_chip({name: _to_calibrate(module, name)})[name]
    if placement.has_id(module.unit_ids):
        of_chip["placement_constraint"] = placement.id2logicalneuron(module.unit_ids)
    if kind.fires:
        values["spike_mask"] = module.mask.bool().numpy()  # neurons that a dropout leaves out send nothing
        of_chip["enable_spike_recording"] = True  # spikes reach the synapses, whether they are recorded or not
    return kind(module.size, **values, **of_chip)


def prepare(instance: Any, modules: Iterable[Neuron], chip: Any) -> tuple[dict[Any, Any], Any]:
    """Place the populations of an instance and calibrate the chip to them, if anything they ask for has changed.

    Returns
    -------
    tuple
        Module -> placed population, and the calibration.
    """
    instance.populations = modules = list(modules)
    placed = dict(zip(modules, share_chip(*(population_of(module) for module in modules)), strict=True))
    if instance.calib_is_given:
        return placed, instance.calib
    target = NeuronCalibTarget.from_populations(list(placed.values()))
    if instance.calib is None or instance.calibrated_to != (chip, target):
        instance.calib, instance.calibrated_to = calibrate(chip, target), (chip, target)
        instance.n_calibrated += 1
        for module in modules:
            module.calibrated_values = {name: _copy(_to_calibrate(module, name)) for name in module.params_dict()}
    return placed, instance.calib


def _copy(value: Any) -> Any:
    """Return a value that training does not change."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def configured(placed: dict[Any, Any], calibration: Any) -> Any:
    """Return what a chip is run with: the calibration, or its registers with what modules of a user and trained parameters write.

    Raises
    ------
    ParameterError
        If a module writes what the run sets itself.
    """
    functions = {
        module: [one for one in module.params_dict().values() if one.set_on_chip_func is not None] for module in placed
    }
    own = [module for module in placed if type(module).configure_hw_entity is not Neuron.configure_hw_entity]
    if not own and not any(functions.values()):
        return calibration
    chip = Chip(getattr(calibration, "registers", calibration).drop_attrs(deep=False))
    for module, parameters in functions.items():
        for parameter in parameters:
            parameter.set_on_chip(chip, _neurons(placed[module]))
    for module in own:
        _configure_as_the_module(module, _neurons(placed[module]), chip.neuron_block)
    return chip.neuron_block.registers


def _neurons(population: Any) -> list[LogicalNeuronOnDLS]:
    """Return where the neurons of a placed population are."""
    return [LogicalNeuronOnDLS.of(neuron) for neuron in population.placement_constraint]


def _configure_as_the_module(module: Neuron, neurons: list[LogicalNeuronOnDLS], block: NeuronBlock) -> None:
    """Configure neurons by the method of a user's class; ParameterError if the run would undo it."""
    for number, neuron in enumerate(neurons):
        module.configure_hw_entity(number, block, neuron)
    again = NeuronBlock(block.registers)
    for number, neuron in enumerate(neurons):
        Neuron.configure_hw_entity(module, number, again, neuron)
    undone = [name for name, value in block.registers.data_vars.items() if not value.equals(again.registers[name])]
    if undone:
        raise ParameterError(
            f"configure_hw_entity of {type(module).__name__} sets {', '.join(map(str, undone))} to what it would not be "
            f"in a run, which sets "
            "morphology, event output, leak switch and readout itself, as Neuron.configure_hw_entity does; call that "
            "last, or choose another "
            "kind of neuron"
        )


def failed_neurons(population: Any, calibration: Any) -> int:
    """Return how many neurons of a placed population have a circuit that the calibration failed for."""
    success = getattr(calibration, "success", None)
    if success is None or success.dims != ("atomic_neuron",):
        return 0
    good = success.values
    return sum(
        not good[[circuit.enum for circuit in neuron.atomic_neurons]].all()
        for neuron in population.placement_constraint
    )
