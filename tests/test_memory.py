"""Memory of results, which is used again."""

import numpy as np
import pytest

import bss2sim as b2
from bss2sim import memory, spike_buffers


@pytest.mark.parametrize("number", [int, np.int64])
def test_empty__takes_whole_numbers_of_numpy(number):
    """Kernels return them without JIT."""
    array = memory.empty((number(2**18 + 3), number(3)), np.float64)
    assert array.shape == (2**18 + 3, 3) and memory.is_aligned(array)


@pytest.fixture
def own_blocks(monkeypatch):
    """No blocks but those of the test."""
    blocks = []
    monkeypatch.setattr(memory, "_blocks", blocks)
    return blocks


def place(array):
    """Address of an array."""
    return array.ctypes.data


@pytest.mark.parametrize("size", [2**17, 2**20, 2**22])
def test_empty__uses_the_memory_that_nobody_holds(own_blocks, size):
    first = memory.empty((size,), np.uint8)
    view = first[10:20]
    second = memory.empty((size,), np.uint8)
    assert place(second) != place(first)
    at = place(first)
    del first
    assert place(memory.empty((size,), np.uint8)) != at  # the view holds it still
    del view
    places = [place(array) for array in [memory.empty((size,), np.uint8) for _ in range(3)]]
    assert at in places


def test_empty__keeps_few_blocks_of_all_sizes(own_blocks, monkeypatch):
    monkeypatch.setattr(memory, "MOST_KEPT", 5)
    held = []
    for k in range(12):
        held.append(memory.empty((2**17 + 2**16 * k,), np.uint8))
        held[k][:] = k
        assert len(own_blocks) <= 5
    assert all((array == k).all() for k, array in enumerate(held))
    memory.empty((100,), np.uint8)  # small ones are not kept
    assert len(own_blocks) == 5


def test_empty__keeps_few_bytes(own_blocks, monkeypatch):
    monkeypatch.setattr(memory, "KEPT", 2**20)
    for k in range(6):
        memory.empty((2**18 + 2**16 * k,), np.uint8)
        assert sum(block.size for block in own_blocks) <= 2**20
    assert own_blocks
    before = len(own_blocks)
    memory.empty((2**20,), np.uint8)  # more than half of what may be kept
    assert len(own_blocks) == before


@pytest.mark.parametrize("n_neuron", [5, 1100])  # the latter are two blocks
@pytest.mark.parametrize("threads", [1, 2])
def test_trials_of_spikes__are_the_same_worked_out_in_pieces(monkeypatch, n_neuron, threads):
    jumps = np.zeros((600, 7, n_neuron))
    jumps[:, [0, 1, 3, 6]] = 30.0  # trials without a spike between and after others
    neurons = b2.IAFNeuron(n_neuron, refractory_time=2e-6)
    run = [b2.simulate(neurons, jumps, threads=threads)]
    monkeypatch.setattr(spike_buffers, "_FEW", 100)
    run.append(b2.simulate(neurons, jumps, threads=threads))
    assert run[0].sizes["spike"] > 100
    assert run[0].identical(run[1])
    assert run[1].spike_batch.dtype == np.int64
    np.testing.assert_array_equal(run[1].spike_batch, np.repeat(np.arange(7), run[1].row_size))
