"""What makes a sweep the sweep it is: a short text for every argument and version, compared before a store is resumed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Hashable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from .. import __version__
from ..arrays import is_chunked
from ..calibration.result_checks import numbers_digest
from ..experiment.identity import as_run
from ..hardware.chip import EmulatedChip
from ..lazy.call import Call, Path
from ..lazy.grid import Grid
from ..lazy.layout import Layout
from ..parameter_pair import Parameter
from ..synapse import Synapse

SLAB = 2**22  # numbers that are digested at a time: each takes eight bytes
FEW = 6  # numbers of an array that are written out
CHUNKED = "chunked "  # how the text of an array begins that is compared part by part

IN_RESULT = ("integrator", "dt", "duration", "dtype", "device", "calibration_id", "effects", "start")


def array_digest(array: xr.DataArray | xr.Dataset) -> str:
    """Return the first 16 digits of the SHA-256 of the numbers of an array, or of all arrays of a Dataset."""
    if isinstance(array, xr.DataArray) and array.size > SLAB and array.shape[0] > 1:
        rows = max(1, SLAB * array.shape[0] // array.size)
        parts = (array_digest(array[first : first + rows]) for first in range(0, array.shape[0], rows))
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
    dataset = array.to_dataset(name="array") if isinstance(array, xr.DataArray) else array
    return numbers_digest(dataset.reset_coords(drop=True))[:16]


def describe_array(array: xr.DataArray | xr.Dataset) -> str:
    """Describe an array: dtype, lengths, and the numbers of a short one or the digest of a long one."""
    sizes = ", ".join(f"{dim}: {size}" for dim, size in array.sizes.items())
    if isinstance(array, xr.Dataset):
        attrs = {name: array.attrs[name] for name in ("start_time", "duration") if name in array.attrs}
        return f"({sizes}) {attrs} sha256 {array_digest(array)}"
    if is_chunked(array):
        return f"{CHUNKED}{array.dtype} ({sizes})"
    if array.size <= FEW:
        return f"{array.dtype} ({sizes}) {np.asarray(array.values).ravel().tolist()}"
    return f"{array.dtype} ({sizes}) sha256 {array_digest(array)}"


def describe(value: Any) -> str:
    """Describe any argument so that equal ones have equal texts, in every process."""
    if isinstance(value, xr.DataArray | xr.Dataset):
        return describe_array(value)
    if isinstance(value, np.ndarray):
        return describe_array(xr.DataArray(value))
    if isinstance(value, np.generic):
        return describe(value.item())
    if isinstance(value, Parameter):
        return f"model {describe(value.model)}, hardware {describe(value.hardware)}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {describe(value[key])}" for key in sorted(value, key=str)) + "}"
    return repr(value)


def fingerprint(call: Call, layout: Layout) -> dict[str, str]:
    """Return a text for everything that the numbers of a run depend on.

    Parameters
    ----------
    call : Call
        The arguments as the caller gave them.
    layout : Layout
        What was made of them.

    Returns
    -------
    dict of str to str
        By name as in messages. Chunked arrays are described without their numbers (:func:`chunked_digests`).
    """
    given, neurons = call.fixed, call.fixed["neurons"]
    texts = {f"version of {name}": version(name) for name in ("numpy", "numba")}
    texts["version of bss2sim"] = __version__
    texts["neurons"] = f"{type(neurons).__name__}, size {neurons.size}"
    texts |= {f"neurons.{name}": describe(value) for name, value in neurons._arguments().items()}
    texts["inputs"] = describe(given["inputs"])
    synapse, chip = given.get("synapse"), given.get("chip")
    if isinstance(synapse, Synapse):
        texts["weight"] = describe(_weight(synapse, chip))
        if chip is not None and not callable(synapse.transform):
            texts["transform"] = describe(synapse.transform)
    if isinstance(chip, EmulatedChip):
        texts |= {name: describe(value) for name, value in chip.provenance.items()}
        texts["run"] = describe(as_run(given.get("run", 0)))
    # as they are in the result: an argument that is its default differs in nothing
    texts |= {name: describe(layout.attrs[name]) for name in IN_RESULT if name in layout.attrs}
    texts["record"] = ", ".join(layout.variables)
    for name in ("neuron", "sample_time"):
        if getattr(given.get("record"), name, None) is not None:
            texts[f"record.{name}"] = describe(getattr(given["record"], name))
    texts["trials"] = describe(layout.trials.sizes)
    labels = {dim: xr.DataArray(label.values) for dim, label in layout.trials.labels.items()}
    texts["labels"] = describe(labels)
    return texts


def _weight(synapse: Synapse, chip: Any) -> Any:
    """Return the weights that act: what a function makes of them on a chip, where they are at hand."""
    if chip is not None and callable(synapse.transform) and not synapse._chunked:
        return synapse.chip_weight()
    weight = synapse._weight
    return weight if isinstance(weight, xr.DataArray) else xr.DataArray(weight.toarray(), dims=("input", "neuron"))


def chunked_digests(call: Call, grid: Grid) -> dict[str, str]:
    """Return the digest of every part of every chunked argument, as blocks read it; all of them are computed for it.

    Parameters
    ----------
    call : Call
        The arguments.
    grid : Grid
        The blocks.

    Returns
    -------
    dict of str to str
        By names as ``inputs, batch 0 to 9``.
    """
    import dask

    wanted: dict[str, Any] = {}
    synapse = call.fixed.get("synapse")
    transform = synapse.transform if isinstance(synapse, Synapse) and callable(synapse.transform) else None
    for path, part in call.parts.items():
        if isinstance(part, xr.DataArray) and is_chunked(part):
            of_weight = transform if path == ("weight",) and call.fixed.get("chip") is not None else None
            for name, where in _parts(part.dims, grid):
                wanted[f"{_name(path)}{name}"] = dask.delayed(_digest, traverse=False)(
                    part.isel(where).data, tuple(part.dims), of_weight
                )
    return dict(zip(wanted, dask.compute(*wanted.values()), strict=True))


def _digest(array: np.ndarray, dims: tuple[Hashable, ...], transform: Any) -> str:
    """Digest a part of a chunked argument; of weights with a function what it makes of them."""
    labelled = xr.DataArray(array, dims=dims)
    return array_digest(labelled if transform is None else Synapse(labelled, transform=transform).chip_weight())


def _name(path: Path) -> str:
    """Name an argument in messages."""
    return ".".join(map(str, path))


def _parts(dims: tuple[Hashable, ...], grid: Grid) -> Iterator[tuple[str, dict[Hashable, slice]]]:
    """Name the parts that blocks read of an array, and say where they are."""
    own = Grid({dim: chunks for dim, chunks in grid.chunks.items() if dim in dims})
    for index in itertools.product(*map(range, own.shape)):
        where = own.where(index)
        yield (f", {own.name(index)}" if where else ""), where


def differences(before: Mapping[str, str], now: Mapping[str, str], most: int = 6) -> str:
    """Name what differs between two sweeps; empty if nothing does."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    texts = [
        f"{name}: {_shorter(before.get(name))} in the store, {_shorter(now.get(name))} now" for name in names[:most]
    ]
    return "; ".join(texts) + (f"; and {len(names) - most} more" if len(names) > most else "")


def _shorter(text: str | None, most: int = 160) -> str:
    """Shorten a text; what is not there is the default."""
    if text is None:
        return "the default"
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"
