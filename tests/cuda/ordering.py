"""What a GPU could do at a time: follow the operations of a run, and find those that touch the same memory in no order.

The simulator does everything at once, so it cannot show that a wait is missing. Here every stream, and the processor, has a
clock, an event carries the clock of its stream, and whoever waits for it knows everything that was known there. Two operations
are in order if the second one's clock has seen the first.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.lib.array_utils import byte_bounds

from bss2sim.device_run import DeviceRun
from bss2sim.kernels import cuda as gpu
from bss2sim.kernels import cuda_streams as streams

HOST = "host"


@dataclass
class Operation:
    """Something that touches memory: where it runs, its number there, and what it has seen."""

    name: str
    chunk: int
    lane: object
    number: int
    seen: dict = field(repr=False)

    def before(self, other):
        """Whether this is over when the other one begins."""
        return self.number <= other.seen.get(self.lane, 0)


def concurrent(one, other):
    """Whether the GPU may do both at a time."""
    return not one.before(other) and not other.before(one)


class Recorder:
    """Stands between the package and the simulator."""

    def __init__(self, monkeypatch):
        self.operations, self.races, self.pinned = [], [], []
        self.chunk = -1
        self._clocks, self._events, self._touched, self._kept, self._callers = {HOST: {}}, {}, [], [], {}
        for module, name in [
            (streams, "stream_of_caller"), (streams, "mark"), (streams, "follow"), (streams, "wait"), (streams, "finish"),
            (streams, "wait_for_all"), (streams, "pinned"), (streams, "copy_up"), (streams, "copy_down"), (streams, "move"),
            (gpu, "empty"), (gpu, "fetch"), (gpu.Kernel, "launch"),
        ]:  # fmt: skip
            self._stand_before(monkeypatch, module, name)
        make, bring = DeviceRun._make_chunk, DeviceRun._bring_home

        def made(run, low, *args):
            self.chunk += 1
            return make(run, low, *args)

        def brought(run, chunk):
            now, self.chunk = self.chunk, self.chunk - (chunk.high < run._plan.trials.size)
            bring(run, chunk)
            self.chunk = now

        monkeypatch.setattr(DeviceRun, "_make_chunk", made)
        monkeypatch.setattr(DeviceRun, "_bring_home", brought)

    def _stand_before(self, monkeypatch, module, name):
        original, note = getattr(module, name), getattr(self, f"_{name}")
        monkeypatch.setattr(module, name, lambda *args: note(original, *args))

    def act(self, name, lane, *, reads=(), writes=()):
        """Note an operation in a stream, or of the processor."""
        lane = lane if lane == HOST else id(lane)
        clock = self._clocks.setdefault(lane, {})
        self._learn(lane, self._clocks[HOST])  # it begins after it was queued
        number = clock.get(lane, 0) + 1
        now = Operation(name, self.chunk, lane, number, dict(clock))
        for arrays, write in ((reads, False), (writes, True)):
            for array in arrays:
                low, high = byte_bounds(getattr(array, "_ary", array))
                for first, last, wrote, operation in self._touched:
                    shared = low < last and first < high and (write or wrote) and operation is not now
                    if shared and not operation.before(now):
                        self.races.append((operation, now))
                self._touched.append((low, high, write, now))
        clock[lane] = number
        self.operations.append(now)
        return now

    def _learn(self, lane, seen):
        clock = self._clocks.setdefault(lane, {})
        for other, number in seen.items():
            clock[other] = max(clock.get(other, 0), number)

    def caller(self, number):
        """Stream of the caller."""
        if number not in self._callers:
            self._callers[number] = gpu.cuda.stream()
        return self._callers[number]

    def named(self, name, chunk=None):
        """Operations of a name, and of a chunk."""
        return [one for one in self.operations if one.name == name and chunk in (None, one.chunk)]

    def _stream_of_caller(self, original, number):
        return self.caller(number)

    def _mark(self, original, stream):
        event = original(stream)
        self._kept.append((event, stream))  # no other may get its place
        self._events[id(event)] = dict(self._clocks.setdefault(id(stream), {}))
        return event

    def _follow(self, original, stream, event):
        self._kept.append(stream)
        self._learn(id(stream), self._events[id(event)])

    def _wait(self, original, event):
        self._learn(HOST, self._events[id(event)])

    def _finish(self, original, stream):
        self._learn(HOST, self._clocks.setdefault(id(stream), {}))

    def _wait_for_all(self, original):
        for clock in list(self._clocks.values()):
            self._learn(HOST, clock)

    def _pinned(self, original, size):
        block = original(size)
        self.pinned.append(block)
        return block

    def _is_pinned(self, array):
        return any(np.may_share_memory(array, block) for block in self.pinned)

    def _copy_up(self, original, host, array, stream):
        self.act("send", stream, reads=[host] if self._is_pinned(host) else [], writes=[array])
        original(host, array, stream)

    def _copy_down(self, original, array, host, stream):
        self.act("fetch", stream, reads=[array], writes=[host])
        original(array, host, stream)

    def _fetch(self, original, array, host, stream):
        self.act("look", stream, reads=[array], writes=[host])
        self._learn(HOST, self._clocks[id(stream)])
        original(array, host, stream)

    def _move(self, original, to, source):
        self.act("move", HOST, reads=[source] if self._is_pinned(source) else [], writes=[to])
        original(to, source)

    def _empty(self, original, shape, dtype, stream):
        array = original(shape, dtype, stream)
        self._kept.append(array)
        return array

    def _launch(self, original, kernel, n_thread, stream, *args):
        arrays = [arg for arg in args if isinstance(getattr(arg, "_ary", arg), np.ndarray)]
        self._kept.append(stream)
        self.act(kernel.function.__name__, stream, writes=arrays)  # some it only reads: more than must be is asked for
        original(kernel, n_thread, stream, *args)
