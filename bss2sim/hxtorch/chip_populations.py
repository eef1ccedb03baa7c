"""Populations of an experiment as the emulated chip takes them: values of the hardware, placed and calibrated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from bss2sim.calibration.calibrate import calibrate
from bss2sim.calibration.target import NeuronCalibTarget
from bss2sim.neuron import IAFNeuron, LIFNeuron, LINeuron
from bss2sim.share_chip import share_chip

from .modules.iaf_neuron import IAFNeuron as IAFModule
from .modules.neuron import Neuron
from .modules.readout_neuron import ReadoutNeuron


def _plain(value: Any) -> Any:
    """Return a value of the hardware as NumPy knows it; rows of a tensor (2, neuron) are a pair."""
    if not isinstance(value, Tensor):
        return value
    array = value.detach().cpu().double().numpy()
    if array.ndim == 2:
        return tuple(array)
    return array.item() if array.size == 1 else array


def population_of(module: Neuron) -> Any:
    """Return what the chip is to be: the values of the hardware, whatever those of the model are."""
    kind: Any = (
        LINeuron if isinstance(module, ReadoutNeuron) else IAFNeuron if isinstance(module, IAFModule) else LIFNeuron
    )
    names = [name for name in kind._names if name != "spike_mask"]
    values = {name: _plain(getattr(module, name).hardware_value) for name in names}
    of_chip = {name: value for name, value in module.chip_arguments().items() if name in kind._chip_names}
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
    return placed, instance.calib


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
