"""Streams and events of a GPU, and copies through pinned memory; whatever says what waits for what is in here.

A stream runs what is queued in it in order. An event marks a place in a stream, that other streams, or the processor, wait for.
Memory that the system cannot move (pinned) is copied while the processor and the GPU do other work. It is scarce: a run
takes two blocks for each direction at most, fills one while the other is copied, and gives them back at its end.
"""

from __future__ import annotations

import numpy as np

from .cuda import SIMULATED, copy_to_device, copy_to_host, cuda, flush, part

BLOCK = 8 * 2**20  # bytes of a block of pinned memory
WORTH_PINNING = 8 * BLOCK  # bytes of one direction of a run from which blocks are taken: pinning takes time


def make_stream():
    """Return a new stream: what is sent to one runs in order, and beside what is sent to others."""
    return cuda.stream()


def stream_of_caller(number):
    """Return a stream of another package by its number (1: legacy default, 2: default of the thread, else its address)."""
    return cuda.stream() if SIMULATED else cuda.external_stream(number)


def number_of(stream):
    """Number by which other packages know a stream."""
    return id(stream) if SIMULATED else int(stream)


def device_number():
    """Number of the GPU that runs use."""
    return 0 if SIMULATED else cuda.current_context().device.id


def wait_for_all():
    """Let the processor wait for everything that was sent to the GPU."""
    cuda.synchronize()


def mark(stream):
    """Return an event at the present end of a stream."""
    event = cuda.event() if SIMULATED else cuda.event(timing=False)
    event.record(stream)
    return event


def follow(stream, event):
    """Let what is sent to a stream from now on wait for an event."""
    event.wait(stream)


def wait(event):
    """Let the processor wait for an event."""
    event.synchronize()


def finish(stream):
    """Let the processor wait for a stream."""
    stream.synchronize()


def pinned(size):
    """Return a block of pinned memory of some bytes."""
    return cuda.pinned_array(size, np.uint8)


def copy_up(host, array, stream):
    """Queue a copy to the GPU. `host` must stay as it is until the stream is done with it.

    Most drivers copy memory that is not pinned aside at once; where the GPU reads the memory of processes itself, they need not.
    """
    copy_to_device(host, array, stream)


def copy_down(array, host, stream):
    """Queue a copy to the processor; `host` is there when it is done."""
    copy_to_host(array, host, stream)


def move(to, source):
    """Copy on the processor, from or to pinned memory."""
    np.copyto(to, source)


class Copier:
    """Copies in one direction, in a stream of its own.

    Parameters
    ----------
    total : int
        Bytes that a run is going to copy, which decides whether pinned memory is worthwhile.
    spread : callable, optional
        ``spread(size, item, work)`` calls ``work(low, high)`` for all parts of `size` elements of `item` bytes, in any
        threads: one thread fills or empties a block more slowly than it is copied.
    """

    def __init__(self, total, spread=None):
        self.stream = make_stream()
        self._spread = spread or (lambda size, item, work: work(0, size))
        self._pins = total >= WORTH_PINNING
        self._blocks = []
        self._done = []
        self._turn = 0
        self._sent = []  # what is not pinned and may be on its way, less than WORTH_PINNING in all

    def _pieces(self, size, item):
        """Yield the pieces (low, high, number of their block) of an array of `size` elements of `item` bytes."""
        if not self._blocks:
            self._blocks = [pinned(BLOCK), pinned(BLOCK)]
            self._done = [None, None]
        step = BLOCK // item
        for low in range(0, size, step):
            self._turn = 1 - self._turn
            yield low, min(low + step, size), self._turn

    def up(self, read, size, array):
        """Copy to a flat array of the GPU, as its first `size` elements, what ``read(low, high)`` returns of them.

        The copy may still be under way afterwards: the stream says when it is done.
        """
        if size == 0:
            return
        if not self._pins:
            self._sent.append(np.ascontiguousarray(read(0, size)))
            copy_up(self._sent[-1], array, self.stream)
            return
        for low, high, turn in self._pieces(size, array.dtype.itemsize):
            if self._done[turn] is not None:
                wait(self._done[turn])  # what the block held is on the GPU
            block = self._blocks[turn][: (high - low) * array.dtype.itemsize].view(array.dtype)
            self._spread(block.size, block.itemsize, lambda a, b, to=block, at=low: move(to[a:b], read(at + a, at + b)))
            copy_up(block, part(array, low), self.stream)
            self._done[turn] = mark(self.stream)

    def down(self, array, host):
        """Copy as much of a flat array of the GPU as fits into a flat contiguous one, and wait for it."""
        size = host.size
        if size == 0:
            return
        if not self._pins:
            copy_down(array, host, self.stream)
            finish(self.stream)
            return
        under_way = None
        for low, high, turn in self._pieces(size, host.dtype.itemsize):
            block = self._blocks[turn][: (high - low) * host.dtype.itemsize].view(host.dtype)
            copy_down(part(array, low), block, self.stream)
            piece = mark(self.stream), host[low:high], block
            if under_way is not None:
                self._take(*under_way)
            under_way = piece
        self._take(*under_way)

    def _take(self, done, host, block):
        """Take a piece from its block once it is there."""
        wait(done)
        self._spread(host.size, host.itemsize, lambda a, b: move(host[a:b], block[a:b]))

    def close(self):
        """Wait for the copies, and give the pinned memory back."""
        finish(self.stream)
        self._sent = []
        if self._blocks:
            self._blocks = []
            flush()
