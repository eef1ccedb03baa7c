"""Chunks over threads: all of them once, and no thread goes on when the call is over."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bss2sim import threads
from bss2sim.threads import run_chunks

LONG = 60.0  # s: never reached unless something is wrong


@pytest.mark.parametrize(("n_chunk", "threads"), [(0, 2), (1, 2), (2, 2), (50, 3), (50, 1)])
def test_run_chunks__takes_every_chunk_once(n_chunk, threads):
    taken = []
    run_chunks(n_chunk, threads, lambda chunk, worker: taken.append((chunk, worker)))
    assert sorted(chunk for chunk, _ in taken) == list(range(n_chunk))
    assert all(0 <= worker < threads for _, worker in taken)


class Halves:
    """Two threads: the caller's chunk waits until the helper has begun with its own; what each does then is given."""

    def __init__(self, caller, helper):
        self.caller, self.helper = caller, helper
        self.begun, self.done = threading.Event(), False
        self.after = 0

    def __call__(self, chunk, worker):
        if self.begun.is_set() and worker:
            self.after += 1
            threading.Event().wait(0.001)
        elif worker:
            self.begun.set()
            self.helper()
            self.done = True
        else:
            assert self.begun.wait(LONG)
            self.caller()


def test_run_chunks__an_error_of_the_caller_ends_the_helpers_first():
    failed = threading.Event()

    def fail():
        failed.set()
        raise ValueError("of the caller")

    halves = Halves(fail, lambda: failed.wait(LONG) and threading.Event().wait(0.2))
    with pytest.raises(ValueError, match="of the caller"):
        run_chunks(1000, 2, halves)
    assert halves.done
    assert halves.after < 998  # of the chunks that were left


def test_run_chunks__an_error_of_a_helper_is_raised():
    def fail():
        raise ValueError("of the helper")

    with pytest.raises(ValueError, match="of the helper"):
        run_chunks(2, 2, Halves(lambda: None, fail))


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no way to interrupt one thread")
def test_run_chunks__an_interrupt_waits_for_the_helpers():
    """They write to memory that the next run may get."""
    main, handled = threading.get_ident(), threading.Event()

    def handle(number, frame):
        handled.set()
        raise KeyboardInterrupt

    def interrupt():
        signal.pthread_kill(main, signal.SIGINT)
        assert handled.wait(LONG)
        threading.Event().wait(0.2)

    before = signal.signal(signal.SIGINT, handle)
    try:
        halves = Halves(lambda: None, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_chunks(2, 2, halves)
    finally:
        signal.signal(signal.SIGINT, before)
    assert halves.done


def test_run_chunks__helpers_that_began_end_if_the_next_one_cannot_be_had(monkeypatch):
    begun, taken = threading.Event(), []

    def work(chunk, worker):
        taken.append(chunk)
        begun.set()
        threading.Event().wait(0.001)

    class Pool(ThreadPoolExecutor):
        def submit(self, *arguments):
            if begun.is_set():
                raise RuntimeError("no third thread")
            future = super().submit(*arguments)
            assert begun.wait(LONG)
            return future

    with Pool(2) as pool:
        monkeypatch.setattr(threads, "_pool", lambda workers: pool)
        with pytest.raises(RuntimeError, match="no third thread"):
            run_chunks(1000, 3, work)
        so_far = len(taken)
    assert so_far == len(taken) < 1000  # nobody went on
