"""Keeps a whole run in one small file on which judging gives the same verdicts, and opens such a file again.

Never unpacks a member whose name, kind or size is not one that it would have written itself.
"""

from __future__ import annotations

import io
import json
import lzma
import re
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline import archive, atomic, boot, scratch, unpacked
from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOTE = "run.json"
RECORD, OLD, FINAL = "record.json", "config.old", "config.final"
# What replay.py reads of a cell. In the archive files of one name are neighbours: they are the most alike.
FILES = (RECORD, OLD, FINAL, *boot.FILES)
KINDS = ("cells", "controls")
# A cell's five names are those that matrix.schema.json allows.
_NAME = re.compile(r"(?:cells|controls)(?:/(?!\S*\.\.)[A-Za-z0-9][A-Za-z0-9._+-]{0,39}){5}/(?P<file>[a-z.]+)")
# Bytes. The 150 cells of matrix.yaml are 25 MiB, and less than 1 MiB packed.
PACKED_LIMIT, LIMIT = 64 * 2**20, 256 * 2**20
# A dictionary of 8 MiB; a larger one saves nothing. Fixed, so that the same run gives the same bytes.
PRESET = 6 | lzma.PRESET_EXTREME
_HINT = "check it out again, or make it anew with ./inv answer from the run's folder"


def pack(run_folder: Path, target: Path) -> None:
    """Write a run to one file, the same bytes for the same run.

    Every file that judging reads is kept as it is; equal files are kept once. Raises UserError when the folder holds no
    run, when a cell of it has not all of its files, or when it is too large.
    """
    try:
        data = {name: atomic.plain(run_folder / name) for name in _listed(run_folder)}
    except OSError as error:
        raise UserError(f"{run_folder}: cannot be read", details=str(error), hint="make it readable") from error
    _check_whole(data, str(run_folder), "run the matrix again")
    if sum(map(len, data.values())) > LIMIT:
        raise UserError(f"{run_folder}: more than {LIMIT >> 20} MiB", hint="a run whose consoles flooded is not kept")
    atomic.write(target, lzma.compress(_tar(data), preset=PRESET))


def _listed(folder: Path) -> list[str]:
    """The names of a run's files that are kept, in the order of the archive."""
    note = atomic.read_json(folder / NOTE)
    found = [f"{name}/{file}" for file in FILES for name in _cells(note, str(folder), "give a folder below results/")]
    return [NOTE, *(name for name in found if (folder / name).is_file())]


def _cells(note: object, where: str, hint: str) -> list[str]:
    """The folders of the cells and controls that run.json lists, sorted."""
    listed = [note.get(kind) for kind in KINDS] if isinstance(note, dict) else [None]
    if not all(isinstance(names, list) for names in listed):
        raise UserError(f"{where}: no {NOTE} of a run in it", hint=hint)
    found = [f"{kind}/{name}" for kind, names in zip(KINDS, listed, strict=True) for name in names or ()]
    for name in found:
        if not _NAME.fullmatch(f"{name}/{RECORD}"):
            raise UserError(f"{where}: {NOTE} lists {name!r}, which is no cell's name", hint=hint)
    return sorted(found)


def is_cell(name: str) -> bool:
    """Whether that is the name of a cell, which no path out of a run's folder is."""
    return bool(_NAME.fullmatch(f"{KINDS[0]}/{name}/{RECORD}"))


def _tar(data: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    first: dict[bytes, str] = {}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as out:
        for name, content in data.items():
            member = tarfile.TarInfo(name)  # its time, owner and group are 0
            member.mode = archive.READABLE
            member.size = len(content)
            if first.setdefault(content, name) != name:
                member.type, member.linkname, member.size = tarfile.LNKTYPE, first[content], 0
            out.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of a packed run, there for as long as the block lasts.

    Raises UserError when the file is none that `pack` wrote, or is damaged; HostError when the disk does not take it.
    """
    data = _unpacked(path)
    _check_whole(data, str(path), _HINT)
    with scratch.folder() as made:
        folder = made / path.name
        with atomic.writing(str(folder)):
            for member, content in data.items():
                place = folder / member
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        with told_of(folder, path):
            yield folder


@contextmanager
def told_of(folder: Path, path: Path) -> Iterator[None]:
    """Let an error name a path that stays instead of a folder that is about to be gone."""
    try:
        yield
    except UserError as error:
        brief, details = (text.replace(str(folder), str(path)) for text in (error.brief, error.details))
        raise UserError(brief, details=details, hint=error.hint) from error


def _unpacked(path: Path) -> dict[str, bytes]:
    """The files in a packed run by name."""
    try:
        if path.stat().st_size > PACKED_LIMIT:
            raise UserError(f"{path}: larger than {PACKED_LIMIT >> 20} MiB", hint=_HINT)
        packed = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give a run's folder or its packed file") from error
    if unpacked.kind(packed) != "xz":
        raise UserError(f"{path}: no packed run (.tar.xz)", hint="give a run's folder or its packed file")
    raw = unpacked.whole(packed, "xz", LIMIT, str(path))
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as members:
            return _members(members, path)
    except (tarfile.TarError, EOFError, ValueError, OSError, OverflowError, RecursionError) as error:
        raise UserError(f"{path}: damaged", details=str(error), hint=_HINT) from error


def _members(members: tarfile.TarFile, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    size = 0
    for member in members:
        known = _NAME.fullmatch(member.name)
        if member.name in found or not (member.name == NOTE or (known and known["file"] in FILES)):
            raise UserError(f"{path}: has a member {member.name!r}, which no packed run has", hint=_HINT)
        if member.islnk() and member.linkname in found:
            found[member.name] = found[member.linkname]
        elif archive.plain(member) and (stream := members.extractfile(member)):
            found[member.name] = stream.read()
        else:
            raise UserError(f"{path}: {member.name} is neither a file nor a link to an earlier one", hint=_HINT)
        size += len(found[member.name])
        if size > LIMIT:
            raise UserError(f"{path}: unpacks to more than {LIMIT >> 20} MiB", hint=_HINT)
    return found


def _check_whole(data: Mapping[str, bytes], where: str, hint: str) -> None:
    """Raise UserError unless the cells are those that are listed, each with the files that its record speaks of."""
    names = {name.rpartition("/")[0] for name in data if name != NOTE}
    cells = _cells(_json(data.get(NOTE)), where, hint)
    if extra := sorted(names - set(cells)):
        raise UserError(f"{where}: {extra[0]} is not listed in {NOTE}", hint=hint)
    for cell in cells:
        record = _json(data.get(f"{cell}/{RECORD}"))
        if not isinstance(record, dict):
            raise UserError(f"{where}: {cell}/{RECORD} is missing or damaged", hint=hint)
        wanted = [OLD] if record.get("requested") else []
        wanted += [FINAL] if record.get("resolved") else []
        wanted += boot.FILES if record.get("booted") else ()
        if gone := [file for file in wanted if f"{cell}/{file}" not in data]:
            raise UserError(f"{where}: {cell}/{gone[0]} is missing", hint=hint)


def _json(data: bytes | None) -> Any | None:
    try:
        return json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
