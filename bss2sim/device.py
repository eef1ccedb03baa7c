"""Which device a run uses, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from .errors import DeviceError, MissingDependencyError, ParameterError, choose
from .options import DEVICES, get_options, thread_count

# What "auto" reckons with, as tests/benchmarks/cuda_table.py measured it on an H100 and 16 processors beside it (docs/cuda.rst):
# neuron-steps a second of a thread of the processor and of a GPU, the time of a call on a GPU that does next to nothing [s], and
# bytes a second between the two.
PROCESSOR_RATE = {"euler": 0.9e9, "exact": 0.28e9}
GPU_RATE = {"euler": 100e9, "exact": 70e9}
GPU_CALL, COPY_RATE = 5e-3, 9e9
GPU_MEMORY = (2, 13)  # kinds of devices of DLPack whose memory a GPU of CUDA reads: its own, and managed memory


def _named(device: Any) -> str:
    """Return one of the names of devices, by default that of the options."""
    if isinstance(device, str) and device == "gpu":
        raise ParameterError(f"device must be one of {', '.join(map(repr, DEVICES))}; got 'gpu'; did you mean 'cuda'?")
    name: str = choose("device", get_options()["device"] if device is None else device, DEVICES)
    return name


def check_device(device: Any, threads: Any) -> str:
    """Return the device asked for, by default that of the options."""
    name = _named(device)
    if name == "cuda" and threads is not None:
        raise ParameterError(f"threads={threads!r} spreads a run over processors; leave it out with device='cuda'")
    return name


def chip_device(device: Any) -> tuple[str, dict[str, str]]:
    """Return the device of the circuits of a run on a chip, by default that of the options, and the attributes that say so."""
    name = _named(device)
    if name == "auto":
        return "cpu", {"device": "cpu", "device_choice": "circuits of a chip run on a GPU with device='cuda' alone"}
    return name, {"device": name}


def is_on_gpu(array: Any) -> bool:
    """Whether an object is an array on a GPU, whether or not it can be read."""
    # looked up in the class: a PyTorch tensor that needs gradients raises where it is asked for its memory
    kind = type(array)
    if hasattr(kind, "__dlpack_device__"):
        return array.__dlpack_device__()[0] in GPU_MEMORY
    return hasattr(kind, "__cuda_array_interface__")


def require_cuda() -> None:
    """Refuse to go on without a GPU that can be used.

    Raises
    ------
    MissingDependencyError
        If the compiler for CUDA is not installed.
    DeviceError
        If there is no GPU, or no driver.
    """
    if not simulated() and importlib.util.find_spec("numba_cuda") is None:
        raise MissingDependencyError(
            "device='cuda' needs the package numba-cuda; install it with pip install 'bss2sim[cuda13]', or "
            "'bss2sim[cuda12]' for a driver of CUDA 12, or use device='cpu'"
        )
    from .kernels import cuda as gpu

    if not gpu.is_available():
        raise DeviceError(
            "device='cuda' found no NVIDIA GPU with a driver that can be used (nvidia-smi shows both); use device='cpu'"
        )


def lacks_cuda() -> str:
    """Say why no GPU can be used; empty if one can."""
    try:
        require_cuda()
    except (DeviceError, MissingDependencyError) as none:
        return str(none).split(";")[0].replace("device='cuda'", "a GPU run")
    return ""


def simulated() -> bool:
    """Whether Numba runs kernels for CUDA as plain Python."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def choose_device(
    device: str, on_gpu: bool, integrator: str, work: int, moved: int, threads: Any
) -> tuple[str, dict[str, str]]:
    """Return the device of a run, whose inputs may be on a GPU, and the attributes that say so.

    With "auto", that which is reckoned to be faster: `work` neuron-steps against what the call of a GPU takes and the
    `moved` bytes of inputs and recordings.
    """
    if device == "cuda":
        require_cuda()
    if device != "auto":
        return device, {"device": device}
    if on_gpu:
        return "cuda", {"device": "cuda", "device_choice": "the inputs are on a GPU"}
    threads = thread_count(threads)
    here = work / (PROCESSOR_RATE[integrator] * threads)
    there = GPU_CALL + moved / COPY_RATE + work / GPU_RATE[integrator]
    reason = (
        f"{work} neuron-steps: about {_milliseconds(here)} on {threads} thread{'s' * (threads > 1)} of the processor, "
        f"{_milliseconds(there)} on a GPU that {moved} bytes go to and from (as measured on an H100)"
    )
    if here <= there:
        return "cpu", {"device": "cpu", "device_choice": reason}
    if lacking := lacks_cuda():
        return "cpu", {"device": "cpu", "device_choice": lacking}
    return "cuda", {"device": "cuda", "device_choice": reason}


def _milliseconds(time: float) -> str:
    """Name a time [s], with two digits."""
    return f"{float(f'{1e3 * time:.2g}'):.15g} ms"
