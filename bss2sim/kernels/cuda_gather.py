"""From input spikes to the jump of one neuron on a GPU: the rows of the weights, read by neighbouring threads at a time.

The order of the additions, and so the bits, are those of ``gather``. All threads of a trial read the same spikes, which the
processor broadcasts, and neighbouring neurons neighbouring weights: a row comes from the second-level cache in whole lines.

Most of a row of dense spikes is empty, and every neuron of a trial would have to look at all of it. So rows are first packed into
words of one bit for an input (:func:`pack_rows`), and neurons go from one bit that is set to the next.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .cuda import SIMULATED, Kernel, cuda, device_function, element, lowest_bit

WORD = 32  # inputs of a word


def words_of(n_input):
    """Words of a row of inputs."""
    return -(-n_input // WORD)


def _pack(n_task, n_word, n_time, n_input, input_at, flat, time_stride, packed):
    """Pack the dense spikes of trials: word (trial, time, word) has a bit for each input that is not 0."""
    task = cuda.grid(1)
    if task < n_task:
        row = task // n_word
        trial = row // n_time
        first = (task - row * n_word) * WORD
        at = input_at[trial] + (row - trial * n_time) * time_stride + first
        bits = 0
        for k in range(min(WORD, n_input - first)):
            if flat[element(at + k)] != 0:
                bits |= 1 << k
        packed[task] = np.uint32(bits)


pack_rows = Kernel(_pack)


@functools.cache
def adders(f, sparse, pair, graded):
    """Return device functions for weights of a dtype, dense or `sparse` ones, with a `pair` of time constants or None.

    ``add_row(up, down, grade, at, base, n_neuron, n, weight, column, pointer)`` adds the weight of one spike of input `at` to
    the jump of neuron n, or by its sign to one of two jumps; ``add_dense`` and ``add_events`` add those of a row of spikes, packed
    from word `at` on and, if they are `graded`, read from element `offset` on, or of the events first .. end.
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
            up, down = add_weight(up, down, grade * weight[element((base + at) * n_neuron + n)])
        return up, down

    @make
    def add_word(up, down, bits, first, width, weight):
        while bits != 0:  # a weight times one is the weight
            up, down = add_weight(up, down, weight[element(first + lowest_bit(bits) * width)])
            bits = np.uint32(bits & (bits - np.uint32(1)))
        return up, down

    @make
    def add_dense(spikes, offset, packed, at, n_word, base, n_neuron, n, weight, column, pointer):
        up, down = f(0), f(0)
        for word in range(n_word):
            bits = packed[element(at + word)]
            if sparse is None and graded is None:
                first = (base + word * WORD) * n_neuron + n
                up, down = add_word(up, down, bits, first, np.int32(n_neuron), weight)
                continue
            while bits != 0:
                k = word * WORD + lowest_bit(bits)
                bits = np.uint32(bits & (bits - np.uint32(1)))
                grade = f(1)
                if graded is not None:
                    grade = f(spikes[element(offset + k)])
                up, down = add_row(up, down, grade, k, base, n_neuron, n, weight, column, pointer)
        return up, down

    @make
    def add_events(source, first, end, base, n_neuron, n, weight, column, pointer):
        up, down = f(0), f(0)
        for k in range(first, end):
            up, down = add_row(up, down, f(1), source[k], base, n_neuron, n, weight, column, pointer)
        return up, down

    return add_dense, add_events
