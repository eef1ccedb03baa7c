"""Run the kernels of training: arrays, pieces, scratch, sums that do not depend on the threads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import memory
from .errors import InputError
from .kernels import spike_gradient, superspike, superspike_back
from .kernels.codes import FINE, STREAMED, WHOLE
from .kernels.superspike_steps import N_SUM
from .options import thread_count
from .partition import partition
from .scratch_pool import Scratch
from .superspike_scratch import borrow_backward, borrow_forward
from .superspike_training import Kept, Rows, Training
from .threads import run_chunks
from .weight_lots import Lots
from .weights import pack

# Steps between kept states: what a group reads and writes of them stays in the first-level cache. More with weights, whose
# group has to be there too: it is fetched once an interval.
INTERVAL, WEIGHTED_INTERVAL = 32, 128
# Steps a group takes at a time, see ``euler_run``; from jumps half as many, as it writes three rows a step.
TILE, WEIGHTED_TILE = 4, 128
# Most trials that are gathered at a time, and rows of the gradient of jumps of a group: half of these are in the first-level
# cache, all in the second.
_BUNDLE, _ROWS = 8, 800


@lru_cache(16)  # nobody writes to the arrays
def _pieces(
    flat: bool, n_batch: int, n_neuron: int, n_time: int, threads: int
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], int]:
    """Cut the axis (trial, neuron): first neuron and size of each piece, bounds of the chunks of pieces, threads.

    If it is not `flat`, a piece belongs to one trial.
    """
    if flat:
        part = partition(1, n_batch * n_neuron, n_time, threads)
        low = np.arange(part.n_task, dtype=np.int64) * part.block
        size = np.minimum(part.block, n_batch * n_neuron - low)
    else:
        part = partition(n_batch, n_neuron, n_time, threads)
        task = np.arange(part.n_task, dtype=np.int64)
        first = task % part.n_block * part.block
        low = task // part.n_block * n_neuron + first
        size = np.minimum(part.block, n_neuron - first)
    return low, size, tuple(part.bounds), part.threads


def _how(run: Training, *arrays: np.ndarray) -> int:
    """Whether the rows of all pieces of outputs are whole, aligned lines and can go past the caches."""
    row = run.n_neuron * run.dtype.itemsize  # with weights every trial starts a piece
    if run.spikes is None:
        row *= run.n_batch
    return STREAMED if row % memory.LINE == 0 and all(map(memory.is_aligned, arrays)) else WHOLE


def run_forward(run: Training, keep: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, Kept]:
    """Return spikes, membrane and current (time, trial, neuron), and what is kept: "nothing", "state" or "current" too.

    Raises
    ------
    InputError
        If membrane or current are no longer finite.
    """
    f = run.dtype
    spikes = memory.empty(run.shape, f, 1) if run.fires else np.empty(0, f)
    membrane, current = memory.empty(run.shape, f, 2), memory.empty(run.shape, f, 3)
    none = np.empty(0, f)
    kept = Kept(
        none if keep == "nothing" else memory.empty(run.kept_shape(), f),
        memory.empty(run.kept_shape(), f) if keep == "current" else none,
        np.empty(0, run.counter) if keep == "nothing" or not run.fires else memory.empty(run.kept_shape(), run.counter),
        np.empty(0 if keep == "nothing" else run.marked_size(), np.uint64),
    )
    kept.marked[-1:] = 0  # the kernel writes the others
    graded = kept.marked[-1:] if kept.marked.size else np.zeros(1, np.uint64)
    how = _how(run, membrane, current, *([spikes] if run.fires else []))
    jumps = run.jumps
    packed = None if run.spikes is None else pack(run.spikes.weight, f)
    low, size, bounds, threads = _pieces(run.spikes is None, run.n_batch, run.n_neuron, run.n_time, thread_count())
    tile = min(TILE if run.spikes is None else WEIGHTED_TILE, max(run.n_time, 1))
    status = np.zeros((len(bounds) - 1, 3), np.int64)

    arguments = (
        low, size, run.n_neuron, run.n_batch, run.n_time, tile, run.interval,
        None if jumps is None else jumps.flat, 0 if jumps is None else jumps.stride,
        0 if jumps is None else tile * jumps.stride, *run.drive(packed), *run.measured(), *run.worked_out.constants,
        kept.membrane.reshape(-1), kept.current.reshape(-1), kept.busy.reshape(-1), kept.marked[:-1], graded,
        spikes.reshape(-1), membrane.reshape(-1), current.reshape(-1), how,
    )  # fmt: skip

    def work(chunk: int, scratch: Scratch) -> None:
        superspike.run_forward(bounds[chunk], bounds[chunk + 1], *arguments, status[chunk], *scratch)

    if not low.size:
        kept.marked[:] = 0
    else:
        with borrow_forward(run, tile, min(threads, len(bounds) - 1)) as sets:
            run_chunks(len(bounds) - 1, threads, lambda chunk, worker: work(chunk, sets[worker]))
    for _, trial, neuron in status[status[:, 0] != FINE]:
        raise InputError(
            f"membrane or current of batch {trial}, neuron {neuron} is no longer finite in {f}: an input, a weight or measured "
            f"data is not finite or too large, or dt = {run.dt} s is over twice a time constant, where Euler steps diverge"
        )
    return spikes, membrane, current, kept


@dataclass(frozen=True)
class Gradients:
    """Gradients of a run: of the jumps (time, trial, neuron), weights (input, neuron), and parameters by name (float64)."""

    jumps: np.ndarray | None
    weight: np.ndarray | None
    parameters: dict[str, np.ndarray]


def run_backward(
    run: Training,
    kept: Kept,
    current: np.ndarray | None,
    gradients: tuple[Rows | None, Rows | None, Rows | None],
    of_jumps: bool,
    of_weight: bool,
    of_parameters: bool,
) -> Gradients:
    """Return the gradients from those of spikes, membrane and current; `current` of the run, or None to integrate it again."""
    f = run.dtype
    none = np.empty(0, f)
    jump_gradient = memory.empty(run.shape, f, 4) if of_jumps else None
    sums = memory.empty((N_SUM, run.n_batch, run.n_neuron), f) if of_parameters else None
    packed = None if current is not None or run.spikes is None else pack(run.spikes.weight, f)
    tile = max(1, min(run.interval, run.n_time))
    low, size, bounds, threads = _pieces(run.spikes is None, run.n_batch, run.n_neuron, run.n_time, thread_count())
    lots: Lots | None = None
    n_chunk = len(bounds) - 1
    n_block = bundle = 1
    if of_weight:
        assert run.spikes is not None
        lots = Lots(run.n_batch, threads, run.spikes.n_input, run.n_neuron, f)
        n_chunk, n_block = lots.n_chunk, low.size // max(run.n_batch, 1)
        bounds = tuple(trial * n_block for trial in lots.bounds)
        in_lot = -(-run.n_batch // max(len(bounds) - 1, 1))
        bundle = max(1, min(_BUNDLE, _ROWS // tile))
        bundle = -(-in_lot // -(-in_lot // bundle)) if in_lot else 1  # as many in each, about
    # Two lines at a time are a sixth faster, unless the gradient of weights needs the first-level cache, too.
    pair = None if of_weight else True
    drive = run.drive(packed) if of_weight or packed is not None else (None, None, None, None, 0, None)
    given: list[np.ndarray | int] = []
    for rows in gradients:
        given += [none, 0] if rows is None else [rows.flat, rows.stride]
    how = WHOLE if jump_gradient is None else _how(run, jump_gradient)

    # All that threads have to do in Python, one at a time, is to call the kernel.
    arguments = (
        np.array(bounds, np.int64), low, size, n_block, bundle, run.n_neuron, run.n_batch, run.n_time, tile, pair,
        None if current is None else current.reshape(-1), *drive, *run.measured(), *run.worked_out.constants, run.alpha,
        kept.membrane.reshape(-1), kept.current.reshape(-1), kept.busy.reshape(-1), kept.plainly_marked(), *given,
        None if sums is None else sums.reshape(-1), none if jump_gradient is None else jump_gradient.reshape(-1), how,
    )  # fmt: skip

    def work(chunk: int, scratch: Scratch) -> None:
        if lots is None:
            superspike_back.run_backward(chunk, chunk + 1, *arguments, None, *scratch)
            return
        array = lots.begin()
        if run.n_time == 0:
            array[...] = 0  # else the kernel writes all of it
        superspike_back.run_backward(*lots.lots_of(chunk), *arguments, array, *scratch)
        lots.end(chunk, array)

    if low.size:
        n_set, lines = min(threads, n_chunk), 1 if pair is None else 2
        with borrow_backward(run, tile, bundle, lines, packed is not None, of_weight, n_set) as sets:
            run_chunks(n_chunk, threads, lambda chunk, worker: work(chunk, sets[worker]))
    weight = None if lots is None else lots.total()
    return Gradients(jump_gradient, weight, {} if sums is None else _of_parameters(run, sums))


def _of_parameters(run: Training, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Return the gradients of the parameters, in their shapes; sums over trials in float64, in their order."""
    threshold, reset, mem, syn, leak = np.add.reduce(sums, axis=1, dtype=np.float64)
    p, dt = run.parameters, run.dt
    gradient = {"tau_mem": -mem * dt / p["tau_mem"] ** 2, "tau_syn": syn * dt / p["tau_syn"] ** 2}
    if run.fires:
        gradient.update(threshold=threshold, reset=reset)
    if run.leaks:
        gradient["leak"] = leak
    return {name: value if p[name].ndim else value.sum() for name, value in gradient.items()}


def gradient_of_spikes(jumps: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the gradient of dense input spikes (time, trial, input) from that of the jumps and the weights (input, neuron).

    A product of matrices whose sums have an order that does not depend on the threads.
    """
    n_time, n_batch, n_neuron = jumps.shape
    n_input, n_row = weight.shape[0], n_time * n_batch
    gradient = memory.empty((n_time, n_batch, n_input), jumps.dtype)
    packed = pack(np.ascontiguousarray(weight.T), jumps.dtype)
    threads = thread_count()
    n_chunk = max(1, min(4 * threads, n_row // spike_gradient.ROWS))

    def work(chunk: int, worker: int) -> None:
        spike_gradient.spike_gradient(
            n_row * chunk // n_chunk, n_row * (chunk + 1) // n_chunk, n_neuron, n_input, packed, jumps.reshape(-1),
            gradient.reshape(-1), memory.empty((memory.LINE // jumps.itemsize,), jumps.dtype),
        )  # fmt: skip

    if gradient.size:
        run_chunks(n_chunk, threads, work)
    return gradient
