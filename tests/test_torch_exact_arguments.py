"""What the exact functions and modules of bss2sim.torch refuse, and with which words."""

import pytest
import torch

import bss2sim as b2
from bss2sim.torch import IAFExact, LIExact, Spikes, iaf_exact, li_exact

TIMES = torch.tensor([[1e-6, 2e-6]])
SPIKES = Spikes.from_times(TIMES)
WEIGHT = torch.ones(2, 3)
THREE = (5e-6, 6e-6, 7e-6)


def run(spikes=SPIKES, weight=WEIGHT, duration=1e-3, **others):
    """Run neurons."""
    return iaf_exact(spikes, weight, duration=duration, **others)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Spikes.from_times([1.0]), b2.InputError, r"time must be a tensor of floats \(batch, neuron\) or .*; got list"),
        (lambda: Spikes.from_times(torch.zeros(3)), b2.InputError, r"time must be .*; got torch.float32 \(3,\)"),
        (lambda: Spikes.from_times(torch.zeros(3, 2).long()), b2.InputError, r"time must be .*; got torch.int64 \(3, 2\)"),
        (lambda: Spikes.from_times(-torch.ones(1, 2)), b2.InputError, r"time must be at least 0 s, or infinity .*; got -1.0 s"),
        (lambda: Spikes.from_times(TIMES * float("nan")), b2.InputError, r"time must be at least 0 s, .*; got nan s"),
        (lambda: Spikes.from_grid(TIMES, 1e-6), b2.InputError, r"spikes must be a tensor \(time, batch, neuron\); got \(1, 2\)"),
        (lambda: Spikes.from_grid(None, 1e-6), b2.InputError, r"spikes must be a tensor \(time, batch, neuron\); got NoneType"),
        (lambda: Spikes.from_grid(torch.full((4, 1, 2), 0.5), 1e-6), b2.InputError, r"spikes must be 0 or 1; got 0.5"),
        (
            lambda: Spikes.from_grid(torch.ones(4, 1, 2, requires_grad=True), 1e-6),
            b2.InputError,
            r"spikes on a grid get no gradient; pass spikes.detach\(\)",
        ),
        (lambda: Spikes.from_grid(torch.ones(4, 1, 2), 0.0), b2.ParameterError, r"dt must be finite and above 0 s; got 0.0 s"),
        (lambda: Spikes.from_grid(torch.ones(4, 1, 2), True), b2.ParameterError, r"dt must be a number, not True or False"),
        (lambda: run(slope_floor=True), b2.ParameterError, r"slope_floor must be a number, not True or False; got True"),
        (lambda: run(sample_time=[True]), b2.ParameterError, r"sample_time must be a number, not True or False; got \[True\]"),
        (lambda: Spikes.from_times(TIMES.to("meta")), b2.InputError, r"time is on meta; bss2sim.torch runs on the CPU only"),
        (lambda: Spikes.from_grid(torch.ones(4, 1, 2, device="meta"), 1e-6), b2.InputError, r"spikes is on meta; .* the CPU only"),
        (lambda: run(TIMES), b2.InputError, r"spikes must be Spikes, .* Spikes.from_grid\(tensor, dt\) makes them; got Tensor"),
        (
            lambda: run(SPIKES._replace(time=torch.ones(2, dtype=torch.int64))),
            b2.InputError,
            r"time of spikes must be a tensor of floats \(spike,\); got torch.int64 \(2,\)",
        ),
        (
            lambda: run(SPIKES._replace(neuron=torch.ones(2))),
            b2.InputError,
            r"neuron of spikes must be a tensor of whole numbers \(spike,\); got torch.float32 \(2,\)",
        ),
        (lambda: run(SPIKES._replace(batch=[0, 0])), b2.InputError, r"batch of spikes must be .*; got list"),
        (lambda: run(SPIKES._replace(batch=torch.zeros(1).long())), b2.InputError, r"one entry per spike; got 2, 2, 1"),
        (lambda: run(SPIKES._replace(batch=torch.tensor([0, 1]))), b2.InputError, r"batch of spikes must be in 0 .. 0; got 1"),
        (lambda: run(SPIKES._replace(time=SPIKES.time.to("meta"))), b2.InputError, r"time of spikes is on meta; .* the CPU"),
        (lambda: run(SPIKES._replace(time=SPIKES.time.flip(0))), b2.InputError, r"spike_time must be sorted within each trial"),
        (lambda: run(SPIKES._replace(neuron=torch.tensor([0, 5]))), b2.InputError, r"neuron of spikes must be in 0 .. 1; got 5"),
        (lambda: run(SPIKES._replace(neuron=torch.tensor([0, -1]))), b2.InputError, r"neuron of spikes must be in 0 .. 1; got -1"),
        (lambda: run(SPIKES._replace(neuron=torch.tensor([0, 2**32]))), b2.InputError, r"in 0 .. 1; got 4294967296"),
        (lambda: run(SPIKES._replace(neuron=torch.tensor([0, 1j]))), b2.InputError, r"neuron of spikes .*got torch.complex64"),
        (lambda: run(SPIKES._replace(neuron=torch.tensor([False, True]))), b2.InputError, r"neuron of spikes .*got torch.bool"),
        (lambda: run(SPIKES._replace(n_batch=1.0)), b2.InputError, r"n_batch of spikes must be .* at least 0; got 1.0"),
        (lambda: run(SPIKES._replace(n_batch=-1)), b2.InputError, r"n_batch of spikes must be .* at least 0; got -1"),
        (lambda: run(weight=torch.ones(4, 3)), b2.InputError, r"weight must have the shape \(input, neuron\) with 2 inputs"),
        (lambda: run(weight=None), b2.InputError, r"weight must be a tensor \(input, neuron\); got NoneType"),
        (lambda: run(weight=WEIGHT * float("inf")), b2.ParameterError, r"weight must be finite; 6 of 6 entries"),
        (lambda: run(duration=0), b2.ParameterError, r"duration must be finite and above 0 s; got 0.0 s"),
        (lambda: run(tau_syn=THREE), b2.ParameterError, r"tau_syn must be one value or a pair .*\[s\]; got 3 values"),
        (lambda: IAFExact(3, 2, duration=1e-3, tau_syn=THREE), b2.ParameterError, r"tau_syn must be .*; got 3 values"),
        (lambda: run(tau_syn=(5e-6, -6e-6)), b2.ParameterError, r"must be finite and above 0 s; got -6e-06 s"),
        (lambda: LIExact(3, 2, duration=1.0, sample_time=[0.0], tau_syn=(1.0, 0.0)), b2.ParameterError, r"tau_inh must be .* 0 s"),
        (lambda: run(tau_mem=-1.0), b2.ParameterError, r"tau_mem must be finite and above 0 s; got -1.0 s"),
        (lambda: run(threshold=torch.ones(2)), b2.ParameterError, r"threshold must be one number, or one for each of the 3"),
        (
            lambda: run(refractory_time=0.0, reset=130.0),
            b2.ParameterError,
            r"refractory_time 0 needs reset below threshold",
        ),
        (lambda: run(holdoff_time=1.0), b2.ParameterError, r"holdoff_time must be at most .* part; got holdoff_time 1.0 s"),
        (lambda: run(sample_time="soon"), b2.ParameterError, r"sample_time must be increasing times \(sample,\) \[s\]; got 'soon'"),
        (lambda: run(sample_time=1e-6), b2.ParameterError, r"sample_time must be increasing times .* got the shape \(\)"),
        (
            lambda: run(sample_time=torch.ones(2, requires_grad=True)),
            b2.ParameterError,
            r"sample_time gets no gradient; pass sample_time.detach\(\)",
        ),
        (lambda: run(sample_time=[2e-6, 1e-6]), b2.ParameterError, r"sample_time must increase"),
        (lambda: run(sample_time=[2e-3]), b2.ParameterError, r"sample_time must be in \[0.0 s, 0.001 s\)"),
        (lambda: run(slope_floor=-1), b2.ParameterError, r"slope_floor must be finite and at least 0; got -1.0"),
        (lambda: run(slope_floor="none"), b2.ParameterError, r"slope_floor must be a number; got 'none'"),
        (lambda: run(alpha=50.0), b2.UnknownKeywordError, r"iaf_exact\(\) has no argument 'alpha'"),
        (
            lambda: li_exact(SPIKES, WEIGHT, duration=1e-3, sample_time=None),
            b2.ParameterError,
            r"sample_time must hold one time or more \[s\]: a readout puts out nothing else",
        ),
        (lambda: li_exact(SPIKES, WEIGHT, duration=1e-3, sample_time=[0.0], rest=1.0), b2.UnknownKeywordError, r"li_exact\(\)"),
        (lambda: LIExact(3, 2, duration=1e-3, sample_time=[]), b2.ParameterError, r"sample_time must hold one time or more"),
        (lambda: IAFExact(3, None, duration=1e-3), b2.ParameterError, r"n_input must be a whole number of at least 1; got None"),
        (lambda: IAFExact(3, 2, duration=-1), b2.ParameterError, r"duration must be finite and above 0 s; got -1.0 s"),
        (lambda: IAFExact(3, 2, duration=1e-3, slope_floor=-2), b2.ParameterError, r"slope_floor must be finite and at least 0"),
        (lambda: IAFExact(3, 2, duration=1e-3, trainable=("leak",)), b2.ParameterError, r"a name in trainable must be one of"),
        (lambda: IAFExact(3, 2, duration=1e-3, dt=1e-6), b2.UnknownKeywordError, r"IAFExact\(\) has no argument 'dt'"),
        (lambda: IAFExact(3, 4, duration=1e-3)(SPIKES), b2.InputError, r"with 2 inputs, as inputs have; got \(4, 3\)"),
    ],
)  # fmt: skip
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_error__inside_of_a_compiled_function():
    """A time that is not a number is no silent neuron: it is found by the run, where values are known."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(lambda time: run(Spikes.from_times(time)).spikes.time, backend="eager")
        with pytest.raises(b2.InputError, match="spike_time must be finite and at least 0 s"):
            compiled(TIMES * float("nan"))
        compiled = torch.compile(lambda neuron: run(SPIKES._replace(neuron=neuron)).spikes.time, backend="eager")
        with pytest.raises(b2.InputError, match=r"spike_neuron must be in 0 .. 1.*has 5"):
            compiled(torch.tensor([0, 5]))
        with pytest.raises(b2.InputError, match=r"neuron of spikes must be in 0 .. 1; got 4294967296"):
            compiled(torch.tensor([0, 2**32]))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32])
def test_spikes__of_any_whole_numbers(dtype):
    narrow = SPIKES._replace(neuron=SPIKES.neuron.to(dtype), batch=SPIKES.batch.to(dtype))
    strong = WEIGHT * 200
    assert torch.equal(run(narrow, strong).spikes.time, run(weight=strong).spikes.time)
    assert len(run(narrow, strong).spikes.time)


def test_spikes__all_after_the_end_are_a_mistake_of_the_unit():
    late = Spikes.from_times(torch.tensor([[30.0, 2e-3]]))
    with pytest.warns(
        UserWarning, match=r"all input spikes are at or after the end of the run, duration=0.001 s: .* at 0.002 s"
    ):
        run(late)
    run(Spikes.from_times(torch.tensor([[30.0, 1e-6]])))  # one is heard
