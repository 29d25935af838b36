"""Sees to it that a run's folder holds nothing but plain files, before anything of it is read.

A run may be somebody else's: a link in it would show or pack a file of this host, a pipe is waited for without end.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MOST = 256 * 2**20  # bytes of a file; a console has at most 32 MiB
_HINT = "run the matrix again, or get the run once more from where it was made"


def check(folder: Path, homes: Iterable[str]) -> None:
    """Raise UserError for a cell's folder with a link, a pipe, a device or a huge file in it, or on the way to it.

    `homes` are the folders of cells and controls below the run's own, which may itself be reached by a link.
    """
    known: set[str] = set()
    for home in homes:
        place = str(folder)
        for part in home.split("/"):
            place = f"{place}/{part}"
            if place not in known:
                known.add(place)
                if os.path.islink(place):  # noqa: PTH114 - of a name that is too long or closed, a Path's own raises
                    raise UserError(f"{place}: is a link", hint=_HINT)
        for path in _irregular(place):
            raise UserError(f"{path}: is no plain file, or over {MOST >> 20} MiB", hint=_HINT)


def _irregular(place: str) -> Iterator[str]:
    """What is no file of a run; nothing where there is no such folder."""
    places = [place]
    while places:
        try:
            entries = list(os.scandir(places.pop()))
        except OSError:
            continue
        for entry in entries:
            with suppress(FileNotFoundError):  # of a run that goes on
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    places.append(entry.path)
                elif not stat.S_ISREG(facts.st_mode) or facts.st_size > MOST:
                    yield entry.path
