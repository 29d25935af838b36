"""The page of the disturbed runs: a table of faults by stages, and one of the runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faultkinds import BEFORE, FAULTS, STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faultruns import Done


@dataclass(slots=True)
class Tried:
    """A disturbed run and the one after it: what was done when, and all that was not as it must be.

    `after` is in seconds, `used` in MiB.
    """

    fault: str
    stage: str
    after: float
    disturbed: Done
    again: Done
    used: int
    wrong: list[str] = field(default_factory=list)


def table(done: Sequence[Tried]) -> list[str]:
    """Faults by stages: how many were tried there, and how many of them came out as they must."""
    stages = (BEFORE, *STAGES)
    found = ["| fault | " + " | ".join(stages) + " |", "|---" * (len(stages) + 1) + "|"]
    for fault in FAULTS:
        cells = []
        for stage in stages:
            there = [one for one in done if (one.fault, one.stage) == (fault, stage)]
            cells.append(f"{sum(not one.wrong for one in there)} of {len(there)}" if there else "")
        found.append(f"| {fault} | {' | '.join(cells)} |")
    return found


def row(number: int, one: Tried) -> str:
    """A disturbed run in one row."""
    ends = f"{one.disturbed.status} after {one.disturbed.seconds:.0f} s | {one.again.seconds:.0f} s"
    told = "; ".join(one.wrong).replace("\n", " ") or "nothing"
    return f"| {number} | {one.fault} | {one.stage} + {one.after} s | {ends} | {one.used} MiB | {told} |"


def page(done: Sequence[Tried], seconds: float, used: int) -> str:
    """The whole page; `seconds` and `used` (MiB) are of the undisturbed run."""
    bad = sum(bool(one.wrong) for one in done)
    head = (
        "# Runs that were disturbed\n\n"
        "Written by `.venv/bin/python -m tests.faults`. A run is of three small kernels of linux 6.12 and four boots.\n"
        "Each is disturbed once, at a moment that is diced, and then run again. Right is: the exit status is one that\n"
        "the fault may have; every record is ERROR with a cause, or what the undisturbed run says; the run after it\n"
        "ends with 0, the same verdicts, and kernels that are equal bit for bit; no container, image, temporary\n"
        f"folder or QEMU is left. {len(done)} runs, {bad} of them not right.\n\n"
        f"An undisturbed run takes {seconds:.0f} s, and {used} MiB are in use after it.\n\n"
        "Right of tried, by the stage in which it happened (commit is when an object tree is kept):\n\n"
    )
    runs = ["| run | fault | when | ended with | run again | disk in use | not right |", "|---" * 7 + "|"]
    runs += [row(number, one) for number, one in enumerate(done, 1)]
    return head + "\n".join(table(done)) + "\n\n" + "\n".join(runs) + "\n"
