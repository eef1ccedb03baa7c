"""Read what drives a population: graded jumps, dense spikes or sparse spikes, without copying them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from .arrays import as_array, as_seconds, as_whole
from .broadcasting import Trials, labels_of
from .errors import InputError, ParameterError, refuse_unknown_keywords
from .synapse import Synapse
from .variables import RESERVED_DIMS, create_dataset

SNAP = 1e-6  # a ratio of times this close to a whole number, relative, is that number


_SELECT = "Select trials of a run with .bss2.sel(), which takes their spikes along, as xarray's .sel() does not"


@dataclass
class Drive:
    """Input of a run as the kernels see it.

    Attributes
    ----------
    kind : {"jumps", "dense", "sparse"}
        Graded jumps (neuron), spikes (input) on the grid, or spikes at arbitrary times.
    sizes, labels : dict
        Trial dims and their coordinates.
    n_time : int or None
        Rows of time; None for sparse spikes.
    flat, at, time_stride, width
        Dense input: a flat view of the memory, the element at which each row of the trial dims starts, and the
        elements between rows of time; each row has `width` of them.
    time, source, pointer
        Sparse input: spike times [s] and inputs, trial k being pointer[k] : pointer[k + 1].
    binary
        Whether dense input was of ``bool``: whatever is not 0 is 1, see :meth:`clean`.
    on_device
        The array of the caller if `flat` is memory of a GPU (``device_arrays``).
    """

    kind: str
    sizes: dict[Hashable, int]
    labels: dict[Hashable, xr.Variable]
    n_time: int | None = None
    flat: np.ndarray | None = None
    at: np.ndarray | None = None
    time_stride: int = 0
    width: int = 0
    time: np.ndarray | None = None
    source: np.ndarray | None = None
    pointer: np.ndarray | None = None
    attrs: dict[Any, Any] = field(default_factory=dict)
    binary: bool = False
    on_device: Any = None

    def clean(self) -> None:
        """Let input of ``bool`` be of bytes 0 and 1: a mask of 0 and 255 may have been viewed as such."""
        if not self.binary or self.flat is None or self.on_device is not None:
            return
        if self.flat.dtype == np.uint8 and self.flat.max(initial=0) > 1:
            self.flat = (self.flat != 0).view(np.uint8)

    def rows(self, trials: Trials) -> np.ndarray:
        """Return where each trial reads, int64 (trial,): its first element of `flat`, or its row of `pointer`."""
        dims = tuple(self.sizes)
        return trials.rows(dims) if self.at is None else trials.spread(dims, self.at)


def _flat_view(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """View an array (..., time, x) flat. Returns (view, element where each (...) row starts, time stride)."""
    # Python numbers: arrays of two or three strides cost more than reading them
    item, shape = array.itemsize, array.shape
    usable = array.size == 0 or (
        (shape[-1] == 1 or array.strides[-1] == item)
        and all(stride % item == 0 for stride in array.strides)
        and all(stride >= 0 or size <= 1 for stride, size in zip(array.strides, shape, strict=True))
        and array.dtype.isnative
    )
    if not usable:
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    strides = [stride // item for stride in array.strides]
    at = np.zeros((), np.int64)
    for size, stride in zip(shape[:-2], strides, strict=False):
        at = np.add.outer(at, np.arange(size, dtype=np.int64) * stride)
    in_memory = array.transpose(sorted(range(array.ndim), key=lambda axis: -strides[axis]))
    if in_memory.flags.c_contiguous:  # no gaps: a plain view, sooner made than one by strides
        flat = in_memory.reshape(-1)
        flat.flags.writeable = False
    else:
        length = 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        flat = np.lib.stride_tricks.as_strided(array, (length,), (item,), writeable=False)
    return flat, at, strides[-2]


def _check_time(time: np.ndarray, dt: float, start: float) -> None:
    """Refuse a time coordinate other than start + k dt."""
    if time.dtype.kind not in "iuf":
        raise InputError(f"the time coordinate of the inputs must be numbers in seconds; got dtype {time.dtype}")
    expected = start + np.arange(time.size) * dt
    off = np.abs(time - expected) > SNAP * np.maximum(dt, np.abs(expected))
    if not np.isfinite(time).all() or off.any():
        k = int(np.argmax(off | ~np.isfinite(time)))
        raise InputError(
            f"the time coordinate of the inputs must be {start} s + k * {dt} s; entry {k} is {time[k]} s. "
            "Give dt= as the spacing of the grid, or drop the coordinate"
        )


def read_dense(inputs: Any, axis: str, size: int, dt: float, start: float, dtypes: tuple[Any, ...]) -> Drive:
    """Read an array with dims time and `axis` ("neuron" or "input") and any trial dims."""
    labels: dict[Hashable, xr.Variable] = {}
    if isinstance(inputs, xr.DataArray):
        if inputs.chunks is not None:
            raise InputError("inputs are chunked (dask); call .compute() on them first")
        missing = [dim for dim in ("time", axis) if dim not in inputs.dims]
        if missing:
            other = "input" if axis == "neuron" else "neuron"
            hint = ""
            if other in inputs.dims:
                hint = (
                    "; spikes of inputs need synapse=Synapse(weight)"
                    if axis == "neuron"
                    else "; jumps of neurons go in without synapse="
                )
            raise InputError(f"inputs have dims {inputs.dims}; they need `time` and `{axis}`{hint}")
        lead = tuple(dim for dim in inputs.dims if dim not in ("time", axis))
        wrong = [dim for dim in lead if dim in RESERVED_DIMS]
        if wrong:
            raise InputError(
                f"inputs have a dim {wrong[0]!r}; they may have time, {axis}, batch and sweep dims of your own"
            )
        if "time" in inputs.coords:
            _check_time(inputs.coords["time"].values, dt, start)
        labels = labels_of(inputs, lead)
        array = inputs.variable.transpose(*lead, "time", axis).values
    else:
        array = as_array("inputs", inputs, f"an array (time, batch, {axis})", InputError)
        if array.ndim not in (2, 3):
            raise InputError(
                f"inputs have shape {array.shape}; give an array (time, batch, {axis}) or (time, {axis}), or a DataArray "
                "with named dims"
            )
        lead = ("batch",)[: array.ndim - 2]
        array = array.transpose(1, 0, 2) if lead else array  # batch, time, neuron
    if array.dtype.kind not in "biuf":
        raise InputError(f"inputs must be real numbers; got dtype {array.dtype}")
    if array.shape[-1] != size:
        what = "neurons in the population" if axis == "neuron" else "inputs in the weights"
        remedy = "; spikes of inputs need synapse=Synapse(weight), weight (input, neuron)" if axis == "neuron" else ""
        if not isinstance(inputs, xr.DataArray) and size in array.shape[:-1]:
            remedy += f"; axes are (time, batch, {axis}), got the shape {np.shape(inputs)}"
        raise InputError(f"inputs have {array.shape[-1]} entries along {axis}; there are {size} {what}{remedy}")
    if array.shape[-2] == 0:
        raise InputError("inputs have no time steps; give at least one")
    binary = array.dtype == bool
    if binary:
        array = array.view(np.uint8)
    if array.dtype not in dtypes:
        array = (array != 0 if binary else array).astype(dtypes[-1])
    flat, at, stride = _flat_view(array)
    return Drive(
        "jumps" if axis == "neuron" else "dense",
        dict(zip(lead, array.shape[:-2], strict=True)), labels,
        n_time=array.shape[-2], flat=flat, at=at, time_stride=stride, width=size, binary=binary,
    )  # fmt: skip


def _spike_array(spikes: xr.Dataset, name: str, kinds: str) -> np.ndarray:
    """Return a variable of sparse spikes, or say what is wrong with it."""
    variable = spikes[name]
    if variable.chunks is not None:
        raise InputError(f"{name} is chunked (dask); call .compute() on the spikes first")
    if variable.dims != ("spike",) or variable.dtype.kind not in kinds:
        raise InputError(
            f"{name} must have dims ('spike',) and be numbers; got dims {variable.dims}, dtype {variable.dtype}"
        )
    return variable.values


def read_sparse(spikes: xr.Dataset, n_input: int) -> Drive:
    """Read sparse spikes in the format a run records."""
    for name in ("spike_time", "spike_neuron"):
        if name not in spikes:
            raise InputError(
                f"sparse spikes need a variable {name!r}; make them with sparse_spikes(time, neuron, batch)"
            )
    time = np.ascontiguousarray(_spike_array(spikes, "spike_time", "f"), dtype=np.float64)
    source = _spike_array(spikes, "spike_neuron", "iu")
    n_spike = time.size
    sizes: dict[Hashable, int] = {}
    labels: dict[Hashable, xr.Variable] = {}
    if "row_size" in spikes:
        counts = spikes["row_size"]
        wrong = [dim for dim in counts.dims if dim in RESERVED_DIMS]
        if wrong or counts.dtype.kind not in "iu":
            raise InputError(
                f"row_size must be whole numbers over trial dims; got dims {counts.dims}, dtype {counts.dtype}"
            )
        sizes = dict(zip(counts.dims, counts.shape, strict=True))
        labels = labels_of(spikes, counts.dims)
        row_size = counts.values.reshape(-1).astype(np.int64)
    elif "spike_batch" in spikes:
        raise InputError(
            "sparse spikes with spike_batch need row_size(batch), the number of spikes of each trial; "
            "make them with sparse_spikes(time, neuron, batch, n_batch=...)"
        )
    else:
        row_size = np.array([n_spike], dtype=np.int64)
    if (row_size < 0).any() or row_size.sum() != n_spike:
        raise InputError(
            f"row_size must be at least 0 and sum to the number of spikes, {n_spike}; it sums to {row_size.sum()}. {_SELECT}"
        )
    pointer = np.concatenate([[0], np.cumsum(row_size)]).astype(np.int64)
    trial = np.repeat(np.arange(row_size.size), row_size)
    if "spike_batch" in spikes and not np.array_equal(_spike_array(spikes, "spike_batch", "iu"), trial):
        raise InputError(
            f"spike_batch and row_size disagree: spikes must be sorted by trial, row_size[k] of trial k. {_SELECT}"
        )
    _check_spikes(time, source, trial, n_input)
    return Drive(
        "sparse", sizes, labels, time=time, source=source.astype(np.int32), pointer=pointer, attrs=dict(spikes.attrs)
    )


def _check_spikes(time: np.ndarray, source: np.ndarray, trial: np.ndarray, n_input: int) -> None:
    """Refuse times that are negative, not finite or unsorted within a trial, and inputs that do not exist."""
    if time.size == 0:
        return
    bad = ~np.isfinite(time) | (time < 0)
    if bad.any():
        k = int(np.argmax(bad))
        raise InputError(f"spike_time must be finite and at least 0 s; spike {k} (trial {trial[k]}) has {time[k]} s")
    back = (np.diff(time) < 0) & (np.diff(trial) == 0)
    if back.any():
        k = int(np.argmax(back)) + 1
        raise InputError(
            f"spike_time must be sorted within each trial; spike {k} (trial {trial[k]}) at {time[k]} s comes after "
            f"{time[k - 1]} s. sparse_spikes(time, neuron, batch) sorts"
        )
    if source.min() < 0 or source.max() >= n_input:
        k = int(np.argmax((source < 0) | (source >= n_input)))
        raise InputError(
            f"spike_neuron must be in 0 .. {n_input - 1}, the inputs of the weights; spike {k} has {source[k]}"
        )


def step_of(time: np.ndarray, dt: float) -> np.ndarray:
    """Return the grid steps of times; InputError if one is not on the grid."""
    step = np.rint(time / dt)
    off = np.abs(time - step * dt) > SNAP * np.maximum(dt, np.abs(time))
    if off.any():
        k = int(np.argmax(off))
        raise InputError(
            f"integrator 'euler' needs times on the grid of dt = {dt} s; entry {k} is at {time[k]} s. "
            "Round the times to the grid, or use integrator='exact'"
        )
    return step.astype(np.int64)


@refuse_unknown_keywords
def sparse_spikes(
    time: Any,
    neuron: Any,
    batch: Any = None,
    *,
    n_batch: int | None = None,
    n_neuron: int | None = None,
    duration: float | None = None,
) -> xr.Dataset:
    """Make a Dataset of sparse spikes, the format a run records and :func:`simulate` reads.

    Parameters
    ----------
    time : array (spike,)
        Spike times [s], at least 0, in any order.
    neuron : array (spike,) of int
        Index of the neuron (or input) that spikes.
    batch : array (spike,) of int, optional
        Trial of each spike. Without it the spikes are those of one trial and the Dataset has no dim `batch`.
    n_batch : int, optional
        Number of trials; with `batch` only. Default: the highest trial + 1.
    n_neuron : int, optional
        Number of neurons, to check `neuron` against; kept as an attribute, since silent neurons have no spike to tell of them.
    duration : float, optional
        Length of the trials [s], kept as an attribute that :func:`simulate` uses.

    Returns
    -------
    Dataset
        `spike_time` [s], `spike_neuron`, `spike_batch` (spike,) and `row_size` (batch,), sorted by
        (trial, time, neuron).

    Raises
    ------
    InputError
        If lengths differ, or a time or index is out of range.
    ParameterError
        If n_batch, n_neuron or duration is out of range.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> spikes = b2.sparse_spikes([3e-6, 1e-6], [0, 5], [0, 0], n_batch=2)
    >>> spikes.spike_neuron.values.tolist(), spikes.row_size.values.tolist()
    ([5, 0], [2, 0])
    """
    times = _column("time", time, "iuf").astype(np.float64)
    neurons = _column("neuron", neuron, "iu").astype(np.int64)
    trial = np.zeros(times.size, np.int64) if batch is None else _column("batch", batch, "iu").astype(np.int64)
    if not times.size == neurons.size == trial.size:
        raise InputError(
            f"time, neuron and batch must have one entry per spike; got {times.size}, {neurons.size}, {trial.size}"
        )
    for name, value in (("n_batch", n_batch), ("n_neuron", n_neuron)):
        if value is not None:
            as_whole(name, value)
    if batch is None and n_batch is not None:
        raise ParameterError("n_batch needs batch, the trial of each spike")
    attrs: dict[str, Any] = {} if duration is None else {"duration": as_seconds("duration", duration)}
    if n_neuron is not None:
        attrs["n_neuron"] = int(n_neuron)
    n_trial = 1 if batch is None else int(n_batch) if n_batch is not None else int(trial.max(initial=-1)) + 1
    if trial.size and (trial.min() < 0 or trial.max() >= n_trial):
        raise InputError(f"batch must be in 0 .. {n_trial - 1}; got {trial.min() if trial.min() < 0 else trial.max()}")
    most = np.iinfo(np.int32).max  # what spike_neuron holds
    limit = most if n_neuron is None else min(int(n_neuron), most)
    order = np.lexsort((neurons, times, trial))
    times, neurons, trial = times[order], neurons[order], trial[order]
    _check_spikes(times, neurons, trial, limit)
    if duration is not None and times.size and times.max() >= attrs["duration"]:
        raise InputError(f"spike_time must be below duration = {attrs['duration']} s; got {times.max()} s")
    return label_spikes(times, neurons, trial, None if batch is None else n_trial, attrs)


def label_spikes(
    time: np.ndarray, neuron: np.ndarray, trial: np.ndarray, n_trial: int | None, attrs: dict[str, Any]
) -> xr.Dataset:
    """Label spikes that are sorted by trial and time; `n_trial` None: one trial, without a dim."""
    rows = np.bincount(trial, minlength=1 if n_trial is None else n_trial).astype(np.int64)
    return create_dataset(
        {
            "spike_time": (("spike",), time),
            "spike_neuron": (("spike",), neuron.astype(np.int32)),
            "spike_batch": (("spike",), trial),
            "row_size": ((), rows.reshape(())) if n_trial is None else (("batch",), rows),
        },
        {},
        attrs,
    )


def _column(name: str, value: Any, kinds: str) -> np.ndarray:
    """Return a one-dimensional array of numbers of some kind."""
    array = as_array(name, value, "an array (spike,)", InputError)
    if array.size == 0 and array.ndim == 1:
        return array.astype(np.float64 if "f" in kinds else np.int64)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise InputError(f"{name} must be an array (spike,) of numbers; got shape {array.shape}, dtype {array.dtype}")
    return array


def read_inputs(
    inputs: Any, synapse: Synapse | None, size: int, dt: float, start: float, dtypes: tuple[Any, ...]
) -> Drive:
    """Read any of the three forms of input; `dtypes` are those a dense input may keep, the last is the default.

    Input of ``bool`` may have other bytes than 0 and 1 until it is cleaned (:meth:`Drive.clean`), which reads all of it.
    """
    if isinstance(inputs, tuple):
        raise InputError(
            "inputs is a tuple, of which it is not clear what it means; give sparse spikes as sparse_spikes(time, neuron, "
            "duration=...), or an array (time, batch, input)"
        )
    if isinstance(inputs, xr.Dataset):
        if synapse is None:
            raise InputError("sparse spikes need synapse=Synapse(weight), weight (input, neuron)")
        return read_sparse(inputs, synapse.n_input)
    if synapse is None:
        return read_dense(inputs, "neuron", size, dt, start, dtypes)
    spikes_dtypes = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))
    return read_dense(inputs, "input", synapse.n_input, dt, start, spikes_dtypes)
