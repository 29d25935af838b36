"""A Redis server as small as it can be, and ways in which it can be wrong: the far end of the fleet's cache."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """What is stored, what was asked, and what it does wrong."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path | None = None, *, password: str = "", user: str = "default") -> None:
        self.store: dict[tuple[int, bytes], bytes] = {}
        self.asked: list[tuple[bytes, ...]] = []
        self.connections: list[socket.socket] = []
        self.user, self.password = user, password
        self.denied: dict[bytes, bytes] = {}
        self.delay = 0.0
        self.answer: bytes | None = None  # to everything, in the place of the right one
        if path:
            self.address_family = socket.AF_UNIX
        address: Any = str(path) if path else ("127.0.0.1", 0)
        super().__init__(address, Client)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_UNIX:
            self.socket.bind(self.server_address)
        else:
            super().server_bind()

    @property
    def url(self) -> str:
        if self.address_family == socket.AF_UNIX:
            return f"redis+unix:{self.server_address}"
        who = f"{self.user}:{self.password}@" if self.password else ""
        return f"redis://{who}127.0.0.1:{self.server_address[1]}"

    def names(self) -> list[bytes]:
        return [words[0] for words in self.asked]

    def hang_up(self) -> None:
        """End every connection, as a server does with those that are idle."""
        for one in self.connections:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.connections.clear()


class Client(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server

    def handle(self) -> None:
        self.server.connections.append(self.connection)
        self.known, self.database = not self.server.password, 0
        try:
            while words := self.words():
                self.server.asked.append(words)
                time.sleep(self.server.delay)
                answer = self.server.answer
                self.wfile.write(self.right(words) if answer is None else answer)
        except (OSError, ValueError):
            return  # the client, or the server itself, has gone

    def words(self) -> tuple[bytes, ...]:
        head = self.rfile.readline()
        return tuple(self.word() for _ in range(int(head[1:]))) if head else ()

    def word(self) -> bytes:
        size = int(self.rfile.readline()[1:])
        return self.rfile.read(size + 2)[:-2]

    def right(self, words: tuple[bytes, ...]) -> bytes:
        name, *given = words
        server = self.server
        if name == b"AUTH":
            self.known = [one.decode() for one in ([b"default", *given])[-2:]] == [server.user, server.password]
            return b"+OK\r\n" if self.known else b"-WRONGPASS " + b" ".join(given) + b"\r\n"
        if not self.known:
            return b"-NOAUTH Authentication required.\r\n"
        if name in server.denied:
            return server.denied[name]
        if name == b"SELECT":
            self.database = int(given[0])
            return b"+OK\r\n"
        return self.done(name, (self.database, given[0]), given[1:])

    def done(self, name: bytes, key: tuple[int, bytes], given: list[bytes]) -> bytes:
        store = self.server.store
        there = store.get(key)
        if name == b"GET":
            return b"$-1\r\n" if there is None else b"$%d\r\n%b\r\n" % (len(there), there)
        if name == b"SET":
            (store[key],) = given
            return b"+OK\r\n"
        if name == b"DEL":
            store.pop(key, None)
        return b":%d\r\n" % (there is not None)


@contextmanager
def running(path: Path | None = None, **more: Any) -> Iterator[Server]:
    """A server that answers until the block ends."""
    with Server(path, **more) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()
