"""Label what a chip sends."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from .. import __version__
from ..arrays import as_variable
from ..hardware.coordinates import atomic_neuron_coords
from ..hardware.morphology import LogicalNeuronOnDLS
from ..recording.grid import cadc_to_grid, spikes_to_grid
from ..variables import create_dataset
from .laid_out import Experiment
from .observe import Observed

Variables = dict[str, tuple[tuple[Any, ...], np.ndarray]]


def _chosen(array: np.ndarray, selected: np.ndarray) -> np.ndarray:
    """Return some neurons, the last axis, in an order; the array itself if it is all in theirs."""
    if np.array_equal(selected, np.arange(array.shape[-1])):
        return array
    return np.ascontiguousarray(array[..., selected])


def _add_spikes(variables: Variables, e: Experiment, found: Observed, selected: np.ndarray) -> None:
    """Add the spikes as the recording wants them."""
    kind, dims, shape, size = e.record.spikes, e.trials.dims, e.trials.shape, e.neurons.size
    time, neuron, trial = found.spike_time, found.spike_neuron, found.spike_trial
    n_trial = e.trials.size
    if kind == "sparse":
        variables["spike_time"] = (("spike",), time)
        variables["spike_neuron"] = (("spike",), neuron)
        variables["spike_batch"] = (("spike",), trial)
        variables["row_size"] = (dims, np.bincount(trial, minlength=n_trial).astype(np.int64).reshape(shape))
    elif kind == "dense":
        bins = spikes_to_grid(time, neuron, trial, n_trial=n_trial, n_time=e.n_time, n_neuron=size, dt=e.dt)
        bins = _chosen(bins, selected)
        variables["spikes"] = ((*dims, "time", "neuron"), bins.reshape(*shape, e.n_time, selected.size))
    elif kind is not None:
        place = trial * size + neuron
        if kind == "count":
            each = np.bincount(place, minlength=n_trial * size).astype(np.int64)
        else:
            each = np.full(n_trial * size, np.nan)
            each[place[::-1]] = time[::-1]  # the first of each is written last
        each = each.reshape(n_trial, size)[:, selected].reshape(*shape, selected.size)
        variables["spike_count" if kind == "count" else "first_spike"] = ((*dims, "neuron"), each)


def _add_cadc(
    variables: Variables, e: Experiment, found: Observed, placed: list[LogicalNeuronOnDLS], selected: np.ndarray
) -> None:
    """Add the samples of the CADC, and the grid made of them."""
    cadc = found.cadc
    assert cadc is not None and found.cadc_value is not None
    dims, shape, n = e.trials.dims, e.trials.shape, cadc.n
    stamp, hemisphere = cadc.stamp, e.hemisphere[selected]
    value = _chosen(found.cadc_value, selected)
    if e.record.membrane:
        neurons = e.neurons
        grid = cadc_to_grid(
            value, stamp, e.n_time, e.dt, neurons.interpolation_mode, hemisphere=hemisphere, count=cadc.count,
            cadc_time_shift=neurons.cadc_time_shift, shift_cadc_to_first=neurons.shift_cadc_to_first,
            trace_offset=neurons.trace_values("trace_offset", placed)[selected],
            trace_scale=neurons.trace_values("trace_scale", placed)[selected], threads=e.threads,
        )  # fmt: skip
        variables["membrane"] = ((*dims, "time", "neuron"), grid.reshape(*shape, e.n_time, selected.size))
    value, stamp = value[:, :n], np.ascontiguousarray(stamp[:, :, :n])
    variables["cadc_value"] = ((*dims, "cadc_sample", "neuron"), value.reshape(*shape, n, selected.size))
    variables["cadc_time"] = ((*dims, "hemisphere", "cadc_sample"), stamp.reshape(*shape, 2, n))


def label_experiment(
    e: Experiment, found: Observed, placed: list[LogicalNeuronOnDLS], provenance: dict[str, Any]
) -> xr.Dataset:
    """Put what the chip sends into a Dataset."""
    selected = e.record.selected(e.neurons.size)
    variables: Variables = {}
    coords: dict[Hashable, Any] = dict(e.trials.labels)
    _add_spikes(variables, e, found, selected)
    if found.cadc is not None:
        _add_cadc(variables, e, found, placed, selected)
    if found.madc_time is not None and found.madc_value is not None:
        size = found.madc_time.shape[1]
        for name, array in (("madc_value", found.madc_value), ("madc_time", found.madc_time)):
            variables[name] = ((*e.trials.dims, "madc_sample"), array.reshape(*e.trials.shape, size))
    saturated = e.synapses.saturated
    variables["weight_saturated"] = (saturated.dims, _chosen(saturated.values, selected))
    labelled = {dim for dims, _ in variables.values() for dim in dims}
    coords["neuron"] = selected
    if "time" in labelled:
        coords["time"] = np.arange(e.n_time) * e.dt
    if "hemisphere" in labelled:
        coords["hemisphere"] = np.arange(2)
    for name, label in atomic_neuron_coords().items():
        coords[name] = as_variable(("neuron",), label.values[e.circuit[selected]], label.attrs)
    general = {"bss2sim_version": __version__, "integrator": "exact", "dt": e.dt, "dtype": "float64"}
    length = float(f"{e.duration:.15g}")
    extra: dict[str, Any] = {"cadc_cut": found.cadc.cut} if found.cadc is not None and found.cadc.cut else {}
    if e.neurons.enable_madc_recording:
        extra["madc_neuron"] = int(e.neurons.record_neuron_id)
    span = {"start_time": 0.0, "duration": length, "n_neuron": e.neurons.size}
    attrs = {**general, **span, **provenance, **extra}
    result = create_dataset(variables, coords, attrs)
    if "membrane" in result and (e.neurons.trace_values("trace_scale", placed) == 1).all():
        result["membrane"].attrs["units"] = "LSB"
    return result
