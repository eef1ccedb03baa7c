"""The only file that imports CUDA: the rules of the kernels for a GPU, and kernels that hold no fused multiply-add.

* :func:`on_device` compiles a rule or kernel of the processor for the GPU, from the same source: everything it calls is
  compiled with it. Two functions are replaced by what they mean for one neuron (``select``, ``use_wide_registers``), and so
  are the places of the rows of a block (``BLOCK`` neurons there, one here).
* The target is numba-cuda. numba-cuda-mlir (0.6) does not compile these rules, cannot switch fusing off and has no
  simulator; the target that Numba itself still contains serves as the simulator (NUMBA_ENABLE_CUDASIM=1) alone.
* A GPU computes a * b + c with one rounding if it may, a processor with two. libNVVM is told not to (``fma=0``), which no
  argument of numba-cuda can do: :func:`_compile_unfused` stands on an inner function, and the tests look at the code. No
  optimization at link time (``lto=False``), which would fuse them after all.
* In the simulator rules are plain Python: a compiled function would return a Python number, and float32 end there.
"""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from types import FunctionType

import numpy as np
from numba import config, cuda
from numba.core.dispatcher import Dispatcher
from numba.cuda.cudadrv import driver

from . import circuit, circuit_line, exact_rows, lanes, vector

SIMULATED = bool(config.ENABLE_CUDASIM)
THREADS = 1 if SIMULATED else 128  # of a block: enough to fill a processor, few enough for any number of registers

# Places of the rows of one neuron in ``exact_rows``, where a row has BLOCK neurons.
ROWS = {
    name: getattr(exact_rows, name) // exact_rows.ROW
    for name in (
        "MEMBRANE CURRENT INHIBITORY ASYMPTOTE GAIN KEPT GAIN_INH KEPT_INH LOSS LEAK SCREEN CHORD GATE SCALE"
    ).split()
} | {"BLOCK": 1}
# The same of a circuit, in ``circuit`` and ``circuit_line``, whose loops have a row of one.
CIRCUIT_ROWS = {
    name: getattr(module, name) // circuit.ROW
    for module, names in (
        (
            circuit,
            "MEMBRANE CURRENT INHIBITORY NOW NOW_EXC NOW_INH GAIN GAIN_INH LOSS KEPT KEPT_INH CHORD FREE_GAIN FREE_GAIN_INH "
            "FREE_LOSS REST LEAK SCREEN OPEN CLAMP STEP STEP_INH PER_EXC PER_INH PER_MEM RATIO RATIO_INH SLOW SLOW_INH APART "
            "APART_INH",
        ),
        (
            circuit_line,
            "FROM_V FROM_I FROM_J LEVEL SLOPE RATE_EXC RATE_INH RESET THRESHOLD CLAMP_END FREE_V FREE_I FREE_J LAST_V KIND EVENT "
            "SEEN",
        ),
    )
    for name in names.split()
} | {"BLOCK": 1, "WIDTH": 1}

_unfused = threading.local()
_made = {}


def _choose(condition, if_true, if_false):
    """What ``lanes.select`` is for numbers."""
    return if_true if condition else if_false


def _nothing():
    """What ``vector.use_wide_registers`` is here."""


def device_function(function):
    """Compile a function that kernels call. In the simulator it may use ``cuda`` of its module as they do."""
    return cuda.jit(device=True)(function)


def on_device(function):
    """Return a rule or kernel of the processor, compiled for the GPU with all it calls."""
    if function not in _made:
        source = getattr(function, "py_func", function)
        names = dict(source.__globals__)
        rows = CIRCUIT_ROWS if source.__module__ in (circuit.__name__, circuit_line.__name__) else ROWS
        for name in source.__code__.co_names:
            value = names.get(name)
            if name in rows and name in names:
                names[name] = rows[name]
            elif isinstance(value, Dispatcher) or _is_ours(value):
                names[name] = on_device(value)
        copy = FunctionType(source.__code__, names, source.__name__, source.__defaults__)
        _made[function] = copy if SIMULATED else cuda.jit(device=True)(copy)
    return _made[function]


def _is_ours(value):
    """Whether this is a function of the kernels that is not compiled (an intrinsic, or anything with NUMBA_DISABLE_JIT)."""
    return value is lanes.select or value is vector.use_wide_registers or (
        isinstance(value, FunctionType) and value.__module__.startswith(__package__)
    )  # fmt: skip


for _original, _meaning in ((lanes.select, _choose), (vector.use_wide_registers, _nothing)):
    _made[_original] = _meaning if SIMULATED else cuda.jit(device=True)(_meaning)


def _compile_unfused():
    """Let libNVVM keep multiplications and additions apart while a thread is in :meth:`Kernel.launch`."""
    from numba.cuda.cudadrv import nvvm

    compile_ir = nvvm.compile_ir

    def compile_as_asked(irs, **options):
        if getattr(_unfused, "on", False):
            options["fma"] = 0
        return compile_ir(irs, **options)

    nvvm.compile_ir = compile_as_asked


if not SIMULATED:
    _compile_unfused()


def _as_unsigned(index):
    """Index of an element that is not counted from the end, for which the compiler need not ask."""
    return np.uint64(index)


def _lowest(bits):
    """Number of the lowest bit that is set: of 32 bits, as products of two such numbers are one instruction."""
    return np.int32(cuda.ffs(bits) - 1)


def _lowest_of_number(bits):
    """What ``_lowest`` is in the simulator."""
    return (int(bits) & -int(bits)).bit_length() - 1


if SIMULATED:
    element, lowest_bit = int, _lowest_of_number
else:
    element, lowest_bit = device_function(_as_unsigned), device_function(_lowest)


class unfused:
    """Compile without fused multiply-add inside a ``with`` block, in this thread."""

    def __enter__(self):
        _unfused.on = True

    def __exit__(self, *error):
        _unfused.on = False


@contextmanager
def _small_grids():
    """Let nobody warn of a run with few trials: the page of the docs tells what a GPU is good for."""
    if SIMULATED:
        yield
        return
    from numba.cuda import dispatcher

    before = dispatcher.config.CUDA_LOW_OCCUPANCY_WARNINGS
    dispatcher.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    try:
        yield
    finally:
        dispatcher.config.CUDA_LOW_OCCUPANCY_WARNINGS = before


class Kernel:
    """A function that every thread of a GPU runs, compiled at its first launch."""

    def __init__(self, function):
        self.function = function
        if SIMULATED:
            errstate = np.errstate

            def quiet(*args):
                with errstate(all="ignore"):  # as compiled code
                    function(*args)

            # the simulator puts its own `cuda` into the globals of what it runs
            closure = quiet.__closure__
            self._compiled = cuda.jit(FunctionType(quiet.__code__, function.__globals__, "quiet", None, closure))
        else:
            self._compiled = cuda.jit(function, lto=False)

    def launch(self, n_thread, stream, *args):
        """Run `n_thread` threads and up to a block more; the function returns where there is nothing to do."""
        with unfused(), _small_grids():
            self._compiled[(n_thread + THREADS - 1) // THREADS, THREADS, stream](*args)


def is_available():
    """Whether a GPU can be used; a simulated one can."""
    return SIMULATED or cuda.is_available()


def flush():
    """Give back memory that was dropped; Numba collects it first."""
    if not SIMULATED:
        cuda.current_context().memory_manager.deallocations.clear()


def free_memory():
    """Bytes that are free on the GPU; infinity in the simulator."""
    if SIMULATED:
        return float("inf")
    flush()
    return cuda.current_context().get_memory_info()[0]


class OutOfDeviceMemory(MemoryError):
    """There is no room for `args[0]` bytes on the GPU."""


def _with_memory(allocate, size):
    """Call a function that takes memory of the GPU."""
    try:
        return allocate()
    except Exception as reason:
        if "OUT_OF_MEMORY" not in str(reason).upper():  # the class and its attributes differ between versions
            raise
        raise OutOfDeviceMemory(size) from reason


def empty(shape, dtype, stream):
    """Return an array on the GPU that is not initialised, of one element at least along each axis."""
    shape = tuple(max(1, n) for n in (shape if isinstance(shape, tuple) else (shape,)))
    dtype = np.dtype(dtype)
    return _with_memory(lambda: cuda.device_array(shape, dtype, stream=stream), int(np.prod(shape)) * dtype.itemsize)


def fetch(array, host, stream):
    """Copy an array of the GPU into a contiguous one of the same size and dtype, and wait for it; an empty one is left alone."""
    if host.size:
        copy_to_host(array, host, stream)
        stream.synchronize()


def copy_to_host(array, host, stream):
    """Queue a copy of the first elements of an array of the GPU to a contiguous array."""
    if SIMULATED:
        array.reshape(-1)[: host.size].copy_to_host(host.reshape(-1), stream)
    else:
        driver.device_to_host(host, array, host.nbytes, stream)


def copy_to_device(host, array, stream):
    """Queue a copy of a contiguous array to the first elements of an array of the GPU, or to :func:`part` of one.

    The methods of Numba's arrays first look for whatever shapes there may be, which takes longer than a small copy.
    """
    if SIMULATED:
        array.reshape(-1)[: host.size].copy_to_device(host.reshape(-1), stream)
    else:
        driver.host_to_device(array, host, host.nbytes, stream)


def part(array, first):
    """Return where :func:`copy_to_host` and :func:`copy_to_device` begin at element `first` of a flat array."""
    if first == 0:
        return array
    return array[first:] if SIMULATED else array.gpu_data.view(first * array.dtype.itemsize)


@functools.cache
def nothing(n_dim, dtype):
    """Return an array of one element on the GPU that stands for what a kernel is not to touch."""
    return empty((1,) * n_dim, dtype, 0)


def fetch_all(array):
    """Return a copy on the processor."""
    return np.array(array) if isinstance(array, np.ndarray) else array.copy_to_host()


class _Flat:
    """Some memory of the GPU as an array with one axis; it keeps its owner."""

    def __init__(self, owner, address, size, dtype):
        self.owner = owner
        interface = {"shape": (size,), "typestr": dtype.str, "data": (address, False), "version": 3}
        setattr(self, "__array_interface__" if SIMULATED else "__cuda_array_interface__", interface)


def view(owner, address, size, dtype):
    """Return the memory of a caller, from an address on, as an array with one axis."""
    if size == 0:
        return empty(1, dtype, 0)
    flat = _Flat(owner, address, size, dtype)
    return np.asarray(flat) if SIMULATED else cuda.as_cuda_array(flat)
