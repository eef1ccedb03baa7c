"""Handles: promises of tensors that stand for the edges of a network until it is run."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy, deepcopy
from typing import Any, ClassVar

from torch import Tensor

from bss2sim.errors import Bss2SimError, suggestion


class HandleError(Bss2SimError, AssertionError):
    """A handle is given what it cannot carry; also an AssertionError, which hxtorch raises."""


def _field(name: str) -> property:
    """Property that reads and writes one entry of a handle."""

    def read(self: Handle) -> Any:
        return self.data[name]

    def write(self: Handle, value: Any) -> None:
        self.put(**{name: value})

    return property(read, write, doc=f"Tensor called {name}, None if there is none.")


class HandleMeta(type):
    """Gives a handle one property for each name of its `_carries`."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> HandleMeta:
        """Make the class with its properties."""
        for entry in namespace.get("_carries", ()):
            namespace.setdefault(entry, _field(entry))
        return super().__new__(mcs, name, bases, namespace)


class Handle(metaclass=HandleMeta):
    """Base of all handles: named tensors, all of them None until a run fills them.

    A handle of your own lists the names in ``_carries``; each becomes a property.

    Attributes
    ----------
    data : OrderedDict
        Name -> tensor or None.

    Raises
    ------
    HandleError
        If there are more tensors than names, or a name does not exist; an AssertionError too.

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> class RateHandle(hxsnn.Handle):
    ...     _carries = ["rate"]
    >>> handle = RateHandle()
    >>> handle.holds("rate")
    False
    >>> handle.rate = torch.ones(2)
    >>> handle.rate
    tensor([1., 1.])
    """

    _carries: ClassVar[list[str]] = []
    data: OrderedDict[str, Any]

    def __init__(self) -> None:
        self.data = OrderedDict((name, None) for name in self._carries)

    def holds(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        return self.data.get(name) is not None

    def put(self, *tensors: Any, **kwargs: Any) -> None:
        """Set tensors, in the order of the names or by name; the others stay.

        Raises
        ------
        HandleError
            If there are more tensors than names, a name does not exist, or one is given twice.
        """
        names, kind = list(self.data), type(self).__name__
        if len(tensors) > len(names):
            raise HandleError(f"{kind} takes {len(names)} tensors ({', '.join(names)}); got {len(tensors)}")
        for name in kwargs:
            if name not in self.data:
                raise HandleError(f"{kind} has no entry {name!r}{suggestion(name, names)}")
            if name in names[: len(tensors)]:
                raise HandleError(f"{kind}: {name!r} is given by position and by name; give it once")
        self.data.update(zip(names, tensors, strict=False))
        self.data.update(kwargs)

    def clone(self, handle: Handle) -> None:
        """Take over all tensors of another handle; None as well."""
        self.put(**handle.data)

    def clear(self) -> None:
        """Forget all tensors."""
        self.data.update(dict.fromkeys(self.data))

    def __deepcopy__(self, memo: dict[int, Any]) -> Handle:
        """Copy with the numbers of the tensors: PyTorch copies none that are part of a computation."""
        copied = copy(self)
        copied.data = OrderedDict(
            (name, value.detach().clone() if isinstance(value, Tensor) else deepcopy(value, memo))
            for name, value in self.data.items()
        )
        return copied

    def __repr__(self) -> str:
        entries = (
            f"{name}={tuple(value.shape) if isinstance(value, Tensor) else value}" for name, value in self.data.items()
        )
        return f"{type(self).__name__}({', '.join(entries)})"


class TensorHandle(Handle):
    """Handle of one tensor.

    Parameters
    ----------
    tensor : Tensor, optional

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.TensorHandle(torch.zeros(3))
    TensorHandle(tensor=(3,))
    """

    _carries = ["tensor"]

    def __init__(self, tensor: Tensor | None = None) -> None:
        super().__init__()
        self.put(tensor)


class NeuronHandle(Handle):
    """What neurons that fire put out, and what synapses take.

    Parameters
    ----------
    spikes : Tensor, shape (time, batch, neuron), optional
        1 where a neuron fires.
    membrane_cadc : Tensor, shape (time, batch, neuron), optional
        Membrane on the grid [unit of the model].
    current : Tensor, shape (time, batch, neuron), optional
        Synaptic current of the model.
    membrane_madc : Tensor, shape (2, madc_sample, batch), optional
        Raw MADC samples: times in row 0 [8 ns], values in row 1 [LSB].

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.NeuronHandle(torch.zeros(100, 10, 4)).spikes.shape
    torch.Size([100, 10, 4])
    """

    _carries = ["spikes", "membrane_cadc", "current", "membrane_madc"]
    spikes: Any
    membrane_cadc: Any
    current: Any
    membrane_madc: Any

    def __init__(
        self,
        spikes: Tensor | None = None,
        membrane_cadc: Tensor | None = None,
        current: Tensor | None = None,
        membrane_madc: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.put(spikes, membrane_cadc, current, membrane_madc)


class ReadoutNeuronHandle(Handle):
    """What neurons that never fire put out.

    Parameters
    ----------
    membrane_cadc : Tensor, shape (time, batch, neuron), optional
        Membrane on the grid [unit of the model].
    current : Tensor, shape (time, batch, neuron), optional
        Synaptic current of the model.
    membrane_madc : Tensor, shape (2, madc_sample, batch), optional
        Raw MADC samples: times in row 0 [8 ns], values in row 1 [LSB].

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.ReadoutNeuronHandle().holds("membrane_cadc")
    False
    """

    _carries = ["membrane_cadc", "current", "membrane_madc"]
    membrane_cadc: Any
    current: Any
    membrane_madc: Any

    def __init__(
        self,
        membrane_cadc: Tensor | None = None,
        current: Tensor | None = None,
        membrane_madc: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.put(membrane_cadc, current, membrane_madc)


class SynapseHandle(Handle):
    """What synapses put out, and what neurons take.

    Parameters
    ----------
    graded_spikes : Tensor, shape (time, batch, neuron), optional
        Jumps of the synaptic current [unit of the threshold].

    Examples
    --------
    >>> import torch
    >>> import bss2sim.hxtorch as hxsnn
    >>> hxsnn.SynapseHandle(graded_spikes=torch.zeros(100, 10, 4))
    SynapseHandle(graded_spikes=(100, 10, 4))
    """

    _carries = ["graded_spikes"]
    graded_spikes: Any

    def __init__(self, graded_spikes: Tensor | None = None) -> None:
        super().__init__()
        self.put(graded_spikes)
