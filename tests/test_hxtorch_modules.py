"""Neurons, synapses and dropout of bss2sim.hxtorch: arguments, attributes, numbers that are not in the golden data."""

import copy
import inspect

import numpy as np
import pytest
import torch

import bss2sim as b2
import bss2sim.hxtorch as hxsnn
from bss2sim.errors import InputError, ParameterError, UnknownKeywordError
from bss2sim.hxtorch import halco
from bss2sim.hxtorch.modules.neuron_arguments import EXTRA

FIRING = {"reset": 0.0, "threshold": 1.0}
NEURONS = [hxsnn.IAFNeuron, hxsnn.Neuron, hxsnn.NeuronExp, hxsnn.ReadoutNeuron, hxsnn.ReadoutNeuronExp]


@pytest.fixture
def experiment():
    return hxsnn.Experiment(mock=True)


def run_with(neurons, jumps):
    """Output of neurons for some jumps."""
    handle = neurons(hxsnn.SynapseHandle(jumps))
    hxsnn.run(neurons.experiment, None)
    return handle


@pytest.mark.parametrize("kind", NEURONS)
def test_neurons__have_defaults_and_attributes(kind, experiment):
    neurons = kind(3, experiment)
    wanted = {
        "leak": 80, "reset": 80, "threshold": 125, "tau_mem": 1e-5, "tau_syn": 1e-5, "i_synin_gm": 500, "membrane_capacitance": 63,
        "refractory_time": 1e-6, "synapse_dac_bias": 600, "holdoff_time": 0.0, "e_coba_reversal": None, "e_coba_reference": None,
    }  # fmt: skip
    assert {name: parameter.model_value for name, parameter in neurons.params_dict().items()} == wanted
    assert all(isinstance(getattr(neurons, name), hxsnn.HXParameter) for name in wanted)
    attributes = (
        "size",
        "alpha",
        "method",
        "scale",
        "offset",
        "cadc_time_shift",
        "shift_cadc_to_first",
        "interpolation_mode",
    )
    assert [getattr(neurons, name) for name in attributes] == [3, 50.0, "superspike", 1.0, 0.0, 0, False, "linear"]
    assert neurons.mask.tolist() == [1, 1, 1] and neurons.unit_ids.tolist() == [0, 1, 2]
    assert neurons.chip_coordinate == halco.DLSGlobal(0) and neurons.descriptor is None
    assert kind(2, experiment).unit_ids.tolist() == [3, 4]
    assert repr(neurons).startswith(f"{kind.__name__}(\n  size=3")
    assert isinstance(neurons._output_handle, kind.output_type)
    assert neurons.enable_spike_recording == (kind.output_type is hxsnn.NeuronHandle)


@pytest.mark.parametrize("kind", NEURONS)
def test_neurons__refuse_keywords_that_do_not_exist(kind, experiment):
    with pytest.raises(UnknownKeywordError, match=r"\(\) has no argument 'tau_men'; did you mean 'tau_mem'"):
        kind(3, experiment, tau_men=1e-6)


def test_iaf_neuron__passes_the_extra_keywords_of_the_reference_on(experiment):
    neurons = hxsnn.IAFNeuron(
        2, experiment, leak=70, chip_coordinate=halco.DLSGlobal(0), e_coba_reversal=300.0, e_coba_reference=100.0
    )
    assert (neurons.leak.model_value, neurons.e_coba_reversal(), neurons.e_coba_reference()) == (70, 300.0, 100.0)
    assert set(EXTRA) == {"leak", "chip_coordinate", "e_coba_reversal", "e_coba_reference"}
    with pytest.raises(UnknownKeywordError, match="ReadoutNeuron"):
        hxsnn.ReadoutNeuron(2, experiment, threshold=3.0)


def test_arguments__are_those_of_the_reference():
    """Order too: scripts pass some by position."""
    names = list(inspect.signature(hxsnn.IAFNeuron).parameters)
    assert names[:6] == ["size", "experiment", "reset", "threshold", "tau_mem", "tau_syn"]
    assert names[-1] == "extra_params" and len(names) == 27
    assert list(inspect.signature(hxsnn.Neuron).parameters)[2] == "leak"
    assert list(inspect.signature(hxsnn.ReadoutNeuron).parameters)[:4] == ["size", "experiment", "leak", "tau_mem"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": float("nan")}, "threshold must be finite real numbers; its model_value is nan"),
        ({"threshold": "high"}, "threshold must be a number or a tensor; its model_value is 'high'"),
        ({"reset": torch.zeros(2)}, r"reset must be one number, .* 3 neurons; its model_value has the shape \(2,\)"),
        ({"tau_mem": hxsnn.MixedHXModelParameter(1e-6, torch.ones(4))}, r"its hardware_value has the shape \(4,\)"),
        ({"alpha": 0.0}, "alpha must be finite and above 0; got 0.0"),
        ({"method": "superspik"}, "method must be one of 'superspike'; got 'superspik'; did you mean 'superspike'"),
        ({"i_synin_gm": 1023}, "i_synin_gm must be a whole number, 0 to 1022"),
        ({"membrane_capacitance": torch.tensor([1, 2, 64])}, "membrane_capacitance must be a whole number, 0 to 63"),
        ({"synapse_dac_bias": hxsnn.HXParameter(-1)}, "synapse_dac_bias must be a whole number, 0 to 1022"),
        ({"enable_cadc_recording": 1}, "enable_cadc_recording must be True or False"),
        ({"enable_madc_recording": True}, "enable_madc_recording needs to know which neuron"),
        ({"record_neuron_id": 3}, r"record_neuron_id must be the index of a neuron of the population, 0 \.\. 2; got 3"),
        ({"placement_constraint": [1, 2]}, "placement_constraint has 2 entries for 3 neurons"),
        ({"trace_scale": torch.ones(2)}, "trace_scale"),
        ({"trace_offset": {}}, "trace_offset is an empty mapping"),
        ({"cadc_time_shift": 0.5}, "cadc_time_shift must be a whole number of rows; got 0.5"),
        ({"interpolation_mode": "cubic"}, "interpolation_mode must be one of 'linear', 'nn'; got 'cubic'"),
        ({"neuron_structure": 2}, "neuron_structure must be a SingleCompartmentNeuron; got 2"),
        ({"size": 0}, "size must be a whole number of at least 1; got 0"),
    ],
)
def test_neurons__refuse_values(arguments, message, experiment):
    with pytest.raises(ParameterError, match=message):
        hxsnn.IAFNeuron(**{"size": 3, "experiment": experiment, **arguments})


def test_neurons__take_what_acts_on_the_chip(experiment):
    structure = hxsnn.morphology.SingleCompartmentNeuron(2)
    place = [halco.LogicalNeuronOnDLS(structure.compartments, halco.AtomicNeuronOnDLS(k)) for k in (4, 9)]
    neurons = hxsnn.IAFNeuron(
        2, experiment, i_synin_gm=(400, 500), membrane_capacitance=torch.tensor([63, 10]), trace_offset=dict.fromkeys(place, -48.0),
        trace_scale=torch.tensor([0.5, 1.0]), neuron_structure=structure, placement_constraint=place, enable_madc_recording=True,
        record_neuron_id=1, interpolation_mode="nn", cadc_time_shift=-1,
    )  # fmt: skip
    assert neurons.placement_constraint is place and neurons.offset[place[1]] == -48.0
    assert run_with(neurons, torch.zeros(5, 1, 2)).spikes.shape == (5, 1, 2)


@pytest.mark.parametrize("kind", [hxsnn.IAFNeuron, hxsnn.Neuron])
def test_neurons__have_refractory_and_holdoff_time(kind, experiment):
    """They are those of the engine, which has its own tests."""
    jumps = torch.rand(200, 3, 4, generator=torch.Generator().manual_seed(1)) * 0.4
    times = {"refractory_time": 7e-6, "holdoff_time": torch.tensor([0.0, 1e-6, 3e-6, 7e-6], dtype=torch.float64)}
    leak = {"leak": 0.0} if kind is hxsnn.Neuron else {}
    found = run_with(kind(4, experiment, **FIRING, **leak, **times), jumps)
    neurons = (b2.LIFNeuron if leak else b2.IAFNeuron)(
        4, **FIRING, **leak, **{k: np.asarray(v) for k, v in times.items()}
    )
    record = b2.Recording(spikes="dense", membrane=True, current=True)
    wanted = b2.simulate(neurons, jumps.numpy(), dt=1e-6, integrator="euler", record=record)
    assert found.spikes.any() and not torch.equal(found.spikes[..., 0], found.spikes[..., 3])
    for name, variable in (("spikes", "spikes"), ("membrane_cadc", "membrane"), ("current", "current")):
        expected = wanted[variable].transpose("time", "batch", "neuron").values
        np.testing.assert_array_equal(getattr(found, name).numpy(), expected.astype(np.float32))
    free = run_with(kind(4, experiment, **FIRING, **leak, refractory_time=0.0), jumps)
    assert free.spikes.sum() > found.spikes.sum()


def test_parameters__of_every_neuron_are_trained(experiment):
    values = {
        "threshold": hxsnn.HXParameter(torch.full((2,), 1.0)).make_trainable(),
        "tau_mem": hxsnn.MixedHXModelParameter(10e-6, 12e-6).make_trainable(),
    }
    neurons = hxsnn.IAFNeuron(2, experiment, reset=0.0, **values)
    assert neurons.has_trainable_params() and not hxsnn.IAFNeuron(2, experiment).has_trainable_params()
    assert {name for name, _ in neurons.named_parameters()} == {"threshold._model_value", "tau_mem._model_value"}
    run_with(neurons, torch.full((50, 1, 2), 0.1)).spikes.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in neurons.parameters())


def test_changes__are_noticed_by_value(experiment):
    """hxtorch compares the names of parameters (facts: a change after the first run does not recalibrate)."""
    neurons = hxsnn.IAFNeuron(2, experiment, threshold=hxsnn.MixedHXModelParameter(1.0, torch.tensor([100.0, 110.0])))
    synapses = hxsnn.Synapse(2, 2, experiment)
    modules = experiment.modules
    neurons(synapses(hxsnn.NeuronHandle()))
    assert neurons.calib_changed_since_last_run() and modules.changed_since_last_run()
    modules.reset_changed_since_last_run()
    assert not neurons.changed_since_last_run and not synapses.changed_since_last_run
    assert not modules.changed_since_last_run()
    neurons.threshold.model_value = 2.0
    assert not neurons.calib_changed_since_last_run(), "the chip does not see it"
    neurons.threshold.hardware_value[1] = 120.0
    assert neurons.calib_changed_since_last_run() and neurons.changed_since_last_run
    modules.reset_changed_since_last_run()
    neurons.e_coba_reversal.hardware_value = 1.0
    assert neurons.calib_changed_since_last_run()
    modules.reset_changed_since_last_run()
    synapses.weight.data[0, 0] += 1
    assert synapses.changed_since_last_run and modules.changed_since_last_run()


def test_synapse__draws_weights_and_takes_spikes_of_any_kind(experiment):
    synapses = hxsnn.Synapse(4, 3, experiment, dtype=torch.float64)
    assert synapses.weight.dtype == torch.float64 and synapses.weight.abs().max() <= 0.5
    torch.manual_seed(3)
    synapses.reset_parameters()
    torch.manual_seed(3)
    torch.testing.assert_close(torch.nn.Linear(4, 3, bias=False, dtype=torch.float64).weight, synapses.weight)
    spikes = torch.zeros(5, 2, 4, dtype=torch.uint8)
    spikes[1, 0, 2] = 1
    for given in (spikes, spikes.bool(), spikes.to_sparse()):
        handle = synapses(hxsnn.NeuronHandle(given))
        hxsnn.run(experiment, None)
        assert torch.equal(handle.graded_spikes[1, 0], synapses.weight[:, 2])
    synapses(hxsnn.NeuronHandle(torch.zeros(5, 2, 3)))
    with pytest.raises(
        InputError, match=r"Synapse.*: spikes must be \(time, batch, input\) with 4 inputs; got \(5, 2, 3\)"
    ):
        hxsnn.run(experiment, None)
    with pytest.raises(ParameterError, match="transform must be a function of the weights; got 2"):
        hxsnn.Synapse(4, 3, experiment, transform=2)
    with pytest.raises(UnknownKeywordError, match="has no argument 'dtyp'; did you mean 'dtype'"):
        hxsnn.Synapse(4, 3, experiment, dtyp=None)


def test_sparse_synapse__knows_its_connections(experiment):
    connections = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, -1.0]])
    for given in (connections, connections.to_sparse()):
        synapses = hxsnn.SparseSynapse(given, experiment)
        assert synapses.connections == [(0, 0), (0, 2), (1, 2)]
        assert synapses.mask.tolist() == [[True, False], [False, False], [True, True]]
        assert synapses.extra_repr() == "in_features=2, out_features=3, connections=3"
    with pytest.raises(InputError, match=r"connections must be a tensor \(input, neuron\), .*; got list"):
        hxsnn.SparseSynapse([[1]], experiment)
    with pytest.raises(InputError, match=r"got shape \(3,\)"):
        hxsnn.SparseSynapse(torch.ones(3), experiment)
    message = r"connections \(input, neuron\) \(2, 3\) do not fit the weights \(neuron, input\) \(2, 3\)"
    with pytest.raises(InputError, match=message):
        hxsnn.functional.linear_sparse(torch.ones(1, 1, 3), torch.ones(2, 3), connections)


def test_input_neuron__hands_spikes_on(experiment):
    inputs = hxsnn.InputNeuron(2, experiment)
    spikes = torch.eye(2)[:, None]
    for given in (spikes, spikes.to_sparse()):
        handle = inputs(hxsnn.NeuronHandle(given))
        hxsnn.run(experiment, 2)
        assert torch.equal(handle.spikes, spikes)
    assert not inputs.has_trainable_params() and inputs.post_process(None, 1.0) is None
    looped = hxsnn.functional.input_neuron(spikes, (torch.ones(2, 1, 2, dtype=torch.uint8),))
    assert looped.spikes.sum() == 4.0 and looped.spikes.dtype == torch.float32
    inputs(hxsnn.NeuronHandle(torch.zeros(5, 1, 3)))
    with pytest.raises(InputError, match=r"InputNeuron\(size=2\): spikes must be \(time, batch, input\) with 2 inputs"):
        hxsnn.run(experiment, 2)


def test_dropout__drops_whole_neurons_once_a_run(experiment):
    neurons, dropout = hxsnn.IAFNeuron(40, experiment), hxsnn.BatchDropout(40, 0.5, experiment)
    jumps = hxsnn.SynapseHandle(torch.full((60, 3, 40), 20.0))
    masks = []
    for _ in range(2):
        fired, left = neurons(jumps), None
        left = dropout(fired)
        hxsnn.run(experiment, None)
        assert torch.equal(left.spikes, fired.spikes * dropout.mask) and left.membrane_cadc is fired.membrane_cadc
        assert torch.equal(neurons.mask, dropout.mask) and 0 < dropout.mask.sum() < 40
        masks.append(dropout.mask)
    assert not torch.equal(*masks)
    dropout.eval()
    left = dropout(neurons(jumps))
    hxsnn.run(experiment, None)
    assert dropout.mask.all() and neurons.mask.all() and left.spikes.any()


def test_inputs__that_do_not_fit_together_are_refused(experiment):
    readout = hxsnn.ReadoutNeuron(2, experiment)
    readout(hxsnn.SynapseHandle(torch.zeros(5, 3, 2)), hxsnn.SynapseHandle(torch.zeros(4, 3, 2)))
    with pytest.raises(InputError, match=r"same steps and trials; their graded_spikes are \(5, 3, 2\), \(4, 3, 2\)"):
        hxsnn.run(experiment, 5)


def test_dropout__refuses(experiment):
    with pytest.raises(ParameterError, match=r"dropout must be a probability, 0 to 1; got 1\.5"):
        hxsnn.BatchDropout(2, 1.5, experiment)
    dropout, neurons = hxsnn.BatchDropout(2, 0.5, experiment), hxsnn.IAFNeuron(3, experiment)
    dropout(hxsnn.NeuronHandle(torch.zeros(5, 1, 2)))
    with pytest.raises(
        TypeError, match=r"BatchDropout\(size=2\) must follow exactly one population .*; it follows an input"
    ):
        hxsnn.run(experiment, 5)
    inputs = hxsnn.InputNeuron(2, experiment)
    dropout(inputs(hxsnn.NeuronHandle(torch.zeros(5, 1, 2))))
    with pytest.raises(TypeError, match=r"it follows InputNeuron\(size=2\)"):
        hxsnn.run(experiment, 5)
    dropout(neurons(hxsnn.SynapseHandle(torch.zeros(5, 1, 3))))
    with pytest.raises(ParameterError, match=r"mask must be 0 or 1 for each of the 3 neurons; got tensor"):
        hxsnn.run(experiment, 5)
    with pytest.raises(InputError, match="there is no mask yet"):
        hxsnn.BatchDropout(2, 0.5, experiment).forward_func(hxsnn.NeuronHandle(torch.zeros(5, 1, 2)))
    with pytest.raises(InputError, match=r"spikes must be \(time, batch, neuron\) with 2 neurons; got \(5, 1, 3\)"):
        dropout.forward_func(hxsnn.NeuronHandle(torch.zeros(5, 1, 3)))


def test_names_that_are_not_here__say_so():
    with pytest.raises(AttributeError, match=r"has no EventPropNeuron; as in hxtorch it is in modules: bss2sim"):
        _ = hxsnn.EventPropNeuron
    with pytest.raises(AttributeError, match="has no attribute 'Synaps'; did you mean 'Synapse'"):
        _ = hxsnn.Synaps


def test_modules__are_copied_after_a_run(experiment):
    neurons = hxsnn.IAFNeuron(3, experiment, **FIRING)
    synapses = hxsnn.Synapse(2, 3, experiment)
    handle = neurons(synapses(hxsnn.NeuronHandle(torch.ones(5, 1, 2))))
    hxsnn.run(experiment, None)
    copied = copy.deepcopy(handle)
    assert copied.membrane_cadc.grad_fn is None and torch.equal(copied.membrane_cadc, handle.membrane_cadc)
    again = copy.deepcopy(torch.nn.ModuleList([synapses, neurons]))
    assert torch.equal(again[0].weight, synapses.weight) and again[0].weight is not synapses.weight


def test_run__without_anything_connected_is_refused(experiment):
    neurons = hxsnn.IAFNeuron(3, experiment)
    run_with(neurons, torch.zeros(5, 1, 3))
    with pytest.raises(InputError, match="nothing is connected; call the modules before each run"):
        hxsnn.run(experiment, 5)
