"""What is wrong with matrix.yaml beyond its types: dangling names, missing files, absent controls.

Never assumes that the types are right, so that every problem is found at once; never opens a named file.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from pipeline.matrix_words import did_you_mean, listed, quoted
from pipeline.model import Ladder
from pipeline.yamlscan import Problem, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from pipeline.yamltext import Document, Where

AXES = ("variants", "configs", "policies", "toolchains", "machines")  # in the order of a cell's name
MAX_CELLS = 2000

_ROWS = 200  # as many as the schema allows, which reports it where there are more
_BOUND = "that reaches bound"
_BARE = "on a machine whose hyperv list is empty (it reaches booted at most)"
_DETECTED = "that reaches detected (its kernel has HYPERV off)"
_FILES = (("configs", "base"), ("configs", "fragments"), ("variants", "patches"))
_ONCE = (("machines", "hyperv"), ("machines", "devices"), ("sources", "debian", "requires"))
_ONE = {axis: axis.removesuffix("s") for axis in AXES} | {"policies": "policy", "sources": "source"}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the checks look at: the document, its folder, and which names of each kind are known."""

    document: Document
    folder: Path
    known: Mapping[str, Collection[str]]

    @property
    def data(self) -> Any:
        return self.document.data

    def problem(self, where: Where, message: str) -> Problem:
        return Problem(line=self.document.line(where), message=message)


def problems(
    document: Document, folder: Path, *, policies: Collection[str], toolchains: Collection[str]
) -> Iterator[Problem]:
    """Yield what is wrong with a document as a whole; paths are relative to `folder`; raises nothing."""
    if not isinstance(document.data, dict):
        return
    names = {kind: tuple(_table(document.data, kind)) for kind in (*AXES, "sources")}
    known = names | {"policies": policies, "toolchains": toolchains}
    facts = _Facts(document, folder, known)
    for check in (_sources, _cells, _files, _repeats, _controls, _kinds, _expect):
        yield from check(facts)


def matches(name: str, pattern: str) -> bool:
    """Return whether a glob matches a cell's name or, as `newest/distro-m` does, a beginning of it."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")


def _table(data: Any, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _rows(data: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    found = data.get(key)
    rows = found[:_ROWS] if isinstance(found, list) else []
    return [(at, row) for at, row in enumerate(rows) if isinstance(row, dict)]


def _texts(value: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield the text at a place, or each text of the list there; whatever else is there is skipped."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        yield from (((*where, at), item) for at, item in enumerate(value) if isinstance(item, str))


def _entries(facts: _Facts, section: str, *keys: str) -> Iterator[tuple[Where, str]]:
    """Yield the texts at the same place of every entry of a section."""
    for name, entry in _table(facts.data, section).items():
        found = entry
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        yield from _texts(found, (section, name, *keys))


def _dangling(facts: _Facts, where: Where, kind: str, name: str) -> Iterator[Problem]:
    known = facts.known[kind]
    if name not in known:
        near = did_you_mean(name, known) or ";"
        message = f"unknown {_ONE[kind]} {quoted(name)}{near} known: {listed(sorted(known))}"
        yield facts.problem(where, message)


def _sources(facts: _Facts) -> Iterator[Problem]:
    for where, name in _entries(facts, "variants", "source"):
        yield from _dangling(facts, where, "sources", name)


def _cells(facts: _Facts) -> Iterator[Problem]:
    total = 0
    for at, row in _rows(facts.data, "cells"):
        for axis in AXES:
            for where, name in _texts(row.get(axis), ("cells", at, axis)):
                yield from _dangling(facts, where, axis, name)
        total += prod(len(axis) for axis in _axes(facts, row, generous=False))
        if total > MAX_CELLS:
            yield facts.problem(("cells", at), f"more than {MAX_CELLS} cells: nobody would wait for that")
            return


def _axes(facts: _Facts, row: Mapping[str, Any], *, generous: bool) -> list[list[str]]:
    """Return a block's names per axis; generously, a name that is wrong stands for every known one."""
    found = []
    for axis in AXES:
        names = dict.fromkeys(name for _, name in _texts(row.get(axis), ()))
        if generous and not (names and set(names) <= set(facts.known[axis])):
            names |= dict.fromkeys(facts.known[axis])
        found.append(list(names))
    return found


def _files(facts: _Facts) -> Iterator[Problem]:
    for section, key in _FILES:
        for where, text in _entries(facts, section, key):
            if fault := _file_fault(facts.folder / text):
                yield facts.problem(where, f"{key}: {quoted(text)} {fault} (looked in {facts.folder})")
    for where, text in _entries(facts, "sources", "directory"):
        if fault := _folder_fault(facts.folder / text):
            yield facts.problem(where, f"directory: {quoted(text)} {fault} (looked in {facts.folder})")


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


def _repeats(facts: _Facts) -> Iterator[Problem]:
    for keys in _ONCE:
        seen: set[tuple[str | int, str]] = set()
        for where, text in _entries(facts, *keys):
            item = (where[1], text.partition("=")[0])  # spinlocks=1 and spinlocks=2 are the same flag
            if item in seen:
                yield facts.problem(where, f"{keys[-1]}: '{short(item[1])}' is given twice")
            seen.add(item)


def _controls(facts: _Facts) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for at, row in _rows(facts.data, "controls"):
        where: Where = ("controls", at, "cell")
        for _, cell in _texts(row.get("cell"), where):
            parts = cell.split("/")
            for axis, name in zip(AXES, parts, strict=False) if len(parts) == len(AXES) else ():
                yield from _dangling(facts, where, axis, name)
            if cell in seen:
                message = f"the control {quoted(cell)} is given twice: first on line {seen[cell]}"
                yield facts.problem(where, message)
            seen.setdefault(cell, facts.document.line(where))


def _kinds(facts: _Facts) -> Iterator[Problem]:
    """Yield the kinds of control that are missing; one with a mistake in it counts as what it may be."""
    if not isinstance(facts.data.get("controls"), list):
        return
    rows = [row for _, row in _rows(facts.data, "controls")]
    found = {kind for row in rows for kind in _kinds_of(facts, row)}
    if missing := [f"one {kind}" for kind in (_BOUND, _BARE, _DETECTED) if kind not in found]:
        yield Problem(
            line=facts.document.key_line(("controls",)),
            message=f"controls: missing {', and '.join(missing)}: without all three kinds, a rig that always "
            "says yes, or always no, would pass for a result",
        )


def _kinds_of(facts: _Facts, row: Mapping[str, Any]) -> set[str]:
    reaches, cell = row.get("reaches"), str(row.get("cell"))
    may = {reaches} if reaches in list(Ladder) else set(Ladder)
    machine = _table(_table(facts.data, "machines"), cell.rpartition("/")[2])
    flags = machine.get("hyperv")
    kinds = set()
    if flags != []:
        kinds |= {_BOUND} if Ladder.BOUND in may else set()
        kinds |= {_DETECTED} if Ladder.DETECTED in may else set()
    if (flags == [] or not isinstance(flags, list)) and may & {Ladder.NONE, Ladder.BOOTED}:
        kinds.add(_BARE)
    return kinds


def _expect(facts: _Facts) -> Iterator[Problem]:
    axes = [_axes(facts, row, generous=True) for _, row in _rows(facts.data, "cells")]
    if sum(prod(len(axis) for axis in block) for block in axes) > MAX_CELLS:
        return  # reported already, or only so many because of a wrong name
    names = {"/".join(parts) for block in axes for parts in product(*block)}
    names |= {cell for _, row in _rows(facts.data, "controls") for _, cell in _texts(row.get("cell"), ())}
    for at, row in _rows(facts.data, "expect"):
        for where, pattern in _texts(row.get("cells"), ("expect", at, "cells")):
            if not any(matches(name, pattern) for name in names):
                near = did_you_mean(pattern, names)
                yield facts.problem(where, f"expect: no cell matches {quoted(pattern)}{near}")
