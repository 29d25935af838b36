"""The address of a fleet's compiler cache: HVMATRIX_CCACHE_REMOTE, read and checked.

Never connects. No text that is made here has a user or a password in it, nor any part of an address that is wrong.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "HVMATRIX_CCACHE_REMOTE"
FORM = "redis://[USER:PASSWORD@]HOST[:PORT][/DB] or redis+unix:/PATH"
PORT = 6379
PATH_LIMIT = 107  # of a socket, in bytes: unix(7)
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_DATABASE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A Redis server: a host and a port, or the path of a socket; who to be there, and which of its databases."""

    host: str = ""
    port: int = 0
    path: str = ""
    database: int = 0
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        if self.path:
            return f"redis+unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{host}:{self.port}" + (f"/{self.database}" if self.database else "")


def configured(environment: Mapping[str, str] = os.environ) -> Remote | None:
    """The fleet's cache that the environment names, if it does. Raises UserError for what is no address."""
    text = environment.get(VARIABLE, "")
    return parsed(text) if text else None


def parsed(text: str) -> Remote:
    """An address as a value. Raises UserError that says what is wrong without showing it."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise _wrong("it has blanks or characters that are not ASCII")
    if "?" in text or "#" in text:
        raise _wrong("it has a ? or a #")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _wrong("its host or port is none") from None
    if parts.scheme == "redis+unix":
        return _socket(parts)
    if parts.scheme != "redis":
        raise _wrong("it begins with neither redis:// nor redis+unix:")
    return _server(parts, PORT if port is None else port)


def _socket(parts: SplitResult) -> Remote:
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or "\0" in path or len(path.encode()) > PATH_LIMIT:
        raise _wrong(f"after redis+unix: comes the absolute path of a socket, at most {PATH_LIMIT} bytes")
    return Remote(path=path)


def _server(parts: SplitResult, port: int) -> Remote:
    host, database = parts.hostname or "", parts.path.removeprefix("/")
    if not _HOST.fullmatch(host):
        raise _wrong("it has no host")
    if port == 0:
        raise _wrong("its port is 0")
    if database and not _DATABASE.fullmatch(database):
        raise _wrong("its database is not a number")
    if "@" in parts.netloc and not parts.password:
        raise _wrong("it has a user without a password; a password alone is written :PASSWORD@")
    return Remote(
        host=host, port=port, database=int(database or 0), user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )  # fmt: skip


def _wrong(why: str) -> UserError:
    hint = f"{FORM}; in a user or password, / : @ ? # and % are written as %2F and so on"
    return UserError(f"{VARIABLE}: not the address of a cache: {why}", hint=hint)
