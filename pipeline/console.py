"""Follows a guest's console to its end and keeps every byte; the only importer of pexpect.

It knows how a console ended and never judges what was on it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pexpect
from pexpect.socket_pexpect import SocketSpawn

from pipeline import atomic
from pipeline.model import Ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLOOD = 32 * 2**20
POLL_SECONDS = 1.0
GOODBYE_SECONDS = 30.0
STOPPED_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Seconds without a byte before a guest counts as hung, and seconds that it may take in all."""

    silence: float
    cap: float


class Recorder:
    """Writes what arrives to a file as it comes, and knows how much and when."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with atomic.writing(str(path)):
            self.stream = path.open("wb")
        self.size = 0
        self.last = time.monotonic()

    def write(self, data: bytes) -> None:
        """Keep a piece of output; beyond the flood limit only its size."""
        if self.size < FLOOD:
            with atomic.writing(str(self.path)):
                self.stream.write(data)
        self.size += len(data)
        self.last = time.monotonic()

    def flush(self) -> None:
        """Push what is buffered to the file (pexpect calls this after each write)."""
        with atomic.writing(str(self.path)):
            self.stream.flush()

    def close(self) -> None:
        """End the file."""
        with atomic.writing(str(self.path)):
            self.stream.close()


class LoggedSpawn(SocketSpawn):  # type: ignore[misc]
    """pexpect's socket spawn, which alone among its kin does not write to logfile_read."""

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> bytes:
        """Read as the parent does, and record what came."""
        data = bytes(super().read_nonblocking(size, timeout))
        self._log(data, "read")
        return data


def outside(line: Callable[[str], None], first: str, last: str) -> Callable[[str], None]:
    """Calls `line` with each text but those between two that start so, which are for no person."""
    inside = False

    def told(text: str) -> None:
        nonlocal inside
        inside = inside or text.startswith(first)
        if not inside:
            line(text)
        inside = inside and not text.startswith(last)

    return told


def watch(
    socket: Any, *, log: Path, last_line: bytes, timers: Timers, line: Callable[[str], None] | None = None,
) -> Ending:  # fmt: skip
    """Read a socket until it ends, falls silent, or exceeds its cap or the flood limit; `log` gets every byte.

    After a line that starts with `last_line` the rest may take GOODBYE_SECONDS at most.
    """
    recorder = Recorder(log)
    spawn = LoggedSpawn(socket, timeout=POLL_SECONDS, maxread=65536)
    spawn.logfile_read = recorder
    started = recorder.last
    deadline = started + timers.cap
    finished = False
    try:
        while True:
            before = time.monotonic()
            found = spawn.expect([rb"\n", pexpect.EOF, pexpect.TIMEOUT])
            now = time.monotonic()
            if now - before > STOPPED_SECONDS:  # we were stopped, not the guest
                deadline += now - before
                recorder.last = now
            if found == 1 or (finished and now >= deadline):
                return Ending.EXITED
            if recorder.size > FLOOD:
                return Ending.FLOODED
            if now >= deadline:
                return Ending.CAPPED
            if found == 0:
                text = spawn.before.strip()
                if text.startswith(last_line) and not finished:
                    finished, deadline = True, now + GOODBYE_SECONDS
                if line and text:
                    line(text.decode("utf-8", errors="replace"))
            elif now - recorder.last >= timers.silence:
                return Ending.SILENT
    finally:
        recorder.close()
