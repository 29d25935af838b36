"""What the page of a run shows, as one value for JSON in which every text and every list of texts is kept once.

Pure. Texts of a guest or a tree are made printable here; the page puts them in as text, and never as HTML.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from pipeline import chain, reportrun, safe, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.reportrun import Record, Report

CONTEXT = 4  # lines of a log around one that is evidence
TAIL = 25  # of a log that says why something failed
MOST_LINE = 400  # characters of a log's line
RUNGS = ("none", "booted", "detected", "core", "connected", "offered", "bound")
# Logs that a record may point into: names of ours, and no paths out of the cell's folder.
_EVIDENCE = re.compile(r"(?P<file>dmesg\.txt|(?:console|host|build|resolve)\.log|evidence/[a-z]+):(?P<line>\d{1,9}): ")
_CHANGE = ("symbol", "asked", "got", "kind", "cause", "where", "text", "warning", "asked_at")


class Once:
    """A list in which each value is kept once; `put` gives its place."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[Any, int] = {}

    def put(self, key: Any, value: Any = None) -> int:
        """The place of a value that is told from others by a key, or is the key itself."""
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(key if value is None else value)
        return self._places[key]


class Page:
    """The tables of a page while they are filled."""

    def __init__(self, run: Report) -> None:
        self.run = run
        self.texts, self.lists, self.changes, self.logs = Once(), Once(), Once(), Once()
        self._clean: dict[str, int] = {}

    def text(self, raw: object) -> int:
        """The place of a text; cleaning is done once for each."""
        key = str(raw)
        if key not in self._clean:
            self._clean[key] = self.texts.put(safe.block(key))
        return self._clean[key]

    def listed(self, raws: Iterable[object]) -> int:
        """The place of a list of texts."""
        return self.lists.put(tuple(self.text(one) for one in raws))

    def change(self, change: dict[str, Any]) -> int:
        """The place of a change."""
        return self.changes.put(tuple(self.text(change.get(name, "")) for name in _CHANGE))


def data(run: Report) -> dict[str, Any]:
    """The page's value; numbers that stand for texts are places in `texts`, and so on."""
    page = Page(run)
    cells = [_cell(page, "cells", one) for one in run.cells]
    controls = [_cell(page, "controls", one) for one in run.controls]
    return {
        "run": {
            "name": run.name, "heads": run.heads, "totals": reportrun.totals(run.cells), "base": run.base,
            "through": safe.line(run.note.get("through", "boot")), "place": safe.line(run.place),
        },
        "rungs": RUNGS, "cells": cells, "controls": controls, "texts": page.texts.values, "lists": page.lists.values,
        "changes": page.changes.values, "logs": page.logs.values,
    }  # fmt: skip


def as_json(value: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cell(page: Page, kind: str, record: Record) -> dict[str, Any]:
    text = page.text
    words = {name: text(reportrun.axis(record, name)) for name in ("variant", "config", *reportrun.AXES)}
    plain = {
        name: text(record[name] or "") for name in
        ("cell", "status", "outcome", "class", "required", "predicted", "observed", "loudness", "reason", "kernel",
         "source", "config_origin")
    }  # fmt: skip
    forest = chain.forest(record["changes"], record["intent"]["symbols"] if "intent" in record else record["lost"])
    return {
        **words, **plain, "story": text(table.story(record)), "explain": page.listed(chain.lines(forest)),
        "changes": page.lists.put(tuple(page.change(one) for one in record["changes"])),
        "options": page.listed(_options(record)), "logs": _logs(page, f"{kind}/{record['cell']}", record),
        "evidence": page.listed(record["evidence"]), "again": page.listed(_again(page.run, kind, record)),
        "qemu": text(_qemu(page.run.text(f"{kind}/{record['cell']}", "boot.json"))),
        "tools": page.listed(f"{name}: {value}" for name, value in record["tools"].items()),
        "seconds": {str(stage): float(value) for stage, value in record["seconds"].items()},
        "spans": {str(stage): [float(one) for one in span] for stage, span in record.get("spans", {}).items()},
    }  # fmt: skip


def _options(record: Record) -> list[str]:
    """The intent's options that are on in either .config: `SYMBOL asked got`."""
    asked, got = record["requested"], record["resolved"]
    shown = [name for name in {**asked, **got} if {asked.get(name, "-"), got.get(name, "-")} - {"-", "n"}]
    return [f"{name}\t{asked.get(name, '-')}\t{got.get(name, '-')}" for name in shown]


def _again(run: Report, kind: str, record: Record) -> list[str]:
    """How the cell came about: its reproduce.sh where that is kept, else the commands that make it again."""
    if script := run.text(f"{kind}/{record['cell']}", "reproduce.sh"):
        return script.splitlines()
    return [shlex.join(reportrun.again(run, [str(record["cell"])])[-1])]


def _qemu(boot: str) -> str:
    """QEMU's command line, from boot.json."""
    try:
        argv = json.loads(boot)["argv"]
        return shlex.join(map(str, argv))
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _logs(page: Page, cell: str, record: Record) -> list[int]:
    """The pieces of its logs that a cell's evidence points into, and the end of the log that says why it failed."""
    found: list[int] = []
    files: dict[str, list[str]] = {}
    for one in record["evidence"]:
        if match := _EVIDENCE.match(str(one)):
            lines = files.setdefault(match["file"], _lines(page.run.text(cell, match["file"])))
            found += _piece(page, match["file"], lines, int(match["line"]), CONTEXT)
    if record["build_failed"]:
        found += _tail(page, cell, "build.log")
    elif record["booted"] and record["status"] != "PASS":
        found += _tail(page, cell, "console.log")
    return found


def _tail(page: Page, cell: str, name: str) -> list[int]:
    lines = _lines(page.run.text(cell, name))
    return _piece(page, name, lines, len(lines), TAIL)


def _lines(text: str) -> list[str]:
    """The lines of a log as evidence counts them (proof.lines_of): a serial console has several CR before each LF."""
    return text.replace("\r", "").removesuffix("\n").split("\n")


def _piece(page: Page, name: str, lines: Sequence[str], number: int, around: int) -> list[int]:
    """A line of a log with those around it: file, number of the first one, the number that is meant, the lines."""
    if not 1 <= number <= len(lines):
        return []
    first = max(1, number - around)
    listed = page.listed(line[:MOST_LINE] for line in lines[first - 1 : number + around])
    piece = (page.text(name), first, number, listed)
    return [page.logs.put(piece)]
