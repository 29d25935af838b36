"""Says who a process is, so that what a killed one left can be told from what a live one uses.

Never signals anything.
"""

from __future__ import annotations

import os
from pathlib import Path

# Counted after the command's name: fields 3 and 22 of /proc/PID/stat (proc(5)).
STATE, START_TIME = 0, 19
ENDED = frozenset("ZX")


def identity(pid: int | None = None) -> str:
    """A name for a process that no later one gets: host, pid namespace, boot id, pid and start time."""
    number = pid or os.getpid()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    if fields[STATE] in ENDED:
        raise ProcessLookupError(number)
    return f"{_place()}:{boot}:{number}:{fields[START_TIME]}"


def gone(name: str) -> bool:
    """Whether the process of that identity was one of this host and no longer runs.

    Of another host's, or of another container's with the same engine, nothing can be known: not gone.
    """
    try:
        host, space, _, number, _ = name.split(":")
        if f"{host}:{space}" != _place():
            return False
        return identity(int(number)) != name
    except (ValueError, OSError):
        return name.startswith(f"{_place()}:")


def _place() -> str:
    return f"{os.uname().nodename}:{Path('/proc/self/ns/pid').stat().st_ino}"
