"""Arrays that go into the dynamics of circuits, and those that come out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.codes import FREE


@dataclass(frozen=True)
class Circuits:
    """What circuits do.

    Attributes
    ----------
    threshold, reset : float64 array (row, neuron)
        Potentials [LSB]; a threshold may be infinite, that of a circuit that never fires.
    refractory_time, holdoff_time : float64 array (row, neuron)
        Time from a spike to the next that can be, and its last part, in which the membrane is free [s].
    tau_exc, tau_inh : float64 array (row, neuron)
        Synaptic time constants [s].
    step_exc, step_inh : float64 array (row, neuron)
        What a unit of weight adds to, or takes from, a membrane without leak [LSB].
    tau_mem, leak : float64 array (row, neuron) or None
        Time constant [s], infinite where the leak is off, and potential [LSB] of the leak. None: all leaks are off.
    drift : float64 array (row, neuron) or None
        Slope of the membrane without leak and input [LSB/s]. None: 0.
    spike_mask : uint8 array (row, neuron)
        Whether the spikes are put out.
    reset_time_constant : float
        Of the clamp [s]; 0: reset at once.
    threshold_noise : float
        Standard deviation [LSB].
    limits : tuple of float or None
        Lower and upper bound of the membrane, ranges of inhibition and excitation [LSB]. None: no bounds.
    """

    threshold: np.ndarray
    reset: np.ndarray
    refractory_time: np.ndarray
    holdoff_time: np.ndarray
    tau_exc: np.ndarray
    tau_inh: np.ndarray
    step_exc: np.ndarray
    step_inh: np.ndarray
    tau_mem: np.ndarray | None
    leak: np.ndarray | None
    drift: np.ndarray | None
    spike_mask: np.ndarray
    reset_time_constant: float = 0.0
    threshold_noise: float = 0.0
    limits: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class TrialArrays:
    """Where trials find what they need, and what they draw their random numbers by.

    Attributes
    ----------
    circuit_row, weight_row : int64 array (trial,)
        Rows of circuits and weights.
    input_at : int64 array (trial,)
        Dense input: the first element of ``drive.flat``; sparse: the row of ``drive.pointer``.
    seed, batch, run : int64 array (trial,)
        Key and counter of the random numbers (``kernels.noise``).
    gain : float64 array (trial, neuron) or None
        Factor of both steps; None: 1.
    circuit : int64 array (neuron,)
        Number of the AtomicNeuron, 0 to 511.
    """

    circuit_row: np.ndarray
    input_at: np.ndarray
    weight_row: np.ndarray
    seed: np.ndarray
    batch: np.ndarray
    run: np.ndarray
    gain: np.ndarray | None
    circuit: np.ndarray


@dataclass(frozen=True)
class CircuitState:
    """Circuits at the end of a run, to start another from.

    Attributes
    ----------
    membrane, current_exc, current_inh : float64 array (trial, neuron)
        Membrane, and synaptic currents in the unit of the kernel (``kernels.circuit``) [LSB].
    phase : int8 array (trial, neuron)
        Free, clamped or in the holdoff (``kernels.codes``).
    remaining : float64 array (trial, neuron)
        Time to the end of the phase [s], infinite for a free circuit.
    spike_count : int64 array (trial, neuron)
        Spikes fired.
    """

    membrane: np.ndarray
    current_exc: np.ndarray
    current_inh: np.ndarray
    phase: np.ndarray
    remaining: np.ndarray
    spike_count: np.ndarray


@dataclass(frozen=True)
class CircuitRun:
    """What circuits did.

    Attributes
    ----------
    spike_time, spike_neuron, spike_trial : float64, int32, int64 arrays (spike,)
        Spikes [s], sorted by (trial, time, neuron).
    row_size : int64 array (trial,)
        Spikes of each trial.
    samples : float64 array (trial, sample, neuron) or None
        Membranes at the times asked for [LSB].
    state : CircuitState or None
        At the end, if it was to be kept.
    """

    spike_time: np.ndarray
    spike_neuron: np.ndarray
    spike_trial: np.ndarray
    row_size: np.ndarray
    samples: np.ndarray | None
    state: CircuitState | None


def plain(array: Any, dtype: Any = np.float64) -> np.ndarray:
    """Return an array of the one kind for which the kernel is compiled; a copy only if it is of another."""
    return np.require(array, dtype, ["C", "W"])


def state_arrays(start: np.ndarray | CircuitState, begin: float) -> list[np.ndarray]:
    """Return the state at the start in the kernel's order, phases ending at times of this run."""
    if isinstance(start, CircuitState):
        count = start.spike_count if begin > 0 else np.zeros_like(start.spike_count)
        return [
            start.membrane, start.current_exc, start.current_inh, start.phase, start.remaining + begin, count,
        ]  # fmt: skip
    membrane = plain(start)
    shape = membrane.shape
    return [
        membrane, np.zeros(shape), np.zeros(shape), np.full(shape, FREE, np.int8), np.full(shape, math.inf),
        np.zeros(shape, np.int64),
    ]  # fmt: skip
