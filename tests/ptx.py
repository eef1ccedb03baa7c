"""Compile what a run launches to PTX, on a machine without a GPU; needs numba-cuda with its compiler's wheels."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numba import typeof, types
from numba.cuda import codegen, dispatcher

from bss2sim.kernels import cuda as gpu
from bss2sim.kernels import cuda_streams as streams

CAPABILITY = (9, 0)
FOUND = {}  # name of a kernel -> PTX, of the last run


def _type(value):
    """Type of a kernel's argument, as a launch finds it."""
    if isinstance(value, np.ndarray):
        return types.Array(typeof(value).dtype, value.ndim, "C")
    return typeof(value)


def _compile(kernel, n_thread, stream, *args):
    """Compile as a launch does, up to the code for the GPU, and note the PTX on the way."""
    dispatched = kernel._compiled
    with gpu.unfused():
        library = dispatcher._Kernel(
            dispatched.py_func, tuple(_type(arg) for arg in args), **dispatched.targetoptions
        )._codelibrary
        assert not library._lto
        (FOUND[kernel.function.__name__],) = library.get_asm_strs(cc=CAPABILITY)


def instead_of_a_gpu(monkeypatch):
    """Let runs compile their kernels and give empty results."""
    FOUND.clear()
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=CAPABILITY))
    monkeypatch.setattr(codegen.CUDACodeLibrary, "_ensure_cc", lambda self, cc: CAPABILITY)
    monkeypatch.setattr(gpu, "is_available", lambda: True)
    monkeypatch.setattr(gpu, "free_memory", lambda: float("inf"))
    monkeypatch.setattr(gpu, "empty", lambda shape, dtype, stream: np.zeros(shape, dtype))
    monkeypatch.setattr(streams, "make_stream", lambda: None)
    monkeypatch.setattr(streams, "mark", lambda stream: None)
    monkeypatch.setattr(streams, "follow", lambda stream, event: None)
    monkeypatch.setattr(streams, "finish", lambda stream: None)
    monkeypatch.setattr(streams, "copy_up", lambda host, array, stream: np.copyto(array, host))
    monkeypatch.setattr(streams, "copy_down", lambda array, host, stream: np.copyto(host, array))
    monkeypatch.setattr(gpu, "fetch", lambda array, host, stream: np.copyto(host, array) if host.size else None)
    monkeypatch.setattr(gpu.Kernel, "launch", _compile)


def tool(name):
    """A program of the compiler: the one in the wheels, or that of the system; None without one."""
    for folder in getattr(importlib.util.find_spec("nvidia"), "submodule_search_locations", ()):
        for program in sorted(Path(folder).glob(f"*/bin/{name}")):
            return str(program)
    return shutil.which(name)


def machine_code(kernel, types_of_arguments, file):
    """Disassembled code for sm_90 of a kernel as it is launched; None without a disassembler."""
    program = tool("nvdisasm")
    if program is None:
        return None
    dispatched = kernel._compiled
    with gpu.unfused():
        compiled = dispatcher._Kernel(dispatched.py_func, types_of_arguments, **dispatched.targetoptions)
        code = compiled._codelibrary.get_cubin(CAPABILITY)
    file.write_bytes(getattr(code, "code", code))
    return subprocess.run([program, "-c", str(file)], capture_output=True, text=True, check=True).stdout


def assembled(ptx, folder):
    """Return (registers, bytes of spills, bytes of the stack) that ptxas reports; None without one that knows this PTX."""
    program = tool("ptxas")
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
