"""PyTorch's own threads, for our kernels.

Threads of PyTorch wait for their next operation in a loop, some milliseconds long, to be ready at once. Kernels that follow on
threads of ours would share the processors with them, which cost a third of a step of training. On the threads of PyTorch the
kernels are the next operation. PyTorch has no function for that, but its OpenMP library has: the one that every parallel loop is
compiled to. Where there is none (another parallel backend of PyTorch, another system), threads of ours do the work as elsewhere.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from bss2sim.options import thread_count
from bss2sim.threads import lent

_Body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_LIBRARY = "libtorch_cpu.so"


def find_parallel() -> Any:
    """Return ``GOMP_parallel`` of the OpenMP library that PyTorch has loaded, or None."""
    if not sys.platform.startswith("linux") or "parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return None
    try:
        # Only what is loaded already; its symbols are looked for in the libraries that it needs, too.
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / _LIBRARY), mode=os.RTLD_NOLOAD)
        parallel = library.GOMP_parallel
    except (OSError, AttributeError):
        return None
    parallel.argtypes, parallel.restype = (_Body, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
    return parallel


_parallel = find_parallel()


def _forget() -> None:
    """Leave the threads alone in a forked child, where they are not, and OpenMP would wait for them for ever."""
    global _parallel
    _parallel = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _run(threads: int, body: Callable[[], None]) -> None:
    """Call a function on all threads of PyTorch: a team of another size would end threads, and start them again later."""
    _parallel(_Body(lambda _: body()), None, torch.get_num_threads(), 0)


def on_threads_of_torch() -> AbstractContextManager[None]:
    """Run kernels on the threads of PyTorch meanwhile, where it has as many as they shall use, and one can."""
    enough = 1 < thread_count() <= torch.get_num_threads()
    return lent(_run if _parallel is not None and enough else None)
