"""What is simulated: immutable descriptions of neuron populations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from .arrays import as_array, as_variable, as_whole
from .errors import ParameterError, refuse_unknown_keywords
from .kept import Kept
from .variables import RESERVED_DIMS

_SECONDS = ("tau_mem", "tau_syn", "refractory_time", "holdoff_time")
_POSITIVE = ("tau_mem", "tau_syn")
MOST_KEPT = 16  # runs with the same dt, dtype and integrator take three values


def _where(bad: np.ndarray, dims: tuple[Any, ...]) -> str:
    """Name the first bad entry: ``; neuron 3``."""
    if bad.ndim == 0:
        return ""
    first = np.unravel_index(int(np.argmax(bad)), bad.shape)
    return "; " + ", ".join(f"{dim} {index}" for dim, index in zip(dims, first, strict=True))


def _check(name: str, array: np.ndarray, dims: tuple[Any, ...]) -> None:
    """Refuse numbers that are not finite or out of range."""
    unit = " s" if name in _SECONDS else ""
    if name in _POSITIVE:
        bad, range_ = ~(np.isfinite(array) & (array > 0)), f"finite and above 0{unit}"
    elif name in _SECONDS:
        bad, range_ = ~(np.isfinite(array) & (array >= 0)), f"finite and at least 0{unit}"
    else:
        bad, range_ = ~np.isfinite(array), "finite"
    if bad.any():
        value = array[np.unravel_index(int(np.argmax(bad)), bad.shape)]
        where = _where(bad, dims)
        found = f"{where} has {value}{unit}" if where else f"; got {value}{unit}"
        raise ParameterError(f"{name} must be {range_}{found}")


def _labelled(name: str, value: Any, size: int, kind: type) -> xr.DataArray:
    """Turn an argument into a read-only DataArray whose dims are named."""
    if isinstance(value, xr.DataArray):
        if value.chunks is not None:
            raise ParameterError(f"{name} is chunked (dask); call .compute() on it first")
        for dim in value.dims:
            if dim in RESERVED_DIMS and dim != "neuron":
                raise ParameterError(
                    f"{name} has a dim {dim!r}; a parameter may have `neuron` and sweep dims of your own"
                )
        array, dims = value.values, value.dims
        coords = {dim: value.coords[dim].variable for dim in value.dims if dim in value.coords and dim != "neuron"}
        if "neuron" in value.coords and not np.array_equal(value.coords["neuron"].values, np.arange(size)):
            raise ParameterError(
                f"{name} has a neuron coordinate other than 0 .. {size - 1}; select or sort its neurons first"
            )
    else:
        array = as_array(name, value, "a number or an array (neuron,)", ParameterError)
        if array.ndim > 1:
            raise ParameterError(
                f"{name} has shape {array.shape}; give a number, an array of shape ({size},), or a DataArray with named dims"
            )
        dims, coords = ("neuron",)[: array.ndim], {}
    if kind is bool:
        if array.dtype.kind != "b":
            raise ParameterError(f"{name} must be True or False (for each neuron); got dtype {array.dtype}")
    elif array.dtype.kind not in "iuf":
        raise ParameterError(f"{name} must be real numbers; got {value!r}")
    sizes = dict(zip(dims, array.shape, strict=True))
    if sizes.get("neuron", size) != size:
        raise ParameterError(f"{name} has {sizes['neuron']} entries along neuron; the population has {size} neurons")
    array = np.array(array, dtype=bool if kind is bool else np.float64)
    if kind is float:
        _check(name, array, dims)
    array.setflags(write=False)
    return xr.DataArray(as_variable(dims, array), coords)


def _public(value: xr.DataArray) -> Any:
    """Scalars leave as Python numbers, everything else labelled."""
    # a copy that shares the read-only numbers: assigning to its values or labels does not change the population
    return value.item() if value.ndim == 0 else value.copy(deep=False)


class Population:
    """Base of the neuron descriptions: named parameters, checked once, never changed."""

    _names: ClassVar[tuple[str, ...]] = ()
    fires: ClassVar[bool] = True
    leaks: ClassVar[bool] = False

    _parameters: dict[str, tuple[xr.DataArray, ...]]
    _kept: Kept  # what runs work out of the parameters; no part of the description
    size: int

    def _set(self, size: object, given: dict[str, Any]) -> None:
        """Check and keep the size and the parameters."""
        number = as_whole("size", size)
        parameters: dict[str, tuple[xr.DataArray, ...]] = {}
        for name, value in given.items():
            kind = bool if name == "spike_mask" else float
            if name == "tau_syn":
                if isinstance(value, xr.DataArray) and "synaptic_input" in value.dims:
                    if value.sizes["synaptic_input"] != 2:
                        raise ParameterError(
                            "tau_syn must have two entries along synaptic_input: excitatory, inhibitory"
                        )
                    value = tuple(value.isel(synaptic_input=k, drop=True) for k in range(2))
                if isinstance(value, tuple):
                    if len(value) != 2:
                        raise ParameterError(
                            f"tau_syn must be one value or a pair (excitatory, inhibitory) [s]; got {len(value)} values"
                        )
                    parameters[name] = tuple(_labelled(name, part, number, kind) for part in value)
                    continue
            parameters[name] = (_labelled(name, value, number, kind),)
        object.__setattr__(self, "size", number)
        object.__setattr__(self, "_parameters", parameters)
        object.__setattr__(self, "_kept", Kept(MOST_KEPT))
        self._check_dims()
        if "holdoff_time" in parameters:
            self._check_holdoff()

    def _check_dims(self) -> None:
        """Refuse dims of one name and different lengths."""
        sizes: dict[Any, tuple[str, int]] = {}
        for name, values in self._parameters.items():
            for value in values:
                for dim, length in value.sizes.items():
                    other, known = sizes.setdefault(dim, (name, length))
                    if known != length:
                        raise ParameterError(f"dim {dim!r} has {known} entries in {other} and {length} in {name}")

    def _check_holdoff(self) -> None:
        """Refuse a holdoff longer than the refractory time it is a part of."""
        holdoff, refractory = (self._parameters[name][0] for name in ("holdoff_time", "refractory_time"))
        if holdoff.values.max(initial=-np.inf) <= refractory.values.min(initial=np.inf):
            return
        bad = (holdoff > refractory).transpose(..., "neuron", missing_dims="ignore")
        if bad.any():
            at = {dim: int(k) for dim, k in zip(bad.dims, np.argwhere(bad.values)[0], strict=True)}
            pick = [x.isel({d: k for d, k in at.items() if d in x.dims}).item() for x in (holdoff, refractory)]
            where = ", ".join(f"{dim} {index}" for dim, index in at.items())
            raise ParameterError(
                f"holdoff_time must be at most refractory_time, of which it is the last part{'; ' + where if where else ''}"
                f" has holdoff_time {pick[0]} s, refractory_time {pick[1]} s"
            )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; make a changed copy with .replace({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __getattr__(self, name: str) -> Any:
        parameters = self.__dict__.get("_parameters", {})
        if name not in parameters:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")
        values = tuple(_public(value) for value in parameters[name])
        return values if len(values) == 2 else values[0]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names})

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Population):
            return NotImplemented
        mine, theirs = self._parameters, other._parameters
        return self.size == other.size and all(
            len(mine[name]) == len(theirs[name])
            and all(a.identical(b) for a, b in zip(mine[name], theirs[name], strict=True))
            for name in mine
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.size, {name: getattr(self, name) for name in self._names})

    def __repr__(self) -> str:
        def text(value: Any) -> str:
            if isinstance(value, tuple):
                return f"({', '.join(text(part) for part in value)})"
            if isinstance(value, xr.DataArray):
                return "<" + ", ".join(f"{dim}: {length}" for dim, length in value.sizes.items()) + ">"
            return repr(value)

        return f"{type(self).__name__}({self.size}, " + ", ".join(
            f"{name}={text(getattr(self, name))}" for name in self._names
        ) + ")"  # fmt: skip

    def replace(self, **changes: Any) -> Any:
        """Return a copy with some parameters changed.

        Parameters
        ----------
        **changes
            New values by parameter name; ``size`` too.

        Returns
        -------
        Population
            Of the same class, checked like a new one.

        Examples
        --------
        >>> import bss2sim as b2
        >>> b2.IAFNeuron(4).replace(threshold=100.0).threshold
        100.0
        """
        given = {name: getattr(self, name) for name in self._names}
        size = changes.pop("size", self.size)
        kind: Any = type(self)  # every subclass takes its own parameters
        return kind(size, **{**given, **changes})

    def _values(self) -> Iterator[tuple[str, xr.DataArray]]:
        """Every parameter array with its name; both parts of a pair."""
        for name, values in self._parameters.items():
            for value in values:
                yield name, value


def _rebuild(kind: type[Population], size: int, parameters: dict[str, Any]) -> Population:
    """Unpickle."""
    return kind(size, **parameters)  # type: ignore[call-arg]  # every subclass takes its own parameters


_FIRING = ("reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time", "spike_mask")


class IAFNeuron(Population):
    """A population of non-leaking integrate-and-fire neurons with exponential synaptic currents.

    ``tau_mem dv/dt = i``, ``tau_syn di/dt = -i``, and ``i`` jumps at every input. The neuron fires when v exceeds
    `threshold`. A spike starts the refractory period: v is clamped to `reset` for ``refractory_time - holdoff_time``,
    then, in the holdoff, evolves freely from there but cannot fire. If v is above threshold at its end, the neuron
    fires at that instant. At the start v = reset and i = 0. Source of the equations: the numerics of
    hxtorch's IAFNeuron, with the holdoff of the chip's neuron (``docs/model``).

    Parameters
    ----------
    size : int
        Number of neurons.
    reset, threshold : float, array (neuron,) or DataArray
        Reset potential and threshold [CADC LSB, or any one unit that inputs and weights share].
    tau_mem : float, array (neuron,) or DataArray
        Membrane time constant [s], above 0.
    tau_syn : float, array (neuron,) or DataArray, or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory): positive
        jumps act through the first, negative ones through the second.
    refractory_time : float, array (neuron,) or DataArray
        Time after a spike in which the neuron cannot fire, holdoff included [s].
    holdoff_time : float, array (neuron,) or DataArray
        Last part of the refractory time, in which the membrane is already free [s].
    spike_mask : bool, array (neuron,) or DataArray
        False disables the event output of a neuron: it fires and resets, but its spikes are not recorded.

    Raises
    ------
    ParameterError
        If a value is not finite or out of range, a shape does not fit, or holdoff_time > refractory_time.
    UnknownKeywordError
        If an argument does not exist.

    Notes
    -----
    Any parameter may be a DataArray with dims of your own: they broadcast by name and appear in the result.

    Examples
    --------
    >>> import bss2sim as b2
    >>> neurons = b2.IAFNeuron(512, threshold=125.0, reset=80.0, refractory_time=2e-6, holdoff_time=0.5e-6)
    >>> neurons.threshold
    125.0
    """

    _names = _FIRING

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        *,
        reset: Any = 80.0,
        threshold: Any = 125.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        spike_mask: Any = True,
    ) -> None:
        self._set(size, {"reset": reset, "threshold": threshold, "tau_mem": tau_mem, "tau_syn": tau_syn,
                         "refractory_time": refractory_time, "holdoff_time": holdoff_time,
                         "spike_mask": spike_mask})  # fmt: skip


class LIFNeuron(Population):
    """A population of leaking integrate-and-fire neurons: as :class:`IAFNeuron`, with a leak.

    ``tau_mem dv/dt = leak - v + i``. At the start v = leak (as in the reference) and i = 0.

    Parameters
    ----------
    size : int
        Number of neurons.
    reset, threshold : float, array (neuron,) or DataArray
        Reset potential and threshold [CADC LSB, or any one unit that inputs and weights share].
    tau_mem : float, array (neuron,) or DataArray
        Membrane time constant [s], above 0.
    tau_syn : float, array (neuron,) or DataArray, or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory).
    refractory_time, holdoff_time : float, array (neuron,) or DataArray
        Refractory time and its last, unclamped part [s].
    spike_mask : bool, array (neuron,) or DataArray
        False disables the event output of a neuron.
    leak : float, array (neuron,) or DataArray
        Potential the membrane leaks to [unit of threshold].

    Raises
    ------
    ParameterError
        If a value is not finite or out of range, a shape does not fit, or holdoff_time > refractory_time.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.LIFNeuron(10, leak=80.0).leak
    80.0
    """

    _names = (*_FIRING, "leak")
    leaks = True

    @refuse_unknown_keywords
    def __init__(
        self,
        size: int,
        *,
        reset: Any = 80.0,
        threshold: Any = 125.0,
        tau_mem: Any = 10e-6,
        tau_syn: Any = 10e-6,
        refractory_time: Any = 1e-6,
        holdoff_time: Any = 0.0,
        spike_mask: Any = True,
        leak: Any = 80.0,
    ) -> None:
        self._set(size, {"reset": reset, "threshold": threshold, "tau_mem": tau_mem, "tau_syn": tau_syn,
                         "refractory_time": refractory_time, "holdoff_time": holdoff_time,
                         "spike_mask": spike_mask, "leak": leak})  # fmt: skip


class LINeuron(Population):
    """A population of leaking integrators that never fire, the usual readout.

    ``tau_mem dv/dt = leak - v + i``. At the start v = leak and i = 0.

    Parameters
    ----------
    size : int
        Number of neurons.
    leak : float, array (neuron,) or DataArray
        Potential the membrane leaks to [CADC LSB, or any one unit that inputs and weights share].
    tau_mem : float, array (neuron,) or DataArray
        Membrane time constant [s], above 0.
    tau_syn : float, array (neuron,) or DataArray, or a tuple of two
        Synaptic time constant [s], above 0; a pair, a tuple and not a list, is (excitatory, inhibitory).

    Raises
    ------
    ParameterError
        If a value is not finite or out of range, or a shape does not fit.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> b2.LINeuron(3, leak=0.0, tau_mem=20e-6).tau_mem
    2e-05
    """

    _names = ("leak", "tau_mem", "tau_syn")
    fires = False
    leaks = True

    @refuse_unknown_keywords
    def __init__(self, size: int, *, leak: Any = 80.0, tau_mem: Any = 10e-6, tau_syn: Any = 10e-6) -> None:
        self._set(size, {"leak": leak, "tau_mem": tau_mem, "tau_syn": tau_syn})
