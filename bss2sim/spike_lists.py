"""Working memory for the lists of input spikes of a tile of steps (``kernels.packed``)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .kernels.codes import AT_ONCE, ROWS


class ListSizes(NamedTuple):
    """How much room the lists of a tile need.

    Attributes
    ----------
    tile : int
        Steps of a tile.
    n_listed : int
        Entries of all lists.
    most : int
        Spikes of a step.
    n_word : int
        Words of 64 bits in which dense spikes are marked.
    last : int
        Greatest entry, the one that fills lists up.
    """

    tile: int
    n_listed: int
    most: int
    n_word: int
    last: int


def list_sizes(tile: int, n_input: int, step: np.ndarray | None = None, pointer: np.ndarray | None = None) -> ListSizes:
    """Return the sizes for dense spikes of `n_input` inputs, or for events at steps that are sorted within each trial.

    The events of trial k are pointer[k] .. pointer[k + 1]. Rounded up, so that runs with about as many spikes find the
    memory of one another.
    """
    if step is None or pointer is None:
        total, most, n_word = tile * n_input, n_input, tile * n_words(n_input)
    else:
        n_word = 0
        total = int(np.diff(pointer).max(initial=0))
        begins = np.zeros(step.size + 1, bool)  # where the events of another step or trial begin
        begins[pointer] = True
        begins[1:-1] |= step[1:] != step[:-1]
        most = int(np.diff(np.flatnonzero(begins)).max(initial=0))
    return ListSizes(
        tile, 1 << (_room(total, most) + ROWS * AT_ONCE).bit_length(), 1 << most.bit_length(), n_word, n_input
    )


def step_list_sizes(tile: int, bundle: int, n_input: int, pointer: np.ndarray | None = None) -> ListSizes:
    """Return the sizes of the lists the other way round: for each input its steps in a bundle of trials.

    A tile of steps of each trial: of dense spikes, or of events, those of trial k from pointer[k] to pointer[k + 1], none twice.
    See ``kernels.weight_gradient``.
    """
    total = tile * n_input if pointer is None else int(np.diff(pointer).max(initial=0))
    n_word = bundle * tile * n_words(n_input) if pointer is None else 0
    return ListSizes(
        n_input, 1 << _room(bundle * total, bundle * tile).bit_length(), bundle * tile, n_word, bundle * tile
    )


def n_words(n_input: int) -> int:
    """Words of 64 bits that mark the spikes of a step."""
    return -(-n_input // 64)


def _room(total: int, most: int) -> int:
    """Entries of lists of four rows that are ordered by their number of spikes, `total` in all and `most` in a row.

    Four times the longest row of a list are no more than the spikes of the next list, if that has four rows. The last list has
    no next one, and the last but one has one that copies may fill up.
    """
    return total + 2 * ROWS * most


def make_lists(sizes: ListSizes, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    """Return index, grade, count, order, lists, bins and words, in the order of the kernels."""
    tile, n_listed, most, n_word, last = sizes
    return (
        np.empty(n_listed, np.uint16 if last <= np.iinfo(np.uint16).max else np.int32),  # short ones take fewer loads
        np.empty(n_listed, dtype),
        np.empty(tile, np.int64),
        np.empty(tile + ROWS - 1, np.int64),
        np.empty(-(-tile // ROWS) + 1, np.int64),
        np.empty(most + 2, np.int64),
        np.empty(n_word, np.uint64),
    )
