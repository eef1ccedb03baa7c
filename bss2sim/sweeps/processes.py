"""Which process something belongs to, and whether that one is gone."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process on some machine.

    Attributes
    ----------
    host : str
        Name of the machine.
    pid : int
        Its number there.
    born : str, optional
        What tells it from a later process of the same number; empty where the system does not say.
    """

    host: str
    pid: int
    born: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it is one of this machine."""
        return self.host == socket.gethostname()

    def is_gone(self) -> bool:
        """Whether it has ended for certain; of those on other machines nobody knows."""
        if not self.is_here:
            return False
        if not _exists(self.pid):
            return True
        now = _born(self.pid)
        return now == ENDED or ("" not in (now, self.born) and now != self.born)


ENDED = "ended"  # of a process that only waits for its parent to look


def this_process() -> Process:
    """Return the process that this is."""
    return Process(socket.gethostname(), os.getpid(), _born(os.getpid()))


def _exists(pid: int) -> bool:
    """Whether this machine has a process of a number."""
    if pid < 1:  # os.kill takes it for a group
        return False
    if sys.platform == "win32":  # where os.kill would end it
        import psutil

        return bool(psutil.pid_exists(pid))
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # that of another user
    return True


def _born(pid: int) -> str:
    """Return when a process began, by the clock of the boot, which tells it from a later one of its number; empty if not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # proc(5): the third field is the state, the 22nd the start in ticks since the boot
        return ENDED if fields[0] in "ZX" else f"{boot} {fields[19]}"
    except (OSError, IndexError):
        return ""
