"""Spikes from the kernels to the result: buffers that grow, never lose a spike, and are reduced to what is recorded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import memory
from .errors import InputError
from .kernels.codes import MOST_IN_BIN
from .partition import Partition

_FEW = 2**16  # spikes whose trials are worked out at once; for more NumPy would take fresh pages of memory each time

Fill = Callable[[np.ndarray, np.ndarray], tuple[int, bool]]


def _sort_task(time: np.ndarray, neuron: np.ndarray) -> None:
    """Sort the spikes of one task by (time, neuron), in place; they are nearly sorted."""
    order = np.argsort(time, kind="stable")
    time[:], neuron[:] = time[order], neuron[order]
    if ((np.diff(time) == 0) & (np.diff(neuron) < 0)).any():
        order = np.lexsort((neuron, time))
        time[:], neuron[:] = time[order], neuron[order]


class SpikeBuffers:
    """The spikes of a run, chunk by chunk.

    A chunk is run with a buffer; if it found more spikes than fit, it is run again with room for all.

    Parameters
    ----------
    kind : {"sparse", "dense", "count", "first"}
        What is recorded.
    part : Partition
        How the run is cut.
    n_neuron : int
        Neurons of the population.
    expected : int
        Spikes of a chunk for which memory is taken at first.
    """

    def __init__(self, kind: str, part: Partition, n_neuron: int, expected: int) -> None:
        self.kind, self.part, self.n_neuron = kind, part, n_neuron
        self.per_task = np.zeros(part.n_task, np.int64)
        self.dense: Callable[[np.ndarray, np.ndarray, np.ndarray], None] | None = None
        n_trial = part.n_task // part.n_block
        self.count = np.zeros(n_trial * n_neuron, np.int64) if kind == "count" else None
        self.first = np.full(n_trial * n_neuron, np.inf) if kind == "first" else None
        self._time: list[np.ndarray] = [np.empty(0)] * part.n_chunk
        self._neuron: list[np.ndarray] = [np.empty(0, np.int32)] * part.n_chunk
        self._expected = expected

    def fill(self, chunk: int, run: Fill) -> None:
        """Call ``run(time [s], neuron) -> (found, sorted)`` until everything found fits."""
        size = self._expected
        while True:
            time, neuron = memory.empty((size,), np.float64), memory.empty((size,), np.int32)
            found, in_order = run(time, neuron)
            if found <= size:
                break
            size = found
            self._expected = max(self._expected, found + found // 8)  # the next chunk is likely to need as much
        time, neuron = time[:found], neuron[:found]
        low, high = self.part.bounds[chunk], self.part.bounds[chunk + 1]
        if not in_order:
            end = np.cumsum(self.per_task[low:high])
            for first, last in zip(end - self.per_task[low:high], end, strict=True):
                _sort_task(time[first:last], neuron[first:last])
        if self.kind == "sparse":
            self._time[chunk], self._neuron[chunk] = time, neuron
            return
        # Every (trial, neuron) belongs to one chunk, so threads never touch the same entry.
        trial = self._trials(chunk)
        if self.count is not None:
            np.add.at(self.count, trial * self.n_neuron + neuron, 1)
        elif self.first is not None:
            np.minimum.at(self.first, trial * self.n_neuron + neuron, time)
        elif self.dense is not None:
            self.dense(trial, time, neuron)

    def _trials(self, chunk: int) -> np.ndarray:
        """Return the trial of each spike of a chunk."""
        low, high = self.part.bounds[chunk], self.part.bounds[chunk + 1]
        return np.repeat(np.arange(low, high) // self.part.n_block, self.per_task[low:high])

    def collect(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return sparse spikes as (time [s], neuron, trial, spikes of each trial), sorted by (trial, time, neuron)."""
        n_block = self.part.n_block
        total = int(self.per_task.sum())
        time, neuron = memory.empty((total,), np.float64), memory.empty((total,), np.int32)
        end = 0
        for some_time, some_neuron in zip(self._time, self._neuron, strict=True):
            first, end = end, end + some_time.size
            time[first:end] = some_time
            neuron[first:end] = some_neuron
        if n_block > 1 and total:
            from .kernels.merge import merge_blocks

            merged = memory.empty((total,), np.float64), memory.empty((total,), np.int32)
            pointer = np.concatenate([[0], np.cumsum(self.per_task)]).astype(np.int64)
            merge_blocks(time, neuron, pointer, n_block, *merged, np.empty(n_block, np.int64))
            time, neuron = merged
        row_size = self.per_task.reshape(-1, n_block).sum(axis=1)
        return time, neuron, self._all_trials(total, row_size), row_size

    def _all_trials(self, total: int, row_size: np.ndarray) -> np.ndarray:
        """Return the trial of every spike."""
        if total <= _FEW:
            return np.repeat(np.arange(row_size.size), row_size)
        trial = memory.empty((total,), np.int64)
        end = 0
        for k, time in enumerate(self._time):
            first, end = end, end + time.size
            trial[first:end] = self._trials(k)
        return trial


def full_bin(who: str, dt: float) -> InputError:
    """Return the error of a bin of dense spikes that overflows, of somebody who has so many."""
    return InputError(
        f"{who} spikes in one bin of dt = {dt} s, more than the {MOST_IN_BIN} that `spikes` (uint8) holds; use a smaller dt, or "
        "Recording(spikes='sparse' or 'count')"
    )


def bin_spikes(
    spikes: np.ndarray, begin: float, start_step: int, dt: float, column_of: np.ndarray
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
    """Return the function that counts spikes (trial, time, neuron) in bins [k dt, (k + 1) dt).

    `spikes` is the output (trial, time, neuron), zeroed here; bins start at `start_step`, or at `begin` [s] if that is
    not on the grid (-1); `column_of` is the column of each neuron, -1 if it is not recorded.
    """
    from .kernels import bins, jit

    row_of_spike = jit.plain(bins.row_of_spike)
    n_time, width = spikes.shape[-2:]
    flat = spikes.reshape(-1)
    flat[:] = 0

    def add(trial: np.ndarray, time: np.ndarray, neuron: np.ndarray) -> None:
        column = column_of[neuron]
        recorded = column >= 0
        trial, time, column = trial[recorded], time[recorded], column[recorded]
        row = row_of_spike(time, begin, start_step, dt)
        row = np.clip(row, 0, n_time - 1)  # the last bin may be a part of dt; its spikes are before the end
        place, count = np.unique((trial * n_time + row) * width + column, return_counts=True)
        if count.max(initial=0) > MOST_IN_BIN:
            k = int(np.argmax(count))
            raise full_bin(f"a neuron has {count[k]}", dt)
        flat[place] = count

    return add
