from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import boot, observe
from pipeline.model import Ending, Ladder
from tests import frames
from tests.frames import BARE, BOUND, DEVICE, DMESG, HOST_LOG, HYPERV, OPTIONS

if TYPE_CHECKING:
    from pathlib import Path

SPLIT_OFF = {"HYPERV": "y", "HYPERV_VMBUS": "n", "HYPERV_BALLOON": "n"}  # no driver is on without the bus
NO_BUS = {"hotplug": "147: x86/hyperv_init:online\n", "vmbus": "", "paths": "", "modules": ""}
NO_CORE = {**NO_BUS, "hotplug": "", "dmesg": DMESG.split("[    1.28")[0]}
CONNECTED = DMESG.replace("Vmbus version:4.0", "Unable to connect to host")


def seen(changes: dict[str, str], options: dict[str, str] | None = None) -> tuple[Ladder, str]:
    files = {**BOUND, **changes}
    found = observe.observe(
        frames.boot_run(), frames.console(files), HOST_LOG, HYPERV, OPTIONS if options is None else options,
    )  # fmt: skip
    assert found.complete
    return found.ladder, found.failure_class


CASES: list[tuple[str, dict[str, str], dict[str, str], Ladder, str]] = [
    ("bound", {}, {}, Ladder.BOUND, ""),
    ("kvm won", {"dmesg": DMESG.replace("Microsoft Hyper-V", "KVM")}, {}, Ladder.BOOTED, "KVM_WON"),
    (
        "vpindex",
        {"dmesg": DMESG.replace("Hypervisor detected: Microsoft Hyper-V", "x86/hyperv: VP_INDEX MSR not available.")},
        {}, Ladder.BOOTED, "VPINDEX_MISSING",
    ),
    ("not detected", {"dmesg": DMESG.replace("Hypervisor detected", "Nothing")}, {}, Ladder.BOOTED, "NOT_DETECTED"),
    ("flags", {"dmesg": DMESG.replace("0xa7f", "0xa7b")}, {}, Ladder.BOOTED, "FLAGS_DIFFER"),
    ("no flags line", {"dmesg": DMESG.replace("privilege", "other")}, {}, Ladder.BOOTED, "FLAGS_DIFFER"),
    ("core not built", NO_CORE, {"HYPERV": "n"}, Ladder.DETECTED, "CORE_NOT_BUILT"),
    ("core failed", {**NO_BUS, "hotplug": ""}, {}, Ladder.DETECTED, "CORE_INIT_FAILED"),
    ("vmbus not built", NO_BUS, SPLIT_OFF, Ladder.CORE, "VMBUS_NOT_BUILT"),
    ("module not loaded", NO_BUS, {}, Ladder.CORE, "VMBUS_MODULE_NOT_LOADED"),
    ("no bridge", {**NO_BUS, "acpi": "PNP0A08:00\n", "modules": "hv_vmbus 1 0 -\n"}, {}, Ladder.CORE, "HOST_NO_VMBUS"),
    ("acpi off", {**NO_BUS, "acpi": "", "modules": "hv_vmbus 1 0 -\n"}, {}, Ladder.CORE, "ACPI_OFF"),
    (
        "refused", {**NO_BUS, "modules": "hv_vmbus 1 0 -\n", "dmesg": CONNECTED}, {}, Ladder.CORE, "VMBUS_REFUSED",
    ),
    ("no cpu state", {"hotplug": "147: x86/hyperv_init:online\n"}, {}, Ladder.CORE, "VMBUS_REFUSED"),
    ("no version line", {"dmesg": DMESG.replace("Vmbus version", "Vmbus verses")}, {}, Ladder.CORE, "VMBUS_REFUSED"),
    ("no channel", {"vmbus": ""}, {}, Ladder.CONNECTED, "NO_CHANNEL"),
    ("another channel", {"vmbus": "x {00000000-0000} 3 hv_net\n"}, {}, Ladder.CONNECTED, "NO_CHANNEL"),
    ("unbound", {"vmbus": f"{DEVICE} 1 -\n"}, {}, Ladder.OFFERED, "UNBOUND"),
    ("bound but not open", {"vmbus": f"{DEVICE} 2 hv_balloon\n"}, {}, Ladder.OFFERED, "UNBOUND"),
    (
        "probe failed",
        {"vmbus": f"{DEVICE} 1 -\n", "dmesg": DMESG + "[    3.0] hv_vmbus: probe failed for device x (-5)\n"},
        {}, Ladder.OFFERED, "PROBE_FAILED",
    ),
]  # fmt: skip

ROWS = [case[1:] for case in CASES]
FIRST = "a quiet boot gave no proof (exited after 3.1 s): Kernel panic - not syncing: once"
NAMES = [case[0] for case in CASES]


@pytest.mark.parametrize(("changes", "options", "ladder", "why"), ROWS, ids=NAMES)
def test_rung_and_class(changes: dict[str, str], options: dict[str, str], ladder: Ladder, why: str) -> None:
    assert seen(changes, {**OPTIONS, **options}) == (ladder, why)


def test_evidence_names_file_and_line() -> None:
    found = observe.observe(frames.boot_run(), frames.console(), HOST_LOG, HYPERV, OPTIONS)
    assert str(found.evidence[0]) == "dmesg.txt:2: Hypervisor detected: Microsoft Hyper-V"
    assert str(found.evidence[-1]).startswith("evidence/vmbus:1: 67127c11")


def test_machine_without_flags_stops_at_booted_without_a_class() -> None:
    files = {**BOUND, **NO_CORE, "dmesg": "[    0.000000] Linux version x\n"}
    found = observe.observe(frames.boot_run(), frames.console(files), b"host: start\n", BARE, OPTIONS)
    assert (found.ladder, found.failure_class) == (Ladder.BOOTED, "")


def test_a_machine_without_flags_that_shows_hyperv_all_the_same_is_seen() -> None:
    found = observe.observe(frames.boot_run(), frames.console(), b"host: start\n", BARE, OPTIONS)
    assert found.ladder is Ladder.BOUND
    only = {**BOUND, **NO_CORE}
    assert observe.observe(frames.boot_run(), frames.console(only), b"", BARE, OPTIONS).ladder is Ladder.DETECTED


@pytest.mark.parametrize("trace", ["vmbus_initiate_contact", "vmbus_send_offer", "vmbus_channel_open"])
def test_a_claim_that_qemu_did_not_see_is_doubted(trace: str) -> None:
    host = HOST_LOG.replace(trace.encode(), b"something_else")
    found = observe.observe(frames.boot_run(), frames.console(), host, HYPERV, OPTIONS)
    assert found.failure_class == "WITNESSES_DIFFER"
    assert trace in found.reason


def test_another_kernel_than_the_one_under_test() -> None:
    found = observe.observe(frames.boot_run(release="6.12.117-other"), frames.console(), HOST_LOG, HYPERV, OPTIONS)
    assert found.failure_class == "WRONG_KERNEL"


def test_unknown_config_is_not_blamed_on_kconfig() -> None:
    files = {**BOUND, **NO_BUS}
    found = observe.observe(frames.boot_run(), frames.console(files), HOST_LOG, HYPERV, None)
    assert (found.ladder, found.failure_class) == (Ladder.CORE, "VMBUS_ABSENT")


def test_an_oops_beside_a_good_ladder_is_told() -> None:
    files = {**BOUND, "dmesg": DMESG + "[    4.0] BUG: unable to handle page fault for address: 0\n"}
    found = observe.observe(frames.boot_run(), frames.console(files), HOST_LOG, HYPERV, OPTIONS)
    assert "unable to handle page fault" in found.reason


def test_a_first_boot_that_died_is_told_beside_a_second_one_that_lived(tmp_path: Path) -> None:
    console = b"[    0.1] Linux version 6.12.0 (a@b)\r\n[    0.2] Kernel panic - not syncing: once\r\n"
    (tmp_path / "console.log").write_bytes(console)
    first = replace(frames.boot_run(), folder=tmp_path, ending=Ending.EXITED, seconds=3.1)
    assert boot.unproved(first) == FIRST
    second = replace(frames.boot_run(), repeated=FIRST)
    found = observe.observe(second, frames.console(BOUND), HOST_LOG, HYPERV, OPTIONS)
    assert (found.ladder, found.reason) == (Ladder.BOUND, f" ({FIRST})")
    (tmp_path / "console.log").write_bytes(b"nothing deadly")
    assert boot.unproved(first) == "a quiet boot gave no proof (exited after 3.1 s)"
