"""Label a result: which variables a recording makes, and the Dataset they leave in."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from .broadcasting import Trials
from .neuron import Population
from .plan import Plan
from .recording import Recording
from .variables import SYNAPTIC_INPUTS, create_dataset


def wanted_outputs(
    record: Recording, neurons: Population, trials: Trials, pair: bool, n_time: int, selected: np.ndarray, f: np.dtype
) -> dict[str, tuple[tuple[Any, ...], tuple[int, ...], Any]]:
    """Dims, shape and dtype of the dense outputs."""
    size = selected.size
    axis, rows = ("time", n_time) if record.sample_time is None else ("sample_time", record.sample_time.size)
    wanted: dict[str, tuple[tuple[Any, ...], tuple[int, ...], Any]] = {}
    if record.spikes == "dense" and neurons.fires:
        wanted["spikes"] = ((*trials.dims, "time", "neuron"), (*trials.shape, n_time, size), np.dtype(np.uint8))
    if record.membrane:
        wanted["membrane"] = ((*trials.dims, axis, "neuron"), (*trials.shape, rows, size), f)
    if record.current:
        if pair:
            dims, shape = (*trials.dims, axis, "synaptic_input", "neuron"), (*trials.shape, rows, 2, size)
        else:
            dims, shape = (*trials.dims, axis, "neuron"), (*trials.shape, rows, size)
        wanted["current"] = (dims, shape, f)
    return wanted


def label_result(plan: Plan, begin: float, step: int, attrs: dict[str, Any]) -> xr.Dataset:
    """Put the results into a Dataset."""
    trials, record, outputs = plan.trials, plan.record, plan.outputs
    variables: dict[str, tuple[tuple[Any, ...], np.ndarray]] = dict(outputs.dense)
    coords: dict[Hashable, Any] = dict(trials.labels)
    buffers, size = plan.buffers, plan.selected.size
    if buffers is not None and buffers.kind == "sparse":
        time, neuron, trial, row_size = buffers.collect()
        variables["spike_time"] = (("spike",), time)
        variables["spike_neuron"] = (("spike",), neuron)
        variables["spike_batch"] = (("spike",), trial)
        variables["row_size"] = (trials.dims, row_size.reshape(trials.shape))
    elif buffers is not None and buffers.count is not None:
        count = buffers.count.reshape(-1, plan.n_neuron)[:, plan.selected]
        variables["spike_count"] = ((*trials.dims, "neuron"), count.reshape(*trials.shape, size))
    elif buffers is not None and buffers.first is not None:
        first = np.where(np.isinf(buffers.first), np.nan, buffers.first).reshape(-1, plan.n_neuron)[:, plan.selected]
        variables["first_spike"] = ((*trials.dims, "neuron"), first.reshape(*trials.shape, size))
    labelled = {dim for dims, _ in variables.values() for dim in dims}
    if "neuron" in labelled:
        coords["neuron"] = plan.selected
    if "time" in labelled:
        rows = np.arange(plan.n_time)
        coords["time"] = (step + rows) * plan.dt if step >= 0 else begin + rows * plan.dt
    if "sample_time" in labelled:
        coords["sample_time"] = record.sample_time
    if "synaptic_input" in labelled:
        coords["synaptic_input"] = list(SYNAPTIC_INPUTS)
    return create_dataset(variables, coords, attrs)
