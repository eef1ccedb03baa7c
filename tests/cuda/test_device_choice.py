"""What device="auto" chooses, and what it says."""

import numpy as np
import pytest

import bss2sim as b2
from bss2sim import device
from bss2sim.kernels import cuda as gpu

NEURONS = b2.IAFNeuron(2)
JUMPS = np.ones((5, 1, 2))


def test_auto__takes_the_gpu_for_a_large_run(monkeypatch):
    monkeypatch.setattr(device, "WORTHWHILE", 10)
    run = b2.simulate(NEURONS, JUMPS, device="auto")
    assert (run.device, run.device_choice) == ("cuda", "10 neuron-steps, at least the 10 worth a GPU by estimate")


def test_auto__says_that_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(device, "WORTHWHILE", 10)
    monkeypatch.setattr(gpu, "is_available", lambda: False)
    run = b2.simulate(NEURONS, JUMPS, device="auto")
    assert run.device == "cpu"
    assert run.device_choice == "a GPU run found no NVIDIA GPU with a driver that can be used (nvidia-smi shows both)"


def test_no_gpu__one_clear_sentence(monkeypatch):
    monkeypatch.setattr(gpu, "is_available", lambda: False)
    with pytest.raises(b2.DeviceError, match=r"^device='cuda' found no NVIDIA GPU with a driver .*; use device='cpu'$"):
        b2.simulate(NEURONS, JUMPS, device="cuda")


def test_out_of_memory__becomes_a_memory_error():
    def fails(text):
        def allocate():
            raise RuntimeError(text)

        return allocate

    with pytest.raises(gpu.OutOfDeviceMemory, match="17"):
        gpu._with_memory(fails("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"), 17)
    with pytest.raises(RuntimeError, match="other"):
        gpu._with_memory(fails("other"), 17)
