"""Offset and scale of traces: numbers, arrays, and mappings of circuits, looked up where the neurons are."""

import naive_experiment_populations as naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bss2sim as b2

ATOMIC, LOGICAL = b2.AtomicNeuronOnDLS, b2.LogicalNeuronOnDLS
BOTH = ["trace_offset", "trace_scale"]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, [2, 2, 2]), (-1.5, [-1.5] * 3), (np.float32(0.5), [0.5] * 3), ([1, 2, 3], [1, 2, 3]), (np.arange(3.0), [0, 1, 2]),
     (xr.DataArray([3.0, 2.0, 1.0], dims="neuron"), [3, 2, 1]), (xr.DataArray(4.0), [4, 4, 4])],
)  # fmt: skip
def test_values__of_numbers_and_arrays(name, value, expected):
    neurons = b2.IAFNeuron(3, **{name: value})
    found = neurons.trace_values(name, neurons.place())
    assert found.dtype == np.float64 and found.shape == (3,)
    np.testing.assert_array_equal(found, expected)
    found[:] = 0.0  # belongs to the caller
    np.testing.assert_array_equal(neurons.trace_values(name, neurons.place()), expected)


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.dictionaries(st.integers(0, 20), st.floats(-100, 100)),
    st.dictionaries(st.integers(0, 20), st.floats(-100, 100)),
)
def test_values__of_mappings_as_the_twin(size, circuits, of_circuit, of_anchor):
    structure = b2.SingleCompartmentNeuron(circuits)
    of_neuron = {structure.place(anchor): value for anchor, value in of_anchor.items()}
    mapping = {ATOMIC(circuit): value for circuit, value in of_circuit.items()} | of_neuron
    if not mapping:
        return
    neurons = b2.LINeuron(size, neuron_structure=structure, trace_offset=mapping)
    placed = neurons.place()
    plain = [[circuit.enum for circuit in neuron.atomic_neurons] for neuron in placed]
    by_circuits = {tuple(c.enum for c in neuron.atomic_neurons): value for neuron, value in of_neuron.items()}
    expected = naive.look_up(plain, by_circuits, of_circuit)
    if None in expected:
        with pytest.raises(b2.ParameterError, match=f"trace_offset has no entry for neuron {expected.index(None)} "):
            neurons.trace_values("trace_offset", placed)
    else:
        np.testing.assert_array_equal(neurons.trace_values("trace_offset", placed), expected)


def test_values__missing_ones_are_named():
    neurons = b2.IAFNeuron(20, trace_scale={LOGICAL([3]): 1.0})
    message = (
        r"trace_scale has no entry for neuron 0 \(LogicalNeuronOnDLS\(\[0\]\)\), .*\[8\]\)\) and 11 more; add them, by "
        "LogicalNeuronOnDLS or by the AtomicNeuronOnDLS of their first circuit, or give placement_constraint"
    )
    with pytest.raises(b2.ParameterError, match=message):
        neurons.trace_values("trace_scale", neurons.place())


def test_values__of_another_placement():
    neurons = b2.IAFNeuron(2)
    with pytest.raises(b2.ParameterError, match="placement has 3 neurons; the population has 2"):
        neurons.trace_values("trace_scale", b2.IAFNeuron(3).place())
    with pytest.raises(
        b2.ParameterError, match="name must be one of 'trace_offset', 'trace_scale'; got 'trace_ofset'; did"
    ):
        neurons.trace_values("trace_ofset", neurons.place())


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], "has 2 entries along neuron; the population has 3"),
        (np.zeros((3, 1)), r"has shape \(3, 1\)"),
        (np.nan, "must be finite; got nan"),
        ([1.0, np.inf, 1.0], "must be finite; neuron 1 has inf"),
        ("x", "must be real numbers; got 'x'"),
        (None, "must be real numbers; got None"),
        (xr.DataArray([1.0, 2.0], dims="sweep"), r"has the dims \('sweep',\); give a number"),
        ({}, "is an empty mapping; give a number, or an entry for each neuron"),
        ({0: 1.0}, "must have AtomicNeuronOnDLS or LogicalNeuronOnDLS as keys; got 0; give an array"),
        ({ATOMIC(0): "x"}, r"of AtomicNeuronOnDLS\(0\) must be a finite real number; got 'x'"),
        ({ATOMIC(0): [1.0]}, r"of AtomicNeuronOnDLS\(0\) must be a finite real number; got \[1.0\]"),
        ({LOGICAL([1]): np.nan}, r"of LogicalNeuronOnDLS\(\[1\]\) must be a finite real number; got nan"),
    ],
)
def test_arguments__refuses(name, value, message):
    with pytest.raises(b2.ParameterError, match=f"{name} {message}"):
        b2.IAFNeuron(3, **{name: value})
