"""Memory of results, which is used again."""

import numpy as np
import pytest

from bss2sim import memory


@pytest.mark.parametrize("number", [int, np.int64])
def test_empty__takes_whole_numbers_of_numpy(number):
    """Kernels return them without JIT."""
    array = memory.empty((number(2**18 + 3), number(3)), np.float64)
    assert array.shape == (2**18 + 3, 3) and memory.is_aligned(array)
