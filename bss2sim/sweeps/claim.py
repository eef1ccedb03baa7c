"""The claim of a process on a store, so that two sweeps do not write into one at once.

It is a file that only one process can make, and says which. The claim of a process that is gone counts for nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from ..errors import FileError
from .processes import Process, this_process

NAME = Path("sweep") / "claim.json"
PATIENCE = 2.0  # s; whoever makes a claim writes it at once, so one that stays empty was cut off there

_held: set[str] = set()  # claims of this process


class Claim:
    """The claim of this process on a store; given back at the end of the block.

    Parameters
    ----------
    store : Path
        Its directory.
    name : Path, optional
        Its file in there.
    """

    def __init__(self, store: Path, name: Path = NAME) -> None:
        self.store, self.name = store, name
        self.path = store.absolute() / name  # absolute: the current directory may change
        self.token = uuid.uuid4().hex

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.token in _held:
            # one that stays counts for nothing
            with suppress(OSError):
                if self._read() == self.text:
                    self.path.unlink()
            _held.remove(self.token)  # not before: another thread would take it over, and its claim be removed here

    def take(self) -> None:
        """Take the claim, unless it is held already.

        Raises
        ------
        FileError
            If another process holds it, or it cannot be written.
        """
        if self.token in _held:
            return
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self.text = json.dumps({**asdict(this_process()), "since": since, "token": self.token})
        _held.add(self.token)
        try:
            while not self._make():
                self._remove_if_gone()
        except BaseException:
            _held.remove(self.token)
            raise

    def _make(self) -> bool:
        """Make the file; return whether there was none."""
        made = False
        try:
            with self.path.open("x", encoding="utf-8") as file:
                made = True
                file.write(self.text)
        except FileExistsError:
            return False
        except OSError as reason:
            if made:
                with suppress(OSError):
                    self.path.unlink()
            raise FileError(
                f"{self.store} cannot be claimed, so that no other sweep writes into it: {reason}; make room, or let this "
                "process write there"
            ) from reason
        return True

    def _read(self) -> str:
        """Return the text of the file; empty if there is none."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
        except FileNotFoundError:
            return ""

    def _state(self) -> tuple[tuple[int, int], str]:
        """Return what tells the file from a later one, and its text."""
        status = self.path.stat()
        return (status.st_ino, status.st_mtime_ns), self._read()

    def _remove_if_gone(self) -> None:
        """Remove the claim of a process that is gone.

        Raises
        ------
        FileError
            If that process is not gone, or nobody knows.
        """
        try:
            file, text = self._state()
            end = time.monotonic() + PATIENCE
            while not text and time.monotonic() < end:
                time.sleep(0.02)
                file, text = self._state()
            if text:
                self._refuse_if_alive(text)
            # one after the other: a second one would remove the claim that the first one makes
            with Claim(self.store, self.name.with_name(f"{self.name.name}.turn")) as turn:
                turn.take()
                if self._state() == (file, text):
                    self.path.unlink()
        except FileNotFoundError:
            return  # given back meanwhile
        except FileError:
            raise
        except OSError as reason:
            self._refuse(
                f"has a claim that cannot be read, or is that of a process that is gone and cannot be removed: {reason}"
            )

    def _refuse_if_alive(self, text: str) -> None:
        """Raise an error if a claim is that of a process that may be at work."""
        try:
            content = json.loads(text)
            holder = Process(str(content["host"]), int(content["pid"]), str(content["born"]))
            since, token = content["since"], content["token"]
        except (ValueError, KeyError, TypeError) as reason:
            self._refuse(f"has a claim that cannot be read ({reason!r})")
        if holder.pid == this_process().pid and holder.is_here and token not in _held:
            return  # that of an earlier process of this number, or one that could not be removed
        if holder.is_gone():
            return
        if holder.is_here:
            raise FileError(
                f"{self.store} is being written by process {holder.pid} of this machine, since {since}; wait until it has "
                f"ended, or end it, and run the same sweep again. If that process is no sweep, remove {self.path}"
            )
        self._refuse(
            f"is being written by process {holder.pid} on {holder.host}, since {since}, or was when that was cut off, which "
            "cannot be seen from this machine"
        )

    def _refuse(self, what: str) -> NoReturn:
        """Raise the error of a claim that this process may not remove."""
        raise FileError(
            f"{self.store} {what}; if no other sweep writes into it, remove {self.path}, and run the same sweep again"
        )
