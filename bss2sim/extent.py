"""How long a run is: rows of time, and its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import as_seconds
from .errors import InputError, ParameterError
from .inputs import SNAP, Drive
from .plausibility import warn_of_long_time

MOST_STEPS = 1e15  # k * dt stays a distinct float64 for every row k


def extent(drive: Drive, duration: Any, dt: float, begin: float, step: int, integrator: str) -> tuple[int, float]:
    """Return the rows of time and the end of the run [s].

    Parameters
    ----------
    drive : Drive
        Input. One with rows of its own lasts as long as they do.
    duration : float or None
        Length of a run with sparse spikes [s]; None: up to where their attributes reach.
    dt : float
        Grid spacing [s].
    begin, step : float, int
        Start of the run [s], and the number of the step that it is; -1 if it lies between two.
    integrator : {"exact", "euler"}
        Euler steps need a whole number of them.

    Raises
    ------
    ParameterError
        If there is no duration, or it does not fit the input, the grid or the start.
    InputError
        If an input with rows would start between two steps.
    """
    if drive.n_time is not None:
        if duration is not None:
            raise ParameterError(
                f"duration is only for sparse spikes; these inputs have {drive.n_time} rows of dt = {dt} s"
            )
        if step < 0:
            raise InputError("this state lies between grid steps; only a run with sparse inputs can continue it")
        return drive.n_time, (step + drive.n_time) * dt
    if duration is None:
        if "duration" not in drive.attrs:
            raise ParameterError(
                "sparse spikes without an attribute `duration` need duration=, the length of the run [s]"
            )
        reach = float(drive.attrs.get("start_time", 0.0)) + as_seconds(
            "the attribute `duration` of the spikes", drive.attrs["duration"]
        )
        duration = reach - begin
        if not duration > 0:
            raise ParameterError(
                f"the spikes reach to {reach} s, the state is already at {begin} s; give duration= [s]"
            )
    else:
        warn_of_long_time("duration", as_seconds("duration", duration))
    length = as_seconds("duration", duration)
    ratio = length / dt
    nearest = np.rint(ratio)
    if ratio > MOST_STEPS:
        raise ParameterError(
            f"duration is {ratio:.3g} steps of dt = {dt} s, more than {MOST_STEPS:.0e}; give a larger dt= [s]"
        )
    on_grid = abs(ratio - nearest) <= SNAP * nearest
    if integrator == "euler" and not on_grid:
        raise ParameterError(f"integrator 'euler' needs a duration of whole steps of dt = {dt} s; got {length} s")
    n_time = int(nearest if on_grid else np.ceil(ratio))
    return n_time, (step + n_time) * dt if on_grid and step >= 0 else begin + length
