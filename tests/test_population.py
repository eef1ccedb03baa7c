"""What all populations have in common: their arguments cannot be changed, and are refused where they do not fit."""

import numpy as np
import pytest
import xarray as xr

import bss2sim as b2

KINDS = [b2.IAFNeuron, b2.LIFNeuron, b2.LINeuron]


@pytest.mark.parametrize("kind", KINDS)
def test_population__cannot_lose_a_parameter(kind):
    with pytest.raises(AttributeError, match=f"{kind.__name__} is immutable"):
        del kind(2).tau_mem
    with pytest.raises(AttributeError, match=f"{kind.__name__} has no parameter 'thresold'"):
        _ = kind(2).thresold


@pytest.mark.parametrize("kind", KINDS)
def test_population__is_another_than_other_things(kind):
    assert kind(2) != 2 and kind(2) != kind(3) and kind(2) == kind(2)
    assert all(kind(2) != other(2) for other in KINDS if other is not kind)
    with pytest.raises(TypeError, match="unhashable"):
        hash(kind(2))


@pytest.mark.parametrize("name", ["tau_mem", "membrane_capacitance", "trace_offset"])
def test_population__refuses_other_neurons(name):
    value = xr.DataArray([1, 2], dims="neuron", coords={"neuron": [1, 0]})
    with pytest.raises(b2.ParameterError, match=rf"{name} has a neuron coordinate other than 0 .. 1; select or sort"):
        b2.IAFNeuron(2, **{name: value})
    sorted_ = value.assign_coords(neuron=[0, 1])
    np.testing.assert_array_equal(getattr(b2.IAFNeuron(2, **{name: sorted_}), name), [1, 2])


@pytest.mark.parametrize("name", ["membrane_capacitance", "trace_offset"])
def test_population__refuses_chunked_arrays(name):
    pytest.importorskip("dask")
    with pytest.raises(b2.ParameterError, match=rf"{name} is chunked \(dask\); call .compute\(\) on it first"):
        b2.IAFNeuron(2, **{name: xr.DataArray([1, 2], dims="neuron").chunk()})


@pytest.mark.parametrize("name", ["tau_mem", "membrane_capacitance"])
def test_population__refuses_reserved_dims(name):
    with pytest.raises(
        b2.ParameterError, match=rf"{name} has a dim 'time'; a parameter may have `neuron` and sweep dims"
    ):
        b2.IAFNeuron(2, **{name: xr.DataArray([1, 2], dims="time")})
