"""What is wrong with matrix.yaml beyond its types: dangling names, missing files, absent controls.

Never assumes that the types are right, so that every problem is found at once; never opens a named file.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from pipeline import flags, matrix_files
from pipeline.matrix_facts import Facts, entries, rows, table, texts
from pipeline.matrix_words import did_you_mean, listed, quoted
from pipeline.model import Ladder
from pipeline.yamlscan import Problem, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from pipeline.yamltext import Document, Where

AXES = ("variants", "configs", "policies", "toolchains", "machines")  # in the order of a cell's name
MAX_CELLS = 2000

_BOUND = "that reaches bound"
_BARE = "on a machine whose hyperv list is empty (it reaches booted at most)"
_DETECTED = "that reaches detected (its kernel has HYPERV off)"
_ONCE = (("machines", "hyperv"), ("machines", "devices"), ("sources", "debian", "requires"))
_ONE = {axis: axis.removesuffix("s") for axis in AXES} | {"policies": "policy", "sources": "source"}


def problems(
    document: Document, folder: Path, *, policies: Collection[str], toolchains: Collection[str]
) -> Iterator[Problem]:
    """Yield what is wrong with a document as a whole; paths are relative to `folder`; raises nothing."""
    if not isinstance(document.data, dict):
        return
    names = {kind: tuple(table(document.data, kind)) for kind in (*AXES, "sources")}
    known = names | {"policies": policies, "toolchains": toolchains}
    facts = Facts(document, folder, known)
    for check in (_sources, _cells, matrix_files.problems, _intent, _repeats, _machines, _controls, _kinds, _expect):
        yield from check(facts)


def matches(name: str, pattern: str) -> bool:
    """Return whether a glob matches a cell's name or, as `newest/distro-m` does, a beginning of it."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")


def _dangling(facts: Facts, where: Where, kind: str, name: str) -> Iterator[Problem]:
    known = facts.known[kind]
    if name not in known:
        near = did_you_mean(name, known) or ";"
        message = f"unknown {_ONE[kind]} {quoted(name)}{near} known: {listed(sorted(known))}"
        yield facts.problem(where, message)


def _sources(facts: Facts) -> Iterator[Problem]:
    for where, name in entries(facts, "variants", "source"):
        yield from _dangling(facts, where, "sources", name)


def _cells(facts: Facts) -> Iterator[Problem]:
    total = 0
    for at, row in rows(facts.data, "cells"):
        for axis in AXES:
            for where, name in texts(row.get(axis), ("cells", at, axis)):
                yield from _dangling(facts, where, axis, name)
        total += prod(len(axis) for axis in _axes(facts, row, generous=False))
        if total > MAX_CELLS:
            yield facts.problem(("cells", at), f"more than {MAX_CELLS} cells: nobody would wait for that")
            return


def _axes(facts: Facts, row: Mapping[str, Any], *, generous: bool) -> list[list[str]]:
    """Return a block's names per axis; generously, a name that is wrong stands for every known one."""
    found = []
    for axis in AXES:
        names = dict.fromkeys(name for _, name in texts(row.get(axis), ()))
        if generous and not (names and set(names) <= set(facts.known[axis])):
            names |= dict.fromkeys(facts.known[axis])
        found.append(list(names))
    return found


def _intent(facts: Facts) -> Iterator[Problem]:
    entry = table(facts.data, "intent")
    if entry and entry.get("name") != "hyperv" and not entry.get("symbols"):
        message = "intent: one that is not hyperv names its symbols: symbols: {SYMBOL: RUNG}"
        yield facts.problem(("intent",), message)


def _repeats(facts: Facts) -> Iterator[Problem]:
    for keys in _ONCE:
        seen: set[tuple[str | int, str]] = set()
        for where, text in entries(facts, *keys):
            item = (where[1], text.partition("=")[0])  # spinlocks=1 and spinlocks=2 are the same flag
            if item in seen:
                yield facts.problem(where, f"{keys[-1]}: '{short(item[1])}' is given twice")
            seen.add(item)


def _machines(facts: Facts) -> Iterator[Problem]:
    """Yield flags and devices that QEMU refuses, or ignores, for want of another."""
    placed = [(where, text) for kind in ("hyperv", "devices") for where, text in entries(facts, "machines", kind)]
    for machine in dict.fromkeys(where[1] for where, _ in placed):
        own = {text: where for where, text in placed if where[1] == machine}
        for name, missing in flags.unmet(own).items():
            yield facts.problem(own[name], f"{name} needs {' and '.join(missing)} beside it, or QEMU will not have it")


def _controls(facts: Facts) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for at, row in rows(facts.data, "controls"):
        where: Where = ("controls", at, "cell")
        for _, cell in texts(row.get("cell"), where):
            parts = cell.split("/")
            for axis, name in zip(AXES, parts, strict=False) if len(parts) == len(AXES) else ():
                yield from _dangling(facts, where, axis, name)
            if cell in seen:
                message = f"the control {quoted(cell)} is given twice: first on line {seen[cell]}"
                yield facts.problem(where, message)
            seen.setdefault(cell, facts.document.line(where))


def _kinds(facts: Facts) -> Iterator[Problem]:
    """Yield the kinds of control that are missing; one with a mistake in it counts as what it may be."""
    if not isinstance(facts.data.get("controls"), list):
        return
    found = {kind for _, row in rows(facts.data, "controls") for kind in _kinds_of(facts, row)}
    if missing := [f"one {kind}" for kind in (_BOUND, _BARE, _DETECTED) if kind not in found]:
        yield Problem(
            line=facts.document.key_line(("controls",)),
            message=f"controls: missing {', and '.join(missing)}: without all three kinds, a rig that always "
            "says yes, or always no, would pass for a result",
        )


def _kinds_of(facts: Facts, row: Mapping[str, Any]) -> set[str]:
    reaches, cell = row.get("reaches"), str(row.get("cell"))
    may = {reaches} if reaches in list(Ladder) else set(Ladder)
    machine = table(table(facts.data, "machines"), cell.rpartition("/")[2])
    flags = machine.get("hyperv")
    kinds = set()
    if flags != []:
        kinds |= {_BOUND} if Ladder.BOUND in may else set()
        kinds |= {_DETECTED} if Ladder.DETECTED in may else set()
    if (flags == [] or not isinstance(flags, list)) and may & {Ladder.NONE, Ladder.BOOTED}:
        kinds.add(_BARE)
    return kinds


def _expect(facts: Facts) -> Iterator[Problem]:
    axes = [_axes(facts, row, generous=True) for _, row in rows(facts.data, "cells")]
    if sum(prod(len(axis) for axis in block) for block in axes) > MAX_CELLS:
        return  # reported already, or only so many because of a wrong name
    names = {"/".join(parts) for block in axes for parts in product(*block)}
    names |= {cell for _, row in rows(facts.data, "controls") for _, cell in texts(row.get("cell"), ())}
    for at, row in rows(facts.data, "expect"):
        for where, pattern in texts(row.get("cells"), ("expect", at, "cells")):
            if not any(matches(name, pattern) for name in names):
                near = did_you_mean(pattern, names)
                yield facts.problem(where, f"expect: no cell matches {quoted(pattern)}{near}")
