"""Compiled kernels are kept on disk on request, from the first call on."""

import os
import subprocess
import sys

SCRIPT = """
import numpy as np, bss2sim as b2
b2.set_options(cache=True)
b2.simulate(b2.IAFNeuron(2), np.zeros((3, 1, 2)), integrator="euler")
"""


def test_cache__holds_the_kernel_of_the_first_call(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment, timeout=120)
    names = {path.name.split("-")[0] for path in tmp_path.rglob("*.nbi")}
    assert "euler.run_euler" in names


def test_cache__is_off_by_default(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    script = SCRIPT.replace("b2.set_options(cache=True)", "")
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=120)
    assert not list(tmp_path.rglob("*.nbi"))
