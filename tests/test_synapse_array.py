"""Weights on the chip: rounding, saturation, where synapses are, how they differ."""

import warnings

import naive_experiment_circuits as naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.errors import ParameterError
from bss2sim.hardware.morphology import SingleCompartmentNeuron
from bss2sim.hardware.placement import place
from bss2sim.hardware.selection import placed_neurons
from bss2sim.hardware.synapse_array import HIGHEST_WEIGHT, chip_weights, synapse_circuits, synapse_gains

SINGLE = [np.array([circuit]) for circuit in range(512)]


def labelled(weight):
    """Weights with dims input and neuron last."""
    weight = np.asarray(weight)
    return xr.DataArray(weight, dims=("sweep", "input", "neuron")[-weight.ndim :])


@pytest.mark.filterwarnings("ignore:.* of .* weights saturate", "ignore:all weights are rounded to 0")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_weights__as_the_twin(dtype, data):
    width = 32 if dtype == np.float32 else 64
    any_weight = st.one_of(
        st.floats(-70, 70, width=width),
        st.integers(-140, 140).map(lambda n: n / 2),
        st.floats(allow_nan=False, allow_infinity=False, width=width),
    )
    values = np.array(data.draw(st.lists(any_weight, min_size=1, max_size=20)), dtype)
    # and the neighbours of what was drawn, where rounding goes wrong first
    with np.errstate(over="ignore"):
        values = np.concatenate([values, np.nextafter(values, dtype(-70)), np.nextafter(values, dtype(70))])
    found = chip_weights(labelled(values[:, np.newaxis]), SINGLE[:1])
    for value, code, saturated in zip(values, found.code.values[:, 0], found.saturated.values[:, 0], strict=True):
        assert (code, saturated) == naive.weight_code(float(value))


def test_weights__half_away_from_zero_and_saturated():
    weight = [[0.49999999999999994, 0.5, 1.5, -0.5, -2.5, 62.5, 63.4, 63.5, -63.5, 1e300, -0.0]]
    with pytest.warns(UserWarning, match="3 of 11 weights saturate"):
        found = chip_weights(labelled(weight), SINGLE[:11])
    assert found.code.values.tolist() == [[0, 1, 2, -1, -3, 63, 63, 63, -63, 63, 0]]
    assert found.saturated.values.tolist() == [[False] * 7 + [True] * 3 + [False]]
    assert found.code.dtype == np.int8 and found.saturated.dtype == bool


def test_weights__dims_and_labels_are_kept():
    weight = xr.DataArray(
        np.arange(24.0).reshape(2, 3, 4), dims=("neuron", "scale", "input"), coords={"scale": [1, 2, 3], "other": 7}
    )
    found = chip_weights(weight, SINGLE[:2])
    for part in (found.code, found.saturated):
        assert part.dims == ("scale", "input", "neuron") and set(part.coords) == {"scale"}
        assert part.values.flags.c_contiguous
    assert (found.code == weight).all()


def test_weights__saturation_warns_once_and_says_where():
    weight = np.zeros((2, 128, 3))
    weight[1, 5, 2], weight[0, 0, 0] = -100, 70
    with pytest.warns(UserWarning) as caught:
        chip_weights(labelled(weight), SINGLE[:3])
    assert len(caught) == 1 and caught[0].filename == __file__
    assert str(caught[0].message) == (
        "2 of 768 weights saturate at -63 or 63 LSB, the ends of 6 bits and a sign; the largest is -100 LSB (sweep 1, input 5, "
        "neuron 2). Scale the weights by 0.63 or less and make synapses stronger (i_synin_gm, synapse_dac_bias), or split an "
        "input into several"
    )


def test_weights__no_warning_without_saturation():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not chip_weights(labelled(np.full((128, 2), 63.0)), SINGLE[:2]).saturated.any()


def test_weights__too_many_inputs():
    with pytest.raises(ParameterError) as caught:
        chip_weights(labelled(np.ones((300, 2))), SINGLE[:2])
    assert str(caught.value) == (
        "neuron 0 has 1 circuit for 128 inputs, 128 each, and the weights have 300 inputs; take neurons of 3 circuits, "
        "neuron_structure=SingleCompartmentNeuron(3), or fewer inputs"
    )
    chip_weights(labelled(np.ones((128, 2))), SINGLE[:2])
    chip_weights(labelled(np.ones((300, 2))), placed_neurons(place(SingleCompartmentNeuron(3), 2)))
    with pytest.raises(
        ParameterError, match=r"neuron 1 has 2 circuits for 256 inputs, .* have 257 inputs; take neurons of 3"
    ):
        synapse_circuits([np.array([0, 1, 2]), np.array([3, 4])], 257)
    with pytest.raises(ParameterError, match=r"have 40000 inputs; take fewer inputs$"):
        synapse_circuits(SINGLE, 40000)


def test_weights__other_number_of_neurons():
    with pytest.raises(
        ParameterError, match="the weights are of 3 neurons, and 2 are placed on the chip; give a weight for each"
    ):
        chip_weights(labelled(np.ones((4, 3))), SINGLE[:2])


def test_circuits__inputs_are_dealt_out():
    placement = placed_neurons(place(SingleCompartmentNeuron(4), 3))
    table = synapse_circuits(placement, 400)
    assert table.shape == (400, 3) and table.dtype == np.int64
    for j in (0, 127, 128, 255, 256, 399):
        assert table[j].tolist() == [int(circuits[j // 128]) for circuits in placement]
    # neurons of several sizes, of which all have enough
    assert synapse_circuits([np.array([0, 1, 2]), np.array([3, 4])], 200)[150].tolist() == [1, 4]
    assert synapse_circuits(SINGLE[:2], 0).shape == (0, 2)


TABLE = naive.quantiles()


@given(
    seed=st.integers(0, 2**63 - 1), spread=st.sampled_from([0.04, 0.3]),
    place=st.tuples(st.integers(0, 1), st.integers(0, 299), st.integers(0, 2)),
)  # fmt: skip
def test_gains__as_the_twin(seed, spread, place):
    placement = [np.array([7, 263, 8]), np.array([511, 255, 254]), np.array([0, 1, 2])]
    side, j, neuron = place
    row = 2 * (j % 128) + (side == 0)
    gain = synapse_gains(np.array(seed), placement, 300, spread)[place]
    assert gain == np.float32(naive.synapse_gain(seed, int(placement[neuron][j // 128]), row, spread, TABLE))


def test_gains__stay_the_same_for_ever():
    """A release that draws other synapses of the same seeds must say so; these were drawn when chips were new."""
    gains = synapse_gains(np.array(7), SINGLE, 128, 0.04)
    frozen = [0.9623925685882568, 1.0185511112213135, 1.0130401849746704, 1.0125447511672974]
    np.testing.assert_allclose(gains[[0, 1, 0, 1], [0, 0, 127, 64], [0, 0, 511, 256]], frozen, rtol=1e-6)


def test_gains__are_lognormal_and_independent():
    from scipy.stats import kstest

    z = np.log(synapse_gains(np.arange(3), SINGLE, 128, 0.04).astype(float)) / 0.04
    assert z.shape == (3, 2, 128, 512)
    assert abs(z.mean()) < 5 / np.sqrt(z.size) and abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)
    assert kstest(z[0].ravel(), "norm").pvalue > 0.01
    chips, sides = (
        np.corrcoef(z.reshape(3, -1))[np.triu_indices(3, 1)],
        np.corrcoef(z[:, 0].ravel(), z[:, 1].ravel())[0, 1],
    )
    neighbours = [
        np.corrcoef(z[..., 1:].ravel(), z[..., :-1].ravel())[0, 1],
        np.corrcoef(z[:, :, 1:].ravel(), z[:, :, :-1].ravel())[0, 1],
    ]
    assert np.abs([*chips, sides, *neighbours]).max() < 5 / np.sqrt(z[0].size)


@given(st.permutations(range(5)), st.integers(1, 300))
def test_gains__do_not_depend_on_what_is_drawn_together(order, n_input):
    seeds = np.array([3, 1, 2**62, 0, 9])
    placement = [np.array([7, 263, 8]), np.array([511, 255, 254])]
    together = synapse_gains(seeds[order].reshape(5, 1), placement, n_input, 0.04)
    assert together.shape == (5, 1, 2, n_input, 2) and together.dtype == np.float32
    for index, chip in enumerate(order):
        alone = synapse_gains(seeds[chip], placement[::-1], 300, 0.04)
        assert np.array_equal(together[index, 0], alone[:, :n_input, ::-1])


def test_gains__are_one_without_spread():
    assert (synapse_gains(np.array([1, 2]), SINGLE, 128, 0.0) == 1).all()
    assert synapse_gains(np.array(1), SINGLE[:2], 0, 0.1).shape == (2, 0, 2)


def test_gains__too_many_inputs():
    with pytest.raises(ParameterError, match="neuron 0 has 1 circuit for 128 inputs"):
        synapse_gains(np.array(7), SINGLE, 129, 0.04)


def test_weights__fit_their_integer():
    assert HIGHEST_WEIGHT == 2**6 - 1 <= np.iinfo(np.int8).max
