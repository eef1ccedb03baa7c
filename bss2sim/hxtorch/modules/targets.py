"""Parameters of neurons and targets of a calibration: from one to the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bss2sim.errors import ParameterError
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON
from bss2sim.hardware.morphology import LogicalNeuronOnDLS

from ..calix.spiking import SpikingCalibTarget
from ..calix.spiking.neuron import N_INPUT, TIMES, NeuronCalibTarget
from ..calix.times import Microseconds, in_seconds
from ..parameter import HXParameter

PER_NEURON = ("leak", "reset", "threshold", "tau_mem", "membrane_capacitance", "refractory_time", "holdoff_time")
OF_CHIP = ("i_synin_gm", "synapse_dac_bias")


class SharedTargetError(ParameterError, AttributeError):
    """Populations of a chip ask for different values of what it has one of."""


def _neuron_target(targets: Any) -> NeuronCalibTarget:
    """Return the targets of the neurons; ParameterError if there are none."""
    if not isinstance(targets, SpikingCalibTarget) or not isinstance(targets.neuron_target, NeuronCalibTarget):
        raise ParameterError(f"targets must be a SpikingCalibTarget with a NeuronCalibTarget; got {targets!r}")
    return targets.neuron_target


def _circuits(population: Any, neurons: Any) -> list[np.ndarray]:
    """Return the circuits of each neuron; ParameterError if there are not as many neurons."""
    found = list(neurons)
    if len(found) != population.size or not all(isinstance(one, LogicalNeuronOnDLS) for one in found):
        raise ParameterError(
            f"neurons must be {population.size} LogicalNeuronOnDLS, one for each neuron; got {neurons!r}"
        )
    return [np.array([circuit.enum for circuit in one.atomic_neurons]) for one in found]


def _plain(value: Any) -> np.ndarray:
    """Return a value of the hardware as an array, float64 or integers."""
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    return array if array.dtype.kind in "iu" else array.astype(np.float64)


def write_targets(population: Any, targets: Any, neurons: Any) -> Any:
    """Write the values of the hardware of a population into the targets of a calibration.

    Parameters
    ----------
    population : Population
        Whose parameters.
    targets : SpikingCalibTarget
        What is changed: its neuron target must have arrays of all circuits, as ``NeuronCalibTarget.DenseDefault``. Its
        ``i_synin_gm`` and ``synapse_dac_bias`` are None where nobody has asked for a value yet, or the defaults.
    neurons : list of LogicalNeuronOnDLS
        Where the neurons are; all circuits of a neuron get its values.

    Returns
    -------
    SpikingCalibTarget
        The same.

    Raises
    ------
    ParameterError
        If an argument is of another kind, or a value cannot be a target.
    SharedTargetError
        If the target has another value of what the chip has one of; an AttributeError too.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.calix.spiking import SpikingCalibTarget
    >>> from bss2sim.hxtorch.calix.spiking.neuron import NeuronCalibTarget
    >>> neurons = hxsnn.IAFNeuron(1, hxsnn.Experiment(mock=True), threshold=100, tau_mem=6e-6)
    >>> place = [hxsnn.morphology.SingleCompartmentNeuron(1).place(3)]
    >>> targets = neurons.calibration_from_params(SpikingCalibTarget(NeuronCalibTarget.DenseDefault), place)
    >>> targets.neuron_target.threshold[2:5], targets.neuron_target.tau_mem.magnitude[3]
    (array([125, 100, 125]), np.float64(6.0))
    """
    target, circuits = _neuron_target(targets), _circuits(population, neurons)
    where = np.concatenate(circuits)
    repeat = [len(own) for own in circuits]
    shapes = {**dict.fromkeys(PER_NEURON, (N_ATOMIC_NEURON,)), "tau_syn": (N_INPUT, N_ATOMIC_NEURON)}
    for name, shape in shapes.items():
        array = getattr(target, name)
        if np.shape(array) != shape:
            raise ParameterError(
                f"{name} of the target must have the shape {shape}, as NeuronCalibTarget.DenseDefault; got {array!r}"
            )
        value = _plain(getattr(population, name).hardware_value)
        if name in TIMES:
            value = value * (1e6 if isinstance(array, Microseconds) else 1.0)
        value = np.broadcast_to(value, (*shape[:-1], population.size))
        if array.dtype.kind in "iu" and (value % 1 != 0).any():  # no integers, which would cut them off
            array = array.astype(np.float64)
            setattr(target, name, array)
        array[..., where] = np.repeat(value, repeat, axis=-1)
    _write_shared(population, target)
    for name, none in (("e_coba_reversal", [[np.inf], [-np.inf]]), ("e_coba_reference", np.nan)):
        wanted, array = getattr(population, name).hardware_value, getattr(target, name)
        if array is None and wanted is None:
            continue
        if np.shape(array) != shapes["tau_syn"]:
            raise ParameterError(
                f"{name} of the target must have the shape {shapes['tau_syn']}, or None; got {array!r}"
            )
        array[:, where] = (
            none
            if wanted is None
            else np.repeat(np.broadcast_to(_plain(wanted), (N_INPUT, population.size)), repeat, axis=-1)
        )
    return targets


def _write_shared(population: Any, target: NeuronCalibTarget) -> None:
    """Write what the chip has one of; SharedTargetError if another population has asked for another value."""
    defaults = NeuronCalibTarget()
    for name in OF_CHIP:
        value = _plain(getattr(population, name).hardware_value)
        if name == "i_synin_gm":
            value = np.broadcast_to(value, (N_INPUT,))
        before = np.asarray(getattr(target, name), object)
        default = getattr(defaults, name)
        asked = (before != None) & (before != default)  # noqa: E711  # of each entry
        if value.size > N_INPUT or before.ndim > 1 or (asked & (before != value)).any():
            raise SharedTargetError(
                f"{name} is one for all neurons of a chip: the target has {before.tolist()}, this population asks for "
                f"{value.ravel().tolist()}; give "
                "all populations of an execution instance the same"
            )
        setattr(target, name, value.copy() if name == "i_synin_gm" else value.item())


def read_targets(population: Any, targets: Any, neurons: Any) -> None:
    """Set the values of the hardware of a population to the targets of a calibration at the first circuit of each neuron.

    Parameters
    ----------
    population : Population
        Whose parameters; a :class:`HXParameter` changes in the model, too.
    targets : SpikingCalibTarget
        With a neuron target.
    neurons : list of LogicalNeuronOnDLS
        Where the neurons are.

    Raises
    ------
    ParameterError
        If an argument is of another kind, or synaptic inputs have time constants of their own that the model should have, too.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> from bss2sim.hxtorch.calix.spiking import SpikingCalibTarget
    >>> neurons = hxsnn.IAFNeuron(2, hxsnn.Experiment(mock=True), threshold=100)
    >>> structure = hxsnn.morphology.SingleCompartmentNeuron(1)
    >>> neurons.params_from_calibration(SpikingCalibTarget(), [structure.place(0), structure.place(1)])
    >>> neurons.threshold.hardware_value
    tensor([125, 125])
    """
    target = _neuron_target(targets)
    first = np.array([own[0] for own in _circuits(population, neurons)])
    for name in (*PER_NEURON, "tau_syn", *OF_CHIP):
        given = getattr(target, name)
        value = np.asarray(in_seconds(name, given) if name in TIMES else given)
        if name in OF_CHIP:
            found = torch.as_tensor(value)
        elif value.shape and value.shape[-1] == N_ATOMIC_NEURON:
            found = torch.as_tensor(value[..., first])
        else:
            pair = value[:, None] if value.shape else value
            found = torch.as_tensor(np.broadcast_to(pair, (*value.shape, population.size)).copy())
        parameter = getattr(population, name)
        if name == "tau_syn" and found.dim() == 2 and isinstance(parameter, HXParameter):
            if not torch.equal(found[0], found[1]):
                raise ParameterError(
                    "tau_syn of the targets differs between the synaptic inputs, and the model has one time constant; make it a "
                    "MixedHXModelParameter, which has a value of its own for the model"
                )
            found = found[0]
        parameter.hardware_value = found.float() if found.is_floating_point() else found
