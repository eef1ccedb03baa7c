"""Engine speed under pytest-benchmark: ``python -m pytest tests/benchmarks`` (needs the extra `benchmark`).

Each workload runs twice, as the engine and as its peer; compare within a group. ``ratios.py`` prints the table.
"""

import pytest

pytest.importorskip("pytest_benchmark")
pytest.importorskip("torch")

from cases import make_cases  # needs torch


@pytest.mark.parametrize("name", list(make_cases(long=False)))
@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_engine(benchmark, name, side):
    case = make_cases()[name]()
    benchmark.group = case.name
    result = benchmark(getattr(case, side))
    assert result is not None
