"""A script as a user of hxtorch would write it: recurrent non-leaking neurons, in mock mode or on the chip, calibrated beforehand.

It imports nothing from bss2sim. tests/test_hxtorch_recurrence.py runs it in both modes.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import calix.spiking
import hxtorch
import hxtorch.snn as hxsnn
import numpy as np
import torch
from calix.spiking import SpikingCalibTarget
from calix.spiking.neuron import NeuronCalibTarget
from dlens_vx_v3 import hal, halco, lola
from hxtorch.snn import functional as F
from hxtorch.spiking.functional.iaf import iaf_step
from hxtorch.spiking.functional.refractory import refractory_update
from hxtorch.spiking.transforms import weight_transforms


class RecurrentLayer(hxsnn.HXModuleWrapper):
    """Inputs, neurons and the synapses between them, computed together."""

    def forward_func(self, input, hw_data=None):
        """One handle for each module."""
        neurons, dt = self.neurons, self.experiment.dt
        jumps = F.linear(input.spikes, self.inputs.weight)
        spikes_hw = membrane_hw = [None] * len(jumps)
        if hw_data is not None:
            spikes_hw, membrane_hw, _ = hw_data[self.modules.index(neurons)]
            jumps = jumps[: len(spikes_hw)]
        params = {name: getattr(neurons, name).model_value for name in ("reset", "threshold", "tau_syn", "tau_mem")}
        z = i = left = torch.zeros(jumps.shape[1:])
        v = z + params["reset"]
        trace = []
        for step in range(len(jumps)):
            recurrent = F.linear(z, self.recurrent.weight)
            z, v, i = iaf_step(
                z, v, i, jumps[step] + recurrent, spikes_hw[step], membrane_hw[step],
                method=neurons.method, alpha=neurons.alpha, dt=dt, **params,
            )  # fmt: skip
            z, v, left = refractory_update(
                z, v, left, spikes_hw[step], membrane_hw[step], reset=params["reset"],
                refractory_time=neurons.refractory_time.model_value, dt=dt,
            )  # fmt: skip
            trace.append((z, v, i, recurrent))
        spikes, membrane, current, recurrent = (torch.stack(part) for part in zip(*trace, strict=True))
        return (
            hxsnn.SynapseHandle(jumps), hxsnn.NeuronHandle(spikes, membrane, current), hxsnn.SynapseHandle(recurrent)
        )  # fmt: skip


class Network(torch.nn.Module):
    """A recurrent layer and a readout."""

    def __init__(self, mock: bool, size: int, instance: hxsnn.ExecutionInstance) -> None:
        super().__init__()
        self.experiment = hxsnn.Experiment(mock=mock)
        self.experiment.default_execution_instance = instance
        transform = partial(weight_transforms.linear_saturating, scale=55.0)
        places = [
            halco.LogicalNeuronOnDLS(
                halco.LogicalNeuronCompartments(
                    {halco.CompartmentOnLogicalNeuron(): [halco.AtomicNeuronOnLogicalNeuron()]}
                ),
                halco.AtomicNeuronOnDLS(halco.EnumRanged_512_(k)),
            )
            for k in range(size)
        ]
        self.inputs = hxsnn.Synapse(4, size, self.experiment, transform=transform)
        self.neurons = hxsnn.IAFNeuron(
            size, self.experiment, reset=hxsnn.MixedHXModelParameter(0.0, 80), threshold=hxsnn.MixedHXModelParameter(1.0, 125),
            refractory_time=2e-6, placement_constraint=places, trace_offset=-48, trace_scale=1 / 45,
        )  # fmt: skip
        self.recurrent = hxsnn.Synapse(size, size, self.experiment, transform=transform)
        self.layer = RecurrentLayer(self.experiment, inputs=self.inputs, neurons=self.neurons, recurrent=self.recurrent)
        self.linear = hxsnn.Synapse(size, 2, self.experiment, transform=transform)
        self.readout = hxsnn.ReadoutNeuron(
            2, self.experiment, leak=hxsnn.MixedHXModelParameter(0.0, 80), trace_offset=-48, trace_scale=1 / 45
        )
        torch.nn.init.uniform_(self.inputs.weight, 0.2, 0.7)
        torch.nn.init.normal_(self.recurrent.weight, 0.0, 0.2)
        torch.nn.init.normal_(self.linear.weight, 0.0, 0.3)

    def forward(self, spikes: torch.Tensor) -> hxsnn.ReadoutNeuronHandle:
        """Traces of the readout."""
        self.fired = self.neurons(self.inputs(hxsnn.NeuronHandle(spikes)), self.recurrent._output_handle)
        self.recurrent(self.fired)
        self.layer()
        trace = self.readout(self.linear(self.fired))
        hxsnn.run(self.experiment, len(spikes))
        return trace


def calibration(folder: Path) -> Path:
    """File of a calibration for the neurons above."""
    target = SpikingCalibTarget(neuron_target=NeuronCalibTarget.DenseDefault)
    circuits = [coord.toEnum().value() for coord in halco.iter_all(halco.AtomicNeuronOnDLS)]
    target.neuron_target.reset[circuits] = 80
    target.neuron_target.tau_mem[circuits] = 10.0  # us
    target.neuron_target.tau_syn[:] = 10.0
    target.neuron_target.i_synin_gm = np.array([500, 500])
    found = calix.spiking.calibrate(None, target)
    found.to_netcdf(folder / "calibration.nc")
    block = lola.NeuronBlock(found.registers.drop_attrs(deep=False))
    counter = block.atomic_neurons[halco.AtomicNeuronOnDLS(7)].refractory_period.refractory_time
    assert 0 < counter <= hal.NeuronBackendConfig.RefractoryTime.max
    return folder / "calibration.nc"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mock", action="store_true")
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    hxtorch.init_hardware()
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name:
        instance = hxsnn.ExecutionInstance(calib_path=None if arguments.mock else calibration(Path(name)))
    network = Network(arguments.mock, 10, instance)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    inputs = (torch.rand(60, 5, 4) < 0.08).float()
    for step in range(arguments.steps):
        optimizer.zero_grad()
        trace = network(inputs)
        loss = ((trace.membrane_cadc[-1] - torch.tensor([0.5, -0.5])) ** 2).mean()
        loss.backward()
        gradient = network.recurrent.weight.grad.abs().sum()
        print(f"step {step}: loss {loss:.4f}, spikes {int(network.fired.spikes.sum())}, gradient {gradient:.3f}")
        optimizer.step()
    hxtorch.release_hardware()
