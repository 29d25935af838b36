"""The page of the disturbed runs: a table of faults by stages, and one of the runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faultkinds import BEFORE, FAULTS, STAGES
from tests.faultruns import Done

if TYPE_CHECKING:
    from collections.abc import Sequence


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


@dataclass(slots=True)
class Ledger:
    """All disturbed runs, what an undisturbed one took (seconds, and MiB in use after it), and in how many goes."""

    seconds: float
    used: int
    goes: int = 1
    done: list[Tried] = field(default_factory=list)


def saved(ledger: Ledger) -> dict[str, Any]:
    """A ledger as JSON has it, without what the runs printed."""
    rows = [
        {
            "fault": one.fault, "stage": one.stage, "after": one.after, "status": one.disturbed.status,
            "seconds": round(one.disturbed.seconds, 1), "again": one.again.status,
            "again_seconds": round(one.again.seconds, 1), "used": one.used, "wrong": one.wrong,
        }
        for one in ledger.done
    ]  # fmt: skip
    return {"seconds": round(ledger.seconds, 1), "used": ledger.used, "goes": ledger.goes, "runs": rows}


def loaded(note: Any) -> Ledger:
    """The ledger that `saved` made such a note of."""
    found = Ledger(seconds=note["seconds"], used=note["used"], goes=note["goes"])
    for row in note["runs"]:
        ends = Done(row["status"], row["seconds"], "", None), Done(row["again"], row["again_seconds"], "", None)
        found.done.append(Tried(row["fault"], row["stage"], row["after"], *ends, row["used"], row["wrong"]))
    return found


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


def page(ledger: Ledger) -> str:
    """The whole page."""
    done = ledger.done
    bad = sum(bool(one.wrong) for one in done)
    goes = "" if ledger.goes == 1 else f" They were made in {ledger.goes} goes."
    head = (
        "# Runs that were disturbed\n\n"
        "Written by `.venv/bin/python -m tests.faults`. A run is of three small kernels of linux 6.12 and four boots.\n"
        "Each is disturbed once, at a moment that is diced, and then run again. Right is: the exit status is one that\n"
        "the fault may have; every record is ERROR with a cause, or what the undisturbed run says; the run after it\n"
        "ends with 0, the same verdicts, and kernels that are equal bit for bit; no container, image, temporary\n"
        f"folder or QEMU is left. {len(done)} runs, {bad} of them not right.{goes}\n\n"
        f"An undisturbed run takes {ledger.seconds:.0f} s, and {ledger.used} MiB are in use after it.\n\n"
        "Right of tried, by the stage in which it happened (commit is when an object tree is kept):\n\n"
    )
    runs = ["| run | fault | when | ended with | run again | disk in use | not right |", "|---" * 7 + "|"]
    runs += [row(number, one) for number, one in enumerate(done, 1)]
    return head + "\n".join(table(done)) + "\n\n" + "\n".join(runs) + "\n"
