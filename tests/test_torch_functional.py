"""The functionals of bss2sim.torch against the reference, the engine, a naive twin and PyTorch's automatic differentiation."""

import json
from pathlib import Path

import naive_superspike
import numpy as np
import pytest
import torch
from torch_loop import loop

import bss2sim as b2
from bss2sim.torch import iaf, li, lif

DATA = Path(__file__).parent / "data"
#: of the largest absolute value, from the README of the data
FORWARD = {"f32": 2e-5, "f64": 1e-11}
BACKWARD = {"f32": 5e-4, "f64": 1e-9}
DT = 1e-6
DTYPES = [torch.float32, torch.float64]
MODELS = {"iaf": iaf, "lif": lif, "li": li}


def cases(*names):
    """List the cases of golden files."""
    found = []
    for name in names:
        with np.load(DATA / f"{name}.npz") as arrays:
            for entry in json.loads(str(arrays["index"])):
                if "exp" not in entry["case"]:
                    found.append(pytest.param(name, entry, id=f"{name}-{entry['case']}"))
    return found


def near(found, wanted, tolerance):
    """Demand agreement within a part of the largest absolute value."""
    found = found.detach().numpy() if isinstance(found, torch.Tensor) else found
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("name", "entry"), cases("iaf_forward", "iaf_refractory", "iaf_hwdata", "iaf_gradients", "li_lif")
)
def test_functional__agrees_with_reference(name, entry):
    """Spikes, traces and gradients; measured data is injected where the case has some."""
    with np.load(DATA / f"{name}.npz") as arrays:
        data = {key.split("/")[1]: arrays[key] for key in arrays.files if key.startswith(entry["case"] + "/")}
    model = entry.get("model", "iaf").split("_")[0].rstrip("2")
    inputs = torch.from_numpy(data["input"] + data.get("input2", np.zeros((), data["input"].dtype))).requires_grad_()
    known = {"leak", "tau_mem", "tau_syn"} | ({"reset", "threshold", "refractory_time"} if model != "li" else set())
    known -= {"leak"} if model == "iaf" else set()
    parameters = {k[2:]: torch.from_numpy(np.array(v)) for k, v in data.items() if k[:2] == "p_" and k[2:] in known}
    settings = {}
    if model != "li":
        parameters.setdefault("refractory_time", (entry.get("refractory_steps") or 0) * entry["dt"])
        settings["alpha"] = entry.get("alpha", 50.0)
    for key, argument in (("hw_spikes", "measured_spikes"), ("hw_cadc", "measured_membrane")):
        if key in data:
            settings[argument] = torch.from_numpy(data[key])
    leaves = {n: p.requires_grad_() for n, p in parameters.items() if f"grad_{n}" in data}
    run = MODELS[model](inputs, dt=entry["dt"], **parameters, **settings)
    assert run.membrane.dtype == inputs.dtype == run.current.dtype
    for variable in ("membrane", "current"):
        near(getattr(run, variable), data[variable], FORWARD[entry["dtype"]])
    if model != "li":
        np.testing.assert_array_equal(run.spikes.detach(), data["spikes"])
    if "lw_z" in data:
        weights = [torch.from_numpy(data[key]) for key in ("lw_z", "lw_v", "lw_i")]
        sum((w * out).sum() for w, out in zip(weights, run, strict=True)).backward()
        near(inputs.grad, data["grad_input"], BACKWARD[entry["dtype"]])
        for parameter, leaf in leaves.items():
            near(leaf.grad, data[f"grad_{parameter}"], BACKWARD[entry["dtype"]])


def random_case(seed, n_time=40, n_batch=3, n_neuron=21, dtype=torch.float64):
    """Return jumps that let neurons with threshold 1 fire, gradients of three outputs, and parameters of neurons that differ."""
    rng = np.random.default_rng(seed)
    jumps = rng.normal(0.1, 0.8, (n_time, n_batch, n_neuron)) * (rng.random((n_time, n_batch, n_neuron)) < 0.4)
    gradients = rng.normal(size=(3, n_time, n_batch, n_neuron))
    parameters = {
        "threshold": rng.uniform(0.7, 1.2, n_neuron),
        "reset": rng.uniform(-0.3, 0.1, n_neuron),
        "tau_mem": rng.uniform(4e-6, 9e-6, n_neuron),
        "tau_syn": rng.uniform(3e-6, 8e-6, n_neuron),
        "refractory_time": DT * rng.integers(0, 6, n_neuron),
    }
    parameters["holdoff_time"] = DT * np.minimum(
        rng.integers(0, 4, n_neuron), np.rint(parameters["refractory_time"] / DT)
    )
    tensors = [torch.from_numpy(a).to(dtype) for a in (jumps, *gradients)]
    return tensors[0], tensors[1:], {k: torch.from_numpy(v) for k, v in parameters.items()}


def for_twin(parameters):
    """Rename parameters as the twin calls them."""
    renamed = {}
    for name, value in parameters.items():
        value = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)
        if name in ("refractory_time", "holdoff_time"):
            renamed["n_" + name.split("_")[0]] = np.rint(value / DT).astype(int)
        else:
            renamed[name] = value
    return renamed


def of_model(model, parameters):
    """Parameters a model has."""
    if model == "iaf":
        return dict(parameters)
    parameters = {**parameters, "leak": parameters["reset"] + 0.1}
    return parameters if model == "lif" else {name: parameters[name] for name in ("leak", "tau_mem", "tau_syn")}


@pytest.mark.parametrize(("n_neuron", "checkpoint"), [(1, None), (16, 1), (21, 7), (21, None), (21, 1000)])
@pytest.mark.parametrize("model", MODELS)
def test_functional__agrees_with_twin(model, n_neuron, checkpoint):
    jumps, gradients, parameters = random_case(n_neuron, n_neuron=n_neuron)
    if checkpoint == 7:
        del parameters["holdoff_time"]
    parameters = of_model(model, parameters)
    leaves = {n: p.requires_grad_() for n, p in parameters.items() if n not in ("refractory_time", "holdoff_time")}
    outputs, of_jumps, of_parameters = naive_superspike.train(
        jumps.numpy(), [g.numpy() for g in gradients], DT, 20.0, for_twin(parameters)
    )
    jumps.requires_grad_()
    settings = {} if model == "li" else {"alpha": 20.0}
    run = MODELS[model](jumps, **parameters, dt=DT, checkpoint=checkpoint, **settings)
    outputs, gradients = (outputs[1:], gradients[1:]) if model == "li" else (outputs, gradients)
    for found, wanted in zip(run, outputs, strict=True):
        near(found, wanted, 1e-13)
    torch.autograd.backward(run, gradients)
    if model == "li":
        gradients = [torch.zeros_like(jumps), *gradients]
        _, of_jumps, of_parameters = naive_superspike.train(
            jumps.detach().numpy(), [g.numpy() for g in gradients], DT, 20.0, for_twin(parameters)
        )
    else:
        assert 20 < run.spikes.sum() < jumps.numel() / 2 or n_neuron == 1
    near(jumps.grad, of_jumps, 1e-12)
    for name, leaf in leaves.items():
        near(leaf.grad, of_parameters[name], 1e-11)


@pytest.mark.parametrize("given", ["spikes", "membrane", "both"])
@pytest.mark.parametrize("model", ["iaf", "lif"])
def test_functional__measured_data_agrees_with_twin(model, given):
    """The gradients of the parameters too, with holdoff, and measured data shorter than the inputs."""
    jumps, gradients, parameters = random_case(8)
    parameters = of_model(model, parameters)
    rng = np.random.default_rng(1)
    n_time = 33
    spikes = (rng.random((n_time, *jumps.shape[1:])) < 0.1).astype(float) if given != "membrane" else None
    membrane = rng.normal(0.6, 0.5, (n_time, *jumps.shape[1:])) if given != "spikes" else None
    cut = [g[:n_time] for g in gradients]
    outputs, of_jumps, of_parameters = naive_superspike.train(
        jumps[:n_time].numpy(), [g.numpy() for g in cut], DT, 20.0, for_twin(parameters), spikes, membrane
    )
    leaves = {n: p.requires_grad_() for n, p in parameters.items() if n not in ("refractory_time", "holdoff_time")}
    measured = {}
    if spikes is not None:
        measured["measured_spikes"] = torch.from_numpy(spikes).to(torch.uint8)
    if membrane is not None:
        measured["measured_membrane"] = torch.from_numpy(membrane)
    jumps.requires_grad_()
    run = MODELS[model](jumps, **parameters, dt=DT, alpha=20.0, **measured)
    for found, wanted in zip(run, outputs, strict=True):
        near(found, wanted, 1e-13)
    torch.autograd.backward(run, cut)
    near(jumps.grad[:n_time], of_jumps, 1e-12)
    assert not jumps.grad[n_time:].any()
    for name, leaf in leaves.items():
        near(leaf.grad, of_parameters[name], 1e-11)


def test_li__measured_membrane_is_what_comes_back():
    jumps, _, parameters = random_case(2)
    membrane = torch.randn(30, *jumps.shape[1:], dtype=jumps.dtype)
    jumps.requires_grad_()
    parameters = of_model("li", parameters)
    run = li(jumps, **parameters, measured_membrane=membrane)
    assert torch.equal(run.membrane, membrane)
    run.membrane.sum().backward()
    straight = jumps.grad.clone()
    jumps.grad = None
    li(jumps[:30], **parameters).membrane.sum().backward()
    assert torch.equal(jumps.grad, straight)


@pytest.mark.parametrize("model", MODELS)
def test_functional__agrees_with_automatic_differentiation(model):
    jumps, gradients, parameters = random_case(5)
    parameters = of_model(model, parameters)
    names = [n for n in parameters if n not in ("refractory_time", "holdoff_time")]
    for value in (jumps, *(parameters[n] for n in names)):
        value.requires_grad_()
    steps = {}
    if model != "li":
        steps = {"n_refractory": torch.round(parameters["refractory_time"] / DT),
                 "n_holdoff": torch.round(parameters["holdoff_time"] / DT)}  # fmt: skip
    theirs = loop(jumps, **{n: parameters[n] for n in names}, **steps, dt=DT, alpha=20.0)
    settings = {} if model == "li" else {"alpha": 20.0}
    ours = MODELS[model](jumps, **parameters, dt=DT, **settings)
    theirs = theirs[1:] if model == "li" else theirs
    gradients = gradients[1:] if model == "li" else gradients
    leaves = [jumps, *(parameters[n] for n in names)]
    for a, b in zip(
        torch.autograd.grad(ours, leaves, gradients), torch.autograd.grad(theirs, leaves, gradients), strict=True
    ):
        near(a, b.numpy(), 1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("model", MODELS)
def test_functional__has_the_bits_of_the_engine(model, dtype):
    jumps, _, parameters = random_case(3, n_neuron=37, dtype=dtype)
    parameters = of_model(model, parameters)
    kind = {"iaf": b2.IAFNeuron, "lif": b2.LIFNeuron, "li": b2.LINeuron}[model]
    record = b2.Recording(spikes=None if model == "li" else "dense", membrane=True, current=True)
    wanted = b2.simulate(
        kind(37, **{k: v.numpy() for k, v in parameters.items()}),
        jumps.numpy(),
        dt=DT,
        integrator="euler",
        record=record,
    )
    run = MODELS[model](jumps, **parameters, dt=DT)
    for name in run._fields:
        found = getattr(run, name)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.numpy(), wanted[name].transpose("time", "batch", "neuron").values)


@pytest.mark.parametrize("dtype", DTYPES)
def test_weight__has_the_bits_of_the_engine(dtype):
    _, _, parameters = random_case(3, n_neuron=37)
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(50, 4, 70, generator=generator) < 0.1).to(dtype)
    graded = spikes * torch.rand(50, 4, 70, generator=generator, dtype=dtype)
    weight = torch.randn(70, 37, generator=generator, dtype=dtype)
    population = b2.IAFNeuron(37, **{k: v.numpy() for k, v in parameters.items()})
    record = b2.Recording(spikes="dense", membrane=True, current=True)
    for given in (spikes, graded):
        wanted = b2.simulate(
            population, given.numpy(), synapse=b2.Synapse(weight.numpy()), dt=DT, integrator="euler", record=record
        )
        run = iaf(given, weight, **parameters, dt=DT)
        for name in run._fields:
            np.testing.assert_array_equal(
                getattr(run, name).numpy(), wanted[name].transpose("time", "batch", "neuron").values
            )
    assert run.spikes.any()
    for other in (spikes.bool(), spikes.to(torch.uint8), spikes.to_sparse()):
        for a, b in zip(iaf(other, weight, **parameters), iaf(spikes, weight, **parameters), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("checkpoint", [None, 1, 9])
@pytest.mark.parametrize("n_neuron", [3, 16, 37])
def test_weight__gradients_are_those_of_a_product(n_neuron, checkpoint, graded):
    """Of weights, dense spikes and parameters: as with jumps made by a product of matrices."""
    _, gradients, parameters = random_case(4, n_batch=5, n_neuron=n_neuron)
    names = ("threshold", "reset", "tau_mem", "tau_syn")
    generator = torch.Generator().manual_seed(1)
    spikes = (torch.rand(40, 5, 19, generator=generator) < 0.2).double()
    if graded:
        spikes = spikes * torch.rand(40, 5, 19, generator=generator, dtype=torch.float64)
    weight = torch.randn(19, n_neuron, generator=generator, dtype=torch.float64)
    leaves = [spikes.requires_grad_(), weight.requires_grad_(), *(parameters[n].requires_grad_() for n in names)]
    ours = iaf(spikes, weight, **parameters, checkpoint=checkpoint)
    theirs = iaf(spikes @ weight, **parameters)
    assert ours.spikes.sum() > 10
    found = torch.autograd.grad(ours, leaves, gradients)
    for a, b in zip(found, torch.autograd.grad(theirs, leaves, gradients), strict=True):
        near(a, b.numpy(), 1e-11)
    if not graded:
        sparse = iaf(spikes.detach().to_sparse(), weight, **parameters, checkpoint=checkpoint)
        (of_weight,) = torch.autograd.grad(sparse, [weight], gradients)
        assert torch.equal(of_weight, found[1])


@pytest.mark.parametrize("graded", [False, True])
def test_weight__gradients_of_many_trials_inputs_and_neurons(graded):
    """More trials than are taken in turn, more inputs than a mask has bits, and more neurons than a block holds."""
    generator = torch.Generator().manual_seed(3)
    spikes = (torch.rand(20, 150, 70, generator=generator) < 0.1).double()
    if graded:
        spikes = spikes * torch.rand(20, 150, 70, generator=generator, dtype=torch.float64)
    weight = torch.randn(70, 520, generator=generator, dtype=torch.float64).requires_grad_()
    gradient = torch.randn(20, 150, 520, generator=generator, dtype=torch.float64)
    _, _, parameters = random_case(4, n_neuron=520)
    jumps = (spikes @ weight.detach()).requires_grad_()
    run, other = iaf(spikes, weight, **parameters), iaf(jumps, **parameters)
    assert torch.equal(run.spikes, other.spikes) and run.spikes.any()
    (found,) = torch.autograd.grad(run.spikes, [weight], gradient)
    (of_jumps,) = torch.autograd.grad(other.spikes, [jumps], gradient)
    near(found, torch.einsum("tbi,tbn->in", spikes, of_jumps).numpy(), 1e-11)
    if not graded:
        (sparse,) = torch.autograd.grad(iaf(spikes.to_sparse(), weight, **parameters).spikes, [weight], gradient)
        assert torch.equal(sparse, found)


def test_weight__sparse_spikes_of_more_trials_than_16_bits_hold():
    spikes = (torch.rand(2, 2**15 + 2, 1, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    weight = torch.ones(1, 1, dtype=torch.float64)
    _, _, parameters = random_case(4, n_neuron=1)
    for a, b in zip(iaf(spikes.to_sparse(), weight, **parameters), iaf(spikes, weight, **parameters), strict=True):
        assert torch.equal(a, b)


def test_parameters__may_change_in_place_between_runs():
    """What is worked out of parameters is kept by their values; what was refused is refused again."""
    jumps, _, _ = random_case(4)
    tau = torch.tensor(6e-6, dtype=torch.float64)
    first = li(jumps, leak=0.0, tau_mem=tau).membrane
    tau *= 2
    assert torch.equal(li(jumps, leak=0.0, tau_mem=tau).membrane, li(jumps, leak=0.0, tau_mem=12e-6).membrane)
    assert not torch.equal(li(jumps, leak=0.0, tau_mem=tau).membrane, first)
    for _ in range(2):
        with pytest.raises(b2.errors.ParameterError, match=r"tau_mem must be finite and above 0 s; got -1\.0 s"):
            li(jumps, leak=0.0, tau_mem=-1.0)


def test_weight__only_what_is_asked_for():
    """Whatever needs no gradient is left out, and the rest has the same bits."""
    _, gradients, parameters = random_case(4)
    spikes = (torch.rand(40, 3, 19, generator=torch.Generator().manual_seed(1)) < 0.2).double()
    weight = torch.randn(19, 21, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    everything = [spikes, weight, parameters["tau_mem"]]
    for leaf in everything:
        leaf.requires_grad_()
    whole = torch.autograd.grad(iaf(spikes, weight, **parameters), everything, gradients)
    for k, leaf in enumerate(everything):
        for other in everything:
            other.requires_grad_(other is leaf)
        (alone,) = torch.autograd.grad(iaf(spikes, weight, **parameters), [leaf], gradients)
        assert torch.equal(alone, whole[k])


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (0, 2)])
def test_gradient__of_some_outputs(which):
    jumps, gradients, parameters = random_case(6)
    jumps.requires_grad_()
    run = iaf(jumps, **parameters)
    (found,) = torch.autograd.grad([run[k] for k in which], [jumps], [gradients[k] for k in which])
    zeros = [g if k in which else torch.zeros_like(g) for k, g in enumerate(gradients)]
    (wanted,) = torch.autograd.grad(iaf(jumps, **parameters), [jumps], zeros)
    assert torch.equal(found, wanted)


def test_layout__does_not_matter():
    """Strided inputs and gradients, such as views and sums over time, give the bits of contiguous ones."""
    jumps, _, parameters = random_case(7)
    wanted = jumps.clone().requires_grad_()
    iaf(wanted, **parameters).spikes.mul(torch.ones_like(jumps)).sum().backward()
    for view in (
        jumps.permute(1, 0, 2).contiguous().permute(1, 0, 2),  # (batch, time, neuron) in memory
        torch.stack([jumps, jumps], dim=1)[:, 0],  # rows of time that are apart
        torch.stack([jumps, jumps], dim=3)[..., 0],
    ):
        leaf = view.detach().requires_grad_()
        rate = iaf(leaf, **parameters).spikes.sum(0)  # the gradient is the same row for every step
        rate.sum().backward()
        assert torch.equal(leaf.grad, wanted.grad)


def test_scalar_parameter__gets_the_sum():
    jumps, gradients, _ = random_case(9)
    one = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True)
           for n, v in dict(threshold=1.0, reset=-0.1, tau_mem=6e-6, tau_syn=5e-6).items()}  # fmt: skip
    many = {n: v.detach().expand(21).clone().requires_grad_() for n, v in one.items()}
    torch.autograd.backward(iaf(jumps, **one), gradients)
    torch.autograd.backward(iaf(jumps, **many), gradients)
    for name in one:
        near(one[name].grad, many[name].grad.sum().numpy(), 1e-12)


def test_parameters__of_other_dtypes():
    jumps, _, _ = random_case(9, dtype=torch.float32)
    tau = torch.tensor(6e-6, dtype=torch.float32, requires_grad=True)
    run = iaf(jumps, threshold=1.0, reset=0.0, tau_mem=tau)
    run.membrane.sum().backward()
    assert run.membrane.dtype == torch.float32 and tau.grad.dtype == torch.float32 and tau.grad != 0


@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 3), (4, 2, 0), (1, 1, 1)])
def test_empty__runs(shape):
    jumps = torch.zeros(shape, requires_grad=True)
    run = iaf(jumps)
    assert run.spikes.shape == shape
    run.membrane.sum().backward()
    assert jumps.grad.shape == shape
