"""What bss2sim.torch refuses, and what it says then."""

import copy

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode

import bss2sim as b2
from bss2sim.torch import IAF, LI, LIF, iaf, li, lif
from bss2sim.torch.arguments import read_parameter

JUMPS = torch.zeros(10, 2, 3)
SPIKES = torch.zeros(10, 2, 4)
WEIGHT = torch.ones(4, 3)


def one_spike(index):
    """Sparse spikes (5, 2, 4) with one at an index that PyTorch does not check."""
    return torch.sparse_coo_tensor(torch.tensor(index)[:, None], torch.ones(1), (5, 2, 4), check_invariants=False)


def compressed():
    """Return spikes in another sparse layout."""
    pointer, column = torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 0, dtype=torch.int64)
    return torch.sparse_compressed_tensor(
        pointer, column, torch.zeros(2, 0), (2, 2, 4), layout=torch.sparse_csr, check_invariants=True
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: iaf(JUMPS.numpy()), b2.InputError, r"inputs must be a tensor \(time, batch, neuron\); got ndarray"),
        (lambda: iaf(JUMPS[0]), b2.InputError, r"inputs must have the shape \(time, batch, neuron\); got \(2, 3\)"),
        (lambda: iaf(SPIKES[0], WEIGHT), b2.InputError, r"inputs must have the shape \(time, batch, input\); got \(2, 4\)"),
        (lambda: iaf(JUMPS.to("meta")), b2.InputError, r"inputs is on meta; .* on the CPU only: pass inputs.cpu\(\)"),
        (lambda: iaf(SPIKES, WEIGHT.to("meta")), b2.InputError, r"weight is on meta"),
        (lambda: iaf(JUMPS, tau_mem=torch.tensor(1e-6, device="meta")), b2.InputError, r"tau_mem is on meta"),
        (lambda: iaf(JUMPS.half()), b2.InputError, r"inputs must be float32 or float64; got torch.float16: pass inputs.float\(\)"),
        (lambda: iaf(JUMPS.to(torch.complex64)), b2.InputError, r"inputs must be float32 or float64; got torch.complex64"),
        (lambda: iaf(JUMPS.to_sparse()), b2.InputError, r"sparse inputs are spikes and need weights: pass weight="),
        (lambda: iaf(SPIKES, WEIGHT.to_sparse()), b2.InputError, r"weight must be dense; pass weight.to_dense\(\)"),
        (lambda: iaf(SPIKES, WEIGHT[0]), b2.InputError, r"weight must have the shape \(input, neuron\); got \(3,\)"),
        (lambda: iaf(SPIKES, WEIGHT[:2]), b2.InputError, r"weight must have the shape \(input, neuron\) with 4 inputs.*\(2, 3\)"),
        (lambda: iaf(SPIKES.double(), WEIGHT), b2.InputError, r"inputs is torch.float64, the run torch.float32: pass inputs.to"),
        (
            lambda: iaf(SPIKES.to_sparse().requires_grad_(), WEIGHT),
            b2.InputError,
            r"sparse inputs get no gradient; pass inputs.to_dense\(\), or inputs.detach\(\)",
        ),
        (lambda: iaf((SPIKES + 2).to_sparse(), WEIGHT), b2.InputError, r"sparse inputs must be spikes, all 1"),
        (lambda: iaf(SPIKES.to_sparse(2), WEIGHT), b2.InputError, r"sparse inputs must have three sparse dims; got 2"),
        (
            lambda: iaf(compressed(), WEIGHT),
            b2.InputError,
            r"sparse inputs must have the layout torch.sparse_coo; got torch.sparse_csr: pass inputs.to_sparse_coo\(\)",
        ),
        (lambda: iaf(JUMPS, tau_mem=0.0), b2.ParameterError, r"tau_mem must be finite and above 0 s; got 0.0 s"),
        (lambda: lif(JUMPS, tau_syn=torch.tensor([1e-6, 1e-6, -1.0])), b2.ParameterError, r"tau_syn.*neuron 2 has -1.0 s"),
        (lambda: li(JUMPS, leak=float("nan")), b2.ParameterError, r"leak must be finite; got nan"),
        (lambda: iaf(JUMPS, refractory_time=-1e-6), b2.ParameterError, r"refractory_time must be finite and at least 0 s"),
        (lambda: iaf(JUMPS, refractory_time=1.0, dt=1e-10), b2.ParameterError, r"refractory_time is 1e\+10 steps"),
        (
            lambda: iaf(JUMPS, refractory_time=1e-6, holdoff_time=torch.tensor([0.0, 0.0, 2e-6])),
            b2.ParameterError,
            r"holdoff_time must be at most the refractory_time; neuron 2 has 1.99.*e-06 s",
        ),
        (lambda: iaf(JUMPS, threshold=torch.ones(2)), b2.ParameterError, r"threshold .*of the 3 neurons; got the shape \(2,\)"),
        (lambda: iaf(JUMPS, threshold="high"), b2.ParameterError, r"threshold must be a number or a tensor .*; got 'high'"),
        (
            lambda: iaf(JUMPS, threshold=torch.ones(3, dtype=torch.complex64)),
            b2.ParameterError,
            r"threshold must be real numbers; got torch.complex64",
        ),
        (lambda: iaf(JUMPS, dt=0.0), b2.ParameterError, r"dt must be finite and above 0 s; got 0.0 s"),
        (lambda: iaf(JUMPS, dt="1 us"), b2.ParameterError, r"dt must be a number; got '1 us'"),
        (lambda: iaf(JUMPS, dt="1e-6"), b2.ParameterError, r"dt must be a number; got '1e-6'"),
        (lambda: iaf(JUMPS, dt=True), b2.ParameterError, r"dt must be a number, not True or False; got True"),
        (lambda: iaf(JUMPS, checkpoint=True), b2.ParameterError, r"checkpoint must be a number, not True or False; got True"),
        (lambda: iaf(JUMPS, threshold=True), b2.ParameterError, r"threshold must be a number, not True or False; got True"),
        (lambda: iaf(JUMPS, reset=[1, True, 1]), b2.ParameterError, r"reset must be a number, not True or False; got \[1, True"),
        (lambda: iaf(JUMPS, reset=torch.ones(3).bool()), b2.ParameterError, r"reset must be a number, not True or False"),
        (lambda: iaf(JUMPS, reset=np.ones(3, bool)), b2.ParameterError, r"reset must be a number, not True or False; got array"),
        (lambda: iaf(JUMPS, alpha=-1), b2.ParameterError, r"alpha must be finite and above 0; got -1.0"),
        (lambda: iaf(JUMPS, checkpoint=0), b2.ParameterError, r"checkpoint must be at least 1 step, or None; got 0"),
        (lambda: iaf(JUMPS, checkpoint=2.5), b2.ParameterError, r"checkpoint must be a number of steps, or None; got 2.5"),
        (lambda: iaf(JUMPS, tresh=1.0), b2.UnknownKeywordError, r"iaf\(\) has no argument 'tresh'; did you mean 'threshold'"),
        (lambda: li(JUMPS, reset=1.0), b2.UnknownKeywordError, r"li\(\) has no argument 'reset'"),
        (
            lambda: iaf(JUMPS, measured_spikes=torch.zeros(10, 2, 4)),
            b2.InputError,
            r"measured_spikes must have the shape .* with batch 2, neuron 3; got \(10, 2, 4\)",
        ),
        (lambda: iaf(JUMPS, measured_spikes=torch.full((10, 2, 3), 0.5)), b2.InputError, r"must be 0 or 1; got 0.5"),
        (lambda: iaf(JUMPS, measured_membrane=JUMPS.double()), b2.InputError, r"measured_membrane is torch.float64, the run"),
        (
            lambda: iaf(JUMPS + float("inf")),
            b2.InputError,
            r"membrane or current of batch 0, neuron 0 is no longer finite in float32: an input",
        ),
        (lambda: li(torch.ones(900, 1, 1), dt=1e-4), b2.InputError, r"dt = 0.0001 s is over twice a time constant"),
        (lambda: IAF(0), b2.ParameterError, r"size must be a whole number of at least 1; got 0"),
        (lambda: IAF(2.5), b2.ParameterError, r"size must be a whole number of at least 1; got 2.5"),
        (lambda: LI(3, n_input=True), b2.ParameterError, r"n_input must be a whole number of at least 1; got True"),
        (lambda: IAF(3, trainable="reset"), b2.ParameterError, r"trainable must be names in a tuple or list, .*; got 'reset'"),
        (lambda: IAF(3, trainable=None), b2.ParameterError, r"trainable must be names in a tuple or list, .*; got None"),
        (lambda: IAF(3, tau_mem=0), b2.ParameterError, r"tau_mem must be finite and above 0 s; got 0.0 s"),
        (lambda: LI(3, 4, leak=float("nan")), b2.ParameterError, r"leak must be finite; got nan"),
        (lambda: LIF(3, holdoff_time=5e-6), b2.ParameterError, r"holdoff_time must be at most the refractory_time; got 5e-06 s"),
        (lambda: IAF(3, 4, dtype=torch.int32), b2.ParameterError, r"dtype must be torch.float32 or torch.float64; got torch.int32"),
        (lambda: IAF(3, 4, dtype="float32"), b2.ParameterError, r"dtype must be torch.float32 or torch.float64; got 'float32'"),
        (lambda: IAF(3, dtype=torch.float64), b2.ParameterError, r"dtype is that of the weights; give n_input too"),
        (
            lambda: IAF(3, tau_mem=torch.nn.Parameter(torch.tensor(1e-5))),
            b2.ParameterError,
            r"tau_mem requires a gradient, but the module keeps a copy; name it in trainable=\('tau_mem',\)",
        ),
        *(
            (
                lambda index=index: iaf(one_spike(index), WEIGHT),
                b2.InputError,
                rf"indices of sparse inputs must be in 0 .. {last} along {axis}; got {bad}",
            )
            for index, axis, last, bad in (
                ([0, 0, 3_000_000], "input", 3, 3_000_000), ([0, 0, -5], "input", 3, -5), ([99, 0, 0], "time", 4, 99),
                ([0, 7, 0], "batch", 1, 7),
            )
        ),
        (lambda: LIF(3, trainable=("leek",)), b2.ParameterError, r"a name in trainable must be one of .*did you mean 'leak'"),
        (lambda: IAF(3, trainable=("refractory_time",)), b2.ParameterError, r"a name in trainable must be one of"),
        (lambda: IAF(3, tau=1e-6), b2.UnknownKeywordError, r"IAF\(\) has no argument 'tau'"),
        (
            lambda: IAF(3)(SPIKES),
            b2.InputError,
            r"inputs of this IAF must be a tensor \(time, batch, neuron\) with neuron 3; got \(10, 2, 4\)",
        ),
        (lambda: LI(3, 5)(SPIKES), b2.InputError, r"inputs of this LI must be .* with input 5; got \(10, 2, 4\)"),
        (lambda: LIF(3)([1]), b2.InputError, r"inputs of this LIF must be .*; got list"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_measured_spikes__are_checked_where_the_run_reads_them():
    rows = torch.full((10, 4, 3), float("nan"))
    rows[:, :2] = 0.0
    assert iaf(JUMPS, measured_spikes=rows[:, :2]).spikes.sum() == 0
    longer = torch.zeros(15, 2, 3)
    longer[10:] = 5.0
    assert iaf(JUMPS, measured_spikes=longer).spikes.shape == (10, 2, 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("model", [iaf, li])
def test_measured_membrane__that_is_not_finite_is_refused_in_any_step(model, value):
    """A step in the middle leaves no trace in the last state."""
    rows = torch.zeros(12, 2, 3)
    rows[10:] = value
    rows[0] = torch.finfo(torch.float32).max  # only the sum of these is not finite
    assert model(JUMPS, measured_membrane=rows).membrane.shape == (10, 2, 3)
    rows[4, 1, 2] = value
    with pytest.raises(
        b2.InputError, match=f"measured_membrane must be finite; time step 4, batch 1, neuron 2 is {value}"
    ):
        model(JUMPS, measured_membrane=rows)


def test_error__inside_of_a_compiled_function():
    """Values are checked where they are known, in the operator."""
    run = torch.compile(lambda x, tau: iaf(x, tau_mem=tau), backend="eager")
    with pytest.raises(b2.ParameterError, match="tau_mem must be finite and above 0 s"):
        run(JUMPS, torch.tensor(-1e-6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_simulate__takes_a_tensor_on_the_processor(dtype):
    jumps = torch.rand((5, 2, 3), generator=torch.Generator().manual_seed(1), dtype=dtype)
    found, expected = (b2.simulate(b2.IAFNeuron(3), x, integrator="euler") for x in (jumps, jumps.numpy()))
    assert found.identical(expected) and found.attrs["dtype"] == str(dtype).removeprefix("torch.")


@pytest.mark.parametrize("settings", [{}, {"integrator": "euler"}])
def test_simulate__refuses_tensors_that_ask_for_a_gradient(settings):
    """NumPy does, with an error of PyTorch."""
    asks = torch.zeros((5, 2, 3), requires_grad=True)
    with pytest.raises(b2.InputError, match=r"inputs must be an array .*; got Tensor \(.*tensor\.detach\(\)"):
        b2.simulate(b2.IAFNeuron(3), asks, **settings)
    with pytest.raises(b2.ParameterError, match=r"weight must be an array \(input, neuron\); got Tensor"):
        b2.Synapse(asks[0])


class Doubling(TorchFunctionMode):
    """A mode in which tensors are twice what they are made of."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        return 2 * found if function in (torch.tensor, torch.as_tensor) else found


def test_numbers__are_kept_as_tensors_whatever_the_circumstances_of_their_first_use():
    """Zeros of both signs differ, and a number first met in inference mode, with another default device or in a mode."""
    assert [bool(read_parameter("reset", zero, 1).signbit()) for zero in (0.0, -0.0, 0.0)] == [False, True, False]

    leaf = torch.ones(9, 1, 2, requires_grad=True)
    with torch.inference_mode():
        iaf(leaf, threshold=1.0625, reset=-0.03125)
    iaf(leaf, threshold=1.0625, reset=-0.03125).membrane.sum().backward()
    assert leaf.grad.abs().sum() > 0

    with torch.device("meta"):
        run = iaf(leaf, threshold=1.09375, reset=-0.0625)
    assert run.membrane.device.type == "cpu"

    loss = lambda x, reset: lif(x, threshold=1.0, reset=reset, leak=0.6875).membrane.sum()  # noqa: E731  # two lines of it
    torch.func.functionalize(loss)(leaf.detach(), 0.15625)
    with pytest.raises(RuntimeError, match="setup_context"):
        torch.func.grad(loss)(leaf.detach(), 0.171875)
    with Doubling():
        iaf(leaf, threshold=1.0, reset=0.1875)
    for value in (0.15625, 0.171875, 0.1875, 0.6875):
        kept = read_parameter("reset", value, 1)
        assert type(kept) is torch.Tensor and kept.numpy() == value and copy.deepcopy(kept) == value

    with FakeTensorMode(allow_non_fake_inputs=False) as mode:
        run = iaf(mode.from_tensor(leaf), threshold=1.125, reset=-0.09375)
        assert type(run.membrane) is FakeTensor
    assert type(iaf(leaf, threshold=1.125, reset=-0.09375).membrane) is torch.Tensor


def test_numbers__kept_tensors_are_those_of_the_numbers():
    kept = read_parameter("threshold", 0.7, 5)
    assert kept is read_parameter("reset", 0.7, 3) and kept.item() == 0.7 and kept.dtype == torch.float64
    assert read_parameter("threshold", 7, 5).item() == 7
