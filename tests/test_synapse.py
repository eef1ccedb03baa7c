"""Weights of a population: what turns those of the model into those of a chip."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import xarray as xr

import bss2sim as b2

WEIGHT = np.array([[0.5, -1.0, 0.0], [0.25, 2.0, -0.125]])


def negated(weight):
    return -10 * weight


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (None, WEIGHT),
        (40, 40 * WEIGHT),
        (np.float32(0.5), WEIGHT / 2),
        (negated, -10 * WEIGHT),
        (np.rint, np.rint(WEIGHT)),
    ],
)
def test_chip_weight__is_the_transform_of_the_weight(transform, expected):
    sweep = xr.DataArray(np.stack([WEIGHT, WEIGHT]), dims=("setting", "input", "neuron"), coords={"setting": [3, 5]})
    for weight in (WEIGHT, WEIGHT.tolist(), scipy.sparse.csr_array(WEIGHT), sweep):
        synapse = b2.Synapse(weight, transform=transform)
        found = synapse.chip_weight()
        assert found.dims[-2:] == ("input", "neuron") and found.dtype == np.float64
        assert np.array_equal(found, np.broadcast_to(expected, found.shape))
        own = synapse.weight
        assert np.array_equal(
            own.toarray() if scipy.sparse.issparse(own) else own, np.broadcast_to(WEIGHT, found.shape)
        )
    assert found.setting.values.tolist() == [3, 5]


def test_transform__does_not_act_in_the_model():
    spikes = np.zeros((20, 1, 2), bool)
    spikes[3] = True
    runs = [
        b2.simulate(b2.IAFNeuron(3), spikes, synapse=b2.Synapse(40 * WEIGHT, transform=transform))
        for transform in (None, 0.0, negated)
    ]
    assert runs[0].identical(runs[1]) and runs[0].identical(runs[2])


def test_transform__cannot_change_the_weight():
    def spoil(weight):
        weight.coords["input"] = [7, 8]
        weight.values[...] = 0
        return weight

    synapse = b2.Synapse(WEIGHT, transform=spoil)
    with pytest.raises(ValueError, match="read-only"):
        synapse.chip_weight()
    assert "input" not in synapse.weight.coords and np.array_equal(synapse.weight, WEIGHT)


def test_transform__is_pickled_and_shown():
    synapse = b2.Synapse(WEIGHT, transform=40)
    again = pickle.loads(pickle.dumps(synapse))
    assert again.transform == 40.0 and np.array_equal(again.chip_weight(), synapse.chip_weight())
    assert repr(synapse) == "Synapse(<input: 2, neuron: 3>, transform=40.0)"
    with pytest.raises(AttributeError, match="Synapse is immutable; make a new one"):
        synapse.transform = 41


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("strong", r"transform must be a number or a function of the weights; got 'strong'"),
        ([1.0, 2.0], r"transform must be a number or a function of the weights; got \[1.0, 2.0\]"),
        (True, r"transform must be a finite number or a function of the weights; got True"),
        (np.nan, r"transform must be a finite number or a function of the weights; got nan"),
    ],
)
def test_transform__must_be_a_number_or_a_function(transform, message):
    with pytest.raises(b2.ParameterError, match=message):
        b2.Synapse(WEIGHT, transform=transform)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            lambda weight: weight.values[0],
            r"transform must return weights \{'input': 2, 'neuron': 3\}; it returned dims .*, shape \(3,\)",
        ),
        (lambda weight: weight.T, r"it returned dims \('neuron', 'input'\), shape \(3, 2\)"),
        (lambda weight: None, r"transform must return"),
        (lambda weight: weight / 0, r"transform must return finite real numbers; it returned dtype float64"),
        (lambda weight: 1j * weight, r"transform must return finite real numbers; it returned dtype complex128"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_transform__must_return_weights(transform, message):
    with pytest.raises(b2.ParameterError, match=message):
        b2.Synapse(WEIGHT, transform=transform).chip_weight()


def test_transform__that_fails_is_told():
    synapse = b2.Synapse(np.ones((2, 3)), transform=lambda weight: weight / object())
    with pytest.raises(b2.ParameterError, match=r"transform failed for weights \{'input': 2, 'neuron': 3\}: "):
        synapse.chip_weight()


def test_simulate__says_that_weights_are_transposed():
    with pytest.raises(
        b2.ParameterError, match=r"weight has 5 neurons; the population has 2; weight is .input, neuron."
    ):
        b2.simulate(b2.IAFNeuron(2), np.zeros((4, 1, 2)), synapse=b2.Synapse(np.ones((2, 5))))
    with pytest.raises(b2.ParameterError, match=r"the population has 2$"):
        b2.simulate(b2.IAFNeuron(2), np.zeros((4, 1, 3)), synapse=b2.Synapse(np.ones((3, 5))))


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_spikes__are_one_or_none_whatever_the_bytes_of_their_bool(integrator):
    """Numbers that are viewed as bool, as masks of 0 and 255, are True with other bits."""
    mask = np.zeros((20, 2, 2), np.uint8)
    mask[3], mask[5, 1] = 255, 2
    neurons, record = b2.IAFNeuron(3), b2.Recording(membrane=True)
    for spikes in (mask, mask.transpose(2, 0, 1).copy().transpose(1, 2, 0)):
        for synapse in (b2.Synapse(WEIGHT), b2.Synapse(scipy.sparse.csr_array(WEIGHT)), None):
            wide = spikes if synapse else spikes[..., [0, 1, 1]]
            runs = [
                b2.simulate(neurons, jumps, synapse=synapse, record=record, integrator=integrator)
                for jumps in (wide.view(bool), wide != 0)
            ]
            assert runs[0].identical(runs[1])


def test_spikes__are_one_or_none_on_a_chip_too():
    mask = np.zeros((20, 2, 2), np.uint8)
    mask[3], mask[5, 1] = 255, 2
    how = {"synapse": b2.Synapse(np.full((2, 3), 40.0)), "chip": b2.EmulatedChip(seed=7)}
    runs = [b2.simulate(b2.IAFNeuron(3), spikes, **how) for spikes in (mask.view(bool), mask != 0)]
    assert runs[0].identical(runs[1])
    samples = runs[0].cadc_value.values  # (batch, sample, neuron)
    assert (samples.max(axis=1) > samples[:, 0] + 10).any()  # the spikes matter
