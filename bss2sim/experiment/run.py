"""Run a population on the emulated chip: the counterpart of the model world's run behind the one verb."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_seconds
from ..broadcasting import Trials, labels_of
from ..device import chip_device, is_on_gpu, require_cuda
from ..errors import InputError, ParameterError, choose
from ..extent import extent
from ..hardware.chip import EmulatedChip
from ..hardware.coordinates import N_COLUMN
from ..inputs import read_inputs
from ..neuron import Population
from ..options import thread_count
from ..plausibility import warn_of_long_step
from ..recording import Recording
from ..synapse import Synapse
from .configured import Prepared, prepare
from .dynamics import Circuits
from .effects import effect_factors
from .free_run import with_free_run
from .identity import add_identity, as_run, identify
from .laid_out import CIRCUIT_FACTORS, Experiment, circuit_rows
from .observe import observe
from .request import STARTS, check_chip, check_counts, chip_recording
from .result import label_experiment
from .shared_circuits import warn_of_shared_circuits
from .synapses import ChipSynapses


def run_on_chip(
    neurons: Population,
    inputs: Any,
    *,
    dt: float,
    synapse: Synapse | None,
    record: Recording | None,
    chip: Any,
    calibration: Any,
    run: Any,
    effects: Any,
    start: str,
    duration: Any,
    threads: int | None,
    constant_current: float = 0.0,
    device: str | None = "cpu",
) -> xr.Dataset:
    """Simulate a population on a chip; arguments as of :func:`bss2sim.simulate`.

    `constant_current` is a slope that the offset current source of every circuit adds to its membrane [CADC LSB/s].
    """
    chip = check_chip(chip)
    device, placed = chip_device(device)
    if device == "cuda":
        require_cuda()
    if is_on_gpu(inputs):
        raise InputError("a chip takes its inputs from the processor; copy them there first")
    if synapse is None:
        raise ParameterError(
            "a chip takes spikes through its synapses: give synapse=Synapse(weight), weight (input, neuron)"
        )
    record = chip_recording(record, neurons)
    factors = effect_factors(effects)
    start = choose("start", start, STARTS)
    dt = as_seconds("dt", dt)
    warn_of_long_step(dt)
    runs = as_run(run)
    drive = read_inputs(inputs, synapse, neurons.size, dt, 0.0, ())
    drive.clean()
    check_counts(inputs, drive)
    n_time, finish = extent(drive, duration, dt, 0.0, 0, "exact")

    prepared = prepare(neurons, chip, calibration, factors, runs)
    warn_of_shared_circuits(inputs, prepared.placement, chip)
    parameters = prepared.parameters
    if start == "carried" and "batch" in parameters.dims:
        raise ParameterError(
            "start='carried' goes on where the batch entry before ended, but chips or registers differ along 'batch': rename "
            "that dim, e.g. to 'chip', or start otherwise"
        )

    def make_synapses() -> ChipSynapses:
        return ChipSynapses(synapse, prepared.placement, parameters, chip, factors["synapse_gain"])

    # A function may give other weights each time it is called; others with dims are those of few runs.
    same = not callable(synapse.transform) and synapse._weight.ndim == 2
    key = ("synapses", synapse, factors["synapse_gain"])
    synapses = prepared.kept.get(key, make_synapses) if same else make_synapses()
    synapses.warn()

    trials = Trials()
    trials.add("inputs", drive.sizes, drive.labels)
    synapses.add_to(trials)
    add_identity(trials, chip, runs)
    _add_parameters(trials, parameters, neurons)
    if calibration is not None:
        _refuse_lost_dims(neurons, trials)
    c = chip.configuration
    free = 0.0 if start == "reset" else c.free_run_time + neurons.enable_madc_recording * c.madc_start_time
    drive, free_rows, free_time = with_free_run(drive, free, dt)
    circuits, circuit_row = _circuits(prepared, neurons, chip, factors, trials, constant_current)
    somas = np.array([neuron[0] for neuron in prepared.placement])
    experiment = Experiment(
        neurons=neurons, record=record, chip=chip, factors=factors, trials=trials, identity=identify(trials, chip, runs),
        drive=drive, dt=dt, duration=finish, n_time=n_time, free_rows=free_rows, free_time=free_time,
        carries=start == "carried", input_at=drive.rows(trials), weight_row=synapses.lay_out(trials), circuit_row=circuit_row,
        synapses=synapses, circuits=circuits, circuit=somas, hemisphere=somas // N_COLUMN,
        delay=c.synaptic_delay * factors["synaptic_delay"], threads=thread_count(threads),
        device=device,
    )  # fmt: skip
    provenance = {
        **placed,
        "calibration_id": prepared.calibration_id,
        "effects": json.dumps(factors),
        "start": start,
        "run": int(runs) if runs.ndim == 0 else runs.values.ravel(),
        **chip.provenance,
    }
    return label_experiment(experiment, observe(experiment), prepared.placed, provenance)


def _circuits(
    prepared: Prepared,
    neurons: Population,
    chip: EmulatedChip,
    factors: dict[str, float],
    trials: Trials,
    current: float,
) -> tuple[Circuits, np.ndarray]:
    """Return what the circuits do and the row of each trial; of a population without sweeps kept for the next run."""
    swept = set(prepared.parameters.dims)
    if neurons.fires:
        swept.update(neurons._parameters["spike_mask"][0].dims)
    if swept - {"synaptic_input", "circuit", "neuron"}:
        return circuit_rows(prepared.parameters, neurons, chip, factors, trials, current)
    key = ("circuits", current, *(factors[name] for name in CIRCUIT_FACTORS))
    circuits = prepared.kept.get(
        key, lambda: circuit_rows(prepared.parameters, neurons, chip, factors, trials, current)[0]
    )
    return circuits, trials.rows(())


def _refuse_lost_dims(neurons: Population, trials: Trials) -> None:
    """Refuse a sweep of the neurons that a chip, configured already, would not make."""
    for name, model in neurons._parameters.items():
        for value in neurons._hardware.get(name, model):
            lost = [dim for dim in value.dims if dim != "neuron" and dim not in trials.sizes]
            if lost:
                raise ParameterError(
                    f"{name} has the dim {lost[0]!r}, which the calibration has not, and neurons do not change a chip that is "
                    "configured: calibrate to a target with that dim, or leave calibration= out"
                )


def _add_parameters(trials: Trials, parameters: xr.Dataset, neurons: Population) -> None:
    """Take in the dims of the circuits' parameters and of the spike mask."""
    for name, variable in parameters.variables.items():
        lead = tuple(dim for dim in variable.dims if dim not in ("synaptic_input", "circuit", "neuron"))
        if lead and name not in parameters.coords:
            sizes = {dim: variable.sizes[dim] for dim in lead}
            trials.add("chip or calibration", sizes, labels_of(parameters[name], lead))
    if neurons.fires:
        mask = neurons._parameters["spike_mask"][0]
        lead = tuple(dim for dim in mask.dims if dim != "neuron")
        trials.add("spike_mask", {dim: mask.sizes[dim] for dim in lead}, labels_of(mask, lead))
