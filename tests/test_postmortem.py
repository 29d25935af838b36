from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import dmesg, observe
from pipeline.model import Ending, Ladder
from tests import frames
from tests.frames import HOST_LOG, HYPERV, OPTIONS

if TYPE_CHECKING:
    from pipeline.values import Observation

BANNER = b"[    0.000000] Linux version 6.12.117-x (u@h) #1\r\n[    0.1] Hypervisor detected: Microsoft Hyper-V\r\n"
PANIC = b"[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n"
OOPS = b"[    2.0] BUG: kernel NULL pointer dereference, address: 0000000000000008\r\n"


WARNED = b"[ 2.0] Kernel panic - not syncing: kernel: panic_on_warn set ...\r\n"


def dead(console: bytes, ending: Ending = Ending.EXITED, host: bytes = HOST_LOG, **changes: object) -> Observation:
    run = frames.boot_run(ending=ending, **changes)
    found = observe.observe(run, console, host, HYPERV, OPTIONS)
    assert found.ladder is Ladder.NONE
    assert not found.complete
    return found


@pytest.mark.parametrize(
    ("console", "ending", "why", "words"),
    [
        (BANNER + PANIC, Ending.EXITED, "NO_BOOT", "panic: Kernel panic - not syncing: VFS"),
        (BANNER + PANIC, Ending.SILENT, "NO_BOOT", "then silence"),
        (BANNER + PANIC, Ending.CAPPED, "NO_BOOT", "unknown-block(0,0), and no end"),
        (BANNER + b"[ 2.0] kernel BUG at mm/slub.c:1!\r\n", Ending.EXITED, "NO_BOOT", "oops: kernel BUG at mm"),
        (BANNER + b"[ 2.0] invalid opcode: 0000 [#1] SMP\r\n", Ending.EXITED, "NO_BOOT", "oops: invalid opcode: 0000"),
        (BANNER + b"[ 2.0] double fault: 0000 [#1] SMP\r\n", Ending.EXITED, "NO_BOOT", "oops: double fault: 0000"),
        (BANNER + b"[ 2.0] divide error: 0000 [#1] SMP\r\n", Ending.EXITED, "NO_BOOT", "oops: divide error: 0000"),
        (BANNER + WARNED, Ending.EXITED, "NO_BOOT", "panic: Kernel panic - not syncing: kernel: panic_on_warn set"),
        (BANNER + OOPS + b"[ 2.1] Failed to get VTL(error: -5) exiting.\r\n", Ending.SILENT, "VTL_PANIC", "vtl: Fa"),
        (BANNER + OOPS, Ending.SILENT, "NO_BOOT", "oops: BUG: kernel NULL pointer"),
        (BANNER + OOPS + PANIC, Ending.EXITED, "NO_BOOT", "panic: "),
        (BANNER, Ending.SILENT, "NO_BOOT", "hang: the console fell silent after the kernel's first words"),
        (b"", Ending.SILENT, "NO_BOOT", "hang: the console fell silent before the kernel said anything"),
        (BANNER, Ending.CAPPED, "NO_BOOT", "no end"),
        (BANNER, Ending.FLOODED, "NO_BOOT", "flood"),
        (BANNER, Ending.EXITED, "NO_BOOT", "triple fault"),
        (b"", Ending.EXITED, "NO_BOOT", "early death"),
        (BANNER + b"[ 1.0] Failed to get VTL(error: -5) exiting.\r\n" + OOPS, Ending.SILENT, "VTL_PANIC", "VTL"),
        (BANNER + f"hvmatrix:{frames.NONCE}:begin\nAAAA\n".encode(), Ending.EXITED, "EVIDENCE_DAMAGED", "breaks off"),
    ],
)
def test_each_death_has_its_name(console: bytes, ending: Ending, why: str, words: str) -> None:
    found = dead(console, ending)
    assert found.failure_class == why
    assert words in found.reason


def test_a_panic_is_quoted_with_its_line() -> None:
    assert str(dead(BANNER + PANIC).evidence[0]).startswith("console.log:3: Kernel panic")


def test_what_was_said_last_is_quoted_and_no_empty_line() -> None:
    found = dead(BANNER + b"[    1.0] last\r\n\r\n \r\n", Ending.SILENT)
    assert str(found.evidence[0]) == "console.log:3: [    1.0] last"


def test_a_host_that_did_not_run_qemu_is_not_the_kernels_fault() -> None:
    assert dead(b"", host=b"").failure_class == "HOST_FAILED"
    for said in (BANNER, BANNER + OOPS):  # with an oops that it lived through
        assert dead(said, host=b"host: start\n", qemu_exit=None).failure_class == "HOST_FAILED"
        assert dead(said, Ending.SILENT, host=b"host: start\n", qemu_exit=None).failure_class == "NO_BOOT"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HOST_LOG.replace(b"host: exit 0", b"host: exit 137"), 137),
        (HOST_LOG.replace(b"host: exit 0", b"host: exit 124"), 124),
        (HOST_LOG + b"KVM internal error. Suberror: 1\r\n", None),
        (b"host: start\n[   50.1] Out of memory: Killed process 80 (qemu-system-x86)\nhost: exit 0\n", 0),
    ],
)
def test_a_qemu_that_dies_under_a_talking_kernel_is_the_hosts_fault(host: bytes, status: int | None) -> None:
    for ending in (Ending.EXITED, Ending.SILENT):
        assert dead(BANNER, ending, host=host, qemu_exit=status).failure_class == "HOST_FAILED"


def test_why_qemu_died_is_told_by_what_broke_and_else_by_its_own_words() -> None:
    broken = dead(BANNER, host=HOST_LOG + b"KVM internal error. Suberror: 1\r\n", qemu_exit=1)
    assert broken.reason.endswith("KVM internal error. Suberror: 1")
    assert dead(BANNER, host=b"host: start\nhost: exit 137\n", qemu_exit=137).reason.endswith("exit status 137")


def test_qemu_refusal_quotes_qemu() -> None:
    host = b"host: start\nqemu-system-x86_64: -cpu host,hv-nonsense: Property not found\nhost: exit 1\n"
    found = dead(b"", host=host, qemu_exit=1)
    assert found.failure_class == "QEMU_REJECTED"
    assert "Property not found" in found.reason


@pytest.mark.parametrize(
    "line",
    [
        "[    0.0] Kernel command line: console=ttyS0 panic=-1 oops=panic",
        "[    0.0] RIP: 0010:native_halt",
        "[    1.0] watchdog: NMI not supported",
        "[    1.0] systemd[1]: a unit named kernel-panic.service",
        "[    1.0] general purpose fault tolerance",
        "[    1.0] traps: sh[12] general protection fault ip:7f00 sp:7ffc error:0 in libc.so[7f00+1000]",
        "[    1.0] traps: sh[12] trap divide error ip:7f00 sp:7ffc error:0 in sh[7f00+1000]",
        "[    1.0] panic_on_warn is 1",
        '[    0.0] Kernel command line: name="Oops: 1" quiet',
        "[    1.0] pstore: Oops: 1 of an earlier boot",
    ],
)
def test_words_that_only_look_deadly(line: str) -> None:
    assert dmesg.scan([line]) == ()


def test_banner_gives_the_release() -> None:
    found = dmesg.banner(["", "[    0.000000] Linux version 7.3.4-abc (u@h) (gcc 14) #1"])
    assert found
    assert (found.text, found.line) == ("7.3.4-abc", 2)
    assert dmesg.banner(["Linux versions"]) is None
