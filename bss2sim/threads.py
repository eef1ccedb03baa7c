"""Spread tasks over threads: the calling thread takes part, chunks are taken as they come.

Every task writes to its own place, so the result does not depend on which thread ran it.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

# Calls a function on so many threads at once, the calling one among them, or on fewer; returns when all calls have.
Team = Callable[[int, Callable[[], None]], None]

_lent = threading.local()
_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def _forget() -> None:
    """Start anew in a forked child, where there are no threads, and the lock may be held by one that is not there."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _pool(workers: int) -> ThreadPoolExecutor:
    """Return the pool with this many workers, made at its first use; threads wait between runs."""
    with _lock:
        if workers not in _pools:
            _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="bss2sim")
        return _pools[workers]


@contextmanager
def lent(team: Team | None) -> Iterator[None]:
    """Let chunks of this thread run on the threads of someone else instead of a pool of ours; None: on ours."""
    before = getattr(_lent, "team", None)
    _lent.team = team
    try:
        yield
    finally:
        _lent.team = before


def run_chunks(n_chunk: int, threads: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(chunk, worker)`` for every chunk; worker < threads numbers the calling thread's scratch."""
    threads = min(threads, n_chunk)
    if threads <= 1:
        for chunk in range(n_chunk):
            work(chunk, 0)
        return
    counter = itertools.count()
    stopped: BaseException | None = None

    def take(worker: int) -> None:
        while stopped is None and (chunk := next(counter)) < n_chunk:
            work(chunk, worker)

    team: Team | None = getattr(_lent, "team", None)
    if team is not None:
        numbers = itertools.count()

        def take_one() -> None:
            nonlocal stopped
            try:
                if (worker := next(numbers)) < threads:
                    take(worker)
            except BaseException as error:  # a foreign thread has nobody to raise it to
                stopped = error

        team(threads, take_one)
        if stopped is not None:
            raise stopped
        take(0)  # what an interrupt between two lines of Python left
        return

    # The calling thread works too, and helpers never wait for one another: nested pools cannot lock up.
    others: list[Future[None]] = []
    try:
        for worker in range(1, threads):
            others.append(_pool(threads - 1).submit(take, worker))
        take(0)
    except BaseException as reason:
        stopped = reason
    while True:
        try:
            errors = [future.exception() for future in others if not future.cancel()]
            break
        except BaseException as reason:  # an interrupt: helpers still write to the memory of this run, wait on
            stopped = reason
    for error in (stopped, *errors):
        if error is not None:
            raise error
