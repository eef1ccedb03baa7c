"""Gradients of lots of trials are added up in the order of the lots."""

import numpy as np
import pytest

from bss2sim.weight_lots import Lots
from bss2sim.weights import pack, unpack


def total(order, arrays, n_input=5, n_neuron=21):
    """Sum of packed arrays that are done in some order."""
    lots = Lots(n_input, n_neuron, np.dtype(np.float32))
    begun = [lots.begin() for _ in arrays]
    for k in order:
        begun[k][:] = arrays[k]
        lots.end(k, begun[k])
    return lots.total()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_lots__are_added_in_their_order(order):
    """Numbers whose sum depends on the order: whichever is done first, the bits are those of the sum in order."""
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(5, 21)).astype(np.float32) * np.float32(10.0) ** k for k in (4, -3, 3, -2)]
    wanted = ((rows[0] + rows[1]) + rows[2]) + rows[3]
    assert not np.array_equal(wanted, ((rows[3] + rows[2]) + rows[1]) + rows[0])
    arrays = [pack(r, r.dtype) for r in rows]
    assert np.array_equal(unpack(arrays[0], 5, 21), rows[0])
    np.testing.assert_array_equal(total(order, arrays), wanted)


def test_lots__none_is_zero():
    assert total((), []).shape == (5, 21) and not total((), []).any()


def test_lots__arrays_are_used_again():
    """What is no weight is 0 at the start: it is added up, too."""
    lots = Lots(5, 21, np.dtype(np.float32))
    for lot in range(4):
        array = lots.begin().reshape(-1, 6, 16)
        assert not array[:, 5].any()
        array[:, :5] = 1
        lots.end(lot, array.reshape(-1))
    assert (lots.total() == 4).all()
