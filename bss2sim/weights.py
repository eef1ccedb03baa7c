"""Weights as the kernels read them: flat rows, the parts of a sparse matrix, or packed by groups of neurons."""

from __future__ import annotations

import numpy as np
import xarray as xr

from . import memory
from .synapse import Synapse

_MOST_PACKED = 64 * 2**10  # bytes of the weights of a group of neurons: what a first-level cache holds, about
_LINE = np.dtype((np.void, memory.LINE))
_MOST_KEPT = 16 * 2**20  # bytes of packed weights that stay with their synapse


def flat_weights(
    synapse: Synapse | None, dtype: np.dtype
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return (values, column, pointer) of the weights in the dtype of the run."""
    if synapse is None:
        return None, None, None
    weight = synapse._weight
    if not isinstance(weight, xr.DataArray):
        return (
            np.array(weight.data, dtype=dtype),
            weight.indices.astype(np.int64),
            weight.indptr.astype(np.int64),
        )
    values = weight.values
    return (values if values.dtype == dtype else values.astype(dtype)).reshape(-1), None, None


def packed_weights(synapse: Synapse | None, dtype: np.dtype) -> np.ndarray | None:
    """Return the weights of groups of neurons, flat (group, input and one of zeros, neuron of the group), or None.

    A group is as many neurons as fill a cache line. Over many steps its weights stay in the first-level cache, if there
    are not too many inputs. None if rows of the weights serve better: sparse weights, those of many inputs,
    those with sweep dims, of which each trial would need its own, and those too large to be kept for the next run.
    """
    if synapse is None or not isinstance(synapse._weight, xr.DataArray) or synapse._weight.ndim != 2:
        return None
    n_input, n_neuron = synapse.n_input, synapse.n_neuron
    if n_input * memory.LINE > _MOST_PACKED or n_input * n_neuron * dtype.itemsize > _MOST_KEPT:
        return None
    rows = synapse._weight.values
    packed: np.ndarray = synapse._kept.get(dtype.char, lambda: pack(rows, dtype))
    return packed


def pack(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return weights (input, neuron) by groups of neurons, flat (group, input and one of zeros, neuron of the group)."""
    n_input, n_neuron = rows.shape
    width = memory.LINE // dtype.itemsize
    n_group, n_whole = -(-n_neuron // width), n_neuron // width
    packed = memory.empty((n_group, n_input + 1, width), dtype)
    packed[:, -1] = 0
    packed[-1:] = 0
    whole = rows[:, : n_whole * width].astype(dtype, copy=False)
    if whole.strides[1] != dtype.itemsize:
        whole = whole.copy()
    packed[:n_whole, :-1].view(_LINE)[..., 0] = whole.view(_LINE).T  # a line is one item
    if n_whole < n_group:
        packed[-1, :-1, : n_neuron - n_whole * width] = rows[:, n_whole * width :]
    return packed.reshape(-1)


def unpack(packed: np.ndarray, n_input: int, n_neuron: int) -> np.ndarray:
    """Return weights (input, neuron), contiguous, that were packed by groups of neurons."""
    lines = packed.view(_LINE).reshape(-1, n_input + 1)[:, :-1].T
    rows = np.ascontiguousarray(lines).view(packed.dtype)
    return np.ascontiguousarray(rows[:, :n_neuron])
