"""Numbers that kernels and the code around them share. Imports nothing, so that loading it loads no Numba."""

BLOCK = 512  # neurons of one task: their state stays in the first-level cache

ROWS = 4  # steps that `packed.gather_packed` takes at a time: they are written out there
ROWS_AHEAD = 8  # steps that dense input spikes are asked for ahead
AT_ONCE = 4  # input spikes that `packed.list_dense` writes at a time, some of them for nothing

# What sums of weights do with what is there: take its place, go on from it, or be added to it when they are complete.
IN_PLACE, ONWARDS, ON_TOP = 0, 1, 2

# Phase of a neuron.
FREE, CLAMPED, HOLDOFF = 0, 1, 2

# What a kernel reports about a neuron, with its trial and index.
FINE, TOO_FAST, NOT_FINITE, BIN_FULL = 0, 1, 2, 3
MOST_SPIKES = 10_000_000  # of one neuron between two inputs; more would look like a hang
MOST_IN_BIN = 255  # of one neuron in a bin of dense spikes

# How rows of dense outputs are written, see ``vector.record_row`` and ``lanes.put_lanes``.
WHOLE, STREAMED, SELECTED = 0, 1, 2
