"""The operators of bss2sim.torch as PyTorch sees them: registered, compiled, under autocast, deterministic, differentiated."""

import os
import subprocess
import sys

import pytest
import torch
from test_torch_functional import DT, of_model, random_case
from torch.utils._python_dispatch import TorchDispatchMode

import bss2sim as b2
from bss2sim.torch import arguments as checks
from bss2sim.torch import functional, iaf, li, lif, operators
from bss2sim.torch.operators import steps

NEURONS = dict(threshold=1.0, reset=0.0, refractory_time=2e-6, holdoff_time=1e-6, alpha=2.0)
MODELS = {"iaf": iaf, "lif": lif, "li": li}


def arguments(model, weights=False, sparse=False, keep="state", checkpoint=0, measured=False):
    """Arguments of the operator."""
    jumps, _, parameters = random_case(1, n_time=20)
    p = of_model(model, parameters)
    for name in ("tau_mem", "tau_syn", "threshold", "reset", "leak"):
        if name in p:
            p[name].requires_grad_()
    inputs, weight, events = jumps.requires_grad_(), None, (None, None, None)
    if weights:
        generator = torch.Generator().manual_seed(0)
        inputs = (torch.rand(20, 3, 19, generator=generator) < 0.3).double().requires_grad_()
        weight = torch.randn(19, 21, generator=generator, dtype=torch.float64).requires_grad_()
    if sparse:
        step, trial, source = inputs.detach().to_sparse().indices()
        order = torch.argsort(trial, stable=True)
        pointer = torch.zeros(4, dtype=torch.int64)
        pointer[1:] = torch.cumsum(torch.bincount(trial, minlength=3), 0)
        inputs, events = None, (step[order], source[order], pointer)
    data = torch.zeros(20, 3, 21, dtype=torch.float64) if measured else None
    return (
        inputs, weight, *events, p["tau_mem"], p["tau_syn"], p.get("threshold"), p.get("reset"), p.get("leak"),
        p.get("refractory_time"), p.get("holdoff_time"), data, None, 20, 21, DT, 20.0, checkpoint, keep,
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        dict(model="iaf"),
        dict(model="lif", checkpoint=7),
        dict(model="li"),
        dict(model="iaf", measured=True),
        dict(model="iaf", weights=True),
        dict(model="iaf", weights=True, keep="current", checkpoint=5),
        dict(model="li", weights=True, sparse=True),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of PyTorch's own tests
def test_operator__passes_the_checks_of_pytorch(kind):
    torch.library.opcheck(steps, arguments(**kind))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("through_weights", [False, True])
def test_gradcheck__membrane_and_current_without_spikes(model, through_weights):
    """Below threshold nothing is a surrogate: gradients of membrane and current are derivatives, to inputs and parameters."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(12, 2, 3, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.rand(3, 2, generator=generator, dtype=torch.float64).requires_grad_() if through_weights else None
    size = 2 if through_weights else 3
    names = [*(["reset"] if model == "iaf" else ["leak"]), "tau_mem", "tau_syn"]
    values = {"reset": [0.1] * size, "leak": [0.2] * size, "tau_mem": [6.0] * size, "tau_syn": 4.0}
    leaves = [torch.tensor(values[n], dtype=torch.float64, requires_grad=True) for n in names]
    fixed = {} if model == "li" else {"threshold": 1e3, "refractory_time": 2.0}
    if model == "lif":
        fixed["reset"] = 0.0

    def run(inputs, weight, *given):
        # One step is one unit of time: numeric differences need parameters of the size of 1.
        found = MODELS[model](inputs, weight, **dict(zip(names, given, strict=True)), **fixed, dt=1.0)
        return found[-2:]

    assert torch.autograd.gradcheck(run, (inputs, weight, *leaves))


def test_gradcheck__current_of_neurons_that_fire():
    """The current knows nothing of spikes; its gradients are derivatives whatever the membrane does."""
    inputs = (
        3 * torch.rand(12, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ).requires_grad_()
    tau = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)

    def run(inputs, tau):
        found = iaf(inputs, threshold=1.0, reset=0.0, tau_mem=2.0, tau_syn=tau, refractory_time=2.0, dt=1.0)
        assert found.spikes.any()
        return found.current

    assert torch.autograd.gradcheck(run, (inputs, tau))


def test_second_derivative__is_refused():
    jumps, _, parameters = random_case(1)
    jumps.requires_grad_()
    (gradient,) = torch.autograd.grad(iaf(jumps, **parameters).membrane.square().sum(), jumps, create_graph=True)
    with pytest.raises(b2.Bss2SimError, match="cannot be differentiated again"):
        gradient.sum().backward()


def gradients_of(run, leaves):
    """Outputs and gradients of a loss on all of them."""
    for leaf in leaves:
        leaf.grad = None
    outputs = run()
    sum((k + 1) * (out * out).sum() for k, out in enumerate(outputs)).backward()
    return [*(out.detach() for out in outputs), *(leaf.grad for leaf in leaves)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("through_weights", [False, True])
def test_compile__takes_the_whole_function(through_weights):
    jumps = random_case(1)[0]
    weight = (
        torch.randn(21, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) if through_weights else None
    )
    tau = torch.tensor(6e-6, dtype=torch.float64)
    leaves = [leaf.requires_grad_() for leaf in (jumps, tau, *([] if weight is None else [weight]))]

    def network():
        hidden = iaf(jumps, threshold=1.0, reset=0.0, tau_mem=tau)
        return hidden if weight is None else li(hidden.spikes, weight, leak=0.0)

    wanted = gradients_of(network, leaves)
    torch._dynamo.reset()
    found = gradients_of(torch.compile(network, fullgraph=True, backend="aot_eager"), leaves)
    for a, b in zip(found, wanted, strict=True):
        assert torch.equal(a, b)


def test_autocast__runs_in_float32():
    """Low precision that a layer before puts out becomes float32; parameters and weights are not touched."""
    spikes = (torch.rand(30, 2, 8, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    layer = torch.nn.Linear(8, 5, bias=False)
    weight = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        jumps = layer(spikes)
        assert jumps.dtype == torch.bfloat16
        run = iaf(jumps, threshold=0.5, reset=0.0)
        readout = li(run.spikes.bfloat16(), weight, leak=0.0)
    assert run.spikes.dtype == readout.membrane.dtype == torch.float32
    wanted = iaf(jumps.float(), threshold=0.5, reset=0.0)
    assert torch.equal(run.membrane, wanted.membrane)
    readout.membrane.sum().backward()
    assert layer.weight.grad.dtype == torch.float32 and layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("through_weights", [False, True])
def test_threads__give_the_same_bits(through_weights):
    """Outputs, and gradients of inputs, weights and shared parameters, which are sums over the batch."""
    generator = torch.Generator().manual_seed(0)
    jumps = (torch.rand(60, 37, 70, generator=generator) < 0.3).float() * torch.randn(60, 37, 70, generator=generator)
    weight = torch.randn(70, 90, generator=generator).requires_grad_() if through_weights else None
    tau = torch.tensor(6e-6, requires_grad=True)
    leaves = [jumps.requires_grad_(), tau, *([] if weight is None else [weight])]
    found = []
    for threads in (1, 2, 5):
        with b2.set_options(threads=threads):
            found.append(gradients_of(lambda: iaf(jumps, weight, threshold=1.0, reset=0.0, tau_mem=tau), leaves))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert torch.equal(a, b)


def test_batch__can_be_split():
    """What belongs to a trial has the same bits in a part of the batch; sums over trials differ by rounding alone."""
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(60, 13, 70, generator=generator) < 0.3).float().requires_grad_()
    weight = (0.3 * torch.randn(70, 50, generator=generator)).requires_grad_()
    whole = gradients_of(lambda: iaf(spikes, weight, threshold=1.0, reset=0.0), [spikes, weight])
    parts = []
    for part in (slice(0, 5), slice(5, 13)):
        piece = spikes.detach()[:, part].requires_grad_()
        parts.append(gradients_of(lambda piece=piece: iaf(piece, weight, threshold=1.0, reset=0.0), [piece, weight]))
    for k in range(4):
        assert torch.equal(torch.cat([part[k] for part in parts], dim=1), whole[k])
    torch.testing.assert_close(parts[0][4] + parts[1][4], whole[4], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("through_weights", [False, True])
def test_checkpoint__gives_the_same_bits(through_weights):
    jumps, _, parameters = random_case(1)
    weight = torch.randn(21, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    leaves = [jumps.requires_grad_(), weight]
    given = weight if through_weights else None
    leaves = leaves if through_weights else leaves[:1]
    parameters = {"threshold": 1.0, "reset": 0.0, "refractory_time": 2e-6}
    wanted = gradients_of(lambda: iaf(jumps, given, **parameters), leaves)
    for checkpoint in (1, 3, 16, 40, 99):
        found = gradients_of(lambda k=checkpoint: iaf(jumps, given, **parameters, checkpoint=k), leaves)
        for a, b in zip(found[:4], wanted[:4], strict=True):
            assert torch.equal(a, b)
        torch.testing.assert_close(found[4:], wanted[4:], rtol=1e-12, atol=1e-12)  # other order of the sums over time


def saved_bytes(run):
    """Bytes that autograd keeps for the way back, those of leaves and of constants left out."""
    saved = {}

    def pack(tensor):
        if not tensor.requires_grad or tensor.grad_fn is not None:
            saved[tensor.untyped_storage().data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = run()
    del outputs
    return sum(saved.values())


def test_memory__of_a_step_is_one_number_and_one_byte():
    jumps = torch.randn(160, 4, 32).requires_grad_()
    weight = torch.randn(32, 64).requires_grad_()
    given = jumps.detach()
    n = 160 * 4 * 64
    assert saved_bytes(lambda: iaf(jumps)) <= (4 + 1) * jumps.numel() + 1000
    kept = saved_bytes(lambda: iaf(given, weight)) - given.numel() * 4
    assert 4 * n <= kept <= (4 + 1) * n + 1000
    checkpointed = saved_bytes(lambda: iaf(given, weight, checkpoint=40)) - given.numel() * 4
    marks = 8 * 160 * 4  # a bit for each input
    assert checkpointed <= 12 * n / 40 + marks + 1000


def test_memory__without_gradients_no_state_is_kept(monkeypatch):
    kept = []
    monkeypatch.setattr(
        functional, "take_steps", lambda *arguments: kept.append(arguments[-1]) or operators.steps(*arguments)
    )
    weight = torch.randn(4, 6).requires_grad_()
    for run in (lambda: iaf(torch.zeros(20, 2, 4), weight), lambda: iaf(torch.zeros(20, 2, 4), weight.detach())):
        run()
        with torch.no_grad():
            run()
    assert kept == ["state", "nothing", "nothing", "nothing"]


@pytest.mark.parametrize("model", [iaf, lif, li])
def test_vmap__is_refused_on_the_way_back(model):
    weight = torch.rand(3, 5, 6).requires_grad_()
    spikes = (torch.rand(20, 2, 5) < 0.3).float()
    leak = {} if model is iaf else {"leak": 0.0}
    with pytest.raises(b2.Bss2SimError, match=r"kept nothing for its gradients.*transforms of torch\.func"):
        torch.func.vmap(lambda w: model(spikes, w, **leak).membrane)(weight).sum().backward()


@pytest.mark.parametrize("model", [iaf, lif, li])
def test_vmap__of_jumps_is_refused_on_the_way_back(model):
    jumps = torch.rand(3, 20, 2, 5).requires_grad_()
    leak = {} if model is iaf else {"leak": 0.0}
    with pytest.raises(b2.Bss2SimError, match=r"kept nothing for its gradients.*transforms of torch\.func"):
        torch.func.vmap(lambda x: model(x, **leak).membrane)(jumps).sum().backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own
def test_forward_mode__is_refused():
    jumps = torch.rand(10, 2, 3)
    with pytest.raises(b2.InputError, match="no forward-mode differentiation"):
        torch.func.jvp(lambda x: iaf(x).membrane, (jumps,), (torch.ones_like(jumps),))


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("n_input", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("checkpoint", [None, 7])
def test_weights__gradient_is_that_of_the_jumps_through_the_spikes(n_input, graded, checkpoint):
    """Spikes are kept as bits, which is not enough if a single one of them is not 1."""
    generator = torch.Generator().manual_seed(n_input)
    spikes = (torch.rand(150, 5, n_input, generator=generator) < 0.2).double()
    if graded:
        spikes[140, 3, n_input - 1] = 0.5
    weight = torch.randn(n_input, 21, generator=generator, dtype=torch.float64).requires_grad_()
    jumps = (spikes @ weight.detach()).requires_grad_()
    loss = torch.randn(150, 5, 21, generator=generator, dtype=torch.float64)
    for leaf, run in ((jumps, iaf(jumps, **NEURONS)), (weight, iaf(spikes, weight, checkpoint=checkpoint, **NEURONS))):
        ((run.membrane + run.spikes) * loss).sum().backward()
        assert leaf.grad.abs().sum() > 0
    wanted = torch.einsum("tbi,tbn->in", spikes, jumps.grad)
    torch.testing.assert_close(weight.grad, wanted, rtol=1e-9, atol=1e-11)


def test_weights__of_no_steps_have_a_gradient_of_zero():
    weight = torch.rand(7, 21).requires_grad_()
    for _ in range(3):  # in memory that was used before, too
        (gradient,) = torch.autograd.grad(iaf(torch.zeros(0, 40, 7), weight).membrane.sum(), weight)
        assert gradient.shape == (7, 21) and not gradient.any()
        torch.autograd.grad(iaf(torch.ones(9, 40, 7), weight).membrane.sum(), weight)


class Seen(TorchDispatchMode):
    """A mode that notes the operators it sees."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


class Subclass(torch.Tensor):
    """A tensor that is more than one."""


def test_operator__is_seen_by_whoever_watches(monkeypatch):
    """Nobody watching, the kernels are called at once, with the same bits."""
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(30, 3, 9, generator=generator) < 0.3).float()
    weight = torch.randn(9, 21, generator=generator).requires_grad_()

    def gradient():
        run = iaf(spikes, weight, **NEURONS)
        return torch.autograd.grad((run.spikes + run.membrane).square().sum(), weight)[0]

    with Seen() as seen:
        wanted = gradient()
    assert [name for name in seen.names if "bss2sim" in name] == [
        "bss2sim.euler_steps.default", "bss2sim.euler_steps_backward.default",
    ]  # fmt: skip
    called = []
    monkeypatch.setattr(operators, "steps", lambda *arguments: called.append(1) or steps(*arguments))
    assert torch.equal(gradient(), wanted) and not called
    iaf(spikes.as_subclass(Subclass), weight, **NEURONS)
    assert called == [1]
    monkeypatch.setattr(checks, "modes_active", lambda: 1)  # as where PyTorch does not say
    assert torch.equal(gradient(), wanted) and len(called) == 2


def trace(run, weight):
    """Trace a run as TorchScript did."""
    graph = torch.jit.trace(run, (weight,), check_trace=False).graph
    assert "bss2sim::euler_steps" in str(graph)


@pytest.mark.parametrize(
    "use",
    [
        lambda run, weight: torch.autograd.functional.jacobian(run, weight, vectorize=True),
        lambda run, weight: torch.autograd.grad(run(weight), weight, torch._neg_view(torch.ones(9, 2, 4))),
        lambda run, weight: torch.autograd.grad(run(weight), weight, torch._efficientzerotensor((9, 2, 4))),
        lambda run, weight: run(torch.complex(weight, weight).detach().conj().imag),
        trace,
    ],
    ids=["batch", "sign", "zeros", "imaginary", "trace"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")  # of PyTorch's own
def test_operator__takes_tensors_that_are_more_than_memory(use):
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(9, 2, 3, generator=generator) < 0.4).float()
    weight = torch.rand(3, 4, generator=generator).requires_grad_()
    use(lambda w: iaf(spikes, w, **NEURONS).membrane, weight)


def test_weights__gradient_that_is_not_finite_stays_with_the_inputs_that_spiked():
    weight = torch.ones(3, 3).requires_grad_()
    spikes = torch.zeros(3, 1, 3)
    spikes[1, 0, 1] = 1
    seed = torch.zeros(3, 1, 3)
    seed[0, 0, 0] = float("nan")
    (gradient,) = torch.autograd.grad(li(spikes, weight, leak=0.0).current, weight, seed)
    assert not gradient.any()


def test_spikes__that_are_graded_need_no_kept_bits():
    """In plain Python, where a write beyond an array is an error."""
    code = (
        "import torch\nfrom bss2sim.torch import iaf\n"
        "x = torch.zeros(3, 1, 2); x[1, 0, 1] = 0.5\n"
        "assert iaf(x, torch.ones(2, 3), threshold=1.0, reset=0.0).current.amax() == 0.5"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, env={**os.environ, "NUMBA_DISABLE_JIT": "1"})


def test_weights__of_no_inputs_have_a_gradient():
    weight = torch.rand(0, 3).requires_grad_()
    iaf(torch.zeros(5, 2, 0), weight).membrane.sum().backward()
    assert weight.grad.shape == (0, 3)


def test_import__of_the_package_loads_no_torch():
    code = "import sys, bss2sim; bss2sim.IAFNeuron(2); assert 'torch' not in sys.modules; import bss2sim.torch; import torch; "
    code += "assert bss2sim.torch is not torch and torch.Tensor"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_import__without_pytorch_names_the_extra():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import bss2sim\n"
        "try:\n    bss2sim.torch\n"
        "except bss2sim.MissingDependencyError as error:\n    assert 'bss2sim[torch]' in str(error), error\n"
        "else:\n    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
