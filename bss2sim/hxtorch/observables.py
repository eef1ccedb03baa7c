"""Recordings as a chip sends them, and the tensors that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from bss2sim.arrays import as_array, as_seconds, as_whole
from bss2sim.errors import InputError
from bss2sim.recording.chip_time import CYCLES_PER_SECOND
from bss2sim.recording.grid import cadc_to_grid, grid_rows, spikes_to_grid
from bss2sim.recording.sample_lists import SampleArrays, arrange_samples


class _Recording:
    """Base of recordings: a list of entries, the columns of which are named."""

    columns: ClassVar[tuple[str, ...]]

    def __init__(self, data: Any, batch_size: int, population_size: int) -> None:
        self.batch_size = as_whole("batch_size", batch_size)
        self.population_size = as_whole("population_size", population_size)
        self.set_data(data)

    def set_data(self, data: Any) -> None:
        """Replace the entries; InputError if they have other columns."""
        array = as_array("data", data, f"an array (entry, {len(self.columns)})", InputError)
        array = array.reshape(0, len(self.columns)) if array.size == 0 else array
        if array.ndim != 2 or array.shape[1] != len(self.columns) or array.dtype.kind not in "iuf":
            raise InputError(
                f"data must be numbers (entry, {len(self.columns)}), the columns being {', '.join(self.columns)}; got shape "
                f"{array.shape}, dtype {array.dtype}"
            )
        self._data = array.astype(np.float64)

    def get_data(self) -> np.ndarray:
        """Return the entries, float64 (entry, column)."""
        return self._data.copy()

    def _column(self, name: str) -> np.ndarray:
        """One column, by its name; numbers of trials and neurons as int64."""
        column = self._data[:, self.columns.index(name)]
        return column.astype(np.int64) if name in ("batch", "neuron") else column

    def _arranged(self, n_neuron: int) -> SampleArrays:
        """Samples by trial and neuron, with times in s."""
        neuron = self._column("neuron") if "neuron" in self.columns else None
        return arrange_samples(
            self._column("value"), self._column("time") / CYCLES_PER_SECOND, self._column("batch"), neuron,
            n_trial=self.batch_size, n_neuron=n_neuron,
        )  # fmt: skip


def _rows(runtime: Any, dt: Any) -> int:
    """Rows of the grid of a run."""
    return grid_rows(as_seconds("runtime", runtime), as_seconds("dt", dt))


class SpikeHandle(_Recording):
    """Spikes of a population as a chip stamps them.

    Parameters
    ----------
    data : array (entry, 3)
        Columns time [cycles of 8 ns], batch, neuron.
    batch_size, population_size : int
        Number of trials and of neurons.

    Raises
    ------
    InputError
        If the data has other columns.

    Examples
    --------
    >>> from bss2sim.hxtorch.observables import SpikeHandle
    >>> SpikeHandle([[250, 0, 1]], 1, 2).to_dense(4e-6, 1e-6)[:, 0, 1]
    tensor([0, 0, 1, 0, 0], dtype=torch.uint8)
    """

    columns = ("time", "batch", "neuron")

    def to_dense(self, runtime: float, dt: float) -> Tensor:
        """Return spikes (time, batch, neuron), uint8, for a run of `runtime` in steps of `dt` [s]: one row more than steps."""
        grid = spikes_to_grid(
            self._column("time") / CYCLES_PER_SECOND, self._column("neuron"), self._column("batch"), n_trial=self.batch_size,
            n_time=_rows(runtime, dt), n_neuron=self.population_size, dt=dt,
        )  # fmt: skip
        return torch.from_numpy(grid).transpose(0, 1)


class CADCHandle(_Recording):
    """Samples of the membranes of a population.

    Parameters
    ----------
    data : array (entry, 4)
        Columns time [cycles of 8 ns], batch, neuron, value [signed LSB]; those of a neuron in the order of time.
    batch_size, population_size : int
        Number of trials and of neurons.

    Raises
    ------
    InputError
        If the data has other columns.

    Examples
    --------
    >>> from bss2sim.hxtorch.observables import CADCHandle
    >>> CADCHandle([[125, 0, 0, -48], [375, 0, 0, -28]], 1, 1).to_dense(4e-6, 1e-6)[:, 0, 0]
    tensor([-48., -48., -38., -28., -28.])
    """

    columns = ("time", "batch", "neuron", "value")

    def to_dense(self, runtime: float, dt: float, mode: str = "linear") -> Tensor:
        """Return membranes (time, batch, neuron), float32, for a run of `runtime` in steps of `dt` [s]: one row more than steps."""
        samples = self._arranged(self.population_size)
        grid = cadc_to_grid(
            samples.value, samples.stamp, _rows(runtime, dt), dt, mode, hemisphere=np.arange(self.population_size),
            count=samples.count,
        )  # fmt: skip
        return torch.from_numpy(grid).transpose(0, 1)

    def to_raw(self) -> tuple[Tensor, Tensor]:
        """Return values and times [cycles of 8 ns], (sample, batch, neuron): of all neurons as many as that with the fewest."""
        samples = self._arranged(self.population_size)
        times = np.rint(samples.stamp[..., : samples.n] * CYCLES_PER_SECOND).transpose(2, 0, 1)
        values = samples.value[:, : samples.n].transpose(1, 0, 2)
        return torch.from_numpy(values.astype(np.float32)), torch.from_numpy(times.astype(np.int64))


class MADCHandle(_Recording):
    """Samples of the membrane of one neuron.

    Parameters
    ----------
    data : array (entry, 3)
        Columns time [cycles of 8 ns], batch, value [LSB]; those of a trial in the order of time.
    batch_size, population_size : int
        Number of trials and of neurons.

    Raises
    ------
    InputError
        If the data has other columns.

    Examples
    --------
    >>> from bss2sim.hxtorch.observables import MADCHandle
    >>> MADCHandle([[4, 0, 310], [8, 0, 311]], 1, 1).to_raw().shape
    torch.Size([2, 2, 1])
    """

    columns = ("time", "batch", "value")

    def to_raw(self) -> Tensor:
        """Return times [cycles of 8 ns] and values, float32 (2, sample, batch): of all trials as many as that with the fewest."""
        samples = self._arranged(1)
        times = np.rint(samples.stamp[:, 0, : samples.n] * CYCLES_PER_SECOND)
        return torch.from_numpy(np.stack([times.T, samples.value[:, : samples.n, 0].T]).astype(np.float32))


def __getattr__(name: str) -> Any:
    """Explain what reads a real chip."""
    if name == "HardwareObservablesExtractor":
        raise AttributeError(
            "bss2sim.hxtorch.observables has no HardwareObservablesExtractor: it reads what grenade sends from a real "
            "chip; run() fills the "
            "handles"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass
class HardwareObservables:
    """What a chip recorded of a population; None for what it did not.

    Parameters
    ----------
    spikes : SpikeHandle, optional
    cadc : CADCHandle, optional
    madc : MADCHandle, optional

    Examples
    --------
    >>> from bss2sim.hxtorch.observables import HardwareObservables
    >>> HardwareObservables().spikes is None
    True
    """

    spikes: SpikeHandle | None = None
    cadc: CADCHandle | None = None
    madc: MADCHandle | None = None
