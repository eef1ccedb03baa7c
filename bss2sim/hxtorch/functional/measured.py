"""Recordings of a chip that take the place of what the model computes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bss2sim.errors import InputError


def read_hw_data(hw_data: Any, entries: tuple[str, ...], dtype: torch.dtype) -> list[Any]:
    """Return one tensor or None for each entry, those on the grid in the dtype of a run.

    Raises
    ------
    InputError
        If it is no tuple, or has more entries than there are.
    """
    if hw_data is None:
        return [None] * len(entries)
    if isinstance(hw_data, Tensor) or not isinstance(hw_data, tuple | list):
        raise InputError(
            f"hw_data must be a tuple ({', '.join(entries)}), each a tensor or None; got {type(hw_data).__name__}"
        )
    if len(hw_data) > len(entries):
        raise InputError(f"hw_data must have at most {len(entries)} entries ({', '.join(entries)}); got {len(hw_data)}")
    found: list[Any] = [*hw_data, *[None] * (len(entries) - len(hw_data))]
    for index, (name, value) in enumerate(zip(entries, found, strict=True)):
        if value is not None:
            value = torch.as_tensor(value)
            found[index] = value if name == "madc" else value.to(dtype)
    return found
