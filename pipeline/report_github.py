"""What is wrong in a run as GitHub's workflow commands, each at the Kconfig or config line that decides.

Pure. A command is one line; what could end it or begin another one is written as GitHub says (%0A and the like).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import markdown, reportrun, safe, table
from pipeline.model import Status

if TYPE_CHECKING:
    from pipeline.reportrun import Record, Report

LEVELS = {Status.FAIL: "error", Status.ERROR: "error", Status.SKIP: "notice", Status.PASS: "warning"}


def written(run: Report) -> str:
    """The commands, one a place and level: an error for what is not as expected, a warning for a loss that is known."""
    places: dict[tuple[str, str, str], list[Record]] = {}
    for one in reportrun.remarkable(run.cells):
        places.setdefault((LEVELS[Status(one["status"])], *place(one)), []).append(one)
    lines = [f"::error title=hvmatrix::{_data(head)}" for head in run.heads]
    for (level, file, number), ones in places.items():
        where = f"file={_property(file)},line={number}," if file else ""
        title = f"hvmatrix: {markdown.counted(len(ones), 'cell')}, first {safe.line(ones[0]['cell'])}"
        lines.append(f"::{level} {where}title={_property(title)}::{_data(table.story(ones[0]))}")
    return "".join(f"{line}\n" for line in lines)


def place(record: Record) -> tuple[str, str]:
    """The file and line that decide: of the config where it asks for what was lost, else of the tree's Kconfig."""
    roots = table.roots(record)
    for one in roots:
        for text in (one.get("asked_at") or "", one["where"]):
            file, _, number = safe.line(text).rpartition(":")
            if file and number.isdigit() and " " not in file:
                return file, number
    return "", ""


def _data(text: str) -> str:
    return safe.line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
