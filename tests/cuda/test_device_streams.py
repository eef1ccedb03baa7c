"""Streams: what waits for what, what may be done at a time, and the pinned memory that copies go through."""

import gc
import sys
import types
import weakref

import numpy as np
import pytest
from both import SIZE, OnGpu, population
from comparison import assert_identical
from ordering import Recorder, concurrent

import bss2sim as b2
from bss2sim import device_run
from bss2sim.device_chunk import Memory
from bss2sim.kernels import cuda as gpu
from bss2sim.kernels import cuda_streams as streams

if not gpu.SIMULATED:
    pytest.skip("a GPU does not tell what it could have done", allow_module_level=True)

JUMPS = np.random.default_rng(12).normal(0.3, 0.6, (10, 7, SIZE))
NEURONS = population("iaf", "one")
EVERYTHING = b2.Recording(spikes="sparse", membrane=True, current=True)


class Told(OnGpu):
    """An array whose interface says on which stream its owner works."""

    def __init__(self, array, stream, version=3):
        super().__init__(array)
        self.stream, self.version = stream, version

    @property
    def __cuda_array_interface__(self):
        return {**super().__cuda_array_interface__, "stream": self.stream, "version": self.version}


@pytest.fixture
def recorder(monkeypatch):
    """Chunks of two trials, each copied in pieces of 5 numbers, and what a GPU may make of it."""
    monkeypatch.setattr(streams, "BLOCK", 40)
    monkeypatch.setattr(streams, "WORTH_PINNING", 0)
    in_chunks(monkeypatch)
    return Recorder(monkeypatch)


def in_chunks(monkeypatch, size=2, whole=False):
    """Cut runs."""
    monkeypatch.setattr(device_run.DeviceRun, "_chunk_size", lambda self: (size, whole))


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize("whole", [False, True])
def test_chunks__no_race_and_the_same_bits(recorder, monkeypatch, integrator, whole):
    in_chunks(monkeypatch, 2, whole)
    run = {"integrator": integrator, "return_state": True}
    for record in (
        EVERYTHING,
        b2.Recording(spikes="count"),
        b2.Recording(spikes="first"),
        b2.Recording(spikes="dense"),
    ):
        expected, expected_state = b2.simulate(NEURONS, JUMPS, record=record, **run)
        found, state = b2.simulate(NEURONS, JUMPS, record=record, device="cuda", **run)
        assert_identical(expected, found)
        assert_identical(expected_state, state)
    assert not recorder.races
    assert len(recorder.named(f"run_{'euler' if integrator == 'euler' else 'grid'}")) == 4 * 4


def test_copies__go_beside_the_kernel(recorder):
    b2.simulate(NEURONS, JUMPS, integrator="euler", record=EVERYTHING, device="cuda")
    kernels = recorder.named("run_euler")
    assert [kernel.chunk for kernel in kernels] == [0, 1, 2, 3]
    for before, kernel, after in zip(kernels, kernels[1:], kernels[2:], strict=False):
        assert before.before(kernel) and kernel.before(after)
        fetched = recorder.named("fetch", before.chunk)
        sent = [copy for copy in recorder.named("send", after.chunk) if copy.lane != kernel.lane]
        assert len(fetched) > 20 and len(sent) > 10
        assert all(concurrent(kernel, copy) for copy in fetched)
        assert all(concurrent(kernel, copy) for copy in sent)
        assert all(copy.before(after) for copy in sent)
        assert all(before.before(copy) for copy in fetched)


def test_pinned_memory__is_bounded_and_given_back(recorder, monkeypatch):
    flushed = []
    monkeypatch.setattr(streams, "flush", lambda: flushed.append(len(recorder.pinned)))
    b2.simulate(NEURONS, JUMPS, integrator="euler", record=EVERYTHING, device="cuda")
    assert [block.nbytes for block in recorder.pinned] == [40] * 4  # two in each direction
    assert flushed == [4, 4]
    gone = [weakref.ref(block) for block in recorder.pinned]
    recorder.pinned.clear()
    recorder._kept.clear()
    gc.collect()
    assert not any(block() for block in gone)


def test_small_runs__pin_nothing(recorder, monkeypatch):
    monkeypatch.setattr(streams, "WORTH_PINNING", 10**6)
    found = b2.simulate(NEURONS, JUMPS, record=EVERYTHING, device="cuda")
    assert_identical(b2.simulate(NEURONS, JUMPS, record=EVERYTHING), found)
    assert not recorder.pinned and not recorder.races


@pytest.mark.parametrize("lost", ["follow", "wait"])
def test_missing_wait__would_be_found(recorder, monkeypatch, lost):
    monkeypatch.setattr(streams, lost, lambda *args: None)
    b2.simulate(NEURONS, JUMPS, integrator="euler", record=EVERYTHING, device="cuda")
    assert recorder.races


def test_repeated_run__no_race(recorder, monkeypatch):
    from bss2sim import device_spikes

    reset, made = device_spikes.ChunkSpikes.reset, []

    def small(self, capacity, stream):
        made.append(capacity)
        reset(self, 1 if capacity > 1000 else capacity, stream)

    monkeypatch.setattr(device_spikes.ChunkSpikes, "reset", small)
    neurons = population("iaf", "one", threshold=0.3)
    assert_identical(b2.simulate(neurons, JUMPS), b2.simulate(neurons, JUMPS, device="cuda"))
    assert len(made) == 2 * 4 and len(recorder.named("run_grid")) == 2 * 4
    assert not recorder.races


def test_fault__waits_for_copies_under_way(recorder):
    spoiled = JUMPS.copy()
    spoiled[3, 1, 1] = np.nan
    with pytest.raises(b2.InputError, match="inputs must be finite; time step 3, batch 1, neuron 1 is nan"):
        b2.simulate(NEURONS, spoiled, device="cuda")
    recorder.act("free", "host", writes=recorder.pinned)
    assert recorder.named("send", 1) and not recorder.races


@pytest.mark.parametrize("how", ["interface", "legacy", "torch", "dlpack"])
@pytest.mark.parametrize("what", ["inputs", "out"])
def test_caller__what_is_queued_before_is_done_first(recorder, monkeypatch, what, how):
    jumps, membrane = JUMPS.copy(), np.zeros((7, 10, SIZE))
    array = jumps if what == "inputs" else membrane
    theirs = recorder.caller(1 if how == "legacy" else 0x7F00)
    given = Told(array, 0x7F00)
    if how == "legacy":
        given = Told(array, 1)
    if how == "torch":
        given = as_torch(monkeypatch, array, 0x7F00)
    if how == "dlpack":
        given = handed_over(recorder, monkeypatch, array, theirs)
    before = recorder.act("theirs", theirs, writes=[array])
    run = {"record": b2.Recording(spikes=None, membrane=True), "device": "cuda"}
    if what == "inputs":
        b2.simulate(NEURONS, given, **run)
    else:
        b2.simulate(NEURONS, jumps, out={"membrane": given}, **run)
    recorder.act("theirs", theirs, writes=[array])
    assert not recorder.races
    assert all(before.before(kernel) for kernel in recorder.named("run_grid"))


def test_stream_that_is_not_told__everything_is_waited_for(recorder):
    theirs = recorder.caller(5)
    recorder.act("theirs", theirs, writes=[JUMPS])
    b2.simulate(NEURONS, Told(JUMPS, 0x7F00, version=2), device="cuda")
    assert not recorder.races
    recorder.act("theirs", theirs, writes=[JUMPS])
    b2.simulate(NEURONS, Told(JUMPS, None), device="cuda")  # version 3: nothing to wait for
    assert recorder.races


def test_whole_device__is_not_waited_for(recorder, monkeypatch):
    monkeypatch.setattr(streams, "wait_for_all", None)
    other = recorder.act("theirs", recorder.caller(5))
    b2.simulate(NEURONS, Told(JUMPS, 0x7F00), device="cuda")
    assert not other.before(recorder.act("end", "host"))


def test_tensor_that_requires_gradients__named(monkeypatch):
    tensor = as_torch(monkeypatch, JUMPS, 7)
    tensor.requires_grad = True
    with pytest.raises(
        b2.InputError, match=r"cannot be read: it requires gradients, which simulate does not give; pass .detach\(\)$"
    ):
        b2.simulate(NEURONS, tensor, device="cuda")


def test_masked_array__named():
    class Masked(OnGpu):
        @property
        def __cuda_array_interface__(self):
            return {**super().__cuda_array_interface__, "mask": self}

    with pytest.raises(
        b2.InputError, match=r"inputs on a GPU cannot be read: it has a mask; pass an array without one$"
    ):
        b2.simulate(NEURONS, Masked(JUMPS), device="cuda")


def as_torch(monkeypatch, array, stream):
    """Stand in for PyTorch, whose interface says no stream; make a tensor of it."""

    class Tensor(OnGpu):
        requires_grad, device = False, "cuda:0"

        @property
        def __cuda_array_interface__(self):
            return {**super().__cuda_array_interface__, "version": 2}

        def __dlpack_device__(self):
            return 2, 0

        def __dlpack__(self, **asked):
            raise AssertionError("it has an interface")

    current = types.SimpleNamespace(cuda_stream=stream)
    cuda = types.SimpleNamespace(current_stream=lambda device: {"cuda:0": current}[device])
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(Tensor=Tensor, cuda=cuda))
    return Tensor(array)


def handed_over(recorder, monkeypatch, array, theirs):
    """Make an array whose owner lets the stream it is told wait for its own."""
    from test_device_dlpack import Lent

    made = {}
    make = streams.make_stream

    def noted():
        stream = make()
        made[streams.number_of(stream)] = stream
        return stream

    monkeypatch.setattr(streams, "make_stream", noted)

    class Asked(Lent):
        def __dlpack__(self, *, stream=None, **more):
            streams.follow(made[stream], streams.mark(theirs))
            return super().__dlpack__(stream=stream, **more)

    return Asked(array)


@pytest.mark.parametrize("send", ["memory", "copier"])
def test_plain_memory__stays_until_it_is_copied(monkeypatch, send):
    sent, copy = [], streams.copy_up

    def note(host, array, stream):
        sent.append(weakref.ref(host))
        copy(host, array, stream)

    monkeypatch.setattr(streams, "copy_up", note)
    up, memory = streams.Copier(0), Memory()
    if send == "memory":
        memory.send("rows", np.ones(3), up.stream)
    else:
        up.up(lambda low, high: np.ones(high - low), 3, memory.take("flat", 3, np.float64))
    gc.collect()
    assert sent[0]() is not None, "the GPU may read the memory of the processor itself"
    up.close()
    memory = None
    gc.collect()
    assert sent[0]() is None


@pytest.mark.parametrize("threads", [1, 3])
def test_copies_of_several_threads__same_bits(monkeypatch, threads):
    """Blocks of pinned memory are filled and emptied in parts, none left out."""
    monkeypatch.setattr(streams, "BLOCK", 400)
    monkeypatch.setattr(streams, "WORTH_PINNING", 0)
    monkeypatch.setattr(device_run, "_PART", 8)
    in_chunks(monkeypatch)
    parts = []
    run_chunks = device_run.run_chunks
    monkeypatch.setattr(device_run, "run_chunks", lambda n, *args: (parts.append(n), run_chunks(n, *args)))
    with b2.set_options(threads=threads):
        found = b2.simulate(NEURONS, JUMPS, record=EVERYTHING, device="cuda")
    assert max(parts) == threads
    assert_identical(b2.simulate(NEURONS, JUMPS, record=EVERYTHING).assign_attrs(device="cuda"), found)
