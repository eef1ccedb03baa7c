"""A word to whoever waits at a terminal or in a notebook for the first call of a process, which compiles."""

from __future__ import annotations

import sys
import threading
from time import monotonic

from numba.core import event

TEXT = "bss2sim: compiling, once in this process (b2.set_options(cache=True) keeps the code for the next one)"


def somebody_waits() -> bool:
    """Whether standard error is seen at once: a terminal, or a notebook."""
    if getattr(sys.stderr, "closed", False):
        return False
    return "ipykernel" in sys.modules or bool(getattr(sys.stderr, "isatty", bool)())


class Notice(event.Listener):
    """Say once that kernels are compiled, when it has taken `delay` seconds in all."""

    def __init__(self, delay: float = 1.0) -> None:
        self._left = delay
        self._depth = 0
        self._began = 0.0
        self._said = False
        self._timer: threading.Timer | None = None

    def _say(self) -> None:
        """Write the line; from the thread of the timer."""
        self._said = True
        print(TEXT, file=sys.stderr, flush=True)

    def on_start(self, started: event.Event) -> None:
        """A compilation begins, maybe within another."""
        self._depth += 1
        if self._depth == 1 and not self._said and somebody_waits():
            self._began = monotonic()
            self._timer = threading.Timer(max(self._left, 0.0), self._say)
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, ended: event.Event) -> None:
        """A compilation ends."""
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._left -= monotonic() - self._began
