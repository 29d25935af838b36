"""Temporary folders, and the removal of those that killed commands left.

Never touches a folder of a process that may still run, or of another user.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import atomic, process

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "hvmatrix-"
FILES = "files"
_OWNER = "owner"  # the file that says whose a folder is


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder that is gone after the block. Raises HostError when it cannot be made."""
    with atomic.writing(f"a folder in {tempfile.gettempdir()}"):
        outer = made()
    with outer as name:
        yield Path(name) / FILES


def made() -> tempfile.TemporaryDirectory[str]:
    """A folder that `sweep` removes once this process has ended; it holds `files`, which is empty. Raises OSError."""
    found = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    try:
        (Path(found.name) / _OWNER).write_text(process.identity(), encoding="utf-8")
        (Path(found.name) / FILES).mkdir()
    except BaseException:
        found.cleanup()
        raise
    return found


def sweep() -> None:
    """Remove the folders of processes that were killed before they could."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            facts = path.lstat()
            if facts.st_uid == os.geteuid() and process.gone((path / _OWNER).read_text(encoding="utf-8")):
                shutil.rmtree(path, ignore_errors=True)
