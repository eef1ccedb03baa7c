"""Utilities of hxtorch: weights of other models, files of calibrations, scales; and weights that saturate."""

import math

import pytest
import torch
import xarray as xr

import bss2sim as b2
import bss2sim.hxtorch as hxsnn
from bss2sim import load_calibration
from bss2sim.errors import FileError, InputError, ParameterError, UnknownKeywordError
from bss2sim.hxtorch import functional as F
from bss2sim.hxtorch.utils import MixinHXModelMapper, calib_helper
from bss2sim.hxtorch.utils.dynamic_range import boundary, threshold, weight_scaling

POTENTIALS = {"threshold": hxsnn.MixedHXModelParameter(1.0, 125)}


@pytest.fixture(autouse=True)
def chip():
    found = b2.EmulatedChip(seed=7, variation=0.2)
    hxsnn.init_hardware(found)
    yield found
    hxsnn.release_hardware()


class Network(MixinHXModelMapper, torch.nn.Module):
    """Two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(2, 3, bias=False), torch.nn.Linear(3, 1, bias=False)


def test_map_from__copies_by_both_names():
    network, other = Network(), {"lif.weight": torch.ones(3, 2), "second.weight": torch.full((1, 3), 2.0)}
    network.map_from(other, {"first.weight": "lif.weight"})
    assert network.first.weight.unique().tolist() == [1.0] and network.second.weight.unique().tolist() == [2.0]
    other["second.weight"] = torch.full((1, 3), 3.0)
    network.map_from(other, {"first.weight": "lif.weight"}, map_all=False)
    assert network.second.weight.unique().tolist() == [2.0]
    other["first.weight"] = torch.zeros(3, 2)
    network.map_from(other, {"first.weight": "lif.weight"})
    assert network.first.weight.unique().tolist() == [1.0], "mapping goes before the same name"


def test_map_from__refuses_and_changes_nothing():
    network = Network()
    before = network.first.weight.clone()
    good = {"first.weight": torch.ones(3, 2)}
    with pytest.raises(
        ParameterError, match=r"mapping has 'frist.weight', which this model does not have; did you mean 'first"
    ):
        network.map_from(good, {"frist.weight": "first.weight"})
    with pytest.raises(
        InputError, match=r"the other model does not have 'second.weight' \(for 'second.weight'\); it has 'first"
    ):
        network.map_from(good, {})
    with pytest.raises(
        InputError, match=r"'second.weight' has the shape \(3,\), 'second.weight' of this model \(1, 3\)"
    ):
        network.map_from({**good, "second.weight": torch.ones(3)}, {})
    with pytest.raises(ParameterError, match="map_all must be True or False; got 1"):
        network.map_from(good, {}, map_all=1)
    assert torch.equal(network.first.weight, before)


def test_calib_helper__files_are_those_of_the_chip(chip):
    path = calib_helper.nightly_calib_path()
    assert path == calib_helper.nightly_calib_path() == calib_helper.nightly_calix_native_path()
    wanted = b2.calibrate(chip, b2.NeuronCalibTarget())
    assert calib_helper.calib_from_calix_native(path).registers.equals(wanted.registers)
    assert calib_helper.chip_from_file(path).neuron_block.registers.equals(wanted.registers.drop_attrs(deep=False))
    hxsnn.init_hardware(b2.EmulatedChip(seed=8, variation=0.2))
    assert calib_helper.nightly_calib_path() != path
    with pytest.raises(ParameterError, match="name must be one of 'spiking', 'spiking2'; got 'hagen'"):
        calib_helper.nightly_calib_path("hagen")
    with pytest.raises(FileError, match=r"a portable binary \(3 bytes\) holds the configuration of a real chip"):
        calib_helper.chip_from_portable_binary(b"abc")
    with pytest.raises(
        FileError, match=r"x\.pkl: files of calibrations hold registers and what they give, not the target"
    ):
        calib_helper.target_from_calix_native("x.pkl")


def test_scales__are_those_of_alignment(chip, monkeypatch, tmp_path):
    """That what is measured is what was asked for; the examples of the functions measure."""
    asked = []

    def measure(neurons, **arguments):
        asked.append((neurons, arguments))
        return xr.Dataset({f"mean_{name}": number for number, name in enumerate(
            ("weight_scale", "trace_scale", "range_lower", "range_upper"), start=1)
        })  # fmt: skip

    for module, name in ((weight_scaling, "weight_scaling"), (threshold, "trace_scaling"), (boundary, "dynamic_range")):
        monkeypatch.setattr(module, name, measure)
    rest = b2.Parameter(model=0.0, hardware=80)
    structure = b2.SingleCompartmentNeuron(1)
    neurons = b2.LIFNeuron(
        512, leak=rest, reset=rest, threshold=b2.Parameter(model=1.0, hardware=125), neuron_structure=structure
    )
    path = calib_helper.nightly_calib_path()
    assert weight_scaling.get_weight_scaling(POTENTIALS, weight_step=63) == 1.0
    assert threshold.get_trace_scaling(POTENTIALS, calib_path=path) == 2.0
    wide = hxsnn.morphology.SingleCompartmentNeuron(2)
    given = {"tau_mem": torch.tensor(5e-6, dtype=torch.float64), "membrane_capacitance": hxsnn.HXParameter(40)}
    assert boundary.get_dynamic_range(wide, params=given) == 1.0
    wanted = {"chip": chip, "effects": 1.0, "calibration": None, "n_trial": 20}
    assert asked[0] == (neurons, {**wanted, "weight": [-63, 0, 63]})
    assert asked[1][0] == neurons and asked[1][1]["calibration"].registers.equals(load_calibration(path).registers)
    assert asked[2] == (
        b2.LIFNeuron(
            128, tau_mem=b2.Parameter(model=5e-6, hardware=5e-6), membrane_capacitance=40, neuron_structure=wide
        ),
        wanted,
    )


def test_scales__refuse():
    with pytest.raises(
        ParameterError, match="params has 'tau_men', which is no parameter of neurons; did you mean 'tau_mem'"
    ):
        threshold.get_trace_scaling({"tau_men": 1e-6})
    with pytest.raises(ParameterError, match="neuron_structure must be a SingleCompartmentNeuron; got 3"):
        boundary.get_dynamic_range(3)
    with pytest.raises(ParameterError, match="weight_step must be a whole number of at least 1; got 0"):
        weight_scaling.get_weight_scaling(POTENTIALS, weight_step=0)
    with pytest.raises(
        UnknownKeywordError, match=r"get_dynamic_range\(\) has no argument 'calib'; did you mean 'calib_path'"
    ):
        boundary.get_dynamic_range(calib=None)


# ---------------------------------------------------------------------------------------------------------------------
# weights that saturate, neurons with exponential factors


def test_exponential_clamp__is_smooth_and_stays_below_its_cap():
    weight = torch.linspace(-4, 4, 801, dtype=torch.float64)[:, None].requires_grad_()
    found = F.linear_exponential_clamp(torch.ones(1, 1, 1, dtype=torch.float64), weight, cap=1.5, start_weight=42.0)[
        0, 0
    ]
    size = weight[:, 0].detach().abs()
    assert torch.equal(found[size <= 1.0], weight[size <= 1.0, 0]) and (found.abs() < 1.5).all()
    assert found[-1].item() == pytest.approx(1.0 + 0.5 * (1 - math.exp(-(4 - 1) / 0.5)))
    torch.testing.assert_close(found, -found.flip(0))
    found.sum().backward()
    wanted = torch.where(size > 1.0, torch.exp(-(size - 1.0) / 0.5), 1.0)
    torch.testing.assert_close(weight.grad[:, 0], wanted)
    far = torch.tensor([[1e6]], requires_grad=True)
    F.linear_exponential_clamp(torch.ones(1, 1, 1), far).sum().backward()
    assert far.grad.isfinite().all()


def test_exponential_clamp__rounds_to_the_steps_of_a_chip():
    weight = torch.tensor([[0.3, -0.71]], requires_grad=True)
    spikes = torch.eye(2)[:, None]
    found = F.linear_exponential_clamp(spikes, weight, bias=torch.tensor([0.0]), cap=1.5, quantize=True)
    steps = found.flatten() * 63 / 1.5
    torch.testing.assert_close(steps, steps.round())
    assert steps.round().tolist() == [13.0, -30.0]
    found.sum().backward()
    assert weight.grad.tolist() == [[1.0, 1.0]]


def test_exponential_clamp__refuses():
    weight, one = torch.zeros(1, 1), torch.ones(1, 1, 1)
    with pytest.raises(ParameterError, match="cap must be finite and above 0; got 0"):
        F.linear_exponential_clamp(one, weight, cap=0.0)
    with pytest.raises(ParameterError, match="start_weight must be above 0 and below 63 weight LSB; got 63"):
        F.linear_exponential_clamp(one, weight, start_weight=63)
    with pytest.raises(ParameterError, match="quantize must be True or False; got 1"):
        F.linear_exponential_clamp(one, weight, quantize=1)
    with pytest.raises(UnknownKeywordError, match="no argument 'quantise'; did you mean 'quantize'"):
        F.linear_exponential_clamp(one, weight, quantise=True)


@pytest.mark.parametrize("kind", [hxsnn.NeuronExp, hxsnn.ReadoutNeuronExp])
def test_exponential_neurons__take_factors_of_the_model_as_the_reference(kind):
    """A number is the time constant; what has a value of its own for the model has the factor there."""
    jumps, traces = torch.rand(40, 1, 1, generator=torch.Generator().manual_seed(1)), []
    factor = math.exp(-1e-6 / 8e-6)
    for tau in (
        8e-6, hxsnn.HXTransformedModelParameter(torch.tensor(factor), lambda value: -1e-6 / torch.log(value)),
        hxsnn.MixedHXModelParameter(factor, 8e-6),
    ):  # fmt: skip
        neurons = kind(1, hxsnn.Experiment(mock=True), leak=0.0, tau_mem=tau, tau_syn=tau)
        handle = neurons(hxsnn.SynapseHandle(jumps))
        hxsnn.run(neurons.experiment, None)
        traces.append(handle.membrane_cadc)
        assert float(neurons.tau_mem.hardware_value) == pytest.approx(8e-6)
    torch.testing.assert_close(traces[0], traces[1])
    torch.testing.assert_close(traces[0], traces[2])
    wrong = kind(1, hxsnn.Experiment(mock=True), leak=0.0, tau_mem=hxsnn.MixedHXModelParameter(1.5, 8e-6))
    wrong(hxsnn.SynapseHandle(jumps))
    with pytest.raises(ParameterError, match=r"tau_mem must be exp\(-dt / tau\), from 0 up to but not 1; got 1.5"):
        hxsnn.run(wrong.experiment, None)
