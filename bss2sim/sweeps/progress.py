"""Compute tasks of dask wherever they run, with a bar: tqdm's in this process, dask's on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..options import thread_count


def current_client() -> Any:
    """Return the client of dask.distributed that computes by default, or None."""
    import dask

    if "distributed" not in sys.modules or dask.config.get("scheduler", None) not in (
        None,
        "dask.distributed",
        "distributed",
    ):
        return None
    from distributed import get_client

    try:
        return get_client()
    except ValueError:
        return None


def compute_all(tasks: Sequence[Any], *, progress: bool, done: int, at_once: int | None = None) -> None:
    """Compute tasks; an error ends it, and those that have been computed stay so.

    Parameters
    ----------
    tasks : sequence of Delayed
        What to compute.
    progress : bool
        Whether to show a bar.
    done : int
        Tasks that were done before, for the bar.
    at_once : int, optional
        Tasks at a time in this process; by default as many as there are threads (:func:`bss2sim.set_options`).
    """
    if not tasks:
        return
    client = current_client()
    if client is None:
        _compute_here(tasks, progress, done, at_once or thread_count())
        return
    from distributed import progress as bar

    futures = client.compute(list(tasks))
    try:
        if progress:
            bar(futures)
        client.gather(futures)
    finally:
        client.cancel([future for future in futures if not future.done()])


def _compute_here(tasks: Sequence[Any], progress: bool, done: int, at_once: int) -> None:
    """Compute tasks with the scheduler of this process that dask is set to, threads by default."""
    import dask
    from dask.callbacks import Callback
    from tqdm.auto import tqdm

    keys = {task.key for task in tasks}
    with tqdm(total=done + len(keys), initial=done, unit="block", disable=not progress) as bar:

        def count(key: Any, *_: Any) -> None:
            bar.update(key in keys)

        with Callback(posttask=count):
            dask.compute(*tasks, num_workers=at_once)
