"""Checks a saved run against its own records: its files by their digests, its verdicts by judging again.

Reads alone. Never says that a run is true: who can change a file can change its digest; it finds what broke or drifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import atomic, compactrun, plainrun, record, replay, seal, showing
from pipeline.errors import UserError
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

JUDGED = ("predicted", "required", "observed", "outcome", "class", "status")
UNSEALED = "run.json has no digests of the records, as of a run that was killed: nobody can say whether they changed"
OLD = "made before records had digests, and checked by judging again alone"


def verify(place: Path, rebuilt: Sequence[str] = ()) -> int:
    """Print what differs in a run, in its folder or packed; 0 nothing, 1 something.

    `rebuilt` is what a kernel that was built again showed. Raises UserError when the place holds no run, or one that
    cannot be judged, and HostError when a file cannot be read.
    """
    if place.is_dir():
        found, closing = differences(place, packed=False)
    else:
        with compactrun.opened(place) as folder:
            found, closing = differences(folder, packed=True)
    for line in (*found, *rebuilt):
        print(clean(line))  # noqa: T201 - the command's answer
    count = len(found) + len(rebuilt)
    print(clean(f"{closing}; {count} difference{'' if count == 1 else 's'}"))  # noqa: T201 - as above
    return showing.FAILED if count else showing.PASSED


def differences(folder: Path, *, packed: bool) -> tuple[list[str], str]:
    """What differs, a line each that begins with the file, and what was looked at in one line."""
    note: Any = atomic.read_json(folder / seal.NOTE)
    if not isinstance(note, dict) or not all(isinstance(note.get(kind), list) for kind in seal.KINDS):
        raise UserError(f"{folder}: no run.json of a run in it", hint="give a folder below results/")
    found: list[str] = []
    old = checked = 0
    homes = seal.homes(note)
    with replay.reading(folder):
        for home in homes:
            if not (folder / home).resolve().is_relative_to(folder.resolve()):
                raise UserError(f"{folder}: lists {home}, which is outside it", hint="give a folder below results/")
        plainrun.check(folder, homes)
        for home in homes:
            kept: Any = atomic.read_json(folder / home / seal.RECORD)
            found += _sealed(folder, home, note.get("records", {}))
            if not isinstance(kept, dict):
                found.append(f"{home}/{seal.RECORD}: missing or damaged")
                continue
            old += "files" not in kept
            checked += len(kept.get("files", ()))
            found += _files(folder / home, home, kept, packed=packed)
            found += _evidence(folder / home, home, kept)
    found += [] if packed else _images(folder, note.get("images"))
    found += _unlisted(note)
    found += _verdicts(folder, note, found)
    text = f"{len(note['cells'])} cells and {len(note['controls'])} controls, {checked} files with digests"
    text += "" if "records" in note or old else f"; {UNSEALED}"
    return list(dict.fromkeys(found)), text + (f"; {old} records {OLD}" if old else "")


def _unlisted(note: Mapping[str, Any]) -> Iterator[str]:
    """Cells that were struck from run.json, whose records it still has the digests of."""
    for home in note.get("records", {}):
        kind, _, name = home.partition("/")
        if name not in note.get(kind, ()):
            yield f"{home}: run.json has its digest and does not list it"


def _sealed(folder: Path, home: str, records: Mapping[str, str]) -> Iterator[str]:
    wanted = records.get(home)
    if wanted and seal.digest(folder / home / seal.RECORD) != wanted:
        yield f"{home}/{seal.RECORD}: is not the one that run.json has the digest of"


def _images(folder: Path, wanted: object) -> Iterator[str]:
    """What differs of the images' contents; nothing of a run that kept none."""
    if not isinstance(wanted, dict):
        return
    there = seal.files(folder / seal.IMAGES)
    for name in sorted({*wanted, *there}):
        if there.get(name) != wanted.get(name):
            how = "is missing" if name not in there else "is not the file that was recorded"
            yield f"{seal.IMAGES}/{name}: {how if name in wanted else 'is in no record'}"


def _files(folder: Path, home: str, kept: Mapping[str, Any], *, packed: bool) -> Iterator[str]:
    if "files" not in kept:
        return
    there = seal.files(folder)
    for name, wanted in kept["files"].items():
        if name not in there and not (packed and name not in compactrun.FILES):
            yield f"{home}/{name}: is missing"
        elif name in there and there[name] != wanted:
            yield f"{home}/{name}: is not the file that was recorded"
    yield from (f"{home}/{name}: is in no record" for name in there if name not in kept["files"])


def _evidence(folder: Path, home: str, kept: Mapping[str, Any]) -> Iterator[str]:
    """The guest's evidence must be what its console log holds."""
    if not kept.get("booted") or not (folder / "dmesg.txt").is_file():
        return
    try:
        texts = replay.evidence_files(folder)
    except (OSError, ValueError, KeyError, TypeError):
        yield f"{home}/boot.json: it or a log of it is missing or damaged"
        return
    for name, text in texts.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            yield f"{home}/{name}: is not what console.log holds"


def _verdicts(folder: Path, note: Mapping[str, Any], found: Sequence[str]) -> Iterator[str]:
    """What is judged otherwise now. A run that cannot be judged is told so only where nothing else explains it."""
    try:
        judged = replay.judge_run(folder)
    except UserError:
        if not found:
            raise
        return
    if note.get("void", judged.void) != judged.void:
        yield f"{seal.NOTE}: void {note['void']!r} is judged {judged.void!r}"
    for kind, ones in (("cells", judged.cells), ("controls", judged.controls)):
        for one in ones:
            new = record.judged(one.verdict)
            wrong = [key for key in JUDGED if new[key] != one.record.get(key)]
            if wrong and one.record.get("reason") != "not finished":
                was = ", ".join(f"{key} {one.record.get(key)} is judged {new[key]}" for key in wrong)
                rules = one.record.get("rules")
                by = "" if rules == record.RULES else f" (by the rules {record.RULES}, it was by {rules})"
                yield f"{kind}/{one.record['cell']}/{seal.RECORD}: {was}{by}"


