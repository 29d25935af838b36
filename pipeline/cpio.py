"""Writes the newc archives that the kernel unpacks as its initramfs.

Pure: files in, bytes out. Format: Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIGN = 4


def archive(files: Mapping[str, bytes], *, console: bool = False) -> bytes:
    """An archive of regular files, sorted by name; `console` adds the device node that PID 1's output needs."""
    out = bytearray()
    if console:
        out += _member("dev/console", b"", stat.S_IFCHR | 0o600, device=(5, 1))
    for name in sorted(files):
        out += _member(name, files[name], stat.S_IFREG | 0o644)
    return bytes(out + _member("TRAILER!!!", b"", 0))


def _member(name: str, data: bytes, mode: int, device: tuple[int, int] = (0, 0)) -> bytes:
    path = name.encode() + b"\0"
    # magic, ino, mode, uid, gid, nlink, mtime, filesize, major, minor, rmajor, rminor, namesize, check
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGN)
