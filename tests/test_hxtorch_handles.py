"""Handles and parameters of bss2sim.hxtorch."""

import pytest
import torch

import bss2sim.hxtorch as hxsnn
from bss2sim.errors import ParameterError
from bss2sim.hxtorch.handle import HandleError


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (hxsnn.TensorHandle, ["tensor"]),
        (hxsnn.SynapseHandle, ["graded_spikes"]),
        (hxsnn.NeuronHandle, ["spikes", "membrane_cadc", "current", "membrane_madc"]),
        (hxsnn.ReadoutNeuronHandle, ["membrane_cadc", "current", "membrane_madc"]),
    ],
)
def test_handle__is_empty_and_takes_tensors_in_order_or_by_name(kind, names):
    empty = kind()
    assert list(empty.data) == names and not any(empty.holds(name) for name in names)
    tensors = [torch.full((2,), float(k)) for k in range(len(names))]
    for handle in (kind(*tensors), kind(**dict(zip(names, tensors, strict=True)))):
        assert [getattr(handle, name) is tensor for name, tensor in zip(names, tensors, strict=True)] == [True] * len(
            names
        )
    setattr(empty, names[-1], tensors[0])
    assert empty.holds(names[-1]) and empty.data[names[-1]] is tensors[0]
    copy = kind()
    copy.clone(empty)
    assert copy.data == empty.data
    empty.clear()
    assert not empty.holds(names[-1]) and copy.holds(names[-1])
    assert repr(kind(torch.ones(2, 3))).startswith(f"{kind.__name__}({names[0]}=(2, 3)")


def test_handle__put_leaves_the_others():
    handle = hxsnn.NeuronHandle(torch.ones(1))
    handle.put(current=torch.zeros(1))
    assert handle.holds("spikes") and handle.holds("current") and not handle.holds("nonsense")


@pytest.mark.parametrize("error", [HandleError, AssertionError])
def test_handle__refuses_what_it_cannot_carry(error):
    handle = hxsnn.SynapseHandle()
    with pytest.raises(error, match=r"SynapseHandle takes 1 tensors \(graded_spikes\); got 2"):
        handle.put(torch.ones(1), torch.ones(1))
    with pytest.raises(error, match="SynapseHandle has no entry 'graded_spike'; did you mean 'graded_spikes'"):
        handle.put(graded_spike=torch.ones(1))
    with pytest.raises(error, match="'graded_spikes' is given by position and by name"):
        handle.put(torch.ones(1), graded_spikes=torch.ones(1))
    with pytest.raises(error, match="no entry 'spikes'"):
        handle.clone(hxsnn.NeuronHandle())


def test_handle__of_ones_own():
    class Traces(hxsnn.NeuronHandle):
        _carries = ["spikes", "rate"]

    assert list(Traces.__mro__[0]._carries) == ["spikes", "rate"]
    assert isinstance(Traces.rate, property)


def test_hx_parameter__is_one_value():
    parameter = hxsnn.HXParameter(5)
    assert parameter.hardware_value == parameter.model_value == parameter() == 5
    parameter.hardware_value = 7
    assert parameter.model_value == 7
    with pytest.raises(AttributeError):
        parameter.model_value = 3
    assert str(parameter) == "HXParameter(model_value=7, hardware_value=7)"


def test_mixed_parameter__has_two():
    parameter = hxsnn.MixedHXModelParameter(1.0, 125)
    parameter.model_value, parameter.hardware_value = 2.0, 130
    assert (parameter(), parameter.model_value, parameter.hardware_value) == (2.0, 2.0, 130)


def test_transformed_parameter__follows_the_model():
    parameter = hxsnn.HXTransformedModelParameter(1.0, lambda value: 80 + 45 * value)
    assert parameter.hardware_value == 125
    parameter.model_value = 2.0
    assert parameter.hardware_value == 170
    parameter.hardware_value = 100
    assert (parameter.hardware_value, parameter.model_value) == (100, 2.0)
    with pytest.raises(ParameterError, match="transform_func must be a function of the model's value; got 3"):
        hxsnn.HXTransformedModelParameter(1.0, 3)


def test_model_parameter__is_the_same_on_the_chip_until_it_is_set():
    parameter = hxsnn.ModelParameter(6e-6)
    assert parameter.hardware_value == 6e-6
    parameter.hardware_value = 7e-6
    assert (parameter.model_value, parameter.hardware_value) == (6e-6, 7e-6)


@pytest.mark.parametrize(
    "parameter",
    [
        hxsnn.HXParameter(3),
        hxsnn.HXParameter(torch.tensor([1.0, 2.0])),
        hxsnn.MixedHXModelParameter(1.0, 125),
        hxsnn.ModelParameter(torch.tensor([1, 2])),
        hxsnn.HXTransformedModelParameter(1.0, lambda value: 2 * value),
    ],
)
def test_make_trainable__gives_a_leaf_that_is_found(parameter):
    before = torch.as_tensor(parameter.model_value)
    assert not parameter.is_trainable() and not list(parameter.parameters())
    assert parameter.make_trainable() is parameter
    assert parameter.is_trainable()
    (leaf,) = parameter.parameters()
    assert leaf is parameter.model_value and leaf.is_floating_point()
    torch.testing.assert_close(leaf.detach(), before.to(leaf.dtype))
    parameter().sum().backward()
    assert leaf.grad is not None


def test_make_trainable__values_that_are_set_later_stay_with_the_optimizer():
    parameter = hxsnn.HXParameter(3.0).make_trainable()
    (leaf,) = parameter.parameters()
    parameter.hardware_value = 4.0
    assert parameter.model_value is leaf and leaf.item() == 4.0
    with torch.no_grad():
        leaf.add_(1.0)
    assert parameter.hardware_value == 5.0


def test_make_trainable__refuses():
    with pytest.raises(ParameterError, match=r"only numbers and tensors can be made trainable; .* is 'high'"):
        hxsnn.HXParameter("high").make_trainable()
    parameter = hxsnn.HXParameter(3.0).make_trainable()
    with pytest.raises(
        ParameterError, match=r"a trainable value keeps its shape \(\); got \(2,\): make it trainable with as many"
    ):
        parameter.hardware_value = torch.ones(2)
    several = hxsnn.HXParameter(torch.ones(2)).make_trainable()
    several.hardware_value = torch.tensor([4.0])
    assert several.model_value.tolist() == [4.0, 4.0]
