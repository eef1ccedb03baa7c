"""Run the circuits of an experiment, some trials at a time, and read them as the chip does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .. import memory
from ..hardware.draws import lognormal
from ..kernels import noise
from ..partition import SMALL
from ..plan import name_place
from ..recording.cadc import CadcSchedule, cadc_reader, cadc_schedule
from ..recording.madc import convert_madc, madc_stamps, madc_times
from ..recording.spike_stamps import Arrivals, Stamps
from ..threads import run_chunks
from .dynamics import Circuits, TrialArrays, run_circuits
from .laid_out import Experiment

Read = Callable[[int, int, np.ndarray], None]  # of first and last trial, and samples (trial, sample, neuron)

MOST_ANALOG = 2**26  # bytes of analog samples at a time
ALIKE = 0.1  # difference of the halves of a chip, relative to both, up to which each gets one of two threads
MOST_WEIGHT = 2**25  # bytes of weights at a time: fresh memory costs more than working in chunks


@dataclass
class Observed:
    """What the chip sends.

    Attributes
    ----------
    spike_time, spike_neuron, spike_trial : arrays (spike,)
        Stamped spikes [s], sorted by (trial, time, neuron).
    cadc : CadcSchedule or None
        When the CADC sampled.
    cadc_value : array (trial, sample, neuron)
        What it read, -128 to 127; as many samples as the schedule has.
    madc_time, madc_value : arrays (trial, madc_sample)
        When the MADC sampled [s], and what it read.
    """

    spike_time: np.ndarray = field(default_factory=lambda: np.empty(0))
    spike_neuron: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    spike_trial: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    cadc: CadcSchedule | None = None
    cadc_value: np.ndarray | None = None
    madc_time: np.ndarray | None = None
    madc_value: np.ndarray | None = None


def _sequences(e: Experiment) -> np.ndarray:
    """Return the trials (sequence, batch) of which each begins as the one before it ended; else (trial, 1)."""
    trial = np.arange(e.trials.size)
    if trial.size and e.carries and "batch" in e.trials.sizes:
        axis = e.trials.dims.index("batch")
        return np.moveaxis(trial.reshape(e.trials.shape), axis, -1).reshape(-1, e.trials.sizes["batch"])
    return trial[:, np.newaxis]


@dataclass(frozen=True)
class _Chunk:
    """Trials (sequence, batch) that run at a time, with their weights (row, input, neuron) and the row of each."""

    sequences: np.ndarray
    weight_exc: np.ndarray
    weight_inh: np.ndarray
    weight_row: np.ndarray


def _chunks(e: Experiment, n_sample: int) -> Iterator[_Chunk]:
    """Cut the sequences so that analog samples and weights stay small; those with the same weights go together."""
    sequences = _sequences(e)
    sequences = sequences[np.argsort(e.weight_row[sequences[:, 0]], kind="stable")]
    size = e.neurons.size
    at_once = max(1, MOST_ANALOG // max(1, 8 * n_sample * size))
    if e.weight_row.any():
        at_once = min(at_once, max(1, MOST_WEIGHT // (8 * e.synapses.n_input * size * sequences.shape[1])))
    for first in range(0, len(sequences), at_once):
        some = sequences[first : first + at_once]
        rows, weight_row = np.unique(e.weight_row[some], return_inverse=True)
        yield _Chunk(some, *e.synapses.take(rows), weight_row.reshape(some.shape))


def _of(circuits: Circuits, neurons: np.ndarray) -> Circuits:
    """Return the circuits of some neurons."""
    some: dict[str, Any] = {
        f.name: np.ascontiguousarray(getattr(circuits, f.name)[:, neurons])
        for f in dataclasses.fields(circuits)
        if isinstance(getattr(circuits, f.name), np.ndarray)
    }
    return dataclasses.replace(circuits, **some)


class _Part:
    """Some neurons of an experiment, which share the times of their samples."""

    def __init__(self, e: Experiment, neurons: np.ndarray, threads: int) -> None:
        self.e, self.neurons, self.threads = e, neurons, threads
        self.circuits = _of(e.circuits, neurons)
        self.circuit = np.ascontiguousarray(e.circuit[neurons])
        self.rest = self.circuits.reset if self.circuits.leak is None else self.circuits.leak

    def gain(self, trial: np.ndarray) -> np.ndarray | None:
        """Factor of the synapses that differs between trials, (trial, neuron)."""
        e = self.e
        spread = e.factors["trial_gain"] * e.chip.configuration.trial_gain_spread
        if spread == 0:
            return None
        gain = np.empty((trial.size, self.neurons.size))
        who = e.identity[trial]
        zero = np.zeros(self.neurons.size, np.int64)
        noise.fill_normals(gain, zero, self.circuit, noise.TRIAL_GAIN, who.batch, who.run, who.seed)
        return lognormal(gain, spread)

    def _name(self, trial: np.ndarray, k: int, neuron: int) -> str:
        """Name the k-th of some trials and a neuron of this part, for messages."""
        return name_place(self.e.trials, int(trial[k]), int(self.neurons[neuron]))

    def run(
        self,
        chunk: _Chunk,
        sample_time: np.ndarray | None,
        spikes: bool,
        reader: Callable[[np.ndarray], Read] | None = None,
    ) -> Iterator[tuple[np.ndarray, Any]]:
        """Run trials; yield those of one batch entry and what they did. Times as the ADCs have them.

        `reader` makes what reads the samples of some trials; without one they are in what is yielded.
        """
        e, sequences = self.e, chunk.sequences
        columns = _slice(self.neurons)
        exc, inh = (w[:, :, columns] for w in (chunk.weight_exc, chunk.weight_inh))
        state = None
        for k in range(sequences.shape[1]):
            trial = np.ascontiguousarray(sequences[:, k])
            who = e.identity[trial]
            arrays = TrialArrays(
                circuit_row=e.circuit_row[trial], input_at=e.input_at[trial],
                weight_row=np.ascontiguousarray(chunk.weight_row[:, k]), seed=who.seed, batch=who.batch, run=who.run,
                gain=self.gain(trial), circuit=self.circuit,
            )  # fmt: skip
            times = None
            if sample_time is not None:
                times = np.clip(sample_time[trial] - e.delay, -e.free_time, e.duration) + e.free_time
            result = run_circuits(
                self.circuits, arrays, e.drive, exc, inh,
                start=self.rest[e.circuit_row[trial]] if state is None else state, dt=e.dt,
                n_time=e.free_rows + e.n_time, finish=e.free_time + e.duration, sample_time=times, spikes=spikes,
                threads=self.threads, keep_state=e.carries, read=None if reader is None else reader(trial),
                place=partial(self._name, trial), device=e.device,
            )  # fmt: skip
            state = result.state
            yield trial, result


def _slice(index: np.ndarray) -> slice | np.ndarray:
    """Return consecutive indices as a slice, which copies nothing."""
    if index.size and (np.diff(index) == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


def _cadc_reader(e: Experiment, part: _Part, half: int, found: Observed, trial: np.ndarray) -> Read:
    """Return what reads the samples of some trials with the CADC, into the rows and columns that are theirs."""
    assert found.cadc is not None and found.cadc_value is not None
    who, out = e.identity[trial], found.cadc_value
    reader = cadc_reader(
        found.cadc.sample_time[_slice(trial)], hemisphere=np.full(part.neurons.size, half), circuit=part.circuit,
        seed=who.seed, batch=who.batch, run=who.run, configuration=e.chip.configuration, factors=e.factors,
    )  # fmt: skip
    columns = _slice(part.neurons)

    def read(first: int, last: int, samples: np.ndarray) -> None:
        if isinstance(columns, slice):
            reader.read(first, last, samples, out, trial, columns.start)
            return
        some = np.empty(samples.shape, out.dtype)
        reader.read(first, last, samples, some, np.arange(trial.size) - first)
        out[trial[first:last, np.newaxis, np.newaxis], np.arange(out.shape[1])[:, np.newaxis], columns] = some

    return read


def _observe_madc(e: Experiment, found: Observed) -> None:
    """Run the neuron that the MADC records, and read it."""
    who, c = e.identity, e.chip.configuration
    part = _Part(e, np.array([e.neurons.record_neuron_id]), e.threads)
    times = madc_times(who.seed, who.batch, who.run, duration=e.duration)
    found.madc_time = madc_stamps(times)
    kind = np.uint16 if e.factors["quantisation"] else np.float64
    found.madc_value = np.empty(times.shape, kind)
    for chunk in _chunks(e, times.shape[1]):
        for trial, result in part.run(chunk, times, False):
            ids = who[trial]
            found.madc_value[trial] = convert_madc(
                result.samples[:, :, 0], times[trial], circuit=int(part.circuit[0]), seed=ids.seed,
                batch=ids.batch, run=ids.run, configuration=c, factors=e.factors,
            )  # fmt: skip


def _side_by_side(e: Experiment, halves: list[int]) -> int:
    """Return how many halves of the chip run at a time: both, if each keeps one of two threads busy.

    With more threads each half is cut for all of them: threads are not lent on from a run to one inside of it.
    """
    n_top = int((e.hemisphere == 0).sum())
    alike = abs(2 * n_top - e.neurons.size) <= ALIKE * e.neurons.size
    work = e.trials.size * e.neurons.size * e.n_time
    return 2 if len(halves) == 2 and alike and e.threads == 2 and work >= SMALL and e.device == "cpu" else 1


def _run_part(
    e: Experiment,
    part: _Part,
    half: int,
    chunk: _Chunk,
    found: Observed,
    wants_spikes: bool,
    interrupts: list[BaseException],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Run some trials of a part, whose readings go to `found`; yield spikes: times [s], neurons and trials.

    Ends early if there are `interrupts`: of the other half, as the one of this half ends it anyway.
    """
    times, reader = None, None
    if found.cadc is not None:
        times, reader = found.cadc.sample_time[:, half], partial(_cadc_reader, e, part, half, found)
    for trial, result in part.run(chunk, times, wants_spikes, reader):
        if interrupts:
            return
        if wants_spikes:
            # those of the free run come before the recording begins
            time = result.spike_time - e.free_time + e.delay
            yield time, part.neurons[result.spike_neuron].astype(np.int32), trial[result.spike_trial]


def observe(e: Experiment) -> Observed:
    """Run every trial of an experiment and read it."""
    found = Observed()
    neurons, c, who = e.neurons, e.chip.configuration, e.identity
    n_sample = 0
    if neurons.enable_cadc_recording:
        found.cadc = cadc_schedule(
            who.seed, who.batch, who.run, duration=e.duration, in_dram=neurons.enable_cadc_recording_placement_in_dram,
            configuration=c, factors=e.factors,
        )  # fmt: skip
        n_sample = found.cadc.stamp.shape[-1]
        kind = np.int16 if e.factors["quantisation"] else np.float64
        found.cadc_value = memory.empty((e.trials.size, n_sample, neurons.size), kind)
    halves = [half for half in (0, 1) if (e.hemisphere == half).any()]
    sides = _side_by_side(e, halves)
    parts = [_Part(e, np.flatnonzero(e.hemisphere == half), e.threads // sides) for half in halves]
    wants_spikes = e.record.spikes is not None
    stamps = Stamps(
        circuit=e.circuit,
        seed=who.seed,
        batch=who.batch,
        run=who.run,
        duration=e.duration,
        configuration=c,
        factors=e.factors,
    )
    arrived: list[list[Arrivals]] = [[] for _ in parts]
    interrupts: list[BaseException] = []
    if wants_spikes or found.cadc is not None:
        for chunk in _chunks(e, n_sample):
            faults: list[Exception | None] = [None] * len(parts)

            def work(k: int, worker: int, chunk: _Chunk = chunk, faults: list[Exception | None] = faults) -> None:
                try:
                    for spikes in _run_part(e, parts[k], halves[k], chunk, found, wants_spikes, interrupts):
                        arrived[k].append(stamps.arrive(*spikes))
                except Exception as error:
                    faults[k] = error
                except BaseException as reason:
                    interrupts.append(reason)
                    raise

            run_chunks(len(parts), sides, work)
            for fault in faults:  # the first of them, whichever thread was sooner
                if fault is not None:
                    raise fault
    every = [part for some in arrived for part in some]
    if every:
        found.spike_time, found.spike_neuron, found.spike_trial = stamps.merge(every)[:3]
    if neurons.enable_madc_recording:
        _observe_madc(e, found)
    return found
