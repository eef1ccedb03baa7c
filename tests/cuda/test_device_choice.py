"""What device="auto" chooses, and what it says."""

import numpy as np
import pytest

import bss2sim as b2
from bss2sim import device
from bss2sim.kernels import cuda as gpu

NEURONS = b2.IAFNeuron(2)
JUMPS = np.ones((5, 1, 2))


def test_auto__takes_the_faster(monkeypatch):
    monkeypatch.setattr(device, "PROCESSOR_RATE", {"euler": 500.0, "exact": 100.0})
    monkeypatch.setattr(device, "GPU_RATE", {"euler": 10_000.0, "exact": 1000.0})
    monkeypatch.setattr(device, "GPU_CALL", 0.005)
    monkeypatch.setattr(device, "COPY_RATE", 4000.0)
    told = "on a GPU that {} bytes go to and from (as measured on an H100)"
    with b2.set_options(threads=1):
        run = b2.simulate(NEURONS, JUMPS, device="auto")  # 80 bytes in: 20 ms, and 10 ms
        assert run.device == "cuda"
        assert (
            run.device_choice == f"10 neuron-steps: about 100 ms on 1 thread of the processor, 35 ms {told.format(80)}"
        )
        record = b2.Recording(membrane=True, current=True, neuron=[1])
        run = b2.simulate(NEURONS, JUMPS, device="auto", integrator="euler", dtype="float32", record=record)
        assert run.device == "cpu"  # 40 bytes in and 2 x 20 out
        assert (
            run.device_choice == f"10 neuron-steps: about 20 ms on 1 thread of the processor, 26 ms {told.format(80)}"
        )
    with b2.set_options(threads=4):
        run = b2.simulate(NEURONS, JUMPS, device="auto")
        assert run.device == "cpu" and "about 25 ms on 4 threads of the processor" in run.device_choice


def test_auto__says_that_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(device, "GPU_CALL", -1.0)
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
