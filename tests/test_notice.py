"""Who waits for kernels to be compiled is told so, once, and nobody else is."""

import io
import sys
import time

import pytest
from numba.core import event

from bss2sim.kernels import notice


class Terminal(io.StringIO):
    """Standard error that somebody looks at."""

    def isatty(self):
        return True


EVENT = event.Event("numba:compile", event.EventStatus.START)


def open_terminal(monkeypatch):
    """Put a terminal in the place of standard error; not in a fixture, after which pytest puts back its own."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def compile_for(listener, seconds):
    """Compile, with another function within."""
    listener.on_start(EVENT)
    listener.on_start(EVENT)
    time.sleep(seconds)
    listener.on_end(EVENT)
    listener.on_end(EVENT)


def wait_for(stream):
    """Wait for the thread of the timer, ten seconds at most."""
    end = time.monotonic() + 10
    while not stream.getvalue() and time.monotonic() < end:
        time.sleep(0.01)


def test_notice__comes_once_at_a_terminal(monkeypatch):
    terminal = open_terminal(monkeypatch)
    listener = notice.Notice(delay=0.0)
    listener.on_start(EVENT)
    wait_for(terminal)
    listener.on_end(EVENT)
    compile_for(listener, 0.05)
    assert terminal.getvalue() == notice.TEXT + "\n"
    assert "set_options(cache=True)" in notice.TEXT


def test_notice__does_not_come_before_its_time(monkeypatch):
    terminal = open_terminal(monkeypatch)
    listener = notice.Notice(delay=60.0)
    listener.on_start(EVENT)
    timer = listener._timer
    listener.on_end(EVENT)
    assert timer.finished.is_set(), "it was called off"
    compile_for(listener, 0.01)
    compile_for(listener, 0.01)
    assert terminal.getvalue() == "" and listener._timer is None
    assert listener._left < 60.0 - 0.02, "what several compilations take adds up"


def closed():
    stream = Terminal()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [io.StringIO(), None, closed()])
def test_notice__does_not_come_where_nobody_looks(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    listener = notice.Notice(delay=0.0)
    listener.on_start(EVENT)
    assert listener._timer is None
    listener.on_end(EVENT)
    assert stream is None or stream.closed or stream.getvalue() == ""


def test_notice__comes_in_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert notice.somebody_waits()
