"""The MADC: one membrane of the emulated chip, sampled fast and with 10 bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .chip_time import CYCLES_PER_SECOND, SNAP, whole_cycles
from .converter import Reader

if TYPE_CHECKING:
    from ..hardware.chip_configuration import ChipConfiguration

PERIOD = 17 / 500e6  # 34 ns; HA-s:madc.cpp:599-607, 12 + 5 cycles of 500 MHz
HIGHEST_READ = 1023  # 10 bit
_NO_CIRCUIT = 0x8000  # word of the counter for what belongs to no circuit


def madc_times(seed: np.ndarray, batch: np.ndarray, run: np.ndarray, *, duration: float) -> np.ndarray:
    """Draw when the MADC samples in each trial: every 34 ns, from a random place in the first period on.

    Parameters
    ----------
    seed, batch, run : arrays of int (trial,)
        Seed of the chip, label of the batch entry and number of the run.
    duration : float
        Length of the run [s].

    Returns
    -------
    array (trial, sample)
        True times [s], increasing, within the run. As many in every trial: duration / 34 ns, rounded down. There is no limit: the
        reference samples continuously (GR generator/madc.cpp:21,41).

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.recording.madc import madc_times
    >>> one = np.zeros(1, np.int64)
    >>> madc_times(one, one, one, duration=110e-6).shape
    (1, 3235)
    """
    from ..kernels import noise
    from ..kernels.readout import fill_uniforms

    n = math.floor(duration / PERIOD + SNAP)
    phase = np.empty((len(seed), 1))
    fill_uniforms(phase, 0, _NO_CIRCUIT, noise.MADC_NOISE, batch, run, seed)
    return (phase + np.arange(n)) * PERIOD


def madc_stamps(sample_time: np.ndarray) -> np.ndarray:
    """Return the time stamps [s] of MADC samples taken at `sample_time` [s]: whole cycles of 8 ns, rounded down.

    >>> float(madc_stamps(np.array(35e-9)))
    3.2e-08
    """
    return whole_cycles(sample_time) / CYCLES_PER_SECOND


def convert_madc(
    analog: np.ndarray,
    sample_time: np.ndarray,
    *,
    circuit: int,
    seed: np.ndarray,
    batch: np.ndarray,
    run: np.ndarray,
    configuration: ChipConfiguration,
    factors: Mapping[str, float],
    threads: int = 1,
) -> np.ndarray:
    """Return what the MADC reads of the membrane of one circuit.

    madc_offset + madc_slope v, v the membrane with its noise and with the offset of the trial, the one that the CADC reads too;
    and the noise of the read, `madc_noise`. Rounded half to even and clipped to 0 .. 1023. Noise is drawn as that of
    :func:`~bss2sim.recording.cadc.convert_cadc`, from a stream of its own: the two do not see one another's noise.

    Parameters
    ----------
    analog : array (trial, sample)
        Potential of the membrane [LSB of the CADC], 0 .. 255.
    sample_time : array (trial, sample)
        True times [s].
    circuit : int
        Enum of the circuit.
    seed, batch, run : arrays of int (trial,)
        Seed of the chip, label of the batch entry and number of the run.
    configuration : ChipConfiguration
        Line and noise.
    factors : mapping of str to float
        Effects; `membrane_noise`, `read_noise`, `trial_offset` and `quantisation` matter here.
    threads : int
        Threads; the result does not depend on it.

    Returns
    -------
    array (trial, sample)
        uint16 [MADC LSB]; with `quantisation` off float64, neither rounded nor clipped.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.chip_configuration import ChipConfiguration
    >>> from bss2sim.recording.madc import convert_madc
    >>> off = {"membrane_noise": 0.0, "read_noise": 0.0, "trial_offset": 0.0, "quantisation": 1.0}
    >>> one = np.zeros(1, np.int64)
    >>> convert_madc(np.array([[80.0, 125.0]]), np.array([[1e-6, 2e-6]]), circuit=3, seed=one, batch=one, run=one,
    ...     configuration=ChipConfiguration(), factors=off)
    array([[304, 439]], dtype=uint16)
    """
    from ..kernels import noise

    n_trial = len(seed)
    reader = Reader(
        sample_time[:, None, :],
        group=np.zeros(1, np.int64),
        circuit=np.array([circuit]),
        stream=noise.MADC_NOISE,
        trials=(seed, batch, run),
        read_noise=factors["read_noise"] * configuration.madc_noise,
        line=(
            np.zeros(n_trial, np.int64),
            np.full((1, 1), configuration.madc_offset),
            np.full((1, 1), configuration.madc_slope),
        ),
        highest=HIGHEST_READ,
        less=0,
        dtype=np.uint16 if factors["quantisation"] else np.float64,
        configuration=configuration,
        factors=factors,
    )
    return reader.read_all(analog[:, :, None], threads)[:, :, 0]
