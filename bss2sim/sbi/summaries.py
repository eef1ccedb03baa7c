"""What is returned of a run: summaries that have a name, and functions of the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_array
from ..errors import InputError, ParameterError, choose
from ..recording import Recording
from .parameters import DRAW

Summary = str | Callable[[xr.Dataset], Any]
# What is recorded for a summary that has a name.
SUMMARIES = {
    "spike_count": Recording("count"),
    "first_spike": Recording("first"),
    "membrane": Recording(None, membrane=True),
    "cadc_value": Recording(None),
    "madc_value": Recording(None),
}


class Misfit(InputError):
    """A summary that does not fit, which is no fault of a row."""


def check_summary(summary: Any, record: Any) -> tuple[Summary, Recording | None]:
    """Return the summary and what is recorded for it."""
    if callable(summary):
        return summary, record
    name = choose("summary", summary, SUMMARIES) if isinstance(summary, str) else None
    if name is None:
        raise ParameterError(
            f"summary must be a function of a Dataset, or one of {', '.join(SUMMARIES)}; got {summary!r}"
        )
    return name, SUMMARIES[name] if record is None else record


def summarise(summary: Summary, run: xr.Dataset, n_draw: int) -> np.ndarray:
    """Return the summaries (draw, k), float32."""
    if isinstance(summary, str):
        if summary not in run:
            raise Misfit(
                f"the run has no {summary}, only {', '.join(map(str, run.data_vars)) or 'nothing'}: record it, and enable "
                "it in the neurons; CADC and MADC are of a chip"
            )
        made: Any = run[summary]
        if summary == "first_spike":
            made = made.fillna(run.attrs["start_time"] + run.attrs["duration"])
    else:
        made = summary(run)
    if isinstance(made, xr.DataArray):
        if DRAW not in made.dims:
            raise Misfit(f"summary must keep the dim {DRAW!r}; it returned dims {made.dims}")
        made = made.transpose(DRAW, ...).values
    else:
        made = as_array("what summary returns", made, "an array (draw, k)", InputError)
    if made.ndim < 1 or len(made) != n_draw or made.dtype.kind not in "biuf":
        raise Misfit(
            f"summary must return numbers (draw, k), of {n_draw} rows here; it returned shape {made.shape}, dtype {made.dtype}"
        )
    return np.array(made.reshape(n_draw, -1), np.float32)
