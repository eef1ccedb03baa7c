"""Runs on a GPU: in Numba's simulator, and what is said and loaded where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bss2sim as b2

ROOT = Path(__file__).parent.parent
NEURONS = b2.IAFNeuron(2)
JUMPS = [[[1.0, 2.0]]]


def in_simulator(*arguments: str, **variables: str) -> None:
    """Run tests in a process that simulates the GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_in_the_simulator() -> None:
    """With the processor's kernels in plain Python too, so that every number has the type it has when compiled."""
    in_simulator("tests/cuda", NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
def test_in_the_simulator__against_compiled_kernels() -> None:
    """Some of them once more, where the processor's results come from machine code."""
    cases = ("euler.py::test_jumps__same_bits[iaf-one-float32]", "exact.py::test_jumps__same_bits[iaf-one]",
             "exact.py::test_events__same_bits[lif-pair]", "circuits.py::test_circuits__same_bits[leaky events]")  # fmt: skip
    in_simulator(*(f"tests/cuda/test_device_{case}" for case in cases), NUMBA_DISABLE_JIT="0")


@pytest.mark.slow
def test_in_the_simulator__data_of_the_reference() -> None:
    in_simulator("--device=cuda", "tests/test_golden.py", "-k", "iaf_refractory or iaf_forward", NUMBA_DISABLE_JIT="1")


def test_nothing_of_cuda_is_imported_until_asked() -> None:
    code = (
        "import sys, numpy as np, bss2sim as b2\n"
        "run = b2.simulate(b2.IAFNeuron(1), np.ones((2, 1, 1)), integrator='euler', device='auto')\n"
        "assert run.device == 'cpu' and run.device_choice.startswith('2 neuron-steps: about ')\n"
        "loaded = [name for name in sys.modules if name.startswith(('numba.cuda', 'numba_cuda', 'bss2sim.device_'))]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_compiler_that_is_missing__one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bss2sim.device.simulated", lambda: False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = r"^device='cuda' needs the package numba-cuda; install it with pip install 'bss2sim\[cuda13\]', or .* device='cpu'$"
    with pytest.raises(b2.MissingDependencyError, match=message):
        b2.simulate(NEURONS, JUMPS, device="cuda")
    with pytest.raises(b2.MissingDependencyError, match=message):
        b2.simulate(NEURONS, JUMPS, device="cuda", chip=b2.EmulatedChip(seed=1), synapse=b2.Synapse([[1.0, 1.0]]))
    monkeypatch.setattr("bss2sim.device.GPU_CALL", -1.0)
    run = b2.simulate(NEURONS, JUMPS, integrator="euler", device="auto")
    assert run.attrs["device_choice"] == "a GPU run needs the package numba-cuda"


def test_device__odd_values() -> None:
    with pytest.raises(
        b2.ParameterError, match=r"device must be one of 'cpu', 'cuda', 'auto'; got 'cudda'; did you mean 'cuda'"
    ):
        b2.simulate(NEURONS, JUMPS, device="cudda")
    with pytest.raises(
        b2.ParameterError, match=r"threads=2 spreads a run over processors; leave it out with device='cuda'"
    ):
        b2.simulate(NEURONS, JUMPS, device="cuda", threads=2)
    with pytest.raises(
        b2.ParameterError, match=r"device must be one of 'cpu', 'cuda', 'auto'; got 'gpu'; did you mean 'cuda'"
    ):
        b2.simulate(NEURONS, JUMPS, device="gpu", chip=b2.EmulatedChip(seed=1), synapse=b2.Synapse([[1.0, 1.0]]))
