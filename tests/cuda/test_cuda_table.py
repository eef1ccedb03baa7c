"""The script that measures on a GPU runs from end to end."""

import sys
from pathlib import Path

from bss2sim.kernels import cuda as gpu


def test_table(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    import cuda_table

    monkeypatch.setattr(gpu.Kernel, "launch", gpu.Kernel.launch)  # put back afterwards
    monkeypatch.setattr(cuda_table, "N", 4)
    cuda_table.main(0.0001)
    printed = capsys.readouterr().out
    assert printed.startswith("GPU: ")
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    for name in ("float32 Euler, v, i and spikes", "exact, events", "exact, 1 chips", "T=100, B=1, N=1"):
        assert any(row.startswith(f"| {name}") for row in rows), name
    assert printed.count("largest difference of spike times 0 s") == 3
