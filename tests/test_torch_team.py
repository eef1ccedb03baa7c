"""Kernels on the threads of PyTorch: the same bits as on ours, errors come through, a forked child does without."""

import multiprocessing
import os
import sys
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import bss2sim as b2  # noqa: E402  # after torch was found
from bss2sim.threads import lent, run_chunks  # noqa: E402
from bss2sim.torch import iaf, team  # noqa: E402

needs_team = pytest.mark.skipif(team.find_parallel() is None, reason="this PyTorch has no GOMP_parallel")


@pytest.fixture
def two_threads():
    """As many threads here as in PyTorch."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    b2.set_options(threads=2)
    yield
    torch.set_num_threads(before)
    b2.set_options(threads=None)


def calls(monkeypatch):
    """Record the sizes of the teams that are asked for."""
    sizes = []
    original = team._parallel

    def parallel(body, data, threads, flags):
        sizes.append(threads)
        original(body, data, threads, flags)

    monkeypatch.setattr(team, "_parallel", parallel)
    return sizes


@needs_team
def test_team__found_with_gnu_openmp_on_linux():
    assert sys.platform.startswith("linux") and "OpenMP" in torch.__config__.parallel_info()


@needs_team
def test_team__every_chunk_once(two_threads):
    seen, workers = [], set()
    both = threading.Barrier(2)

    def work(chunk, worker):
        if chunk < 2:
            both.wait(20)  # the two threads are there at once
        seen.append(chunk)
        workers.add(worker)

    with team.on_threads_of_torch():
        run_chunks(20, 2, work)
    assert sorted(seen) == list(range(20))
    assert workers == {0, 1}


@needs_team
def test_team__fewer_workers_than_threads_of_torch(two_threads):
    torch.set_num_threads(3)
    workers = []
    with team.on_threads_of_torch():
        run_chunks(9, 2, lambda chunk, worker: workers.append(worker))
    assert len(workers) == 9 and set(workers) <= {0, 1}


@needs_team
def test_team__errors_come_through(two_threads):
    def work(chunk, worker):
        if chunk == 5:
            raise ValueError("chunk 5")

    with team.on_threads_of_torch(), pytest.raises(ValueError, match="chunk 5"):
        run_chunks(8, 2, work)


def test_team__a_team_that_does_nothing_leaves_no_chunk():
    seen = []
    with lent(lambda threads, body: None):
        run_chunks(5, 2, lambda chunk, worker: seen.append((chunk, worker)))
    assert seen == [(chunk, 0) for chunk in range(5)]


def gradients(weighted):
    """Outputs and gradients of a run large enough for threads."""
    rng = np.random.default_rng(0)
    if weighted:
        inputs = torch.from_numpy((rng.random((60, 40, 30)) < 0.1).astype(np.float32))
        leaf = torch.from_numpy(rng.normal(0.0, 10.0, (30, 64)).astype(np.float32)).requires_grad_()
        run = iaf(inputs, leaf)
    else:
        leaf = torch.from_numpy(rng.normal(2.0, 10.0, (60, 40, 64)).astype(np.float32)).requires_grad_()
        run = iaf(leaf)
    (run.spikes.sum() + (run.membrane**2).sum()).backward()
    return [run.spikes.detach(), run.membrane.detach(), leaf.grad]


@needs_team
@pytest.mark.parametrize("weighted", [False, True])
def test_team__bits_do_not_depend_on_whose_threads(two_threads, monkeypatch, weighted):
    sizes = calls(monkeypatch)
    theirs = gradients(weighted)
    assert sizes == [2, 2]  # forth and back
    monkeypatch.setattr(team, "_parallel", None)
    ours = gradients(weighted)
    for a, b in zip(theirs, ours, strict=True):
        assert torch.equal(a, b)


@needs_team
@pytest.mark.parametrize("count", [1, 3])
def test_team__not_with_another_number_of_threads(two_threads, monkeypatch, count):
    sizes = calls(monkeypatch)
    b2.set_options(threads=count)  # more than PyTorch has, or one alone
    gradients(False)
    assert sizes == []


def _in_child(queue):
    """Put the sum of a gradient; PyTorch's own operations are on one thread there, as in its loader of data."""
    torch.set_num_threads(1)
    queue.put((team._parallel is None, gradients(True)[2].sum().item()))


@needs_team
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_team__a_forked_child_does_without(two_threads):
    expected = gradients(True)[2].sum().item()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60) == (True, expected)
    finally:
        child.kill()
        child.join()
