"""The gradient of dense input spikes: that of the jumps times the transposed weights, in an order of its own."""

from __future__ import annotations

from .jit import kernel, part
from .lanes import element, fill_lanes, lane_count, load_lanes, store_lanes
from .vector import copy_row

ROWS = 64  # of jumps that stay in the second-level cache while all weights pass


@part
def _put(gradient, at, value, room, pad):
    """Write lanes to a row of the gradient that has room for so many numbers."""
    if room >= pad.size:
        store_lanes(gradient, at, value)
    else:
        store_lanes(pad, 0, value)
        copy_row(gradient, at, pad, 0, room)


@kernel
def spike_gradient(first_row, last_row, n_neuron, n_input, packed, jumps, gradient, pad):
    """Rows first_row .. last_row of `gradient` (row, input): sums over the neurons in order of `jumps` (row, neuron) times weights.

    `packed` holds the weights by groups of inputs, (group, neuron and one of zeros, input of the group).
    """
    width = lane_count(jumps)
    for low in range(first_row, last_row, ROWS):
        high = min(low + ROWS, last_row)
        for group in range(0, n_input, width):
            here = group * (n_neuron + 1)
            room = n_input - group
            for row in range(low, high, 4):
                # Four rows at a time hide the latency of the additions; the last rows may be taken twice.
                row_a = max(min(row, high - 4), low)
                row_b = min(row_a + 1, high - 1)
                row_c = min(row_a + 2, high - 1)
                row_d = min(row_a + 3, high - 1)
                zero = load_lanes(packed, here)
                zero = zero - zero
                a = zero
                b = zero
                c = zero
                d = zero
                for n in range(n_neuron):
                    w = load_lanes(packed, here + n * width)
                    a = a + fill_lanes(element(jumps, row_a * n_neuron + n), w) * w
                    b = b + fill_lanes(element(jumps, row_b * n_neuron + n), w) * w
                    c = c + fill_lanes(element(jumps, row_c * n_neuron + n), w) * w
                    d = d + fill_lanes(element(jumps, row_d * n_neuron + n), w) * w
                _put(gradient, row_a * n_input + group, a, room, pad)
                _put(gradient, row_b * n_input + group, b, room, pad)
                _put(gradient, row_c * n_input + group, c, room, pad)
                _put(gradient, row_d * n_input + group, d, room, pad)
