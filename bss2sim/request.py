"""What a run of the model is asked for, checked: recording, dtype, sample times."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .arrays import as_array
from .errors import InputError, ParameterError
from .neuron import Population
from .recording import Recording
from .synapse import Synapse


def check_record(record: Any, neurons: Population) -> Recording:
    """Return the recording, by default what the population can be asked for."""
    if record is None:
        return Recording() if neurons.fires else Recording(spikes=None, membrane=True)
    if not isinstance(record, Recording):
        raise ParameterError(f"record must be a Recording(...); got {type(record).__name__}")
    if record.spikes is not None and not neurons.fires:
        raise ParameterError(
            f"{type(neurons).__name__} never fires; record it with Recording(spikes=None, membrane=True)"
        )
    return record


def check_dtype(dtype: Any, integrator: str, inputs: Any, synapse: Synapse | None) -> np.dtype:
    """Return the dtype of the run."""
    if dtype is None:
        if integrator == "exact":
            return np.dtype(np.float64)
        given = []
        if synapse is not None:
            given.append(synapse._weight.dtype)
        if not isinstance(inputs, xr.Dataset):
            kind = getattr(inputs, "dtype", np.dtype(np.float64))  # that of a PyTorch tensor is none of NumPy's
            if not isinstance(kind, np.dtype):
                kind = as_array("inputs", inputs, "an array (time, batch, neuron or input)", InputError).dtype
            given.append(kind)
        floats = [kind for kind in given if kind.kind == "f"]
        return np.dtype(np.float32) if floats and max(kind.itemsize for kind in floats) <= 4 else np.dtype(np.float64)
    try:
        f = np.dtype(dtype)
    except TypeError as error:
        raise ParameterError(f"dtype must be float32 or float64; got {dtype!r}") from error
    if f not in (np.float32, np.float64):
        raise ParameterError(f"dtype must be float32 or float64; got {f}")
    if integrator == "exact" and f != np.float64:
        raise ParameterError("integrator 'exact' promises float64 accuracy; dtype=float32 needs integrator='euler'")
    return f


def on_grid(record: Recording, integrator: str, begin: float, finish: float) -> Recording:
    """Check the sample times of a recording against the run."""
    times = record.sample_time
    if times is None:
        return record
    if times[0] < begin or times[-1] >= finish:
        off = times[0] if times[0] < begin else times[-1]
        raise ParameterError(f"sample_time must be in [{begin} s, {finish} s), the extent of the run; got {off} s")
    if integrator == "euler":
        raise ParameterError(
            "integrator 'euler' has values on its grid only; leave sample_time out and select times from the result, "
            "or use integrator='exact'"
        )
    return record
