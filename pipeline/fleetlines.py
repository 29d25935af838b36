"""Connections to the fleet's Redis server: made when needed, used again, and given up when the server fails.

Never shows what a server wrote, nor who we are to it.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import resp

if TYPE_CHECKING:
    from pipeline.fleet import Remote

    Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SECONDS = 5.0  # for one answer, from connecting to its last byte
SLOW_SECONDS, SLOW_MOST, SLOW_PART = 0.5, 10, 10  # ten slow answers, if they are a tenth of all, are too many
GONE = (OSError, EOFError)


class UnusableError(Exception):
    """The server cannot be used any more; why, in our own words."""


@dataclass(slots=True)
class Lines:
    """The connections of one build to a server. Used in one event loop only."""

    remote: Remote
    _idle: list[Line] = field(default_factory=list)
    _down: str = ""
    _asked: int = 0
    _slow: int = 0

    async def ask(self, *words: bytes) -> bytes:
        """A server's answer to a command, as bytes.

        Raises DeniedError for an error that it answers with, UnusableError for all else that goes wrong, now or before.
        """
        if self._down:
            raise UnusableError(self._down)
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(SECONDS):
                return await self._answer(words)
        except TimeoutError:
            self._down = f"no answer within {SECONDS:.0f} s"
        except asyncio.IncompleteReadError:
            self._down = "it ended the connection"
        except OSError as error:
            self._down = _why(error)
        except resp.RubbishError:
            self._down = "it does not speak Redis' protocol"
        finally:
            self._clock(clock() - began)
        raise UnusableError(self._down)

    def close(self) -> None:
        """End every connection."""
        while self._idle:
            self._idle.pop()[1].transport.abort()

    def _clock(self, seconds: float) -> None:
        self._asked += 1
        self._slow += seconds > SLOW_SECONDS
        if self._slow >= SLOW_MOST and self._slow * SLOW_PART > self._asked:
            self._down = self._down or "it is slow"

    async def _answer(self, words: tuple[bytes, ...]) -> bytes:
        """Ask on a connection that is there, or on a new one: a server may end one that has been idle."""
        while self._idle:
            try:
                return await self._kept(self._idle.pop(), words)
            except GONE:
                continue
        return await self._kept(await self._connected(), words)

    async def _kept(self, line: Line, words: tuple[bytes, ...]) -> bytes:
        """Ask and hear, and keep the connection for the next if all went well on it."""
        try:
            return await self._exchange(line, words)
        finally:
            if not line[1].is_closing():
                self._idle.append(line)

    async def _exchange(self, line: Line, words: tuple[bytes, ...]) -> bytes:
        """Ask and hear. A connection on which that went wrong is ended."""
        reader, writer = line
        try:
            writer.write(resp.written(*words))
            await writer.drain()
            return await resp.answer(reader, words[0])
        except resp.DeniedError:
            raise
        except BaseException:
            writer.transport.abort()
            raise

    async def _connected(self) -> Line:
        """A new connection, with the user and the database chosen."""
        remote = self.remote
        if remote.path:
            line = await asyncio.open_unix_connection(remote.path, limit=resp.LINE_LIMIT)
        else:
            line = await asyncio.open_connection(remote.host, remote.port, limit=resp.LINE_LIMIT)
        steps = [("AUTH", remote.user, remote.password)] if remote.password else []
        if remote.database:
            steps.append(("SELECT", "", str(remote.database)))
        for name, *given in steps:
            try:
                await self._exchange(line, (name.encode(), *(word.encode() for word in given if word)))
            except resp.DeniedError as error:
                line[1].transport.abort()
                self._down = "it refuses the user or password" if name == "AUTH" else "it refuses the database"
                raise UnusableError(self._down) from error
        return line


def _why(error: OSError) -> str:
    """The system's word for what went wrong; asyncio has its own for it, or none when it tried two addresses."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or "it cannot be reached"
