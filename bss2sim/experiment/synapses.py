"""The synapses of a population as the chip has them: rounded weights, synapses that differ, rows for every trial."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from .. import memory
from ..broadcasting import Trials, labels_of
from ..hardware.chip import EmulatedChip
from ..hardware.synapse_array import INPUTS_PER_CIRCUIT, round_weights, synapse_gains, warn_of_weights
from ..synapse import Synapse


class ChipSynapses:
    """Weights of a population on a chip, made for some trials at a time.

    Parameters
    ----------
    synapse : Synapse
        Model weights and their transform.
    placement : list of int arrays
        Circuits of every neuron.
    circuits : Dataset
        ``strength`` and ``circuit_strength`` of :func:`~bss2sim.experiment.circuits.circuit_parameters`.
    chip : EmulatedChip
        Whose synapses.
    gain_factor : float
        Of the effect synapse_gain.

    Attributes
    ----------
    saturated : DataArray of bool (..., input, neuron)
        Weights beyond +-63.
    n_input : int
        Inputs.
    """

    def __init__(
        self,
        synapse: Synapse,
        placement: list[np.ndarray],
        circuits: xr.Dataset,
        chip: EmulatedChip,
        gain_factor: float,
    ) -> None:
        self._weight = synapse.chip_weight()
        self._rounded = round_weights(self._weight, placement)
        self.saturated = self._rounded.saturated
        self._code = self._rounded.code
        self.n_input = synapse.n_input
        self._chip, self._placement = chip, placement
        self._spread = gain_factor * chip.variation["synaptic_strength"] * chip.configuration.synapse_gain_spread
        self._ratio: xr.DataArray | None = None
        if max(len(neuron) for neuron in placement) > 1:
            first = circuits["strength"]
            # 0 where the input of the first circuit is off: there is no current that the others could be a part of
            self._ratio = xr.where(first == 0, 0.0, circuits["circuit_strength"] / first.where(first != 0, 1.0))
        self._parts: dict[str, np.ndarray] = {}
        self._only: tuple[np.ndarray, np.ndarray] | None = None

    def warn(self) -> None:
        """Warn of weights that the chip does not have, in every run."""
        warn_of_weights(self._weight, self._rounded)

    def add_to(self, trials: Trials) -> None:
        """Take in the dims of the weights."""
        lead = self._code.dims[:-2]
        trials.add("weight", {dim: self._code.sizes[dim] for dim in lead}, labels_of(self._code, lead))

    def lay_out(self, trials: Trials) -> np.ndarray:
        """Return the row of weights of every trial; all dims of the run are known."""
        dims: dict[str, tuple[Hashable, ...]] = {"code": self._code.dims[:-2]}
        if self._spread:
            dims["gain"] = self._chip._seeds.dims
        if self._ratio is not None:
            self._ratio = self._ratio.transpose(..., "synaptic_input", "circuit", "neuron")
            dims["ratio"] = self._ratio.dims[:-3]
        used = {dim for part in dims.values() for dim in part}
        rows = Trials({dim: size for dim, size in trials.sizes.items() if dim in used})
        self._parts = {name: rows.rows(part) for name, part in dims.items()}
        return trials.rows(rows.dims)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return excitatory and inhibitory weights of some rows, each float32 (row, input, neuron), at least 0.

        If all trials have the same weights, those of an earlier run are returned: nothing may be written to them.
        """
        if any(part.any() for part in self._parts.values()):
            return self._make(rows)
        if self._only is None:
            self._only = self._make(np.zeros(1, np.int64))
        return self._only

    def _make(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make the weights of some rows."""
        n_input, n_neuron = self._code.shape[-2:]
        codes = self._code.values.reshape(-1, n_input, n_neuron)
        both = [memory.empty((rows.size, n_input, n_neuron), np.float32) for _ in range(2)]
        signed: dict[int, list[np.ndarray]] = {}  # of most runs one
        circuit = np.arange(n_input) // INPUTS_PER_CIRCUIT
        # row by row: what is worked out for all chips at once does not fit into the caches, and takes three times as long
        for k, row in enumerate(rows):
            of_code = int(self._parts["code"][row])
            if of_code not in signed:
                code = codes[of_code].astype(np.float32)
                signed = {of_code: [np.maximum(code, 0), np.maximum(-code, 0)]}
            factors = []
            if "gain" in self._parts:
                seed = self._chip._seeds.values.reshape(-1)[self._parts["gain"][row]]
                factors.append(synapse_gains(seed, self._placement, n_input, self._spread))
            if self._ratio is not None:
                ratio = self._ratio.values.reshape(-1, *self._ratio.shape[-3:])[self._parts["ratio"][row]]
                factors.append(ratio[:, circuit].astype(np.float32))
            for sign in range(2):
                out = both[sign][k]
                out[...] = signed[of_code][sign]
                for factor in factors:
                    out *= factor[sign]
        return both[0], both[1]
