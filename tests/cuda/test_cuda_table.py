"""The script that measures on a GPU runs from end to end."""

import sys
import types
from pathlib import Path

import pytest

from bss2sim.kernels import cuda as gpu
from bss2sim.kernels import cuda_streams as streams


@pytest.fixture
def cuda_table(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import cuda_table

    monkeypatch.setattr(gpu.Kernel, "launch", gpu.Kernel.launch)  # put back afterwards
    monkeypatch.setattr(cuda_table, "N", 4)
    return cuda_table


@pytest.fixture
def torch(monkeypatch):
    """PyTorch, which takes the processor for a GPU."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    for name, value in {"is_available": True, "synchronize": None, "empty_cache": None}.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    monkeypatch.setattr(torch, "set_default_device", lambda device: None)
    monkeypatch.setattr(torch, "compile", lambda function: function)
    return torch


def test_table__without_others(cuda_table, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    worthwhile = streams.WORTH_PINNING
    cuda_table.main(0.0001)
    printed = capsys.readouterr().out
    assert printed.startswith("GPU: ")
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    for name in (
        "float32 Euler, v, i and spikes", "the same, jumps and recordings stay",
        "exact, dense spikes", "exact, events", "exact, 1 chips", "emulated chip, CADC",
        "T=4, B=1, N=1",
        "float32 Euler, membrane there and back, eight chunks, pinned", "(PyTorch is not installed)",
    ):  # fmt: skip
        assert any(row.startswith(f"| {name}") for row in rows), name
    assert printed.count("largest difference of spike times 0 s") == 3
    assert "the same bits as on the processor" in printed
    assert printed.count("Measured break-even of Euler steps") == 2 and "left out" not in printed
    assert streams.WORTH_PINNING == worthwhile


def test_table__with_others(cuda_table, torch, monkeypatch, capsys):
    calls = []

    class IFNode:
        supported_backends = ("torch", "cupy")

        def __init__(self, step_mode):
            assert step_mode == "m"

        def cuda(self):
            return self

        def __call__(self, x):
            calls.append((self.backend, x.shape))

    kit = types.ModuleType("spikingjelly.activation_based")
    kit.neuron = types.SimpleNamespace(IFNode=IFNode)
    kit.functional = types.SimpleNamespace(reset_net=lambda node: None)
    monkeypatch.setitem(sys.modules, "spikingjelly", types.ModuleType("spikingjelly"))
    monkeypatch.setitem(sys.modules, "spikingjelly.activation_based", kit)
    monkeypatch.setattr(cuda_table, "PARTS", ("weights", "compiled"))
    cuda_table.main(0.0001)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    for name in (
        "the product of PyTorch alone", "the product, then the fused kernel", "gathered weights", "PyTorch loop",
        "SpikingJelly, IFNode (simpler), backend cupy", "the same, torch.compile, 10 steps",
    ):  # fmt: skip
        assert any(row.startswith(f"| {name}") for row in rows), name
    assert calls and all(call == ("cupy", (4, 1, 4)) for call in calls)


def test_table__goes_on_without_those_that_fail(cuda_table, torch, monkeypatch, capsys):
    def fails(function):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", fails)
    monkeypatch.setitem(sys.modules, "spikingjelly", None)
    monkeypatch.setattr(cuda_table, "PARTS", ("weights", "compiled"))
    cuda_table.main(0.0001)
    printed = capsys.readouterr().out
    assert "| (torch.compile: RuntimeError)" in printed and "| (SpikingJelly: ModuleNotFoundError" in printed
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cuda_table.main(0.0001)
    assert capsys.readouterr().out.count("| (PyTorch finds no GPU)") == 2


def test_table__stops_in_time(cuda_table, capsys):
    cuda_table.main(0.0001, minutes=-1.0)
    printed = capsys.readouterr().out
    assert [f"| (left out, the time is over: {part}) | | | | |" in printed for part in cuda_table.PARTS] == [True] * 11


@pytest.mark.parametrize(
    ("processor", "on_gpu", "expected"),
    [
        ([1.0, 10.0, 100.0], [10.0, 10.0, 10.0], 1000.0), ([1.0, 4.0, 100.0], [4.0, 1.0, 10.0], 100 * 10**0.5),
        ([2.0, 2.0, 2.0], [1.0, 1.0, 1.0], 0.0), ([1.0, 1.0, 1.0], [1.0, 0.5, 2.0], None),
    ],
)  # fmt: skip
def test_break_even__is_where_the_lines_cross(cuda_table, processor, on_gpu, expected):
    assert cuda_table.crossing([100, 1000, 10000], processor, on_gpu) == pytest.approx(expected)
