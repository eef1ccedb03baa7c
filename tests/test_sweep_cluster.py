"""Chunked runs and sweeps on dask.distributed."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2

pytest.importorskip("dask.array")
pytest.importorskip("zarr")
distributed = pytest.importorskip("distributed")

JUMPS = xr.DataArray(np.random.default_rng(3).normal(8, 20, (40, 3)), dims=("time", "neuron"))
LEVEL = xr.DataArray([100.0, 110, 130, 90], dims="level")


def neurons(level=LEVEL):
    return b2.IAFNeuron(3, threshold=level, refractory_time=2e-6)


@pytest.fixture
def client():
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        with distributed.Client(cluster) as client:
            yield client


def test_cluster__lazy_runs_and_sweeps(client, tmp_path, capsys):
    eager = b2.simulate(neurons(), JUMPS)
    record = b2.Recording("count", membrane=True)
    lazy = b2.simulate(neurons(LEVEL.chunk(level=1)), JUMPS, record=record)
    xr.testing.assert_identical(lazy.compute(), b2.simulate(neurons(), JUMPS, record=record))
    run = b2.sweep(neurons(), JUMPS, store=tmp_path / "a.zarr", chunks={"level": 1})
    assert "Completed" in capsys.readouterr().out  # dask's bar
    xr.testing.assert_identical(run.compute(), eager)
    (tmp_path / "a.zarr/sweep/blocks/000002.json").unlink()
    run = b2.sweep(neurons(), JUMPS, store=tmp_path / "a.zarr", progress=False)
    xr.testing.assert_identical(run.compute(), eager)
    bad = b2.IAFNeuron(3, threshold=LEVEL.where(LEVEL != 130).chunk(level=1), refractory_time=2e-6)
    with pytest.raises(b2.ParameterError, match="threshold must be finite"):
        b2.sweep(bad, JUMPS, store=tmp_path / "b.zarr", progress=False)


def test_cluster__inputs_that_live_on_it(client, tmp_path):
    inputs = JUMPS.expand_dims(batch=4).chunk(batch=1).persist()
    run = b2.sweep(neurons(), inputs, store=tmp_path / "a.zarr", progress=False)
    expected = b2.simulate(neurons(), inputs.compute())
    xr.testing.assert_identical(run.compute(), expected)


SCRIPT = """
import os, sys
import dask, distributed
import numpy as np, xarray as xr
import bss2sim as b2

if __name__ == "__main__":
    visible = "CUDA_VISIBLE_DEVICES"
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with distributed.Client(cluster) as client:
            # as dask-cuda does it: every worker sees its own GPU first
            for number, worker in enumerate(client.scheduler_info()["workers"]):
                client.run(lambda text: os.environ.update({visible: text}), f"{number},{1 - number}", workers=[worker])
            threshold = xr.DataArray(np.linspace(90, 130, 8), dims="level").chunk(level=1)
            neurons = b2.IAFNeuron(3, threshold=threshold, refractory_time=2e-6)
            run = b2.simulate(neurons, np.full((40, 3), 9.0), record=b2.Recording("count"))
            count = run.spike_count.compute()
            seen = client.run(lambda: (os.environ[visible], "bss2sim" in sys.modules, os.getpid()))
    assert sorted(text for text, _, _ in seen.values()) == ["0,1", "1,0"], seen
    assert any(loaded for _, loaded, _ in seen.values()) and os.getpid() not in [pid for _, _, pid in seen.values()]
    np.testing.assert_array_equal(count, b2.simulate(
        neurons.replace(threshold=threshold.compute()), np.full((40, 3), 9.0), record=b2.Recording("count")
    ).spike_count)
    print("same")
"""


def test_cluster__workers_are_processes_that_keep_their_gpu(tmp_path, request):
    """A worker's choice of GPU is its environment variable, which nothing here changes."""
    if not request.config.getoption("--long-sweeps"):
        pytest.skip("starts three processes: --long-sweeps")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=240, cwd=tmp_path
    )
    assert done.stdout.strip() == "same", done.stderr
