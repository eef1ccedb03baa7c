"""What an analog-digital converter of the emulated chip reads: noise, a line, rounding."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .. import memory
from ..threads import run_chunks
from .chip_time import rows_between, segments

if TYPE_CHECKING:
    from ..hardware.chip_configuration import ChipConfiguration


@functools.lru_cache(maxsize=1)
def noise_table() -> np.ndarray:
    """Return 4096 equally likely quantiles of the normal distribution, scaled to unit variance.

    They are multiples of 2^-20, which float32 holds exactly.
    """
    from ..kernels.readout import TABLE_SIZE, fill_quantiles

    quantiles = np.empty(TABLE_SIZE)
    fill_quantiles(quantiles)
    quantiles /= math.sqrt(math.fsum(quantiles**2) / TABLE_SIZE)
    table = (np.rint(quantiles * 2.0**20) / 2.0**20).astype(np.float32)
    table.setflags(write=False)
    return table


def trial_offsets(
    circuit: np.ndarray,
    seed: np.ndarray,
    batch: np.ndarray,
    run: np.ndarray,
    configuration: ChipConfiguration,
    factors: Mapping[str, float],
) -> np.ndarray:
    """Return by how much each circuit is read too high in each trial (trial, neuron) [LSB]; the same for CADC and MADC."""
    from ..kernels import noise

    out = np.zeros((len(seed), len(circuit)))
    spread = factors["trial_offset"] * configuration.trial_offset_spread
    if spread:
        noise.fill_normals(out, np.zeros(len(circuit), np.int64), circuit, noise.TRIAL_OFFSET, batch, run, seed)
        out *= spread
    return out


class Reader:
    """A converter that reads membranes of some trials: everything but the membranes, worked out once.

    Parameters
    ----------
    sample_time : array (trial, group, sample)
        True times [s].
    group, circuit : arrays of int (neuron,)
        Group that shares times, and enum.
    stream : int
        Stream of the noise.
    trials : tuple of arrays of int (trial,)
        Seed, batch and run.
    read_noise : float
        Standard deviation [LSB of the converter].
    line : tuple of arrays (trial,), (row, neuron), (row, neuron)
        Row of a trial; offset at 0 LSB and gain of each row.
    highest, less : int
        Largest reading, and what is taken off at the end.
    dtype : type
        An integer type, or float64: neither rounded nor clipped.
    configuration, factors
        As those of :func:`~bss2sim.recording.cadc.convert_cadc`.
    """

    def __init__(
        self,
        sample_time: np.ndarray,
        *,
        group: np.ndarray,
        circuit: np.ndarray,
        stream: int,
        trials: tuple[np.ndarray, np.ndarray, np.ndarray],
        read_noise: float,
        line: tuple[np.ndarray, np.ndarray, np.ndarray],
        highest: int,
        less: int,
        dtype: type,
        configuration: ChipConfiguration,
        factors: Mapping[str, float],
    ) -> None:
        from ..kernels import noise, readout

        self.shape = n_trial, n_group, n_sample = sample_time.shape
        times = np.ascontiguousarray(sample_time, np.float64).reshape(n_trial * n_group, n_sample)
        ou = np.empty((2, *times.shape))
        sigma = factors["membrane_noise"] * configuration.membrane_noise
        readout.fill_noise_factors(times, configuration.membrane_noise_time, sigma, ou[0], ou[1])
        kept, added = ou.reshape(2, *self.shape)
        seed, batch, run = (np.ascontiguousarray(number, np.int64) for number in trials)
        circuit = np.ascontiguousarray(circuit, np.int64)
        offset = trial_offsets(circuit, seed, batch, run, configuration, factors)
        word = (circuit | stream << noise.STREAM_BITS).astype(np.uint32)
        self.dtype = dtype
        whole = None if dtype is np.float64 else True
        # in the order of the kernel
        self._arguments = (
            *segments(group), kept, added, noise_table(), word, batch, run, seed, read_noise, offset, *line,
            float(highest), float(less), whole,
        )  # fmt: skip

    def read(
        self, first: int, last: int, analog: np.ndarray, out: np.ndarray, place: np.ndarray, column: int = 0
    ) -> None:
        """Read the trials first .. last - 1; several threads may.

        Parameters
        ----------
        first, last : int
            Range of trials.
        analog : float64 array (trial, sample, neuron)
            Membranes of these trials [LSB].
        out : array (row, sample, column)
            Where readings go, of the dtype of the reader: C-contiguous.
        place : int64 array (trial,)
            Row of each trial, of all that the reader has.
        column : int
            Column of the first neuron.
        """
        from ..kernels import readout

        n_neuron = analog.shape[2]
        readout.read_samples(
            first, last, analog, *self._arguments, np.empty(n_neuron), np.empty(n_neuron),
            np.empty((readout.PER_CALL, n_neuron), np.uint32), np.empty((2, n_neuron), np.float32), out, place, column,
        )  # fmt: skip

    def read_all(self, analog: np.ndarray, threads: int) -> np.ndarray:
        """Return readings (trial, sample, neuron) of all trials, of membranes of the same shape [LSB]."""
        analog = np.ascontiguousarray(analog, np.float64)
        out = memory.empty(analog.shape, self.dtype)
        place = np.arange(self.shape[0])
        chunks = rows_between(self.shape[0], threads)

        def work(chunk: int, worker: int) -> None:
            first, last = chunks[chunk]
            self.read(first, last, analog[first:last], out, place)

        run_chunks(len(chunks), threads, work)
        return out
