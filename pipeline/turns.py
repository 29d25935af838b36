"""Lets one command at a time make a thing of the cache, so that who comes second can wait and find it made.

A turn is a file with a lock on it, which the kernel lifts when its process ends in whatever way.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pipeline import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAUSE = 0.5  # seconds between two looks at somebody else's turn


@contextmanager
def tried(cache: Path, name: str) -> Iterator[bool]:
    """Try to have a turn until the block ends: False, at once, where somebody else has it.

    Raises HostError when the cache cannot be written.
    """
    path = _path(cache, name)
    with atomic.writing(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(path)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            with suppress(OSError):
                path.unlink()
            os.close(handle)


def taken(cache: Path, name: str) -> bool:
    """Whether somebody has a turn now."""
    path = _path(cache, name)
    if not path.exists():
        return False
    with tried(cache, name) as ours:
        return not ours


def _path(cache: Path, name: str) -> Path:
    return cache / "turns" / name


def _locked(path: Path) -> int | None:
    """The open file with the lock; None where somebody else holds it, or has just removed it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # a file system without locks: everyone has a turn
        return handle
    with suppress(FileNotFoundError):
        if path.stat().st_ino == os.fstat(handle).st_ino:
            return handle
    os.close(handle)
    return None
