"""Recordings under the names of hxtorch become its tensors, and modules post-process them as its modules do."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import bss2sim.hxtorch as hxsnn
from bss2sim.errors import InputError, ParameterError
from bss2sim.hxtorch import halco
from bss2sim.hxtorch.observables import CADCHandle, HardwareObservables, MADCHandle, SpikeHandle

with np.load(Path(__file__).parent / "data" / "observables.npz") as arrays:
    GOLDEN = {key: arrays[key] for key in arrays.files}
INDEX = json.loads(str(GOLDEN["index"]))


def cases(prefix):
    """(scalars, arrays) of the cases whose names begin like that."""
    return [
        pytest.param(e, {k.split("/")[1]: v for k, v in GOLDEN.items() if k.startswith(f"{e['case']}/")}, id=e["case"])
        for e in INDEX
        if e["case"].startswith(prefix)
    ]


def table(data, kind, *columns):
    """Entries (entry, column) of a recording."""
    return np.stack([data[f"{kind}_{name}"] for name in columns], 1)


@pytest.mark.parametrize(("entry", "data"), cases("set"))
def test_handles__make_the_tensors_of_the_reference(entry, data):
    sizes, run = (entry["B"], entry["N"]), (entry["runtime"], entry["dt"])
    spikes = SpikeHandle(table(data, "event", "time", "batch", "neuron"), *sizes)
    assert torch.equal(spikes.to_dense(*run), torch.as_tensor(data["dense_events"]))
    cadc = CADCHandle(table(data, "cadc", "time", "batch", "neuron", "value"), *sizes)
    np.testing.assert_allclose(cadc.to_dense(*run), data["dense_linear"], atol=5e-3)
    nearest = cadc.to_dense(*run, "nn").numpy()
    assert np.mean(nearest != data["dense_nn"]) <= 0.02  # ties, which are not the subject here
    for found, wanted in zip(cadc.to_raw(), (data["raw_value"], data["raw_time"]), strict=True):
        np.testing.assert_array_equal(found, wanted)
    madc = MADCHandle(table(data, "madc", "time", "batch", "value"), *sizes).to_raw()
    n = min(madc.shape[1], data["madc_raw"].shape[1])
    np.testing.assert_array_equal(madc[:, :n], data["madc_raw"][:, :n])
    assert n == min(entry["madc_counts"])


def recorded(dense, dt):
    """A sample in each row of a grid (time, batch, neuron)."""
    at = np.indices(dense.shape).reshape(3, -1)
    cycle = np.rint(at[0] * dt * 125e6)
    return CADCHandle(np.stack([cycle, at[1], at[2], dense.ravel()], 1), *dense.shape[1:])


@pytest.mark.parametrize(("entry", "data"), cases("post"))
def test_post_process__agrees_with_the_reference(entry, data):
    kind = getattr(hxsnn, entry["case"].split("_")[1])
    neurons = kind(
        4, hxsnn.Experiment(mock=True, dt=entry["dt"]), cadc_time_shift=entry["shift"], interpolation_mode=entry["mode"],
        shift_cadc_to_first=entry["shift_to_first"], trace_offset=torch.as_tensor(data["offset"]),
        trace_scale=torch.as_tensor(data["scale"]),
    )  # fmt: skip
    observed = HardwareObservables(cadc=recorded(data["dense_in"], entry["dt"]))
    if "spikes_in" in data:
        time, batch, neuron = np.nonzero(data["spikes_in"])
        observed.spikes = SpikeHandle(np.stack([np.rint(time * entry["dt"] * 125e6), batch, neuron], 1), 3, 4)
    *spikes, cadc, madc = neurons.post_process(observed, entry["runtime"])
    np.testing.assert_allclose(cadc, data["cadc_out"], rtol=1e-5, atol=1e-5)
    assert madc is None and len(spikes) == ("spikes_in" in data)
    if spikes:
        assert torch.equal(spikes[0], torch.as_tensor(data["spikes"]).float())


def test_post_process__leaves_out_what_is_not_enabled_and_finds_mappings():
    experiment = hxsnn.Experiment(mock=True)
    observed = HardwareObservables(
        SpikeHandle([], 1, 2), CADCHandle([[0, 0, 0, 10], [0, 0, 1, 10]], 1, 2), MADCHandle([[5, 0, 300]], 1, 2)
    )
    off = hxsnn.IAFNeuron(2, experiment, enable_spike_recording=False, enable_cadc_recording=False)
    assert off.post_process(observed, 2e-6) == (None, None, None)
    offset = {halco.AtomicNeuronOnDLS(k): float(k) for k in range(9)}
    on = hxsnn.IAFNeuron(
        2, experiment, trace_offset=offset, placement_constraint=[7, 3], enable_madc_recording=True, record_neuron_id=0
    )
    spikes, cadc, madc = on.post_process(observed, 2e-6)
    assert not spikes.any() and cadc[0, 0].tolist() == [3.0, 7.0] and madc[:, 0, 0].tolist() == [5.0, 300.0]
    assert on.post_process(HardwareObservables(), 2e-6) == (None, None, None)


def test_handles__keep_data_and_refuse():
    handle = SpikeHandle([[1, 0, 0]], 1, 1)
    handle.set_data([[2, 0, 0], [3, 0, 0]])
    assert handle.get_data().tolist() == [[2, 0, 0], [3, 0, 0]]
    with pytest.raises(
        InputError,
        match=r"data must be numbers \(entry, 3\), the columns being time, batch, neuron; got shape \(1, 2\)",
    ):
        handle.set_data([[1, 0]])
    with pytest.raises(InputError, match="trial must be 0 to 0; got 1"):
        CADCHandle([[1, 1, 0, 5]], 1, 1).to_dense(1e-6, 1e-6)
    with pytest.raises(ParameterError, match="batch_size must be a whole number of at least 1; got 0"):
        MADCHandle([], 0, 1)
    with pytest.raises(ParameterError, match="runtime must be finite and above 0 s"):
        handle.to_dense(0.0, 1e-6)
