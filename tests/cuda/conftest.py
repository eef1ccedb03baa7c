"""These tests need a GPU, or Numba's simulator of one: NUMBA_ENABLE_CUDASIM=1 python -m pytest tests/cuda.

``tests/test_cuda.py`` runs them in the simulator.
"""

import importlib.util
import os


def _has_gpu():
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    from numba import cuda

    return cuda.is_available()


if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "1" and not _has_gpu():
    collect_ignore_glob = ["*.py"]
