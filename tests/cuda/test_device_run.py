"""Chunks of trials, buffers of spikes and faults of runs on a GPU."""

import numpy as np
import pytest
import xarray as xr
from both import SIZE, assert_same_on_both, population, recording
from comparison import assert_identical

import bss2sim as b2
from bss2sim import device_run, device_spikes
from bss2sim.kernels import cuda as gpu

RNG = np.random.default_rng(7)
JUMPS = RNG.normal(0.3, 0.6, (10, 5, SIZE))
SPIKES = RNG.random((10, 5, 4)) < 0.4
SYNAPSE = b2.Synapse(RNG.normal(0.5, 1.5, (4, SIZE)))


@pytest.fixture
def chunks(monkeypatch):
    """Sizes of the chunks of the runs of a test."""
    sizes = []
    make = device_run.DeviceRun._make_chunk

    def noted(self, low, high, whole_flat, memory):
        sizes.append(high - low)
        return make(self, low, high, whole_flat, memory)

    monkeypatch.setattr(device_run.DeviceRun, "_make_chunk", noted)
    return sizes


def room_for(monkeypatch, n_trial):
    """Let the memory be enough for some trials at a time, and no more."""
    make = device_run.DeviceRun._chunk_size

    def small(self):
        for free in range(0, 200_000, 100):
            monkeypatch.setattr(gpu, "free_memory", lambda free=free: free)
            try:
                size, whole = make(self)
            except b2.DeviceError:
                continue
            if size >= n_trial:
                return size, whole
        raise AssertionError("no amount of memory was enough")

    monkeypatch.setattr(device_run.DeviceRun, "_chunk_size", small)


@pytest.mark.parametrize("integrator", ["exact", "euler"])
@pytest.mark.parametrize("layout", ["time_first", "batch_first", "shared"])
@pytest.mark.parametrize("n_trial", [1, 2])
def test_chunks__same_bits(monkeypatch, chunks, n_trial, layout, integrator):
    neurons = population("iaf", "one", threshold=xr.DataArray([0.6, 0.8], dims="level"))
    inputs = xr.DataArray(JUMPS, dims=("time", "batch", "neuron"))
    if layout == "batch_first":
        inputs = inputs.transpose("batch", "time", "neuron").copy()
    if layout == "shared":
        inputs = inputs.isel(batch=0)
        neurons = population("iaf", "one", threshold=xr.DataArray(np.linspace(0.5, 0.9, 7), dims="level"))
    room_for(monkeypatch, n_trial)
    assert_same_on_both(neurons, inputs, integrator=integrator, record=recording(neurons))
    assert len(chunks) > 2 and max(chunks) == n_trial


@pytest.mark.parametrize("spikes", ["sparse", "dense", "count", "first"])
@pytest.mark.parametrize("form", ["dense", "events"])
def test_chunks_of_every_recording__same_bits(monkeypatch, chunks, form, spikes):
    step, trial, source = np.nonzero(SPIKES)
    events = b2.sparse_spikes(step * 1e-6, source, trial, n_batch=5, duration=10e-6)
    room_for(monkeypatch, 2)
    assert_same_on_both(
        population("iaf", "one"),
        SPIKES if form == "dense" else events,
        synapse=SYNAPSE,
        record=b2.Recording(spikes=spikes),
    )
    assert chunks == [2, 2, 1]


def test_more_spikes_than_room__are_not_lost(monkeypatch):
    made = []
    reset = device_spikes.ChunkSpikes.reset

    def small(self, capacity, stream):
        made.append(capacity)
        reset(self, min(capacity, 2) if len(made) == 1 else capacity, stream)

    monkeypatch.setattr(device_spikes.ChunkSpikes, "reset", small)
    found, _ = assert_same_on_both(population("iaf", "one", threshold=0.3), JUMPS)
    assert len(made) == 2 and made[1] == found.sizes["spike"] > 2


def test_many_bins__same_order(monkeypatch):
    monkeypatch.setattr(device_spikes, "_IN_BIN", 1)
    same = np.repeat(JUMPS[:, :, :1], SIZE, axis=2)  # neurons that fire at once
    neurons = b2.IAFNeuron(SIZE, threshold=0.3, reset=-0.1, tau_mem=6e-6, tau_syn=6e-6)
    for integrator in ("exact", "euler"):
        found, _ = assert_same_on_both(neurons, same, integrator=integrator)
        assert found.sizes["spike"] > 8


def test_previous_result__is_overwritten():
    neurons = population("iaf", "one")
    record = recording(neurons, "dense")
    previous = b2.simulate(neurons, 2 * JUMPS, device="cuda", record=record)
    found = b2.simulate(neurons, JUMPS, device="cuda", record=record, out=previous)
    assert found.membrane.values is previous.membrane.values
    assert_identical(found, b2.simulate(neurons, JUMPS, record=record))


def test_no_trials():
    found = b2.simulate(population("iaf", "one"), JUMPS[:, :0], device="cuda")
    assert_identical(found, b2.simulate(population("iaf", "one"), JUMPS[:, :0]))


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_numbers_that_are_not_finite__named(integrator):
    for value in (np.nan, np.inf):
        spoiled = JUMPS.copy()
        spoiled[3, 2, 1] = value
        with pytest.raises(b2.InputError, match=r"inputs must be finite; time step 3, batch 2, neuron 1 is"):
            b2.simulate(population("iaf", "pair"), spoiled, device="cuda", integrator=integrator)
    with pytest.raises(b2.InputError, match=r"membrane or current of batch 0, neuron 0 is no longer finite in float64"):
        b2.simulate(population("iaf", "one"), JUMPS * 0 + 1e308, device="cuda", integrator=integrator)


def test_neuron_that_fires_too_fast__named():
    neurons = b2.IAFNeuron(SIZE, threshold=1.0, reset=0.0, refractory_time=0.0)
    jumps = np.zeros((2, 2, SIZE))
    jumps[1, 1, 1:] = 1e20
    for inputs, synapse in (
        (jumps, None),
        (jumps[..., :1] + jumps[..., 1:2] > 0, b2.Synapse(np.full((1, SIZE), 1e20))),
    ):
        with pytest.raises(b2.InputError, match=r"batch 1, neuron [01] fires faster than can be resolved"):
            b2.simulate(neurons, inputs, synapse=synapse, device="cuda")


def test_spike_bins_that_overflow__named():
    neurons = b2.IAFNeuron(1, threshold=0.0, reset=-1.0, tau_mem=1e-6, tau_syn=1e-3, refractory_time=0.0)
    with pytest.raises(
        b2.InputError, match=r"batch 0, neuron 0 has too many spikes in one bin of .*, more than the 255"
    ):
        b2.simulate(neurons, np.full((1, 1, 1), 300.0), device="cuda", record=b2.Recording(spikes="dense"))


def test_trial_that_does_not_fit__says_how_many_bytes(monkeypatch):
    monkeypatch.setattr(gpu, "free_memory", lambda: 1000)
    with pytest.raises(
        b2.DeviceError, match=r"a trial needs \d+ bytes on the GPU, 2 of them at a time, beside \d+ bytes .* free"
    ):
        b2.simulate(population("iaf", "one"), JUMPS, device="cuda", record=b2.Recording(membrane=True))


def test_memory_that_another_program_takes__says_how_many_bytes(monkeypatch):
    def none(shape, dtype, stream):
        raise gpu.OutOfDeviceMemory(5 * 2**30)

    monkeypatch.setattr(gpu, "empty", none)
    with pytest.raises(b2.DeviceError, match=r"no room for another 5368709120 bytes \(5 GiB\) of this run"):
        b2.simulate(population("iaf", "one"), JUMPS, device="cuda")
