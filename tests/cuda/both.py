"""Run the same on both devices."""

import numpy as np
from comparison import assert_identical

import bss2sim as b2
from bss2sim.kernels import cuda as gpu

SIZE = 3
POPULATIONS = {
    "iaf": (b2.IAFNeuron, dict(threshold=1.0, reset=-0.1, refractory_time=3e-6, holdoff_time=1e-6)),
    "lif": (b2.LIFNeuron, dict(threshold=0.9, reset=-0.1, leak=0.1, refractory_time=2e-6, spike_mask=[True, False, True])),
    "li": (b2.LINeuron, dict(leak=0.3)),
}  # fmt: skip
TAU_SYN = {"one": 6e-6, "pair": (6e-6, 3e-6)}


def population(kind, tau_syn, **more):
    """Make three different neurons."""
    make, arguments = POPULATIONS[kind]
    return make(SIZE, **{"tau_mem": np.array([5e-6, 6e-6, 7e-6]), "tau_syn": TAU_SYN[tau_syn], **arguments, **more})


def recording(neurons, spikes="sparse", **more):
    """Record everything there is, of two neurons."""
    fires = not isinstance(neurons, b2.LINeuron)
    return b2.Recording(
        **{"spikes": spikes if fires else None, "membrane": True, "current": True, "neuron": [2, 0], **more}
    )


def assert_same_on_both(neurons, inputs, **arguments):
    """Demand the same result and the same state, to the bit; return both from the GPU."""
    expected, expected_state = b2.simulate(neurons, inputs, return_state=True, **arguments)
    found, state = b2.simulate(neurons, inputs, return_state=True, device="cuda", **arguments)
    assert expected.attrs == {**found.attrs, "device": "cpu"}
    assert found.attrs["device"] == "cuda"
    assert_identical(expected, found)
    assert_identical(expected_state, state)
    return found, state


class OnGpu:
    """What other packages pass: memory of the GPU, which the simulator has among that of the processor."""

    def __init__(self, array):
        self.host = array
        self._array = None if gpu.SIMULATED else gpu.cuda.to_device(np.ascontiguousarray(array))

    @property
    def __cuda_array_interface__(self):
        if gpu.SIMULATED:
            return {**self.host.__array_interface__, "version": 3}
        return self._array.__cuda_array_interface__

    def fetch(self):
        """Copy it to the processor."""
        return self.host if gpu.SIMULATED else self._array.copy_to_host()
