"""The modules of bss2sim.torch: the functionals with parameters that belong to them."""

import io

import pytest
import torch

from bss2sim.torch import IAF, LI, LIF, iaf, li, lif

PAIRS = [(IAF, iaf), (LIF, lif), (LI, li)]
SPIKES = (torch.rand(40, 3, 7, generator=torch.Generator().manual_seed(0)) < 0.3).float()


@pytest.mark.parametrize(("kind", "function"), PAIRS)
def test_module__is_its_function(kind, function):
    """With all arguments it has in common with it."""
    settings = {"tau_mem": torch.linspace(5e-6, 9e-6, 7), "tau_syn": 4e-6, "dt": 0.5e-6}
    if kind is not LI:
        settings.update(threshold=1.0, reset=0.1, refractory_time=3e-6, holdoff_time=1e-6, alpha=20.0)
    if kind is not IAF:
        settings.update(leak=0.2)
    for a, b in zip(kind(7, **settings)(SPIKES), function(SPIKES, **settings), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("kind", "function"), PAIRS)
def test_module__with_weights(kind, function):
    torch.manual_seed(3)
    module = kind(5, n_input=7)
    assert module.weight.shape == (7, 5) and module.weight.dtype == torch.float32
    bound = (1.0 if kind is LI else 45.0) / 7**0.5
    assert bound / 2 < module.weight.abs().max() <= bound
    for a, b in zip(module(SPIKES), function(SPIKES, module.weight), strict=True):
        assert torch.equal(a, b)
    assert kind(5, n_input=7, dtype=torch.float64).weight.dtype == torch.float64


@pytest.mark.parametrize("kind", [IAF, LIF])
def test_module__measured_data_is_passed_on(kind):
    measured = (SPIKES[:20], torch.full((25, 3, 7), 0.5))
    run = kind(7)(SPIKES, *measured)
    assert torch.equal(run.spikes, measured[0]) and torch.equal(run.membrane, measured[1][:20])
    assert torch.equal(LI(7)(SPIKES, measured[1]).membrane, measured[1])


def test_trainable__parameters_learn():
    torch.manual_seed(0)
    layer = IAF(5, n_input=7, threshold=1.0, reset=0.0, trainable=("threshold", "tau_mem"))
    assert {name for name, _ in layer.named_parameters()} == {"weight", "threshold", "tau_mem"}
    rates = torch.optim.SGD(
        [{"params": [layer.weight, layer.threshold], "lr": 1e-3}, {"params": [layer.tau_mem], "lr": 1e-16}]
    )
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    losses = []
    for _ in range(20):
        rates.zero_grad()
        loss = (layer(SPIKES).membrane.mean() - 0.5).square()
        loss.backward()
        rates.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    changed = {name for name, value in layer.state_dict().items() if not torch.equal(value, before[name])}
    assert changed >= {"weight", "tau_mem"} and not changed & {"reset", "tau_syn", "refractory_time", "holdoff_time"}


def test_state__is_everything_and_comes_back():
    source = LIF(5, n_input=7, threshold=torch.linspace(1, 2, 5), leak=0.3, trainable=("leak",))
    file = io.BytesIO()
    torch.save(source.state_dict(), file)
    file.seek(0)
    target = LIF(5, n_input=7, threshold=torch.zeros(5), trainable=("leak",))
    target.load_state_dict(torch.load(file))
    assert set(source.state_dict()) == {
        "weight", "threshold", "reset", "leak", "tau_mem", "tau_syn", "refractory_time", "holdoff_time"
    }  # fmt: skip
    for a, b in zip(source(SPIKES), target(SPIKES), strict=True):
        assert torch.equal(a, b)


def test_text__says_what_it_is():
    torch.manual_seed(0)
    assert repr(IAF(5, n_input=7, tau_mem=torch.full((5,), 6e-6), trainable=["tau_mem"], checkpoint=8)) == (
        "IAF(5, n_input=7, threshold=125, reset=80, tau_mem=(5 values), tau_syn=1e-05, refractory_time=1e-06, holdoff_time=0, "
        "dt=1e-06, alpha=50, checkpoint=8, trainable=('tau_mem',))"
    )
    assert repr(LI(3)) == "LI(3, leak=80, tau_mem=1e-05, tau_syn=1e-05, dt=1e-06)"


def test_parameters__are_copies():
    threshold = torch.ones(7)
    layer = IAF(7, threshold=threshold)
    threshold += 1
    assert (layer.threshold == 1).all() and layer.threshold.dtype == torch.float64


def test_reset_parameters__draws_anew():
    layer = LI(3, n_input=7)
    before = layer.weight.clone()
    layer.reset_parameters()
    assert not torch.equal(layer.weight, before)
    without = LI(3)
    without.reset_parameters()
    assert without.weight is None


@pytest.mark.parametrize(
    "change", [lambda layer: layer.float(), lambda layer: layer.to(torch.float32), lambda layer: layer.half()]
)
def test_dtype__of_a_module_is_that_of_its_weights(change):
    layer = IAF(7, n_input=7, tau_mem=10e-6, trainable=("tau_syn",), dtype=torch.float64)
    layer.tau_syn.grad = torch.tensor(0.1, dtype=torch.float64)
    assert change(layer) is layer and layer.weight.dtype in (torch.float32, torch.float16)
    assert layer.tau_mem.dtype == layer.tau_syn.dtype == layer.tau_syn.grad.dtype == torch.float64
    assert (layer.tau_mem.item(), layer.tau_syn.item(), layer.tau_syn.grad.item()) == (10e-6, 10e-6, 0.1), (
        "no digit is lost"
    )
    assert isinstance(layer.tau_syn, torch.nn.Parameter) and layer.tau_syn.requires_grad
    assert layer.double().weight.dtype == torch.float64
    assert layer.to("meta").tau_mem.device.type == "meta", "other changes reach all"


def test_module__warns_of_what_is_hardly_ever_meant():
    with pytest.warns(
        UserWarning, match=r"^tau_mem is 10 s, .* times are in seconds: for 10 us give tau_mem=10e-6$"
    ) as found:
        IAF(2, tau_mem=10.0)
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(UserWarning, match=r"^dt is 1 s, "):
        LI(2, dt=1.0)
    with pytest.warns(
        UserWarning, match=r"1 of 2 neurons have reset 80 and threshold 1, and fire again without any input"
    ):
        LIF(2, threshold=torch.tensor([125.0, 1.0]))
