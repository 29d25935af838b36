"""Says which statements of a Makefile count, and what they give a variable, for given values of options.

Pure. Never knows more than the file and what it includes: the environment and other Makefiles are unknown to it.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.makevalues import UNKNOWN, expand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.kbuildlang import Guard, Statement

CHAINED = 10
OPTION = re.compile(r"\bCONFIG_(\w+)")
_REFERENCE = re.compile(r"\$[({]([^\s$(){}:]+)")


class Scope:
    """The statements of one file and of what it includes, and which options each of them hangs on."""

    def __init__(self, path: str, statements: Sequence[Statement]) -> None:
        self.path = path
        self.folder = posixpath.dirname(path)
        self.statements = statements
        self._exact: dict[str, list[int]] = {}
        self._open: list[tuple[str, int]] = []
        for index, one in enumerate(statements):
            head, dollar, _ = one.name.partition("$")
            if dollar and head:
                self._open.append((head, index))
            else:
                self._exact.setdefault(one.name, []).append(index)

    def defining(self, name: str, limit: int) -> list[int]:
        """The statements before `limit` that may give a variable its value, in order."""
        found = [index for head, index in self._open if index < limit and name.startswith(head)]
        return sorted([*(index for index in self._exact.get(name, ()) if index < limit), *found])

    def options(self, index: int) -> tuple[str, ...]:
        """Every option that a statement hangs on: by itself, by its conditionals, by the variables in them."""
        found: dict[str, None] = {}
        seen: set[int] = set()
        waiting = [index]
        while waiting:
            one = self.statements[waiting.pop()]
            for text in (one.name, one.value, *(guard.reference for guard in one.guards)):
                found.update(dict.fromkeys(OPTION.findall(text)))
                for name in _REFERENCE.findall(text):
                    fresh = set(self.defining(name, index)) - seen
                    seen |= fresh
                    waiting += fresh
        return tuple(found)


class Run:
    """What the statements of a scope say for given values of options: y, m, or empty for n."""

    def __init__(self, scope: Scope, values: Mapping[str, str], limit: int) -> None:
        self._scope = scope
        self._values = values
        self._limit = limit
        self._known: dict[str, str] = {}
        self._depth = 0

    def text(self, text: str) -> str:
        """The value of a text; UNKNOWN stands in it for what another file, the environment or a command decides."""
        return expand(text, self._look) if "$" in text else text

    def counts(self, guards: Sequence[Guard]) -> bool:
        """Whether no conditional rules a statement out; one that cannot be decided does not."""
        return all(self._truth(guard) in {None, guard.wanted} for guard in guards)

    def _truth(self, guard: Guard) -> bool | None:
        left, right = self.text(guard.left).strip(), self.text(guard.right).strip()
        if guard.word in {"ifdef", "ifndef"}:
            left, right = self._look(left), ""
        equal: bool | None = left == right
        if UNKNOWN in left + right:
            filled = "" in {left, right} and (left + right).replace(UNKNOWN, "").strip()
            equal = False if filled else None
        return equal if equal is None else equal == (guard.word in {"ifeq", "ifndef"})

    def _look(self, name: str) -> str:
        if name.startswith("CONFIG_"):
            return self._values.get(name.removeprefix("CONFIG_"), UNKNOWN)
        if name in {"obj", "src"}:
            return self._scope.folder
        if name in {"srctree", "objtree"}:
            return "."
        if name not in self._known:
            self._known[name] = ""  # what refers to itself adds nothing to itself
            self._depth += 1
            self._known[name] = UNKNOWN if self._depth > CHAINED else self._value(name)
            self._depth -= 1
        return self._known[name]

    def _value(self, name: str) -> str:
        found: str | None = None
        defining = self._scope.defining(name, self._limit)
        for one in (self._scope.statements[index] for index in defining):
            if not self.counts(one.guards) or self.text(one.name) != name:
                continue
            value = UNKNOWN if one.sign == "!=" else self.text(one.value)
            if one.sign == "+=":
                found = f"{found or ''} {value}"
            elif one.sign != "?=" or found is None:
                found = value
        return found if found is not None else "" if defining else UNKNOWN


def spliced(path: str, parsed: Mapping[str, tuple[Statement, ...]]) -> Scope:
    """A file's statements with those of the files that it includes in their place, as far as their names are known."""
    found: list[Statement] = []
    _splice(path, parsed, (), [path], found)
    return Scope(path, found)


def _splice(
    path: str, parsed: Mapping[str, tuple[Statement, ...]], guards: tuple[Guard, ...], trail: list[str],
    found: list[Statement],
) -> None:  # fmt: skip
    for one in parsed[path]:
        own = replace(one, guards=guards + one.guards) if guards else one
        if one.sign != "include":
            found.append(own)
            continue
        named = Run(Scope(trail[0], found), {}, len(found)).text(one.value).split()
        for inner in map(posixpath.normpath, named):
            if inner in parsed and inner not in trail:
                _splice(inner, parsed, own.guards, [*trail, inner], found)
