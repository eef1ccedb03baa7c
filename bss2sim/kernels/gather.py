"""From input spikes to jumps of the synaptic current: rows of the weight matrix, added by event.

No dense product: the cost is one row per spike. Rows are added in ascending order of (time, input), whatever
the form in which the spikes come, so every form gives the same jumps to the bit. With a pair of synaptic time constants
positive weights go to the first row of the result (excitatory), negative ones to the second.
"""

from __future__ import annotations

import math

import numpy as np

from .codes import BLOCK
from .jit import part
from .vector import nonzero_mask, trailing_zeros, use_wide_registers, without_lowest


@part
def list_spikes(spikes, offset, n_input, index):
    """Write the indices of the non-zero entries of a row to `index`; return their number."""
    n_spike = np.int64(0)
    whole = n_input - n_input % 64
    for first in range(0, whole, 64):
        mask = nonzero_mask(spikes, offset + first)
        while mask != 0:
            index[n_spike] = first + trailing_zeros(mask)
            mask = without_lowest(mask)
            n_spike += 1
    for k in range(whole, n_input):
        if spikes[offset + k] != 0:
            index[n_spike] = k
            n_spike += 1
    return n_spike


@part
def is_plain(spikes, offset, n_input):
    """Whether a row holds only 0 and 1."""
    use_wide_registers()
    row = spikes[offset : offset + n_input]
    graded = False
    for k in range(n_input):
        graded |= (row[k] != 0) & (row[k] != 1)
    return not graded


@part
def add_rows(index, first, n_spike, weight, origin, stride, n, jump):
    """Add weight rows index[first : first + n_spike] to jump[:n]; eight rows a pass, in order."""
    use_wide_registers()
    to = jump[:n]
    end = first + n_spike
    k = first
    while k + 8 <= end:
        a = weight[origin + index[k] * stride :]
        b = weight[origin + index[k + 1] * stride :]
        c = weight[origin + index[k + 2] * stride :]
        d = weight[origin + index[k + 3] * stride :]
        e = weight[origin + index[k + 4] * stride :]
        f = weight[origin + index[k + 5] * stride :]
        g = weight[origin + index[k + 6] * stride :]
        h = weight[origin + index[k + 7] * stride :]
        for j in range(n):
            to[j] = to[j] + a[j] + b[j] + c[j] + d[j] + e[j] + f[j] + g[j] + h[j]
        k += 8
    while k + 2 <= end:
        a = weight[origin + index[k] * stride :]
        b = weight[origin + index[k + 1] * stride :]
        for j in range(n):
            to[j] = to[j] + a[j] + b[j]
        k += 2
    while k < end:
        at = origin + index[k] * stride
        a = weight[at : at + n]
        for j in range(n):
            to[j] = to[j] + a[j]
        k += 1


@part
def add_signed_rows(index, first, n_spike, weight, origin, stride, n, jump):
    """Add weight rows, positive entries to jump[:n], negative ones to jump[BLOCK : BLOCK + n]."""
    use_wide_registers()
    up = jump[:n]
    down = jump[BLOCK : BLOCK + n]
    for k in range(first, first + n_spike):
        at = origin + index[k] * stride
        a = weight[at : at + n]
        for j in range(n):
            w = a[j]
            zero = w - w
            up[j] = up[j] + (zero if w < zero else w)
            down[j] = down[j] + (w if w < zero else zero)


@part
def add_graded_row(grade, weight, at, n, jump, pair):
    """Add one weight row times the grade of its spike; `pair` is None for a single time constant."""
    use_wide_registers()
    a = weight[at : at + n]
    up = jump[:n]
    if pair is None:
        for j in range(n):
            up[j] = up[j] + grade * a[j]
    else:
        down = jump[BLOCK : BLOCK + n]
        for j in range(n):
            w = grade * a[j]
            zero = w - w
            up[j] = up[j] + (zero if w < zero else w)
            down[j] = down[j] + (w if w < zero else zero)


@part
def add_sparse_row(grade, column, value, first, end, low, n, jump, pair):
    """Add one row of a CSR weight matrix; columns ascend, those in [low, low + n) count."""
    a, b = first, end
    while a < b:  # first column >= low
        middle = (a + b) // 2
        if column[middle] < low:
            a = middle + 1
        else:
            b = middle
    while a < end and column[a] < low + n:
        w = value[a] * grade
        at = column[a] - low
        if pair is not None:
            if w < 0:
                at += BLOCK
        jump[at] = jump[at] + w
        a += 1


@part
def gather_dense(spikes, offset, n_input, weight, column, pointer, row, n_neuron, low, n, index, jump, pair):
    """Jumps of neurons low .. low + n caused by one row of dense input spikes.

    `weight` holds (weight set, input, neuron) flat; or, with `column` and `pointer`, the values of CSR
    matrices whose rows are numbered row * n_input + input.
    """
    for j in range(n):
        jump[j] = 0
    if pair is not None:
        for j in range(n):
            jump[BLOCK + j] = 0
    n_spike = list_spikes(spikes, offset, n_input, index)
    plain = is_plain(spikes, offset, n_input)
    base = row * n_input
    if column is not None:
        for k in range(n_spike):
            at = base + index[k]
            grade = weight.dtype.type(spikes[offset + index[k]])
            if not math.isfinite(grade):  # no weight may be stored that would carry it on
                jump[0] = grade - grade
            add_sparse_row(grade, column, weight, pointer[at], pointer[at + 1], low, n, jump, pair)
    elif not plain:
        for k in range(n_spike):
            grade = weight.dtype.type(spikes[offset + index[k]])
            add_graded_row(grade, weight, (base + index[k]) * n_neuron + low, n, jump, pair)
    elif pair is None:
        add_rows(index, np.int64(0), n_spike, weight, base * n_neuron + low, n_neuron, n, jump)
    else:
        add_signed_rows(index, np.int64(0), n_spike, weight, base * n_neuron + low, n_neuron, n, jump)


@part
def gather_events(source, first, n_event, n_input, weight, column, pointer, row, n_neuron, low, n, jump, pair):
    """Jumps of neurons low .. low + n caused by the events first .. first + n_event of sparse input spikes."""
    for j in range(n):
        jump[j] = 0
    if pair is not None:
        for j in range(n):
            jump[BLOCK + j] = 0
    base = row * n_input
    if column is not None:
        one = weight.dtype.type(1)
        for k in range(first, first + n_event):
            at = base + source[k]
            add_sparse_row(one, column, weight, pointer[at], pointer[at + 1], low, n, jump, pair)
    elif pair is None:
        add_rows(source, first, n_event, weight, base * n_neuron + low, n_neuron, n, jump)
    else:
        add_signed_rows(source, first, n_event, weight, base * n_neuron + low, n_neuron, n, jump)
