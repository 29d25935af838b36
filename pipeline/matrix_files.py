"""What matrix.yaml names and is not there: files, folders, repositories, and addresses that nothing is fetched from.

Never opens what it looks for.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pipeline import gitseam
from pipeline.matrix_facts import entries, table
from pipeline.matrix_words import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.matrix_facts import Facts
    from pipeline.yamlscan import Problem
    from pipeline.yamltext import Where

DOWNLOADS = ("https", "http")
_FILES = (("configs", "base"), ("configs", "slim"), ("configs", "fragments"))


def problems(facts: Facts) -> Iterator[Problem]:
    """Yield what is named and not there, or is of another kind; paths are relative to the folder of the facts."""
    for section, key in _FILES:
        for where, text in entries(facts, section, key):
            yield from _missing(facts, where, key, text, _file_fault)
    for where, text in entries(facts, "variants", "patches"):
        yield from _missing(facts, where, "patches", text, _patch_fault)
    yield from _ranges(facts)
    for where, text in entries(facts, "sources", "directory"):
        yield from _missing(facts, where, "directory", text, _folder_fault)
    yield from _addresses(facts)


def _addresses(facts: Facts) -> Iterator[Problem]:
    """Yield the repositories and tarballs that are not there, or to which no way leads."""
    for where, text in entries(facts, "sources", "git", "url"):
        if fault := gitseam.fault(text):
            yield facts.problem(where, f"git: {quoted(text)} {fault}")
        elif gitseam.is_local(text):
            yield from _missing(facts, where, "git", text, _folder_fault)
    for where, text in entries(facts, "sources", "tarball", "url"):
        scheme, remote, _ = text.partition("://")
        if not remote:
            yield from _missing(facts, where, "tarball", text, _file_fault)
        elif scheme not in DOWNLOADS:
            kinds = " and ".join(f"{one}://" for one in DOWNLOADS)
            yield facts.problem(where, f"tarball: {quoted(text)}: only {kinds} are fetched; else give a file's path")


def _ranges(facts: Facts) -> Iterator[Problem]:
    """Yield the repositories of patches that are not there."""
    for name, entry in table(facts.data, "variants").items():
        found = entry.get("patches") if isinstance(entry, dict) else None
        for at, one in enumerate(found if isinstance(found, list) else ()):
            if isinstance(one, dict) and isinstance(one.get("git"), str):
                where = ("variants", name, "patches", at, "git")
                yield from _missing(facts, where, "git", one["git"], _folder_fault)


def _missing(facts: Facts, where: Where, key: str, text: str, fault_of: Callable[[Path], str]) -> Iterator[Problem]:
    if fault := fault_of(facts.folder / text):
        yield facts.problem(where, f"{key}: {quoted(text)} {fault} (looked in {facts.folder})")


def _patch_fault(path: Path) -> str:
    mode = _mode(path)
    is_folder = not isinstance(mode, str) and stat.S_ISDIR(mode)
    return _folder_fault(path) if is_folder else _file_fault(path)


def _file_fault(path: Path) -> str:
    mode = _mode(path)
    if isinstance(mode, str):
        return mode
    if not stat.S_ISREG(mode):
        return "is a directory, not a file" if stat.S_ISDIR(mode) else "is not a regular file"
    return "" if os.access(path, os.R_OK) else "cannot be read: permission denied"


def _folder_fault(path: Path) -> str:
    mode = _mode(path)
    if isinstance(mode, str):
        return mode
    if not stat.S_ISDIR(mode):
        return "is not a directory"
    return "" if os.access(path, os.R_OK | os.X_OK) else "cannot be read: permission denied"


def _mode(path: Path) -> int | str:
    """Return a path's mode, or in words why it has none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or 'this is no path'}"
