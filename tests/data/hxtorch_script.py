"""A training as users of hxtorch write it: a leaky and a non-leaking network on the Yin-Yang data set, a few steps."""

import argparse

import hxtorch
import hxtorch.snn as hxsnn
import torch
from dlens_vx_v3 import halco
from hxtorch.snn.transforms.decode import MaxOverTime
from hxtorch.snn.transforms.encode import CoordinatesToSpikes
from hxtorch.spiking.datasets import YinYangDataset
from hxtorch.spiking.modules.iaf_neuron import IAFNeuron
from hxtorch.spiking.transforms.weight_transforms import linear_saturating

log = hxtorch.logger.get("yinyang")


class Network(torch.nn.Module):
    """Inputs, a hidden layer and a readout."""

    def __init__(self, leaky: bool, n_hidden: int) -> None:
        super().__init__()
        self.experiment = hxsnn.Experiment(mock=True, dt=1e-6)
        transform = lambda weight: linear_saturating(weight, scale=50.0)  # noqa: E731
        self.encode = CoordinatesToSpikes(seq_length=40, t_early=2e-6, t_late=26e-6, dt=1e-6, t_bias=18e-6)
        self.linear_h = hxsnn.Synapse(5, n_hidden, self.experiment, transform=transform)
        structure = hxsnn.morphology.SingleCompartmentNeuron(2, expand_horizontally=False)
        anchors = [
            halco.AtomicNeuronOnDLS(halco.NeuronColumnOnDLS(k), halco.NeuronRowOnDLS.top) for k in range(n_hidden)
        ]
        common = {
            "tau_mem": hxsnn.ModelParameter(6e-6),
            "tau_syn": hxsnn.HXParameter(6e-6),
            "threshold": hxsnn.MixedHXModelParameter(model_value=1.0, hardware_value=125),
            "reset": hxsnn.MixedHXModelParameter(model_value=0.0, hardware_value=80),
            "neuron_structure": structure,
            "placement_constraint": [halco.LogicalNeuronOnDLS(structure.compartments, anchor) for anchor in anchors],
        }
        if leaky:
            self.hidden = hxsnn.Neuron(n_hidden, self.experiment, leak=hxsnn.MixedHXModelParameter(0.0, 80), **common)
        else:
            self.hidden = IAFNeuron(n_hidden, self.experiment, trace_scale=0.02, **common)
        self.linear_o = hxsnn.Synapse(n_hidden, 3, self.experiment, transform=transform)
        self.readout = hxsnn.ReadoutNeuron(3, self.experiment, leak=hxsnn.MixedHXModelParameter(0.0, 80), tau_mem=6e-6)
        self.decode = MaxOverTime()
        torch.nn.init.normal_(self.linear_h.weight, 0.7 if not leaky else 1.2, 1.6)
        torch.nn.init.normal_(self.linear_o.weight, 0.01, 0.1)

    def forward(self, coordinates: torch.Tensor) -> torch.Tensor:
        """Scores (batch, class)."""
        spikes = hxsnn.NeuronHandle(self.encode(coordinates))
        self.hidden_handle = self.hidden(self.linear_h(spikes))
        readout = self.readout(self.linear_o(self.hidden_handle))
        hxsnn.run(self.experiment, 40)
        return self.decode(readout.membrane_cadc)


def train(leaky: bool, args: argparse.Namespace) -> None:
    """Some epochs."""
    torch.manual_seed(args.seed)
    loader = torch.utils.data.DataLoader(YinYangDataset(size=args.samples, seed=42), batch_size=50, shuffle=True)
    network = Network(leaky, args.hidden)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    for epoch in range(args.epochs):
        losses = []
        for coordinates, classes in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(coordinates), classes)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        log.INFO(f"epoch {epoch}: {losses}")
        print(
            f"leaky={leaky} epoch {epoch}: loss {sum(losses) / len(losses):.4f}, rate {network.hidden_handle.spikes.mean():.4f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--hidden", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    hxtorch.logger.default_config(level=hxtorch.logger.LogLevel.WARN)
    hxtorch.init_hardware()
    arguments = parser.parse_args()
    for kind in (True, False):
        train(kind, arguments)
    hxtorch.release_hardware()
