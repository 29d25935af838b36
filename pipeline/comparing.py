"""Compares two variants or two runs of results/ for a person at a terminal: finds what A and B name, and prints.

Never writes a file, and never judges: it compares the verdicts that are in the records.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pipeline import atomic, compare_text
from pipeline.compare import SIDES, PairedBy, differences, exit_status
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.compare import Record

LISTED = 20
ENDED = {0, 1, 69}  # exit statuses of a run that came to its end
FORMS = "give a run folder, a variant of the latest run, or RUN:VARIANT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What A or B names: a run's folder and its run.json, and one variant of it, or all of it (empty)."""

    folder: Path
    note: dict[str, Any]
    variant: str

    @property
    def name(self) -> str:
        """How a person writes it so that it cannot mean anything else."""
        return f"{_shown(self.folder)}:{self.variant}" if self.variant else _shown(self.folder)


def compare(left: str, right: str, *, results: Path, markdown: bool) -> int:
    """Print what differs from A (left) to B (right); 0 nothing lost, 1 a cell was lost, 69 not all can be compared.

    Each is a run's folder, a variant of the latest run in `results`, or RUN:VARIANT. Raises UserError when one names
    nothing or several things, when both are the same, and when records are missing or damaged.
    """
    sides = [side(text, results) for text in (left, right)]
    if sides[0].name == sides[1].name:
        raise UserError(f"A and B are the same: {sides[0].name}", hint=FORMS)
    if bool(sides[0].variant) != bool(sides[1].variant):
        names = " and ".join(one.name for one in sides)
        raise UserError(f"a run cannot be compared with a variant: {names}", hint="give RUN:VARIANT for both")
    try:
        records = [_records(one) for one in sides]
        paired = PairedBy.REST if sides[0].variant else PairedBy.CELL
        found = differences(records[0], records[1], paired)
        heads = _heads(sides, records)
        text = (compare_text.as_markdown if markdown else compare_text.as_text)(found, heads)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        where, what = " or ".join(str(one.folder) for one in sides), f"{type(error).__name__}: {error}"
        raise UserError(f"{where}: its records are damaged", details=what, hint="run the matrix again") from error
    Console().print(text, end="", markup=False, highlight=False, emoji=False, soft_wrap=True)
    return exit_status(found)


def side(text: str, results: Path) -> Side:
    """What a word names. Raises UserError that lists what is there when that is nothing, or several things."""
    run, _, variant = text.rpartition(":")
    latest, named = _run(results / "latest"), _runs(run, results)
    found = [Side(folder=folder, note=note, variant="") for folder, note in _runs(text, results).items()]
    for runs, name in ((latest, text), (named, variant)):
        found += [
            Side(folder=folder, note=note, variant=name) for folder, note in runs.items() if name in _variants(note)
        ]
    names = {one.name: one for one in found}
    if len(names) == 1:
        return found[0]
    if names:
        raise UserError(f"{text}: means several things", details="\n".join(names), hint="give one of these")
    there = [f"runs in {results}: {_listed(_all(results))}"]
    runs = {**latest, **named}
    there += [f"variants of {_shown(folder)}: {_listed(_variants(note))}" for folder, note in runs.items()]
    raise UserError(f"{text}: no such run or variant", details="\n".join(there), hint=FORMS)


def _runs(text: str, results: Path) -> dict[Path, dict[str, Any]]:
    """The runs that a word can mean: a path, or without a slash a name in results/ too."""
    places = [Path(text), *([] if "/" in text else [results / text])] if text else []
    return {folder: note for place in places for folder, note in _run(place).items()}


def _run(place: Path) -> dict[Path, dict[str, Any]]:
    """A run's real folder and its run.json; empty where there is no run."""
    note = atomic.read_json(place / "run.json")
    return {place.resolve(): note} if isinstance(note, dict) and isinstance(note.get("cells"), list) else {}


def _all(results: Path) -> list[str]:
    """The names of all runs, the newest first."""
    return sorted((path.parent.name for path in results.glob("*/run.json") if _run(path.parent)), reverse=True)


def _variants(note: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(str(name).partition("/")[0] for name in note["cells"]))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more if names else "none"


def _shown(folder: Path) -> str:
    """A real path as short as it can be typed; with a slash, as a word without one can be a variant."""
    here = Path.cwd()
    if not folder.is_relative_to(here):
        return str(folder)
    text = str(folder.relative_to(here))
    return text if "/" in text else f"./{text}"


def _records(one: Side) -> list[Record]:
    """The records of a side's cells in the order of the run."""
    found = []
    for name in one.note["cells"]:
        if not one.variant or name.partition("/")[0] == one.variant:
            path = one.folder / "cells" / name / "record.json"
            record = atomic.read_json(path)
            if not isinstance(record, dict):
                raise UserError(f"{path}: missing or damaged", hint="run the matrix again")
            found.append(record)
    return found


def _heads(sides: Sequence[Side], records: Sequence[Sequence[Record]]) -> list[str]:
    """What A and B are, and what makes either of them doubtful as a whole."""
    found = []
    for letter, one, ones in zip(SIDES, sides, records, strict=True):
        sources = dict.fromkeys(str(record["source"]) for record in ones) if one.variant else ()
        found.append(": ".join((f"{letter} is {one.name}", *sources)))
    for letter, one in zip(SIDES, sides, strict=True):
        if void := one.note.get("void"):
            found.append(f"VOID: the controls of {letter} were wrong: {void}")
        if (status := one.note.get("exit_status")) not in ENDED:
            ended = "it was killed, or still runs" if status is None else f"exit status {status}"
            found.append(f"UNFINISHED: {letter} did not come to its end ({ended}); ./inv matrix goes on where it was")
    rules = [sorted({str(record.get("rules")) for record in ones}) for ones in records]
    if all(rules) and rules[0] != rules[1]:
        texts = [f"{letter} by rules {', '.join(ones)}" for letter, ones in zip(SIDES, rules, strict=True)]
        found.append(f"NOTE: judged differently: {' and '.join(texts)}; a difference may be the judge's")
    return found
