"""Digests of what a run wrote: each record lists its cell's files, run.json lists the records and the images' contents.

Written once more after every change, so that a run that was cut short is sealed as far as it came.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pipeline import atomic
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.values import Tree

RECORD, NOTE = "record.json", "run.json"
KINDS = ("cells", "controls")
IMAGES = "sbom"
# How each kind of source was checked, by the beginning of its tree's digest.
VERIFIED = {
    "deb": "the signature of Debian's archive, and its sha256 of the package",
    "tar": "the sha256 that matrix.yaml has of the tarball",
    "git": "git's own digest of the tree; no signature",
    "dir": "nothing: a folder as it lay there",
}
UNSEALED = frozenset({"build.log"})  # of a kernel's files: what make prints differs from build to build


def homes(note: Mapping[str, Any]) -> list[str]:
    """The folders of a run's cells and controls below its own, as run.json lists them."""
    return [f"{kind}/{name}" for kind in KINDS for name in note[kind]]


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


def provenance(tree: Tree | None) -> dict[str, Any]:
    """What a tree is made of, by digests, and how its source was checked."""
    plain = tree.plain or tree if tree else None
    digest = plain.digest if plain else ""
    return {
        "tree": tree.digest if tree else "", "plain": digest, "verified": VERIFIED.get(digest.partition(":")[0], ""),
        "patches": list(tree.patches) if tree else [],
    }


def close(folder: Path) -> None:
    """Note in run.json the digest of each record and of what is below sbom/.

    Raises HostError when the disk does not take it.
    """
    note: Any = atomic.read_json(folder / NOTE)
    records = {name: digest(folder / name / RECORD) for name in homes(note)}
    images = files(folder / IMAGES) or note.get("images", {})  # a packed run leaves the files out
    atomic.write_json(folder / NOTE, {**note, "records": records, "images": images})
