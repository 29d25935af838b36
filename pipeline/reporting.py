"""Writes a run for its readers in one of several formats: finds the run, reads its records, hands them to the writer.

Never judges and never changes the run: the verdicts are those of its records, the same in every format.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline import (
    atomic,
    compactrun,
    plainrun,
    report_github,
    report_html,
    report_json,
    report_junit,
    report_kcidb,
    report_ktap,
    report_mail,
    report_md,
    seal,
)
from pipeline.errors import UserError
from pipeline.reportrun import NEEDED, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pipeline.reportrun import Record

FORMATS: dict[str, Callable[[Report], str]] = {
    "md": report_md.written, "mail": report_mail.written, "junit": report_junit.written, "ktap": report_ktap.written,
    "kcidb": report_kcidb.written, "json": report_json.written, "html": report_html.written,
    "annotations": report_github.written,
}  # fmt: skip
HINT = "give a run's folder below results/, or a packed run (docs/answer/run.tar.xz)"
MOST_TEXT = 8 * 2**20  # bytes of a log that are looked into


def report(place: Path, kind: str, output: Path | None) -> int:
    """Write a run in a format to a file, or to the standard output; 0 whatever the verdicts are.

    Raises UserError when there is no such format or run, or when its records are damaged.
    """
    if kind not in FORMATS:
        raise UserError(f"--format {kind}: no such format", hint=f"one of {', '.join(FORMATS)}")
    if output and output.is_dir():
        raise UserError(f"--output {output}: is a folder", hint="name a file")
    with opened(place) as run:
        text = rendered(replace(run, base=_base(place, output)), kind)
    if output is None:
        sys.stdout.write(text)
        return 0
    atomic.write(output, text)
    print(f"{output} ({len(text.encode()) / 1024:.0f} KiB)")  # noqa: T201 - what was done, for a person
    return 0


def rendered(run: Report, kind: str) -> str:
    """A run as text in a format. Raises UserError when a record has a value that no record has."""
    with told_of_damage(run.place):
        return FORMATS[kind](run)


def _base(place: Path, output: Path | None) -> str:
    """Where a page that is written to a file finds the run's folder: a link's beginning; empty for a packed run."""
    if output is None or not place.is_dir():
        return ""
    there = os.path.relpath(place.resolve(), output.parent.resolve())
    return quote(there) + "/"


@contextmanager
def told_of_damage(where: object) -> Iterator[None]:
    """Turn what a damaged record leads to into one clear error."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"{where}: its records are damaged", details=what, hint="run the matrix again") from error


@contextmanager
def opened(place: Path) -> Iterator[Report]:
    """A run in its folder or packed, there for as long as the block lasts."""
    if place.is_dir():
        yield read(place, str(place))
        return
    if not place.exists():
        raise UserError(f"{place}: no such run", hint=HINT)
    with compactrun.opened(place) as folder:
        yield read(folder, str(place))


def read(folder: Path, place: str) -> Report:
    """The records of a run in its folder. Raises UserError when it is none, or is damaged."""
    note = atomic.read_json(folder / "run.json")
    if not isinstance(note, dict) or not isinstance(note.get("cells"), list):
        raise UserError(f"{place}: no run.json of a run in it", hint=HINT)
    names = {kind: _names(note, kind, place) for kind in ("cells", "controls", "missing")}
    plainrun.check(folder, seal.homes(names))
    with _uncollected():
        found = {
            kind: tuple(_record(folder, kind, name, place) for name in names[kind]) for kind in ("cells", "controls")
        }  # fmt: skip
    return Report(
        place=place, note=note, cells=found["cells"], controls=found["controls"],
        text=lambda cell, name: _text(folder / cell / name),
    )  # fmt: skip


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: records have none, and it goes through all that was read again and again.

    Of 2,000 records, 1.8 s of reading become 0.6.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _names(note: Mapping[str, Any], kind: str, place: str) -> list[str]:
    """The cells' names of one kind as they are in run.json; a name that leads out of the run's folder is refused."""
    listed = note.get(kind) or []
    if not isinstance(listed, list):
        raise UserError(f"{place}: {kind} of run.json is no list of cells", hint=HINT)
    return [_named(name, place) for name in listed]


def _named(name: object, place: str) -> str:
    text = str(name)
    if not compactrun.is_cell(text):
        raise UserError(f"{place}: run.json lists {text!r}, which is no cell's name", hint=HINT)
    return text


def _record(folder: Path, kind: str, name: str, place: str) -> Record:
    record = atomic.read_json(folder / kind / name / "record.json")
    where = f"{place}/{kind}/{name}/record.json"
    if not isinstance(record, dict):
        raise UserError(f"{where}: missing or damaged", hint="run the matrix again, or ./inv collect its shards")
    if missing := [field for field in NEEDED if field not in record]:
        raise UserError(f"{where}: has no {missing[0]}", hint="run the matrix again")
    if record["cell"] != name:
        raise UserError(f"{where}: is the record of {record['cell']!r}", hint="run the matrix again")
    return record


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_TEXT).decode("utf-8", errors="replace")
    except OSError:
        return ""
