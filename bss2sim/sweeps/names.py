"""Names and labels of trials that a Zarr store can hold as they are."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ParameterError
from ..lazy.layout import Layout

_OWN = ("sweep", "spikes", "zarr.json")  # what a store has beside its arrays


def check_names(layout: Layout) -> None:
    """Refuse dims and labels that would not come back from a store.

    Raises
    ------
    ParameterError
        If the name of a dim is no text, or that of labels no name of a directory or taken; if labels are mixed objects.
    """
    for dim in layout.trials.sizes:
        if not isinstance(dim, str):
            raise ParameterError(f"the dim {dim!r} has a name that is no text, which Zarr cannot store; rename it")
    for name, label in layout.coords.items():
        text = str(name)
        if not text or text in _OWN or "/" in text or "\0" in text or text.startswith(("__", ".")):
            raise ParameterError(
                f"labels of a dim {text!r} cannot be stored: the name is that of another part of the store, or no name of a "
                f"directory; rename the dim, or drop its labels with .drop_vars({text!r})"
            )
        if label.dtype.kind == "O" and not _are_texts(label.values.ravel().tolist()):
            raise ParameterError(f"labels of the dim {text!r} must be all numbers, all texts or all dates to be stored")


def _are_texts(values: Iterable[object]) -> bool:
    """Whether all values are texts."""
    return all(isinstance(value, str) for value in values)
