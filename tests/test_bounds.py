"""Kernels stay inside of their arrays, and no result depends on what fresh memory holds; see ``checked_intrinsics``."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "checked_intrinsics.py"


def run(n_case, room):
    """Run cases in a process of its own: nothing is compiled there."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(n_case), room],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip


def test_kernels_stay_inside_of_their_arrays():
    found = run(40, "enough")
    assert found.returncode == 0, found.stderr[-2000:]
    n_case, n_access = (int(word) for word in found.stdout.split() if word.isdigit())
    assert n_case == 40 and n_access > 300_000


def test_lists_that_are_too_short_are_noticed():
    """That the checks can fail."""
    found = run(40, "less")
    assert found.returncode == 1
    assert found.stderr.startswith("random_") and ("Beyond: " in found.stderr or "IndexError: " in found.stderr)
