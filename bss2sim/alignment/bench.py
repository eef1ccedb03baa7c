"""The runs that alignment needs: a population on a calibrated chip, silent, with constant currents, or with single spikes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_whole
from ..errors import ParameterError
from ..experiment.configured import calibrated_registers
from ..experiment.request import check_chip
from ..experiment.run import run_on_chip
from ..hardware.chip import EmulatedChip
from ..hardware.neuron_block import disable_spiking
from ..neuron import IAFNeuron, LIFNeuron, LINeuron, Population
from ..recording import Recording
from ..synapse import Synapse
from ..variables import create_dataset

# Of every measurement, as in the reference's utilities; HS:utils/dynamic_range
N_TIME = 100  # rows
DT = 1e-6  # [s]
SPIKE_ROW = 10
SETTLED = slice(80, N_TIME)  # rows of the last 20 %

CURRENT = 60e6  # [CADC LSB/s]
RISE_TIME = 20e-6  # [s] from rest to threshold without a leak: ten samples of the CADC
LEAST_HEIGHT = 20.0  # [CADC LSB] of a threshold that is asked for
FULL_SCALE = 256  # [CADC LSB]: no membrane goes so far from its leak potential

_PROVENANCE = ("bss2sim_version", "effects", "run", "chip_seed", "chip_variation", "chip_configuration")


@dataclass(frozen=True)
class Bench:
    """A population on calibrated chips, ready to be measured.

    Attributes
    ----------
    neurons : Population
        As given, but for arguments that change what is recorded.
    chip : EmulatedChip
        Where it is.
    registers, silent : Dataset
        All registers of the calibration, and the same without thresholds.
    name : str
        Of the calibration.
    n_trial : int
        Trials of each run.
    run, effects, threads
        As :func:`bss2sim.simulate` takes them.
    """

    neurons: Any
    chip: EmulatedChip
    registers: xr.Dataset
    silent: xr.Dataset
    name: str
    n_trial: int
    run: Any
    effects: Any
    threads: int | None

    @property
    def largest_current(self) -> float:
        """Constant current that takes membranes to both ends of their range against any leak [CADC LSB/s]."""
        if not self.neurons.leaks:
            return CURRENT
        return max(CURRENT, FULL_SCALE / float(np.min(self.neurons.hardware_value("tau_mem"))))

    @property
    def threshold_current(self) -> float:
        """Constant current that takes membranes over their thresholds [CADC LSB/s].

        So slowly that the CADC meets them near it: a larger one lets them jump from reset to threshold between two samples.
        """
        value = self.neurons.hardware_value
        height = np.maximum(value("threshold") - value("leak" if self.neurons.leaks else "reset"), LEAST_HEIGHT)
        current = height / RISE_TIME
        if self.neurons.leaks:
            current = current + 2 * height / value("tau_mem")  # against the leak, with room for circuits that differ
        return float(np.max(current))

    def measure(
        self, number: int, *, fires: bool = False, current: float = 0.0, weight: int = 0, from_first: bool = False
    ) -> xr.Dataset:
        """Run all trials once.

        Parameters
        ----------
        number : int
            Which run of the measurement: each has noise of its own.
        fires : bool
            Leave the thresholds on.
        current : float
            Constant current, positive of a source and negative of a sink [CADC LSB/s].
        weight : int
            Of one spike in row :data:`SPIKE_ROW`.
        from_first : bool
            Subtract the first row.

        Returns
        -------
        Dataset
            ``membrane`` (.., batch, time, neuron), signed readings of the CADC on the grid [LSB]; ``spike_count`` if it fires.
        """
        inputs = np.zeros((N_TIME, self.n_trial, 1), np.uint8)
        inputs[SPIKE_ROW] = weight != 0
        trials = np.arange(self.n_trial) + number * self.n_trial  # the noise of a trial is drawn by its label
        return run_on_chip(
            self.neurons.replace(shift_cadc_to_first=from_first),
            xr.DataArray(inputs, {"batch": trials}, ("time", "batch", "input")),
            dt=DT, synapse=Synapse(np.full((1, self.neurons.size), float(weight))),
            record=Recording("count" if fires else None, membrane=True), chip=self.chip,
            calibration=self.registers if fires else self.silent, run=self.run, effects=self.effects, start="reset",
            duration=None, threads=self.threads, constant_current=current,
        )  # fmt: skip

    def dataset(self, values: dict[str, xr.DataArray], like: xr.Dataset) -> xr.Dataset:
        """Label values with the coordinates and the provenance of a run."""
        own = ("chip_weight", "neuron")
        lead = tuple(dict.fromkeys(dim for value in values.values() for dim in value.dims if dim not in own))
        variables: dict[str, tuple[tuple[Hashable, ...], np.ndarray]] = {}
        for name, value in values.items():
            dims = tuple(dim for dim in (*lead, *own) if dim in value.dims)
            variables[name] = (dims, np.array(value.transpose(*dims).values, order="C"))
        coords: dict[Hashable, Any] = {}
        for source in (*values.values(), like):
            for key, label in source.coords.items():
                if set(label.dims) <= {dim for dims, _ in variables.values() for dim in dims}:
                    coords[key] = label.variable
        attrs = {name: like.attrs[name] for name in _PROVENANCE}
        return create_dataset(variables, coords, {**attrs, "calibration_id": self.name, "n_trial": self.n_trial})


def _refuse_batch(what: str, dims: tuple[Hashable, ...]) -> None:
    """Refuse the dim that the trials of a measurement take."""
    if "batch" in dims:
        raise ParameterError(
            f"{what} has a dim 'batch', which the trials of a measurement take; rename it, e.g. to 'setting'"
        )


def check_neurons(neurons: Any, *, reads_only: bool = False) -> None:
    """Refuse what is no population, and without `reads_only` one that has no threshold."""
    if isinstance(neurons, LINeuron) and not reads_only:
        raise ParameterError(
            "neurons must be an IAFNeuron or LIFNeuron, whose threshold is measured; an LINeuron has none. Align it by "
            "the LIFNeuron of the same parameters that feeds it"
        )
    if not isinstance(neurons, IAFNeuron | LIFNeuron | LINeuron):
        kinds = "an IAFNeuron, LIFNeuron or LINeuron" if reads_only else "an IAFNeuron or LIFNeuron"
        raise ParameterError(f"neurons must be {kinds}; got {type(neurons).__name__}")


def set_up(
    neurons: Population, chip: Any, calibration: Any, run: Any, n_trial: Any, effects: Any, threads: int | None
) -> Bench:
    """Check what is measured, and calibrate the chip if it is not yet."""
    chip = check_chip(chip)
    n_trial = as_whole("n_trial", n_trial)
    placed = neurons.place()
    registers, name = calibrated_registers(neurons, placed, chip, calibration)
    for key, value in registers.data_vars.items():
        _refuse_batch(f"{key} of the calibration", value.dims)
    for key, value in neurons._values():
        _refuse_batch(key, value.dims)
    _refuse_batch("seed of the chip", tuple(chip.sizes))
    read: dict[str, Any] = {
        "enable_cadc_recording": True, "enable_cadc_recording_placement_in_dram": False, "enable_madc_recording": False,
        "record_neuron_id": None, "trace_offset": 0.0, "trace_scale": 1.0, "cadc_time_shift": 0,
        "interpolation_mode": "linear",
    }  # fmt: skip
    if neurons.fires:
        read |= {"enable_spike_recording": True, "spike_mask": True}
    return Bench(
        neurons.replace(**read), chip, registers, disable_spiking(registers, placed), name, n_trial, run, effects, threads
    )  # fmt: skip


def mean(values: xr.DataArray, good: xr.DataArray | bool = True) -> xr.DataArray:
    """Return the mean over the neurons, or over the good ones, less NaN; NaN of none."""
    good = values.notnull() & good
    number = good.sum("neuron")
    return (values.where(good, 0.0).sum("neuron") / number.where(number > 0)).astype(np.float64)


def over_trials(values: xr.DataArray, dims: tuple[str, ...] = ("batch",)) -> xr.DataArray:
    """Return the mean in float64."""
    return values.mean(dims, dtype=np.float64)
