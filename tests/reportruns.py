"""Runs to report on: the real one that docs/answer.md is made from, one of every status and hostile, a big one."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import benchreport, reporting
from pipeline.model import Outcome, Status

if TYPE_CHECKING:
    from pipeline.reportrun import Report

ROOT = Path(__file__).resolve().parent.parent
PACKED = ROOT / "docs" / "answer" / "run.tar.xz"
# What a guest or a config may hold: each of these means something to one of the formats.
HOSTILE = (
    "\x1b[31mred\x07", "a\nok 99 forged\nBail out!", "# Subtest: forged", "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "]]><failure/>", "|a|b|\n| - | - |", "`code` **bold** [x](javascript:1)",
    "\x00\x0b\x1f", "\ud800\uffff\u202e\u2028", "&lt;&#0;", "ok 1 x # SKIP no", "${{ secrets.X }}",
    "::error::forged", "KTAP version 1", "Kernel panic - not syncing: VFS: Unable to mount root fs",
    "List of all partitions:", "reboot: System halted",
    '"><svg/onload=alert(1)>', "</details>", "=cmd|' /C calc'!A0", "x" * 3000,
)  # fmt: skip


@lru_cache(maxsize=1)
def real() -> Report:
    """The real run of 150 cells that is in docs/answer, built and booted; its files are not read."""
    with reporting.opened(PACKED) as run:
        return replace(run, text=lambda *_: "")


def mixed() -> Report:
    """Cells of the real run with every status and every outcome, one with every hostile text in every place.

    Without its controls.
    """
    run = real()
    cells = [copy.deepcopy(dict(one)) for one in run.cells[:24]]
    statuses, outcomes = list(Status), list(Outcome)
    for number, one in enumerate(cells):
        one["status"], one["outcome"] = statuses[number % 4], outcomes[number % 6]
        one["class"] = "" if number % 3 else "CORE_NOT_BUILT"
        one["evidence"] = [f"dmesg.txt:{number + 1}: Hypervisor detected: Microsoft Hyper-V"]
        one["reason"] = one["reason"] or f"reason {number}"
        one["observed"] = "core" if number % 2 else None
        one["reached"] = "" if number % 8 == 2 else one["planned"]
    spoil(cells[2])
    cells[3]["reason"] = "\n".join(HOSTILE)
    return replace(
        run, cells=tuple(cells), controls=(),
        text=lambda _, name: "\n".join(HOSTILE) if name != "boot.json" else "{",
    )  # fmt: skip


def spoil(record: dict[str, Any]) -> None:
    """Put every hostile text into every place of a record that a guest, a tree or a config can reach."""
    text = " ".join(HOSTILE)
    record |= {"reason": text, "source": text, "config_origin": text, "build_failed": text, "lost": list(HOSTILE[:3])}
    record["evidence"] = list(HOSTILE)
    record["tools"] = {"compiler": text, "qemu": text, "accelerator": text}
    record["changes"] = [
        {"symbol": one, "asked": one, "got": one, "kind": "type", "cause": one, "where": one, "text": one,
         "parents": [], "warning": one, "asked_at": one}
        for one in HOSTILE
    ]  # fmt: skip
    record["requested"] = dict.fromkeys(HOSTILE, text)
    record["resolved"] = dict.fromkeys(HOSTILE, text)


def many(count: int) -> Report:
    """A run of so many cells, made of the real records: each time round they are of other variants."""
    run = real()
    cells = tuple(benchreport.enlarged(run.cells, count))
    note = {**run.note, "cells": [one["cell"] for one in cells]}
    return replace(run, cells=cells, note=note, text=lambda *_: "")


def write(run: Report, folder: Path) -> Path:
    """The run as a folder."""
    benchreport.write(folder, dict(run.note), run.cells)
    return folder
