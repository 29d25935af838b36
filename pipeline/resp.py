"""As much of Redis' protocol as ccache speaks: what it may ask, and what a server may answer.

Never connects. Source: ccache 4.11, src/ccache/storage/remote/redisstorage.cpp, and the RESP 2 specification.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

VALUE_LIMIT = 32 * 2**20  # of a compiled file, packed; amdgpu's largest has some MiB
NAME_LIMIT, KEY_LIMIT = 8, 80
LINE_LIMIT = 64 * 1024  # of what is read ahead, and of a line
NIL = b"$-1\r\n"
GET, EXISTS, SET, DEL = b"GET", b"EXISTS", b"SET", b"DEL"
WORDS = {GET: 2, EXISTS: 2, SET: 3, DEL: 2}
WRITING = frozenset({SET, DEL})
_KEY = re.compile(rb"ccache:[0-9a-z]{16,64}")
_NUMBER = re.compile(rb"[0-9]{1,10}")
_CODE = re.compile(rb"-(NOAUTH|WRONGPASS|NOPERM|OOM|READONLY|LOADING|MISCONF|BUSY|ERR)\b")


class RefusedError(Exception):
    """A client asked for what is not let through; its text says what, in our own words."""


class RubbishError(Exception):
    """A server's answer is none that its question can have."""


class DeniedError(Exception):
    """A server answered with an error. Its text is one of Redis' own codes and never what the server wrote."""


@dataclass(frozen=True, slots=True)
class Question:
    """A command with its key, and of a SET the bytes that its value has; the value itself is still to be read."""

    name: bytes
    key: bytes
    size: int = 0


async def question(reader: asyncio.StreamReader, *, writes: bool) -> Question:
    """The next command of a client, of those that ccache sends.

    Raises RefusedError for all others, and without `writes` for SET and DEL, before anything of a value is read.
    """
    count = _number(await _line(reader), b"*", max(WORDS.values()))
    name = (await _word(reader, NAME_LIMIT)).upper()
    if name not in WORDS:
        raise RefusedError("no such command here")
    if name in WRITING and not writes:
        raise RefusedError("this build may only read")
    if count != WORDS[name]:
        raise RefusedError("a wrong number of words")
    key = await _word(reader, KEY_LIMIT)
    if not _KEY.fullmatch(key):
        raise RefusedError("not a key of ccache")
    return Question(name, key, _number(await _line(reader), b"$", VALUE_LIMIT) if name == SET else 0)


async def value(reader: asyncio.StreamReader, size: int) -> bytes:
    """The value of a SET. Raises RefusedError when it is longer than was said."""
    data = await reader.readexactly(size + 2)
    if not data.endswith(b"\r\n"):
        raise RefusedError("not Redis' protocol")
    return data[:-2]


async def answer(reader: asyncio.StreamReader, name: bytes) -> bytes:
    """A server's whole answer to a command, as bytes to be handed on.

    Raises DeniedError for an error, RubbishError for what is no answer, or for a value over the limit.
    """
    try:
        line = await _line(reader)
        if line.startswith(b"-"):
            code = _CODE.match(line)
            raise DeniedError(code[1].decode() if code else "an error")
        if name == GET and line != b"$-1":
            size = _number(line, b"$", VALUE_LIMIT)
            return line + b"\r\n" + await value(reader, size) + b"\r\n"
        if name in {EXISTS, DEL}:
            _number(line, b":", 1)
        elif name != GET:
            _ok(line)
    except RefusedError as error:
        raise RubbishError from error
    return line + b"\r\n"


def written(*words: bytes) -> bytes:
    """A command as bytes."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.LimitOverrunError as error:
        raise RefusedError("a line without an end") from error


async def _word(reader: asyncio.StreamReader, most: int) -> bytes:
    return await value(reader, _number(await _line(reader), b"$", most))


def _ok(line: bytes) -> None:
    if line != b"+OK":
        raise RefusedError("not Redis' protocol")


def _number(line: bytes, mark: bytes, most: int) -> int:
    """The number after a mark, from 0 to `most`."""
    if not line.startswith(mark) or not _NUMBER.fullmatch(line[1:]):
        raise RefusedError("not Redis' protocol")
    if int(line[1:]) > most:
        raise RefusedError("too long")
    return int(line[1:])
