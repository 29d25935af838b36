"""Reads the patches of a variant: files, a folder of them, an mbox, or a range of a local git repository.

Never applies one.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import gitseam, mbox, unpacked
from pipeline.errors import UserError
from pipeline.model import GitRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Variant

FILE_LIMIT = 64 * 2**20
SUFFIXES = (".patch", ".diff")
HEAD = 16384
# A mail as it was saved, whose lines are not those of the patch in it.
_ENCODED = re.compile(rb"^content-transfer-encoding:[ \t]*(?:base64|quoted-printable)\b", re.IGNORECASE | re.MULTILINE)
# git-format-patch(1): the date is always this one
_COMMIT = re.compile(rb"^From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\r?$", re.MULTILINE)
_COVER = re.compile(r"(?:v\d+-)?0000-cover-letter\.patch")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
# quilt(1): what may stand after a name, and means what git apply does by itself
_STRIPPED: tuple[list[str], ...] = ([], ["-p1"], ["-pab"])


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch: a short name, its text for `git apply`, and where it was read."""

    name: str
    text: bytes
    where: str


def read(variant: Variant) -> tuple[Patch, ...]:
    """The patches of a variant in the order in which they are applied. Raises UserError for what is no patch."""
    return tuple(patch for given in variant.patches for patch in _each(given, f"variants: {variant.name}"))


def _each(given: Path | GitRange, where: str) -> Iterator[Patch]:
    if isinstance(given, GitRange):
        for name, text in gitseam.patches(given.repository, given.span):
            yield Patch(name, text, f"{given.repository} {name}")
    elif given.is_dir():
        yield from _folder(given, where)
    else:
        yield from _file(given, where)


def _folder(folder: Path, where: str) -> Iterator[Patch]:
    """The patches of a folder: as its quilt `series` file lists them, else by name."""
    listing = folder / "series"
    if listing.is_file():
        lines = [words for line in _listed(listing) if (words := re.split(r"(?:^|\s)#", line)[0].split())]
        other = next((words for words in lines if words[1:] not in _STRIPPED), None)
        if other:
            hint = "make it one that `patch -p1` takes, as git and quilt do by themselves"
            raise UserError(f"{where}: {listing}: {' '.join(other)}: only -p1 is applied", hint=hint)
        paths = [folder / words[0] for words in lines]
    else:
        found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
        paths = [path for path in found if not _COVER.fullmatch(path.name)]
    if not paths:
        raise UserError(f"{where}: no patch in {folder}", hint=f"files that end in {' or '.join(SUFFIXES)} are taken")
    outside = [path for path in paths if not Path(os.path.realpath(path)).is_relative_to(folder.resolve())]
    if outside:
        raise UserError(f"{where}: {outside[0]} is outside its folder", hint="copy it there")
    for path in paths:
        yield from _file(path, where)


def _listed(listing: Path) -> list[str]:
    try:
        return listing.read_text(errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{listing}: cannot be read: {error.strerror}") from error


def _file(path: Path, where: str) -> Iterator[Patch]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise UserError(f"{where}: {path} is no file")
        with path.open("rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise UserError(f"{where}: {path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_LIMIT:
        raise UserError(f"{where}: {path} is larger than {FILE_LIMIT} bytes")
    encoded = bool(_ENCODED.search(data[:HEAD]))
    if _COMMIT.match(data) and len(_COMMIT.findall(data)) == 1 and not encoded:
        # one file a commit, as git format-patch writes them: [PATCH 2/3] is no series of which two are missing
        found = mbox.series(_HEADER_END.split(data, maxsplit=1)[-1], str(path))
        yield Patch(path.name, found[0].text, str(path))
    elif data.startswith(b"From ") or unpacked.kind(data) or encoded:
        found = mbox.series(data, str(path))
        for patch in found:
            yield Patch(patch.subject if len(found) > 1 else path.name, patch.text, f"{path}: {patch.subject}")
    else:
        yield Patch(path.name, data, str(path))
