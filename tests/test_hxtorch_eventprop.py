"""EventProp on the grid: gradients of spike times against differences of the exact simulator, and what has none."""

import numpy as np
import pytest
import torch

import bss2sim as b2
import bss2sim.hxtorch as hxsnn
from bss2sim.errors import InputError, ParameterError
from bss2sim.hxtorch.functional import EventPropNeuronFunction, EventPropSynapseFunction, cuba_lif_integration

COARSE, FINE, END = 8e-8, 2e-8, 40e-6
TAU = {"tau_syn": 8e-6, "tau_mem": 12e-6}
RANDOM = np.random.default_rng(3)
WEIGHTS = RANDOM.uniform(1.5, 3.5, (3, 4)), RANDOM.uniform(1.5, 2.5, (1, 3))
TIMES = np.round(np.sort(RANDOM.uniform(1e-6, 15e-6, 8)) / COARSE) * COARSE
HELD = [(3e-6, 0.0), (6e-6, 5e-6)]


def last_spike(first, second, times, refractory_time, holdoff_time, number):
    """Time of a spike of the second layer in the exact simulation."""
    p = {
        "leak": 0.0,
        "reset": 0.0,
        "threshold": 1.0,
        "refractory_time": refractory_time,
        "holdoff_time": holdoff_time,
        **TAU,
    }
    given = times, np.arange(len(times)) % 4, np.zeros(len(times), int)
    for weight in (first, second):
        inputs = b2.sparse_spikes(*given, n_batch=1, n_neuron=weight.shape[1], duration=END)
        run = b2.simulate(b2.LIFNeuron(len(weight), **p), inputs, synapse=b2.Synapse(weight.T), dt=1e-6)
        given = [run[name].values for name in ("spike_time", "spike_neuron", "spike_batch")]
    return given[0][number]


def differences(number, held):
    """Central differences of that time by both weights and the times of the inputs."""
    arrays = [*WEIGHTS, TIMES]
    for which, (array, step) in enumerate(zip(arrays, (1e-6, 1e-6, 1e-10), strict=True)):
        found = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[place] += sign * step
                ends.append(last_spike(*arrays[:which], moved, *arrays[which + 1 :], *held, number))
            found[place] = (ends[0] - ends[1]) / (2 * step)
        yield found


def gradients(dt, held):
    """Number of the last spike of the second layer, and the gradients of its time by both weights and the times of the inputs."""
    spikes = torch.zeros(round(END / dt), 1, 4, dtype=torch.float64)
    for k, time in enumerate(TIMES):
        spikes[round(time / dt), 0, k % 4] = 1
    spikes.requires_grad_()
    weights = [torch.tensor(weight, requires_grad=True) for weight in WEIGHTS]
    z = spikes
    for weight in weights:
        z, _, _ = EventPropNeuronFunction.apply(
            EventPropSynapseFunction.apply(z, weight), 0.0, 0.0, 1.0, TAU["tau_syn"], TAU["tau_mem"], None, dt, *held
        )
    fired = z[:, 0, 0].nonzero().ravel()
    number = len(fired) - 1
    z[fired[number]].backward(torch.full((1, 1), -1.0))  # of the time of the last spike
    assert number > 2 and abs(last_spike(*WEIGHTS, TIMES, *held, number) - fired[number].item() * dt) < 15 * dt
    times = np.array([-spikes.grad[round(time / dt), 0, k % 4].item() for k, time in enumerate(TIMES)])
    return number, [*(weight.grad.numpy() for weight in weights), times]


@pytest.mark.parametrize("held", HELD)
def test_gradients__are_those_of_spike_times(held):
    """Through two layers, a clamp, and spikes at the end of a holdoff. What is left is proportional to the step."""
    number, coarse = gradients(COARSE, held)
    other, fine = gradients(FINE, held)
    assert number == other
    for far, near, wanted in zip(coarse, fine, differences(number, held), strict=True):
        left = [np.abs(one - wanted).max() / np.abs(wanted).max() for one in (far, near)]
        assert left[1] < 0.1 and left[1] < 0.4 * left[0]


def test_gradients__without_spikes_are_those_of_the_steps():
    """Of losses on membranes and currents."""
    found = []
    for exact in (True, False):
        jumps = torch.rand(30, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
        p = {"leak": 0.1, "reset": 0.0, "threshold": 99.0, **TAU}
        _, membrane, current = (
            EventPropNeuronFunction.apply(jumps, *p.values(), None, 1e-6)
            if exact
            else cuba_lif_integration(jumps, **p, method="superspike", alpha=50.0)[:3]
        )
        ((membrane**2).sum() + (current[::3] ** 2).sum()).backward()
        found.append(jumps.grad)
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


def test_modules__train_a_spike_time():
    """The first spike comes when it should."""
    experiment = hxsnn.Experiment(mock=True)
    synapses = hxsnn.modules.EventPropSynapse(3, 1, experiment)
    plain = hxsnn.Synapse(3, 1, experiment)
    neurons = hxsnn.modules.EventPropNeuron(1, experiment, leak=0.0, reset=0.0, threshold=1.0)
    synapses.weight.data[:], plain.weight.data[:] = 0.8, 0.4
    spikes = torch.zeros(60, 1, 3)
    spikes[[2, 5, 9], 0, [0, 1, 2]] = 1.0
    optimizer = torch.optim.Adam([synapses.weight, plain.weight], lr=0.02)
    first = []
    for _ in range(40):
        optimizer.zero_grad()
        handle = neurons(synapses(hxsnn.NeuronHandle(spikes)), plain(hxsnn.NeuronHandle(spikes)))
        hxsnn.run(experiment, None)
        first.append(handle.spikes[:, 0, 0].nonzero()[0].item())
        gradient = torch.zeros_like(handle.spikes)
        gradient[first[-1]] = -(first[-1] - 8.0)  # -dL/dt of (t - 8)^2 / 2
        handle.spikes.backward(gradient)
        assert plain.weight.grad.abs().sum() > 0 or first[-1] == 8
        optimizer.step()
    assert first[0] > 10 and abs(first[-1] - 8) <= 1


def test_function__measured_spikes_take_the_place_of_the_models():
    jumps = torch.full((20, 1, 1), 0.5, requires_grad=True)
    measured = torch.zeros(15, 1, 1)
    measured[6] = 1.0
    spikes, membrane, current = EventPropNeuronFunction.apply(jumps, 0.0, 0.0, 1.0, 1e-5, 1e-5, (measured, None), 1e-6)
    assert torch.equal(spikes, measured) and membrane.shape == current.shape == (15, 1, 1)
    spikes[6].sum().backward()
    assert jumps.grad.shape == (20, 1, 1) and jumps.grad[0] > 0 and not jumps.grad[6:].any()
    low = torch.full((20, 1, 1), 0.01, requires_grad=True)
    spikes, *_ = EventPropNeuronFunction.apply(low, 0.0, 0.0, 1.0, 1e-5, 1e-5, (measured, None), 1e-6)
    spikes.sum().backward()
    assert not low.grad.any(), "the membrane of the model would not rise there"


def test_synapses__refuse_neurons_without_gradients_of_times():
    experiment = hxsnn.Experiment(mock=True)
    synapses, readout = hxsnn.modules.EventPropSynapse(1, 2, experiment), hxsnn.ReadoutNeuron(2, experiment)
    readout(synapses(hxsnn.NeuronHandle(torch.zeros(5, 1, 1))))
    with pytest.raises(
        InputError, match=r"an EventPropSynapse needs an EventPropNeuron behind it, .* Or put a Synapse here"
    ):
        hxsnn.run(experiment, 5)


def test_function__refuses():
    jumps = torch.zeros(5, 1, 1)
    threshold = torch.tensor(1.0, requires_grad=True)
    with pytest.raises(
        ParameterError, match=r"EventProp has gradients of inputs and weights, none of threshold; train it with"
    ):
        EventPropNeuronFunction.apply(jumps, 0.0, 0.0, threshold, 1e-5, 1e-5)
    with pytest.raises(
        InputError, match=r"input must be jumps \(time, batch, neuron\), or those of an EventPropSynapse"
    ):
        EventPropNeuronFunction.apply(jumps[None], 0.0, 0.0, 1.0, 1e-5, 1e-5)
    experiment = hxsnn.Experiment(mock=True)
    with pytest.raises(ParameterError, match="method and alpha are those of SuperSpike, EventProp has none"):
        hxsnn.modules.EventPropNeuron(1, experiment, alpha=9.0)
    neurons = hxsnn.modules.EventPropNeuron(1, experiment, threshold=hxsnn.HXParameter(1.0).make_trainable(), reset=0.0)
    neurons(hxsnn.SynapseHandle(jumps))
    with pytest.raises(
        ParameterError, match=r"EventPropNeuron\(size=1\): EventProp has gradients of inputs and weights"
    ):
        hxsnn.run(experiment, None)
