"""Says who a process is, so that what a killed one left can be told from what a live one uses.

Never ends anything.
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
    stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    if fields[STATE] in ENDED:
        raise ProcessLookupError(number)
    return f"{_place()}:{_boot()}:{number}:{fields[START_TIME]}"


def gone(name: str) -> bool:
    """Whether the process of that identity was one of this host and no longer runs.

    Of another host's, or of another container's with the same engine, nothing can be known: not gone.
    """
    try:
        host, space, boot, number, _ = name.split(":")
        if f"{host}:{space}" != _place():
            return False
        return identity(int(number)) != name
    except ValueError:
        return name.startswith(f"{_place()}:")
    except OSError:
        return boot != _boot() or not _hidden(int(number))


def _hidden(number: int) -> bool:
    """Whether another user's process has that number, which /proc may hide (proc(5), hidepid)."""
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _place() -> str:
    """Host and pid namespace; the first namespace has the same number everywhere, and many a host is named debian."""
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = ""
    return f"{os.uname().nodename}/{machine}:{Path('/proc/self/ns/pid').stat().st_ino}"
