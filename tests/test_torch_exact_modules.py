"""The exact modules of bss2sim.torch: the functions with parameters that belong to them."""

import io

import pytest
import torch

from bss2sim.torch import IAFExact, LIExact, Spikes, iaf_exact, li_exact

SPIKES = Spikes.from_times(30e-6 * torch.rand(2, 3, 7, generator=torch.Generator().manual_seed(0)))
LOOKS = [10e-6, 40e-6]


@pytest.mark.parametrize("tau_syn", [4e-6, (4e-6, 7e-6)])
@pytest.mark.parametrize(("kind", "function"), [(IAFExact, iaf_exact), (LIExact, li_exact)])
def test_module__is_its_function(kind, function, tau_syn):
    """With all arguments."""
    torch.manual_seed(3)
    settings = {"tau_mem": torch.linspace(5e-6, 9e-6, 4), "tau_syn": tau_syn, "duration": 50e-6, "sample_time": LOOKS}
    if kind is IAFExact:
        settings.update(threshold=1.0, reset=0.1, refractory_time=3e-6, holdoff_time=1e-6, slope_floor=0.3)
    else:
        settings.update(leak=0.2)
    module = kind(4, 7, dtype=torch.float64, **settings)
    assert module.weight.shape == (7, 4) and module.weight.dtype == torch.float64
    torch.nn.init.uniform_(module.weight, -0.3, 1.0)
    found, wanted = module(SPIKES), function(SPIKES, module.weight, **settings)
    for a, b in zip(found if kind is IAFExact else [found], wanted if kind is IAFExact else [wanted], strict=True):
        if isinstance(a, Spikes):
            assert len(a.time) > 5
            a, b = a.time, b.time
        assert torch.equal(a, b)
        (gradient,), (other,) = (
            torch.autograd.grad(x.square().sum(), module.weight, retain_graph=True) for x in (a, b)
        )
        assert torch.equal(gradient, other) and gradient.any()


def test_trainable__times_learn_too():
    torch.manual_seed(0)
    layer = IAFExact(5, 7, duration=50e-6, threshold=1.0, reset=0.0, refractory_time=4e-6, holdoff_time=1e-6,
                     trainable=("threshold", "refractory_time", "holdoff_time"))  # fmt: skip
    torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
    layer(SPIKES).spikes.padded()[1].nan_to_num(posinf=0.0).sum().backward()
    assert {name for name, value in layer.named_parameters() if value.grad.any()} == {
        "weight", "threshold", "refractory_time", "holdoff_time"
    }  # fmt: skip


def test_pair__of_synaptic_time_constants_learns():
    layer = IAFExact(
        2, 7, duration=50e-6, threshold=1.0, reset=0.0, tau_syn=(5e-6, 6e-6), trainable=("tau_syn", "tau_inh")
    )
    torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
    layer.weight.data[::3] *= -0.5
    layer(SPIKES).spikes.first(silent=0.0).sum().backward()
    assert layer.tau_syn.grad and layer.tau_inh.grad
    assert "tau_syn=5e-06, refractory_time=1e-06, holdoff_time=0, tau_inh=6e-06" in repr(layer)


def test_state__is_everything_and_comes_back():
    source = LIExact(5, 7, duration=50e-6, sample_time=LOOKS, leak=0.3, trainable=("leak",))
    file = io.BytesIO()
    torch.save(source.state_dict(), file)
    file.seek(0)
    target = LIExact(5, 7, duration=50e-6, sample_time=[1e-6, 2e-6], trainable=("leak",))
    target.load_state_dict(torch.load(file))
    assert set(source.state_dict()) == {"weight", "leak", "tau_mem", "tau_syn", "sample_time"}
    assert torch.equal(source(SPIKES), target(SPIKES))


def test_text__says_what_it_is():
    layer = IAFExact(5, 7, duration=50e-6, sample_time=LOOKS, tau_mem=torch.full((5,), 6e-6), trainable=["tau_mem"])
    assert repr(layer) == (
        "IAFExact(5, n_input=7, threshold=125, reset=80, tau_mem=(5 values), tau_syn=1e-05, refractory_time=1e-06, holdoff_time=0, "
        "duration=5e-05, sample_time=(2 values), slope_floor=0.01, trainable=('tau_mem',))"
    )
    assert repr(IAFExact(2, 1, duration=1.0)).endswith("duration=1, slope_floor=0.01)")


def test_dtype__of_a_module_is_that_of_its_weights():
    layer = IAFExact(
        3, n_input=2, duration=50e-6, sample_time=[1e-6, 3e-6], tau_syn=(5e-6, 7e-6), dtype=torch.float64
    ).float()
    assert layer.weight.dtype == torch.float32
    assert layer.sample_time.tolist() == [1e-6, 3e-6] and layer.tau_inh.item() == 7e-6


def test_module__warns_of_what_is_hardly_ever_meant():
    with pytest.warns(UserWarning, match=r"^tau_inh is 7 s, "):
        IAFExact(3, n_input=2, duration=50e-6, tau_syn=(5e-6, 7.0))
    with pytest.warns(UserWarning, match=r"^duration is 50 s, .* give duration=50e-6$"):
        IAFExact(3, n_input=2, duration=50.0)
