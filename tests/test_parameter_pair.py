"""One parameter with a value in the model and another one on the chip."""

import pickle

import numpy as np
import pytest
import xarray as xr
from comparison import assert_identical
from hypothesis import given
from hypothesis import strategies as st

import bss2sim as b2

PAIRED = ["reset", "threshold", "tau_mem", "tau_syn", "refractory_time", "holdoff_time"]
SWEEP = xr.DataArray([1.0, 2.0], dims="sweep", coords={"sweep": [10, 20]})


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_parameter__holds_two_values(model, hardware):
    one = b2.Parameter(model=model, hardware=hardware)
    assert (one.model, one.hardware) == (model, hardware)
    assert one == b2.Parameter(model, lambda value: hardware)
    assert b2.Parameter(model) == b2.Parameter(model, model)
    assert pickle.loads(pickle.dumps(one)) == one


def test_parameter__calls_a_function_once_for_each_value_of_a_pair():
    seen = []

    def function(value):
        seen.append(value)
        return 2 * value

    pair = b2.Parameter((1e-6, 3e-6), function)
    assert pair.hardware == (2e-6, 6e-6) and seen == [1e-6, 3e-6]
    assert pair.hardware == (2e-6, 6e-6) and len(seen) == 2


def test_parameter__function_sees_what_was_given():
    array = b2.Parameter([1.0, 2.0], lambda x: 80 + 45 * x)
    np.testing.assert_array_equal(array.hardware, [125, 170])
    swept = b2.Parameter(SWEEP, lambda x: 80 + 45 * x)
    xr.testing.assert_identical(swept.hardware, 80 + 45 * SWEEP)


@pytest.mark.parametrize("kind", [np.array, lambda x: xr.DataArray(x, dims="neuron"), list])
def test_parameter__cannot_be_changed(kind):
    values = [1.0, 2.0]
    given_values = kind(values)
    one = b2.Parameter(given_values, lambda x: x)
    given_values[0] = 7.0
    for value in (one.model, one.hardware):
        np.testing.assert_array_equal(value, values)
        with pytest.raises(ValueError, match="read-only"):
            value[0] = 7.0
    if isinstance(one.model, xr.DataArray):
        one.model.values = [3.0, 4.0]  # of the copy that came out
        np.testing.assert_array_equal(one.model, values)
    with pytest.raises(AttributeError, match="immutable"):
        one.model = 3.0
    with pytest.raises(AttributeError, match="immutable"):
        del one.hardware


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b2.Parameter(1.0, 2.0), b2.Parameter(1.0, 3.0)),
        (b2.Parameter(1.0, 2.0), b2.Parameter(0.0, 2.0)),
        (b2.Parameter(1.0), b2.Parameter([1.0, 1.0])),
        (b2.Parameter((1.0, 1.0)), b2.Parameter([1.0, 1.0])),
        (b2.Parameter((1.0, 1.0)), b2.Parameter((1.0, 2.0))),
        (b2.Parameter(SWEEP), b2.Parameter(SWEEP.rename(sweep="other"))),
        (b2.Parameter(SWEEP), b2.Parameter(SWEEP.values)),
        (b2.Parameter(1.0), 1.0),
    ],
)
def test_parameter__differs(one, other):
    assert one != other
    assert one == pickle.loads(pickle.dumps(one))


def test_parameter__shows_both_values():
    assert repr(b2.Parameter(1, 125.0)) == "Parameter(model=1, hardware=125.0)"
    assert repr(b2.Parameter((1e-6, [1e-6, 2e-6]))) == "Parameter(model=(1e-06, <2>), hardware=(1e-06, <2>))"
    assert repr(b2.Parameter(SWEEP, 3.0)) == "Parameter(model=<sweep: 2>, hardware=3.0)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("high",), "model must be real numbers; got 'high'"),
        ((None,), "model must be real numbers; got None"),
        ((True,), "model must be real numbers; got True"),
        ((["a", "b"],), "model must be real numbers; got an array of <U1$"),
        ((xr.DataArray(["a", "b"], dims="sweep"),), "model must be real numbers; got an array of <U1$"),
        ((1.0, "high"), "hardware must be real numbers; got 'high'"),
        ((1.0, 1j), "hardware must be real numbers"),
        (((1.0, "x"), 1.0), "model must be real numbers; got 'x'"),
        ((1.0, [[1.0], [1.0, 2.0]]), "hardware must be a number, an array or a DataArray"),
        ((1.0, lambda x: x.upper()), "hardware: the function .* fails for the value of the model, 1.0: AttributeError"),
        ((1.0, lambda x: None), "hardware: the function .* returns None for 1.0; let it return a number"),
        ((1.0, lambda x: "x"), "hardware must be real numbers; got 'x'"),
        ((b2.Parameter(1.0),), "must be real numbers; got another Parameter"),
        ((1.0, b2.Parameter(1.0)), "must be real numbers; got another Parameter"),
    ],
)
def test_parameter__refuses(arguments, message):
    with pytest.raises(b2.ParameterError, match=message):
        b2.Parameter(*arguments)


def test_parameter__chunked_values_stay_so():
    dask = pytest.importorskip("dask")

    def refuse(*args, **kwargs):
        raise AssertionError("computed before it was asked for")

    with dask.config.set(scheduler=refuse):
        pair = b2.Parameter(SWEEP.chunk(), lambda model: 80 + 45 * model)
        bare = b2.Parameter(dask.array.ones(2, chunks=1))
        both = b2.Parameter((SWEEP.chunk(), 1.0), (SWEEP.astype(int).chunk(), 2.0))
        assert pair.model.chunks and pair.hardware.chunks and both.hardware[0].chunks and bare.model.dims == ("neuron",)
        assert b2.IAFNeuron(2, threshold=bare).threshold.model.chunks == ((1, 1),)
    xr.testing.assert_identical(pair.hardware.compute(), 80 + 45 * SWEEP)
    assert pair == b2.Parameter(SWEEP, 80 + 45 * SWEEP)
    with pytest.raises(b2.ParameterError, match=r"hardware must be real numbers; got an array of <U\d+$"):
        b2.Parameter(1.0, SWEEP.astype(str).chunk())
    with pytest.raises(b2.ParameterError, match=r"model has shape \(2, 2\); give dims names"):
        b2.Parameter(dask.array.ones((2, 2)))


def test_parameter__unknown_keyword():
    with pytest.raises(b2.UnknownKeywordError, match="did you mean 'hardware'"):
        b2.Parameter(1.0, hardwar=2.0)


@pytest.mark.parametrize("name", PAIRED)
def test_neuron__model_and_chip_each_read_their_value(name):
    model, hardware = (3e-6, 2e-6) if "time" in name or "tau" in name else (3.0, 100.0)
    both = {"refractory_time": 5e-6}
    neurons = b2.IAFNeuron(3, **{**both, name: b2.Parameter(model, hardware)})
    assert getattr(neurons, name) == b2.Parameter(model, hardware)
    assert neurons.hardware_value(name) == hardware
    plain = b2.IAFNeuron(3, **{**both, name: model})
    assert plain.hardware_value(name) == model == getattr(plain, name)
    jumps = np.full((20, 3), 40.0)
    record = b2.Recording(membrane=True)
    assert_identical(b2.simulate(neurons, jumps, record=record), b2.simulate(plain, jumps, record=record))
    target = b2.NeuronCalibTarget.from_populations([neurons])
    assert target == b2.NeuronCalibTarget.from_populations([b2.IAFNeuron(3, **{**both, name: hardware})])
    assert target == b2.NeuronCalibTarget.from_populations([(neurons, [0, 1, 2])])


def test_neuron__leak_is_a_pair_too():
    for kind in (b2.LIFNeuron, b2.LINeuron):
        neurons = kind(2, leak=b2.Parameter(0.0, 70.0))
        assert neurons.hardware_value("leak") == 70
        assert b2.NeuronCalibTarget.from_populations([neurons]).leak.values[1] == 70


def test_neuron__pairs_of_excitatory_and_inhibitory():
    neurons = b2.IAFNeuron(2, tau_syn=b2.Parameter(8e-6, (5e-6, 6e-6)))
    assert neurons.hardware_value("tau_syn") == (5e-6, 6e-6)
    np.testing.assert_array_equal(b2.NeuronCalibTarget.from_populations([neurons]).tau_syn[:, 0], [5e-6, 6e-6])
    jumps = np.full((9, 2), 40.0)
    assert_identical(b2.simulate(neurons, jumps), b2.simulate(b2.IAFNeuron(2, tau_syn=8e-6), jumps))


def test_neuron__sweeps_of_the_model_alone_or_of_both():
    threshold = b2.Parameter(SWEEP, lambda x: 80 + 45 * x)
    neurons = b2.IAFNeuron(2, threshold=threshold)
    assert b2.simulate(neurons, np.ones((3, 2))).sizes["sweep"] == 2
    target = b2.NeuronCalibTarget.from_populations([neurons])
    np.testing.assert_array_equal(target.threshold[:, 0], [125, 170])
    np.testing.assert_array_equal(target.threshold.sweep, [10, 20])
    neurons = b2.IAFNeuron(2, threshold=b2.Parameter(1.0, threshold.hardware))
    assert "sweep" not in b2.simulate(neurons, np.ones((3, 2))).sizes
    with pytest.raises(b2.ParameterError, match="dim 'sweep' has 3 entries in reset and 2 in threshold"):
        neurons.replace(reset=xr.DataArray([1.0, 2.0, 3.0], dims="sweep"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(threshold=b2.Parameter(1.0, np.nan)), r"threshold\.hardware must be finite; got nan"),
        (dict(threshold=b2.Parameter(np.inf, 125)), r"threshold\.model must be finite; got inf"),
        (dict(tau_mem=b2.Parameter(1e-6, [1e-6, 0.0])), r"tau_mem\.hardware must be finite and above 0 s; neuron 1 has 0.0 s"),
        (dict(tau_syn=b2.Parameter(1e-6, (1e-6, -1e-6))), r"tau_syn\.hardware must be finite and above 0 s; got -1e-06 s"),
        (dict(tau_syn=b2.Parameter((1e-6, 1e-6, 1e-6), 1e-6)), r"tau_syn\.model must be one value or a pair"),
        (dict(tau_syn=(b2.Parameter(1e-6), b2.Parameter(1e-6))), "tau_syn is a pair of Parameter; give one Parameter whose"),
        (dict(reset=b2.Parameter(1.0, [1.0, 2.0, 3.0])), r"reset\.hardware has 3 entries along neuron; the population has 2"),
        (dict(refractory_time=b2.Parameter(2e-6, 1e-6), holdoff_time=1.5e-6), r"holdoff_time\.hardware must be at most refr"),
        (dict(spike_mask=b2.Parameter(1)), "spike_mask is the same in the model and on the chip; give it without Parameter"),
        (dict(i_synin_gm=b2.Parameter(1, 500)), "i_synin_gm is a code of the chip that the model does not have; give its"),
        (dict(membrane_capacitance=b2.Parameter(1, 63)), "membrane_capacitance is a code of the chip"),
    ],
)  # fmt: skip
def test_neuron__checks_both_values(arguments, message):
    with pytest.raises(b2.ParameterError, match=message):
        b2.IAFNeuron(2, **arguments)


def test_neuron__with_pairs_is_equal_by_what_it_means():
    one = b2.IAFNeuron(2, threshold=b2.Parameter(1.0, 125.0))
    assert pickle.loads(pickle.dumps(one)) == one
    assert one == one.replace() and one != one.replace(threshold=b2.Parameter(1.0, 126.0))
    assert one != b2.IAFNeuron(2, threshold=1.0)
    assert b2.IAFNeuron(2, threshold=b2.Parameter(1.0)) == b2.IAFNeuron(2, threshold=1.0)
    assert "threshold=Parameter(model=1.0, hardware=125.0)" in repr(one)


def test_hardware_value__of_no_parameter():
    with pytest.raises(b2.ParameterError, match=r"LINeuron has no parameter 'leek'; did you mean 'leak'"):
        b2.LINeuron(2).hardware_value("leek")
    assert b2.LINeuron(2, i_synin_gm=(400, 500)).hardware_value("i_synin_gm") == (400, 500)
