"""Inputs of circuits on a grid: sums of the weights of the spikes of each bin, for some bins at a time.

Weights are packed by groups of neurons, as many float32 as fill a line of memory: (weight row, group, input and a last one of
zeros, sign, neuron of the group), excitatory ones first, all at least 0. Those of a group stay in the first-level cache over
the bins of a tile. Sums are those of rows added in the order of the inputs, to the bit.
"""

from __future__ import annotations

import numpy as np

from .codes import BLOCK, ROWS
from .jit import part
from .lanes import four_elements, load_lanes, store_lanes
from .packed import list_dense, weighted_lanes
from .prefetch import prefetch_near
from .vector import LINE

TILE = 64  # bins at a time: the weights of all groups come from the second-level cache once in a tile
DRIVE_ROW = 2 * BLOCK  # sums of a bin: excitatory ones, then inhibitory ones
GROUP = 16  # neurons


@part
def _add_group(packed, here, index, grade, plain, order, lists, n_bin, drive, at):
    """Sum the weights of one group, which begin at element `here`, to drive[bin * DRIVE_ROW + at], in each bin.

    Four bins at a time, as in ``packed.gather_packed``.
    """
    zero = load_lanes(packed, here)
    zero = zero - zero
    for m in range(0, n_bin, ROWS):
        a = zero
        b = zero
        c = zero
        d = zero
        a_inh = zero
        b_inh = zero
        c_inh = zero
        d_inh = zero
        for k in range(lists[m // ROWS], lists[m // ROWS + 1], ROWS):
            first, second, third, fourth = four_elements(index, k)
            first = here + 2 * GROUP * first
            second = here + 2 * GROUP * second
            third = here + 2 * GROUP * third
            fourth = here + 2 * GROUP * fourth
            a = a + weighted_lanes(packed, first, grade, k, plain)
            b = b + weighted_lanes(packed, second, grade, k + 1, plain)
            c = c + weighted_lanes(packed, third, grade, k + 2, plain)
            d = d + weighted_lanes(packed, fourth, grade, k + 3, plain)
            a_inh = a_inh + weighted_lanes(packed, first + GROUP, grade, k, plain)
            b_inh = b_inh + weighted_lanes(packed, second + GROUP, grade, k + 1, plain)
            c_inh = c_inh + weighted_lanes(packed, third + GROUP, grade, k + 2, plain)
            d_inh = d_inh + weighted_lanes(packed, fourth + GROUP, grade, k + 3, plain)
        store_lanes(drive, order[m] * DRIVE_ROW + at, a)
        store_lanes(drive, order[m + 1] * DRIVE_ROW + at, b)
        store_lanes(drive, order[m + 2] * DRIVE_ROW + at, c)
        store_lanes(drive, order[m + 3] * DRIVE_ROW + at, d)
        store_lanes(drive, order[m] * DRIVE_ROW + BLOCK + at, a_inh)
        store_lanes(drive, order[m + 1] * DRIVE_ROW + BLOCK + at, b_inh)
        store_lanes(drive, order[m + 2] * DRIVE_ROW + BLOCK + at, c_inh)
        store_lanes(drive, order[m + 3] * DRIVE_ROW + BLOCK + at, d_inh)


@part
def gather_tile(
    spikes,
    at,
    time_stride,
    n_bin,
    n_input,
    packed,
    row,
    n_neuron,
    low,
    n,
    index,
    grade,
    count,
    order,
    lists,
    bins,
    words,
    drive,
):
    """Sum the weights of the spikes of `n_bin` bins for the neurons low .. low + n, to `drive` (bin, sign, BLOCK)."""
    for k in range(n_bin):
        for line in range(0, n_input * spikes.itemsize, LINE):  # rows far apart are invisible to the hardware
            prefetch_near(spikes, at + k * time_stride + line // spikes.itemsize)
    plain = list_dense(spikes, at, time_stride, n_bin, n_input, index, grade, count, order, lists, bins, words, 0)
    n_group = (n_neuron + GROUP - 1) // GROUP
    for g in range(0, n, GROUP):
        here = (row * n_group + (low + g) // GROUP) * (n_input + 1) * 2 * GROUP
        _add_group(packed, here, index, grade, plain, order, lists, n_bin, drive, np.int64(g))
