"""The time before a trial begins, in which the membranes run free."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..inputs import SNAP, Drive


def with_free_run(drive: Drive, length: float, dt: float) -> tuple[Drive, int, float]:
    """Return inputs that are preceded by a time without any.

    Parameters
    ----------
    drive : Drive
        Dense or sparse spikes.
    length : float
        At least so long [s].
    dt : float
        Grid spacing [s].

    Returns
    -------
    drive : Drive
        The inputs, later.
    rows : int
        Rows of the grid that were put before, 0 of sparse spikes.
    length : float
        How much later [s]: of dense spikes whole steps of dt.
    """
    if length == 0:
        return drive, 0, 0.0
    if drive.kind == "sparse":
        assert drive.time is not None
        return dataclasses.replace(drive, time=drive.time + length), 0, length
    assert drive.flat is not None and drive.at is not None and drive.n_time is not None
    rows = math.ceil(length / dt * (1 - SNAP))
    n_time, width = drive.n_time + rows, drive.width
    at = drive.at.reshape(-1)
    later = np.zeros((at.size, n_time, width), drive.flat.dtype)
    offsets = np.arange(drive.n_time)[:, np.newaxis] * drive.time_stride + np.arange(width)
    for row, first in enumerate(at):
        later[row, rows:] = drive.flat[first + offsets]
    places = (np.arange(at.size, dtype=np.int64) * n_time * width).reshape(drive.at.shape)
    flat = later.reshape(-1)
    flat.flags.writeable = False
    return dataclasses.replace(drive, n_time=n_time, flat=flat, at=places, time_stride=width), rows, rows * dt
