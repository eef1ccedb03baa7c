"""Circuits of the emulated chip on a GPU: the bits of the processor."""

import dataclasses

import numpy as np
import pytest
from both import OnGpu
from comparison import assert_identical
from test_experiment_dynamics import DT, network

import bss2sim as b2
from bss2sim import device_run, device_spikes
from bss2sim.experiment.dynamics import run_circuits
from bss2sim.kernels import cuda_exact

SIZE = 3
CASES = {
    "drift": {}, "leak": {"leak": True}, "events": {"sparse": True}, "leaky events": {"leak": True, "sparse": True},
    "no drift": {"drift": False}, "no noise": {"threshold_noise": 0.0}, "no limits": {"limits": None},
    "sudden reset": {"reset_time_constant": 0.0},
    "fast": {"tau_exc": np.full((2, SIZE), 0.6e-6), "tau_inh": np.full((2, SIZE), 2e-6)},
    "long": {"refractory_time": np.full((2, SIZE), 6.3e-6)},
}  # fmt: skip


def assert_same(arguments, keywords):
    """Demand the same on both devices, to the bit; return what the GPU found."""
    expected, found = (run_circuits(*arguments, **keywords, device=device) for device in ("cpu", "cuda"))
    for field in dataclasses.fields(expected):
        one, other = getattr(expected, field.name), getattr(found, field.name)
        if field.name == "state" and one is not None:
            for part in dataclasses.fields(one):
                np.testing.assert_array_equal(getattr(one, part.name), getattr(other, part.name), err_msg=part.name)
        else:
            np.testing.assert_array_equal(one, other, err_msg=field.name)
    return found


@pytest.mark.parametrize("case", CASES)
def test_circuits__same_bits(case):
    arguments, keywords = network(9, n_trial=2, size=SIZE, n_time=20, **CASES[case])
    found = assert_same(arguments, {**keywords, "keep_state": True})
    assert found.spike_time.size > 4
    more = {**keywords, "start": found.state, "begin": 20 * DT, "sample_time": keywords["sample_time"] + 20 * DT}
    if arguments[2].kind == "dense":
        assert_same(arguments, {**more, "spikes": False})


def test_end_within_a_bin__same_bits():
    arguments, keywords = network(4, n_trial=2, size=SIZE, n_time=20)
    late = np.minimum(keywords["sample_time"], 19.4e-6)
    assert assert_same(arguments, {**keywords, "sample_time": late, "finish": 19.4e-6}).spike_time.size
    assert assert_same(arguments, {**keywords, "sample_time": None}).samples is None


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("sparse", [False, True])
def test_chunks__same_bits(monkeypatch, chunk, sparse):
    monkeypatch.setattr(device_run.DeviceRun, "_chunk_size", lambda self: (chunk, False))
    arguments, keywords = network(5, n_trial=5, size=2, n_time=10, sparse=sparse)
    assert_same(arguments, {**keywords, "keep_state": True})


@pytest.mark.parametrize("leak", [False, True])
def test_many_spikes_in_a_bin__same_bits(monkeypatch, leak):
    quick = {"refractory_time": np.full((2, SIZE), 4e-8), "holdoff_time": np.full((2, SIZE), 8e-9)}
    arguments, keywords = network(
        6, n_trial=1, size=SIZE, n_time=2, leak=leak, step_exc=np.full((2, SIZE), 40.0), **quick
    )
    found = assert_same(arguments, keywords)
    row = (found.spike_time // DT).astype(int) * 1000 + found.spike_trial * 10 + found.spike_neuron
    assert np.bincount(row).max() > 2 * cuda_exact.MOST_AT_ONCE
    reset, made = device_spikes.ChunkSpikes.reset, []

    def small_at_first(self, capacity, stream):
        made.append(capacity)
        reset(self, 3 if len(made) == 1 else capacity, stream)

    monkeypatch.setattr(device_spikes.ChunkSpikes, "reset", small_at_first)
    assert_same(arguments, keywords)
    assert made[1:] == [found.spike_time.size]


def test_readers__see_every_trial_once():
    arguments, keywords = network(7, n_trial=5, size=SIZE, n_time=4)
    seen = []
    run = run_circuits(
        *arguments, **{**keywords, "threads": 2}, device="cuda",
        read=lambda first, last, samples: seen.append((int(first), int(last), samples.copy())),
    )  # fmt: skip
    assert run.samples is None
    seen.sort(key=lambda piece: piece[0])
    assert [piece[0] for piece in seen[1:]] == [piece[1] for piece in seen[:-1]]
    expected = run_circuits(*arguments, **keywords).samples
    np.testing.assert_array_equal(np.concatenate([piece[2] for piece in seen]), expected)


@pytest.mark.parametrize("start", ["reset", "carried"])
def test_experiment__same_bits(start):
    rng = np.random.default_rng(11)
    neurons = b2.IAFNeuron(
        4, refractory_time=2e-6, holdoff_time=0.5e-6, enable_madc_recording=True, record_neuron_id=2,
        placement_constraint=[0, 1, 256, 300],
    )  # fmt: skip
    chip = b2.EmulatedChip(seed=7)
    run = {
        "synapse": b2.Synapse(np.rint(rng.normal(25, 25, (5, 4)).clip(-63, 63))), "chip": chip, "start": start,
        "calibration": b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([neurons])), "threads": 2,
        "record": b2.Recording(membrane=True),
    }  # fmt: skip
    spikes = rng.random((20, 2, 5)) < 0.4
    expected, found = (b2.simulate(neurons, spikes, device=device, **run) for device in ("cpu", "cuda"))
    assert found.attrs.pop("device") == "cuda" and expected.attrs.pop("device") == "cpu"
    assert_identical(expected, found)
    assert found.sizes["spike"] > 3 and {"cadc_value", "madc_value", "membrane"} <= set(found.data_vars)
    chosen = b2.simulate(neurons, spikes, device="auto", **run)
    assert chosen.device == "cpu"
    assert chosen.device_choice == "circuits of a chip run on a GPU with device='cuda' alone"


def test_inputs_on_a_gpu__refused():
    with pytest.raises(b2.InputError, match=r"^a chip takes its inputs from the processor; copy them there first$"):
        b2.simulate(
            b2.IAFNeuron(2), OnGpu(np.ones((3, 1, 1), np.uint8)), synapse=b2.Synapse([[1.0, 1.0]]), device="cuda",
            chip=b2.EmulatedChip(seed=1),
        )  # fmt: skip


def test_faults__named():
    arguments, keywords = network(8, size=SIZE, n_time=4)
    endless = {"threshold": np.full((2, SIZE), 50.0), "threshold_noise": 0.0, "refractory_time": np.zeros((2, SIZE))}
    endless |= {"holdoff_time": np.zeros((2, SIZE)), "reset_time_constant": 0.0}
    circuits = dataclasses.replace(arguments[0], **endless)
    with pytest.raises(b2.InputError, match=r"^trial 0, neuron 0 fires endlessly: its threshold is not above"):
        run_circuits(circuits, *arguments[1:], **keywords, device="cuda")
    circuits = dataclasses.replace(arguments[0], limits=None, threshold=np.full((2, SIZE), np.inf))
    arguments[3] = np.full_like(arguments[3], np.inf)
    with pytest.raises(b2.InputError, match=r"^the membrane or a current of trial \d, neuron 0 is no longer finite"):
        run_circuits(circuits, *arguments[1:], **keywords, device="cuda")
