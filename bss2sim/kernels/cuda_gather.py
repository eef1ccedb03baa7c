"""From input spikes to the jump of one neuron on a GPU: the rows of the weights, read by neighbouring threads at a time.

The order of the additions, and so the bits, are those of ``gather``. All threads of a trial read the same spikes, which the
processor broadcasts, and neighbouring neurons neighbouring weights: a row comes from the second-level cache in whole lines.
"""

from __future__ import annotations

import functools
import math

from .cuda import SIMULATED, device_function


@functools.cache
def adders(f, sparse, pair):
    """Return device functions for weights of a dtype, dense or `sparse` ones, with a `pair` of time constants or None.

    ``add_row(up, down, grade, at, base, n_neuron, n, weight, column, pointer)`` adds the weight of one spike of input `at` to
    the jump of neuron n, or by its sign to one of two jumps; ``add_dense`` and ``add_events`` add those of a row of spikes, or of
    the events first .. end.
    """
    make = (lambda function: function) if SIMULATED else device_function

    @make
    def add_weight(up, down, w):
        if pair is not None:
            if w < f(0):
                return up, down + w
        return up + w, down

    @make
    def add_row(up, down, grade, at, base, n_neuron, n, weight, column, pointer):
        if sparse is not None:
            if not math.isfinite(grade):  # no weight may be stored that would carry it on
                up = up + (grade - grade)
            k = pointer[base + at]
            end = pointer[base + at + 1]
            last = end
            while k < end:  # the first column that is not below n
                middle = (k + end) // 2
                if column[middle] < n:
                    k = middle + 1
                else:
                    end = middle
            while k < last and column[k] == n:
                up, down = add_weight(up, down, weight[k] * grade)
                k += 1
        if sparse is None:
            up, down = add_weight(up, down, grade * weight[(base + at) * n_neuron + n])
        return up, down

    @make
    def add_dense(spikes, offset, n_input, base, n_neuron, n, weight, column, pointer):
        up, down = f(0), f(0)
        for k in range(n_input):
            spike = spikes[offset + k]
            if spike != 0:
                up, down = add_row(up, down, f(spike), k, base, n_neuron, n, weight, column, pointer)
        return up, down

    @make
    def add_events(source, first, end, base, n_neuron, n, weight, column, pointer):
        up, down = f(0), f(0)
        for k in range(first, end):
            up, down = add_row(up, down, f(1), source[k], base, n_neuron, n, weight, column, pointer)
        return up, down

    return add_dense, add_events
