"""The code of the kernels for a GPU, where the compiler is installed: no GPU is needed."""

import importlib.util
import re

import numpy as np
import pytest

import bss2sim as b2

if importlib.util.find_spec("numba_cuda") is None or importlib.util.find_spec("nvidia") is None:
    pytest.skip("needs numba-cuda and its compiler: pip install 'bss2sim[cuda13]'", allow_module_level=True)

import ptx

# Registers of a thread in a kernel, at most: with 128 threads in a block, 65536 registers hold four blocks of the first
# kind on a processor, and two of the others. Spills to memory are not allowed, but for some bytes of circuits.
MOST_EULER, MOST_EXACT, MOST_CIRCUITS = 80, 240, 255
KINDS = {
    "iaf": (b2.IAFNeuron, dict(threshold=1.0, reset=-0.1, refractory_time=3e-6, holdoff_time=1e-6)),
    "lif": (b2.LIFNeuron, dict(threshold=1.0, reset=-0.1, leak=0.0, refractory_time=3e-6)),
    "li": (b2.LINeuron, dict(leak=0.3)),
}
TAU_SYN = {"one": 6e-6, "pair": (6e-6, 3e-6)}
SPIKES = np.ones((3, 2, 4), bool)
EVENTS = b2.sparse_spikes([1e-6], [0], [1], n_batch=2, duration=3e-6)


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """Compile what a run launches; check what holds for all kernels, and the registers."""
    ptx.instead_of_a_gpu(monkeypatch)

    def checked(most, most_spilled=0):
        """Return the code of the kernel that was launched."""
        (code,) = [code for name, code in ptx.FOUND.items() if name.startswith("run_")]
        assert not re.findall(r"\bfma\.", code), (
            "multiplication and addition are fused: other bits than the processor's"
        )
        assert not re.findall(r"\bcall", code), "a rule is not inlined"
        found = ptx.assembled(code, tmp_path)
        if found is not None:
            registers, spills, _ = found
            assert spills <= most_spilled
            assert registers <= most
        return code

    def run(kind, tau_syn, form, most, **arguments):
        make, parameters = KINDS[kind]
        neurons = make(4, tau_syn=TAU_SYN[tau_syn], **parameters)
        dtype = arguments.get("dtype", "float64")
        synapse = b2.Synapse(np.ones((4, 4), dtype)) if form != "jumps" else None
        inputs = {"jumps": np.ones((3, 2, 4), dtype), "dense": SPIKES, "events": EVENTS}[form]
        b2.simulate(neurons, inputs, synapse=synapse, device="cuda", **arguments)
        return checked(most)

    run.checked = checked
    return run


@pytest.mark.parametrize("form", ["jumps", "dense", "events"])
@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("kind", ["iaf", "lif", "li"])
def test_euler__float32_stays_float32(compiled, kind, tau_syn, form):
    code = compiled(kind, tau_syn, form, MOST_EULER, integrator="euler", dtype="float32")
    assert not re.findall(r"\.f64\b", code), "float32 is computed in float64"
    assert not re.findall(r"\b(ld|st)\.local", code), "state is in memory instead of registers"


@pytest.mark.parametrize("form", ["jumps", "dense", "events"])
def test_euler__float64(compiled, form):
    code = compiled("lif", "pair", form, MOST_EULER, integrator="euler", dtype="float64")
    assert not re.findall(r"\.f32\b", code)


@pytest.mark.parametrize("form", ["jumps", "dense", "events"])
@pytest.mark.parametrize("tau_syn", ["one", "pair"])
@pytest.mark.parametrize("kind", ["iaf", "lif", "li"])
def test_exact(compiled, kind, tau_syn, form):
    code = compiled(kind, tau_syn, form, MOST_EXACT)
    assert not re.findall(r"\.f32\b", code)


@pytest.mark.parametrize("kind", ["iaf", "lif"])
def test_exact__sample_times(compiled, kind):
    record = b2.Recording(membrane=True, current=True, sample_time=[1.5e-6])
    code = compiled(kind, "pair", "jumps", MOST_EXACT, record=record)
    assert "run_grid" in code


@pytest.mark.parametrize("sparse", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("leak", [False, True])
def test_circuits(compiled, leak, sparse):
    from test_experiment_dynamics import network

    from bss2sim.experiment.dynamics import run_circuits

    arguments, keywords = network(1, n_time=3, leak=leak, sparse=sparse)
    run_circuits(*arguments, **keywords, device="cuda")
    assert "run_circuits" in compiled.checked(MOST_CIRCUITS, 64)


def test_machine_code__fuses_nothing(compiled, tmp_path):
    """The last step does not fuse what the compiler kept apart."""
    from numba import float64

    from bss2sim.kernels.cuda import Kernel

    def line(x):
        x[0] = x[1] * x[2] + x[3]

    code = ptx.machine_code(Kernel(line), (float64[::1],), tmp_path / "line.cubin")
    if code is None:
        pytest.skip("needs nvdisasm: pip install nvidia-cuda-nvdisasm")
    assert "DMUL" in code and "DADD" in code and "DFMA" not in code


def test_order_of_spikes(compiled, monkeypatch):
    """The kernels that sort compile for steps and for seconds."""
    from bss2sim.device_spikes import ChunkSpikes

    monkeypatch.setattr(ChunkSpikes, "n_found", lambda self, stream: 1)
    for integrator in ("euler", "exact"):
        ptx.FOUND.clear()
        compiled("iaf", "one", "jumps", MOST_EXACT, integrator=integrator)
        assert {"_count", "_scatter", "_rank"} <= set(ptx.FOUND)
