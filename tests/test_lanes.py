"""Lanes do what NumPy does with the same numbers, and weights in any form give the same bits."""

import operator

import numpy as np
import pytest
import scipy.sparse
import xarray as xr
from numba import config

import bss2sim as b2
from bss2sim.kernels.jit import kernel
from bss2sim.kernels.lanes import (
    element,
    fill_lanes,
    four_elements,
    lane_count,
    load_group,
    load_lanes,
    load_lanes_as,
    load_marks,
    marks_of,
    put_element,
    select,
    store_lanes,
    store_marks,
)
from bss2sim.kernels.vector import clear_row, copy_row, count_bits, put_bits, trailing_zeros, without_lowest
from bss2sim.memory import LINE

DT = 1e-6


@pytest.fixture
def numbers():
    rng = np.random.default_rng(5)

    def make(dtype, special=True):
        x = rng.integers(-4, 5, 3 * LINE).astype(dtype)
        if special and np.dtype(dtype).kind == "f":
            x[::7] = np.nan
            x[3::11] = np.inf
            x[5::13] = -0.0
        return x

    return make


def binary(symbol):
    """Compile out[:] = a (symbol) b, lanes by lanes."""

    @kernel
    def run(a, b, out):
        for k in range(0, a.size, LINE // a.itemsize):
            store_lanes(out, k, symbol(load_lanes(a, k), load_lanes(b, k)))

    return run


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_arithmetic_is_that_of_numpy(dtype, name, numbers):
    symbol = getattr(operator, name)
    a, b = numbers(dtype), numbers(dtype)
    out = np.empty_like(a)
    with np.errstate(invalid="ignore"):  # the kernel may run as plain Python
        binary(symbol)(a, b, out)
    with np.errstate(invalid="ignore"):
        want = symbol(a, b)
    assert out.tobytes() == want.tobytes() or np.array_equal(out, want, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("name", ["gt", "ge", "lt"])
def test_comparison_is_that_of_numpy_and_false_for_nan(dtype, name, numbers):
    symbol = getattr(operator, name)
    a, b = numbers(dtype), numbers(dtype)
    out = np.full(a.size, 9, np.uint8)
    with np.errstate(invalid="ignore"):  # the kernel may run as plain Python
        binary(symbol)(a, b, out)
    np.testing.assert_array_equal(out, symbol(a, b))


@kernel
def _choose(a, b, c, out):
    for k in range(0, a.size, LINE // a.itemsize):
        x = load_lanes(a, k)
        y = load_lanes(b, k)
        z = load_lanes(c, k)
        store_lanes(out, k, select((x > y) & (z > x) | (y >= z), x, fill_lanes(3, x)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_select_takes_lane_by_lane(dtype, numbers):
    a, b, c = numbers(dtype), numbers(dtype), numbers(dtype)
    out = np.empty_like(a)
    with np.errstate(invalid="ignore"):
        _choose(a, b, c, out)
    np.testing.assert_array_equal(out, np.where((a > b) & (c > a) | (b >= c), a, np.asarray(3, dtype)))


@kernel
def _mark(a, b, marks):
    for k in range(0, a.size, LINE // a.itemsize):
        store_marks(marks, k // 8, load_lanes(a, k) > load_lanes(b, k))


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_marks_are_a_bit_a_lane(dtype, numbers):
    a, b = numbers(dtype), numbers(dtype)
    marks = np.full(a.size // 64 + 1, 2**64 - 1, np.uint64)
    with np.errstate(invalid="ignore"):
        _mark(a, b, marks)
    want = [sum(2**k for k in range(64) if a[first + k] > b[first + k]) for first in range(0, a.size, 64)]
    assert marks.tolist() == [*want, 2**64 - 1]


@kernel
def _marks_and_wider(a, b, marks, wide):
    for k in range(0, a.size, 8):
        x = load_lanes_as(a, k, load_lanes(wide, k))
        marks[k // 8] = marks_of(x > load_lanes(b, k))
        store_lanes(wide, k, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lanes_of_shorter_numbers_and_marks_of_a_condition(dtype, numbers):
    a, b = numbers(dtype), numbers(np.float64)
    marks, wide = np.full(a.size // 8, 99, np.uint64), np.zeros(a.size)
    with np.errstate(invalid="ignore"):
        _marks_and_wider(a, b, marks, wide)
    np.testing.assert_array_equal(wide, a)
    assert marks.tolist() == [
        sum(2**k for k in range(8) if a[first + k] > b[first + k]) for first in range(0, a.size, 8)
    ]


@kernel
def _mark_and_choose(a, b, marks, out, pair):
    width = LINE // a.itemsize
    if pair is not None:
        width *= 2
    for k in range(0, a.size, width):
        store_marks(marks, k // 8, load_group(a, k, pair) > load_group(b, k, pair))
    for k in range(0, a.size, width):
        x = load_group(a, k, pair)
        store_lanes(out, k, select(load_marks(marks, k // 8, x), x, load_group(b, k, pair)))


@pytest.mark.parametrize("pair", [None, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_marks_are_read_as_they_were_written__of_one_line_or_two(dtype, pair, numbers):
    a, b = numbers(dtype)[: 2 * LINE], numbers(dtype)[: 2 * LINE]
    out = np.empty_like(a)
    with np.errstate(invalid="ignore"):
        _mark_and_choose(a, b, np.empty(2 * LINE // 64, np.uint64), out, pair)
    np.testing.assert_array_equal(out, np.where(a > b, a, b))


@kernel
def _spread(masks, out):
    for k in range(masks.size):
        put_bits(out, 64 * k, masks[k])


def test_bits_of_a_mask_as_bytes():
    masks = np.array([0, 1, 2**63, 2**64 - 1, 0x123456789ABCDEF0], np.uint64)
    out = np.full(64 * masks.size + 1, 9, np.uint8)
    _spread(masks, out)
    assert out.tolist() == [int(mask) >> k & 1 for mask in masks for k in range(64)] + [9]


@kernel
def _fours(a, out):
    for k in range(0, a.size, 4):
        out[k], out[k + 1], out[k + 2], out[k + 3] = four_elements(a, k)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_four_elements(dtype):
    a = np.array([0, 1, 2, 3, 65535, 32768, 32767, 255, 256, 65280, 0, 65535], np.int64).astype(dtype)
    out = np.empty(a.size, np.int64)
    _fours(a, out)
    assert out.tolist() == a.tolist()


@kernel
def _count_lanes(a):
    return lane_count(a)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.bool_])
def test_lane_count(dtype):
    a = np.empty(4, dtype)
    assert _count_lanes(a) == LINE // a.itemsize


@kernel
def _choose_number(condition, a, b):
    return select(condition, a, b)


def test_select_takes_numbers_too():
    assert _choose_number(True, 2.0, 3.0) == 2.0
    assert _choose_number(False, 2.0, 3.0) == 3.0


@kernel
def _rows(target, source, out):
    clear_row(target, 2, 3)
    copy_row(target, 6, source, 5, 4)
    out[0] = element(source, 11)
    put_element(out, 1, 12)


def test_rows_are_cleared_and_copied_in_memory_order():
    source = np.arange(12.0).reshape(3, 4)
    target = np.full(12, 7.0)
    out = np.zeros(2)
    _rows(target, source, out)
    assert target.tolist() == [7, 7, 0, 0, 0, 7, 5, 6, 7, 8, 7, 7]
    assert out.tolist() == [11, 12]


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_lanes_of_different_types_do_not_mix():
    from numba.core.errors import TypingError

    @kernel
    def mix(a, b):
        store_lanes(a, 0, load_lanes(a, 0) + load_lanes(b, 0))

    with pytest.raises(TypingError):
        mix(np.zeros(16, np.float32), np.zeros(16))


@kernel
def _bits(mask, out):
    while mask != 0:
        out[count_bits(mask) - 1] = trailing_zeros(mask)
        mask = without_lowest(mask)
    return without_lowest(mask)


@pytest.mark.parametrize("mask", [0, 1, 6, 1 << 63, 2**64 - 1, 0x8000_0001_0000_0000])
def test_bits_of_a_mask_come_one_after_the_other(mask):
    out = np.full(64, -1)
    assert _bits(np.uint64(mask), out) == 0
    want = [k for k in range(64) if mask >> k & 1]
    assert out[out >= 0].tolist() == want[::-1]


def forms(weight: np.ndarray) -> dict[str, b2.Synapse]:
    """The same weights packed by groups of neurons, as rows (weights of a sweep are not packed), and sparse."""
    swept = xr.DataArray(weight[np.newaxis], dims=("set", "input", "neuron"))
    return {
        "packed": b2.Synapse(weight),
        "rows": b2.Synapse(swept),
        "sparse": b2.Synapse(scipy.sparse.csr_array(weight)),
    }


@pytest.mark.parametrize("n_neuron", [1, 15, 16, 17, 64, 130, 600])
@pytest.mark.parametrize(("dtype", "pair"), [(np.float32, False), (np.float64, True)])  # each combination is compiled
@pytest.mark.parametrize("kind", ["plain", "graded", "events"])
def test_every_form_of_the_weights_gives_the_same_bits(dtype, n_neuron, pair, kind):
    rng = np.random.default_rng(n_neuron)
    weight = rng.normal(0.1, 0.4, (70, n_neuron)).astype(dtype)
    spikes = (rng.random((150, 3, 70)) < 0.06).astype(np.float64)
    if kind == "graded":
        spikes[::5] *= rng.normal(1, 1, spikes[::5].shape)
    inputs = spikes
    if kind == "events":
        time, trial, source = np.nonzero(spikes)
        twice = [np.concatenate([x, x[::3]]) for x in (time, source, trial)]  # some inputs fire twice in a step
        inputs = b2.sparse_spikes(twice[0] * DT, twice[1], twice[2], n_batch=3, duration=150 * DT)
    neurons = b2.IAFNeuron(
        n_neuron, threshold=1.0, reset=0.0, tau_syn=(5e-6, 8e-6) if pair else 5e-6, refractory_time=2e-6
    )
    record = b2.Recording(spikes="dense", membrane=True, current=True)
    runs = {
        name: b2.simulate(neurons, inputs, synapse=synapse, dt=DT, integrator="euler", dtype=dtype, record=record)
        for name, synapse in forms(weight).items()
    }
    want = runs["packed"]
    assert want.spikes.any()
    for name, run in runs.items():
        run = run.isel(set=0) if "set" in run.dims else run
        for variable in ("spikes", "membrane", "current"):
            assert np.array_equal(run[variable].values, want[variable].values), (name, variable)


def test_many_inputs_are_not_packed_and_give_the_same_bits():
    rng = np.random.default_rng(0)
    weight = rng.normal(0.05, 0.1, (1500, 20)).astype(np.float32)
    spikes = rng.random((40, 2, 1500)) < 0.01
    neurons = b2.IAFNeuron(20, threshold=1.0, reset=0.0)
    record = b2.Recording(spikes="dense", membrane=True)
    many = b2.simulate(neurons, spikes, synapse=b2.Synapse(weight), dt=DT, integrator="euler", record=record)
    used = spikes.any(axis=(0, 1))
    assert used.sum() < 1024  # few enough to be packed
    few = b2.simulate(
        neurons, spikes[..., used], synapse=b2.Synapse(weight[used]), dt=DT, integrator="euler", record=record
    )
    assert np.array_equal(many.membrane.values, few.membrane.values)
    assert np.array_equal(many.spikes.values, few.spikes.values)
    assert many.spikes.any()


def test_a_synapse_keeps_its_packed_weights_apart_by_dtype():
    rng = np.random.default_rng(0)
    synapse = b2.Synapse(rng.normal(0, 0.3, (20, 8)))
    spikes = rng.random((50, 20)) < 0.2
    neurons = b2.IAFNeuron(8, threshold=1.0, reset=0.0)
    record = b2.Recording(spikes=None, membrane=True)
    first = {
        dtype: b2.simulate(
            neurons, spikes, synapse=b2.Synapse(synapse.weight), dt=DT, integrator="euler", dtype=dtype, record=record
        ).membrane.values
        for dtype in ("float32", "float64")
    }
    for dtype in ("float64", "float32", "float64"):
        run = b2.simulate(neurons, spikes, synapse=synapse, dt=DT, integrator="euler", dtype=dtype, record=record)
        assert np.array_equal(run.membrane.values, first[dtype])
        assert run.membrane.dtype == dtype
