"""Run populations exactly and their adjoints: arrays, pieces, sums that do not depend on the threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import memory
from .errors import InputError
from .inputs import label_spikes
from .kernels import adjoint, adjoint_leaky
from .kernels.codes import BLOCK
from .neuron import IAFNeuron, LINeuron
from .options import thread_count
from .recording import Recording
from .simulate import simulate
from .synapse import Synapse
from .threads import run_chunks

_LOTS = 16  # of trials whose sums are added up apart, then in order


def _own(array: np.ndarray, dtype: Any = np.float64) -> np.ndarray:
    """Return an array that is contiguous and writable: of read-only ones Numba would compile every kernel a second time."""
    return np.require(array, dtype, ["C", "W"])


@dataclass(frozen=True)
class Events:
    """Spikes of all trials, sorted by trial, then time: times [s], neurons, trials, each (spike,), and the number of trials."""

    time: np.ndarray
    neuron: np.ndarray
    batch: np.ndarray
    n_batch: int

    def pointer(self) -> np.ndarray:
        """First spike of each trial, and their number."""
        return np.searchsorted(self.batch, np.arange(self.n_batch + 1)).astype(np.int64)


@dataclass(frozen=True)
class ExactRun:
    """A run whose exact gradients are wanted.

    Attributes
    ----------
    events : Events
        Input spikes.
    weight : array (input, neuron)
        Jump of the current for each, float64.
    parameters : dict of array, () or (neuron,)
        Float64, by name; with `leak` the neurons leak and never fire, with `tau_inh` negative weights have that time constant.
    duration : float
        End of the run [s].
    sample_time : array (sample,)
        When the membrane is looked at [s].
    slope_floor : float
        Least slope of the membrane at a spike that a gradient is divided by [abs(threshold - reset)/tau_mem].
    """

    events: Events
    weight: np.ndarray
    parameters: dict[str, np.ndarray]
    duration: float
    sample_time: np.ndarray
    slope_floor: float = 0.0

    @property
    def fires(self) -> bool:
        """Whether there is a threshold."""
        return "threshold" in self.parameters

    def row(self, name: str) -> np.ndarray:
        """Return a parameter (neuron,)."""
        return _own(np.broadcast_to(self.parameters[name], self.weight.shape[1:]))


def run_exact_forward(run: ExactRun) -> tuple[Events | None, np.ndarray]:
    """Return the spikes, None of neurons that never fire, and the membrane (trial, sample, neuron).

    Raises
    ------
    ParameterError, InputError
        As :func:`bss2sim.simulate`.
    """
    kind: Any = IAFNeuron if run.fires else LINeuron
    parameters: dict[str, Any] = dict(run.parameters)
    if "tau_inh" in parameters:
        parameters["tau_syn"] = (parameters["tau_syn"], parameters.pop("tau_inh"))
    n_sample = run.sample_time.size
    wide = run.events.neuron[np.abs(run.events.neuron) > np.iinfo(np.int32).max]  # would be cut off in a list of spikes
    if wide.size:
        raise InputError(f"neuron of spikes must be in 0 .. {run.weight.shape[0] - 1}; got {wide[0]}")
    result = simulate(
        kind(run.weight.shape[1], **parameters),
        label_spikes(run.events.time, run.events.neuron, run.events.batch, run.events.n_batch, {}),
        dt=run.duration, duration=run.duration, synapse=Synapse(run.weight),  # a grid of one step: the end is not rounded
        record=Recording("sparse" if run.fires else None, n_sample > 0, sample_time=run.sample_time if n_sample else None),
    )  # fmt: skip
    shape = (run.events.n_batch, n_sample, run.weight.shape[1])
    membrane = result.membrane.values if n_sample else np.empty(shape)
    if not run.fires:
        return None, membrane
    time, neuron, batch = (result[name].values for name in ("spike_time", "spike_neuron", "spike_batch"))
    return Events(time, neuron, batch, run.events.n_batch), membrane


@dataclass(frozen=True)
class ExactGradients:
    """Gradients of a run: of input times (spike,) or None, weights (input, neuron), parameters by name, all float64."""

    time: np.ndarray | None
    weight: np.ndarray
    parameters: dict[str, np.ndarray]


def run_exact_backward(
    run: ExactRun, spikes: Events | None, of_time: np.ndarray | None, of_membrane: np.ndarray, time_too: bool
) -> ExactGradients:
    """Return the gradients from those of spike times [1/s] and of the membrane (trial, sample, neuron)."""
    n_input, n_neuron = run.weight.shape
    events, n_batch = run.events, run.events.n_batch
    n_block = -(-n_neuron // BLOCK)
    n_lot = min(_LOTS, n_batch)  # depends on the batch alone, and so does the order of the sums
    kernels: Any = adjoint if run.fires else adjoint_leaky
    of_weight = memory.zeros((n_lot, n_input, n_neuron), np.float64)
    of_event = np.zeros((n_block, events.time.size if time_too else 0))
    sums = np.zeros((n_lot, n_block, kernels.N_SUM, BLOCK))
    pointer = events.pointer()
    source = _own(events.neuron, np.int64)
    p = {name: run.row(name) for name in run.parameters}
    weight = _own(run.weight).reshape(-1)
    of_membrane = _own(of_membrane).reshape(-1)
    sample_time = _own(run.sample_time)
    tau_syn = np.stack([p[name] for name in ("tau_syn", "tau_inh") if name in p])
    uniform = bool((tau_syn == tau_syn[:, :1]).all() and (run.fires or (p["tau_mem"] == p["tau_mem"][0]).all()))
    common: tuple[Any, ...] = (uniform, _own(events.time), source, pointer, weight)
    if spikes is not None:
        assert of_time is not None
        clamp_time = p["refractory_time"] - p["holdoff_time"]
        floor = run.slope_floor * np.abs(p["threshold"] - p["reset"]) / p["tau_mem"]
        floor = np.maximum(floor, np.finfo(np.float64).tiny)  # a slope may be rounded to 0, or below
        common += (_own(spikes.time), _own(spikes.neuron, np.int64), spikes.pointer(), sample_time,
                   p["threshold"], p["reset"], p["tau_mem"], tau_syn, clamp_time, p["holdoff_time"], floor,
                   _own(of_time), of_membrane)  # fmt: skip
    else:
        common += (sample_time, p["tau_mem"], tau_syn, of_membrane)

    def scratch() -> tuple[np.ndarray, ...]:
        rows = memory.zeros((kernels.N_ROW, BLOCK), np.float64)
        if spikes is None:
            return (rows,)
        size = spikes.time.size
        return (np.empty(size), np.empty(size), np.empty(size, np.int64), memory.zeros((2 * BLOCK,), np.float64), rows,
                np.zeros((adjoint.N_INDEX_ROW, BLOCK), np.int64), np.empty((BLOCK, adjoint.N_MOVED)))  # fmt: skip

    threads = thread_count()
    sets = [scratch() for _ in range(min(threads, n_lot * n_block))]
    call = adjoint.spiking_adjoint if run.fires else adjoint_leaky.leaky_adjoint

    def work(task: int, worker: int) -> None:
        lot, block = divmod(task, n_block)
        low = block * BLOCK
        call(
            n_batch * lot // n_lot, n_batch * (lot + 1) // n_lot, n_neuron, low, min(BLOCK, n_neuron - low), run.duration,
            *common, of_weight[lot].reshape(-1), of_event[block], time_too, sums[lot, block], *sets[worker],
        )  # fmt: skip

    run_chunks(n_lot * n_block, threads, work)
    total = np.zeros((n_input, n_neuron))
    for lot in of_weight:
        total += lot
    gathered = np.zeros((n_block, kernels.N_SUM, BLOCK))
    for part in sums:
        gathered += part
    rows = gathered.transpose(1, 0, 2).reshape(kernels.N_SUM, -1)[:, :n_neuron]
    if run.fires:
        scale = p["tau_syn"] if tau_syn.shape[0] == 1 else np.where(run.weight < 0, p["tau_inh"], p["tau_syn"])
        total *= scale / p["tau_mem"]
        found = {
            "threshold": rows[adjoint.THRESHOLD], "reset": rows[adjoint.RESET],
            "tau_mem": -(run.weight * total).sum(axis=0) / p["tau_mem"], "tau_syn": rows[adjoint.TAU_SYN] / p["tau_mem"],
            "tau_inh": rows[adjoint.TAU_INH] / p["tau_mem"],
            "refractory_time": rows[adjoint.REFRACTORY_TIME] + rows[adjoint.CLAMP_TIME],
            "holdoff_time": -rows[adjoint.CLAMP_TIME],
        }  # fmt: skip
    else:
        found = {
            "tau_mem": rows[adjoint_leaky.TAU_MEM] / p["tau_mem"],
            "tau_syn": rows[adjoint_leaky.TAU_SYN] / tau_syn[0],
            "tau_inh": rows[adjoint_leaky.TAU_INH] / tau_syn[-1],
            "leak": of_membrane.reshape(-1, n_neuron).sum(axis=0),
        }
    gradients = {name: found[name] if value.ndim else found[name].sum() for name, value in run.parameters.items()}
    return ExactGradients(of_event.sum(axis=0) if time_too else None, total, gradients)
