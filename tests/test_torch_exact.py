"""The exact functions of bss2sim.torch: registered, differentiated, chained, compiled."""

import contextlib

import numpy as np
import pytest
import torch
from exact_cases import CASES, N_NEURON, random_run

import bss2sim as b2
from bss2sim.eventprop_run import run_exact_backward, run_exact_forward
from bss2sim.torch import Spikes, iaf_exact, li_exact
from bss2sim.torch.exact_operators import exact_events

NAMES = ("tau_mem", "tau_syn", "tau_inh", "threshold", "reset", "refractory_time", "holdoff_time", "leak")
DURATION = 50e-6
LATE = [20e-6, 45e-6]


def tensors(case, seed=1):
    """A random run as tensors: spikes, weight, parameters, sample times; all that can have a gradient asks for one."""
    run, _ = random_run(seed, **CASES[case])
    events = run.events
    time = torch.tensor(events.time, requires_grad=True)
    spikes = Spikes(time, torch.tensor(events.neuron), torch.tensor(events.batch), events.n_batch, run.weight.shape[0])
    parameters = {name: torch.tensor(value, requires_grad=True) for name, value in run.parameters.items()}
    return run, spikes, torch.tensor(run.weight, requires_grad=True), parameters, torch.tensor(run.sample_time)


def arguments_of(parameters):
    """Parameters as the functions take them."""
    given = dict(parameters)
    if "tau_inh" in given:
        given["tau_syn"] = given["tau_syn"], given.pop("tau_inh")
    return given


@pytest.mark.parametrize("case", ["holdoff", "one for all", "pair", "leak", "leak, one for all", "leak, pair"])
def test_function__is_the_adjoint(case):
    """Outputs and all gradients are those of the run below, whose own tests say that they are right."""
    run, spikes, weight, parameters, samples = tensors(case)
    wanted_spikes, wanted_membrane = run_exact_forward(run)
    rng = np.random.default_rng(0)
    of_membrane = rng.normal(size=wanted_membrane.shape)
    of_time = None
    if "leak" in parameters:
        membrane = li_exact(spikes, weight, duration=DURATION, sample_time=samples, **arguments_of(parameters))
        loss = 0.0
    else:
        found, membrane = iaf_exact(
            spikes, weight, duration=DURATION, sample_time=samples, slope_floor=0.0, **arguments_of(parameters)
        )
        assert found.n_batch == 3 and found.n_neuron == N_NEURON
        for name in ("time", "neuron", "batch"):
            assert np.array_equal(getattr(found, name).detach(), getattr(wanted_spikes, name))
        of_time = rng.normal(size=wanted_spikes.time.size)
        loss = (found.time * torch.tensor(of_time)).sum()
    assert np.array_equal(membrane.detach(), wanted_membrane.transpose(1, 0, 2))
    (loss + (membrane * torch.tensor(of_membrane).transpose(0, 1)).sum()).backward()
    wanted = run_exact_backward(run, wanted_spikes, of_time, of_membrane, True)
    assert np.array_equal(spikes.time.grad, wanted.time)
    assert np.array_equal(weight.grad, wanted.weight)
    for name, value in parameters.items():
        assert np.array_equal(value.grad, wanted.parameters[name]), name


@pytest.mark.parametrize("case", ["holdoff", "pair", "leak"])
def test_gradcheck(case):
    """Numbers that are seconds are handed over in microseconds, so that one step of the check fits all."""
    _, spikes, weight, parameters, samples = tensors(case, seed=2)
    names = list(parameters)
    unit = {name: 1e-6 if name.startswith("tau") or name.endswith("time") else 1.0 for name in names}

    def run(time, weight, *values):
        given = arguments_of({name: value * unit[name] for name, value in zip(names, values, strict=True)})
        moved = spikes._replace(time=time * 1e-6)
        if "leak" in given:
            return li_exact(moved, weight, duration=DURATION, sample_time=samples, **given)
        found = iaf_exact(moved, weight, duration=DURATION, sample_time=samples, slope_floor=0.0, **given)
        return found.spikes.padded().nan_to_num(posinf=0.0) * 1e6, found.membrane

    leaves = [(spikes.time / 1e-6), weight, *(parameters[name] / unit[name] for name in names)]
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    assert torch.autograd.gradcheck(run, leaves, eps=1e-6, atol=1e-5, rtol=1e-5)


def arguments(case):
    """Arguments of the operator."""
    _, spikes, weight, parameters, samples = tensors(case)
    return (spikes.time, spikes.neuron, spikes.batch, weight, *(parameters.get(name) for name in NAMES), samples, 3,
            DURATION, 0.01)  # fmt: skip


@pytest.mark.parametrize("case", ["holdoff", "leak"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of PyTorch's own tests
def test_operator__passes_the_checks_of_pytorch(case):
    torch.library.opcheck(exact_events, arguments(case))


def network(time, hidden_weight, weight, **parameters):
    """Scores of two layers: hidden neurons, a leaking readout."""
    hidden = iaf_exact(
        Spikes.from_times(time), hidden_weight, duration=DURATION, threshold=1.0, reset=0.0, **parameters
    )
    return li_exact(hidden.spikes, weight, duration=DURATION, sample_time=LATE, leak=0.0)


def network_leaves(dtype=torch.float64):
    """Times (batch, input), weights of two layers."""
    generator = torch.Generator().manual_seed(0)
    time = 20e-6 * torch.rand(4, 6, generator=generator, dtype=torch.float64)
    weights = [torch.randn(6, 8, generator=generator) + 0.5, torch.randn(8, 3, generator=generator)]
    return [time.requires_grad_(), *(weight.to(dtype).requires_grad_() for weight in weights)]


def gradients_of(run, leaves):
    """Output and gradients."""
    for leaf in leaves:
        leaf.grad = None
    output = run(*leaves)
    output.square().sum().backward()
    return [output.detach(), *(leaf.grad for leaf in leaves)]


def test_layers__chain():
    """Gradients of a network against central differences: those of a layer's input times are those of the spikes before it."""
    leaves = network_leaves()
    found = gradients_of(network, leaves)
    for leaf, gradient, step in zip(leaves, found[1:], (1e-12, 1e-6, 1e-6), strict=True):
        direction = torch.randn(leaf.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        losses = []
        for sign in (1, -1):
            moved = [x.detach() + sign * step * direction if x is leaf else x.detach() for x in leaves]
            losses.append(network(*moved).square().sum().item())
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx((gradient * direction).sum().item(), rel=1e-6)


def test_two_spiking_layers__first_spikes():
    """A loss on the latencies of the second of two firing layers, against central differences."""
    time, hidden, weight = network_leaves()
    weight = (weight.detach().abs() * 2).requires_grad_()

    def latency(hidden):
        settings = {"duration": DURATION, "threshold": 1.0, "reset": 0.0, "refractory_time": 3e-6, "holdoff_time": 1e-6}
        spikes = iaf_exact(Spikes.from_times(time.detach()), hidden, **settings).spikes
        return iaf_exact(spikes, weight, **settings).spikes.first(silent=DURATION)

    out = latency(hidden)
    assert (out < DURATION).all()
    out.sum().backward()
    direction = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    up, down = (latency(hidden.detach() + sign * 1e-7 * direction) for sign in (1, -1))
    assert ((up - down) / 2e-7).sum().item() == pytest.approx((hidden.grad * direction).sum().item(), rel=1e-6)


def test_grid__is_the_reading_of_simulate():
    """Spikes on a grid: the numbers of `simulate` with the same ones as a dense input."""
    grid = torch.rand(50, 2, 6, generator=torch.Generator().manual_seed(0)) < 0.1
    weight = torch.rand(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    settings = {
        "threshold": 1.0,
        "reset": 0.0,
        "tau_mem": 6e-6,
        "tau_syn": 5e-6,
        "refractory_time": 2e-6,
        "holdoff_time": 1e-6,
    }
    samples = torch.arange(50) * 1e-6 + 0.5e-6
    wanted = b2.simulate(
        b2.IAFNeuron(4, **settings), grid.numpy(), synapse=b2.Synapse(weight.numpy()), dt=1e-6,
        record=b2.Recording(membrane=True, sample_time=samples.numpy()),
    )  # fmt: skip
    for given in (grid, grid.float().to_sparse()):
        found = iaf_exact(Spikes.from_grid(given, 1e-6), weight, duration=DURATION, sample_time=samples, **settings)
        np.testing.assert_allclose(found.spikes.time, wanted.spike_time.values, rtol=1e-12)
        assert found.spikes.neuron.tolist() == wanted.spike_neuron.values.tolist()
        np.testing.assert_allclose(found.membrane.transpose(0, 1), wanted.membrane.values, atol=1e-12)


def test_spikes__times_come_back():
    none = float("inf")
    time = torch.tensor(
        [[[3.0, none], [1.0, 2.0]], [[2.0, none], [none, 5.0]]], requires_grad=True
    )  # (spike, batch, neuron)
    spikes = Spikes.from_times(time)
    assert spikes.time.tolist() == [2.0, 3.0, 1.0, 2.0, 5.0] and spikes.batch.tolist() == [0, 0, 1, 1, 1]
    assert spikes.padded().tolist() == [[[2.0, none], [1.0, 2.0]], [[3.0, none], [none, 5.0]]]
    assert spikes.first(silent=9.0).tolist() == [[2.0, 9.0], [1.0, 2.0]]
    assert spikes.count_spikes().tolist() == [[2, 0], [1, 2]]
    spikes.first(silent=9.0).sum().backward()
    assert time.grad.tolist() == [[[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]]
    empty = Spikes.from_times(torch.full((2, 3), none))
    assert empty.padded().shape == (0, 2, 3) and empty.first().shape == (2, 3) and len(empty.time) == 0


def test_vmap__takes_one_after_the_other():
    """PyTorch runs the operator for each entry; that needs as many spikes in all of them."""
    spikes = Spikes.from_times(torch.tensor([[1e-6, 2e-6]]))
    weight = torch.rand(4, 2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def readout(weight):
        return li_exact(spikes, weight, duration=DURATION, sample_time=LATE)

    torch.func.vmap(readout)(weight).square().sum().backward()
    found, weight.grad = weight.grad, None
    sum(readout(one).square().sum() for one in weight).backward()
    assert torch.equal(found, weight.grad)


def test_nothing__happens_without_spikes():
    """No input, or none that counts: shapes as ever, gradients 0."""
    weight = torch.ones(3, 4, requires_grad=True)
    for time in (torch.full((2, 3), float("inf")), torch.full((2, 3), 60e-6), torch.empty(0, 3)):
        late = len(time) and time[0, 0] == 60e-6
        with pytest.warns(UserWarning, match="after the end of the run") if late else contextlib.nullcontext():
            run = iaf_exact(Spikes.from_times(time), weight, duration=DURATION, sample_time=LATE)
        assert len(run.spikes.time) == 0 and run.membrane.shape == (2, len(time), 4) and (run.membrane == 80.0).all()
        (run.spikes.first(silent=1.0).sum() + run.membrane.sum()).backward()
        assert not weight.grad.any()


def test_dtype__of_weights_and_membranes():
    """Times are float64; weights, their gradients and membranes stay float32."""
    single = gradients_of(network, network_leaves(torch.float32))
    double = gradients_of(network, network_leaves())
    assert [tensor.dtype for tensor in single] == [torch.float32, torch.float64, torch.float32, torch.float32]
    for a, b in zip(single, double, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=1e-6 * b.abs().max().item())
    assert (
        iaf_exact(Spikes.from_times(torch.zeros(1, 1)), torch.full((1, 1), 99.0), duration=1e-3).spikes.time.dtype
        == torch.float64
    )


def test_autocast__runs_in_float32():
    time, hidden, weight = network_leaves(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(time, hidden.bfloat16(), weight).dtype == torch.float32


def test_batch__can_be_split():
    """What belongs to a trial has the same bits in a part of the batch."""
    time, hidden, weight = network_leaves()
    whole = gradients_of(network, [time, hidden, weight])
    parts = [
        gradients_of(network, [time.detach()[k].requires_grad_(), hidden, weight]) for k in (slice(0, 1), slice(1, 4))
    ]
    assert torch.equal(torch.cat([part[0] for part in parts], dim=1), whole[0])
    assert torch.equal(torch.cat([part[1] for part in parts]), whole[1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compile__takes_the_whole_function():
    leaves = network_leaves()
    wanted = gradients_of(network, leaves)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
        found = gradients_of(compiled, leaves)
    for a, b in zip(found, wanted, strict=True):
        assert torch.equal(a, b)


def saved_bytes(duration):
    """Bytes that a run keeps for the way back, and its number of spikes."""
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    weight = torch.full((3, 40), 10.0, requires_grad=True)
    spikes = Spikes.from_times(1e-6 * torch.ones(5, 3))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run = iaf_exact(spikes, weight, duration=duration, sample_time=LATE, threshold=1.0, reset=0.0)
    return sum(saved.values()), len(run.spikes.time)


def test_memory__grows_with_spikes_alone():
    short, n = saved_bytes(50e-6)
    assert n > 1000 and short <= 24 * n + 2000
    assert saved_bytes(50.0) == (short, n)


def test_second_derivative__is_refused():
    leaves = network_leaves()
    (gradient,) = torch.autograd.grad(network(*leaves).square().sum(), leaves[1], create_graph=True)
    with pytest.raises(b2.Bss2SimError, match=r"cannot be differentiated again: the adjoint has no adjoint"):
        gradient.sum().backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own
def test_forward_mode__is_refused():
    time, hidden, weight = (leaf.detach() for leaf in network_leaves())
    with pytest.raises(b2.InputError, match="no forward-mode differentiation"):
        torch.func.jvp(lambda w: network(time, w, weight), (hidden,), (torch.ones_like(hidden),))


@pytest.mark.parametrize("kind", ["iaf", "li"])
def test_pair__weights_of_zero_count_as_positive(kind):
    weight = torch.tensor([[30.0], [0.0]], dtype=torch.float64)
    spikes = Spikes.from_times(torch.tensor([[1e-6, 3e-6]]))
    others = {"duration": 60e-6, "sample_time": [25e-6], "tau_syn": (5e-6, 20e-6)}

    def membrane(weight):
        if kind == "li":
            return li_exact(spikes, weight, **others).sum()
        return iaf_exact(spikes, weight, **others).membrane.sum()

    found = torch.autograd.grad(membrane(weight.requires_grad_()), weight)[0][1, 0]
    weight, step = weight.detach(), torch.tensor([[0.0], [1e-4]], dtype=torch.float64)
    above, below = ((membrane(weight + sign * step) - membrane(weight)) / (sign * 1e-4) for sign in (1, -1))
    torch.testing.assert_close(found, above, rtol=1e-6, atol=0)
    assert abs(below - above) > 0.1 * abs(above)
