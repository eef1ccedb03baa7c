"""Gradients of lots of trials are added up in an order that depends on nothing but their number."""

import numpy as np
import pytest
import torch

from bss2sim import superspike_run
from bss2sim.torch import iaf
from bss2sim.weight_lots import Lots
from bss2sim.weights import pack

N_INPUT, N_NEURON = 5, 21
F = np.dtype(np.float32)


def rows(n, rng):
    """Arrays whose sum depends on the order."""
    return [
        rng.normal(size=(N_INPUT, N_NEURON)).astype(F) * F.type(10.0) ** rng.integers(-4, 5).astype(F) for _ in range(n)
    ]


def in_order(arrays):
    """Sum of the first half, a power of two of arrays, plus that of the rest."""
    if len(arrays) == 1:
        return arrays[0]
    half = 1 << (len(arrays) - 1).bit_length() - 1
    return in_order(arrays[:half]) + in_order(arrays[half:])


def summed(lots, of_lot, order):
    """Sum of the lots if chunks end in some order."""
    begun = [lots.begin() for _ in range(lots.n_chunk)]
    for chunk in order:
        first, last = lots.lots_of(chunk)
        begun[chunk][0] = pack(in_order(of_lot[first:last]), F)
        lots.end(chunk, begun[chunk])
    return lots.total()


@pytest.mark.parametrize("n_trial", [1, 2, 3, 5, 7, 10, 16, 40])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_lots__are_added_in_one_order_whatever_the_chunks_and_whichever_ends_first(n_trial, threads):
    rng = np.random.default_rng(n_trial)
    of_lot = rows(min(n_trial, 16), rng)
    for _ in range(3):
        lots = Lots(n_trial, threads, N_INPUT, N_NEURON, F)
        found = summed(lots, of_lot, rng.permutation(lots.n_chunk))
        np.testing.assert_array_equal(found, in_order(of_lot))


def test_lots__order_of_the_test_matters():
    of_lot = rows(4, np.random.default_rng(0))
    assert not np.array_equal(in_order(of_lot), ((of_lot[0] + of_lot[1]) + of_lot[2]) + of_lot[3])


@pytest.mark.parametrize("n_trial", [1, 3, 16, 17, 100])
@pytest.mark.parametrize("threads", [1, 2, 4, 64])
def test_lots__cover_all_trials_once(n_trial, threads):
    lots = Lots(n_trial, threads, N_INPUT, N_NEURON, F)
    assert lots.bounds[0] == 0 and lots.bounds[-1] == n_trial and (np.diff(lots.bounds) > 0).all()
    assert lots.bounds == Lots(n_trial, 1, N_INPUT, N_NEURON, F).bounds
    chunks = [lots.lots_of(chunk) for chunk in range(lots.n_chunk)]
    assert [lot for first, last in chunks for lot in range(first, last)] == list(range(len(lots.bounds) - 1))


def test_lots__none_is_zero():
    found = Lots(0, 2, N_INPUT, N_NEURON, F).total()
    assert found.shape == (N_INPUT, N_NEURON) and not found.any()


def test_lots__arrays_are_used_again():
    lots = Lots(16, 2, N_INPUT, N_NEURON, F)
    seen = set()
    for chunk in range(lots.n_chunk):
        array = lots.begin()
        seen.add(array.ctypes.data)
        array[0] = 1
        lots.end(chunk, array)
    assert (lots.total() == lots.n_chunk).all() and len(seen) < lots.n_chunk


@pytest.mark.parametrize("n_time", [2, 60, 300])  # of one interval, or of more
@pytest.mark.parametrize("n_batch", [3, 11, 16, 41, 300])  # of one bundle a lot, or of more
def test_gradient_of_weights__has_the_bits_of_its_lots_however_many_run_together(n_batch, n_time, monkeypatch):
    """Lots one by one, in twos, fours and eights, with sparse and with dense spikes."""
    if n_batch * n_time > 20_000:
        pytest.skip("enough")
    generator = torch.Generator().manual_seed(n_batch)
    spikes = (torch.rand(n_time, n_batch, 7, generator=generator) < 0.3).float()
    weight = torch.randn(7, 19, generator=generator)
    seeds = torch.randn(n_time, n_batch, 19, generator=generator)

    def gradient(given, threads):
        monkeypatch.setattr(superspike_run, "thread_count", lambda: threads)
        monkeypatch.setattr(superspike_run, "_pieces", with_threads(superspike_run_pieces, threads))
        leaf = weight.clone().requires_grad_()
        run = iaf(given, leaf, threshold=1.0, reset=0.0, tau_mem=6e-6, tau_syn=6e-6)
        (run.membrane * seeds).sum().backward()
        return leaf.grad

    superspike_run_pieces = superspike_run._pieces
    wanted = gradient(spikes, 64)
    assert wanted.abs().sum() > 0
    for threads in (1, 2, 4):
        assert torch.equal(gradient(spikes, threads), wanted)
        assert torch.equal(gradient(spikes.to_sparse(), threads), wanted)


def with_threads(pieces, threads):
    """Pieces for some threads, however small the run is."""

    def cut(*arguments):
        low, size, bounds, _ = pieces(*arguments)
        return low, size, bounds, threads

    return cut
