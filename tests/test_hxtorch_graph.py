"""The graph of modules of bss2sim.hxtorch: how modules are connected, ordered, grouped and run."""

import networkx
import pytest
import torch

import bss2sim.hxtorch as hxsnn
from bss2sim.errors import InputError, ParameterError, UnknownKeywordError

SPIKES = torch.zeros(30, 2, 4)
SPIKES[::3] = 1.0


@pytest.fixture
def experiment():
    return hxsnn.Experiment(mock=True)


class Scale(hxsnn.HXModule):
    """Multiplies jumps."""

    output_type = hxsnn.SynapseHandle

    def __init__(self, experiment, factor):
        super().__init__(experiment)
        self.factor = factor

    def forward_func(self, input, hw_data=None):
        assert hw_data is None
        return hxsnn.SynapseHandle(self.factor * input.graded_spikes)


class Total(hxsnn.HXBaseExperimentModule):
    """Adds jumps; takes no recordings, and returns a tensor."""

    output_type = hxsnn.SynapseHandle

    def forward_func(self, *inputs):
        return sum(handle.graded_spikes for handle in inputs)


def test_graph__has_nodes_edges_and_open_ends(experiment):
    synapses, neurons = hxsnn.Synapse(4, 2, experiment), hxsnn.IAFNeuron(2, experiment)
    readout = hxsnn.ReadoutNeuron(2, experiment)
    handle = hxsnn.NeuronHandle(SPIKES)
    graded = synapses(handle)
    spikes = neurons(graded)
    trace = readout(graded)
    modules = experiment.modules
    assert modules.nodes == {synapses: 0, neurons: 1, readout: 2}
    assert set(modules.graph.edges) == {("s_0_0", 0), (0, 1), (0, 2), (1, "t_1"), (2, "t_2")}
    assert networkx.get_edge_attributes(modules.graph, "handle")[(0, 1)] is graded
    assert modules.find_edges(graded) == [(0, 1), (0, 2)]
    assert modules.input_data() == [handle]
    assert (modules.get_id_by_module(neurons), modules.get_module_by_id(1)) == (1, neurons)
    assert (modules.get_id_by_module(None), modules.get_module_by_id(9)) == (None, None)
    assert modules.has_module(readout) and not modules.has_module(None)
    assert modules.source_populations(readout) == [] and modules.target_populations(synapses) == [neurons, readout]
    assert str(modules).splitlines()[:2] == ["ModuleManager", "0: Synapse(in_features=4)"]
    assert hxsnn.run(experiment, 30) is None
    assert spikes.spikes.shape == trace.membrane_cadc.shape == (30, 2, 2)
    assert not modules.graph.nodes and modules.nodes == {synapses: 0, neurons: 1, readout: 2}


def test_graph__reaches_populations_through_other_modules(experiment):
    inputs, synapses, scale = hxsnn.InputNeuron(4, experiment), hxsnn.Synapse(4, 2, experiment), Scale(experiment, 2.0)
    neurons = hxsnn.Neuron(2, experiment)
    neurons(scale(synapses(inputs(hxsnn.NeuronHandle(SPIKES)))))
    assert experiment.modules.source_populations(neurons) == [inputs]
    assert experiment.modules.target_populations(inputs) == [neurons]


def test_run__order_of_calls_does_not_matter(experiment):
    first, second, total = Scale(experiment, 2.0), Scale(experiment, 3.0), Total(experiment)
    middle = hxsnn.SynapseHandle()
    first._output_handle = middle  # known before the module is called
    last = total(second(middle), middle)
    first(hxsnn.SynapseHandle(torch.ones(1, 1, 1)))
    assert experiment.modules.input_data()[0].holds("graded_spikes")
    hxsnn.run(experiment, None)
    assert last.graded_spikes.item() == 8.0


def test_run__again_and_again(experiment):
    scale = Scale(experiment, 2.0)
    for value in (1.0, 5.0):
        handle = scale(hxsnn.SynapseHandle(torch.full((1, 1, 1), value)))
        assert not handle.holds("graded_spikes"), "nothing of an earlier run is left"
        hxsnn.run(experiment, 1)
        assert handle.graded_spikes.item() == 2 * value


def test_run__one_handle_twice_counts_twice(experiment):
    total = Total(experiment)
    handle = hxsnn.SynapseHandle(torch.ones(1, 1, 1))
    out = total(handle, handle)
    hxsnn.run(experiment, 1)
    assert out.graded_spikes.item() == 2.0


def test_neurons__several_inputs_are_summed(experiment):
    jumps = hxsnn.SynapseHandle(torch.full((30, 1, 2), 0.1))
    twice = hxsnn.SynapseHandle(torch.full((30, 1, 2), 0.2))
    for kind, values in ((hxsnn.IAFNeuron, {"reset": 0.0, "threshold": 1.0}), (hxsnn.ReadoutNeuron, {"leak": 0.0})):
        one, other = kind(2, experiment, **values), kind(2, experiment, **values)
        left, right = one(jumps, jumps), other(twice)
        hxsnn.run(experiment, 30)
        assert torch.equal(left.membrane_cadc, right.membrane_cadc) and left.membrane_cadc.any()


def test_run__circles_are_refused_and_the_graph_is_empty_afterwards(experiment):
    one, other = Total(experiment), Scale(experiment, 1.0)
    one(hxsnn.SynapseHandle(), other(one._output_handle))
    with pytest.raises(InputError, match=r"feed each other in a circle: .*Total\(\).*Scale\(\).*HXModuleWrapper"):
        hxsnn.run(experiment, 1)
    assert not experiment.modules.graph.nodes


def test_module__refuses_what_it_cannot_take(experiment):
    scale = Scale(experiment, 1.0)
    with pytest.raises(InputError, match=r"Scale takes handles; got Tensor: wrap tensors, as NeuronHandle\(spikes\)"):
        scale(torch.ones(1))
    with pytest.raises(InputError, match=r"Scale\(\) was called without a handle"):
        scale()
    scale(hxsnn.SynapseHandle())
    with pytest.raises(InputError, match=r"Scale\(\) was called twice before run\(\)"):
        scale(hxsnn.SynapseHandle())
    experiment.clear()
    scale(hxsnn.SynapseHandle(torch.ones(1)))
    with pytest.raises(ParameterError, match="experiment must be an instance of Experiment; got None"):
        Scale(None, 1.0)
    with pytest.raises(ParameterError, match="execution_instance must be an instance of ExecutionInstance; got 3"):
        hxsnn.HXModule(experiment, 3)
    with pytest.raises(ParameterError, match="DLSGlobal must be a whole number from 0 to 0; got 1"):
        hxsnn.HXModule(experiment, chip_coordinate=1)


def test_errors__name_the_module(experiment):
    neurons = hxsnn.IAFNeuron(3, experiment)
    neurons(hxsnn.SynapseHandle(torch.ones(9, 1, 2)))
    message = r"IAFNeuron\(size=3\): graded_spikes must be \(time, batch, neuron\) with 3 neurons; got \(9, 1, 2\)"
    with pytest.raises(InputError, match=message):
        hxsnn.run(experiment, 9)
    neurons(hxsnn.NeuronHandle(torch.ones(9, 1, 3)))
    with pytest.raises(
        InputError, match="the input must carry 'graded_spikes'; a NeuronHandle carries spikes, membrane_cadc"
    ):
        hxsnn.run(experiment, 9)
    neurons(hxsnn.SynapseHandle(torch.ones(9, 1, 3)), hxsnn.SynapseHandle(torch.ones(8, 1, 3)))
    message = r"inputs must have the same steps and trials; their graded_spikes are \(9, 1, 3\), \(8, 1, 3\)"
    with pytest.raises(InputError, match=message):
        hxsnn.run(experiment, 9)
    neurons(hxsnn.SynapseHandle())
    with pytest.raises(InputError, match=r"graded_spikes of the input must be a tensor .*; got None"):
        hxsnn.run(experiment, 9)
    hxsnn.HXBaseExperimentModule(experiment)(hxsnn.TensorHandle())
    with pytest.raises(InputError, match="HXBaseExperimentModule has no forward_func"):
        hxsnn.run(experiment, 9)
    with pytest.raises(InputError, match="there is no input; pass a SynapseHandle"):
        neurons.forward_func()


def test_experiment__refuses(experiment):
    assert not hxsnn.Experiment().mock
    with pytest.raises(ParameterError, match="mock must be True or False; got 1"):
        hxsnn.Experiment(mock=1)
    with pytest.raises(ParameterError, match="dt must be finite and above 0 s; got 0"):
        hxsnn.Experiment(mock=True, dt=0)
    with pytest.raises(ParameterError, match="hw_routing_func must be a function or None; got 3"):
        hxsnn.Experiment(mock=True, hw_routing_func=3)
    with pytest.raises(UnknownKeywordError, match="has no argument 'mok'; did you mean 'mock'"):
        hxsnn.Experiment(mok=True)
    for runtime in (2.5, 0, True, "30"):
        with pytest.raises(ValueError, match=r"Requested runtime invalid\. It must be a whole number of steps"):
            hxsnn.run(experiment, runtime)
    with pytest.raises(ParameterError, match="experiment must be an Experiment; got int"):
        hxsnn.run(3, 10)
    with pytest.raises(ParameterError, match="default_execution_instance must be an ExecutionInstance; got None"):
        experiment.default_execution_instance = None
    assert experiment.get_hw_results(30) == ({}, None)


def test_experiment__has_the_attributes_of_the_reference(experiment):
    assert (experiment.mock, experiment.dt, experiment.inter_batch_entry_wait) == (True, 1e-6, None)
    assert experiment.last_run_chip_configs is experiment.grenade_network is experiment.grenade_network_graph is None
    own = hxsnn.ExecutionInstance()
    experiment.default_execution_instance = own
    neurons, synapses = hxsnn.IAFNeuron(2, experiment), hxsnn.Synapse(2, 2, experiment)
    assert own.modules == [neurons, synapses] and neurons.execution_instance is own
    assert (experiment._populations, experiment._projections) == ([neurons], [synapses])


def test_execution_instance__loads_a_calibration_and_refuses(tmp_path):
    with pytest.raises(ParameterError, match="calib_path must be a path; got 3"):
        hxsnn.ExecutionInstance(calib_path=3)
    with pytest.raises(ParameterError, match="input_loopback must be True or False; got 1"):
        hxsnn.ExecutionInstance(input_loopback=1)
    with pytest.raises(OSError, match="nothing"):
        hxsnn.ExecutionInstance(tmp_path / "nothing.nc")
    one, other = hxsnn.ExecutionInstance(calib_cache_dir=tmp_path), hxsnn.ExecutionInstance()
    assert other.ID == one.ID + 1 and one.calib is None
    one.calibrate()
    assert one.calib is None, "there is nothing to calibrate to"


class Pair(hxsnn.HXModuleWrapper):
    """Synapses and neurons that feed back: what the group is for."""

    def forward_func(self, input, hw_data=None):
        jumps = self.synapses.func(input)
        return jumps, self.neurons.func(jumps)


def test_wrapper__runs_its_modules_as_one(experiment):
    synapses, neurons, scale = hxsnn.Synapse(4, 2, experiment), hxsnn.IAFNeuron(2, experiment), Scale(experiment, 1.0)
    pair = Pair(experiment, synapses=synapses, neurons=neurons)
    outside = hxsnn.Synapse(2, 2, experiment)
    assert pair.modules == [synapses, neurons]
    assert pair.contains(neurons) and pair.contains([synapses, neurons]) and not pair.contains([neurons, scale])
    out = neurons(synapses(hxsnn.NeuronHandle(SPIKES)))
    behind = scale(outside(out))
    pair()
    assert experiment.modules.get_wrapper_by_id("w_0") is pair
    assert experiment.modules.get_id_by_wrapper(pair) == "w_0"
    steps = experiment.modules.done()
    assert [step.module for step in steps] == [pair, outside, scale]
    assert len(steps[0].sources) == 1 and steps[0].target == (synapses._output_handle, out)
    hxsnn.run(experiment, 30)
    assert out.spikes.shape == behind.graded_spikes.shape == (30, 2, 2)
    assert not experiment.modules.wrappers


def test_wrapper__makes_circles_possible(experiment):
    class Echo(hxsnn.HXModuleWrapper):
        def forward_func(self, input):
            return (hxsnn.SynapseHandle(input.graded_spikes + 1), hxsnn.SynapseHandle(input.graded_spikes + 2))

    one, other = Total(experiment), Scale(experiment, 1.0)
    group = Echo(experiment, one=one, other=other)
    out = one(hxsnn.SynapseHandle(torch.ones(1)), other(one._output_handle))
    group()
    hxsnn.run(experiment, 1)
    assert (out.graded_spikes.item(), other._output_handle.graded_spikes.item()) == (2.0, 3.0)


def test_wrapper__update_replaces_and_adds(experiment):
    one, other, third = (Scale(experiment, float(k)) for k in range(3))
    group = Pair(experiment, synapses=one)
    group.update(synapses=other, neurons=third)
    assert group.modules == [other, third] and group.synapses is other
    assert group.extra_repr() == "Scale, Scale"


def test_wrapper__refuses(experiment):
    synapses, neurons = hxsnn.Synapse(4, 2, experiment), hxsnn.IAFNeuron(2, experiment)
    pair = Pair(experiment, synapses=synapses, neurons=neurons)
    graded = synapses(hxsnn.NeuronHandle(SPIKES))
    with pytest.raises(ValueError, match=r"Pair: call all its modules before it; not called .*: IAFNeuron\(size=2\)"):
        pair()
    with pytest.raises(InputError, match="Pair takes no handles"):
        pair(graded)
    neurons(graded)
    pair()
    with pytest.raises(InputError, match=r"Synapse\(in_features=4\) is in two groups"):
        Pair(experiment, synapses=synapses)()
    with pytest.raises(ParameterError, match="lif must be an instance of HXBaseExperimentModule; got 3"):
        Pair(experiment, lif=3)
    experiment.clear()

    class Half(hxsnn.HXModuleWrapper):
        def forward_func(self, input):
            return self.synapses.func(input)

    half = Half(experiment, synapses=synapses, neurons=neurons)
    neurons(synapses(hxsnn.NeuronHandle(SPIKES)))
    half()
    with pytest.raises(
        InputError, match="must return 2 handles, one for each of Synapse, IAFNeuron; got SynapseHandle"
    ):
        hxsnn.run(experiment, 30)
