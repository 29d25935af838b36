"""Tar archives, the form in which files go into and come out of containers.

What comes out is never unpacked by name alone: size, type and path are checked first.
"""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

READABLE = 0o644


def pack(files: Mapping[str, bytes], *, mode: int = READABLE, owner: int = 0) -> bytes:
    """A tar of named files, with fixed times so that the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), mode
            member.uid = member.gid = owner
            archive.addfile(member, io.BytesIO(files[name]))
    return buffer.getvalue()


def bounded(chunks: Iterable[bytes], limit: int, path: str) -> bytes:
    """All chunks as one; raises HostError when they exceed `limit` bytes."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise HostError(f"{path} in a container is larger than {limit} bytes", hint="nothing was kept of it")
    return bytes(data)


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""


def plain(member: tarfile.TarInfo) -> bool:
    """Whether a member is a regular file whose bytes are all in the archive; a sparse one can grow without bounds."""
    return member.isfile() and not member.issparse()


def unpack(data: bytes) -> dict[str, bytes]:
    """The regular files of a tar by name; links, devices and folders are left out.

    Raises tarfile.TarError for what is packed once more, and for a member of less than no bytes, which would lead
    back to one before it, for ever.
    """
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            if member.size < 0:
                raise tarfile.ReadError(f"{member.name!r} has {member.size} bytes")
            if plain(member):
                found[member.name] = _member(archive, member)
    return found


def save(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files below a folder; names are those of Container.get, without their first part."""
    for name, data in files.items():
        relative = os.path.normpath(name.partition("/")[2] or name)
        if name.startswith("/") or relative.startswith(("..", "/")):
            raise HostError(f"a container handed out a file outside its folder: {name!r}")
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
