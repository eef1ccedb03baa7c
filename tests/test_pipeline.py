"""The shorter compiler pipeline gives the bits that Numba's own gives, which runs with versions it was not tried with."""

import subprocess
import sys

import pytest
from numba import config

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


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_both_pipelines_give_the_same_bits():
    results = [
        subprocess.run([sys.executable, "-c", CODE, which], check=True, capture_output=True, text=True).stdout
        for which in ("tried", "other")
    ]
    assert results[0] == results[1]
    assert results[0]
