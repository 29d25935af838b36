"""Logs of real boots, judged again: a new log is a new folder, not new code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import boot, observe, qemu
from pipeline.model import Ladder
from tests.frames import BARE, HYPERV

if TYPE_CHECKING:
    from pipeline.values import Observation

GOLDEN = Path(__file__).resolve().parent / "golden" / "boots"
FOLDERS = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
NO_BALLOON = replace(HYPERV, name="no-balloon", devices=("vmbus-bridge",))
MACHINES = {machine.name: machine for machine in (HYPERV, BARE, NO_BALLOON)}


def judged(folder: Path, console: bytes | None = None, options: dict[str, str] | None = None) -> Observation:
    run = boot.load(folder)
    data = (folder / "console.log").read_bytes() if console is None else console
    return observe.observe(run, data, (folder / "host.log").read_bytes(), MACHINES[run.machine], options)


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
    argv = qemu.guest_argv(MACHINES[run.machine])
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
