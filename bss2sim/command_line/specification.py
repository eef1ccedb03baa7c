"""A sweep in a TOML file: what :func:`bss2sim.sweep` is called with."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import bss2sim as b2
from bss2sim.calibration.result import why_unreadable
from bss2sim.errors import MissingDependencyError, choose, first_few

from .settings import Settings

NEURONS = ("IAFNeuron", "LIFNeuron", "LINeuron")
OPTIONS = {"dt": float, "integrator": str, "dtype": str, "duration": float, "device": str}
MOST_DRAWN = 2**33  # inputs that are drawn; each takes nine bytes on the way
TABLES = ("neurons", "inputs", "synapse", "record", "chip", "chunks")


def read_specification(path: Path) -> dict[str, Any]:
    """Return the arguments of :func:`bss2sim.sweep` but the store.

    Parameters
    ----------
    path : Path
        A TOML file.

    Raises
    ------
    Bss2SimError
        If something is wrong with it; the message begins with file, line and key.
    """
    settings = Settings.read(path)
    settings.check_keys((*OPTIONS, *TABLES))
    arguments: dict[str, Any] = {key: settings.get(key, kind) for key, kind in OPTIONS.items() if key in settings}
    for key in ("neurons", "inputs"):
        if key not in settings:
            settings.refuse(None, f"the table [{key}] is missing")
    arguments["neurons"] = read_neurons(settings.table("neurons"))
    arguments["inputs"] = _inputs(settings.table("inputs"), arguments.get("dt", 1e-6))
    if "synapse" in settings:
        arguments["synapse"] = _synapse(settings.table("synapse"), arguments["inputs"], arguments["neurons"].size)
    if "record" in settings:
        arguments["record"] = _record(settings.table("record"))
    if "chip" in settings:
        arguments |= _chip(settings.table("chip"))
    if "chunks" in settings:
        chunks = settings.table("chunks")
        arguments["chunks"] = {key: chunks.get(key, int) for key in chunks.content}
    return arguments


def read_neurons(table: Settings) -> Any:
    """Make a population of a table: `kind`, `size`, and its arguments."""
    name = table.get("kind", str, "IAFNeuron")
    with table.naming():
        choose("kind", name, NEURONS)
    kind = getattr(b2, name)
    # arguments that are no numbers, texts or switches have no form in a file
    names = [n for n in inspect.signature(kind).parameters if n not in ("placement_constraint", "neuron_structure")]
    table.check_keys(("kind", *names))
    size = table.get("size", int, needed=True)
    values = {key: table.values(key) for key in table.content if key not in ("kind", "size")}
    return table.make(kind, size, **values)


def _read_array(table: Settings) -> Any:
    """Read an array, or sparse spikes, from the file that a table names."""
    path, name = table.file("file"), table.get("variable", str)
    if path.suffix == ".npy":
        if name is not None:
            table.refuse("variable", "a .npy file has one array, without a name")
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as reason:
            table.refuse("file", f"{path} {why_unreadable(reason, 'file of NumPy with numbers')}")
    if path.suffix not in (".nc", ".zarr"):
        table.refuse("file", f"must end in .npy, .nc or .zarr; got {path.name!r}")
    try:
        dataset = xr.open_zarr(path, chunks={}) if path.suffix == ".zarr" else xr.load_dataset(path)
    except ImportError as reason:
        raise MissingDependencyError(f"{path} cannot be read: {reason}") from reason
    except (OSError, ValueError, KeyError) as reason:
        table.refuse(
            "file", f"{path} {why_unreadable(reason, 'Zarr store' if path.suffix == '.zarr' else 'netCDF file')}"
        )
    if name is None and "spike_time" in dataset:
        return dataset
    names = [str(variable) for variable in dataset.data_vars]
    if name is None and len(names) != 1:
        table.refuse("file", f"has {len(names)} variables; give variable=, one of {first_few(names)}")
    if name is not None and name not in names:
        table.refuse("variable", f"{path} has no variable {name!r}; it has {first_few(names)}")
    return dataset[name or names[0]]


def _inputs(table: Settings, dt: float) -> Any:
    """Read the inputs, or draw them."""
    table.check_keys(("file", "variable", "random"))
    if ("file" in table) == ("random" in table):
        table.refuse(None, "give either `file`, or `random` with inputs, rate, duration (and batch, seed)")
    if "file" in table:
        inputs = _read_array(table)
        if isinstance(inputs, xr.DataArray) and "time" not in inputs.dims:
            table.refuse(
                "variable" if "variable" in table else "file",
                f"{inputs.name or table.file('file')} has dims ({', '.join(map(str, inputs.dims))}), and no `time`; inputs are an "
                'array with `time`, or the spikes of a run that recorded "sparse" ones: counts and first spikes do not say when',
            )
        return inputs
    random = table.table("random")
    random.check_keys(("inputs", "rate", "duration", "batch", "seed"))
    rate, duration = (random.get(key, float, needed=True) for key in ("rate", "duration"))
    size, batch = random.get("inputs", int, needed=True), random.get("batch", int, 1)
    seed = random.get("seed", int, 0)
    for key, value, least in (("inputs", size, 1), ("batch", batch, 1), ("seed", seed, 0)):
        if value < least:
            random.refuse(key, f"must be at least {least}; got {value}")
    steps = round(duration / dt) if 0 < duration < math.inf and dt > 0 else 0
    if steps < 1:
        random.refuse("duration", f"must be finite and at least one step of dt = {dt} s; got {duration} s")
    if steps * batch * size > MOST_DRAWN:
        random.refuse(
            None, f"draws {steps} steps x batch {batch} x {size} inputs, at most {MOST_DRAWN}; read them from a file"
        )
    if not 0 <= rate * dt <= 1:
        random.refuse("rate", f"must be 0 to 1/dt = {1 / dt:g} spikes a second of each input; got {rate:g}")
    spikes = np.random.default_rng(seed).random((steps, batch, size)) < rate * dt
    return xr.DataArray(spikes, dims=("time", "batch", "input"))


def _synapse(table: Settings, inputs: Any, n_neuron: int) -> Any:
    """Read the weights, or make them."""
    table.check_keys(("file", "variable", "value", "random", "input", "transform"))
    if sum(key in table for key in ("file", "value", "random")) != 1:
        table.refuse(None, "give one of `file`, `value` (one weight for all) and `random` (mean, std, seed)")
    transform = table.get("transform", float)
    if "file" in table:
        return table.make(b2.Synapse, _read_array(table), transform=transform)
    known = inputs.sizes.get("input") if isinstance(inputs, xr.DataArray) else None
    n_input = table.get("input", int, known, needed=known is None)
    if n_input < 1:
        table.refuse("input", f"must be at least 1; got {n_input}")
    if "value" in table:
        weight = np.full((n_input, n_neuron), float(table.get("value", float)))
    else:
        random = table.table("random")
        random.check_keys(("mean", "std", "seed"))
        mean, std = (random.get(key, float, needed=True) for key in ("mean", "std"))
        seed = random.get("seed", int, 0)
        for key, value in (("std", std), ("seed", seed)):
            if value < 0:
                random.refuse(key, f"must be at least 0; got {value}")
        weight = np.random.default_rng(seed).normal(mean, std, (n_input, n_neuron))
    return table.make(b2.Synapse, weight, transform=transform)


def _record(table: Settings) -> Any:
    """Read what to record; spikes = "none" records none."""
    known = {"spikes": str, "membrane": bool, "current": bool, "neuron": list, "sample_time": list}
    table.check_keys(known)
    values = {key: table.get(key, known[key]) for key in table.content}
    if values.get("spikes") == "none":
        values["spikes"] = None
    return table.make(b2.Recording, **values)


def _chip(table: Settings) -> dict[str, Any]:
    """Read on which chips a sweep runs, and how."""
    table.check_keys(("seed", "variation", "calibration", "run", "effects", "start"))
    arguments: dict[str, Any] = {}
    if "seed" not in table:
        table.refuse(None, "the key 'seed' is missing; it is a whole number, or a table with a dim to sweep")
    arguments["chip"] = table.make(b2.EmulatedChip, table.values("seed"), variation=table.content.get("variation", 1.0))
    if "calibration" in table:
        path = table.file("calibration")
        with table.naming(key="calibration"):
            arguments["calibration"] = b2.load_calibration(path)
    if "run" in table:
        arguments["run"] = table.values("run")
    if "effects" in table:
        arguments["effects"] = table.content["effects"]
    if "start" in table:
        arguments["start"] = table.get("start", str)
    return arguments
