"""The QEMU processes of this host, for tests that look for what is left and for those that kill."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def running(place: str = "") -> list[int]:
    """Their process numbers, those in containers included; with `place`, those that mount what is there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # it has ended
            if "qemu-system" in path.read_text() and place in path.with_name("mountinfo").read_text():
                found.append(int(path.parent.name))
    return found
