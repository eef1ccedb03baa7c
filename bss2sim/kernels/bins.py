"""The bin of the grid that a spike falls into."""

from __future__ import annotations

import numpy as np

from .jit import rule


@rule
def bin_edge(k, begin, start_step, dt):
    """Start of bin k of a run [s]: (start_step + k) dt on the grid, begin + k dt if the run does not start there (-1)."""
    if start_step >= 0:
        return (start_step + k) * dt
    return begin + k * dt


@rule
def row_of_spike(time, begin, start_step, dt):
    """Return the k of the bin [k dt, (k + 1) dt) of a spike at `time` [s], a number or an array of them.

    The quotient is off by one where it is rounded beyond an edge, so the edges decide.
    """
    row = np.int64((time - begin) / dt)
    row = row - (bin_edge(row, begin, start_step, dt) > time)
    return row + (bin_edge(row + 1, begin, start_step, dt) <= time)
