"""Training steps under pytest-benchmark, as the fused operators and as a PyTorch loop; ``training.py`` prints the table."""

import pytest

pytest.importorskip("pytest_benchmark")
pytest.importorskip("torch")

from training import CASES, make_steps  # needs torch


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("side", ["ours", "loop"])
def test_training(benchmark, name, side):
    benchmark.group = name
    assert benchmark(make_steps(name)[side]).abs().sum() > 0
