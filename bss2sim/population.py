"""The base of all descriptions of neuron populations: named arguments, checked once, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from .arrays import as_whole, is_chunked
from .chip_arguments import DEFAULTS, HIGHEST_CODE, check_chip_arguments, place_neurons, structure_of
from .errors import ParameterError, suggestion, without_warnings
from .kept import Kept
from .parameter_pair import Parameter
from .parameter_values import SECONDS, check_holdoff, labelled, public, public_pair, same_value, short, split_pair
from .plausibility import told, warn_of_long_time, warn_of_restless
from .trace_values import TRACE_ARGUMENTS, trace_values

MOST_KEPT = 16  # runs with the same dt, dtype and integrator take three values

Values = tuple[xr.DataArray, ...]  # one array, or two of a pair (excitatory, inhibitory)


def _checked(name: str, value: Any, size: int, what: str) -> Values:
    """Check the value of a parameter."""
    pair = split_pair(what, value) if name == "tau_syn" else None
    if pair is None:
        return (labelled(name, value, size, what),)
    if any(isinstance(part, Parameter) for part in pair):
        raise ParameterError(f"{what} is a pair of Parameter; give one Parameter whose values are pairs")
    return tuple(labelled(name, part, size, what) for part in pair)


def _warn(given: dict[str, Values], values: dict[str, Values], which: str) -> None:
    """Warn of given arguments, among all values of a world, that are allowed and hardly ever meant."""
    for name in SECONDS:
        known = [np.ravel(value.values) for value in given.get(name, ()) if not is_chunked(value)]
        if known:
            warn_of_long_time(f"{name}{which}", np.concatenate(known))
    if "threshold" not in values or not {"reset", "threshold"} & set(given):
        return
    reset, threshold = values["reset"][0], values["threshold"][0]
    if is_chunked(reset, threshold) or reset.values.max(initial=-np.inf) < threshold.values.min(initial=np.inf):
        return
    # without labels, which are compared when a run is made
    one, other = xr.broadcast(xr.DataArray(reset.variable), xr.DataArray(threshold.variable))
    counted = "neurons" if set(one.dims) <= {"neuron"} else "entries of a sweep"
    warn_of_restless(one.values, other.values, which, counted)


class Population:
    """Base of the neuron descriptions: named parameters, checked once, never changed."""

    _names: ClassVar[tuple[str, ...]] = ()
    _chip_names: ClassVar[tuple[str, ...]] = tuple(DEFAULTS)
    fires: ClassVar[bool] = True
    leaks: ClassVar[bool] = False

    _parameters: dict[str, Values]  # what the model computes with
    _pairs: dict[str, Parameter]  # those that were given with a value of the chip of their own
    _hardware: dict[str, Values]  # these values
    _chip: dict[str, Any]  # arguments that act on the chip only
    _chunked: bool  # whether a parameter of the model or the chip is chunked: its values are not known yet
    _kept: Kept  # what runs work out of the parameters; no part of the description
    size: int

    def _set(self, size: object, given: dict[str, Any]) -> None:
        """Check and keep the size and the arguments, which are among the variables of a constructor."""
        number = as_whole("size", size)
        parameters: dict[str, Values] = {}
        pairs: dict[str, Parameter] = {}
        hardware: dict[str, Values] = {}
        for name in self._names:
            value = given[name]
            if isinstance(value, Parameter):
                if name == "spike_mask":
                    raise ParameterError(
                        "spike_mask is the same in the model and on the chip; give it without Parameter"
                    )
                pairs[name] = value
                hardware[name] = _checked(name, value.hardware, number, f"{name}.hardware")
                parameters[name] = _checked(name, value.model, number, f"{name}.model")
            else:
                parameters[name] = _checked(name, value, number, name)
        set_ = object.__setattr__
        set_(self, "size", number)
        set_(self, "_parameters", parameters)
        set_(self, "_pairs", pairs)
        set_(self, "_hardware", hardware)
        set_(self, "_chip", check_chip_arguments({name: given[name] for name in self._chip_names}, number))
        set_(self, "_chunked", any(is_chunked(*values) for of in (parameters, hardware) for values in of.values()))
        set_(self, "_kept", Kept(MOST_KEPT))
        self._check_dims()
        if "holdoff_time" in parameters:
            check_holdoff(parameters, "")
            if hardware:
                check_holdoff({**parameters, **hardware}, ".hardware")
        _warn(parameters, parameters, "")
        _warn(hardware, {**parameters, **hardware}, ".hardware")

    def _check_dims(self) -> None:
        """Refuse dims of one name and different lengths."""
        sizes: dict[Any, tuple[str, int]] = {}
        codes = {name: self._chip[name] for name in HIGHEST_CODE}
        for of_world in (self._parameters, self._hardware, codes):
            for name, values in of_world.items():
                for value in values:
                    for dim, length in value.sizes.items():
                        other, known = sizes.setdefault(dim, (name, length))
                        if known != length:
                            raise ParameterError(f"dim {dim!r} has {known} entries in {other} and {length} in {name}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; make a changed copy with .replace({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_pairs", {}):
            return self._pairs[name]
        if name in self.__dict__.get("_parameters", {}):
            return public_pair(self._parameters[name])
        if name == "neuron_structure" and "_chip" in self.__dict__:
            return structure_of(self._chip)
        if name in self.__dict__.get("_chip", {}):
            return self._public_argument(name)
        raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def _public_argument(self, name: str) -> Any:
        """Return an argument of the chip as its caller gave it."""
        value = self._chip[name]
        if name in HIGHEST_CODE:
            return public_pair(value)
        if isinstance(value, dict):
            return dict(value)
        return public(value) if isinstance(value, xr.DataArray) else value

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments of the constructor that make the same population, those of the chip if not default."""
        given = {name: getattr(self, name) for name in self._names}
        for name in self._chip_names:
            value = self._public_argument(name)
            if not same_value(value, DEFAULTS[name]):
                given[name] = value
        return given

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names, *self._chip_names})

    def _meaning(self) -> tuple[Any, ...]:
        """Return all that makes a difference."""
        of_chip = {**self._parameters, **self._hardware}
        return self.size, tuple(self._parameters.values()), tuple(of_chip.values()), tuple(self._chip.values())

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Population):
            return NotImplemented
        return same_value(self._meaning(), other._meaning())

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.size, self._arguments())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size}, " + ", ".join(
            f"{name}={short(value)}" for name, value in self._arguments().items()
        ) + ")"  # fmt: skip

    def replace(self, **changes: Any) -> Any:
        """Return a copy with some arguments changed.

        Parameters
        ----------
        **changes
            New values by name; ``size`` too.

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
        size = changes.pop("size", self.size)
        kind: Any = type(self)  # every subclass takes its own parameters
        with told(frozenset(self._names) - changes.keys()):
            return kind(size, **{**self._arguments(), **changes})

    def hardware_value(self, name: str) -> Any:
        """Return the value of a parameter on the chip: of a :class:`bss2sim.Parameter` the one for hardware.

        Parameters
        ----------
        name : str
            A parameter of the model, or a code of the chip as `membrane_capacitance`.

        Returns
        -------
        float, bool, int, DataArray or tuple of two
            As the attribute of that name for a parameter that is the same in both worlds.

        Raises
        ------
        ParameterError
            If the population has no such parameter.

        Examples
        --------
        >>> import bss2sim as b2
        >>> neurons = b2.IAFNeuron(4, reset=b2.Parameter(0.0, 80.0), threshold=b2.Parameter(model=1.0, hardware=125.0))
        >>> neurons.hardware_value("threshold"), neurons.hardware_value("reset")
        (125.0, 80.0)
        """
        if name in self._parameters:
            return public_pair(self._hardware.get(name, self._parameters[name]))
        if name in HIGHEST_CODE:
            return public_pair(self._chip[name])
        raise ParameterError(
            f"{type(self).__name__} has no parameter {name!r}{suggestion(str(name), [*self._names, *HIGHEST_CODE])}"
        )

    def place(self, used: Iterable[Any] = ()) -> list[Any]:
        """Return the circuits of each neuron: those of `placement_constraint`, else the first that are free.

        Parameters
        ----------
        used : iterable of int, AtomicNeuronOnDLS or LogicalNeuronOnDLS
            Circuits that other populations have.

        Returns
        -------
        list of LogicalNeuronOnDLS
            One for each neuron, as :func:`bss2sim.hardware.place` gives them.

        Raises
        ------
        ParameterError
            If there is no room, or a circuit that is wanted is used.

        Examples
        --------
        >>> import bss2sim as b2
        >>> b2.IAFNeuron(2, neuron_structure=b2.SingleCompartmentNeuron(2)).place(used=[0])
        [LogicalNeuronOnDLS([1, 257]), LogicalNeuronOnDLS([2, 258])]
        """
        return place_neurons(self._chip, self.size, used)

    def trace_values(self, name: str, placement: Sequence[Any]) -> np.ndarray:
        """Return the `trace_offset` or `trace_scale` of each neuron, found by where it is if that is a mapping.

        Parameters
        ----------
        name : {"trace_offset", "trace_scale"}
            Which.
        placement : sequence of LogicalNeuronOnDLS
            Where the neurons are, as :meth:`place` returns it.

        Returns
        -------
        ndarray, shape (neuron,), float64
            Of a mapping the entry of the neuron, else that of its first circuit, the one that is read out.

        Raises
        ------
        ParameterError
            If a mapping has no entry for a neuron, or the placement has another number of neurons.

        Examples
        --------
        >>> import bss2sim as b2
        >>> offset = {b2.AtomicNeuronOnDLS(k): -48.0 + k for k in range(10)}
        >>> neurons = b2.IAFNeuron(2, trace_offset=offset, placement_constraint=[7, 3])
        >>> neurons.trace_values("trace_offset", neurons.place())
        array([-41., -45.])
        """
        return trace_values(name, self._chip.get(name) if name in TRACE_ARGUMENTS else None, placement, self.size)

    def _values(self) -> Iterator[tuple[str, xr.DataArray]]:
        """Every parameter array of the model with its name; both parts of a pair."""
        for name, values in self._parameters.items():
            for value in values:
                yield name, value


def _rebuild(kind: type[Population], size: int, parameters: dict[str, Any]) -> Population:
    """Unpickle."""
    with without_warnings():  # its caller was warned
        return kind(size, **parameters)  # type: ignore[call-arg]  # every subclass takes its own parameters
