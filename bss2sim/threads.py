"""Spread tasks over threads: the calling thread takes part, chunks are taken as they come.

Every task writes to its own place, so the result does not depend on which thread ran it.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # a forked child has no threads: let it make its own
    os.register_at_fork(after_in_child=_pools.clear)


def _pool(workers: int) -> ThreadPoolExecutor:
    """Return the pool with this many workers, made at its first use; threads wait between runs."""
    with _lock:
        if workers not in _pools:
            _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="bss2sim")
        return _pools[workers]


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

    # The calling thread works too, and helpers never wait for one another: nested pools cannot lock up.
    others: list[Future[None]] = [_pool(threads - 1).submit(take, worker) for worker in range(1, threads)]
    try:
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
