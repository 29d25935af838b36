"""A guest's far end: evidence as the guest's PID 1 frames it, to be changed by tests."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import archive
from pipeline.model import Ending, Machine
from pipeline.values import BootRun

if TYPE_CHECKING:
    from collections.abc import Mapping

NONCE = "00112233445566778899aabbccddeeff"
RELEASE = "6.12.117-0123456789ab"
FLAGS = (
    "relaxed", "vapic", "vpindex", "runtime", "time", "synic", "stimer", "stimer-direct", "tlbflush", "ipi",
    "frequencies",
)  # fmt: skip
HYPERV = Machine(name="hyperv", hyperv=FLAGS, devices=("vmbus-bridge", "hv-balloon"))
BARE = Machine(name="bare", hyperv=(), devices=())
BALLOON = "{525074dc-8985-46e2-8057-a307dc18a502}"
DEVICE = f"67127c11-c811-40e4-8c75-b17b65d6cd82 {BALLOON}"
HOST_LOG = (
    b"host: start\r\nvmbus_initiate_contact version 4.0 target vp 0\r\nvmbus_send_offer channel #1 dev 0x1\r\n"
    b"vmbus_channel_open channel #1 status 0\r\nhost: exit 0\r\n"
)
OPTIONS = {"HYPERVISOR_GUEST": "y", "ACPI": "y", "HYPERV": "m", "HYPERV_BALLOON": "m"}
DMESG = f"""\
[    0.000000] Linux version {RELEASE} (hvmatrix@hvmatrix) #1 SMP
[    0.000000] Hypervisor detected: Microsoft Hyper-V
[    0.000000] Hyper-V: privilege flags low 0xa7f, high 0x30, hints 0xc2c, misc 0x80108
[    1.282642] Hyper-V: Host Build 10.0.14393.0-0-0
[    2.935200] hv_vmbus: Vmbus version:4.0
[    2.993712] hv_vmbus: registering driver hv_balloon
"""
# A 6.12 guest with HYPERV=m that came up to the top.
BOUND = {
    "dmesg": DMESG,
    "hotplug": "147: x86/hyperv_init:online\n197: hyperv/vmbus:online\n",
    "acpi": "PNP0A08:00\nVMBUS:00\n",
    "vmbus": f"{DEVICE} 3 hv_balloon\n",
    "paths": "/sys/bus/vmbus\n/sys/module/hv_vmbus\n",
    "modules": "hv_balloon 24576 0 - Live 0x0\nhv_vmbus 57344 1 hv_balloon, Live 0x0\n",
    "release": f"{RELEASE}\n",
}


def frame(files: Mapping[str, str], nonce: str = NONCE) -> bytes:
    """What the guest prints at its end."""
    packed = gzip.compress(archive.pack({name: text.encode() for name, text in files.items()}), mtime=0)
    text = base64.encodebytes(packed)
    checksum = hashlib.sha256(text).hexdigest()
    lines = f"\nhvmatrix:{nonce}:begin\n".encode() + text + f"hvmatrix:{nonce}:end:{checksum}\n".encode()
    return lines.replace(b"\n", b"\r\n")


def console(files: Mapping[str, str] = BOUND, nonce: str = NONCE) -> bytes:
    """A whole console log: the kernel's messages, then the frame."""
    return files.get("dmesg", "").replace("\n", "\r\n").encode() + frame(files, nonce)


def boot_run(**changes: object) -> BootRun:
    """A boot that ended well; `changes` are fields of BootRun."""
    run = BootRun(
        folder=Path("nowhere"), nonce=NONCE, accelerator="nested", machine="hyperv", argv=("qemu",), release=RELEASE,
        ending=Ending.EXITED, qemu_exit=0, seconds=12.0,
    )  # fmt: skip
    return replace(run, **changes)  # type: ignore[arg-type]
