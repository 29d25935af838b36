"""Says what running commands use, so that nobody removes it: each holds a lease, and touches what it uses.

Never waits for another command, but for one that is removing everything.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pipeline import atomic, process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_own: set[Path] = set()


@contextmanager
def held(cache: Path) -> Iterator[None]:
    """Hold a lease on a cache until the block ends: what is `used` meanwhile stays.

    A lease is a file with a lock on it, which the kernel lifts when its process ends in whatever way: also in another
    container, whose process numbers say nothing here. What stands in it is who holds it. Raises HostError when it
    cannot be written.
    """
    with starting(cache), atomic.writing(str(_folder(cache))):
        path, handle = _made(_folder(cache))
    try:
        yield
    finally:
        _own.discard(path)
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _made(folder: Path) -> tuple[Path, int]:
    """A new lease and the open file that keeps it. It gets its name once it is locked: nobody takes it for dead."""
    path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
    hidden = path.with_name(f".{path.name}")
    handle = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, process.identity().encode())
        hidden.rename(path)
    except OSError:
        os.close(handle)
        hidden.unlink(missing_ok=True)
        raise
    _own.add(path)
    return path, handle


@contextmanager
def starting(cache: Path) -> Iterator[None]:
    """Let no other command begin until the block ends. Raises HostError when the cache cannot be written."""
    lock = _folder(cache) / ".lock"
    with atomic.writing(str(lock)):
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("w")
    with stream:
        with suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def since(cache: Path, *, own: bool = True) -> float | None:
    """When the oldest command began that runs now (an mtime); None when none does.

    Without `own`, those of this process do not count. What was used since then is nobody's to remove.
    """
    starts = [start for path, start in _live(cache).items() if own or path not in _own]
    return min(starts, default=None)


def owners(cache: Path) -> set[str]:
    """The processes (process.identity) that hold a lease on a cache."""
    found = set()
    for path in _live(cache):
        with suppress(OSError):
            found.add(path.read_text(encoding="utf-8"))
    return found


def used(path: Path) -> bool:
    """Note that a file or folder of the cache is used now, before it is looked at; False when it is not there."""
    try:
        os.utime(path)
        started = max((one.stat().st_mtime for one in _own), default=0.0)
        if path.stat().st_mtime < started:  # the clock was set back meanwhile
            os.utime(path, (started, started))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # a cache that can only be read is nobody's to prune either
    return True


def take(cache: Path, path: Path, *, own: bool = True) -> Path | None:
    """Move a file or folder of the cache aside, where nobody finds it, to be removed; None when it must stay.

    Who uses it begins with a lease and `used`. Either the touch comes first, and is seen here, or it finds nothing.
    """
    aside = path.with_name(f".old-{path.name}.{secrets.token_hex(4)}")
    try:
        if _spared(cache, path, own=own):
            return None
        path.rename(aside)
        if not _spared(cache, aside, own=own):
            return aside
        put_back(aside, path)  # it was used just now
    except OSError:
        return None
    return None


def _spared(cache: Path, path: Path, *, own: bool) -> bool:
    start = since(cache, own=own)
    return start is not None and path.stat().st_mtime >= start


def put_back(aside: Path, path: Path) -> None:
    """Undo `take`. What was made there meanwhile stays; what is aside is then found as a left-over."""
    with suppress(OSError):
        if not path.exists():
            aside.rename(path)


def _folder(cache: Path) -> Path:
    return cache / "leases"


def _live(cache: Path) -> dict[Path, float]:
    """The leases of commands that run, each with its start; those of ended ones are removed."""
    found = {}
    for path in _folder(cache).glob("[!.]*"):
        with suppress(OSError):  # it ended just now
            start = path.stat().st_mtime
            if path in _own or _locked(path):
                found[path] = start
            else:
                path.unlink()
    return found


def _locked(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return not process.gone(path.read_text(encoding="utf-8"))
    finally:
        os.close(handle)
    return False
