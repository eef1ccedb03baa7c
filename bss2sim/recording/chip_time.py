"""Time stamps of the chip: cycles of the FPGA's clock."""

from __future__ import annotations

import itertools

import numpy as np

CYCLES_PER_SECOND = 125e6  # FPGA cycles of 8 ns; HS-c:spiking/detail/to_dense.cpp
SNAP = 1e-6  # a number of cycles or steps this near to a whole one is that one: quotients of times are not exact


def whole_cycles(time: np.ndarray) -> np.ndarray:
    """Return the cycle in which times [s] lie, as float64: rounded down, up to 1e-6 of a cycle below a whole one rounded up.

    >>> whole_cycles(np.array([23.9e-9, 24e-9, 31e-9]))
    array([2., 3., 3.])
    """
    return np.floor(time * CYCLES_PER_SECOND + SNAP)


def run_cycles(duration: float) -> int:
    """Return the number of cycles that begin in [0, duration [s]).

    >>> run_cycles(100e-6), run_cycles(17e-9)
    (12500, 3)
    """
    return int(np.ceil(duration * CYCLES_PER_SECOND - SNAP))


def rows_between(n_trial: int, threads: int) -> list[tuple[int, int]]:
    """Return ranges of trials, a few for each thread."""
    n_chunk = max(1, min(n_trial, 1 if threads == 1 else 4 * threads))
    bounds = [n_trial * chunk // n_chunk for chunk in range(n_chunk + 1)]
    return list(itertools.pairwise(bounds))


def segments(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a list of groups where it changes; return where segments begin and end, and the group of each, int64.

    >>> segments(np.array([0, 0, 1, 0]))
    (array([0, 2, 3, 4]), array([0, 1, 0]))
    """
    group = np.asarray(group, np.int64)
    starts = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    return np.append(starts, group.size), group[starts]
