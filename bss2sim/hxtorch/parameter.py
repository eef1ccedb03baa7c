"""Parameters of neurons that have one value in the model and one on the chip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import ParameterError

Value = Any  # a number, a tensor, or what a tensor can be made of


def _as_parameter(value: Value) -> torch.nn.Parameter:
    """Return a value as a leaf that gradients flow to."""
    tensor = value.detach().clone() if isinstance(value, Tensor) else torch.as_tensor(value)
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    return torch.nn.Parameter(tensor)


class HXBaseParameter(torch.nn.Module):
    """Base of the parameters: one value for the model and one for the chip.

    Call it to get the value of the model.

    Parameters
    ----------
    hardware_value : number, Tensor or None
        Value on the chip [CADC LSB, code or s].
    model_value : number, Tensor or None
        Value in the model [any one unit that weights share, or s].

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> parameter = hxsnn.MixedHXModelParameter(model_value=1.0, hardware_value=125)
    >>> parameter(), parameter.hardware_value
    (1.0, 125)
    """

    def __init__(self, hardware_value: Value, model_value: Value) -> None:
        super().__init__()
        self._hardware_value = hardware_value
        self._model_value = model_value
        self.set_on_chip_func: Callable[..., Any] | None = None

    @property
    def hardware_value(self) -> Value:
        """Value on the chip."""
        return self._hardware_value

    @hardware_value.setter
    def hardware_value(self, value: Value) -> None:
        self._hardware_value = value

    @property
    def model_value(self) -> Value:
        """Value in the model."""
        return self._model_value

    @model_value.setter
    def model_value(self, value: Value) -> None:
        self._set_model_value(value)

    def _set_model_value(self, value: Value) -> None:
        """Set the value of the model; of a trainable one the numbers, so that optimizers keep hold of it."""
        if isinstance(self._model_value, torch.nn.Parameter) and not isinstance(value, torch.nn.Parameter):
            tensor = torch.as_tensor(value)
            if tensor.numel() != 1 and tensor.shape != self._model_value.shape:
                raise ParameterError(
                    f"a trainable value keeps its shape {tuple(self._model_value.shape)}; got {tuple(tensor.shape)}: make it "
                    "trainable with as many values, or give a torch.nn.Parameter and tell the optimizer of it"
                )
            with torch.no_grad():
                self._model_value.copy_(tensor.reshape(()) if tensor.numel() == 1 else tensor)
        else:
            self._model_value = value

    def is_trainable(self) -> bool:
        """Whether the value of the model is a parameter of PyTorch that gradients flow to."""
        return isinstance(self._model_value, torch.nn.Parameter) and self._model_value.requires_grad

    def make_trainable(self, set_on_chip_func: Callable[..., Any] | None = None) -> HXBaseParameter:
        """Make the value of the model a parameter of PyTorch.

        Parameters
        ----------
        set_on_chip_func : callable, optional
            Called as ``set_on_chip_func(hardware_value, chip, neurons)`` before each run in hardware mode; it writes the value
            into the :class:`lola.Chip`, for a list of placed neurons. The chip keeps the calibration it has. None: the chip is
            calibrated anew when `hardware_value` changes, which that of a ``HXTransformedModelParameter`` does as its model is
            trained.

        Returns
        -------
        HXBaseParameter
            This parameter.

        Raises
        ------
        ParameterError
            If the value is no number or tensor, or the function cannot be called.

        Examples
        --------
        >>> import bss2sim.hxtorch as hxsnn
        >>> hxsnn.HXParameter(125.0).make_trainable().model_value
        Parameter containing:
        tensor(125., requires_grad=True)
        """
        if set_on_chip_func is not None and not callable(set_on_chip_func):
            raise ParameterError(
                f"set_on_chip_func must be a function of value, chip and neurons, or None; got {set_on_chip_func!r}"
            )
        try:
            parameter = _as_parameter(self._model_value)
        except (TypeError, ValueError, RuntimeError) as reason:
            raise ParameterError(
                f"only numbers and tensors can be made trainable; the value of the model is {self._model_value!r}"
            ) from reason
        del self._model_value  # a module keeps its parameters apart from plain attributes
        self._model_value = parameter
        self.set_on_chip_func = set_on_chip_func
        return self

    def set_on_chip(self, chip: Any, neuron_coordinates: Any) -> None:
        """Write the value of the hardware to a chip, by the function of :meth:`make_trainable`.

        Parameters
        ----------
        chip : lola.Chip
            Where to.
        neuron_coordinates : list of LogicalNeuronOnDLS
            The neurons.

        Raises
        ------
        ParameterError
            If there is no function.
        """
        if self.set_on_chip_func is None:
            raise ParameterError(
                f"there is no function that writes {self} to a chip; give one to make_trainable(set_on_chip_func=), or "
                f"leave it to the "
                "calibration"
            )
        self.set_on_chip_func(self.hardware_value, chip, neuron_coordinates)

    def forward(self) -> Value:
        """Return the value of the model."""
        return self._model_value

    def __str__(self) -> str:
        return f"{type(self).__name__}(model_value={self.model_value}, hardware_value={self.hardware_value})"

    __repr__ = __str__


class HXParameter(HXBaseParameter):
    """Parameter with one value for both worlds; numbers given to a module become one.

    Parameters
    ----------
    value : number or Tensor
        In the model and on the chip.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> parameter = hxsnn.HXParameter(125)
    >>> parameter.hardware_value = 100
    >>> parameter.model_value
    100
    """

    def __init__(self, value: Value) -> None:
        super().__init__(None, value)

    @property
    def hardware_value(self) -> Value:
        """Value on the chip, that of the model; setting it sets both."""
        return self._model_value

    @hardware_value.setter
    def hardware_value(self, value: Value) -> None:
        self._set_model_value(value)

    @property  # type: ignore[misc]  # hxtorch's has no setter
    def model_value(self) -> Value:
        """Value in the model; set `hardware_value` to change it."""
        return self._model_value


class MixedHXModelParameter(HXBaseParameter):
    """Parameter with a value for each world.

    Parameters
    ----------
    model_value : number or Tensor
        In the model.
    hardware_value : number or Tensor
        On the chip.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.MixedHXModelParameter(1.0, 125)
    MixedHXModelParameter(model_value=1.0, hardware_value=125)
    """

    def __init__(self, model_value: Value, hardware_value: Value) -> None:
        super().__init__(hardware_value, model_value)


class _DerivedParameter(HXBaseParameter):
    """Base of those whose value on the chip follows from that of the model until it is set."""

    def _derived(self, value: Value) -> Value:
        """Value on the chip of a value in the model."""
        return value

    @property
    def hardware_value(self) -> Value:
        """Value on the chip: what was set last, else what follows from the value in the model."""
        return self._derived(self._model_value) if self._hardware_value is None else self._hardware_value

    @hardware_value.setter
    def hardware_value(self, value: Value) -> None:
        self._hardware_value = value


class HXTransformedModelParameter(_DerivedParameter):
    """Parameter whose value on the chip is a function of that in the model, also after training steps.

    Parameters
    ----------
    model_value : number or Tensor
        In the model.
    transform_func : callable
        Turns it into the value on the chip.

    Raises
    ------
    ParameterError
        If the function cannot be called.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.HXTransformedModelParameter(1.0, lambda model: 80 + 45 * model).hardware_value
    125.0
    """

    def __init__(self, model_value: Value, transform_func: Callable[[Value], Value]) -> None:
        if not callable(transform_func):
            raise ParameterError(f"transform_func must be a function of the model's value; got {transform_func!r}")
        super().__init__(None, model_value)
        self._transform_func = transform_func

    def _derived(self, value: Value) -> Value:
        return self._transform_func(value)


class ModelParameter(_DerivedParameter):
    """Parameter that matters in the model; the chip has the same value unless it is set.

    Parameters
    ----------
    model_value : number or Tensor
        In the model.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.ModelParameter(6e-6).hardware_value
    6e-06
    """

    def __init__(self, model_value: Value) -> None:
        super().__init__(None, model_value)
