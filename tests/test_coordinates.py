"""Coordinates: the worked examples, the round trip of every conversion over the whole chip, and the refusals."""

import copy
import pickle

import numpy as np
import pytest

from bss2sim.errors import ParameterError, UnknownKeywordError
from bss2sim.hardware import coordinates as c
from bss2sim.hardware import synapse_drivers as d
from bss2sim.hardware.coordinates import AtomicNeuronOnDLS, atomic_neuron_coords

ALL = np.arange(512)

# enum, column, row, quadrant, CapMem column, backend enum, backend block, index on block, event output, quad column, entry
EXAMPLES = [
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (1, 1, 0, 0, 1, 1, 0, 1, 0, 32, 0),
    (127, 127, 0, 0, 127, 127, 0, 127, 3, 47, 3),
    (128, 128, 0, 1, 0, 256, 1, 0, 4, 16, 0),
    (200, 200, 0, 1, 72, 328, 1, 72, 6, 25, 0),
    (255, 255, 0, 1, 127, 383, 1, 127, 7, 63, 3),
    (256, 0, 1, 2, 0, 128, 0, 128, 0, 0, 0),
    (293, 37, 1, 2, 37, 165, 0, 165, 1, 36, 2),
    (383, 127, 1, 2, 127, 255, 0, 255, 3, 47, 3),
    (384, 128, 1, 3, 0, 384, 1, 128, 4, 16, 0),
    (386, 130, 1, 3, 2, 386, 1, 130, 4, 16, 1),
    (511, 255, 1, 3, 127, 511, 1, 255, 7, 63, 3),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example[0]))
def test_atomic_neuron__worked_examples(example):
    enum, column, row, quadrant, capmem, backend, block, index, output, quad, entry = example
    neuron = AtomicNeuronOnDLS(enum)
    assert neuron == AtomicNeuronOnDLS(column=column, row=row) == AtomicNeuronOnDLS(neuron)
    assert (int(neuron), neuron.enum, neuron.column, neuron.row) == (enum, enum, column, row)
    assert (neuron.quadrant, neuron.capmem_block, neuron.capmem_column) == (quadrant, quadrant, capmem)
    assert (neuron.backend_enum, neuron.backend_block, neuron.backend_enum % 256) == (backend, block, index)
    assert (neuron.hemisphere, neuron.event_output, neuron.synapse_column) == (row, output, column)
    assert (neuron.quad_column, neuron.quad_entry) == (quad, entry)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (c.enum_to_grid, c.grid_to_enum),
        (c.enum_to_capmem, c.capmem_to_enum),
        (lambda enum: (c.enum_to_backend(enum),), c.backend_to_enum),
        (lambda enum: (c.enum_to_cadc_channel(enum, "causal"),), lambda channel: c.cadc_channel_to_enum(channel)[0]),
        (lambda enum: (c.enum_to_cadc_channel(enum, "acausal"),), lambda channel: c.cadc_channel_to_enum(channel)[0]),
        (
            lambda enum: (*c.column_to_quad(c.enum_to_grid(enum)[0]), c.enum_to_grid(enum)[1]),
            lambda quad, entry, row: c.grid_to_enum(c.quad_to_column(quad, entry), row),
        ),
    ],
    ids=["grid", "capmem", "backend", "causal channel", "acausal channel", "quad"],
)
def test_conversions__round_trip_of_all_circuits(there, back):
    places = there(ALL)
    np.testing.assert_array_equal(back(*places), ALL)
    assert len(set(zip(*(place.tolist() for place in places), strict=True))) == 512
    for enum in (0, 127, 128, 255, 256, 293, 511):  # one number: the same, as an int
        single = there(enum)
        assert [type(place) for place in single] == [int] * len(places)
        assert list(single) == [place[enum] for place in places]
        assert back(*single) == enum


def test_conversions__agree_with_the_properties():
    neurons = [AtomicNeuronOnDLS(enum) for enum in ALL]
    np.testing.assert_array_equal(c.enum_to_event_output(ALL), [neuron.event_output for neuron in neurons])
    np.testing.assert_array_equal(c.enum_to_backend(ALL), [neuron.backend_enum for neuron in neurons])
    for kind in ("causal", "acausal"):
        channels = c.enum_to_cadc_channel(ALL, kind)
        np.testing.assert_array_equal(channels, [neuron.cadc_channel(kind) for neuron in neurons])


def test_cadc_channel__all_channels_are_used_once():
    both = np.concatenate([c.enum_to_cadc_channel(ALL, kind) for kind in ("causal", "acausal")])
    assert sorted(both) == list(range(1024))
    enum, kind = c.cadc_channel_to_enum(both)
    np.testing.assert_array_equal(enum, np.tile(ALL, 2))
    np.testing.assert_array_equal(kind, np.repeat([0, 1], 512))


def test_quad__columns_of_quads():
    columns = {quad: c.quad_to_column(quad, np.arange(4)).tolist() for quad in (0, 31, 32, 63)}
    assert columns == {0: [0, 2, 4, 6], 31: [248, 250, 252, 254], 32: [1, 3, 5, 7], 63: [249, 251, 253, 255]}


def test_synapse_driver__worked_examples_and_round_trips():
    assert (d.driver_to_row(23, 1), d.driver_to_row(23, 0), d.driver_to_padi(47)[1]) == (47, 46, 11)
    rows, drivers = np.arange(256), np.arange(128)
    np.testing.assert_array_equal(d.driver_to_row(*d.row_to_driver(rows)), rows)
    np.testing.assert_array_equal(d.padi_to_driver(*d.driver_to_padi(drivers)), drivers)
    assert set(d.driver_to_capmem_block(drivers, 0)) == {0, 1}
    assert set(d.driver_to_capmem_block(drivers, 1)) == {2, 3}


def test_atomic_neuron__is_a_value():
    neuron = AtomicNeuronOnDLS(np.int64(293))
    assert {neuron: 1}[AtomicNeuronOnDLS(293)] == 1
    assert neuron == pickle.loads(pickle.dumps(neuron)) == copy.deepcopy(neuron)
    assert neuron != 293
    assert sorted([AtomicNeuronOnDLS(3), AtomicNeuronOnDLS(1)])[0].enum == 1
    assert AtomicNeuronOnDLS(1) <= AtomicNeuronOnDLS(1) < AtomicNeuronOnDLS(2)
    assert np.arange(512)[neuron] == 293
    assert repr(neuron) == "AtomicNeuronOnDLS(293)"
    for change in (
        lambda: setattr(neuron, "enum", 1),
        lambda: setattr(neuron, "row", 0),
        lambda: delattr(neuron, "enum"),
    ):
        with pytest.raises(AttributeError, match="immutable"):
            change()
    with pytest.raises(TypeError):
        assert neuron < 3


def test_coords__label_the_circuits():
    coords = atomic_neuron_coords()
    assert list(coords) == ["atomic_neuron", "row", "column", "quadrant"]
    assert all(variable.dims == ("atomic_neuron",) and variable.dtype == np.int64 for variable in coords.values())
    neurons = [AtomicNeuronOnDLS(enum) for enum in coords["atomic_neuron"].values]
    for name in ("row", "column", "quadrant"):
        assert coords[name].values.tolist() == [getattr(neuron, name) for neuron in neurons]


@pytest.mark.parametrize("value", [-1, 512, 1.0, True, "3", None, np.nan, [3]])
def test_atomic_neuron__refuses_what_is_no_enum(value):
    with pytest.raises(ParameterError, match=r"AtomicNeuronOnDLS .*0 (to|\.\.) 511|dtype") as error:
        AtomicNeuronOnDLS(value)
    assert value is None or isinstance(value, list) or repr(value) in str(error.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"column": 256, "row": 0}, "column must be a whole number from 0 to 255; got 256"),
        ({"column": 0, "row": 2}, "row must be a whole number from 0 to 1; got 2"),
        ({"column": 0}, "both column= and row="),
        ({"row": 0}, "both column= and row="),
        ({"enum": 0, "column": 0, "row": 0}, "both column= and row="),
        ({}, "both column= and row="),
    ],
)
def test_atomic_neuron__refuses_wrong_keywords(keywords, message):
    with pytest.raises(ParameterError, match=message):
        AtomicNeuronOnDLS(**keywords)
    with pytest.raises(UnknownKeywordError, match="did you mean 'column'"):
        AtomicNeuronOnDLS(colum=3)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (c.enum_to_grid, (512,), "AtomicNeuronOnDLS must be a whole number from 0 to 511; got 512"),
        (c.enum_to_grid, (np.array([[0, 1], [2, -5]]),), r"from 0 to 511; got -5 at index 1, 1"),
        (c.enum_to_grid, (np.array([0.5]),), "got dtype float64"),
        (c.enum_to_grid, (np.array(600),), "got 600$"),
        (c.enum_to_grid, (np.ma.masked_array([1, 2], [True, False]),), "masked"),
        (c.grid_to_enum, (0, 2), "row must be a whole number from 0 to 1; got 2"),
        (c.enum_to_capmem, (-1,), "from 0 to 511; got -1"),
        (c.capmem_to_enum, (4, 0), "CapMem block must be a whole number from 0 to 3; got 4"),
        (c.capmem_to_enum, (0, 128), "CapMem column of a circuit must be .* 127; got 128"),
        (c.enum_to_backend, (512,), "got 512"),
        (c.backend_to_enum, (512,), "backend enum must be .* 511; got 512"),
        (c.enum_to_event_output, (512,), "got 512"),
        (c.column_to_quad, (256,), "synapse column must be .* 255; got 256"),
        (c.quad_to_column, (64, 0), "quad column must be .* 63; got 64"),
        (c.quad_to_column, (0, 4), "entry on quad must be .* 3; got 4"),
        (c.enum_to_cadc_channel, (0, "casual"), "did you mean 'causal'"),
        (c.cadc_channel_to_enum, (1024,), "CADC channel must be .* 1023; got 1024"),
        (d.row_to_driver, (256,), "synapse row must be .* 255; got 256"),
        (d.driver_to_row, (128, 0), "synapse driver must be .* 127; got 128"),
        (d.driver_to_row, (0, 2), "top must be .* 1; got 2"),
        (d.driver_to_padi, (128,), "synapse driver must be .* 127"),
        (d.padi_to_driver, (4, 0), "PADI bus must be .* 3; got 4"),
        (d.padi_to_driver, (0, 32), "index on the PADI bus must be .* 31; got 32"),
        (d.driver_to_capmem_block, (0, 2), "hemisphere must be .* 1; got 2"),
    ],
)
def test_conversions__refuse_what_is_not_on_the_chip(function, arguments, message):
    with pytest.raises(ParameterError, match=message):
        function(*arguments)
