"""Inputs that are on the GPU already are read there."""

import numpy as np
import pytest
from both import SIZE, OnGpu, population, recording
from comparison import assert_identical

import bss2sim as b2
from bss2sim import device_run
from bss2sim.kernels import cuda as gpu

RNG = np.random.default_rng(8)
JUMPS = RNG.normal(0.3, 0.6, (8, 3, SIZE))
SPIKES = RNG.random((8, 3, 4)) < 0.4
SYNAPSE = b2.Synapse(RNG.normal(0.5, 1.5, (4, SIZE)))


class Refuses:
    """As a PyTorch tensor that needs gradients."""

    @property
    def __cuda_array_interface__(self):
        raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad")


@pytest.mark.parametrize("device", ["cuda", "auto"])
@pytest.mark.parametrize("integrator", ["exact", "euler"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_jumps__same_bits(dtype, integrator, device):
    neurons, x = population("iaf", "one"), JUMPS.astype(dtype)
    expected = b2.simulate(neurons, x, integrator=integrator, record=recording(neurons))
    found = b2.simulate(neurons, OnGpu(x), integrator=integrator, record=recording(neurons), device=device)
    assert_identical(expected, found)
    assert found.device == "cuda" and found.attrs["dtype"] == expected.attrs["dtype"]
    if device == "auto":
        assert found.device_choice == "the inputs are on a GPU"


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_spikes__same_bits(integrator):
    neurons = population("lif", "pair")
    for spikes in (SPIKES, SPIKES.astype(np.float32), SPIKES[:, 0]):
        expected = b2.simulate(neurons, spikes, synapse=SYNAPSE, integrator=integrator, dtype="float64")
        found = b2.simulate(
            neurons, OnGpu(spikes), synapse=SYNAPSE, integrator=integrator, dtype="float64", device="cuda"
        )
        assert_identical(expected, found)


@pytest.mark.skipif(not gpu.SIMULATED, reason="strides of the memory of the processor")
def test_strides__are_followed():
    neurons = population("iaf", "one")
    by_batch = np.ascontiguousarray(JUMPS.transpose(1, 0, 2)).transpose(1, 0, 2)
    for x in (by_batch, JUMPS[::2, 1:], np.broadcast_to(JUMPS[:, :1], JUMPS.shape)):
        assert_identical(b2.simulate(neurons, x), b2.simulate(neurons, OnGpu(x), device="cuda"))
    with pytest.raises(
        b2.InputError, match=r"must be contiguous along neuron; their strides are \(18, 6, 2\) elements"
    ):
        b2.simulate(neurons, OnGpu(np.repeat(JUMPS, 2, axis=2)[:, :, ::2]), device="cuda")


def test_chunks__read_the_same_memory(monkeypatch):
    sizes = device_run.DeviceRun._chunk_size
    monkeypatch.setattr(device_run.DeviceRun, "_chunk_size", lambda self: (1, sizes(self)[1]))
    neurons = population("iaf", "one")
    assert_identical(b2.simulate(neurons, JUMPS), b2.simulate(neurons, OnGpu(JUMPS), device="cuda"))


def test_no_trials():
    found = b2.simulate(population("iaf", "one"), OnGpu(JUMPS[:, :0].copy()), device="cuda")
    assert found.sizes["spike"] == 0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (JUMPS[0, 0], r"inputs have shape \(3,\); on a GPU give an array \(time, batch, neuron\) or \(time, neuron\)"),
        (JUMPS[..., :2], r"inputs have 2 entries along neuron; there are 3 neurons in the population"),
        (JUMPS[:0], r"inputs have no time steps"),
        (JUMPS.astype(int), r"inputs on a GPU have dtype int64; convert them there to float32 or float64"),
        (JUMPS > 0, r"inputs on a GPU have dtype bool; convert them there to float32 or float64"),
    ],
)
def test_malformed__named(inputs, message):
    with pytest.raises(b2.InputError, match=message):
        b2.simulate(population("iaf", "one"), OnGpu(np.ascontiguousarray(inputs)), device="cuda")


def test_malformed_spikes__named():
    with pytest.raises(b2.InputError, match=r"inputs have 3 entries along input; there are 4 inputs in the weights"):
        b2.simulate(population("iaf", "one"), OnGpu(SPIKES[..., :3].copy()), synapse=SYNAPSE, device="cuda")


def test_not_finite__named():
    spoiled = JUMPS.copy()
    spoiled[2, 1, 0] = np.inf
    with pytest.raises(b2.InputError, match=r"inputs must be finite; time step 2, batch 1, neuron 0 is inf"):
        b2.simulate(population("iaf", "one"), OnGpu(spoiled), device="cuda")


def test_inputs_that_cannot_be_read__named():
    with pytest.raises(b2.InputError, match=r"inputs are on a GPU; run with device='cuda', or copy them"):
        b2.simulate(population("iaf", "one"), OnGpu(JUMPS))
    with pytest.raises(b2.InputError, match=r"inputs on a GPU cannot be read: .* requires grad"):
        b2.simulate(population("iaf", "one"), Refuses(), device="cuda")
