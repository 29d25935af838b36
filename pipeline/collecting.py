"""Merges the runs of several machines into one, as if one machine had done it all, and says what is missing.

Shards come from elsewhere: only plain files of known depth are taken from them, by the names of the matrix's cells.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import asking, atomic, compactrun, gate, replay, seal, showing, store, table
from pipeline.errors import UserError
from pipeline.model import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.run import Options

NOTE = "run.json"
SAME = ("schema", "digest", "through")
KINDS = ("cells", "controls")
BEST = (Status.PASS, Status.SKIP)  # of a control: one that is neither makes the run void
LISTED = 20
MOST_SAID = 2
_HINT = "give the folders that the machines' results/ were downloaded to"


@dataclass(frozen=True, slots=True)
class Part:
    """A shard's run: its folder and its run.json."""

    folder: Path
    note: dict[str, Any]


def collect(places: Sequence[Path], options: Options, chosen: frozenset[str] = frozenset()) -> int:
    """Write the merged run to results/ and show it; the exit status, 1 too when a cell is missing.

    The cells that there should be are those of the matrix in `options`. Raises UserError when a folder holds no run,
    when the runs are not of this matrix or differ in stage, and when a cell is in several with different verdicts.
    """
    if not places:
        raise UserError("no folder is named", hint=_HINT)
    asked = asking.load(options.file)
    wanted = [cell.name for cell in asking.select(asked, options.cells)]
    parts = [part for place in places for part in found(place)]
    _check(parts, asked.digest, str(options.file))
    homes = {kind: _homes(parts, kind) for kind in KINDS}
    unproved = [one.cell.name for one in asked.controls if one.cell.name not in homes["controls"]]
    if parts[0].note["through"] == "boot" and unproved:
        raise UserError(f"no run has the control {unproved[0]}", hint=_HINT)
    if extra := sorted(set(homes["cells"]) - set(wanted)):
        raise UserError(f"{extra[0]}: a shard has it, and it is not asked for", hint="give the --cells of the shards")
    missing = [name for name in wanted if name not in homes["cells"]]
    names = {"cells": [name for name in wanted if name in homes["cells"]], "controls": list(homes["controls"])}
    first = parts[0].note
    folder = store.new_run(options.results)
    note = {**{key: first[key] for key in SAME}, "matrix": str(options.file), "missing": missing, "exit_status": None}
    atomic.write_json(folder / NOTE, {"run": folder.name, **names, **note})
    for kind in KINDS:
        for name in names[kind]:
            _copy(homes[kind][name], folder / kind / name)
    for part in parts:
        _copy(part.folder / seal.IMAGES, folder / seal.IMAGES)
    return _finish(folder, {"run": folder.name, **names, **note}, chosen)


def _finish(folder: Path, note: dict[str, Any], chosen: frozenset[str]) -> int:
    judged = replay.judge_run(folder)
    records = store.write_verdicts(folder, judged)
    missing = note["missing"]
    status = showing.FAILED if missing else gate.exit_status(records, chosen)
    atomic.write_json(folder / NOTE, {**note, "void": judged.void, "exit_status": status})
    seal.close(folder)
    text = f"{table.totals(records)}; {folder} (exit {status})"
    if missing:
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        text = f"MISSING {len(missing)} cells: {', '.join(missing[:LISTED])}{more}\n{text}"
    showing.show(records, judged.void, text)
    return status


def found(place: Path) -> list[Part]:
    """The runs in a folder, which is one itself or has them somewhere below. Raises UserError when there is none."""
    notes = [place / NOTE] if (place / NOTE).is_file() else sorted(place.rglob(NOTE)) if place.is_dir() else []
    listed = [path for path in notes if not any(part.is_symlink() for part in _below(path, place))]
    parts = []
    for path in listed:
        note = atomic.read_json(path)
        if not isinstance(note, dict) or not all(isinstance(note.get(kind), list) for kind in KINDS):
            raise UserError(f"{path}: no run.json of a run", hint=_HINT)
        parts.append(Part(path.parent, note))
    if not parts:
        raise UserError(f"{place}: no run in it", hint=_HINT)
    return parts


def _below(path: Path, place: Path) -> Iterator[Path]:
    """A path and the folders between it and a place, which are the ones that may be links."""
    while path != place:
        yield path
        path = path.parent


def _check(parts: Sequence[Part], digest: str, file: str) -> None:
    for part in parts:
        if part.note.get("digest") != digest:
            raise UserError(f"{part.folder}: is of another {file}", hint="check out what the shards were made from")
        if part.note.get("through") != parts[0].note.get("through"):
            stages = f"{part.note.get('through')} and {parts[0].note.get('through')}"
            raise UserError(f"{part.folder}: went through another stage: {stages}", hint="give runs of one kind")
        if part.note.get("schema") != parts[0].note.get("schema"):
            raise UserError(f"{part.folder}: has records of another schema", hint="use one version for all shards")


def _homes(parts: Sequence[Part], kind: str) -> dict[str, Path]:
    """The folder of each cell. Of a control the worst there is: one that is wrong makes the run void."""
    homes: dict[str, Path] = {}
    for part in parts:
        for name in part.note[kind]:
            home = part.folder / kind / str(name)
            if not compactrun.is_cell(str(name)):
                raise UserError(f"{part.folder}: lists {str(name)!r}, which is no cell's name", hint=_HINT)
            kept = atomic.read_json(home / "record.json")
            if not isinstance(kept, dict) and kind == "controls":
                raise UserError(f"{home}: a control without its record", hint="leave that run out, or run it again")
            if not isinstance(kept, dict):
                continue
            if kept.get("cell") != name:
                raise UserError(f"{home}: has the record of {kept.get('cell')!r}", hint=_HINT)
            if name not in homes or _preferred(homes[name], home, kind):
                homes[str(name)] = home
    return homes


def _preferred(known: Path, other: Path, kind: str) -> bool:
    """Whether the second of two folders of a cell is to be taken."""
    old, new = (atomic.read_json(home / "record.json") or {} for home in (known, other))
    if kind == "controls":
        was, now = (BEST.index(one) if one in BEST else len(BEST) for one in (old.get("status"), new.get("status")))
        return now > was
    keys = ("status", "outcome", "class", "observed")
    if [old.get(key) for key in keys] == [new.get(key) for key in keys]:
        return False
    said = [_said(one) for one in (old, new)]
    if min(said) < MOST_SAID:  # one of them was tried again
        return said[1] > said[0]
    raise UserError(f"{new.get('cell')}: two shards differ on it", details=f"{known}\n{other}", hint="leave one out")


def _said(record: dict[str, Any]) -> int:
    """How much a record says: 0 when it was not tried to an end, 1 without a verdict, else MOST_SAID."""
    if record.get("status") in {Status.ERROR, Status.SKIP}:
        return 0
    return 1 if record.get("outcome") == Outcome.UNKNOWN else MOST_SAID


def _copy(source: Path, target: Path) -> None:
    """The plain files of a cell's folder and of the folders in it; links and whatever else is there stay behind."""
    with atomic.writing(str(target)):
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted([*source.glob("*"), *source.glob("*/*")]):
            if path.is_file() and not path.is_symlink() and not path.parent.is_symlink():
                place = target / path.relative_to(source)
                place.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, place)
