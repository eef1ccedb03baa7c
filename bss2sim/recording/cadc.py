"""The CADC: when the emulated chip samples its membranes, and what it reads.

The two hemispheres of a chip are sampled by loops that know nothing of each other and run all the time. A sample of a loop reads
all neurons of its hemisphere at once. Facts 6.1: CX:hagen/neuron_helpers.py:113-146; GR executor .cpp:306-345.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ParameterError, warn
from ..kept import Kept
from .chip_time import CYCLES_PER_SECOND, run_cycles
from .converter import Reader

if TYPE_CHECKING:
    from ..hardware.chip_configuration import ChipConfiguration

N_HEMISPHERE = 2
MOST_SAMPLES = 100  # in SRAM; GR include/grenade/vx/ppu.h:19-20
MOST_SAMPLES_DRAM = 204800  # the same source
HIGHEST_READ = 255  # 8 bit; HA:cadc.h:306-315
CENTRE = 128  # read as 0, and where the gain of a channel makes no difference; HS-c:spiking/extract_tensors.cpp:164-167
MOST_CHIPS_KEPT = 8  # channels of so many are kept for the next run
CHANNEL_STREAM = 101  # of draws that stay with a chip: a number stays for ever
N_CHANNEL = 512  # the causal channel of each circuit; GR ppu_program_generator.cpp:604-618

_kept = Kept(8)


@dataclass(frozen=True)
class CadcSchedule:
    """When the CADC samples.

    Samples beyond the `count` of a row are those that the loop takes next, after the run or with a full buffer: they make the
    arrays rectangular and are no data.

    Attributes
    ----------
    sample_time : array (trial, hemisphere, sample)
        True times [s], increasing. They differ from the stamps by the clock's offset, so the first may lie before 0 and the last
        after the end.
    stamp : array (trial, hemisphere, sample)
        Time stamps [s], whole cycles of 8 ns.
    count : array of int (trial, hemisphere)
        Samples of the row whose stamps lie within the run and that fit into the buffer; they come first.
    n : int
        Samples that every row has in any trial there may be: the length of the raw recording. It depends on nothing random, so
        that a trial's recording does not depend on the other trials; `count` is 0 to 2 larger, or more with a large jitter.
        The reference takes the smallest count of the trials that were run.
    cut : str
        What the buffer cut off, empty if nothing.
    """

    sample_time: np.ndarray
    stamp: np.ndarray
    count: np.ndarray
    n: int
    cut: str


def cadc_schedule(
    seed: np.ndarray,
    batch: np.ndarray,
    run: np.ndarray,
    *,
    duration: float,
    in_dram: bool,
    configuration: ChipConfiguration,
    factors: Mapping[str, float],
) -> CadcSchedule:
    """Draw when the CADC samples in each trial.

    A loop samples every `cadc_period` (`cadc_period_dram` with the buffer in DRAM), give or take `cadc_jitter`, a whole number of
    cycles of 8 ns, drawn anew for each sample about its regular place. Where the first sample lies in its period is random in
    each trial and hemisphere. The clock of the stamps is ahead of the chip's by a random offset in each trial, up to
    `ppu_clock_offset` either way.

    Parameters
    ----------
    seed, batch, run : arrays of int (trial,)
        Seed of the chip, label of the batch entry and number of the run.
    duration : float
        Length of the run [s]; samples with stamps outside of [0, duration) are dropped.
    in_dram : bool
        Whether the buffer is in DRAM (slower, 204800 samples) or in SRAM (100 samples).
    configuration : ChipConfiguration
        Periods, jitter and offset.
    factors : mapping of str to float
        Effects; `sample_jitter` and `clock_offset` matter here.

    Returns
    -------
    CadcSchedule
        The times. Sample j of a row does not depend on the duration.

    Raises
    ------
    ParameterError
        If the period is shorter than two cycles.

    Warns
    -----
    UserWarning
        If the buffer is too small for the run: until when samples reach, and the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
    >>> from bss2sim.recording.cadc import cadc_schedule
    >>> one = np.zeros(1, np.int64)
    >>> factors = {"sample_jitter": 1.0, "clock_offset": 1.0}
    >>> schedule = cadc_schedule(
    ...     one, one, one, duration=100e-6, in_dram=False, configuration=ChipConfiguration(), factors=factors
    ... )
    >>> schedule.n, schedule.count.shape
    (54, (1, 2))
    """
    from ..kernels import noise
    from ..kernels.readout import fill_uniforms

    name = "cadc_period_dram" if in_dram else "cadc_period"
    period = getattr(configuration, name) * CYCLES_PER_SECOND
    if period < 2:
        raise ParameterError(f"{name} must be at least two cycles of 8 ns in an experiment; got {period * 8:.4g} ns")
    most = MOST_SAMPLES_DRAM if in_dram else MOST_SAMPLES
    jitter = round(factors["sample_jitter"] * configuration.cadc_jitter * CYCLES_PER_SECOND)
    jitter = min(jitter, (math.floor(period) - 1) // 2)  # the order of the samples stays
    end = run_cycles(duration)
    # one more than any phase and jitter may let in; at most two before it are not within the run
    n_loop = min(math.ceil((end + 2 * jitter + 1) / period) + 1, most) + 5
    n_trial = len(seed)
    stamps = np.empty((n_trial, N_HEMISPHERE, n_loop))
    for hemisphere in range(N_HEMISPHERE):
        drawn = np.empty((n_trial, n_loop + 1))
        fill_uniforms(drawn, 0, hemisphere, noise.CADC_SCHEDULE, batch, run, seed)
        regular = np.rint((drawn[:, :1] + np.arange(-1, n_loop - 1)) * period)
        stamps[:, hemisphere] = regular + np.floor(drawn[:, 1:] * (2 * jitter + 1)) - jitter
    # The next samples of each row from the first one within the run, as many as the longest row has.
    first = (stamps < 0).sum(axis=-1)
    within = (stamps < end).sum(axis=-1) - first
    count = np.minimum(within, most)
    n_kept = int(count.max(initial=0))
    take = first[..., None] + np.arange(n_kept)
    stamps = np.take_along_axis(stamps, take, axis=-1) / CYCLES_PER_SECOND
    ahead = np.empty((n_trial, 1))
    fill_uniforms(ahead, 0, 0, noise.CLOCK_OFFSET, batch, run, seed)
    ahead = (2 * ahead - 1) * (factors["clock_offset"] * configuration.ppu_clock_offset)
    # Regular times, before they are rounded, in the open interval from jitter - 1/2 to end - 1/2 - jitter are within for sure.
    sure = min(max(math.ceil((end - 2 * jitter) / period) - 1, 0), most)
    cut = ""
    if (within > most).any():
        until = stamps[..., most - 1].max()
        remedy = "a shorter run" if in_dram else "enable_cadc_recording_placement_in_dram=True or a shorter run"
        cut = (
            f"the CADC's buffer in {'DRAM' if in_dram else 'SRAM'} holds {most} samples of each neuron: they reach to "
            f"{until * 1e6:.4g} us of {duration * 1e6:.4g} us, and later ones are lost; take {remedy}"
        )
        warn(cut)
    return CadcSchedule(stamps - ahead[:, :, None], stamps, count.astype(np.int64), sure, cut)


def channel_lines(
    seed: np.ndarray, circuit: np.ndarray, configuration: ChipConfiguration, factors: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the line of each CADC channel: offset at 0 LSB and gain about 128 LSB.

    Parameters
    ----------
    seed : array of int (trial,)
        Seed of the chip of each trial.
    circuit : array of int (neuron,)
        Circuit that is read, enum.
    configuration : ChipConfiguration
        `cadc_offset_spread`, `cadc_gain_spread`.
    factors : mapping of str to float
        Effects `channel_offset` and `channel_gain`.

    Returns
    -------
    row : array of int (trial,)
        Which chip a trial has.
    base, gain : arrays (chip, neuron)
        A channel reads base + gain v [LSB]. They belong to the chip: the same in every run.
    """
    chips, row = np.unique(seed, return_inverse=True)
    spreads = (
        factors["channel_offset"] * configuration.cadc_offset_spread,
        factors["channel_gain"] * configuration.cadc_gain_spread,
    )
    circuits = np.ascontiguousarray(circuit, np.int64)
    if chips.size <= MOST_CHIPS_KEPT:
        key = (chips.astype(np.int64).tobytes(), circuits.tobytes(), *spreads)
        base, gain = _kept.get(key, lambda: _lines(chips, circuits, *spreads))
    else:
        base, gain = _lines(chips, circuits, *spreads)
    return row.astype(np.int64).reshape(-1), base, gain


def _lines(
    chips: np.ndarray, circuit: np.ndarray, offset_spread: float, gain_spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Work out base and gain of :func:`channel_lines`, (chip, neuron)."""
    from ..hardware.draws import lognormal, normal

    offset, spread = np.moveaxis(normal(chips, CHANNEL_STREAM, 0, (2, N_CHANNEL))[..., circuit], 1, 0)
    gain = lognormal(spread, gain_spread)
    base = CENTRE - CENTRE * gain + offset_spread * offset
    return np.ascontiguousarray(base), np.ascontiguousarray(gain)


def convert_cadc(
    analog: np.ndarray,
    sample_time: np.ndarray,
    *,
    hemisphere: np.ndarray,
    circuit: np.ndarray,
    seed: np.ndarray,
    batch: np.ndarray,
    run: np.ndarray,
    configuration: ChipConfiguration,
    factors: Mapping[str, float],
    threads: int = 1,
) -> np.ndarray:
    """Return what the CADC reads of membranes.

    Added to the membrane are its noise (`membrane_noise`, an Ornstein-Uhlenbeck process that forgets in `membrane_noise_time`,
    exact from sample to sample) and the offset of the trial (`trial_offset_spread`). The channel has a gain about 128 LSB, an
    offset and the noise of the read (`cadc_noise`). The sum is rounded half to even and clipped to 0 .. 255.

    One Philox call serves four samples of a circuit, with sample // 4 as index: of the word of a sample, the lowest 12 bits choose
    the innovation of the membrane's noise and the next 12 bits the noise of the read, from a table of 4096 equally likely
    quantiles of the normal distribution, scaled to unit variance. So the noise of a read is at most 3.7 standard deviations.

    Parameters
    ----------
    analog : array (trial, sample, neuron)
        Potential of the membranes [LSB], 0 .. 255.
    sample_time : array (trial, hemisphere, sample)
        True times of the samples of each hemisphere [s].
    hemisphere, circuit : arrays of int (neuron,)
        Of the circuit that is read: its row on the chip and its enum.
    seed, batch, run : arrays of int (trial,)
        Seed of the chip, label of the batch entry and number of the run.
    configuration : ChipConfiguration
        Numbers of noise and channels.
    factors : mapping of str to float
        Effects; `membrane_noise`, `read_noise`, `trial_offset`, `channel_offset`, `channel_gain` and `quantisation` matter here.
    threads : int
        Threads; the result does not depend on it.

    Returns
    -------
    array (trial, sample, neuron)
        int16, the reading less 128, as the chip sends it; with `quantisation` off float64, neither rounded nor clipped.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
    >>> from bss2sim.recording.cadc import convert_cadc
    >>> off = dict.fromkeys(["membrane_noise", "read_noise", "trial_offset", "channel_offset", "channel_gain"], 0.0)
    >>> one = np.zeros(1, np.int64)
    >>> convert_cadc(
    ...     np.array([[[80.4], [300.0]]]), np.array([[[1e-6, 3e-6]] * 2]), hemisphere=one, circuit=one, seed=one, batch=one,
    ...     run=one, configuration=ChipConfiguration(), factors=off | {"quantisation": 1.0},
    ... )[0, :, 0]
    array([-48, 127], dtype=int16)
    """
    return cadc_reader(
        sample_time, hemisphere=hemisphere, circuit=circuit, seed=seed, batch=batch, run=run, configuration=configuration,
        factors=factors,
    ).read_all(analog, threads)  # fmt: skip


def cadc_reader(
    sample_time: np.ndarray,
    *,
    hemisphere: np.ndarray,
    circuit: np.ndarray,
    seed: np.ndarray,
    batch: np.ndarray,
    run: np.ndarray,
    configuration: ChipConfiguration,
    factors: Mapping[str, float],
) -> Reader:
    """Return the CADC of :func:`convert_cadc`, with the same arguments, ready to read membranes as they come."""
    from ..kernels import noise

    return Reader(
        sample_time,
        group=hemisphere,
        circuit=circuit,
        stream=noise.CADC_NOISE,
        trials=(seed, batch, run),
        read_noise=factors["read_noise"] * configuration.cadc_noise,
        line=channel_lines(seed, circuit, configuration, factors),
        highest=HIGHEST_READ,
        less=CENTRE,
        dtype=np.int16 if factors["quantisation"] else np.float64,
        configuration=configuration,
        factors=factors,
    )
