"""Weights on the chip: 6 bits for each sign, where the synapses of a neuron are, and how their strengths differ."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bss2sim.arrays import as_variable
from bss2sim.errors import ParameterError, warn
from bss2sim.hardware.coordinates import N_ATOMIC_NEURON
from bss2sim.hardware.draws import lognormal, on_grid
from bss2sim.hardware.synapse_drivers import N_SYNAPSE_ROW

HIGHEST_WEIGHT = 63  # 6 bit; HA:synapse.h:300
INPUTS_PER_CIRCUIT = N_SYNAPSE_ROW // 2  # each takes an excitatory and an inhibitory row; HS:modules/synapse.py:124-175
MOST_CIRCUITS = 256  # of a neuron: those of half a chip
N_GAIN = 2**16
SYNAPSE_GAIN_STREAM = 102  # stays for ever: another one would make other synapses of the same seeds


@dataclass(frozen=True, eq=False)
class ChipWeights:
    """Weights as the synapses of a chip hold them.

    Parameters
    ----------
    code : DataArray of int8 (.., input, neuron)
        Weight, -63 to 63. The excitatory synapse of the input holds it if it is positive, else the inhibitory one holds its
        size.
    saturated : DataArray of bool (.., input, neuron)
        Where the weight was larger than a synapse can hold.

    Examples
    --------
    >>> import xarray as xr
    >>> from bss2sim.hardware.synapse_array import chip_weights
    >>> weights = chip_weights(xr.DataArray([[20.4], [-63.0]], dims=("input", "neuron")), [[7]])
    >>> weights.code.values.ravel(), bool(weights.saturated.any())
    (array([ 20, -63], dtype=int8), False)
    """

    code: xr.DataArray
    saturated: xr.DataArray


def synapse_circuits(placement: Sequence[np.ndarray], n_input: int) -> np.ndarray:
    """Return the circuit on which the synapses of each input and neuron are.

    Inputs are dealt out over the circuits of a neuron: input j comes to circuit j // 128 of it. There it takes synapse row
    2 (j % 128) + 1, the top row of a driver, for excitation and row 2 (j % 128), the bottom one, for inhibition, both in
    the column and the hemisphere of that circuit. Source: HS:modules/synapse.py:124-175, HC-s:synapse_driver.cpp:41; the
    order is an assumption.

    Parameters
    ----------
    placement : list of int array (circuit,)
        Numbers of the circuits of each neuron.
    n_input : int
        Number of inputs of each neuron.

    Returns
    -------
    int64 array (input, neuron)
        Number of the circuit, 0 to 511.

    Raises
    ------
    ParameterError
        If a neuron has more inputs than synapses.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.synapse_array import synapse_circuits
    >>> synapse_circuits([np.array([7, 263])], 130)[[0, 127, 128, 129], 0]
    array([  7,   7, 263, 263])
    """
    n_circuit = np.array([len(circuits) for circuits in placement])
    if (n_circuit * INPUTS_PER_CIRCUIT < n_input).any():
        neuron = int(np.argmax(n_circuit * INPUTS_PER_CIRCUIT < n_input))
        has, needs = int(n_circuit[neuron]), -(-n_input // INPUTS_PER_CIRCUIT)
        larger = f"neurons of {needs} circuits, neuron_structure=SingleCompartmentNeuron({needs}), or "
        raise ParameterError(
            f"neuron {neuron} has {has} circuit{'s' * (has > 1)} for {has * INPUTS_PER_CIRCUIT} inputs, {INPUTS_PER_CIRCUIT} each, "
            f"and the weights have {n_input} inputs; take {larger if needs <= MOST_CIRCUITS else ''}fewer inputs"
        )
    block = np.arange(n_input) // INPUTS_PER_CIRCUIT
    n_block = int(block[-1]) + 1 if n_input else 1
    table = np.array([circuits[:n_block] for circuits in placement], dtype=np.int64)
    return np.ascontiguousarray(table.reshape(len(placement), n_block).T[block])


def warn_of_weights(weight: xr.DataArray, weights: ChipWeights) -> None:
    """Warn of weights (.., input, neuron) that saturate: how many, the largest, and what to do; or that are all rounded to 0."""
    saturated = weights.saturated.values
    if saturated.any():
        weight = weight.transpose(*weights.saturated.dims)
        index = np.unravel_index(int(np.argmax(np.abs(weight.values))), weight.shape)
        where = ", ".join(f"{dim} {place}" for dim, place in zip(weight.dims, index, strict=True))
        largest = float(weight.values[index])
        warn(
            f"{int(np.count_nonzero(saturated))} of {weight.size} weights saturate at -{HIGHEST_WEIGHT} or {HIGHEST_WEIGHT} LSB, "
            f"the ends of 6 bits and a sign; the largest is {largest:g} LSB ({where}). Scale the weights by "
            f"{HIGHEST_WEIGHT / abs(largest):.3g} or less and make synapses stronger (i_synin_gm, synapse_dac_bias), or split an "
            "input into several"
        )
    elif not weights.code.values.any() and weight.values.any():
        warn(
            f"all weights are rounded to 0: a chip has whole numbers, and the largest is {np.abs(weight.values).max():g} LSB. "
            "Scale them to those of the chip, e.g. Synapse(weight, transform=50)"
        )


def chip_weights(weight: xr.DataArray, placement: Sequence[np.ndarray]) -> ChipWeights:
    """Turn weights into those that synapses can hold.

    A weight is clamped to +-63 and rounded to the nearest whole number, half away from zero. Source:
    HS:modules/synapse.py:124-139, HS:transforms/weight_transforms.py:7-27.

    Parameters
    ----------
    weight : DataArray (.., input, neuron)
        Finite weights [weight LSB].
    placement : list of int array (circuit,)
        Numbers of the circuits of each neuron.

    Returns
    -------
    ChipWeights
        A weight is saturated if 63 is not its nearest whole number, that is from 63.5 on, either way.

    Raises
    ------
    ParameterError
        If weights are of another number of neurons than are placed, or a neuron has more inputs than synapses: 128 a circuit.

    Warns
    -----
    UserWarning
        If weights saturate: how many, and the largest. If there are weights and all of them are rounded to 0.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from bss2sim.hardware.synapse_array import chip_weights
    >>> weight = xr.DataArray([[0.5, -2.5], [62.7, 63.4]], dims=("input", "neuron"))
    >>> chip_weights(weight, [np.array([0]), np.array([1])]).code.values
    array([[ 1, -3],
           [63, 63]], dtype=int8)
    """
    weights = round_weights(weight, placement)
    warn_of_weights(weight, weights)
    return weights


def round_weights(weight: xr.DataArray, placement: Sequence[np.ndarray]) -> ChipWeights:
    """Return what :func:`chip_weights` does, without a warning."""
    weight = weight.transpose(..., "input", "neuron")
    if weight.sizes["neuron"] != len(placement):
        raise ParameterError(
            f"the weights are of {weight.sizes['neuron']} neurons, and {len(placement)} are placed on the chip; give a weight "
            "for each of them"
        )
    synapse_circuits(placement, weight.sizes["input"])
    value = np.ascontiguousarray(weight.values)
    size = np.abs(value)
    saturated = size >= HIGHEST_WEIGHT + 0.5
    size = np.minimum(size, HIGHEST_WEIGHT)
    whole = np.floor(size)
    whole += size - whole >= 0.5  # exact; size + 0.5 would be 1 just below 0.5
    code = np.copysign(whole, value).astype(np.int8)
    coords = {dim: weight.coords[dim].variable for dim in weight.dims if dim in weight.coords}
    return ChipWeights(
        xr.DataArray(as_variable(weight.dims, code), coords),
        xr.DataArray(as_variable(weight.dims, saturated), coords),
    )


@functools.lru_cache(maxsize=8)
def _gain_table(spread: float) -> np.ndarray:
    """Return 2^16 equally likely gains, float32, read-only."""
    from scipy.special import ndtri

    quantile = ndtri((np.arange(N_GAIN) + 0.5) / N_GAIN)
    table = lognormal(on_grid(quantile / np.sqrt(np.mean(quantile**2))), spread).astype(np.float32)
    table.setflags(write=False)
    return table


def _gain_numbers(seed: int) -> np.ndarray:
    """Return a number of 16 bits for each synapse of a chip, uint16 (circuit, synapse row)."""
    generator = np.random.Philox(key=[seed, SYNAPSE_GAIN_STREAM], counter=[0, 0, 0, 0])
    words = np.asarray(generator.random_raw(N_ATOMIC_NEURON * N_SYNAPSE_ROW // 4))
    return words.astype("<u8", copy=False).view("<u2").reshape(N_ATOMIC_NEURON, N_SYNAPSE_ROW)


def synapse_gains(seeds: np.ndarray, placement: Sequence[np.ndarray], n_input: int, spread: float) -> np.ndarray:
    """Return how much stronger each synapse is than a typical one of its neuron.

    Parameters
    ----------
    seeds : array of int, any shape
        Chips.
    placement : list of int array (circuit,)
        Numbers of the circuits of each neuron.
    n_input : int
        Number of inputs of each neuron.
    spread : float
        Standard deviation of the logarithm of a gain.

    Returns
    -------
    float32 array (.., synaptic_input, input, neuron)
        exp(spread z) where z depends on seed, circuit and synapse row alone: a synapse of a chip is the same in every
        experiment. 1 to the bit with spread 0. z is one of 65536 equally likely quantiles of the normal distribution, of
        unit variance and at most 4.2: a chip has 131072 synapses, and 16 bits for each of them are drawn in a millisecond.

    Raises
    ------
    ParameterError
        If a neuron has more inputs than synapses.

    Examples
    --------
    >>> import numpy as np
    >>> from bss2sim.hardware.synapse_array import synapse_gains
    >>> gains = synapse_gains(np.array(7), [np.array([circuit]) for circuit in range(512)], 128, 0.04)
    >>> gains.shape, f"{gains.std():.3f}"
    ((2, 128, 512), '0.040')
    """
    seeds = np.asarray(seeds)
    circuits = synapse_circuits(placement, n_input)
    gains = np.ones((*seeds.shape, 2, *circuits.shape), np.float32)
    if spread == 0 or gains.size == 0:
        return gains
    table = _gain_table(float(spread))
    for gain, seed in zip(gains.reshape(-1, *gains.shape[-3:]), seeds.ravel(), strict=True):
        numbers = _gain_numbers(int(seed))
        for begin in range(0, n_input, INPUTS_PER_CIRCUIT):
            n_part = min(INPUTS_PER_CIRCUIT, n_input - begin)
            rows = numbers[circuits[begin], : 2 * n_part].T
            gain[0, begin : begin + n_part] = table[rows[1::2]]
            gain[1, begin : begin + n_part] = table[rows[0::2]]
    return gains
