"""What this host can do: hardware virtualisation for Hyper-V guests, disk, memory, cores.

It only looks; nothing is started or changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KVM_CHECK_EXTENSION = 0xAE03
# include/uapi/linux/kvm.h; a guest needs the first three to see Hyper-V and a VMBus
CAPABILITIES = {
    44: "HYPERV",
    148: "HYPERV_SYNIC2",
    149: "HYPERV_VP_INDEX",
    96: "HYPERV_TIME",
    123: "HYPERV_SYNIC",
    155: "HYPERV_TLBFLUSH",
    161: "HYPERV_SEND_IPI",
    167: "HYPERV_CPUID",
    191: "SYS_HYPERV_CPUID",
    199: "HYPERV_ENFORCE_CPUID",
}
NEEDED = (44, 148, 149)


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether /dev/kvm can run Hyper-V guests, why not, and KVM's answer for each capability."""

    usable: bool
    reason: str
    answers: Mapping[int, int]


def probe(device: Path = Path("/dev/kvm")) -> Probe:
    """Ask KVM itself; that the device exists means nothing."""
    try:
        handle = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return Probe(usable=False, reason=f"{device}: {error.strerror}", answers={})
    try:
        answers = {number: fcntl.ioctl(handle, KVM_CHECK_EXTENSION, number) for number in CAPABILITIES}
    except OSError as error:
        return Probe(usable=False, reason=f"{device}: KVM_CHECK_EXTENSION: {error.strerror}", answers={})
    finally:
        os.close(handle)
    missing = [f"KVM_CAP_{CAPABILITIES[number]} ({number}) = 0" for number in NEEDED if answers[number] <= 0]
    return Probe(usable=not missing, reason=", ".join(missing) or "Hyper-V capabilities present", answers=answers)


def free_bytes(path: Path) -> int:
    """Free bytes on the disk of a path, or of its nearest folder that exists."""
    return shutil.disk_usage(_there(path)).free


def disk_bytes(path: Path) -> int:
    """All bytes of the disk of a path, or of its nearest folder that exists."""
    return shutil.disk_usage(_there(path)).total


def disk(path: Path) -> int:
    """A number that tells the disk of a path from others (st_dev)."""
    return _there(path).stat().st_dev


def _there(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def memory_bytes() -> tuple[int, int]:
    """Memory in all and available, in bytes (/proc/meminfo)."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    fields = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return fields["MemTotal"], fields["MemAvailable"]


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
