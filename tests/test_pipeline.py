"""What makes the first result quick: the shorter compiler pipeline, which gives the bits that Numba's own gives (it runs with
versions of Numba that were not tried), numbers without Numba's own functions, and no garbage collection meanwhile."""

import gc
import math
import subprocess
import sys

import numpy as np
import pytest
from numba import config

from bss2sim.kernels.collector import paused
from bss2sim.kernels.jit import kernel
from bss2sim.kernels.scalars import bits_of, from_bits, larger, smaller


@kernel
def _choices(x, y):
    return smaller(x, y), larger(x, y)


@kernel
def _same(x):
    return from_bits(bits_of(x))


CODE = """
import sys
import numba
if sys.argv[1] == "other":
    numba.version_info = numba.version_info._replace(short=(0, 1))
import numpy as np
import bss2sim as b2
from bss2sim.kernels import jit
assert ("pipeline_class" in jit._OPTIONS) == (sys.argv[1] == "tried")
rng = np.random.default_rng(3)
spikes = rng.random((60, 2, 9)) < 0.1
neurons = b2.IAFNeuron(20, threshold=1.0, reset=0.0, tau_syn=(4e-6, 9e-6), refractory_time=3e-6, holdoff_time=1e-6)
synapse = b2.Synapse(rng.normal(0.2, 0.5, (9, 20)))
record = b2.Recording(membrane=True)
run = b2.simulate(neurons, spikes, synapse=synapse, dt=1e-6, integrator="euler", record=record)
assert run.spike_time.size
print(run.spike_time.values.tobytes().hex(), run.membrane.values.tobytes().hex())
"""


PART = """
import numba
from bss2sim.kernels import jit

@jit.part
def double(x):
    return x + x

@jit.kernel
def quadruple(x):
    return double(double(x))

assert quadruple(1.5) == 6.0
try:
    double(1.5)
except TypeError as error:
    assert "part of kernels" in str(error)
else:
    raise AssertionError("a part was called")
assert quadruple(2) == 8
"""

BLAS = """
import sys
import numba
import numpy as np
import bss2sim.kernels.jit
assert "scipy.linalg" not in sys.modules

@numba.njit
def product(a, b):
    return a @ b

assert (product(np.eye(2), np.ones((2, 2))) == 1).all()
"""


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("code", [PART, BLAS], ids=["a part is called by kernels only", "Numba still finds BLAS"])
def test_pipeline_in_a_fresh_process(code):
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_plain__gives_the_bits_of_the_compiled_function():
    from bss2sim.kernels.coefficients import fill_grid_coefficients
    from bss2sim.kernels.jit import plain

    rng = np.random.default_rng(5)
    tau_mem, tau_syn = 10 ** rng.uniform(-8, -3, (2, 3, 7))
    for leaks in (False, True):
        results = []
        for fill in (fill_grid_coefficients, plain(fill_grid_coefficients)):
            arrays = [np.empty((3, 7)) for _ in range(3)]
            fill(1e-6, tau_mem, tau_syn, *arrays[:2], arrays[2] if leaks else None)
            results.append(np.stack(arrays[: 2 + leaks]))
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("a", [0.0, -0.0, 1.5, -2.5, math.inf, math.nan])
@pytest.mark.parametrize("b", [0.0, -0.0, 1.0, -3.5, -math.inf, math.nan])
def test_scalars__are_those_of_python(a, b):
    # repr tells -0.0 from 0.0
    assert repr([float(x) for x in (*_choices(a, b), _same(a))]) == repr([min(a, b), max(a, b), a])


def test_scalars__take_whole_numbers():
    assert _choices(3, -2) == (-2, 3)
    assert _choices(3, 0.5) == (0.5, 3.0)


def test_collector__is_paused_and_goes_on():
    assert gc.isenabled()
    with paused():
        assert not gc.isenabled()
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    gc.disable()
    try:
        with paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_both_pipelines_give_the_same_bits():
    results = [
        subprocess.run([sys.executable, "-c", CODE, which], check=True, capture_output=True, text=True).stdout
        for which in ("tried", "other")
    ]
    assert results[0] == results[1]
    assert results[0]
