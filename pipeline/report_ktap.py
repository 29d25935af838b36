"""A run as KTAP, as the kernel's own tools read it: a test a cell.

Pure. The format is Documentation/dev-tools/ktap.rst: ERROR and SKIP are directives, and what explains a result stands
before it in lines that begin with `#`. Every such line begins with a word of ours, so that no text of a record can be
a header or a result.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline import safe, table
from pipeline.model import Status
from pipeline.reportrun import seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.reportrun import Record, Report

# What the kernel's parser takes for the end of a log wherever it stands in a line (kunit_parser.py, KTAP_END).
_END = re.compile("List of all partitions:|Kernel panic - not syncing: VFS:|reboot: System halted")
WORDS = {Status.PASS: "ok", Status.SKIP: "ok", Status.FAIL: "not ok", Status.ERROR: "not ok"}


def written(run: Report) -> str:
    """The document; the controls are tests too, and come first, as they make the rest void or not."""
    listed = [*run.controls, *run.cells]
    planned = len(listed) + len(run.missing)
    lines = ["KTAP version 1", f"1..{planned}", *(f"# note: {text}" for text in run.heads)]
    for number, record in enumerate(listed, 1):
        lines += _test(number, record, "control" if number <= len(run.controls) else "")
    for number, name in enumerate(run.missing, len(listed) + 1):
        lines.append(f"not ok {number} {_unmarked(name)} # {Status.ERROR} no run has this cell")
    return "\n".join(_END.sub(_spaced, line) for line in lines) + "\n"


def _spaced(found: re.Match[str]) -> str:
    return found[0].replace(":", " :")


def _test(number: int, record: Record, kind: str) -> Iterator[str]:
    name = " ".join(word for word in (kind, _unmarked(record["cell"])) if word)
    status = Status(record["status"])
    told = f"{record['outcome']} {record['class'] or '-'} required={record['required']} seen={seen(record)}"
    yield f"# verdict: {safe.line(told)}"
    if status is not Status.PASS:
        yield f"# reason: {safe.line(table.story(record))}"
        yield from (f"# evidence: {safe.line(one)}" for one in record["evidence"])
    directive = f" # {status} {_unmarked(record['reason'])}".rstrip() if status in {Status.SKIP, Status.ERROR} else ""
    yield f"{WORDS[status]} {number} {name}{directive}"


def _unmarked(text: str) -> str:
    """Text without the sign of a directive: the kernel's parser takes the last one of a line, not the first."""
    return safe.line(text).replace("#", "?")
