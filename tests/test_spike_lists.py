"""The lists of input spikes have room for what the kernels write, however the spikes are spread over steps and inputs."""

import numpy as np
import pytest

from bss2sim.kernels.codes import AT_ONCE, ROWS
from bss2sim.kernels.jit import plain
from bss2sim.kernels.packed import lay_out
from bss2sim.spike_lists import list_sizes, make_lists, step_list_sizes

# The rows of the last list of four are few, and those of the list before it are as long.
SPREAD = [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [0] * 7 + [1, 1], [0, 0, 0, 1], [1], [0, 0, 1], [1] * 9]


def written(counts, sizes):
    """Entries that the kernel lays out for rows with some numbers of spikes."""
    _, _, _, order, lists, bins, _ = make_lists(sizes, np.dtype(np.float32))
    return plain(lay_out)(np.array(counts), len(counts), order, lists, bins)


@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("most", [1, 3, 41, 167, 168])
def test_list_sizes__have_room_for_events(spread, most):
    counts = np.array(spread) * most
    step = np.repeat(np.arange(counts.size), counts)
    sizes = list_sizes(counts.size, 1000, step, np.array([0, step.size]))
    assert written(counts, sizes) + ROWS * (AT_ONCE - 1) <= sizes.n_listed


@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("tile", [1, 16, 128])
def test_step_list_sizes__have_room_for_events(spread, tile):
    counts = np.array(spread) * tile
    sizes = step_list_sizes(tile, 1, counts.size, np.array([0, counts.sum(), counts.sum()]))
    assert written(counts, sizes) <= sizes.n_listed
    sizes = step_list_sizes(tile, 3, counts.size, np.array([0, counts.sum(), 2 * counts.sum(), 3 * counts.sum()]))
    assert written(3 * counts, sizes) <= sizes.n_listed


@pytest.mark.parametrize("n", [1, 4, 5, 7, 65])
def test_sizes__have_room_for_dense_spikes(n):
    """All inputs spike in all steps."""
    sizes = list_sizes(n, 9)
    assert written([9] * n, sizes) + ROWS * (AT_ONCE - 1) <= sizes.n_listed
    sizes = step_list_sizes(16, 3, n)
    assert written([3 * 16] * n, sizes) <= sizes.n_listed
