"""Rules of the processor on a GPU: the same bits, one by one, those of the noise too, which runs on chips will need."""

import numpy as np
import pytest

from bss2sim.kernels import crossing, elementary, exact, exact_rows, lanes, noise
from bss2sim.kernels import cuda as gpu
from bss2sim.kernels.cuda import Kernel, cuda, on_device
from bss2sim.kernels.jit import plain

RNG = np.random.default_rng(4)
decay, log1p, leaky_gain = on_device(elementary.decay), on_device(elementary.log1p), on_device(elementary.leaky_gain)
crossing_pair, crossing_leaky = on_device(crossing.crossing_pair), on_device(crossing.crossing_leaky)
normal = on_device(noise.standard_normal)


def _elementary(x, out):
    k = cuda.grid(1)
    if k < x.shape[0]:
        out[k, 0], out[k, 1] = decay(x[k])
        out[k, 2] = log1p(x[k])
        out[k, 3] = leaky_gain(x[k], 1.0, 1.5)


def _crossings(x, out):
    k = cuda.grid(1)
    if k < x.shape[0]:
        v, i, j, top = x[k, 0], x[k, 1], x[k, 2], x[k, 3]
        out[k, 0] = crossing_pair(v, i, j, top, 6e-6, 5e-6, 8e-6)
        out[k, 1] = crossing_leaky(v, i, j, top, 0.1, 6e-6, 5e-6, 8e-6)
        out[k, 2] = crossing_leaky(v, i, None, top, 0.1, 6e-6, 5e-6, None)


def _normals(x, out):
    k = cuda.grid(1)
    if k < x.shape[0]:
        out[k, 0] = normal(x[k], 3, 1, 2, 0, 12345678901)


def on_gpu(function, x, columns):
    """Run a kernel over rows of arguments; what it returns."""
    stream = cuda.stream()
    out = np.empty((x.shape[0], columns))
    result = gpu.empty(out.shape, out.dtype, stream)
    Kernel(function).launch(x.shape[0], stream, cuda.to_device(x, stream), result)
    gpu.fetch(result, out, stream)
    return out


def assert_bits(found, expected):
    """Demand the same bits."""
    np.testing.assert_array_equal(found.view(np.int64), np.array(expected, np.float64).view(np.int64))


def test_elementary__same_bits():
    x = np.concatenate([[0.0, 1e-300, 0.34, 700.0, 746.0, 1e5], RNG.exponential(3.0, 60)])
    of_decay, of_log1p, of_gain = plain(elementary.decay), plain(elementary.log1p), plain(elementary.leaky_gain)
    expected = [[*of_decay(v), of_log1p(v), of_gain(v, 1.0, 1.5)] for v in x]
    assert_bits(on_gpu(_elementary, x, 4), expected)


def test_crossings__same_bits():
    x = RNG.normal(0.5, 1.0, (60, 4))
    of_pair, of_leaky = plain(crossing.crossing_pair), plain(crossing.crossing_leaky)
    expected = [
        [
            of_pair(v, i, j, top, 6e-6, 5e-6, 8e-6),
            of_leaky(v, i, j, top, 0.1, 6e-6, 5e-6, 8e-6),
            of_leaky(v, i, None, top, 0.1, 6e-6, 5e-6, None),
        ]
        for v, i, j, top in x
    ]
    found = on_gpu(_crossings, x, 3)
    assert_bits(found, expected)
    assert 0.1 < np.isfinite(found).mean() < 0.9


def test_noise__same_bits():
    index, of_index = np.arange(50), plain(noise.standard_normal)
    assert_bits(on_gpu(_normals, index, 1), [[of_index(k, 3, 1, 2, 0, 12345678901)] for k in index])


def test_on_device__compiles_once_and_for_one_neuron():
    assert on_device(exact.move) is on_device(exact.move)
    assert on_device(lanes.select) is on_device(lanes.select)
    assert gpu.ROWS["BLOCK"] == 1 and gpu.ROWS["MEMBRANE"] == 0
    assert sorted({gpu.ROWS[name] for name in ("MEMBRANE", "CURRENT", "INHIBITORY")}) == list(
        range(exact_rows.N_STATE_ROW)
    )
    if gpu.SIMULATED:
        assert on_device(exact_rows.step_row).__globals__["MEMBRANE"] == 0
        assert on_device(exact_rows.step_row).__globals__["CURRENT"] == 1


@pytest.mark.skipif(not gpu.SIMULATED, reason="of plain Python")
def test_on_device__leaves_the_original_alone():
    on_device(exact_rows.step_row)
    source = getattr(exact_rows.step_row, "py_func", exact_rows.step_row)
    assert source.__globals__["CURRENT"] == exact_rows.ROW
