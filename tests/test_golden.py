"""Logs of real boots, judged again: a new log is a new folder, not new code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import asking, boot, observe, qemu
from pipeline.model import Ladder
from tests.frames import HYPERV

if TYPE_CHECKING:
    from pipeline.values import Observation

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "boots"
FOLDERS = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
# Of all classes of observe.py and postmortem.py those that a real boot can be brought to.
CLASSES = {
    "", "NO_BOOT", "QEMU_REJECTED", "KVM_WON", "VPINDEX_MISSING", "NOT_DETECTED", "FLAGS_DIFFER", "CORE_NOT_BUILT",
    "VMBUS_MODULE_NOT_LOADED", "ACPI_OFF", "HOST_NO_VMBUS", "VMBUS_REFUSED", "NO_CHANNEL", "UNBOUND",
    "VMBUS_NOT_BUILT", "VTL_PANIC", "PROBE_FAILED", "CORE_INIT_FAILED",
}
EVMCS = replace(HYPERV, name="evmcs", hyperv=(*HYPERV.hyperv, "evmcs"))
MACHINES = {machine.name: machine for machine in (*asking.load(ROOT / "matrix.yaml").machines, EVMCS)}


def judged(folder: Path, console: bytes | None = None, options: dict[str, str] | None = None) -> Observation:
    """Judge a log; with `judged_as` as if more had been asked of QEMU than it was, which then would have failed us."""
    run = boot.load(folder)
    data = (folder / "console.log").read_bytes() if console is None else console
    machine = MACHINES[expected(folder).get("judged_as", run.machine)]
    return observe.observe(run, data, (folder / "host.log").read_bytes(), machine, options)


def expected(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "expect.json").read_text())
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_real_boot(folder: Path) -> None:
    wanted = expected(folder)
    found = judged(folder, options=wanted["options"])
    assert (found.ladder, found.failure_class) == (wanted["ladder"], wanted["class"])
    assert wanted["said"] in found.reason


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_its_command_line_was_that_of_its_machine(folder: Path) -> None:
    run = boot.load(folder)
    argv = qemu.guest_argv(MACHINES[run.machine], quiet=run.quiet)
    assert run.argv[:-1] == argv[:-1]
    assert run.argv[-1].startswith(argv[-1])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_cut_short_it_proves_nothing(folder: Path) -> None:
    data = (folder / "console.log").read_bytes()
    end = data.rfind(b":end:")
    for part in range(1, 8):
        cut = data[: (end if end > 0 else len(data)) * part // 8]
        assert judged(folder, cut, expected(folder)["options"]).ladder is Ladder.NONE


def test_there_are_logs() -> None:
    assert {expected(folder)["ladder"] for folder in FOLDERS} == set(Ladder)
    assert {expected(folder)["class"] for folder in FOLDERS} >= CLASSES
    assert {boot.load(folder).quiet for folder in FOLDERS} == {True, False}
