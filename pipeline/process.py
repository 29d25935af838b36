"""Says who a process is, so that what a killed one left can be told from what a live one uses.

Never signals anything.
"""

from __future__ import annotations

import os
from pathlib import Path

ZOMBIE = "Z"  # ended, but not yet waited for: in a container without an init it stays so
START_TIME = 19  # field 22 of /proc/PID/stat, counted after the command's name (proc(5))


def identity(pid: int | None = None) -> str:
    """A name for a process that no later process gets: boot id, pid and start time."""
    number = pid or os.getpid()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    if fields[0] == ZOMBIE:
        raise ProcessLookupError(f"process {number} has ended")
    return f"{boot}:{number}:{fields[START_TIME]}"


def alive(name: str) -> bool:
    """Whether the process of that identity still runs on this host."""
    try:
        return identity(int(name.split(":")[1])) == name
    except (IndexError, ValueError, OSError):
        return False
