"""How large the blocks of a sweep are."""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Mapping
from typing import Any

from ..errors import ParameterError, suggestion
from ..lazy.grid import Grid
from ..lazy.layout import Layout
from ..lazy.simulate import whole_dims

MOST_BYTES = 2**25  # of results of a block: so much is lost when a process is killed, and needed by each worker
MOST_STEPS = 10**8  # neuron-steps of a block: less than a second, so that the bar moves


def choose_regions(layout: Layout, chunks: Any) -> Grid:
    """Return the blocks of a sweep.

    Parameters
    ----------
    layout : Layout
        The run.
    chunks : mapping of str to int, or None
        Trials of a block along dims; -1 for all. Others: as the arguments are chunked, else what fits.

    Raises
    ------
    ParameterError
        If a dim does not exist or a number is none.
    """
    trials = layout.trials.sizes
    wanted = _checked(chunks, trials, whole_dims(layout))
    for of_argument in layout.call.chunks.values():
        for dim, sizes in of_argument.items():
            if dim in trials and dim not in wanted:
                wanted[dim] = max(1, max(sizes))
    for dim in whole_dims(layout):
        wanted[dim] = max(1, trials.get(dim, 1))
    room = max(1, min(MOST_BYTES // _bytes(layout), MOST_STEPS // _steps(layout)) // math.prod(wanted.values()))
    for dim in reversed(trials):
        if dim not in wanted:
            wanted[dim] = max(1, min(trials[dim], room))
            room = max(1, room // wanted[dim])
    return Grid({dim: _cut(size, wanted[dim]) for dim, size in trials.items()})


def _cut(size: int, length: int) -> tuple[int, ...]:
    """Cut a dim into chunks of one length; the last may be shorter."""
    rest = size % length
    return (length,) * (size // length) + ((rest,) if rest else ()) or (0,)


def _checked(chunks: Any, trials: Mapping[Hashable, int], whole: tuple[Hashable, ...]) -> dict[Hashable, int]:
    """Check the argument `chunks`."""
    if chunks is None:
        return {}
    if not isinstance(chunks, Mapping):
        raise ParameterError(
            f"chunks must be a mapping of dims to numbers of trials, e.g. {{'batch': 10}}; got {chunks!r}"
        )
    wanted = {}
    for dim, value in chunks.items():
        if dim not in trials:
            raise ParameterError(
                f"chunks has a dim {dim!r}, which the trials do not have{suggestion(str(dim), map(str, trials))}"
            )
        try:
            length = operator.index(value)
        except TypeError:
            length = 0
        if isinstance(value, bool) or (length < 1 and length != -1):
            raise ParameterError(f"chunks[{dim!r}] must be a whole number of at least 1, or -1 for all; got {value!r}")
        if dim in whole and length not in (-1, trials[dim]):
            raise ParameterError(
                f"start='carried' begins a batch entry where the one before ended: {dim!r} cannot be cut; leave it out of chunks"
            )
        wanted[dim] = max(1, trials[dim] if length == -1 else min(length, trials[dim]))
    return wanted


def _bytes(layout: Layout) -> int:
    """Bytes of the results of one trial; sparse spikes are taken for one in a hundred neuron-steps."""
    dense = sum(
        dtype.itemsize * math.prod(layout.sizes[dim] for dim in dims if dim not in layout.trials.sizes)
        for dims, dtype, _ in layout.dense().values()
    )
    return max(1, dense + (20 * _steps(layout) // 100 if layout.is_sparse else 0))


def _steps(layout: Layout) -> int:
    """Neuron-steps of one trial."""
    return max(1, round(layout.attrs["duration"] / layout.attrs["dt"]) * layout.call.fixed["neurons"].size)
