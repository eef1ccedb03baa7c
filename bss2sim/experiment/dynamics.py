"""The circuits of the emulated chip in time: exact membranes with what a chip adds, for arrays laid out by trial.

Equations, of one circuit with membrane v, excitatory current i >= 0 and inhibitory current j <= 0:

* tau_mem v' = leak - v + i + j, tau_exc i' = -i, tau_inh j' = -j; without leak v' is a drift plus the currents. With leak a drift
  shifts it by drift * tau_mem. Solved in closed form between inputs, spikes included.
* An input of weight w lets a membrane without leak rise by step * w in all. At instants of input (the start of the run, the bins of
  a grid, spikes) a membrane beyond its bounds is set to them, an excitatory jump is scaled by clip((upper - v)/range, 0, 1) and
  an inhibitory one by clip((v - lower)/range, 0, 1), v just before.
* At v > threshold the circuit fires. For refractory_time - holdoff_time it is clamped: v relaxes from the threshold (that
  without noise) to the reset. Then it is free, but silent for holdoff_time. The threshold of spike k is threshold +
  threshold_noise * z_k, z_k a standard normal number of circuit, batch entry, run and seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import memory
from ..errors import InputError, ParameterError
from ..inputs import SNAP, Drive
from ..kernels import circuit_law
from ..kernels.circuit import N_COEFFICIENT_ROW, N_STATE_ROW, ROW
from ..kernels.circuit_input import DRIVE_ROW, GROUP, TILE
from ..kernels.circuit_line import N_LINE_ROW
from ..kernels.circuit_run import run_circuits as run_kernel
from ..kernels.codes import BLOCK, FINE, TOO_FAST
from ..partition import cut_finer, partition
from ..spike_buffers import SpikeBuffers
from ..spike_lists import list_sizes, make_lists
from ..threads import run_chunks
from .circuit_arrays import CircuitRun, Circuits, CircuitState, TrialArrays, plain, state_arrays

if TYPE_CHECKING:
    from ..device_spikes import DeviceSpikes

MOST_STREAMED = 2**20  # bytes of samples of a chunk, which are read while they are in the second-level cache
# Time constant of a membrane whose leak is off among others that leak [s]: in 1 ms it loses 1e-6 of its way from the reset.
TAU_OFF = 1e3
# Of a reset at once [s]; exp(-x) is zero from 746 on.
_AT_ONCE = 1e-30

__all__ = ["CircuitRun", "CircuitState", "Circuits", "TrialArrays", "run_circuits"]


def run_circuits(
    circuits: Circuits,
    trials: TrialArrays,
    drive: Drive,
    weight_exc: np.ndarray,
    weight_inh: np.ndarray,
    *,
    start: np.ndarray | CircuitState,
    dt: float,
    n_time: int,
    begin: float = 0.0,
    finish: float | None = None,
    sample_time: np.ndarray | None,
    spikes: bool,
    threads: int,
    keep_state: bool = False,
    read: Callable[[int, int, np.ndarray], None] | None = None,
    place: Callable[[int, int], str] | None = None,
    device: str = "cpu",
) -> CircuitRun:
    """Run circuits of the emulated chip.

    The result of a trial depends neither on the other trials and neurons of the call nor on the number of threads.

    Parameters
    ----------
    circuits, trials : Circuits, TrialArrays
        What runs, and the trials.
    drive : Drive
        Spikes of inputs, dense or sparse. Dense ones are counts in bins of dt that act together at the start of the bin; the
        first bin is at `begin`.
    weight_exc, weight_inh : float32 array (weight row, input, neuron)
        Weights, at least 0.
    start : float64 array (trial, neuron) or CircuitState
        Membranes at `begin` [LSB], or the end of an earlier run of the same circuits.
    dt : float
        Grid spacing [s].
    n_time : int
        Bins of the run.
    begin, finish : float
        The run is [begin, finish) [s]; by default it ends with its last bin. With dense input `begin` is a multiple of dt and
        `finish` in the last bin. Spikes of a run that starts from a state are counted on (for the noise of the threshold) if
        `begin` is above 0, and from 0 otherwise.
    sample_time : float64 array (trial, sample) or None
        Times in [begin, finish], ascending, at which membranes are read [s].
    spikes : bool
        Whether spikes are put out.
    threads : int
        Threads to use.
    keep_state : bool
        Whether to return the state at the end. A run cut in two equals the whole to rounding.
    read : function of (first, last, samples), optional
        Called by the threads, in place of returning samples, with those (trial, sample, neuron) of the trials first .. last - 1 as
        soon as they are there: the memory is that of other trials afterwards, and has not left the caches.
    place : function of (trial, neuron), optional
        Names them in messages.
    device : {"cpu", "cuda"}
        Where circuits run. Samples of a GPU are read (`read`) by the threads of the processor.

    Returns
    -------
    CircuitRun
        Spikes, samples and state.

    Raises
    ------
    ParameterError
        If refractory times are below holdoff times, ranges are not above 0, or `begin` is not on the grid.
    InputError
        If sample times are not ascending or outside of the run, or a circuit fires endlessly or is no longer finite.

    Examples
    --------
    One circuit that integrates two spikes of weight 10, 2 LSB per unit of weight in all:

    >>> import numpy as np
    >>> from bss2sim.inputs import read_dense
    >>> from bss2sim.experiment.dynamics import Circuits, TrialArrays, run_circuits
    >>> def row(value):
    ...     return np.array([[value]])
    >>> circuits = Circuits(
    ...     threshold=row(150.0), reset=row(80.0), refractory_time=row(2e-6), holdoff_time=row(1e-7), tau_exc=row(1e-6),
    ...     tau_inh=row(1e-6), step_exc=row(2.0), step_inh=row(2.0), tau_mem=None, leak=None, drift=None,
    ...     spike_mask=row(np.uint8(1)))
    >>> zero = np.zeros(1, np.int64)
    >>> trials = TrialArrays(zero, zero, zero, zero, zero, zero, None, zero)
    >>> counts = np.zeros((1, 50, 1), np.uint8)
    >>> counts[0, :2] = 1
    >>> drive = read_dense(counts.transpose(1, 0, 2), "input", 1, 1e-6, 0.0, (np.dtype(np.uint8),))
    >>> weight = np.full((1, 1, 1), 10, np.float32)
    >>> run = run_circuits(
    ...     circuits, trials, drive, weight, 0 * weight, start=row(80.0), dt=1e-6, n_time=50,
    ...     sample_time=row(5e-5), spikes=True, threads=1)
    >>> run.samples.round(3).tolist(), run.row_size.tolist()
    ([[[120.0]]], [0])
    """
    n_trial, n_neuron = trials.circuit_row.size, trials.circuit.size
    start_step = round(begin / dt)
    if finish is None:
        finish = (start_step + n_time) * dt if abs(begin - start_step * dt) <= SNAP * dt else begin + n_time * dt
    dense = drive.kind == "dense"
    if dense and abs(begin - start_step * dt) > SNAP * dt:
        raise ParameterError(f"with dense inputs begin must be a multiple of dt = {dt} s; got {begin} s")
    if dense and not -SNAP * dt <= (start_step + n_time) * dt - finish < dt * (1 - SNAP):
        raise ParameterError(
            f"with dense inputs finish must be in the last of {n_time} bins of dt = {dt} s that begin at {begin} s; "
            f"got {finish} s"
        )
    if sample_time is None:
        times = np.empty((n_trial, 0))
    else:
        times = plain(sample_time)
        _check_samples(times, begin, finish, SNAP * dt)
    own = _kernel_circuits(circuits)
    old = state_arrays(start, begin)
    new = [np.empty_like(array) if keep_state else array for array in old]
    gain = plain(np.ones((n_trial, n_neuron)) if trials.gain is None else trials.gain)
    name = place or "trial {}, neuron {}".format
    where = [plain(x, np.int64) for x in (trials.input_at, trials.weight_row, trials.circuit_row)]
    who = [plain(x, np.int64) for x in (trials.circuit, trials.batch, trials.run, trials.seed)]
    if device == "cuda":
        from .device_dynamics import run_circuits_on_device

        seen = memory.empty((n_trial, times.shape[1], n_neuron), np.float64)
        on_device = run_circuits_on_device(
            drive, where, who, gain, [weight_exc, weight_inh], own, old,
            new if keep_state else [array[:0] for array in old], dt=dt, n_time=n_time, start_step=start_step, begin=float(begin),
            finish=float(finish), times=times, samples=seen, spikes=spikes, keep_state=keep_state,
            refuse=partial(_raise_status, place=name),
        )  # fmt: skip
        if read is not None:
            cut = np.linspace(0, n_trial, min(n_trial, 4 * threads) + 1).astype(int)
            run_chunks(len(cut) - 1, threads, lambda k, worker: read(cut[k], cut[k + 1], seen[cut[k] : cut[k + 1]]))
        return _result(on_device, seen, new, finish, sample_time is not None and read is None, keep_state)
    work_per_neuron = times.shape[1] + n_time
    if not dense:
        assert drive.pointer is not None and drive.time is not None
        work_per_neuron = times.shape[1] + drive.time.size // max(1, drive.pointer.size - 1)
    part = partition(n_trial, n_neuron, work_per_neuron, threads)
    streams = read is not None and part.n_block == 1
    if streams:
        finest = -(-8 * part.n_task * n_neuron * times.shape[1] // MOST_STREAMED)
        part = cut_finer(part, finest)
    buffers = None
    if spikes:
        share = part.n_task * part.block * n_time // part.n_chunk
        buffers = SpikeBuffers("sparse", part, n_neuron, share // 64 + 1024)
    most = int(np.diff(part.bounds).max(initial=0)) if streams else n_trial
    samples = [
        memory.empty((most, times.shape[1], n_neuron), np.float64) for _ in range(part.threads if streams else 1)
    ]
    unused = np.zeros(part.n_task, np.int64)
    status = np.zeros((part.n_chunk, 3), np.int64)
    n_input = weight_exc.shape[1]
    scratch = [_scratch(n_input) for _ in range(part.threads)]
    weights: list[Any]
    if dense:
        weights = [_packed(weight_exc, weight_inh), None, None]
    else:
        weights = [None, *(plain(w, np.float32).reshape(-1) for w in (weight_exc, weight_inh))]

    def work(chunk: int, worker: int) -> None:
        low, high = part.bounds[chunk], part.bounds[chunk + 1]
        per_task = unused if buffers is None else buffers.per_task
        seen = samples[worker if streams else 0]

        def run(time: np.ndarray, neuron: np.ndarray) -> tuple[int, bool]:
            found, in_order = run_kernel(
                low, high, part.block, n_neuron, n_time, start_step, dt, float(begin), float(finish),
                *where, gain,
                drive.flat if dense else None, drive.time_stride, None if dense else drive.time,
                None if dense else drive.source, None if dense else drive.pointer, n_input, *weights,
                *own, *who,
                *old, keep_state, *new,
                times, seen.reshape(-1), low if streams else 0, spikes, time, neuron, per_task, status[chunk], *scratch[worker],
            )  # fmt: skip
            if status[chunk, 0]:  # stopped early: there will be an error, not a result
                per_task[low:high] = 0
                return 0, True
            return found, in_order

        if buffers is not None:
            buffers.fill(chunk, run)
        else:
            run(np.empty(0), np.empty(0, np.int32))
        if read is not None and streams and not status[chunk, 0]:
            read(low, high, seen[: high - low])

    if part.n_task:
        run_chunks(part.n_chunk, part.threads, work)
    for report in status:
        _raise_status(report, name)
    if read is not None and not streams:
        read(0, n_trial, samples[0])
    return _result(buffers, samples[0], new, finish, sample_time is not None and read is None, keep_state)


def _result(
    buffers: SpikeBuffers | DeviceSpikes | None, samples: np.ndarray, new: list[np.ndarray], finish: float, returns: bool,
    keep_state: bool,
) -> CircuitRun:  # fmt: skip
    """Put together what circuits did; phases of the state end at times of the next run."""
    found = (np.empty(0), np.empty(0, np.int32), np.empty(0, np.int64), np.zeros(len(new[0]), np.int64))
    if buffers is not None:
        found = buffers.collect()
    state = None
    if keep_state:
        new[4] -= finish
        state = CircuitState(*new)
    return CircuitRun(*found, samples if returns else None, state)


def _check_samples(times: np.ndarray, begin: float, finish: float, slack: float) -> None:
    """Refuse sample times that descend or lie outside of the run."""
    if not times.size:
        return
    if not (times[:, 1:] >= times[:, :-1]).all():
        trial = int(np.argmin((times[:, 1:] >= times[:, :-1]).all(axis=1)))
        raise InputError(f"sample_time must ascend within each trial; that of trial {trial} does not: sort it")
    if not (times[:, 0].min() >= begin and times[:, -1].max() <= finish + slack):
        raise InputError(
            f"sample_time must be from begin = {begin} s to finish = {finish} s; got {times[:, 0].min()} s to "
            f"{times[:, -1].max()} s"
        )


def _kernel_circuits(c: Circuits) -> list[Any]:
    """Return what the kernel needs of the circuits, in its order: from the search of crossings to the noise."""
    clamp_time = c.refractory_time - c.holdoff_time
    wrong = ~(clamp_time >= -SNAP * c.refractory_time) & np.isfinite(c.threshold)
    if wrong.any():
        row, n = (int(k) for k in np.argwhere(wrong)[0])
        raise ParameterError(
            f"refractory_time must be at least holdoff_time; of neuron {n} (row {row}) they are {c.refractory_time[row, n]} s "
            f"and {c.holdoff_time[row, n]} s"
        )
    limits = (-math.inf, math.inf, 1.0, 1.0)
    if c.limits is not None:
        lower, upper, inhibition, excitation = c.limits
        if not (lower < upper and inhibition > 0 and excitation > 0):
            raise ParameterError(
                f"limits must be a lower bound below the upper bound, and two ranges above 0 LSB; got {c.limits}"
            )
        limits = (float(lower), float(upper), 1 / inhibition, 1 / excitation)
    drift = np.zeros_like(c.reset) if c.drift is None else c.drift
    law: tuple[Any, ...]
    if c.tau_mem is None or c.leak is None:
        law = circuit_law.move_drift, circuit_law.cross_drift, None
        tau_mem, rest = c.tau_exc, drift  # that of the membrane is not used
    else:
        law = circuit_law.move_leak, circuit_law.cross_leak, True
        off = np.isinf(c.tau_mem)
        tau_mem = np.where(off, TAU_OFF, c.tau_mem)
        rest = np.where(off, c.reset, c.leak) + drift * tau_mem
    arrays = (
        c.threshold, c.reset, rest, tau_mem, c.tau_exc, c.tau_inh, c.step_exc, c.step_inh, np.maximum(clamp_time, 0.0),
        c.holdoff_time,
    )  # fmt: skip
    return [
        *law, *(plain(array) for array in arrays), plain(c.spike_mask, np.uint8), limits,
        float(c.reset_time_constant) or _AT_ONCE, float(c.threshold_noise),
    ]  # fmt: skip


def _packed(weight_exc: np.ndarray, weight_inh: np.ndarray) -> np.ndarray:
    """Return both weights (row, input, neuron) as ``kernels.circuit_input`` takes them, flat."""
    n_row, n_input, n_neuron = weight_exc.shape
    n_group = -(-n_neuron // GROUP)
    packed = memory.empty((n_row, n_group, n_input + 1, 2, GROUP), np.float32)
    n_whole = n_neuron // GROUP
    packed[:, :, -1] = 0
    packed[:, n_whole:] = 0
    for sign, weight in enumerate((weight_exc, weight_inh)):
        whole = weight[:, :, : n_whole * GROUP].reshape(n_row, n_input, n_whole, GROUP)
        packed[:, :n_whole, :-1, sign] = whole.swapaxes(1, 2)
        if n_whole < n_group:
            packed[:, -1, :-1, sign, : n_neuron - n_whole * GROUP] = weight[:, :, n_whole * GROUP :]
    return packed.reshape(-1)


def _scratch(n_input: int) -> list[np.ndarray]:
    """Return the scratch of one thread, in the kernel's order."""
    return [
        memory.zeros((N_STATE_ROW * ROW,), np.float64),
        memory.zeros((N_COEFFICIENT_ROW * ROW,), np.float64),
        memory.zeros((BLOCK,), np.float64),
        np.zeros(BLOCK, np.int64),
        np.zeros(BLOCK, np.int64),
        *(memory.zeros((BLOCK,), np.float64) for _ in range(2)),
        np.zeros(BLOCK, np.int64),
        np.zeros((3, BLOCK + 1), np.int64),
        np.zeros(BLOCK + 1),
        memory.zeros((BLOCK,), np.uint8),
        np.empty(BLOCK, np.int64),
        memory.zeros((N_LINE_ROW * ROW,), np.float64),
        *make_lists(list_sizes(TILE, n_input), np.dtype(np.float32)),
        memory.empty((TILE * DRIVE_ROW,), np.float32),
    ]


def _raise_status(status: np.ndarray, place: Callable[[int, int], str]) -> None:
    """Turn what the kernel reported into an error."""
    if status[0] == FINE:
        return
    where = place(int(status[1]), int(status[2]))
    if status[0] == TOO_FAST:
        raise InputError(
            f"{where} fires endlessly: its threshold is not above the potential at which it leaves the clamp. "
            "Give a refractory_time above 0, a reset below the threshold, or a threshold_noise of effect 0"
        )
    raise InputError(
        f"the membrane or a current of {where} is no longer finite: counts of spikes or weights are too large"
    )
