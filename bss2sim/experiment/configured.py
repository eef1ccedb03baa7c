"""The registers that an experiment runs with: those of a calibration, with a population configured in them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..calibration.calibrate import calibrate
from ..calibration.result import Calibration, calibration_id
from ..calibration.target import NeuronCalibTarget
from ..errors import ParameterError
from ..hardware.chip import EmulatedChip
from ..hardware.morphology import LogicalNeuronOnDLS
from ..hardware.neuron_block import configure, disable_spiking
from ..hardware.registers import SIZES, check_registers
from ..neuron import Population
from .circuits import circuit_parameters

MOST_NAMED = 5


def _warn_of_failures(calibration: Calibration, somas: np.ndarray) -> None:
    """Warn of circuits of the population that the calibration failed for."""
    success = calibration.success.transpose(..., "atomic_neuron").values[..., somas]
    if success.all():
        return
    failed = somas[~success.reshape(-1, somas.size).all(axis=0)]
    names = ", ".join(map(str, failed[:MOST_NAMED].tolist())) + (", ..." if failed.size > MOST_NAMED else "")
    warnings.warn(
        f"the calibration failed for {int((~success).sum())} of {success.size} circuits of the population (atomic_neuron "
        f"{names}); they run with the codes that come nearest. calibration.reason says why, placement_constraint chooses "
        "other circuits",
        stacklevel=5,
    )


def _warn_of_another_chip(calibration: Calibration, chip: EmulatedChip) -> None:
    """Warn if a calibration was made for other chips."""
    made_for = calibration.attrs.get("chip_seed")
    seed = chip.provenance["chip_seed"]
    if made_for is None or np.isscalar(made_for) != np.isscalar(seed):
        return
    theirs, ours = (
        np.unique(np.fromstring(x, np.int64, sep=" ") if isinstance(x, str) else x) for x in (made_for, seed)
    )
    if not np.isin(ours, theirs).all():
        warnings.warn(
            f"the calibration was made for the chip of seed {theirs[0]}, this is the chip of seed {ours[0]}: every circuit differs",
            stacklevel=5,
        )


def calibrated_registers(
    neurons: Population, placed: list[LogicalNeuronOnDLS], chip: EmulatedChip, calibration: Any
) -> tuple[xr.Dataset, str]:
    """Return all registers before the population is configured, and the name of the calibration.

    Without a calibration the chip is calibrated to what the neurons ask for.
    """
    if calibration is None:
        target = NeuronCalibTarget.from_populations([(neurons, placed)])
        with warnings.catch_warnings():
            # of failed circuits; those of the population are named below
            warnings.simplefilter("ignore", UserWarning)
            calibration = calibrate(chip, target)
    if isinstance(calibration, Calibration):
        _warn_of_another_chip(calibration, chip)
        _warn_of_failures(calibration, np.array([neuron.active.enum for neuron in placed]))
        return calibration.registers, calibration_id(calibration.registers)
    if isinstance(calibration, xr.Dataset):
        return calibration, calibration_id(check_registers(calibration))
    raise ParameterError(
        "calibration must be what calibrate() returns, a Dataset of registers, or None to calibrate to what the neurons ask "
        f"for; got {type(calibration).__name__}"
    )


def _configured(neurons: Population, placed: list[LogicalNeuronOnDLS], registers: xr.Dataset) -> xr.Dataset:
    """Return registers with a population configured in them; its spike mask has dims of its own and is applied later."""
    recorded = neurons.record_neuron_id if neurons.enable_madc_recording else None
    registers = configure(registers, placed, enable_leak=neurons.leaks, madc_neuron=recorded)
    return registers if neurons.fires else disable_spiking(registers, placed)


@dataclass(frozen=True)
class Prepared:
    """A population on its chip.

    Attributes
    ----------
    placed : list of LogicalNeuronOnDLS
        Where its neurons are.
    placement : list of int arrays (circuit,)
        Numbers of the circuits of each.
    parameters : Dataset
        What they do (:func:`~bss2sim.experiment.circuits.circuit_parameters`); not to be written to.
    calibration_id : str
        Name of the registers.
    """

    placed: list[LogicalNeuronOnDLS]
    placement: list[np.ndarray]
    parameters: xr.Dataset
    calibration_id: str


def prepare(
    neurons: Population, chip: EmulatedChip, calibration: Any, factors: dict[str, float], runs: xr.DataArray
) -> Prepared:
    """Place a population, configure it and work out what its circuits do; kept for the next run on a single chip."""
    placed = neurons._kept.get("placed", neurons.place)
    registers, name = calibrated_registers(neurons, placed, chip, calibration)

    def make() -> Prepared:
        placement = [np.array([circuit.enum for circuit in neuron.atomic_neurons], np.int64) for neuron in placed]
        configured = _configured(neurons, placed, registers)
        parameters = circuit_parameters(
            chip, configured, placement, leaks=neurons.leaks, fires=neurons.fires, factors=factors, run=runs
        )
        return Prepared(placed, placement, parameters, name)

    if chip.sizes or runs.ndim or any(dim not in SIZES for dim in registers.dims):
        return make()
    return neurons._kept.get(("prepared", chip, name, factors["write_noise"], factors["drift"], int(runs)), make)
