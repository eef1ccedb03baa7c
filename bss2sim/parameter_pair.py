"""A parameter that is one number in the model and another one on the chip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from .arrays import as_array, is_chunked
from .errors import ParameterError, refuse_unknown_keywords
from .parameter_values import same_value, short, with_dims

__all__ = ["Parameter"]


def _freeze(what: str, value: Any) -> Any:
    """Return a value that nobody else can change: a number, a read-only array or DataArray, or a tuple of them."""
    if isinstance(value, tuple):
        return tuple(_freeze(what, part) for part in value)
    frozen: Any
    if is_chunked(value):
        frozen = with_dims(what, value).copy()
        if frozen.dtype.kind not in "iuf":
            raise ParameterError(f"{what} must be real numbers; got an array of {frozen.dtype}")
        return frozen
    if isinstance(value, xr.DataArray):
        frozen = value.copy(data=np.array(value.values))
        array = frozen.variable.values
    else:
        array = np.array(as_array(what, value, "a number, an array or a DataArray", ParameterError))
        frozen = array.item() if array.ndim == 0 else array
    if array.dtype.kind not in "iuf":
        raise ParameterError(
            f"{what} must be real numbers; got {f'an array of {array.dtype}' if array.ndim else repr(value)}"
        )
    array.setflags(write=False)
    return frozen


def _copy(value: Any) -> Any:
    """Return a frozen value such that new values or labels of the copy do not change it."""
    if isinstance(value, tuple):
        return tuple(_copy(part) for part in value)
    return value.copy(deep=False) if isinstance(value, xr.DataArray) else value


def _apply(function: Callable[[Any], Any], model: Any) -> Any:
    """Return what a function makes of the value of the model, of each of the two of a pair."""
    if isinstance(model, tuple):
        return tuple(_apply(function, part) for part in model)
    try:
        value = function(_copy(model))
    except Exception as reason:
        raise ParameterError(
            f"hardware: the function {function!r} fails for the value of the model, {model!r}: {reason!r}; it must turn that "
            "value into the one of the chip"
        ) from reason
    if value is None:
        raise ParameterError(f"hardware: the function {function!r} returns None for {model!r}; let it return a number")
    return value


class Parameter:
    """One parameter with two values: what the model computes with, and what the chip is calibrated to.

    Give it in place of a number to `reset`, `threshold`, `leak`, `tau_mem`, `tau_syn`, `refractory_time` or `holdoff_time`
    of a population. hxtorch's ``HXParameter`` and ``ModelParameter`` are ``Parameter(value)``, its
    ``MixedHXModelParameter`` is ``Parameter(model, hardware)``, and its ``HXTransformedModelParameter`` is
    ``Parameter(model, function)``.

    Parameters
    ----------
    model : float, array (neuron,) or DataArray; of tau_syn a tuple of two as well
        Value in the model, in any unit that inputs and weights share; times in seconds.
    hardware : float, array, DataArray, tuple or function, optional
        Value on the chip [CADC LSB or s], or a function that turns `model` into it. It is called here, once, and for each
        value of a pair. None: the value of the model. Chunked (dask) values stay so; a function gets them as they are.

    Raises
    ------
    ParameterError
        If a value is no real number, or the function fails. What range a value may have depends on the parameter: the
        population checks both.
    UnknownKeywordError
        If an argument does not exist.

    Examples
    --------
    >>> import bss2sim as b2
    >>> threshold = b2.Parameter(model=1.0, hardware=lambda model: 80 + 45 * model)
    >>> neurons = b2.IAFNeuron(8, reset=b2.Parameter(0.0, 80), threshold=threshold)
    >>> neurons.threshold
    Parameter(model=1.0, hardware=125.0)
    >>> b2.NeuronCalibTarget.from_populations([neurons]).threshold.values[:2]
    array([125., 125.])
    """

    __slots__ = ("_hardware", "_model")
    _model: Any
    _hardware: Any

    @refuse_unknown_keywords
    def __init__(self, model: Any, hardware: Any = None) -> None:
        if isinstance(model, Parameter) or isinstance(hardware, Parameter):
            raise ParameterError("the values of a Parameter must be real numbers; got another Parameter")
        frozen = _freeze("model", model)
        if hardware is None:
            on_chip = frozen
        else:
            on_chip = _freeze("hardware", _apply(hardware, frozen) if callable(hardware) else hardware)
        object.__setattr__(self, "_model", frozen)
        object.__setattr__(self, "_hardware", on_chip)

    @property
    def model(self) -> Any:
        """Value in the model: a number, a read-only array or DataArray, or a tuple of them."""
        return _copy(self._model)

    @property
    def hardware(self) -> Any:
        """Value on the chip: a number, a read-only array or DataArray, or a tuple of them."""
        return _copy(self._hardware)

    def __setattr__(self, name: str, value: object = None) -> None:
        raise AttributeError("Parameter is immutable; make a new one")

    __delattr__ = __setattr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parameter):
            return NotImplemented
        return same_value(self._model, other._model) and same_value(self._hardware, other._hardware)

    __hash__ = None  # type: ignore[assignment]  # may hold arrays

    def __reduce__(self) -> tuple[Any, tuple[Any, Any]]:
        return Parameter, (self._model, self._hardware)

    def __repr__(self) -> str:
        return f"Parameter(model={short(self._model)}, hardware={short(self._hardware)})"
