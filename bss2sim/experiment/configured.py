"""The registers that an experiment runs with: those of a calibration, with a population configured in them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..calibration.calibrate import calibrate
from ..calibration.result import Calibration, calibration_id
from ..calibration.target import NeuronCalibTarget
from ..calibration.target_fields import name_circuits
from ..errors import ParameterError, first_few, warn, without_warnings
from ..hardware.chip import EmulatedChip
from ..hardware.morphology import LogicalNeuronOnDLS
from ..hardware.neuron_block import configure, disable_spiking
from ..hardware.registers import SIZES, check_registers
from ..kept import Kept
from ..neuron import Population
from .circuits import circuit_parameters

MOST_KEPT = 4  # weights of synapses and circuits, of two kinds of runs


def _warn_of_failures(calibration: Calibration, somas: np.ndarray) -> None:
    """Warn of circuits of the population that the calibration failed for."""
    if calibration.success.values.all():  # the usual case, sooner said than of some circuits
        return
    success = calibration.success.transpose(..., "atomic_neuron").values[..., somas]
    if success.all():
        return
    failed = somas[~success.reshape(-1, somas.size).all(axis=0)]
    warn(
        f"the calibration failed for {int((~success).sum())} of {success.size} circuits of the population "
        f"({name_circuits(failed)}); they run with the codes that come nearest. calibration.reason says why, "
        "placement_constraint chooses other circuits"
    )


def _warn_of_another_chip(calibration: Calibration, chip: EmulatedChip) -> None:
    """Warn if a calibration was made for other chips, or its chips do not go with these one by one."""
    made_for = calibration.attrs.get("chip_seed")
    if made_for is None:
        return
    theirs = np.atleast_1d(np.array(made_for.split(), np.int64) if isinstance(made_for, str) else made_for)
    seed = chip._seeds
    if theirs.size == 1 and seed.size == 1 and theirs[0] == seed.values.flat[0]:
        return
    own = {dim: size for dim, size in calibration.registers.sizes.items() if dim not in SIZES}
    across = [dim for dim in seed.dims if dim not in own]
    if theirs.size > 1 and across:
        warn(
            f"the chips have a dim {across[0]!r} and the calibration has {', '.join(map(repr, own))}: every chip runs with the "
            "calibration of every other. Name both dims alike to pair them"
        )
    elif not np.array_equal(np.unique(theirs), np.unique(seed)) or (
        theirs.size == seed.size and not np.array_equal(theirs, seed.values.ravel())
    ):
        mine = seed.values.ravel()
        if theirs.size == mine.size:
            theirs, mine = theirs[theirs != mine], mine[theirs != mine]
        warn(
            f"the calibration was made for the chip of seed {first_few(theirs)}, this is the chip of seed "
            f"{first_few(mine)}: every circuit differs"
        )


def calibrated_registers(
    neurons: Population, placed: list[LogicalNeuronOnDLS], chip: EmulatedChip, calibration: Any
) -> tuple[xr.Dataset, str]:
    """Return all registers before the population is configured, and the name of the calibration.

    Without a calibration the chip is calibrated to what the neurons ask for.
    """
    if calibration is None:
        target = NeuronCalibTarget.from_populations([(neurons, placed)])
        with without_warnings():  # of failed circuits; those of the population are named below
            calibration = calibrate(chip, target)
    if isinstance(calibration, Calibration):
        _warn_of_another_chip(calibration, chip)
        _warn_of_failures(calibration, np.array([neuron.active.enum for neuron in placed]))
        return calibration.registers, calibration_id(calibration.registers)
    wanted = (
        "calibration must be what calibrate() returns, a Dataset of registers, or None to calibrate to what the neurons "
        "ask for"
    )
    if isinstance(calibration, xr.Dataset):
        try:
            registers = check_registers(calibration)
        except ParameterError as reason:
            raise ParameterError(f"{wanted}; of this Dataset: {reason}") from reason
        return calibration, calibration_id(registers)
    hint = "; read a file with load_calibration(path)" if isinstance(calibration, str | os.PathLike) else ""
    raise ParameterError(f"{wanted}; got {type(calibration).__name__}{hint}")


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
    kept : Kept
        What runs work out of all this.
    """

    placed: list[LogicalNeuronOnDLS]
    placement: list[np.ndarray]
    parameters: xr.Dataset
    calibration_id: str
    kept: Kept = field(default_factory=lambda: Kept(MOST_KEPT))


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
