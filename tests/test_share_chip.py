"""Several populations on one chip: their places, their conflicts, and a calibration target made from all of them."""

import naive_experiment_populations as naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bss2sim as b2

TARGET = b2.NeuronCalibTarget.from_populations
COLUMNS_FIRST = {1: [(0, 0)], 2: [(0, 0), (0, 1)], 3: [(0, 0), (0, 1), (1, 0)]}


def enums(placed):
    """Return circuits of neurons as plain numbers."""
    return [[circuit.enum for circuit in neuron.atomic_neurons] for neuron in placed]


@st.composite
def several(draw):
    """Populations as the twin describes them: size, shape, constraint."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 6))
        shape = COLUMNS_FIRST[draw(st.integers(1, 3))]
        anchors = st.lists(
            st.integers(0, 511) if draw(st.booleans()) else st.integers(0, 20), min_size=size, max_size=size
        )
        found.append((size, shape, draw(st.none() | anchors)))
    return found


@settings(max_examples=150, deadline=None)
@given(several(), st.lists(st.integers(0, 511), max_size=8))
def test_place__as_the_twin(plain, used):
    expected = naive.place_populations(plain)
    try:
        populations = [
            b2.LINeuron(size, neuron_structure=b2.SingleCompartmentNeuron(len(shape)), placement_constraint=constraint)
            for size, shape, constraint in plain
        ]
        shared = b2.share_chip(*populations)
    except b2.ParameterError:
        assert expected is None
        return
    assert [enums(one.placement_constraint) for one in shared] == expected
    assert [enums(one.place()) for one in shared] == expected
    assert b2.share_chip(*shared) == shared
    alone = naive.place_populations(plain[:1], used)
    if alone is None:
        with pytest.raises(b2.ParameterError):
            populations[0].place(used)
    else:
        assert enums(populations[0].place(used=used)) == alone[0]


def test_share_chip__keeps_all_the_rest():
    one, two = b2.IAFNeuron(4, threshold=100.0, trace_scale=2.0), b2.LINeuron(2, placement_constraint=[1, 0])
    shared = b2.share_chip(one, two)
    assert enums(shared[0].placement_constraint) == [[2], [3], [4], [5]]
    assert shared[0].replace(placement_constraint=None) == one
    assert shared[1] == two
    assert one.placement_constraint is None
    assert b2.share_chip() == ()
    assert enums(b2.share_chip(one, one)[1].place()) == [[4], [5], [6], [7]]


GM = xr.DataArray([400, 500], dims="gm")


@pytest.mark.parametrize(
    ("populations", "message"),
    [
        ([b2.IAFNeuron(1), 3], "share_chip takes IAFNeuron, LIFNeuron and LINeuron, one argument for each; got int as popul"),
        ([[b2.IAFNeuron(1)]], "share_chip takes .*; got list as population 0"),
        ([b2.IAFNeuron(500), b2.LINeuron(13)], r"population 1 \(LINeuron\): there is no room for 13 neurons: 12 of"),
        ([b2.LINeuron(2, placement_constraint=[3, 4]), b2.IAFNeuron(1), b2.IAFNeuron(1, placement_constraint=[4])],
         r"population 0 \(LINeuron\) and population 2 \(IAFNeuron\) both have AtomicNeuronOnDLS\(4\) in their placement_con"),
        ([b2.IAFNeuron(1), b2.LINeuron(1, i_synin_gm=400)],
         r"i_synin_gm is one of the whole chip: population 0 \(IAFNeuron\) asks for 500, population 1 \(LINeuron\) for 400"),
        ([b2.IAFNeuron(1), b2.LINeuron(1, i_synin_gm=(500, 400))], r"i_synin_gm is .* asks for 500, .* for \(500, 400\); give"),
        ([b2.IAFNeuron(1), b2.IAFNeuron(1), b2.LINeuron(1, synapse_dac_bias=400)],
         r"synapse_dac_bias is one of the whole chip: population 0 \(IAFNeuron\) asks for 600, population 2 .* for 400"),
        ([b2.IAFNeuron(1, i_synin_gm=GM), b2.IAFNeuron(1, i_synin_gm=GM.rename(gm="other"))], "i_synin_gm is one of the"),
        ([b2.IAFNeuron(1, i_synin_gm=GM), b2.IAFNeuron(1, i_synin_gm=xr.DataArray([500] * 3, dims="gm"))],
         "asks for <gm: 2>, population 1 .* for <gm: 3>; give all the same value"),
        ([b2.IAFNeuron(1), b2.LINeuron(1, enable_cadc_recording_placement_in_dram=True)],
         r"one memory: population 1 \(LINeuron\) asks for DRAM, population 0 \(IAFNeuron\) for SRAM; set enable_cadc"),
        ([b2.IAFNeuron(2, enable_madc_recording=True, record_neuron_id=1), b2.IAFNeuron(1),
          b2.LINeuron(1, enable_madc_recording=True, record_neuron_id=0)],
         r"the MADC samples one neuron of the chip, but population 0 \(IAFNeuron\) and population 2 \(LINeuron\) ask for it"),
    ],
)  # fmt: skip
def test_share_chip__refuses(populations, message):
    with pytest.raises(b2.ParameterError, match=message):
        b2.share_chip(*populations)


def test_share_chip__what_agrees_is_fine():
    b2.share_chip(b2.IAFNeuron(1, i_synin_gm=400), b2.LINeuron(1, i_synin_gm=(400, 400)))
    b2.share_chip(b2.IAFNeuron(1, i_synin_gm=GM), b2.LINeuron(1, i_synin_gm=(GM, GM)))
    in_dram = dict(enable_cadc_recording_placement_in_dram=True)
    b2.share_chip(b2.IAFNeuron(1, **in_dram), b2.LINeuron(1, **in_dram))
    b2.share_chip(b2.IAFNeuron(1, **in_dram), b2.LINeuron(1, enable_cadc_recording=False))


def test_from_populations__places_those_without_circuits():
    hidden = b2.IAFNeuron(3, threshold=[100.0, 101.0, 102.0], refractory_time=3e-6)
    readout = b2.LINeuron(2, leak=70.0, placement_constraint=[1, 300])
    shared = b2.share_chip(hidden, readout)
    target = TARGET(shared)
    with pytest.raises(b2.ParameterError, match=r"population 0 comes to .*but runs at .*share_chip\(hidden, readout\)"):
        TARGET([hidden, readout])
    assert target == TARGET([(one, one.place()) for one in shared]) == TARGET(one for one in shared)
    np.testing.assert_array_equal(target.threshold.values[:5], [100, 125, 101, 102, 125])
    assert target.leak.values[300] == 70 and target.leak.values[1] == 70
    assert TARGET(hidden) == TARGET([hidden])


def test_from_populations__mixes_both_ways():
    hidden, readout = b2.IAFNeuron(2, threshold=100.0), b2.LINeuron(2, leak=70.0)
    readout = readout.replace(placement_constraint=[1, 3])
    target = TARGET([readout, (hidden, [0, 2]), ({"leak": 60.0}, [4])])
    np.testing.assert_array_equal(target.threshold.values[:4], [100, 125, 100, 125])
    np.testing.assert_array_equal(target.leak.values[:6], [80, 70, 80, 70, 60, 80])


def test_from_populations__takes_codes_of_the_population():
    neurons = b2.IAFNeuron(2, i_synin_gm=(400, 300), synapse_dac_bias=700, membrane_capacitance=[10, 20])
    target = TARGET([neurons])
    np.testing.assert_array_equal(target.i_synin_gm, [400, 300])
    assert target.synapse_dac_bias == 700
    np.testing.assert_array_equal(target.membrane_capacitance.values[:3], [10, 20, 63])
    structure = b2.SingleCompartmentNeuron(2)
    target = TARGET([neurons.replace(neuron_structure=structure)])
    np.testing.assert_array_equal(target.membrane_capacitance.values[[0, 1, 256, 257]], [10, 20, 10, 20])


@pytest.mark.parametrize(
    ("populations", "message"),
    [
        ([b2.IAFNeuron(2, placement_constraint=[0, 1]), (b2.IAFNeuron(1), [1])], "population 0: placement_constraint, neuron 1: "
         "circuit 1 .*is used already"),
        ([b2.IAFNeuron(1, placement_constraint=[1]), b2.IAFNeuron(1, placement_constraint=[1])],
         r"population 0 and population 1 both have AtomicNeuronOnDLS\(1\) in their placement_constraint"),
        ([b2.IAFNeuron(1), b2.IAFNeuron(1, i_synin_gm=400)], "population 0 asks for 500, population 1 for 400"),
        ((b2.IAFNeuron(2), [[0], [1]]), r"population 1 is no population, list has none of leak, .*in a list"),
        ([b2.IAFNeuron(512), b2.IAFNeuron(1)], "population 1: there is no room for 1 neurons: 0 of"),
        ([(b2.IAFNeuron(1), [0], 3)], r"populations must be pairs \(population, circuits\) or populations: too many values"),
        (3, r"populations must be pairs \(population, circuits\) or populations: 'int' object is not iterable"),
        ([b2.IAFNeuron(1, threshold=300.0)], "threshold must be 0 to 255 LSB; got 300 LSB; atomic_neuron 0"),
    ],
)  # fmt: skip
def test_from_populations__refuses(populations, message):
    with pytest.raises(b2.ParameterError, match=message):
        TARGET(populations)
