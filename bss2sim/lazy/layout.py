"""What a run will return, found without computing it: the result of the same run without any trial."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..arrays import as_seconds, is_chunked
from ..broadcasting import Trials, labels_of
from ..device import check_device, chip_device
from ..errors import ParameterError, without_warnings
from ..hardware.chip import EmulatedChip
from ..neuron import Population
from ..options import check_threads
from ..plausibility import told, warn_of_long_step, warn_of_long_time
from ..variables import create_dataset
from .call import Call, Path, is_read, take_trials, trial_dims

NO_TRIAL = (
    "no_trial"  # a dim of the inputs without entries: with it a run is checked and labelled, and simulates nothing
)
OF_BLOCKS = "made in each block"  # name of a calibration that is not known before


@dataclass
class Layout:
    """What a run returns, and how to run a part of it.

    Attributes
    ----------
    trials : Trials
        All trials, dims in the order of the result.
    variables : dict of str to (dims, dtype, attrs)
        Of the result.
    sizes : dict
        Lengths of the dims, but that of ``spike``.
    coords : dict of Variable
        Labels of the result.
    attrs : dict
        Attributes of the result.
    call : Call
        The arguments; those in `parts` are cut down to one trial in what is fixed.
    batch : int64 array or None
        On a chip: the number by which each batch entry draws its noise.
    """

    trials: Trials
    variables: dict[str, tuple[tuple[Hashable, ...], np.dtype, dict[Any, Any]]]
    sizes: dict[Hashable, int]
    coords: dict[Hashable, xr.Variable]
    attrs: dict[Any, Any]
    call: Call
    batch: np.ndarray | None

    @property
    def is_sparse(self) -> bool:
        """Whether the run records sparse spikes, whose number is not known."""
        return "spike_time" in self.variables

    def dense(self) -> dict[str, tuple[tuple[Hashable, ...], np.dtype, dict[Any, Any]]]:
        """Return the variables whose shape is known."""
        return {name: it for name, it in self.variables.items() if "spike" not in it[0]}

    def dataset(self, arrays: dict[str, Any]) -> xr.Dataset:
        """Label arrays by variable; those of dense variables may be chunked."""
        labelled = {dim for name in arrays for dim in self.variables[name][0]}
        coords = {
            name: label for name, label in self.coords.items() if set(label.dims) <= labelled | {*self.trials.sizes}
        }
        result = create_dataset({name: (self.variables[name][0], a) for name, a in arrays.items()}, coords, self.attrs)
        for name in arrays:
            result[name].attrs = dict(self.variables[name][2])
        return result


def lay_out(call: Call) -> Layout:
    """Check a run and describe its result, without its numbers.

    Raises
    ------
    Bss2SimError
        As :func:`bss2sim.simulate` does; what is wrong with numbers of chunked arguments is found when they are computed.

    Warns
    -----
    UserWarning
        If batch entries have the same label on a chip, or the calibration does not fit the chip.
    """
    from ..simulate import simulate

    fixed, chip = dict(call.fixed), call.fixed.get("chip")
    for name in ("state", "return_state", "out"):
        value = fixed.pop(name, None)
        if value is not None and value is not False:
            raise ParameterError(
                f"{name} does not go with blocks, which begin anew and have memory of their own; leave {name} out, or call "
                ".compute() on the chunked arguments first"
            )
    where: dict[str, str] = {}
    if chip is None:
        where["device"] = check_device(fixed.get("device"), fixed.get("threads"))
    else:
        fixed["device"], placed = chip_device(fixed.get("device"))
        if isinstance(chip, EmulatedChip) and isinstance(fixed["neurons"], Population):
            where = _read_calibration(call, fixed)
        where |= placed
    trials = _all_trials(call)
    check_threads(fixed.get("threads"))
    shrunk = Call({**fixed, "device": "cpu"}, _one_trial(call))  # without trials the run needs no GPU
    with told():  # defaults stand for chunked values
        arguments = shrunk.with_parts(shrunk.parts)
    if isinstance(arguments["inputs"], xr.DataArray | xr.Dataset):
        arguments["inputs"] = _without_trials(
            arguments["inputs"], "neuron" if arguments.get("synapse") is None else "input"
        )
    with without_warnings():  # every block warns of its own
        result = simulate(**{**arguments, "threads": 1})
    if "dt" in fixed:
        warn_of_long_step(as_seconds("dt", fixed["dt"]))
    if fixed.get("duration") is not None:
        warn_of_long_time("duration", as_seconds("duration", fixed["duration"]))
    attrs = {**result.attrs, **where}
    if chip is not None:
        from ..experiment.shared_circuits import warn_of_shared_circuits

        circuits = [[one.enum for one in neuron.atomic_neurons] for neuron in fixed["neurons"].place()]
        warn_of_shared_circuits(fixed["inputs"], map(np.array, circuits), chip)
        attrs |= chip.provenance
        attrs["run"] = _plain(call.fixed.get("run", 0))
    variables = {
        str(name): (tuple(dim for dim in v.dims if dim != NO_TRIAL), v.dtype, dict(v.attrs))
        for name, v in result.data_vars.items()
    }
    # Most variables have all trial dims; where none has, their order does not show.
    own = [[dim for dim in dims if dim in trials.sizes] for dims, _, _ in variables.values()]
    trials.sizes = {dim: trials.sizes[dim] for dim in [*max(own, key=len, default=[]), *trials.sizes]}
    coords = {name: label.variable for name, label in result.coords.items() if NO_TRIAL not in label.dims}
    static = {name: arguments[name] if any(path[0] == name for path in call.parts) else fixed[name] for name in fixed}
    if ("weight",) in call.parts:
        static["synapse"] = arguments["synapse"]
    if ("inputs",) in call.parts:
        static["inputs"] = None
    batch = None
    if chip is not None and "batch" in trials.sizes:
        from ..experiment.identity import batch_numbers

        batch = batch_numbers(trials)
    return Layout(
        trials, variables, {**result.sizes, **trials.sizes}, {**coords, **trials.labels}, attrs,
        Call({**static, **where} if chip is None else static, call.parts, call.chunks), batch,
    )  # fmt: skip


def _plain(run: Any) -> Any:
    """Return numbers of runs as an attribute."""
    return run.values.ravel() if isinstance(run, xr.DataArray) and run.ndim else int(run)


def _read_calibration(call: Call, fixed: dict[str, Any]) -> dict[str, str]:
    """Put the registers of a calibration among the arguments, after a warning if they do not fit; return its name."""
    from ..experiment.configured import calibrated_registers

    neurons = fixed["neurons"]
    if fixed.get("calibration") is None:
        return {"calibration_id": OF_BLOCKS}
    registers, name = calibrated_registers(neurons, neurons.place(), fixed["chip"], fixed["calibration"])
    fixed["calibration"] = registers
    if trial_dims(registers):
        call.parts["calibration",] = registers
    return {"calibration_id": name}


def _all_trials(call: Call) -> Trials:
    """Return the trial dims of all arguments that the run reads, with their lengths and labels."""
    trials = Trials()
    on_chip = call.fixed.get("chip") is not None
    for path, part in call.parts.items():
        if not is_read(path, on_chip):
            continue
        dims = trial_dims(part)
        name = path[1] if path[0] == "neurons" else path[0]
        trials.add(str(name), {dim: part.sizes[dim] for dim in dims}, labels_of(part, dims))
    return trials


def _one_trial(call: Call) -> dict[Path, Any]:
    """Return the first trial of every part; in place of chunked ones, which are not computed, numbers that do no harm."""
    parts: dict[Path, Any] = {}
    for path, part in call.parts.items():
        first = take_trials(part, {dim: slice(1) for dim in trial_dims(part)}) if path != ("inputs",) else part
        if not is_chunked(first) or path == ("inputs",):
            parts[path] = first
        else:
            assert isinstance(first, xr.DataArray)  # chunked Datasets are refused
            usual = _usual(call.fixed["neurons"], path) if path[0] == "neurons" else 0
            parts[path] = first.copy(data=np.full(first.shape, usual, first.dtype))
    return parts


def _usual(neurons: Population, path: Path) -> Any:
    """Return the default of a parameter, or what goes with the others."""
    kind: Any = type(neurons)
    value = getattr(kind(1), path[1])
    if path[1] == "refractory_time":
        holdoff = neurons._parameters["holdoff_time"][0]
        value = max(value, 0.0 if is_chunked(holdoff) else float(holdoff.max()))
    return value


def _without_trials(inputs: Any, axis: str) -> Any:
    """Return inputs of no trial with the dims, the length and the dtype of others."""
    if isinstance(inputs, xr.Dataset):
        if "spike" not in inputs.dims:
            return inputs  # refused by what reads it
        dims = inputs["row_size"].dims if "row_size" in inputs else ()
        row_size = np.zeros((*(1 for _ in dims), 0), np.int64)
        # what a run records besides has trials
        there = [name for name in ("spike_time", "spike_neuron") if name in inputs]
        empty = inputs[there].isel(spike=slice(0))
        return empty.assign(row_size=((*dims, NO_TRIAL), row_size))
    own = trial_dims(inputs)
    shape = [1 if dim in own else inputs.sizes[dim] for dim in inputs.dims]
    coords = {"time": inputs.coords["time"].variable} if "time" in inputs.coords and "time" in inputs.dims else {}
    # without these dims they are refused, in words that do not name ours
    more = {NO_TRIAL: 0} if {"time", axis} <= {*inputs.dims} else {}
    zeros = np.zeros((*shape, *more.values()), inputs.dtype)
    return xr.DataArray(xr.Variable((*inputs.dims, *more), zeros), coords)
