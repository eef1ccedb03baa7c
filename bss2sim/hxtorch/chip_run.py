"""Run the modules of an experiment on the emulated chip, population by population, along their connections."""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from bss2sim.errors import InputError
from bss2sim.inputs import sparse_spikes
from bss2sim.recording.chip_time import CYCLES_PER_SECOND
from bss2sim.recording.grid import spikes_to_grid
from bss2sim.simulate import simulate
from bss2sim.synapse import Synapse

from .backend.module_manager import ModuleManager, Step, name_of
from .chip_populations import configured, failed_neurons, prepare
from .connection import connected
from .execution_info import ExecutionInfo
from .modules.batch_dropout import BatchDropout
from .modules.input_neuron import InputNeuron
from .modules.neuron import Neuron
from .modules.readout_neuron import ReadoutNeuron
from .modules.synapse import Weights


class Events(NamedTuple):
    """Spikes of some sources.

    Attributes
    ----------
    time : array (spike,)
        Times [s].
    source, trial : arrays of int (spike,)
        Of which source and trial they are.
    n_source, n_trial : int
        How many there are.
    """

    time: np.ndarray
    source: np.ndarray
    trial: np.ndarray
    n_source: int
    n_trial: int

    @classmethod
    def none(cls, n_source: int, n_trial: int) -> Events:
        """Return no spikes."""
        whole = np.zeros(0, np.int64)
        return cls(np.zeros(0), whole, whole, n_source, n_trial)

    def digest(self) -> bytes:
        """Return what the spikes are told apart by: times to a picosecond, beyond the last bits that rounding leaves open."""
        parts = (part.astype(np.int64).tobytes() for part in (np.rint(self.time * 1e12), self.source, self.trial))
        return hashlib.sha256(b"".join(parts)).digest()


def events_of(spikes: Tensor, dt: float, n_step: int) -> Events:
    """Return the spikes of a tensor (time, batch, input) within a number of steps; step k is time k dt.

    Raises
    ------
    InputError
        If they are no whole numbers.
    """
    given = spikes.detach()
    dense = (given if given.layout == torch.strided else given.to_dense()).cpu().double().numpy()
    if dense.ndim != 3 or not ((dense >= 0) & (dense == np.rint(dense))).all():
        raise InputError(
            "a chip takes whole spikes: inputs must be 0, 1, 2 ... spikes (time, batch, input) in each step"
        )
    counts = dense[:n_step].astype(np.int64)
    step, trial, source = np.nonzero(counts)
    times = np.repeat(np.stack([step, trial, source]), counts[step, trial, source], axis=1)
    return Events(times[0] * dt, times[2], times[1], dense.shape[2], dense.shape[1])


class Ready(NamedTuple):
    """A population as it runs.

    Attributes
    ----------
    population : Population
        Placed.
    calibration : Calibration
        That of its instance.
    registers : Calibration or Dataset
        What the chip is configured with.
    """

    population: Any
    calibration: Any
    registers: Any


class ChipRun:
    """One run of an experiment on the chip.

    Parameters
    ----------
    experiment : Experiment
        With modules that are connected.
    n_step : int
        Length [steps].
    """

    def __init__(self, experiment: Any, n_step: int) -> None:
        self.experiment, self.n_step = experiment, n_step
        self.modules: ModuleManager = experiment.modules
        self.connection = connected()
        self.saturated = self.failed = self.n_trial = 0
        self.modules.done()  # refuses circles that are no group
        self.circles: list[list[Step]] = self.modules.circles_of(self.modules.steps())
        self.steps = [step for circle in self.circles for step in circle]
        self.producer = {id(step.target): step for step in self.steps}
        self.events: dict[Any, Events] = {}  # by the module that fires

    def recorded(self) -> dict[Any, Any]:
        """Run all populations; return recordings by the descriptor of their module, as their `forward_func` takes them.

        Raises
        ------
        InputError
            If something is connected as a chip cannot do it, or inputs are no spikes.
        ParameterError
            If populations do not fit on the chip.
        """
        found: dict[Any, Any] = {}
        on_chip = [step for step in self.steps if isinstance(step.module, Neuron)]
        ready: dict[Any, Any] = {}
        for instance in dict.fromkeys(step.module.execution_instance for step in on_chip):
            own = [step.module for step in on_chip if step.module.execution_instance is instance]
            placed, calibration = prepare(instance, own, self.connection.chip)
            registers = configured(placed, calibration)
            ready.update({module: Ready(population, calibration, registers) for module, population in placed.items()})
        self.experiment.note_chip_configs([one.calibration for one in ready.values()])
        for circle in self.circles:
            own_steps = [step for step in circle if isinstance(step.module, Neuron)]
            run = self._run_once if len(circle) == 1 else self._run_until_settled
            for step, result in run(own_steps, ready):
                step.module.descriptor = self.modules.get_id_by_module(step.module)
                found[step.module.descriptor] = self._tensors(step.module, result, ready[step.module])
        for step in self.steps:
            if isinstance(step.module, InputNeuron) and step.module.execution_instance.input_loopback:
                step.module.descriptor = self.modules.get_id_by_module(step.module)
                found[step.module.descriptor] = (self._dense(self._spikes(step.sources[0], step)),)
        return found

    def _run_once(self, steps: list[Step], ready: dict[Any, Any]) -> list[tuple[Step, xr.Dataset]]:
        """Run populations one after the other."""
        return [(step, self._run(step, ready[step.module])) for step in steps]

    def _run_until_settled(self, steps: list[Step], ready: dict[Any, Any]) -> list[tuple[Step, xr.Dataset]]:
        """Run populations that feed each other again and again, with the spikes of the round before, until these stay the same.

        A spike takes time to reach the others, and the noise of a trial is the same in each round: what happens up to some time
        depends on spikes before it alone. So each round is right for longer than the one before, and what stays the same is the
        run.

        Raises
        ------
        InputError
            If rounds repeat without an end: where spikes arrive in the cycle of 8 ns in which they were fired.
        """
        if not steps:
            return []
        n_trial = self._trials_from_outside(steps)
        firing = [step.module for step in steps if not isinstance(step.module, ReadoutNeuron)]
        self.events.update({module: Events.none(module.size, n_trial) for module in firing})
        seen: dict[tuple[bytes, ...], int] = {}
        while True:
            results = self._run_once(steps, ready)
            spikes = tuple(self.events[module].digest() for module in firing)
            if spikes in seen:
                break
            seen[spikes] = len(seen)
        if seen[spikes] != len(seen) - 1:
            names = ", ".join(name_of(module) for module in firing)
            raise InputError(
                f"{names}: spikes that come back as soon as they are fired have no end; leave the effects 'spike_delay' or "
                "'synaptic_delay' of init_hardware(effects=) on, or switch 'spike_resolution' off"
            )
        return results

    def _trials_from_outside(self, steps: list[Step]) -> int:
        """Return the number of trials, which inputs or populations before these have."""
        for handle in self.modules.input_data():
            spikes = handle.data.get("spikes")
            if isinstance(spikes, Tensor) and spikes.dim() == 3:
                return int(spikes.shape[1])
        raise InputError(
            f"{name_of(steps[0].module)} and those it feeds in a circle get no input; connect a NeuronHandle with spikes"
        )

    def info(self) -> ExecutionInfo:
        """Return times and health of the run."""
        trial = self.n_step * self.experiment.dt
        health = {"weight_saturated": self.saturated, "calibration_failed": self.failed}
        return ExecutionInfo({"trial": trial, "chip": trial * self.n_trial}, health)

    def _spikes(self, handle: Any, user: Step) -> Events:
        """Return the spikes that a handle carries, or will carry."""
        step = self.producer.get(id(handle))
        if step is None:
            spikes = handle.data.get("spikes")
            if not isinstance(spikes, Tensor):
                raise InputError(
                    f"{name_of(user.module)}: on a chip the input must be a NeuronHandle with spikes; got {handle!r}"
                )
            return events_of(spikes, self.experiment.dt, self.n_step)
        if isinstance(step.module, BatchDropout | InputNeuron):
            return self._spikes(step.sources[0], step)
        if step.module in self.events:
            return self.events[step.module]
        raise InputError(
            f"{name_of(user.module)} takes the output of {name_of(step.module)}, which is not on the chip: there, synapses take "
            "spikes of inputs and neurons; run others after the neurons, or use mock=True"
        )

    def _inputs(self, step: Step) -> tuple[Events, np.ndarray]:
        """Return the spikes of all synapses of a population, and their weights on the chip (input, neuron)."""
        events, weights = [], []
        for handle in step.sources:
            synapses = self.producer.get(id(handle))
            if synapses is None or not isinstance(synapses.module, Weights):
                raise InputError(
                    f"{name_of(step.module)}: on a chip neurons take the output of Synapse or SparseSynapse alone"
                )
            own = self._spikes(synapses.sources[0], synapses)
            weight = synapses.module.chip_weight()
            if own.n_source != weight.shape[0]:
                raise InputError(f"{name_of(synapses.module)}: spikes have {own.n_source} inputs")
            events.append(own)
            weights.append(weight)
        if len({own.n_trial for own in events}) > 1:
            raise InputError(
                f"{name_of(step.module)}: inputs have {', '.join(str(e.n_trial) for e in events)} trials; give all the same"
            )
        offset = np.cumsum([0, *(own.n_source for own in events)])
        source = np.concatenate([own.source + first for own, first in zip(events, offset, strict=False)])
        time, trial = (np.concatenate([getattr(own, name) for own in events]) for name in ("time", "trial"))
        return Events(time, source, trial, int(offset[-1]), events[0].n_trial), np.concatenate(weights)

    def _run(self, step: Step, ready: Ready) -> xr.Dataset:
        """Run one population and keep its spikes."""
        module, dt = step.module, self.experiment.dt
        given, weight = self._inputs(step)
        self.n_trial = given.n_trial
        inputs = sparse_spikes(
            given.time,
            given.source,
            given.trial,
            n_batch=given.n_trial,
            n_neuron=given.n_source,
            duration=self.n_step * dt,
        )
        # A chip is programmed when it is calibrated, which the run stands for; each of its trials has noise of its own.
        labels = self.experiment.n_trial_before + np.arange(given.n_trial)
        result = simulate(
            ready.population, inputs.assign_coords(batch=labels), dt=dt, synapse=Synapse(weight), chip=self.connection.chip,
            calibration=ready.registers, effects=self.connection.effects, start=self.connection.start,
            run=max(module.execution_instance.n_calibrated - 1, 0),
        )  # fmt: skip
        if not isinstance(module, ReadoutNeuron):
            self.events[module] = Events(
                result.spike_time.values,
                result.spike_neuron.values,
                result.spike_batch.values,
                module.size,
                given.n_trial,
            )
        return result

    def _tensors(self, module: Any, result: xr.Dataset, ready: Ready) -> tuple[Tensor | None, ...]:
        """Return what a module records of a run, and count what went wrong."""
        self.saturated += int(result.weight_saturated.sum())
        self.failed += failed_neurons(ready.population, ready.calibration)
        cadc, madc = _tensor(result, "membrane"), _madc(result)
        self._check_samples(module, cadc)
        if isinstance(module, ReadoutNeuron):
            return cadc, madc
        return self._dense(self.events[module]) if module.enable_spike_recording else None, cadc, madc

    def _check_samples(self, module: Any, cadc: Tensor | None) -> None:
        """Refuse a run that is so short that the CADC sampled some trial of a population not at all."""
        if cadc is None or not cadc.isnan().any():
            return
        in_dram = module.enable_cadc_recording_placement_in_dram
        configuration = self.connection.chip.configuration
        period = configuration.cadc_period_dram if in_dram else configuration.cadc_period
        n_empty = int(cadc.isnan().any(2).any(0).sum())
        raise InputError(
            f"{name_of(module)}: the CADC took no sample in {n_empty} of {cadc.shape[1]} trials of {self.n_step} steps of "
            f"{self.experiment.dt * 1e6:.4g} us, as it takes one in about {period * 1e6:.4g} us; give run() at least "
            f"{_least_steps(period, self.experiment.dt)} steps, or the population enable_cadc_recording=False"
        )

    def _dense(self, events: Events) -> Tensor:
        """Return spikes on the grid, float32 (time, batch, neuron)."""
        grid = spikes_to_grid(
            events.time, events.source, events.trial, n_trial=events.n_trial, n_time=self.n_step, n_neuron=events.n_source,
            dt=self.experiment.dt,
        )  # fmt: skip
        return torch.from_numpy(grid).float().transpose(0, 1)


def _least_steps(period: float, dt: float) -> int:
    """Return how many steps have a sample of the CADC for sure: a period, its jitter and a margin."""
    return math.ceil(1.1 * period / dt)


def _tensor(result: xr.Dataset, name: str) -> Tensor | None:
    """A variable as a tensor (time, batch, neuron), if it is there."""
    if name not in result:
        return None
    return torch.from_numpy(result[name].transpose("batch", "time", "neuron").values.copy()).transpose(0, 1)


def _madc(result: xr.Dataset) -> Tensor | None:
    """Raw MADC samples (2, sample, batch), times in cycles of 8 ns, if they are there."""
    if "madc_value" not in result:
        return None
    value, time = (result[name].transpose("madc_sample", "batch").values for name in ("madc_value", "madc_time"))
    return torch.from_numpy(np.stack([np.rint(time * CYCLES_PER_SECOND), value]).astype(np.float32))
