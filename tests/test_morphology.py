"""Shapes of neurons, and where they may sit."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.errors import ParameterError, UnknownKeywordError
from bss2sim.hardware.coordinates import AtomicNeuronOnDLS
from bss2sim.hardware.morphology import LogicalNeuronOnDLS, SingleCompartmentNeuron

shapes = st.builds(
    lambda size, flag: SingleCompartmentNeuron(size, expand_horizontally=flag), st.integers(1, 256), st.booleans()
)


def grid(neuron):
    """Columns and rows of the circuits."""
    return [(circuit.column, circuit.row) for circuit in neuron.atomic_neurons]


def test_shape__fills_columns_first():
    assert grid(SingleCompartmentNeuron(5).place(7)) == [(7, 0), (7, 1), (8, 0), (8, 1), (9, 0)]


def test_shape__fills_rows_first_when_told():
    assert grid(SingleCompartmentNeuron(3, expand_horizontally=True).place(7)) == [(7, 0), (8, 0), (9, 0)]
    long = grid(SingleCompartmentNeuron(130, expand_horizontally=True).place(128))
    assert long[0] == (128, 0) and long[127:] == [(255, 0), (128, 1), (129, 1)]


@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("anchor", [0, 128])
def test_shape__of_half_a_chip(flag, anchor):
    neuron = SingleCompartmentNeuron(256, expand_horizontally=flag).place(anchor)
    columns = np.arange(anchor, anchor + 128)
    assert sorted(map(int, neuron.atomic_neurons)) == sorted([*columns, *(columns + 256)])


@given(shapes, st.integers(0, 511))
def test_place__gives_the_shape_or_says_why_not(shape, anchor):
    corner = AtomicNeuronOnDLS(anchor)
    fits = corner.row + shape.height <= 2 and corner.column % 128 + shape.width <= 128
    if not fits:
        with pytest.raises(ParameterError, match="choose an anchor in"):
            shape.place(anchor)
        return
    neuron = shape.place(corner)
    assert len(neuron) == shape.size == len(set(neuron.atomic_neurons))
    assert neuron.anchor == neuron.active == neuron.atomic_neurons[0] == corner
    assert max(column for column, _ in grid(neuron)) - corner.column + 1 == shape.width
    assert max(row for _, row in grid(neuron)) - corner.row + 1 == shape.height


@pytest.mark.parametrize(
    ("size", "anchor", "message"),
    [
        (2, 256, "2 rows high and does not fit below .*256.* in row 1; choose an anchor in row 0"),
        (5, 126, r"reaches from column 126 to 128, beyond column 127 .* choose an anchor in columns up to 125"),
        (3, 255, r"reaches from column 255 to 256, beyond column 255 .* choose an anchor in columns up to 254"),
        (1, 512, "from 0 to 511; got 512"),
    ],
)
def test_place__refuses_to_leave_the_half(size, anchor, message):
    with pytest.raises(ParameterError, match=message):
        SingleCompartmentNeuron(size).place(anchor)


@pytest.mark.parametrize("size", [0, -1, 1.5, "2", None, True])
def test_shape__refuses_sizes(size):
    with pytest.raises(ParameterError, match="size must be a whole number of at least 1"):
        SingleCompartmentNeuron(size)


def test_shape__refuses_other_arguments():
    with pytest.raises(ParameterError, match=r"at most 256 circuits.*got 257"):
        SingleCompartmentNeuron(257)
    with pytest.raises(ParameterError, match="expand_horizontally must be True or False; got 1"):
        SingleCompartmentNeuron(2, expand_horizontally=1)
    with pytest.raises(UnknownKeywordError, match="did you mean 'expand_horizontally'"):
        SingleCompartmentNeuron(2, expand_horizontal=True)


def test_logical_neuron__may_be_any_compartment():
    neuron = LogicalNeuronOnDLS([AtomicNeuronOnDLS(260), 4, 5])
    assert (neuron.active, neuron.anchor) == (AtomicNeuronOnDLS(260), AtomicNeuronOnDLS(4))
    # the corner of the shape need not be one of its circuits
    assert LogicalNeuronOnDLS([257, 258, 2]).anchor == AtomicNeuronOnDLS(1)


@pytest.mark.parametrize(
    ("circuits", "message"),
    [
        ([], "empty; a neuron needs at least one circuit"),
        ([1, 2, 1], "names circuit 1 twice"),
        ([127, 128], r"circuits \[127, 128\] are in both halves"),
        ([0, 2, 1, 9], r"circuit 9 touches none of the others"),
        ([255, 256], "both halves"),
        ([0, 257], "circuit 257 touches none"),
        ([512], "from 0 to 511; got 512"),
        (5, "must be a list of circuits; got 5"),
    ],
)
def test_logical_neuron__refuses_what_is_no_compartment(circuits, message):
    with pytest.raises(ParameterError, match=message):
        LogicalNeuronOnDLS(circuits)


def test_logical_neuron__is_a_value():
    neuron, same, other = LogicalNeuronOnDLS([3, 4]), LogicalNeuronOnDLS((3, 4)), LogicalNeuronOnDLS([4, 3])
    assert neuron == same == pickle.loads(pickle.dumps(neuron)) == copy.deepcopy(neuron)
    assert neuron != other and neuron < other and neuron != 3
    assert {neuron: 1}[same] == 1
    assert repr(neuron) == "LogicalNeuronOnDLS([3, 4])"
    with pytest.raises(AttributeError, match="immutable"):
        neuron.atomic_neurons = ()
    with pytest.raises(TypeError):
        assert neuron < 3


def test_shape__is_a_value():
    shape = SingleCompartmentNeuron(4, expand_horizontally=True)
    assert shape == pickle.loads(pickle.dumps(shape)) == copy.copy(shape)
    assert shape != SingleCompartmentNeuron(4) and shape != 4
    assert len({shape, SingleCompartmentNeuron(4, expand_horizontally=True)}) == 1
    assert repr(shape) == "SingleCompartmentNeuron(4, expand_horizontally=True)"
    with pytest.raises(AttributeError, match="immutable"):
        shape.size = 5
