"""Arrays that are exported by DLPack alone: the C structure, read from NumPy, and inputs and outputs on the GPU."""

import ctypes
import gc
import weakref

import numpy as np
import pytest
from both import SIZE, population, recording
from comparison import assert_identical

import bss2sim as b2
from bss2sim import device_dlpack
from bss2sim.device_dlpack import Exported
from bss2sim.kernels import cuda as gpu

JUMPS = np.random.default_rng(10).normal(0.3, 0.6, (8, 3, SIZE))
SIMULATED = pytest.mark.skipif(not gpu.SIMULATED, reason="memory of the processor that passes for that of a GPU")


def structure(capsule):
    """Return the C structure in a capsule of NumPy."""
    name = device_dlpack._name_of(capsule)
    return device_dlpack._LAYOUTS[name][0].from_address(device_dlpack._pointer_of(capsule, name))


class Lent:
    """As an array of JAX or another package: DLPack, and no other way to its memory."""

    def __init__(self, array, versioned=True, device=(2, 0), **changes):
        self.array, self.versioned, self.device, self.changes = array, versioned, device, changes
        self.streams = []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream=None, **more):
        if more and not self.versioned:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        capsule = self.array.__dlpack__(**more)
        tensor = structure(capsule).tensor
        tensor.device_type, tensor.device_id = self.device
        for name, value in self.changes.items():
            setattr(tensor, name, value)
        return capsule


class Old:
    """Exports without versions."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, *, stream=None):
        return self.array.__dlpack__()


@pytest.mark.parametrize("make", [lambda array: array, Old])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4), np.arange(24, dtype=np.float32).reshape(2, 3, 4)[::-1, 1:, ::2], np.ones((2, 2), bool),
        np.zeros((0, 3), np.uint8), np.arange(5, dtype=np.int64)[3:], np.ones(2, np.complex64),
    ],
)  # fmt: skip
def test_layout__as_numpy_says(array, make):
    given = Exported(make(array), None)
    assert (given.address, given.shape, given.dtype) == (array.ctypes.data, array.shape, array.dtype)
    assert given.device == (1, 0) and not given.read_only
    if array.size:
        assert given.strides == tuple(stride // array.itemsize for stride in array.strides)


def test_read_only__is_told():
    array = np.arange(3.0)
    array.flags.writeable = False
    assert Exported(array, None).read_only


@pytest.mark.parametrize("make", [lambda array: array, Old])
def test_memory__is_kept_and_given_back_once(make):
    class Watched(np.ndarray):
        pass

    array = np.arange(6.0).view(Watched)
    gone = weakref.ref(array)
    given = Exported(make(array), None)
    del array
    gc.collect()
    assert gone() is not None
    np.testing.assert_array_equal((ctypes.c_double * 6).from_address(given.address), np.arange(6.0))
    del given
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", ["dltensor", "dltensor_versioned"])
def test_deleter__is_called_once_even_if_the_array_cannot_be_used(monkeypatch, name):
    array, calls = np.arange(6.0), []
    owner = Old(array) if name == "dltensor" else array
    deleter = device_dlpack._deleter

    def counted(address):
        original = deleter(address)
        return lambda at: (calls.append(at), original(at))

    monkeypatch.setattr(device_dlpack, "_deleter", counted)
    given = Exported(owner, None)
    assert not calls
    del given
    assert len(calls) == 1
    with pytest.raises(BufferError, match=r"its DLPack dtype has code 4, 16 bits and 1 lanes"):
        Exported(Lent(array, code=4, bits=16), None)
    gc.collect()
    assert len(calls) == 2


def test_capsule__is_marked_as_used_and_strange_ones_are_refused():
    class Again:
        capsule = np.arange(3.0).__dlpack__()

        def __dlpack__(self, **asked):
            return self.capsule

    kept = Exported(Again(), None)
    assert kept.shape == (3,)
    with pytest.raises(TypeError, match=r"__dlpack__ returned a capsule b'used_dltensor'"):
        Exported(Again(), None)


def test_newer_layout__is_refused():
    class Newer:
        def __dlpack__(self, **asked):
            capsule = np.arange(3.0).__dlpack__(max_version=(1, 0))
            structure(capsule).major = 2
            return capsule

    with pytest.raises(BufferError, match=r"DLPack 2\.\d+ is newer than 1"):
        Exported(Newer(), None)


@SIMULATED
@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_inputs__same_bits(device, versioned):
    neurons, lent = population("iaf", "one"), Lent(JUMPS, versioned)
    expected = b2.simulate(neurons, JUMPS, record=recording(neurons))
    assert_identical(expected, b2.simulate(neurons, lent, record=recording(neurons), device=device))
    (stream,) = lent.streams
    assert isinstance(stream, int)  # where the owner hands the array over


@SIMULATED
def test_bool_and_strided__same_bits():
    neurons, synapse = population("lif", "pair"), b2.Synapse(np.random.default_rng(3).normal(0.5, 1.5, (4, SIZE)))
    spikes = np.random.default_rng(2).random((16, 3, 4)) < 0.4
    expected = b2.simulate(neurons, spikes[::2], synapse=synapse)
    assert expected.sizes["spike"] > 0
    assert_identical(expected, b2.simulate(neurons, Lent(spikes[::2]), synapse=synapse, device="cuda"))
    with pytest.raises(
        b2.InputError, match=r"must be contiguous along input; their strides are \(-12, 4, 1\) elements"
    ):
        b2.simulate(neurons, Lent(spikes[::-1]), synapse=synapse, device="cuda")


@SIMULATED
def test_outputs__same_bits():
    neurons, record = population("iaf", "one"), b2.Recording(spikes="dense", membrane=True)
    expected = b2.simulate(neurons, JUMPS, record=record)
    out = {"membrane": np.zeros((3, 8, SIZE)), "spikes": np.full((3, 8, SIZE), 7, np.uint8)}
    lent = {name: Lent(array) for name, array in out.items()}
    assert set(b2.simulate(neurons, JUMPS, record=record, out=lent, device="cuda").data_vars) == set()
    for name, array in out.items():
        np.testing.assert_array_equal(array, expected[name].values)


@SIMULATED
def test_arrays_that_do_not_fit__named():
    neurons, run = population("iaf", "one"), {"record": b2.Recording(membrane=True), "device": "cuda"}
    with pytest.raises(b2.InputError, match=r"cannot be read: it is on GPU 3, the run uses GPU 0: copy it there$"):
        b2.simulate(neurons, Lent(JUMPS, device=(2, 3)), **run)
    with pytest.raises(b2.InputError, match=r"inputs on a GPU cannot be read: its DLPack dtype has code 4"):
        b2.simulate(neurons, Lent(JUMPS, code=4, bits=16), **run)
    fixed = np.zeros((3, 8, SIZE))
    fixed.flags.writeable = False
    with pytest.raises(b2.InputError, match=r"membrane of out is read-only; give an array that may be written"):
        b2.simulate(neurons, JUMPS, out={"membrane": Lent(fixed)}, **run)
    with pytest.raises(b2.InputError, match=r"membrane of out must be an array on the GPU; got Lent$"):
        b2.simulate(neurons, JUMPS, out={"membrane": Lent(fixed, device=(1, 0))}, **run)
    with pytest.raises(
        b2.InputError, match=r"membrane of out must be .*; got Lent, it is on GPU 1, the run uses GPU 0"
    ):
        b2.simulate(neurons, JUMPS, out={"membrane": Lent(fixed, device=(2, 1))}, **run)


@SIMULATED
def test_array_that_lies_about_its_place__refused():
    class Moved(Lent):
        def __dlpack_device__(self):
            return 2, 0

    with pytest.raises(b2.InputError, match=r"inputs on a GPU cannot be read: it is not on a GPU"):
        b2.simulate(population("iaf", "one"), Moved(JUMPS, device=(1, 0)), device="cuda")
