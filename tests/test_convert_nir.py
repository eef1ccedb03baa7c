"""Networks as graphs of NIR and back, and graphs that others made."""

import json
import sys

import nir
import numpy as np
import pytest
import scipy.sparse
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from naive_nir import simulate_graph

import bss2sim as b2
from bss2sim.convert import from_nir, to_nir
from bss2sim.convert.nir_nodes import KEY

KINDS = {
    "IAF": lambda size, **more: b2.IAFNeuron(size, **more),
    "LIF": lambda size, **more: b2.LIFNeuron(size, **more),
    "LI": lambda size, **more: b2.LINeuron(size, **more),
}


@st.composite
def networks(draw):
    """Draw a chain of populations that NIR can hold: no refractory time."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_input, neurons, synapses = draw(st.integers(1, 3)), [], []
    for kind in draw(st.lists(st.sampled_from(["IAF", "LIF"]), min_size=0, max_size=2)) + [
        draw(st.sampled_from(list(KINDS)))
    ]:
        size = draw(st.integers(1, 3))

        def numbers(low, high, size=size):
            return rng.uniform(low, high, size) if draw(st.booleans()) else float(rng.uniform(low, high))

        more = {"tau_mem": numbers(1e-6, 1e-4), "tau_syn": numbers(1e-6, 1e-4)}
        if kind != "LI":
            more |= {"threshold": numbers(1, 2), "reset": numbers(-1, 0), "refractory_time": 0.0}
        if kind != "IAF":
            more["leak"] = numbers(-1, 1)
        neurons.append(KINDS[kind](size, **more))
        weight = rng.normal(size=(n_input, size)).astype(draw(st.sampled_from(["f4", "f8"])))
        synapses.append(b2.Synapse(scipy.sparse.csr_array(weight) if draw(st.booleans()) else weight))
        n_input = size
    return neurons, synapses


def same_numbers(one, other):
    """Populations with the same parameters, whether one number or one a neuron that are all the same."""
    assert type(one) is type(other) and one.size == other.size
    for name, values in one._parameters.items():
        np.testing.assert_array_equal(*np.broadcast_arrays(values[0].values, other._parameters[name][0].values))


@pytest.mark.parametrize("unit", [1.0, 1e-3, 0.7e-6])
@given(network=networks())
def test_network__comes_back_to_the_bit(unit, network):
    neurons, synapses = network
    graph = to_nir(neurons, synapses, time_unit=unit)
    back = from_nir(graph)
    assert len(back) == len(neurons)
    for (population, synapse), wanted, weights in zip(back, neurons, synapses, strict=True):
        same_numbers(population, wanted)
        dense = weights.weight.toarray() if scipy.sparse.issparse(weights.weight) else weights.weight.values
        np.testing.assert_array_equal(synapse.weight.values, dense)
        assert synapse.weight.dtype == dense.dtype


def two_layers():
    rng = np.random.default_rng(3)
    hidden = b2.IAFNeuron(3, threshold=[1.0, 1.2, 0.8], reset=0.0, tau_mem=7e-6, tau_syn=5e-6, refractory_time=2e-6,
                          holdoff_time=1e-6, spike_mask=[True, False, True], membrane_capacitance=[40, 50, 60])  # fmt: skip
    readout = b2.LINeuron(2, leak=[0.0, 0.5], tau_mem=20e-6, tau_syn=5e-6, trace_scale=0.5)
    return [hidden, readout], [b2.Synapse(rng.normal(size=(4, 3)), transform=2.5), b2.Synapse(rng.normal(size=(3, 2)))]


def test_file__holds_all_of_a_network(tmp_path):
    neurons, synapses = two_layers()
    path = tmp_path / "network.nir"
    nir.write(path, to_nir(neurons, synapses, time_unit=1e-3, strict=False))
    for (population, synapse), wanted, weights in zip(from_nir(nir.read(path)), neurons, synapses, strict=True):
        assert population == wanted
        assert synapse.transform == weights.transform
        xr.testing.assert_identical(synapse.weight, weights.weight)


def test_network__read_back_computes_the_same():
    neurons, synapses = two_layers()
    spikes = b2.sparse_spikes(np.arange(1, 40) * 1e-6, np.arange(39) % 4, duration=60e-6)
    back = from_nir(to_nir(neurons, synapses, time_unit=1.0, strict=False))
    wanted = found = spikes
    for (population, synapse), own, weights in zip(back, neurons, synapses, strict=True):
        wanted = b2.simulate(own, wanted, synapse=weights)
        found = b2.simulate(population, found, synapse=synapse)
    xr.testing.assert_identical(found, wanted)
    assert float(wanted.membrane.std()) > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_graph__says_what_is_simulated(kind):
    """The equations of NIR's nodes, integrated by small steps, give spikes and membranes of the population."""
    more = {"tau_mem": [9e-6, 7e-6], "tau_syn": 5e-6}
    if kind != "LI":
        more |= {"threshold": [1.0, 1.3], "reset": [0.0, 0.1], "refractory_time": 0.0}
    if kind != "IAF":
        more["leak"] = [0.05, 0.2]
    neurons = KINDS[kind](2, **more)
    synapse = b2.Synapse((4.0 if kind == "LIF" else 1.0) * np.array([[1.1, 0.9], [0.7, 1.6]]))
    spikes = [(5e-6, 0), (9e-6, 1), (15e-6, 1), (30e-6, 0), (31e-6, 1)]
    dt, n_step = 2e-9, 25000
    at = np.arange(1, 50) * 1e-6 + 0.5e-6
    run = b2.simulate(
        neurons, b2.sparse_spikes(*zip(*spikes, strict=True), duration=n_step * dt), synapse=synapse,
        record=b2.Recording("sparse" if kind != "LI" else None, membrane=True, sample_time=at),
    )  # fmt: skip
    unit = 1e-3
    fired, trace = simulate_graph(
        to_nir(neurons, synapse, time_unit=unit),
        [(time / unit, index) for time, index in spikes],
        dt=dt / unit,
        n_step=n_step,
    )
    step, neuron = np.nonzero(fired)
    if kind != "LI":
        assert run.sizes["spike"] == step.size >= 2
        np.testing.assert_array_equal(run.spike_neuron, neuron)
        np.testing.assert_allclose(run.spike_time, (step + 1) * dt, rtol=0, atol=0.02e-6)
    far = np.ones(at.size, bool) if kind == "LI" else (np.abs(at[:, None] - (step + 1) * dt) > 0.1e-6).all(axis=1)
    found = trace[np.rint(at / dt).astype(int)]
    np.testing.assert_allclose(run.membrane.values[far], found[far], rtol=0, atol=6e-3)  # of the small steps


def test_foreign_graph__gains_go_into_the_weights():
    weight = np.array([[1.0, 2.0], [3.0, 4.0]])  # (output, input)
    one, ms = np.ones(2), np.array([5.0, 8.0])
    graph = nir.NIRGraph.from_list(
        nir.Affine(weight, 0 * one), nir.LI(ms, r=2 * one, v_leak=0 * one),
        nir.LIF(2 * ms, r=3 * one, v_leak=one, v_threshold=9 * one),
        nir.Linear(weight), nir.CubaLI(tau_syn=ms, tau_mem=3 * ms, r=0.5 * one, v_leak=0 * one, w_in=10.0),
    )  # fmt: skip
    (lif, first), (li, second) = from_nir(graph, time_unit=1e-3)
    assert isinstance(lif, b2.LIFNeuron) and isinstance(li, b2.LINeuron)
    np.testing.assert_allclose(first.weight, (weight * 6 / ms[:, None]).T, rtol=1e-15)
    np.testing.assert_allclose(second.weight, (weight * 5 / ms[:, None]).T, rtol=1e-15)
    np.testing.assert_allclose(lif.tau_mem, 2e-3 * ms, rtol=1e-15)
    np.testing.assert_allclose(li.tau_syn, 1e-3 * ms, rtol=1e-15)
    assert (lif.leak, lif.threshold, lif.reset, lif.refractory_time) == (1.0, 9.0, 0.0, 0.0)
    readout = nir.NIRGraph.from_list(
        nir.Linear(weight), nir.LI(ms, r=ms, v_leak=0 * one), nir.LI(ms, r=one, v_leak=one)
    )
    [(li, third)] = from_nir(readout, time_unit=1e-3)
    assert isinstance(li, b2.LINeuron) and li.leak == 1.0
    np.testing.assert_array_equal(third.weight, weight.T)


def test_foreign_graph__times_are_the_nearest_numbers():
    one = np.ones(1)
    graph = nir.NIRGraph.from_list(
        nir.Linear(one[None]), nir.LI(5 * one, r=5 * one, v_leak=0 * one), nir.IF(0.1 * one, v_threshold=one)
    )
    [(neurons, _)] = from_nir(graph, time_unit=1e-6)
    assert (neurons.tau_syn, neurons.tau_mem) == (5e-6, 10e-6)
    graph.nodes["if"].r = 1e-320 * one
    with pytest.raises(b2.InputError, match="tau_mem must be finite and above 0 s"):
        from_nir(graph, time_unit=1e-6)


def test_metadata__yield_to_a_graph_that_was_changed():
    graph = to_nir(b2.IAFNeuron(1, refractory_time=0.0, tau_syn=7e-6), b2.Synapse([[1.0]]), time_unit=1e-3)
    graph.nodes["synapse"].tau[:] = graph.nodes["synapse"].r[:] = 9e-3
    [(changed, _)] = from_nir(graph)
    assert changed.tau_syn == pytest.approx(9e-6, rel=1e-15)


IAF = b2.IAFNeuron(2, refractory_time=0.0)
ONE = b2.Synapse([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("neurons", "synapse", "options", "message"),
    [
        (IAF.replace(refractory_time=1e-6), ONE, {}, "no place for refractory_time, and other tools .* strict=False"),
        (IAF.replace(refractory_time=1e-6, holdoff_time=1e-7), ONE, {}, "refractory_time, holdoff_time,"),
        (IAF.replace(spike_mask=[True, False]), ONE, {}, "no place for spike_mask"),
        (IAF.replace(enable_madc_recording=True, record_neuron_id=0), ONE, {}, "enable_madc_recording, record_neuron_id"),
        (IAF, b2.Synapse([[1.0, 2.0]], transform=2.0), {}, "no place for transform"),
        (IAF, b2.Synapse([[1.0, 2.0]], transform=np.abs), {"strict": False}, "transform = <ufunc 'absolute'> cannot be kept"),
        (IAF.replace(placement_constraint=[1, 2]), ONE, {"strict": False}, "placement_constraint = .* cannot be kept"),
        (IAF.replace(membrane_capacitance=xr.DataArray([1, 2], dims="c")), ONE, {"strict": False}, "_capacitance = .* cannot"),
        (IAF.replace(threshold=b2.Parameter(model=100.0, hardware=200.0)), ONE, {}, "threshold differs between model and chip"),
        (IAF.replace(tau_syn=(1e-6, 2e-6)), ONE, {}, "tau_syn is a pair"),
        (IAF.replace(threshold=xr.DataArray([100.0, 200.0], dims="dose")), ONE, {}, "threshold has the dim 'dose'.*isel"),
        (IAF, b2.Synapse(xr.DataArray(np.ones((2, 1, 2)), dims=("dose", "input", "neuron"))), {}, "weight has the dim 'dose'"),
        (IAF, b2.Synapse([[1.0]]), {}, "weight has 1 neurons; the population has 2"),
        ([IAF, IAF], [ONE, ONE], {}, "population 1: weight has 1 inputs; the population before it has 2"),
        ([b2.LINeuron(1), IAF], [b2.Synapse([[1.0]]), ONE], {}, "population 1: the population before it, an LINeuron, sends no"),
        ([IAF], [ONE, ONE], {}, "got 1 populations and 2 synapses"),
        ([], [], {}, "got 0 populations"),
        ([3], [ONE], {}, "neurons must be an IAFNeuron.*; got int"),
        ([IAF], [3], {}, "synapse must be a Synapse.*; got int"),
        (3, ONE, {}, "neurons must be a population or a sequence of them; got int"),
        (IAF, 3, {}, "synapse must be a Synapse or a sequence of them; got int"),
        (IAF, ONE, {"strict": 1}, "strict must be True or False; got 1"),
        (IAF, ONE, {"time_unit": 0}, "time_unit must be finite and above 0 s"),
    ],
)  # fmt: skip
def test_to_nir__refuses(neurons, synapse, options, message):
    with pytest.raises(b2.ParameterError, match=message):
        to_nir(neurons, synapse, **{"time_unit": 1.0, **options})


def test_nir__keywords_and_missing_library(monkeypatch):
    with pytest.raises(b2.UnknownKeywordError, match="did you mean 'time_unit'"):
        to_nir(IAF, ONE, time_units=1.0)
    monkeypatch.setitem(sys.modules, "nir", None)
    for call in (lambda: to_nir(IAF, ONE, time_unit=1.0), lambda: from_nir(None)):
        with pytest.raises(b2.MissingDependencyError, match=r"pip install \"bss2sim\[nir\]\""):
            call()


def chain(**changes):
    """Return a graph of one IAF population of two neurons with changed nodes, and without metadata."""
    one = np.ones(2)
    nodes = {
        "in": nir.Input(np.array([2])), "w": nir.Linear(np.ones((2, 2))), "syn": nir.LI(one, one, 0 * one),
        "if": nir.IF(one, one, 0 * one), "out": nir.Output(np.array([2])), **changes,
    }  # fmt: skip
    edges = [("in", "w"), ("w", "syn"), ("syn", "if"), ("if", "out")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def with_edges(*edges, **nodes):
    graph = chain(**nodes)
    graph.edges = [*graph.edges, *edges]
    return graph


def bad_metadata(change):
    graph = to_nir(IAF, ONE, time_unit=1.0)
    graph.metadata[KEY] = change(graph.metadata[KEY])
    return graph


def edited(**changes):
    return bad_metadata(lambda text: json.dumps({**json.loads(text), **changes}))


def lost(**more):
    part = {"tau_mem": 1e-5, "tau_syn": 1e-5, "lost": more}
    return edited(populations=[part])


ones = np.ones(2)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nir.IF(ones, ones), "must be a nir.NIRGraph.*; got IF"),
        (chain(syn=nir.Flatten({"input": np.array([2])})), "node 'syn' is of kind Flatten"),
        (chain(syn=nir.Threshold(ones)), "node 'syn' is of kind Threshold"),
        (chain(syn=nir.Scale(ones)), "node 'syn' is of kind Scale"),
        (chain(syn=nir.Delay(ones)), "node 'syn' is of kind Delay"),
        (chain(syn=chain()), "node 'syn' is of kind NIRGraph"),
        (chain(extra=nir.Input(np.array([2]))), "must have one Input; it has 2: in, extra"),
        (chain(out=nir.IF(ones, ones)), "must have one Output; it has 0: none"),
        (with_edges(("if", "w")), "recurrent, in or behind a circle are 'w', 'syn'"),
        (with_edges(("if", "if")), "recurrent, in or behind a circle are 'if'"),
        (with_edges(("in", "if")), "node 'in' has 2 nodes behind it, w, if, where 1 can be read"),
        (with_edges(("w", "x"), x=nir.IF(ones, ones)), "node 'w' has 2 nodes behind it"),
        (chain(x=nir.IF(ones, ones)), "node 'x' has 0 nodes before it, none"),
        (with_edges(("x", "out")), "edge goes from 'x' to 'out', one of which does not exist"),
        (chain(w=nir.Affine(np.ones((2, 2)), ones)), r"node 'w' \(Affine\) has a bias"),
        (chain(w=nir.LI(ones, ones, ones)), r"node 'w' \(LI\) has no weights before it"),
        (chain(syn=nir.Linear(np.ones((2, 2)))), r"node 'syn' \(Linear\) is where a synapse"),
        (chain(syn=nir.IF(ones, ones)), r"node 'syn' \(IF\) is where a synapse"),
        (nir.NIRGraph.from_list(nir.Linear(np.ones((2, 2)))), r"node 'linear' \(Linear\) is where a synapse"),
        (nir.NIRGraph.from_list(nir.Linear(np.ones((2, 2))), nir.LI(ones, ones, 0 * ones)), r"node 'li' \(LI\) is where a synapse"),
        (chain(syn=nir.LI(ones, ones, ones)), r"v_leak of node 'syn' \(LI\) must be 0"),
        (chain(syn=nir.LI(0 * ones, ones, 0 * ones)), r"tau of node 'syn' \(LI\) must be above 0; neuron 0 has 0.0"),
        (chain(**{"if": nir.IF(-ones, ones)}), r"r of node 'if' \(IF\) must be above 0; neuron 0 has -1.0"),
        (chain(**{"if": nir.IF(ones, ones * np.nan, ones)}), r"v_threshold of node 'if' \(IF\) must be finite real numbers"),
        (chain(**{"if": nir.IF(ones, ones.astype(complex), ones)}), r"v_threshold .* finite real numbers; .* dtype complex128"),
        (chain(**{"if": nir.IF(np.ones(3), np.ones(3))}), r"r of node 'if' \(IF\) must have shape \(2,\).*; got \(3,\)"),
        (chain(w=nir.Linear(np.ones((1, 2, 2)))), r"weight of node 'w' \(Linear\) must have two dims .* \(1, 2, 2\)"),
        (chain(w=nir.Linear(np.full((2, 2), np.inf))), r"weight of node 'w' \(Linear\) must be finite"),
        (chain(**{"in": nir.Input(np.array([3]))}), r"node 'in' has the shape \(3,\); the weights say \(2,\)"),
        (chain(out=nir.Output(np.array([3]))), r"node 'out' has the shape \(3,\); the weights say \(2,\)"),
        (nir.NIRGraph.from_list(nir.Input(np.array([2])), nir.Output(np.array([2]))), "the graph has no neurons"),
        (bad_metadata(lambda text: "{"), "metadata 'bss2sim' of the graph cannot be read"),
        (edited(time_unit=-1), "metadata 'bss2sim' of the graph cannot be read"),
        (edited(populations=[]), "metadata 'bss2sim' are of 0 populations, the graph has 1"),
        (lost(size=7), "metadata 'bss2sim' of the graph cannot be read"),
        (lost(refractory_time=-1.0), "node 'neuron': refractory_time must be"),
        (lost(spike_mask=[True]), "node 'neuron': spike_mask"),
        (lost(transform="a"), "node 'neuron': transform must be a number"),
    ],
)  # fmt: skip
def test_from_nir__refuses(graph, message):
    unit = None if isinstance(graph, nir.NIRGraph) and KEY in graph.metadata else 1.0
    with pytest.raises(b2.InputError, match=message):
        from_nir(graph, time_unit=unit)


def test_from_nir__chains_that_do_not_fit():
    cuba = {"tau_syn": ones, "tau_mem": ones, "r": ones, "v_leak": ones}
    nodes = [nir.Linear(np.ones((2, 2))), nir.CubaLI(**cuba), nir.Linear(np.ones((2, 2))), nir.CubaLI(**cuba)]
    with pytest.raises(b2.InputError, match="node 'linear_1' is behind a population without spikes"):
        from_nir(nir.NIRGraph.from_list(*nodes), time_unit=1.0)
    nodes[1], nodes[2] = nir.CubaLIF(**cuba, v_threshold=ones), nir.Linear(np.ones((2, 3)))
    with pytest.raises(b2.InputError, match="node 'linear_1' has 3 inputs; the population before it has 2 neurons"):
        from_nir(nir.NIRGraph.from_list(*nodes, type_check=False), time_unit=1.0)


def test_from_nir__unit_of_time():
    with pytest.raises(b2.ParameterError, match="does not say in which unit its times are; give time_unit="):
        from_nir(chain())
    graph = to_nir(IAF, ONE, time_unit=1e-3)
    with pytest.raises(b2.ParameterError, match=r"time_unit is 1.0 s, but the graph was written with 0.001 s"):
        from_nir(graph, time_unit=1.0)
    with pytest.raises(b2.ParameterError, match="time_unit must be"):
        from_nir(graph, time_unit="ms")
    assert from_nir(graph, time_unit=1e-3)[0][0] == IAF
