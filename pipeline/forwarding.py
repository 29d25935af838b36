"""Answers ccache on a socket by asking the fleet's server, and lets nothing else through.

Who connects is a stranger's build: commands, keys, sizes and numbers are bounded. Runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import resp
from pipeline.fleetlines import UnusableError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from pipeline.fleetlines import Lines

CLIENTS = 256  # of all builds at a time: each takes a file of this process, which may often have 1024 open
COMMANDS = 64  # on one connection; ccache sends four
ALL_COMMANDS = 500_000  # of one build; a kernel with everything has 30,000 objects
AT_ONCE = 8  # commands in work: they bound the memory that values take
CLIENT_SECONDS = 10.0  # in which a client sends a value, or takes an answer
FAILED = b"-ERR the cache of the fleet cannot be used\r\n"


@dataclass(slots=True)
class Tally:
    """How many files a build asked for, got, and handed in, and how many commands were refused it."""

    asked: int = 0
    found: int = 0
    stored: int = 0
    refused: int = 0

    def add(self, other: Tally) -> None:
        """Count what another counted as well."""
        self.asked += other.asked
        self.found += other.found
        self.stored += other.stored
        self.refused += other.refused

    def __str__(self) -> str:
        text = f"{self.found} of {self.asked} files were there, {self.stored} handed in"
        return text + (f", {self.refused} commands refused" if self.refused else "")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the forwarders of one command share: who is told what goes wrong, and how many clients there may be."""

    tell: Callable[[str, str], None]
    seats: threading.Semaphore


class Forwarder:
    """Serves the clients of one build. With `writes` they may change the cache too."""

    def __init__(self, lines: Lines, shared: Shared, *, writes: bool) -> None:
        self._lines, self._writes = lines, writes
        self._seats, self._tell = shared.seats, shared.tell
        self._denied: set[str] = set()
        self._commands = 0
        self.tally = Tally()

    @contextmanager
    def serving(self, listening: socket.socket) -> Iterator[None]:
        """Serve until the block ends. Then no connection and no thread is left."""
        loop, stop, room = asyncio.new_event_loop(), asyncio.Event(), asyncio.Semaphore(AT_ONCE)

        def run() -> None:
            try:
                loop.run_until_complete(self._serve(listening, stop, room))
            finally:
                loop.close()

        thread = threading.Thread(target=run, name="fleet cache", daemon=True)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()

    async def _serve(self, listening: socket.socket, stop: asyncio.Event, room: asyncio.Semaphore) -> None:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._client(reader, writer, room)

        server = await asyncio.start_unix_server(accepted, sock=listening, limit=resp.LINE_LIMIT)
        await stop.wait()
        server.close()
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        self._lines.close()

    async def _client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, room: asyncio.Semaphore,
    ) -> None:  # fmt: skip
        if not self._seats.acquire(blocking=False):
            writer.transport.abort()
            return
        try:
            for _ in range(COMMANDS):
                await self._command(reader, writer, room)
        except resp.RefusedError as error:
            self.tally.refused += 1
            writer.write(f"-ERR refused: {error}\r\n".encode())
        except (OSError, EOFError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()  # the build is over
        finally:
            writer.close()
            self._seats.release()

    async def _command(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, room: asyncio.Semaphore,
    ) -> None:  # fmt: skip
        """One command and its answer."""
        asked = await resp.question(reader, writes=self._writes)
        self._commands += 1
        if self._commands > ALL_COMMANDS:
            raise resp.RefusedError("too many commands")
        async with room:
            words = [asked.name, asked.key]
            if asked.name == resp.SET:
                async with asyncio.timeout(CLIENT_SECONDS):
                    words.append(await resp.value(reader, asked.size))
            writer.write(await self._answer(words))
            async with asyncio.timeout(CLIENT_SECONDS):
                await writer.drain()

    async def _answer(self, words: list[bytes]) -> bytes:
        """What the server says, or that it cannot be used. Counts files."""
        name = words[0]
        self.tally.asked += name == resp.GET
        doing = "write" if name in resp.WRITING else "read"
        if doing in self._denied:
            return FAILED
        try:
            found = await self._lines.ask(*words)
        except UnusableError as error:
            self._tell("server", str(error))
            return FAILED
        except resp.DeniedError as error:
            self._denied.add(doing)  # it is asked that no more
            self._tell(doing, f"it does not let us {doing} ({error})")
            return FAILED
        self.tally.found += name == resp.GET and found != resp.NIL
        self.tally.stored += name == resp.SET
        return found
