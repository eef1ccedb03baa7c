"""First fit and constrained placement of populations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bss2sim.errors import ParameterError, UnknownKeywordError
from bss2sim.hardware.coordinates import AtomicNeuronOnDLS
from bss2sim.hardware.morphology import LogicalNeuronOnDLS, SingleCompartmentNeuron
from bss2sim.hardware.placement import place

ONE, TWO = SingleCompartmentNeuron(1), SingleCompartmentNeuron(2)


def anchors(placed):
    return [neuron.anchor.enum for neuron in placed]


def test_first_fit__single_circuits_fill_the_chip_in_order():
    assert anchors(place(ONE, 512)) == list(range(512))


def test_first_fit__skips_the_border_of_the_halves():
    """hxtorch stops with an error at column 126 here."""
    placed = place(SingleCompartmentNeuron(3, expand_horizontally=True), 168)
    left = list(range(0, 126, 3))
    right = list(range(128, 254, 3))
    assert anchors(placed) == left + right + [256 + a for a in left] + [256 + a for a in right]


def test_first_fit__skips_used_circuits():
    used = [0, AtomicNeuronOnDLS(258), LogicalNeuronOnDLS([3, 259])]
    assert anchors(place(TWO, 3, used=used)) == [1, 4, 5]
    assert anchors(place(ONE, 3, used=iter(used))) == [1, 2, 4]


@given(st.integers(1, 20), st.booleans(), st.sets(st.integers(0, 511), max_size=60), st.integers(1, 30))
def test_first_fit__is_the_first_that_fits(size, flag, used, n_neuron):
    """Against one circuit after the other."""
    shape = SingleCompartmentNeuron(size, expand_horizontally=flag)
    taken, wanted = set(used), []
    for anchor in range(512):
        try:
            neuron = shape.place(anchor)
        except ParameterError:
            continue
        if not taken & {circuit.enum for circuit in neuron.atomic_neurons}:
            taken |= {circuit.enum for circuit in neuron.atomic_neurons}
            wanted.append(neuron)
    if len(wanted) < n_neuron:
        with pytest.raises(ParameterError, match=f"no room for {n_neuron} neurons: {len(wanted)} of .* {len(used)} of"):
            place(shape, n_neuron, used=used)
    else:
        assert place(shape, n_neuron, used=used) == wanted[:n_neuron]


def test_first_fit__says_how_many_fit():
    with pytest.raises(ParameterError, match=r"no room for 257 neurons: 255 of SingleCompartmentNeuron\(2\) fit"):
        place(TWO, 257, used=[17])
    with pytest.raises(ParameterError, match=r"for 1 neurons: 0 of .* 512 of them used before"):
        place(ONE, 1, used=range(512))


def test_constraint__takes_all_kinds_in_their_order():
    wanted = [LogicalNeuronOnDLS([300 - 256, 300]), LogicalNeuronOnDLS([7, 263]), LogicalNeuronOnDLS([0, 256])]
    assert place(TWO, 3, placement_constraint=[wanted[0], AtomicNeuronOnDLS(7), 0]) == wanted
    assert place(TWO, 3, placement_constraint=iter([44, 7, 0]), used=[1]) == wanted


@pytest.mark.parametrize(
    ("constraint", "keywords", "message"),
    [
        ([1, 2], {}, "placement_constraint has 2 entries for 3 neurons"),
        ([1, 2, 1], {}, r"neuron 2: circuit 1 of LogicalNeuronOnDLS\(\[1, 257\]\) belongs to neuron 0, .*\[1, 257\]"),
        ([1, 2, 3], {"used": [258]}, r"neuron 1: circuit 258 of .*\[2, 258\]\) is used already"),
        ([1, 2, 256], {}, r"neuron 2: .* 2 rows high"),
        ([1, 2, 512], {}, r"neuron 2: .* from 0 to 511; got 512"),
        ([1, 2, "x"], {}, r"neuron 2: .* got 'x'"),
        ([LogicalNeuronOnDLS([5]), 2, 3], {}, r"neuron 0: LogicalNeuronOnDLS\(\[5\]\) is not of the shape .*\[5, 261\]"),
        (7, {}, "placement_constraint must be a list of circuits or neurons; got 7"),
    ],
)  # fmt: skip
def test_constraint__refusals_name_neurons_and_circuit(constraint, keywords, message):
    with pytest.raises(ParameterError, match=message):
        place(TWO, 3, placement_constraint=constraint, **keywords)


def test_constraint__partial_overlap_names_the_shared_circuit():
    shape = SingleCompartmentNeuron(3, expand_horizontally=True)
    with pytest.raises(
        ParameterError, match=r"neuron 1: circuit 12 of .*\[12, 13, 14\]\) belongs to neuron 0, .*\[10, 11, 12\]"
    ):
        place(shape, 2, placement_constraint=[10, 12])


def test_place__refuses_other_arguments():
    with pytest.raises(ParameterError, match="structure must be a SingleCompartmentNeuron; got int"):
        place(2, 3)
    with pytest.raises(ParameterError, match="n_neuron must be a whole number"):
        place(ONE, 0)
    with pytest.raises(ParameterError, match="used must be a list"):
        place(ONE, 1, used=3)
    with pytest.raises(ParameterError, match="from 0 to 511"):
        place(ONE, 1, used=[600])
    with pytest.raises(UnknownKeywordError, match="did you mean 'placement_constraint'"):
        place(ONE, 1, placement_constraints=[1])
