"""Recordings stay on the GPU, in arrays of the caller."""

import numpy as np
import pytest
from both import SIZE, OnGpu, population

import bss2sim as b2
from bss2sim import device_run

JUMPS = np.random.default_rng(9).normal(0.3, 0.6, (8, 3, SIZE))
ALL = b2.Recording(spikes="dense", membrane=True, current=True)


@pytest.mark.parametrize("chunk", [1, 2, 3])
@pytest.mark.parametrize("integrator", ["exact", "euler"])
@pytest.mark.parametrize("tau_syn", ["one", "pair"])
def test_arrays_of_the_caller__same_bits(monkeypatch, tau_syn, integrator, chunk):
    monkeypatch.setattr(device_run.DeviceRun, "_chunk_size", lambda self: (chunk, True))
    neurons = population("iaf", tau_syn)
    expected = b2.simulate(neurons, JUMPS, integrator=integrator, record=ALL)
    names = [name for name in ("membrane", "current", "spikes") if name in expected]
    out = {name: OnGpu(np.full(expected[name].shape, 7, expected[name].dtype)) for name in names}
    found = b2.simulate(neurons, OnGpu(JUMPS), integrator=integrator, record=ALL, out=out, device="cuda")
    for name in names:
        assert name not in found
        np.testing.assert_array_equal(out[name].fetch(), expected[name].values, err_msg=name)


def test_some_stay__the_others_come_home():
    neurons = population("iaf", "one")
    expected = b2.simulate(neurons, JUMPS, integrator="euler", record=ALL)
    out = {"membrane": OnGpu(np.zeros((3, 8, SIZE)))}
    found = b2.simulate(neurons, JUMPS, integrator="euler", record=ALL, out=out, device="cuda")
    assert set(found.data_vars) == {"spikes", "current"}
    np.testing.assert_array_equal(found.current, expected.current)
    np.testing.assert_array_equal(out["membrane"].fetch(), expected.membrane.values)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ({"voltage": OnGpu(np.zeros((3, 8, SIZE)))}, r"out has 'voltage', which this run does not record; known: "),
        ({"membrane": np.zeros((3, 8, SIZE))}, r"membrane of out must be an array on the GPU; got ndarray"),
        ({"membrane": OnGpu(np.zeros((8, 3, SIZE)))}, r"membrane of out has shape \(8, 3, 3\) .* contiguous array {'batch': 3, "),
        ({"membrane": OnGpu(np.zeros((3, 8, SIZE), np.float32))}, r"membrane of out has .* float32; this run needs .* float64"),
    ],
)  # fmt: skip
def test_malformed__named(out, message):
    with pytest.raises(b2.InputError, match=message):
        b2.simulate(population("iaf", "one"), JUMPS, integrator="euler", record=ALL, out=out, device="cuda")


def test_shared_memory__refused():
    run = {"integrator": "euler", "record": ALL, "device": "cuda"}
    same = OnGpu(np.zeros((3, 8, SIZE)))
    with pytest.raises(b2.InputError, match=r"current of out shares memory with membrane; each needs its own"):
        b2.simulate(population("iaf", "one"), JUMPS, out={"membrane": same, "current": same}, **run)
    by_time = OnGpu(np.zeros((3, 3, SIZE)))
    with pytest.raises(b2.InputError, match=r"membrane of out shares memory with the inputs; each needs its own"):
        b2.simulate(population("iaf", "one"), by_time, out={"membrane": by_time}, **run)


def test_where_it_does_not_go__refused():
    neurons, out = population("iaf", "one"), {"spikes": OnGpu(np.zeros((3, 8, SIZE), np.uint8))}
    for device in ("cpu", "auto"):
        with pytest.raises(b2.ParameterError, match=r"writes to arrays on a GPU; it needs device='cuda'"):
            b2.simulate(neurons, JUMPS, record=ALL, out=out, device=device)
