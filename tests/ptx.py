"""Compile what a run launches to PTX, on a machine without a GPU; needs numba-cuda with its compiler's wheels."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numba import cuda, typeof, types
from numba.core import types as core_types
from numba.cuda import dispatcher

from bss2sim.kernels import cuda as gpu

CAPABILITY = (9, 0)
FOUND = {}  # name of a kernel -> PTX, of the last run


def _type(value):
    """Type of a kernel's argument, as a launch finds it."""
    if isinstance(value, np.ndarray):
        return core_types.Array(typeof(value).dtype, value.ndim, "C")
    return typeof(value)


def _compile(kernel, n_thread, stream, *args):
    """Stand in for a launch."""
    signature = types.void(*(_type(arg) for arg in args))
    with gpu.unfused():
        FOUND[kernel.function.__name__], _ = cuda.compile_ptx(kernel.function, signature, cc=CAPABILITY)


def instead_of_a_gpu(monkeypatch):
    """Let runs compile their kernels and give empty results."""
    FOUND.clear()
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=CAPABILITY))
    monkeypatch.setattr(gpu, "is_available", lambda: True)
    monkeypatch.setattr(gpu, "free_memory", lambda: float("inf"))
    monkeypatch.setattr(gpu, "make_stream", lambda: SimpleNamespace(synchronize=lambda: None))
    monkeypatch.setattr(
        gpu, "send", lambda array, stream: array if array.size else np.zeros((1,) * array.ndim, array.dtype)
    )
    monkeypatch.setattr(gpu, "empty", lambda shape, dtype, stream: np.zeros(shape, dtype))
    monkeypatch.setattr(gpu, "fetch", lambda array, host, stream: np.copyto(host, array) if host.size else None)
    monkeypatch.setattr(gpu.Kernel, "launch", _compile)


def _assembler():
    """The assembler beside the compiler in the wheels, or that of the system; None without one."""
    for folder in getattr(importlib.util.find_spec("nvidia"), "submodule_search_locations", ()):
        for program in sorted(Path(folder).glob("*/bin/ptxas")):
            return str(program)
    return shutil.which("ptxas")


def assembled(ptx, folder):
    """Return (registers, bytes of spills, bytes of the stack) that ptxas reports; None without one that knows this PTX."""
    program = _assembler()
    if program is None:
        return None
    source = folder / "kernel.ptx"
    source.write_text(ptx, encoding="utf-8")
    arguments = [program, "-v", "-arch=sm_90", "-o", str(folder / "kernel.cubin"), str(source)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if "Unsupported .version" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    spills = sum(int(n) for n in re.findall(r"(\d+) bytes spill", done.stderr))
    stack = max(int(n) for n in re.findall(r"(\d+) bytes stack frame", done.stderr))
    return int(re.search(r"Used (\d+) registers", done.stderr).group(1)), spills, stack
