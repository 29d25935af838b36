"""The way from a build's container, which has no network, to the fleet's compiler cache: a socket and a forwarder.

The user and the password stay in this process. A server that fails is left alone for the rest of a build; a build
never fails, and never waits for long, because of it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import resp, scratch
from pipeline.fleetlines import Lines, UnusableError
from pipeline.forwarding import CLIENTS, Forwarder, Shared, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.fleet import Remote

INSIDE = "/fleet"
SOCKET = "socket"
BACKLOG = 256
PROBE = b"ccache:" + b"0" * 40  # a key that nobody has


@dataclass(frozen=True, slots=True)
class Door:
    """What a container is given: volumes, and the words that tell ccache of it; whom to tell when that fails."""

    volumes: dict[str, dict[str, str]]
    storage: str
    unusable: Callable[[str], None]


CLOSED = Door({}, "", lambda _: None)


class Fleet:
    """The fleet's cache in one command: what each build of it asked for, and what was said of it already."""

    def __init__(self, remote: Remote, say: Callable[[str], None]) -> None:
        self.remote, self._say = remote, say
        self._said: set[str] = set()
        self._lock = threading.Lock()
        self._sum = Tally()
        self._shared = Shared(self.tell, threading.Semaphore(CLIENTS))

    def tell(self, kind: str, text: str) -> None:
        """Say what builds go on without, once of its kind."""
        with self._lock:
            new = kind not in self._said
            self._said.add(kind)
        if new:
            self._say(f"fleet cache {self.remote}: {text}; builds go on without it")

    def summary(self) -> str:
        """What came of it so far, in one line."""
        return f"fleet cache {self.remote}: {self._sum}"

    @contextmanager
    def door(self, *, writes: bool) -> Iterator[Door]:
        """A way to the server until the block ends; with `writes`, one to write to it as well.

        Nothing of it is left afterwards. It is CLOSED where this machine cannot have one.
        """
        try:
            folder = scratch.made()
        except OSError as error:
            self.tell("door", f"no folder for its socket: {error.strerror}")
            yield CLOSED
            return
        with folder as name, socket.socket(socket.AF_UNIX) as listening:
            try:
                inner = _listen(listening, Path(name))
            except OSError as error:  # such as a path that is too long
                self.tell("door", f"cannot listen on a socket in {name}: {error.strerror or error}")
                yield CLOSED
                return
            forwarder = Forwarder(Lines(self.remote), self._shared, writes=writes)
            try:
                with forwarder.serving(listening):
                    volumes = {str(inner): {"bind": INSIDE, "mode": "ro"}}
                    yield Door(volumes, _storage(writes=writes), partial(self.tell, "door"))
            finally:
                with self._lock:
                    self._sum.add(forwarder.tally)


def _storage(*, writes: bool) -> str:
    """The storage as ccache is told of it. It connects to this process, which keeps the time itself (fleetlines.py)."""
    words = [f"redis+unix:{INSIDE}/{SOCKET}", "connect-timeout=1000", "operation-timeout=15000"]
    return "|".join(words if writes else [*words, "read-only"])


def _listen(listening: socket.socket, folder: Path) -> Path:
    """Listen in a folder of `folder`, which is this user's alone; what is mounted of it is open to a container's."""
    inner = folder / scratch.FILES
    listening.bind(str(inner / SOCKET))
    (inner / SOCKET).chmod(0o666)
    inner.chmod(0o711)
    listening.listen(BACKLOG)
    listening.settimeout(0)
    return inner


def probe(remote: Remote) -> str:
    """Why the server cannot be used; empty when it answers as ccache needs it. Waits some seconds at most."""

    async def asked() -> None:
        lines = Lines(remote)
        try:
            await lines.ask(resp.EXISTS, PROBE)
        finally:
            lines.close()

    try:
        asyncio.run(asked())
    except UnusableError as error:
        return str(error)
    except resp.DeniedError as error:
        return f"it does not let us read ({error})"
    return ""
