"""Working memory of the kernels of training."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from . import memory
from .kernels.codes import AT_ONCE, BLOCK
from .kernels.superspike_pieces import N_PAD
from .kernels.superspike_steps import N_FLOAT_ROW, N_INTEGER_ROW, N_LOCAL
from .scratch_pool import Scratch, ScratchPool
from .spike_lists import ListSizes, list_sizes, make_lists, step_list_sizes
from .superspike_training import Training

_pool = ScratchPool(16)  # two of a layer, and the last batch of an epoch is smaller
_N_STEP_LIST = 10  # arrays of _step_lists


def _n_pad(run: Training, lines: int) -> int:
    """Rows a step for groups of `lines` lines that neurons do not fill."""
    row = run.n_neuron if run.spikes is not None else run.n_batch * run.n_neuron
    return N_PAD if row % (lines * memory.LINE // run.dtype.itemsize) else 0


def _sizes(run: Training, tile: int, wanted: bool) -> ListSizes:
    """Sizes of the lists of the input spikes of a tile, if these are `wanted`."""
    spikes = run.spikes if wanted else None
    return list_sizes(tile, 0) if spikes is None else list_sizes(tile, spikes.n_input, spikes.step, spikes.pointer)


def _states(dtype: np.dtype, tile: int, each: tuple[int, ...], lines: int, n_pad: int) -> list[np.ndarray]:
    """Return floats and integers, of `each` trial if there are several at a time, pads, drive.

    The kernels clear the first two. Lanes of the others that belong to no neuron are read, but never put out.
    """
    width = lines * memory.LINE // dtype.itemsize
    counter = np.int32 if dtype == np.float32 else np.int64
    return [
        memory.empty((*each, N_FLOAT_ROW * BLOCK), dtype),
        memory.empty((*each, N_INTEGER_ROW * BLOCK), counter),
        memory.zeros((n_pad * tile * width,), dtype),
        memory.zeros((2 * tile * width,), dtype),
    ]


def _step_lists(dtype: np.dtype, tile: int, bundle: int, n_source: int, sizes: ListSizes) -> list[np.ndarray]:
    """Return rows of the gradient of the jumps, one of zeros; spikes; lists of the steps of inputs."""
    rows = memory.zeros(((bundle * tile + 1) * (memory.LINE // dtype.itemsize),), dtype)
    source, ends = np.empty(n_source, np.int32), np.empty(bundle * max(tile, 2), np.int64)
    return [rows, source, ends, *make_lists(sizes, dtype)]


def borrow_forward(run: Training, tile: int, n: int) -> AbstractContextManager[list[Scratch]]:
    """Lend n sets, in the order of ``superspike.run_forward``."""
    f, n_pad, sizes = run.dtype, _n_pad(run, 1), _sizes(run, tile, True)
    return _pool.borrow(
        n, (f.char, tile, n_pad, sizes), lambda: (*_states(f, tile, (), 1, n_pad), *make_lists(sizes, f))
    )


def borrow_backward(
    run: Training, tile: int, bundle: int, lines: int, gathers: bool, of_weight: bool, n: int
) -> AbstractContextManager[list[Scratch]]:
    """Lend n sets, in the order of ``superspike_back.run_backward``.

    `gathers`: spikes go through the weights once more; `of_weight`: the gradient of the weights is wanted.
    """
    f, n_pad, each = run.dtype, _n_pad(run, lines), (bundle,)
    sizes, of_sizes, n_source = _sizes(run, tile, gathers), None, 0
    if of_weight:
        assert run.spikes is not None
        of_sizes = step_list_sizes(tile, bundle, run.spikes.n_input, run.spikes.pointer)
        n_source = 0 if run.spikes.dense is None else bundle * tile * run.spikes.n_input + AT_ONCE

    def make() -> Scratch:
        lanes = N_LOCAL * tile * (lines * memory.LINE // f.itemsize)
        lists = (np.empty((*each, *array.shape), array.dtype) for array in make_lists(sizes, f))
        of_lists = [None] * _N_STEP_LIST if of_sizes is None else _step_lists(f, tile, bundle, n_source, of_sizes)
        return (
            *_states(f, tile, each, lines, n_pad), memory.empty((lanes,), f), memory.empty((lanes // 64 + 1,), np.uint64),
            *lists, np.ones(each, bool), *of_lists,
        )  # fmt: skip

    return _pool.borrow(n, (f.char, tile, bundle, lines, n_pad, sizes, of_sizes, n_source), make)
