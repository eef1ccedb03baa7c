"""What labels a run, as one text that any format has a place for: sizes and coordinates of dims, dtypes, attributes."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..errors import InputError

KEY = "bss2sim"  # under which other formats hold the text
NUMBER = "bss2sim_trial"  # and the number of a trial: a name that no dim of one's own has by chance
_FORMAT = 1
MOST_TRIAL = 2**32  # a text that asks for more would only use up the memory
_KINDS = "biufUmM"


@dataclass
class Description:
    """Labels of a run.

    Attributes
    ----------
    trials : dict
        Length of each trial dim, in order.
    coords : dict
        Coordinates by name.
    variables : dict
        Dims, dtype and attributes of each variable that is held.
    attrs : dict
        Attributes of the run.
    n_neuron : int or None
        Number of neurons, if it is known.
    """

    trials: dict[str, int] = field(default_factory=dict)
    coords: dict[str, xr.Variable] = field(default_factory=dict)
    variables: dict[str, tuple[tuple[str, ...], str, dict[str, Any]]] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)
    n_neuron: int | None = None

    @property
    def n_trial(self) -> int:
        """Number of trials."""
        return math.prod(self.trials.values())

    def labels(self, dim: str) -> np.ndarray:
        """Return the labels of a trial dim, positions if it has none."""
        return self.coords[dim].values if dim in self.coords else np.arange(self.trials[dim])


def describe(function: str, run: xr.Dataset, trials: Iterable[Hashable], names: Iterable[Hashable] = ()) -> Description:
    """Describe a run with these trial dims, and the variables `names` of it."""
    held = Description()
    for dim in trials:
        if not isinstance(dim, str):
            raise InputError(f"{function}: dim {dim!r} has no name that a file can hold; rename it to a str")
        held.trials[dim] = run.sizes[dim]
    for name in names:
        variable = run[name]
        held.variables[str(name)] = (tuple(map(str, variable.dims)), variable.dtype.str, dict(variable.attrs))
    wanted = {*held.trials, *(dim for dims, _, _ in held.variables.values() for dim in dims)}
    for name, coord in run.coords.items():
        if set(coord.dims) <= wanted or "neuron" in coord.dims:
            held.coords[str(name)] = coord.variable
    held.attrs = dict(run.attrs)
    return held


def _to_plain(where: str, value: Any) -> Any:
    """Return what JSON can hold exactly."""
    if isinstance(value, str | bool) or value is None:
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OT" and all(isinstance(entry, str) for entry in value.flat):
            return {"dtype": "str", "shape": value.shape, "data": value.ravel().tolist()}
        if value.dtype.kind not in _KINDS:
            raise InputError(
                f"{where} has dtype {value.dtype}, which cannot be written; make it numbers, text or times"
            )
        flat = value.ravel()
        plain = flat.view(np.int64) if value.dtype.kind in "mM" else flat
        return {"dtype": value.dtype.str, "shape": value.shape, "data": plain.tolist()}
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise InputError(
        f"{where} is a {type(value).__name__}, which cannot be written; make it a number, text or an array"
    )


def _from_plain(value: Any) -> Any:
    """Undo :func:`_to_plain`."""
    if not isinstance(value, Mapping):
        return value
    if value["dtype"] == "str":
        found = np.array(value["data"], dtype=object)
    else:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in _KINDS:
            raise TypeError(f"dtype {dtype}")
        found = np.array(value["data"], np.int64).view(dtype) if dtype.kind in "mM" else np.array(value["data"], dtype)
    return found.reshape(value["shape"])


def as_text(held: Description) -> str:
    """Return a description as JSON."""

    def attributes(where: str, attrs: Mapping[Any, Any]) -> dict[str, Any]:
        return {str(key): _to_plain(f"attribute {key!r}{where}", value) for key, value in attrs.items()}

    coords = {
        name: {
            "dims": [str(dim) for dim in variable.dims],
            "values": _to_plain(f"coordinate {name!r}", np.asarray(variable.values)),
            "attrs": attributes(f" of {name}", variable.attrs),
        }
        for name, variable in held.coords.items()
    }
    variables = {
        name: {"dims": dims, "dtype": dtype, "attrs": attributes(f" of {name}", attrs)}
        for name, (dims, dtype, attrs) in held.variables.items()
    }
    return json.dumps(
        {
            "format": _FORMAT, "trials": held.trials, "n_neuron": held.n_neuron, "coords": coords,
            "variables": variables, "attrs": attributes("", held.attrs),
        }
    )  # fmt: skip


def _parse(given: Any) -> Description:
    """Read the parts; anything that is not as written raises some error."""
    trials = {str(dim): int(size) for dim, size in given["trials"].items()}
    coords = {}
    for name, coord in given["coords"].items():
        variable = xr.Variable(tuple(coord["dims"]), _from_plain(coord["values"]), coord["attrs"])
        for dim, size in variable.sizes.items():
            if dim in trials and trials[str(dim)] != size:
                raise ValueError(f"coordinate {name!r} has {size} entries, its dim {trials[str(dim)]}")
        coords[str(name)] = variable
    variables = {
        str(name): (tuple(variable["dims"]), str(variable["dtype"]), dict(variable["attrs"]))
        for name, variable in given["variables"].items()
    }
    attrs = {key: _from_plain(value) for key, value in given["attrs"].items()}
    n_neuron = None if given["n_neuron"] is None else int(given["n_neuron"])
    held = Description(trials, coords, variables, attrs, n_neuron)
    if any(size < 0 for size in trials.values()) or held.n_trial > MOST_TRIAL:
        raise ValueError(f"sizes {trials}")
    if n_neuron is not None and n_neuron < 1:
        raise ValueError(f"n_neuron {n_neuron}")
    return held


def from_text(function: str, text: Any) -> Description:
    """Read a description; InputError if it is none."""
    try:
        given = json.loads(text)
        number = given["format"]
        held = _parse(given) if number == _FORMAT else None
    except Exception as reason:  # whatever a text that someone else wrote makes fail
        raise InputError(f"{function}: the description {KEY!r} cannot be read ({reason!r}); remove it") from reason
    if held is None:
        raise InputError(f"{function}: the description {KEY!r} has format {number!r}; this version reads {_FORMAT}")
    return held
