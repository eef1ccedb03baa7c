"""Modules, data set and transforms of bss2sim.hxtorch give what hxtorch gave (tests/data/README.md)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import bss2sim.hxtorch as hxsnn
from bss2sim.hxtorch.functional import cuba_iaf_integration, exp_cuba_li_integration, exp_cuba_lif_integration
from bss2sim.hxtorch.transforms import decode, encode, weight_transforms

DATA = Path(__file__).parent / "data"


def load(name):
    """Cases of a file: name -> (scalars, arrays)."""
    with np.load(DATA / f"{name}.npz") as arrays:
        found = {key: arrays[key] for key in arrays.files}
    index = json.loads(str(found.pop("index")))
    tensors = {key: torch.as_tensor(array) for key, array in found.items()}
    return {
        entry["case"]: (
            entry,
            {k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{entry['case']}/")},
        )
        for entry in index
    }


MODULES, TRANSFORMS = load("modules_mock"), load("data_transforms")
# Values with which the reference ran all cases but iaf_vec; its modules have no refractory time.
VALUES = {"reset": 0.0, "threshold": 1.0, "tau_mem": 10e-6, "tau_syn": 8e-6}


def close(found, wanted, rtol):
    """Whether all differ by less than `rtol` of the largest."""
    assert found.shape == wanted.shape
    scale = float(wanted.abs().max())
    assert float((found - wanted).detach().abs().max()) <= rtol * scale


def given_parameters(case, data):
    """Arguments of the first layer."""
    if case == "iaf_mixed":
        return {
            "reset": hxsnn.MixedHXModelParameter(0.0, 80),
            "threshold": hxsnn.HXTransformedModelParameter(1.0, lambda value: 80 + 45 * value),
            "tau_mem": hxsnn.ModelParameter(10e-6),
            "tau_syn": hxsnn.HXParameter(8e-6),
        }
    if case == "iaf_vec":
        return {name: hxsnn.HXParameter(data[f"p_{name}"]).make_trainable() for name in VALUES}
    return dict(VALUES)


@pytest.mark.parametrize("case", MODULES)
def test_modules__give_the_numbers_and_gradients_of_the_reference(case):
    entry, data = MODULES[case]
    experiment = hxsnn.Experiment(mock=True, dt=entry["dt"])
    if "connections" in data:
        first = hxsnn.SparseSynapse(data["connections"].to_sparse(), experiment)
    else:
        first = hxsnn.Synapse(entry["n_in"], entry["n_hidden"], experiment)
    parameters = given_parameters(case, data)
    leak = {"leak": 0.0} if entry["neuron1"] == "LIF" else {}
    kind = hxsnn.Neuron if leak else hxsnn.IAFNeuron
    hidden = kind(entry["n_hidden"], experiment, **parameters, **leak, refractory_time=0.0)
    first.weight.data.copy_(data["w1"])
    inputs = data["input"].requires_grad_()
    graded = first(hxsnn.NeuronHandle(inputs))
    firing = hidden(graded)
    dropped = firing
    if "dropout_mask" in data:
        dropout = hxsnn.BatchDropout(entry["n_hidden"], 0.5, experiment)
        dropped = dropout(firing)
    if "w2" in data:
        if entry["torch_seed_for_dropout"] is not None:
            torch.manual_seed(entry["torch_seed_for_dropout"])  # before these weights are drawn
        second = hxsnn.Synapse(entry["n_hidden"], entry["n_out"], experiment)
        second.weight.data.copy_(data["w2"])
        last = hxsnn.IAFNeuron if "spikes2" in data else hxsnn.ReadoutNeuron
        values = (
            {**VALUES, "refractory_time": 0.0}
            if "spikes2" in data
            else {"leak": 0.0, "tau_mem": 10e-6, "tau_syn": 8e-6}
        )
        graded2 = second(dropped)
        out = last(entry["n_out"], experiment, **values)(graded2)
    else:
        out = firing
    assert hxsnn.run(experiment, entry["T"]) is None

    assert torch.equal(firing.spikes, data["spikes1"].float())
    close(graded.graded_spikes, data["graded1"], 3e-5)
    close(firing.membrane_cadc, data["membrane1"], 3e-5)
    close(firing.current, data["current1"], 3e-5)
    assert firing.membrane_madc is None
    if "dropout_mask" in data:
        assert torch.equal(dropout.mask, data["dropout_mask"].float())
        assert torch.equal(hidden.mask, data["neuron_mask"].float())
        assert torch.equal(dropped.spikes, data["spikes_after_dropout"].float())
    if "weight_used" in data:
        assert torch.equal(first.weight.detach(), data["weight_used"])
    if "w2" in data:
        close(graded2.graded_spikes, data["graded2"], 3e-5)
        close(out.membrane_cadc, data["membrane2"], 2e-4)
        close(out.current, data["current2"], 3e-5)
        assert "spikes2" not in data or torch.equal(out.spikes, data["spikes2"].float())

    loss = (data["lw_v"] * out.membrane_cadc).sum()
    if "lw_z" in data:
        loss = loss + (data["lw_z"] * out.spikes).sum()
    loss.backward()
    close(first.weight.grad, data["grad_w1"], 2e-3)
    close(inputs.grad, data["grad_input"], 2e-3)
    if "w2" in data:
        close(second.weight.grad, data["grad_w2"], 2e-3)
    if case == "iaf_vec":
        for name in VALUES:
            close(parameters[name].model_value.grad, data[f"grad_{name}"], 2e-3)


@pytest.mark.parametrize("case", [case for case in TRANSFORMS if case.startswith("yinyang")])
def test_yin_yang__draws_the_samples_of_the_reference(case):
    entry, data = TRANSFORMS[case]
    dataset = hxsnn.datasets.YinYangDataset(entry["r_small"], entry["r_big"], entry["size"], entry["seed"])
    samples, classes = zip(*(dataset[k] for k in range(len(dataset))), strict=True)
    assert torch.equal(torch.stack(samples), data["samples"])
    assert list(classes) == data["classes"].tolist()
    points = data["probe_points"].tolist()
    assert [dataset.which_class(*point) for point in points] == data["probe_classes"].tolist()
    for name, distance in (("left", dataset.dist_to_left_dot), ("right", dataset.dist_to_right_dot)):
        np.testing.assert_allclose([distance(*point) for point in points], data[f"probe_dist_{name}"], rtol=1e-14)


@pytest.mark.parametrize("case", [case for case in TRANSFORMS if case.startswith("coords")])
def test_coordinates__become_the_spikes_of_the_reference(case):
    entry, data = TRANSFORMS[case]
    names = ("seq_length", "t_early", "t_late", "dt", "t_bias")
    spikes = encode.CoordinatesToSpikes(**{name: entry[name] for name in names})(data["coords"])
    assert spikes.dtype == torch.float32
    assert torch.equal(spikes, data["spikes"].float())


def test_bias__is_in_the_bin_of_its_time():
    for k, t_bias, _ in TRANSFORMS["bias_index"][1]["table"].tolist():
        encoder = encode.CoordinatesToSpikes(seq_length=250, t_early=0.0, t_late=1e-6, t_bias=t_bias)
        assert int(encoder(torch.zeros(1, 1))[:, 0, -1].argmax()) == k


@pytest.mark.parametrize("case", [case for case in TRANSFORMS if case.startswith("pixels")])
def test_pixels__become_the_times_of_the_reference(case):
    entry, data = TRANSFORMS[case]
    names = ("tau", "threshold", "t_max", "epsilon")
    times = encode.PixelsToSpikeTimes(**{name: entry[name] for name in names})(data["pixels"])
    assert times.dtype == data["pixels"].dtype
    np.testing.assert_allclose(times, data["times"], rtol=2e-6 if case.endswith("32") else 1e-12)


@pytest.mark.parametrize("case", [case for case in TRANSFORMS if case.startswith("dense")])
def test_times__become_the_tensors_of_the_reference(case):
    entry, data = TRANSFORMS[case]
    arguments = entry["bin_width"], entry["size"]
    dense = encode.SpikeTimesToDense(*arguments)(data["times"])
    assert dense.dtype == torch.int64
    assert torch.equal(dense, data["dense"].long())
    assert torch.equal(encode.SpikeTimesToSparseTensor(*arguments)(data["times"]).to_dense(), dense)


def test_decoders__are_those_of_the_reference():
    data = TRANSFORMS["decoders"][1]
    for name, decoder in (("max", decode.MaxOverTime), ("sum", decode.SumOverTime), ("mean", decode.MeanOverTime)):
        torch.testing.assert_close(decoder()(data["trace"]), data[f"{name}_over_time"])


@pytest.mark.parametrize("case", [case for case in TRANSFORMS if case.startswith("linear")])
def test_weights__saturate_as_in_the_reference(case):
    entry, data = TRANSFORMS[case]
    assert torch.equal(weight_transforms.linear_saturating(data["weight"], entry["scale"]), data["out"])


EXPONENTIAL = {name: case for name, case in load("li_lif").items() if "exp" in name}


@pytest.mark.parametrize("case", EXPONENTIAL)
def test_exponential_variants__give_the_numbers_of_the_reference(case):
    _, data = EXPONENTIAL[case]
    values = {name: data[f"p_{name}"] for name in ("leak", "tau_syn_exp", "tau_mem_exp")}
    if "spikes" in data:
        firing = {"reset": data["p_reset"], "threshold": data["p_threshold"], "method": "superspike", "alpha": 50.0}
        spikes, membrane, current, _ = exp_cuba_lif_integration(data["input"], **values, **firing)
        assert torch.equal(spikes, data["spikes"].to(spikes.dtype))
    else:
        membrane, current, _ = exp_cuba_li_integration(data["input"], **values)
    rtol = 1e-11 if case.startswith("f64") else 2e-5
    close(membrane, data["membrane"], rtol)
    close(current, data["current"], rtol)


def test_cuba_iaf__measured_data_takes_the_place_of_the_model():
    inputs = torch.full((20, 1, 2), 0.2)
    spikes, cadc, madc = torch.zeros(15, 1, 2), torch.full((12, 1, 2), 0.5), torch.ones(2, 7, 1)
    values = {**VALUES, "method": "superspike", "alpha": 50.0}
    found = cuba_iaf_integration(inputs, **values, hw_data=(spikes, cadc.double(), madc))
    assert [entry.shape[0] for entry in found] == [12, 12, 12, 2]
    assert not found[0].any() and (found[1] == 0.5).all() and found[3] is madc
    free = cuba_iaf_integration(inputs, **values, hw_data=(None, None))
    assert free[0].any() and free[3] is None
