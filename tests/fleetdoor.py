"""A client of the socket that a build's container is given for the fleet's cache."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import fleet, fleetcache, resp

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = b"ccache:0123456789abcdefghijklmnopqrstuv01234567"
SECRET = "hunter2"  # noqa: S105 - of servers in tests


class Client:
    """One connection to it."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))

    def ask(self, *words: bytes) -> bytes:
        return self.raw(resp.written(*words))

    def raw(self, data: bytes) -> bytes:
        """The answer to some bytes; empty at the end of the connection."""
        try:
            self.socket.sendall(data)
            found = self.socket.recv(65536)
            if found.startswith(b"$") and found != resp.NIL:
                size = int(found[1:].partition(b"\r\n")[0])
                while len(found) < size + 5 + len(str(size)):
                    found += self.socket.recv(65536)
        except OSError:
            return b""
        return found


@contextmanager
def client(url: str, said: list[str] | None = None, *, writes: bool = True) -> Iterator[Client]:
    """A client of a door to a server, until the block ends."""
    made = fleetcache.Fleet(fleet.parsed(url), (said if said is not None else []).append)
    with made.door(writes=writes) as door:
        (folder,) = door.volumes
        yield Client(Path(folder) / fleetcache.SOCKET)
