"""The arguments of a run, taken apart into arrays that can be cut along trial dims, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_array, is_chunked, is_dask
from ..device import is_on_gpu
from ..errors import InputError
from ..hardware.chip import EmulatedChip
from ..hardware.registers import SIZES
from ..neuron import Population
from ..synapse import Synapse
from ..variables import RESERVED_DIMS

Path = tuple[Any, ...]  # of an array within the arguments, as ("neurons", "tau_syn", 0)
Chunks = Mapping[Hashable, tuple[int, ...]]


def trial_dims(array: xr.DataArray | xr.Dataset) -> tuple[Hashable, ...]:
    """Return the dims of an array along which runs can be cut; of sparse spikes those of their trials."""
    dims = array["row_size"].dims if isinstance(array, xr.Dataset) and "row_size" in array else tuple(array.dims)
    return tuple(dim for dim in dims if dim not in RESERVED_DIMS and dim not in SIZES)


@dataclass
class Call:
    """The arguments of a run.

    Attributes
    ----------
    fixed : dict
        Arguments by name. Those with arrays in `parts` are complete, too; :meth:`with_parts` puts others in their place.
    parts : dict of path to DataArray or Dataset
        Arrays with trial dims, and chunked ones.
    chunks : dict of path to chunks
        How the caller has cut some of them.
    """

    fixed: dict[str, Any]
    parts: dict[Path, xr.DataArray | xr.Dataset] = field(default_factory=dict)
    chunks: dict[Path, Chunks] = field(default_factory=dict)

    def with_parts(self, parts: Mapping[Path, Any]) -> dict[str, Any]:
        """Return the arguments with other arrays in place of the parts."""
        arguments = dict(self.fixed)
        neurons = {path: part for path, part in parts.items() if path[0] == "neurons"}
        if neurons:
            arguments["neurons"] = _with_parameters(arguments["neurons"], neurons)
        if ("weight",) in parts:
            arguments["synapse"] = Synapse(parts["weight",], transform=arguments["synapse"].transform)
        if ("chip",) in parts:
            chip = arguments["chip"]
            arguments["chip"] = EmulatedChip(parts["chip",], variation=chip.variation, configuration=chip.configuration)
        for name in ("inputs", "run", "calibration"):
            if (name,) in parts:
                arguments[name] = parts[name,]
        return arguments


def read_call(arguments: Mapping[str, Any]) -> Call:
    """Take the arguments of :func:`bss2sim.simulate` apart; what is wrong with them is found where they are put together.

    Raises
    ------
    InputError
        If the inputs are on a GPU, or are chunked sparse spikes.
    """
    call = Call(dict(arguments))
    neurons, synapse, chip, run = (arguments.get(name) for name in ("neurons", "synapse", "chip", "run"))
    if isinstance(neurons, Population):
        for name, value in neurons._arguments().items():
            call.parts |= _arrays(("neurons", name), value)
    call.fixed["inputs"] = inputs = _labelled_inputs(arguments["inputs"], synapse)
    found: dict[Path, Any] = {
        ("inputs",): inputs,
        ("weight",): synapse._weight if isinstance(synapse, Synapse) else None,
        ("run",): run,
        ("chip",): chip._seeds if isinstance(chip, EmulatedChip) else None,
        ("calibration",): arguments.get("calibration"),
    }
    call.parts |= {path: value for path, value in found.items() if isinstance(value, xr.DataArray | xr.Dataset)}
    call.parts = {path: part for path, part in call.parts.items() if trial_dims(part) or is_chunked(part)}
    call.chunks = {path: dict(part.chunksizes) for path, part in call.parts.items() if is_chunked(part)}
    if isinstance(chip, EmulatedChip) and chip._chunked:
        call.chunks["chip",] = chip._chunks
    if isinstance(run, xr.DataArray) and is_chunked(run):
        call.parts["run",] = run.compute(scheduler="synchronous")  # a few numbers, which are needed at once
        call.fixed["run"] = call.parts["run",]
    return call


def _labelled_inputs(inputs: Any, synapse: Any) -> Any:
    """Return dense inputs as a DataArray; others as they are."""
    if is_on_gpu(inputs):
        raise InputError("inputs of blocks come from the memory of the processor; copy them from the GPU first")
    if isinstance(inputs, xr.Dataset):
        if any(
            inputs[name].chunks is not None for name in ("spike_time", "spike_neuron", "row_size") if name in inputs
        ):
            raise InputError("sparse spikes are chunked (dask), but not by trials; call .compute() on them first")
        return inputs
    axis = "neuron" if synapse is None else "input"
    if not isinstance(inputs, xr.DataArray):
        array = inputs if is_dask(inputs) else as_array("inputs", inputs, f"an array (time, batch, {axis})", InputError)
        if array.ndim not in (2, 3):
            raise InputError(f"inputs have shape {array.shape}; give an array (time, batch, {axis}) or (time, {axis})")
        inputs = xr.DataArray(array, dims=("time", *("batch",)[: array.ndim - 2], axis))
    return inputs


def _arrays(path: Path, value: Any) -> dict[Path, xr.DataArray]:
    """Return every labelled array in an argument of neurons by its path."""
    found: dict[Path, xr.DataArray] = {}

    def note(path: Path, array: xr.DataArray) -> xr.DataArray:
        found[path] = array
        return array

    _map_arrays(path, value, note)
    return found


def _map_arrays(path: Path, value: Any, act: Callable[[Path, xr.DataArray], Any]) -> Any:
    """Call ``act(path, array)`` for every labelled array in an argument of neurons; return it with the results."""
    if isinstance(value, xr.DataArray):
        return act(path, value)
    if type(value) is tuple:
        return tuple(_map_arrays((*path, k), part, act) for k, part in enumerate(value))
    if hasattr(value, "model") and hasattr(value, "hardware"):
        both = {name: _map_arrays((*path, name), getattr(value, name), act) for name in ("model", "hardware")}
        return type(value)(**both)
    return value


def _with_parameters(neurons: Population, parts: Mapping[Path, xr.DataArray]) -> Population:
    """Return a population with other arrays in some of its arguments."""
    names = {path[1] for path in parts}
    changes = {
        name: _map_arrays(("neurons", name), value, lambda path, array: parts.get(path, array))
        for name, value in neurons._arguments().items()
        if name in names
    }
    return neurons.replace(**changes)


def is_read(path: Path, on_chip: bool) -> bool:
    """Whether a run reads an argument: of a :class:`bss2sim.Parameter` one of its two values."""
    return (path[2:3] not in (("hardware",), ("model",))) or path[2] == ("hardware" if on_chip else "model")


def take_trials(array: xr.DataArray | xr.Dataset, where: Mapping[Hashable, slice]) -> xr.DataArray | xr.Dataset:
    """Return some trials of an array; of sparse spikes their spikes."""
    where = {dim: part for dim, part in where.items() if dim in array.dims}
    if not isinstance(array, xr.Dataset) or "row_size" not in array:
        return array.isel(where)
    counts = array["row_size"].values
    trial = np.arange(counts.size).reshape(counts.shape)
    trial = trial[tuple(where.get(dim, slice(None)) for dim in array["row_size"].dims)]
    end = np.cumsum(counts.reshape(-1))
    ranges = [np.arange(end[k] - counts.flat[k], end[k]) for k in trial.reshape(-1)]
    spikes = np.concatenate(ranges) if ranges else np.empty(0, np.int64)
    chosen = array[["spike_time", "spike_neuron"]].isel(spike=spikes)
    return chosen.assign(row_size=array["row_size"].isel(where))
