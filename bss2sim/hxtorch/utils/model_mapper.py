"""Weights of other models."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import InputError, ParameterError, first_few, suggestion

from .. import logger


class MixinHXModelMapper:
    """Mixed into a ``torch.nn.Module``: it can take the weights of a model whose parts have other names.

    Examples
    --------
    >>> import torch
    >>> from bss2sim.hxtorch.utils import MixinHXModelMapper
    >>> class Network(MixinHXModelMapper, torch.nn.Linear):
    ...     pass
    >>> network, other = Network(2, 1), {"dense.weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    >>> network.map_from(other, {"weight": "dense.weight"})
    >>> network.weight
    Parameter containing:
    tensor([[1., 1.]], requires_grad=True)
    """

    def map_from(self, state_dict: Any, mapping: dict[str, str], map_all: bool = True) -> None:
        """Copy values from the state of another model.

        Parameters
        ----------
        state_dict : dict of str to Tensor
            State of the other model.
        mapping : dict of str to str
            Key of this model -> key of the other one.
        map_all : bool
            Whether keys that `mapping` does not name are taken by the same name, all of them.

        Raises
        ------
        ParameterError
            If this model does not have a key of `mapping`, or `map_all` is neither True nor False.
        InputError
            If the other model does not have a key, or its value has another shape. Nothing is changed then.
        """
        if not isinstance(map_all, bool):
            raise ParameterError(f"map_all must be True or False; got {map_all!r}")
        own: dict[str, Tensor] = self.state_dict()  # type: ignore[attr-defined]  # of the module it is mixed into
        for key in mapping:
            if key not in own:
                raise ParameterError(f"mapping has {key!r}, which this model does not have{suggestion(key, own)}")
        pairs = {key: mapping.get(key, key) for key in own if map_all or key in mapping}
        missing = [f"{key!r} (for {name!r})" for name, key in pairs.items() if key not in state_dict]
        if missing:
            raise InputError(
                f"the other model does not have {first_few(missing)}; it has {first_few(map(repr, state_dict))}: name "
                f"keys in mapping, or "
                "leave the rest out with map_all=False"
            )
        for name, key in pairs.items():
            if state_dict[key].shape != own[name].shape:
                raise InputError(
                    f"{key!r} has the shape {tuple(state_dict[key].shape)}, {name!r} of this model {tuple(own[name].shape)}"
                )
        log = logger.get("hxtorch.spiking.mapper")
        with torch.no_grad():
            for name, key in pairs.items():
                own[name].copy_(state_dict[key])
                log.TRACE(f"{name} is {key} of the other model")
