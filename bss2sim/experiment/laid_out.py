"""A run on a chip with everything checked and laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..broadcasting import Trials, stack
from ..hardware.chip import EmulatedChip
from ..inputs import Drive
from ..neuron import Population
from ..recording import Recording
from .dynamics import Circuits
from .identity import Identity
from .synapses import ChipSynapses

CIRCUIT_FACTORS = ("membrane_limits", "reset_time_constant", "threshold_noise")  # effects that circuits know of


@dataclass
class Experiment:
    """What a run on a chip needs.

    Attributes
    ----------
    neurons, record, chip : Population, Recording, EmulatedChip
        What runs, what is kept of it, and where.
    factors : dict of float
        Of the effects, by name.
    trials, identity : Trials, Identity
        The trials, and what each draws its random numbers by.
    drive : Drive
        Input spikes, after the free run.
    dt, duration : float
        Grid spacing and length of a trial [s].
    n_time : int
        Rows of the grid of a trial.
    free_rows, free_time : int, float
        Rows and length of the free run before it [s].
    carries : bool
        Whether a batch entry begins as the one before it ended.
    input_at, weight_row, circuit_row : int64 arrays (trial,)
        Where each trial reads its inputs, weights and circuits.
    synapses : ChipSynapses
        The weights.
    circuits : Circuits
        What the circuits do, (row, neuron).
    circuit, hemisphere : int64 arrays (neuron,)
        Number of the first circuit of each neuron, and its half of the chip: 0 top, 1 bottom.
    delay : float
        From an input to its current [s]: circuits live so much later than inputs and ADCs.
    threads : int
        Threads to use.
    device : {"cpu", "cuda"}
        Where the circuits run.
    """

    neurons: Population
    record: Recording
    chip: EmulatedChip
    factors: dict[str, float]
    trials: Trials
    identity: Identity
    drive: Drive
    dt: float
    duration: float
    n_time: int
    free_rows: int
    free_time: float
    carries: bool
    input_at: np.ndarray
    weight_row: np.ndarray
    circuit_row: np.ndarray
    synapses: ChipSynapses
    circuits: Circuits
    circuit: np.ndarray
    hemisphere: np.ndarray
    delay: float
    threads: int
    device: str


def circuit_rows(
    parameters: xr.Dataset, neurons: Population, chip: EmulatedChip, factors: dict[str, float], trials: Trials,
    constant_current: float,
) -> tuple[Circuits, np.ndarray]:  # fmt: skip
    """Spread the parameters of circuits over their common dims.

    Returns
    -------
    circuits : Circuits
        Arrays (row, neuron).
    row : int64 array (trial,)
        Row of each trial.
    """
    c = chip.configuration
    both = {"tau": parameters["tau_syn"], "step": parameters["strength"]}
    arrays = {
        f"{name}_{kind}": pair.isel(synaptic_input=index, drop=True)
        for name, pair in both.items()
        for index, kind in enumerate(("exc", "inh"))
    }
    arrays |= {name: parameters[name] for name in ("threshold", "reset", "refractory_time", "holdoff_time", "drift")}
    arrays["spike_mask"] = parameters["enable_digital"]
    if neurons.fires:
        arrays["spike_mask"] = arrays["spike_mask"] & neurons._parameters["spike_mask"][0]
    if neurons.leaks:
        arrays |= {name: parameters[name] for name in ("tau_mem", "leak")}
    spread: dict[str, Any]
    spread, dims = stack(arrays, trials, neurons.size, {"spike_mask": np.uint8})
    drift: Any = spread.pop("drift") + constant_current
    limits = None
    if factors["membrane_limits"]:
        limits = (c.membrane_lower, c.membrane_upper, c.inhibition_range, c.excitation_range)
    circuits = Circuits(
        tau_mem=spread.pop("tau_mem", None),
        leak=spread.pop("leak", None),
        **spread,
        drift=drift if drift.any() else None,
        reset_time_constant=c.reset_time_constant * factors["reset_time_constant"],
        threshold_noise=c.threshold_noise * factors["threshold_noise"],
        limits=limits,
    )
    return circuits, trials.rows(dims)
