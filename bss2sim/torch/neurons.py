"""What the modules share: parameters of neurons that are kept, or trained by name, and weights."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from bss2sim.errors import ParameterError, choose
from bss2sim.parameter_values import SECONDS, check_range
from bss2sim.plausibility import warn_of_long_time, warn_of_restless

from .arguments import check_holdoff, read_parameter


def check_count(name: str, value: Any) -> int:
    """Return a whole number of at least 1."""
    try:
        number = operator.index(value)
    except TypeError as reason:
        raise ParameterError(f"{name} must be a whole number of at least 1; got {value!r}") from reason
    if isinstance(value, bool) or number < 1:
        raise ParameterError(f"{name} must be a whole number of at least 1; got {value!r}")
    return number


class Neurons(torch.nn.Module):
    """What the modules share. Parameters of the neurons are buffers, or Parameters if they are trained, in float64."""

    _names: tuple[str, ...] = ()
    _constant: ClassVar[tuple[str, ...]] = ()  # those that have no gradient
    weight: torch.nn.Parameter | None

    def _set_neurons(self, given: dict[str, Any]) -> None:
        """Take the arguments of the constructor."""
        torch.nn.Module.__init__(self)
        self.size = check_count("size", given["size"])
        self.n_input = None if given["n_input"] is None else check_count("n_input", given["n_input"])
        trainable = given["trainable"]
        if isinstance(trainable, str) or not isinstance(trainable, Sequence):
            raise ParameterError(f"trainable must be names in a tuple or list, as ('threshold',); got {trainable!r}")
        self.trainable = tuple(trainable)
        for name in self.trainable:
            choose("a name in trainable", name, [n for n in self._names if n not in self._constant])
        for name in self._names:
            if isinstance(given[name], Tensor) and given[name].requires_grad and name not in self.trainable:
                raise ParameterError(
                    f"{name} requires a gradient, but the module keeps a copy; name it in trainable=({name!r},) and train the "
                    f"module's own, or pass {name}.detach()"
                )
            value = read_parameter(name, given[name], self.size).detach().clone()
            check_range(
                name, name.replace("inh", "syn"), value.numpy(), ("neuron",)[: value.dim()]
            )  # tau_inh is as tau_syn
            if name.replace("inh", "syn") in SECONDS:
                warn_of_long_time(name, value.numpy())
            if name in self.trainable:
                self.register_parameter(name, torch.nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        if "holdoff_time" in self._names:
            check_holdoff(*(getattr(self, name).detach().numpy() for name in ("holdoff_time", "refractory_time")))
        if "threshold" in self._names:
            warn_of_restless(*(getattr(self, name).detach().numpy() for name in ("reset", "threshold")))
        if self.n_input is None:
            if given["dtype"] is not None:
                raise ParameterError("dtype is that of the weights; give n_input too, or leave it out")
            self.register_parameter("weight", None)
        else:
            dtype = torch.get_default_dtype() if given["dtype"] is None else given["dtype"]
            if dtype not in (torch.float32, torch.float64):
                raise ParameterError(f"dtype must be torch.float32 or torch.float64; got {dtype!r}")
            self.weight = torch.nn.Parameter(torch.empty(self.n_input, self.size, dtype=dtype))
            self.reset_parameters()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Apply what ``.to()``, ``.float()`` and the like do: weights take another dtype, what is float64 for good does not."""
        tensors = [tensor for name, tensor in (*self._parameters.items(), *self._buffers.items()) if name != "weight"]
        kept = {id(tensor) for tensor in tensors}
        kept |= {
            id(tensor.grad) for tensor in tensors if tensor is not None and tensor.is_leaf and tensor.grad is not None
        }

        def changed(tensor: Tensor) -> Tensor:
            found = fn(tensor)
            if id(tensor) not in kept or found.dtype == tensor.dtype:
                return found
            return tensor.detach().to(found.device)  # not found.to(): it has lost digits

        return super()._apply(changed, recurse)

    def reset_parameters(self) -> None:
        """Draw the weights anew, uniform between -b and b = (threshold - reset) / sqrt(n_input); 1 / sqrt(n_input) for LI."""
        if self.weight is not None and self.n_input is not None:
            scale = 1.0
            if "threshold" in self._names:
                scale = float((self.threshold - self.reset).abs().mean().detach())  # type: ignore[operator]  # tensors
            bound = scale / self.n_input**0.5
            torch.nn.init.uniform_(self.weight, -bound, bound)

    def extra_repr(self) -> str:
        """Return sizes and parameters, as they are shown in the module's text."""
        parts = [str(self.size)] + ([] if self.n_input is None else [f"n_input={self.n_input}"])
        for name in self._names:
            value = getattr(self, name).detach()
            parts.append(f"{name}={value.item():.6g}" if value.dim() == 0 else f"{name}=({value.numel()} values)")
        parts += self._settings()
        return ", ".join(parts + ([f"trainable={self.trainable}"] if self.trainable else []))

    def _settings(self) -> list[str]:
        """Texts of the arguments that are no parameters of the neurons."""
        return []
