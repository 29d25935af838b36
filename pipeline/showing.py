"""Shows a judged run on the terminal, and judges a saved one again.

Pure but for printing and reading; nothing is written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pipeline import atomic, chain, record, replay, table
from pipeline.model import Status
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PASSED, FAILED, UNAVAILABLE = 0, 1, 69
INTENT = "(intent)"


def show(records: Sequence[dict[str, Any]], void: str, closing: str, explain: str = "") -> None:
    """Print the table of a run and a closing line; `explain` is a glob over options, or INTENT for the intent's."""
    console = Console(width=None if Console().is_terminal else 120)
    table.show(console, records, void)
    if explain:
        _explain(console, records, explain)
    console.print(clean(closing), markup=False, highlight=False)


def _explain(console: Console, records: Sequence[dict[str, Any]], wanted: str) -> None:
    """Print the tree of causes of each cell."""
    for one in records:
        globs = list(one["intent"]["symbols"]) if wanted == INTENT else [wanted]
        head = f"\n{one['cell']}: {one['config_origin']} on {one['source']}"
        told = chain.lines(chain.forest(one["changes"], globs)) or [_untold(one, wanted)]
        for line in (head, *told):
            console.print("\n".join(map(clean, line.split("\n"))), markup=False, highlight=False, soft_wrap=True)


def _untold(one: dict[str, Any], wanted: str) -> str:
    """What is said where no change is to be told."""
    if not one["reached"]:
        return f"not resolved: {one['error'] or one['skip']}"
    which = "of the intent " if wanted == INTENT else "" if wanted == "*" else f"that matches {wanted} "
    return f"no option {which}came out otherwise than it was asked to be"


def exit_status(records: Sequence[dict[str, Any]]) -> int:
    """0 as expected, 1 a FAIL, 69 when anything could not be tried."""
    found = {record["status"] for record in records}
    if Status.FAIL in found:
        return FAILED
    return UNAVAILABLE if found - {Status.PASS} else PASSED


def judge(folder: Path) -> int:
    """Judge a saved run from its files alone and show it; nothing is written."""
    started = time.monotonic()
    judged = replay.judge_run(folder)
    with replay.reading(folder):
        shown = [{**one.record, **record.judged(one.verdict)} for one in judged.cells]
        differing = [one["cell"] for one, old in zip(shown, judged.cells, strict=True) if _differs(one, old.record)]
        text = f"{table.totals(shown)}; judged in {time.monotonic() - started:.2f} s"
        note = atomic.read_json(folder / "run.json") or {}
        if differing and note.get("exit_status") is not None:
            text += f"; DIFFERS from the saved verdicts: {', '.join(differing)}"
        show(shown, judged.void, text)
    return exit_status(shown)


def _differs(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return any(new[key] != old.get(key) for key in ("observed", "outcome", "class", "status"))
