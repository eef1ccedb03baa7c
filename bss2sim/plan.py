"""A run with everything checked and laid out, and what its kernels report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .broadcasting import Trials
from .errors import InputError
from .inputs import Drive
from .kept import Kept
from .kernels.codes import BIN_FULL, FINE, MOST_SPIKES, SELECTED, STREAMED, TOO_FAST, WHOLE
from .neuron import Population
from .outputs import Outputs
from .partition import Partition
from .recording import Recording
from .spike_buffers import SpikeBuffers, full_bin
from .state import State

if TYPE_CHECKING:
    from .device_spikes import DeviceSpikes


@dataclass
class Plan:
    """What a run needs.

    Attributes
    ----------
    neurons, record, drive, trials : Population, Recording, Drive, Trials
        What runs, what is recorded, what drives it, and the trials.
    state, after : State
        At the start; and to be written at the end if `keeps_state`.
    outputs, buffers : Outputs, SpikeBuffers
        Where results go; `buffers` is None until the kernels need them.
    dt, finish : float
        Grid spacing and end of the run [s].
    dtype, threads : dtype, int
        Of the state; threads to use.
    n_time, n_input : int
        Rows of the grid, inputs of the weights.
    parameters : dict of array (row, neuron)
        Of the neurons, float64; ``tau_inh`` only with a pair of synaptic time constants.
    kept : Kept
        What was worked out of `parameters`, in an earlier run too if they are the same in each; not to be written to.
    parameter_row, input_row, weight_row : array (trial,)
        Row of each argument that a trial reads; of dense inputs the element at which it starts.
    packed : array or None
        Weights packed by groups of neurons (``weights``); then the next three are None.
    weight, column, pointer : array or None
        Weights flat (weight row, input, neuron); or values, columns and row pointers of a sparse matrix.
    selected : array
        Recorded neurons.
    """

    neurons: Population
    record: Recording
    drive: Drive
    trials: Trials
    state: State
    outputs: Outputs
    dt: float
    dtype: np.dtype
    threads: int
    finish: float
    n_time: int
    n_input: int
    parameters: dict[str, np.ndarray]
    kept: Kept
    parameter_row: np.ndarray
    input_row: np.ndarray
    packed: np.ndarray | None
    weight: np.ndarray | None
    weight_row: np.ndarray
    column: np.ndarray | None
    pointer: np.ndarray | None
    selected: np.ndarray
    after: State
    keeps_state: bool
    buffers: SpikeBuffers | DeviceSpikes | None = None

    @property
    def n_neuron(self) -> int:
        """Number of neurons."""
        return self.neurons.size

    @property
    def spikes(self) -> str | None:
        """How spikes are recorded; None if they are not, or the neurons never fire."""
        return self.record.spikes if self.neurons.fires else None

    def row_mode(self, block: int) -> int:
        """How the kernels write rows of dense outputs."""
        if self.record.neuron is not None:
            return SELECTED
        return STREAMED if self.outputs.stream(block) else WHOLE

    def make_buffers(self, part: Partition, steps: float) -> SpikeBuffers | None:
        """Make the spike buffers of a run whose kernels put out spikes; `steps` per neuron guess their number."""
        if self.spikes is None:
            return None
        share = int(part.n_task * part.block * steps) // part.n_chunk
        buffers = self.buffers = SpikeBuffers(self.spikes, part, self.n_neuron, share // 32 + 1024)
        return buffers


def name_place(trials: Trials, trial: int, neuron: int) -> str:
    """Name a trial and a neuron."""
    index = np.unravel_index(trial, trials.shape) if trials.shape else ()
    parts = [f"{dim} {int(k)}" for dim, k in zip(trials.dims, index, strict=True)]
    return ", ".join([*parts, f"neuron {neuron}"])


def raise_status(plan: Plan, status: np.ndarray) -> None:
    """Turn what a kernel reported about a neuron into an error that names the cause."""
    if status[0] == FINE:
        return
    code, trial, neuron = (int(x) for x in status)
    _refuse_not_finite(plan.drive)
    where = name_place(plan.trials, trial, neuron)
    if code == TOO_FAST:
        raise InputError(
            f"{where} fires faster than can be resolved (more than {MOST_SPIKES} spikes between two inputs, or two spikes "
            "at one float64 time); give a refractory_time above 0, or smaller weights or inputs"
        )
    if code == BIN_FULL:
        raise full_bin(f"{where} has too many", plan.dt)
    cause = "inputs or weights are too large"
    if plan.state.busy is not None or plan.dtype == np.float32:
        cause += f", or dt = {plan.dt} s is more than twice a time constant, where Euler steps diverge"
    raise InputError(f"membrane or current of {where} is no longer finite in {plan.dtype}: {cause}")


def _refuse_not_finite(drive: Drive) -> None:
    """Name the first input that is not finite; runs only after a kernel has met one."""
    if drive.flat is None or drive.flat.dtype.kind != "f" or drive.at is None or drive.n_time is None:
        return
    flat = drive.flat
    if drive.on_device is not None:
        from .kernels import cuda as gpu

        flat = gpu.fetch_all(flat)
    width = drive.width
    for row, at in enumerate(drive.at.reshape(-1)):
        for t in range(drive.n_time):
            values = flat[at + t * drive.time_stride : at + t * drive.time_stride + width]
            bad = ~np.isfinite(values)
            if bad.any():
                k = int(np.argmax(bad))
                index = np.unravel_index(row, drive.at.shape) if drive.at.ndim else ()
                parts = [f"{dim} {int(j)}" for dim, j in zip(drive.sizes, index, strict=True)]
                axis = "neuron" if drive.kind == "jumps" else "input"
                raise InputError(
                    f"inputs must be finite; {', '.join([f'time step {t}', *parts, f'{axis} {k}'])} is {values[k]}"
                )
