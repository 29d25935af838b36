"""Digests of what a run wrote: each record lists its cell's files, run.json lists the records and the images' contents.

Written once more after every change, so that a run that was cut short is sealed as far as it came.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pipeline import atomic
from pipeline.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

RECORD, NOTE = "record.json", "run.json"
KINDS = ("cells", "controls")
IMAGES = "sbom"
UNSEALED = frozenset({"build.log"})  # of a kernel's files: what make prints differs from build to build


def digest(path: Path) -> str:
    """The sha256 of a file; empty where there is none. Raises HostError when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except OSError as error:
        hint = "make it readable, and look at the disk"
        raise HostError(f"{path}: cannot be read: {error.strerror}", hint=hint) from error


def files(folder: Path) -> dict[str, str]:
    """The digests of a cell's files by name, without its record."""
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return {name: digest(folder / name) for name in names if name != RECORD and not name.startswith(".")}


def artifacts(kernel: Path) -> dict[str, str]:
    """The digests of a finished kernel's files, as its build noted them; none where there is no such build."""
    note: Any = atomic.read_json(kernel / "build.json")
    found = note.get("files") if isinstance(note, dict) else None
    return {name: one for name, one in found.items() if name not in UNSEALED} if isinstance(found, dict) else {}


def close(folder: Path) -> None:
    """Note in run.json the digest of each record and of what is below sbom/.

    Raises HostError when the disk does not take it.
    """
    note: Any = atomic.read_json(folder / NOTE)
    names = [f"{kind}/{name}" for kind in KINDS for name in note[kind]]
    records = {name: digest(folder / name / RECORD) for name in names}
    atomic.write_json(folder / NOTE, {**note, "records": records, "images": files(folder / IMAGES)})
