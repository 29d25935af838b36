"""Reads Makefiles and Kbuild files as statements: assignments and includes, with the conditionals around them.

Pure: text in, values out. Never looks at rules, their recipes or the bodies of `define`, and runs nothing.

The language: GNU make's manual, "Conditionals", "How to Use Variables", "Including Other Makefiles"; lines that begin
with a tab are recipes only while a rule is open, so that an indented assignment in a conditional is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.errors import UserError
from pipeline.makevalues import closing, split

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"(?:[^\s:=+?#$()]|\$\w|\$\{[^}]*\}|\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+"
_ASSIGNED = re.compile(rf"(?:(?:export|override|private)\s+)*({_NAME})\s*(\+=|:{{0,3}}=|\?=|!=)\s*(.*)", re.DOTALL)
_WORDS = r"(ifn?eq|ifn?def|else|endif|define|endef|-?include|sinclude)"
_DIRECTIVE = re.compile(rf"{_WORDS}(?![\w-])\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One conditional around a statement; `wanted` is False in its else branch."""

    word: str
    left: str
    right: str
    wanted: bool
    origin: str

    @property
    def text(self) -> str:
        """The conditional as a person writes it."""
        return f"{self.word} {self.left}" if self.word.endswith("def") else f"{self.word} ({self.left},{self.right})"

    @property
    def reference(self) -> str:
        """Its sides, with the name that `ifdef` asks for as a reference."""
        return f"$({self.left})" if self.word.endswith("def") else f"{self.left} {self.right}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An assignment (`sign` is its operator) or an `include`, with every conditional that is open around it."""

    path: str
    line: int
    text: str
    name: str
    sign: str
    value: str
    guards: tuple[Guard, ...]


def parse(path: str, text: str) -> tuple[Statement, ...]:
    """The statements of one file; rules, recipes and bodies of `define` are left out.

    Raises UserError for conditionals that do not pair.
    """
    found: list[Statement] = []
    stack: list[list[Guard]] = []
    defines, rule = 0, False
    for number, line in _logical(text):
        if line[0] == "\t" and rule and not defines:
            continue  # a recipe: make reads such a line as one only while a rule is open
        words = line.strip()
        match = _DIRECTIVE.match(words)
        word, rest = (match[1], match[2].strip()) if match else ("", "")
        if defines or word == "define":
            defines += {"define": 1, "endef": -1}.get(word, 0)
        elif word in {"ifeq", "ifneq", "ifdef", "ifndef"}:
            stack.append([_guard(word, rest, f"{path}:{number}")])
        elif word in {"else", "endif"}:
            _turn(stack, word, rest, f"{path}:{number}")
        elif assigned := _ASSIGNED.fullmatch(words):
            rule, guards = False, tuple(guard for chain in stack for guard in chain)
            name, sign, value = assigned.groups()
            found.append(Statement(
                path=path, line=number, text=words, name=name, sign=sign, value=value, guards=guards,
            ))  # fmt: skip
        elif word:
            guards = tuple(guard for chain in stack for guard in chain)
            found.append(Statement(
                path=path, line=number, text=words, name="", sign="include", value=rest, guards=guards,
            ))  # fmt: skip
        else:
            rule = ":" in words
    if stack:
        raise _unpaired(stack[-1][0].origin, f"{stack[-1][0].word} without endif")
    return tuple(found)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their number, continuations joined by one space, without comments; no empty ones."""
    lines = iter(enumerate(text.split("\n"), 1))
    for number, first in lines:
        line = first
        while line.endswith("\\"):
            line = line[:-1].rstrip() + " " + next(lines, (0, ""))[1].strip()
        if "#" in line:
            line = _uncommented(line)
        if line.strip():
            yield number, line.rstrip()


def _uncommented(line: str) -> str:
    depth = 0
    for at, character in enumerate(line):
        depth += (character in "({") - (character in ")}")
        if character == "#" and depth <= 0 and line[at - 1 : at] != "\\":
            return line[:at]
    return line


def _guard(word: str, rest: str, origin: str) -> Guard:
    if word in {"ifdef", "ifndef"}:
        left, right = rest, ""
    elif rest.startswith("("):
        left, *others = split(rest[1 : closing(rest, 0)])
        right = ",".join(others)
    else:
        left, right = [*(text for _, text in re.findall(r"""(["'])(.*?)\1""", rest)), "", ""][:2]
    return Guard(word=word, left=left.strip(), right=right.strip(), wanted=True, origin=origin)


def _turn(stack: list[list[Guard]], word: str, rest: str, where: str) -> None:
    if not stack:
        raise _unpaired(where, f"{word} without if")
    if word == "endif":
        stack.pop()
        return
    last = stack[-1].pop()
    stack[-1].append(replace(last, wanted=False))
    match = _DIRECTIVE.match(rest)
    if match and match[1].startswith("if"):
        stack[-1].append(_guard(match[1], match[2].strip(), where))


def _unpaired(where: str, what: str) -> UserError:
    hint = "make refuses this file too: mend it, or leave it out"
    return UserError(f"{where}: {what}", details="the conditionals of this file do not pair", hint=hint)
