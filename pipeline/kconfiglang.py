"""One Kconfig file's text as statements with their line numbers, as scripts/kconfig reads them (6.1 to 7.3).

Pure. Never follows a `source`, never expands a macro; what no kernel's conf would read becomes a statement `unknown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.exprtree import is_string, macro_end, quote_end, unquoted

if TYPE_CHECKING:
    from collections.abc import Callable

CACHED_FILES = 8192  # of five x86 trees; each keeps its text and statements
TYPES = frozenset({"bool", "tristate", "string", "hex", "int"})
_TYPED_DEFAULTS = {"def_bool": "bool", "def_tristate": "tristate"}
_FLAGS = frozenset({"modules", "transitional", "optional"})
_ENDS = frozenset({"endif", "endmenu", "endchoice"})
# parser.y of 6.1 and 7.3 together: 6.1 takes a type and `optional` in a choice, 7.3 takes `transitional`
_CONFIG = TYPES | {*_TYPED_DEFAULTS, "prompt", "default", "depends", "select", "imply", "range", "help", "option"}
ATTRIBUTES = {
    "config": _CONFIG | {"modules", "transitional"},
    "menuconfig": _CONFIG | {"modules", "transitional"},
    "choice": frozenset({"bool", "tristate", "prompt", "default", "depends", "help", "optional"}),
    "menu": frozenset({"visible", "depends"}),
    "comment": frozenset({"depends"}),
}
_STATEMENTS = frozenset({*ATTRIBUTES, *_ENDS, "if", "source", "mainmenu"})
_WORDS = _STATEMENTS.union(*ATTRIBUTES.values())
_LINE = re.compile(r"[ \t]*([A-Za-z0-9_-]+)[ \t]*(.*)")
_ASSIGNED = re.compile(r"(?::|\+)?=")
_SPECIAL = re.compile(r"""["'#]|\$\(""")
_IF = re.compile(r"(?<![A-Za-z0-9_-])if(?![A-Za-z0-9_-])")
_SPACES = re.compile(r"[ \t]+")
_ON = re.compile(r"on(?![A-Za-z0-9_-])[ \t]*(.*)")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PROMPT = re.compile(r'"([^"\\$]*)"')


@dataclass(frozen=True, slots=True)
class Attribute:
    """A line of an entry: what it says (`depends`, `default`, `type` ...), of what, and behind which `if`.

    `text` is a prompt without quotes, an expression, a symbol or two; None for a type without prompt.
    `kind` is a type's name, also for def_bool and def_tristate, which are `default`.
    """

    line: int
    word: str
    text: str | None = None
    condition: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """An entry or the bound of a block: its keyword, or `assign`, `macro`, `unknown`; what follows; its attributes."""

    line: int
    word: str
    text: str
    attributes: tuple[Attribute, ...] = ()


@lru_cache(maxsize=CACHED_FILES)
def statements(text: str) -> tuple[Statement, ...]:
    """The statements of a file in order, lines counted from 1. Raises nothing; the result is kept by text."""
    return _Reader(text).statements()


@dataclass(slots=True)
class _Open:
    line: int
    word: str
    text: str
    attributes: list[Attribute] = field(default_factory=list)


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.at = 0  # of the line to read next, from 0
        self.made: list[_Open] = []
        self.allowed: frozenset[str] = frozenset()  # the attributes of the entry that is open
        self.entry = _Open(0, "", "")

    def statements(self) -> tuple[Statement, ...]:
        while self.at < len(self.lines):
            number, line = self.at + 1, self.lines[self.at]
            self.at += 1
            match = _LINE.match(line)
            if match is None:
                self._wordless(number, line.strip())
                continue
            word, rest = match[1], match[2]
            if word not in _WORDS:
                self._foreign(number, line.strip(), rest)
                continue
            if rest.endswith("\\"):
                rest = self._continued(rest)
            attribute = _attribute(number, word, rest) if word in self.allowed and word != "help" else None
            if attribute:
                self.entry.attributes.append(attribute)
            elif word == "help" and word in self.allowed:
                self._skip_help()
            else:
                self._statement(number, word, rest)
        return tuple(Statement(one.line, one.word, one.text, tuple(one.attributes)) for one in self.made)

    def _wordless(self, number: int, line: str) -> None:
        if line and not line.startswith("#"):
            self.made.append(_Open(number, "macro" if line.startswith("$(") else "unknown", line))

    def _foreign(self, number: int, line: str, rest: str) -> None:
        self.made.append(_Open(number, "assign" if _ASSIGNED.match(rest) else "unknown", line))

    def _continued(self, rest: str) -> str:
        """A line and those that follow it behind a backslash; in a comment that is a character like another."""
        parts = [rest]
        while parts[-1].endswith("\\") and len(_masked(parts[-1])) == len(parts[-1]) and self.at < len(self.lines):
            parts[-1] = parts[-1][:-1].rstrip()
            parts.append(self.lines[self.at].lstrip())
            self.at += 1
        return " ".join(parts)

    def _skip_help(self) -> None:
        """Passes over the lines of a help text (HELP in lexer.l)."""
        first = indent = 0
        after_help = True  # that line is of the text even when it is not indented
        while self.at < len(self.lines):
            line = self.lines[self.at]
            text = line.lstrip(" \t")
            if text:
                if len(text) < len(line):
                    indent = len(line[: -len(text)].expandtabs(8))
                    if first and indent < first:
                        return
                elif not after_help:
                    return
                first = first or indent
            after_help = False
            self.at += 1

    def _statement(self, number: int, word: str, rest: str) -> None:
        main, condition = _split(rest)
        text = _HEADS[word](main) if word in _STATEMENTS and not condition else None
        if text is None:
            if word in _STATEMENTS:  # the lines below belong to it, and not to the entry above
                self.allowed = frozenset()
            self.made.append(_Open(number, "unknown", f"{word} {rest}".rstrip()))
            return
        self.entry = _Open(number, word, text)
        self.made.append(self.entry)
        self.allowed = ATTRIBUTES.get(word, frozenset())


def _attribute(number: int, word: str, rest: str) -> Attribute | None:
    """The attribute that a line is; None when parser.y would refuse it, and for help."""
    main, condition = _split(rest)
    if word in TYPES:
        text = _string(main) if main else None
        return Attribute(number, "type", text, condition, word) if text is not None or not (main or condition) else None
    if word == "visible":
        return None if main or not condition else Attribute(number, word, condition)
    if word in _TYPED_DEFAULTS:
        return Attribute(number, "default", main, condition, _TYPED_DEFAULTS[word]) if main else None
    text = _TEXTS[word](main)
    return None if text is None else Attribute(number, word, text, condition)


def _string(text: str) -> str | None:
    if match := _PROMPT.fullmatch(text):  # nearly all
        return match[1]
    return unquoted(text) if is_string(text) else None


def _name(text: str) -> str | None:
    return text if _NAME.fullmatch(text) else None


def _some(text: str) -> str | None:
    return text or None


def _nothing(text: str) -> str | None:
    return None if text else text


def _maybe_name(text: str) -> str | None:
    return text if not text or _NAME.fullmatch(text) else None


def _on(text: str) -> str | None:
    match = _ON.match(text)
    return match[1] or None if match else None


_TEXTS: dict[str, Callable[[str], str | None]] = {
    "prompt": _string, "default": _some, "depends": _on, "select": _name, "imply": _name, "range": _some,
    "option": _some, **dict.fromkeys(_FLAGS, _nothing),
}  # fmt: skip
_HEADS: dict[str, Callable[[str], str | None]] = {
    "config": _name, "menuconfig": _name, "choice": _maybe_name, "menu": _string, "comment": _string, "if": _some,
    "source": _string, "mainmenu": _string, **dict.fromkeys(_ENDS, _nothing),
}  # fmt: skip


def _split(text: str) -> tuple[str, str]:
    """What stands before and behind `if`, without comment and with single spaces outside strings and macros."""
    plain = not _SPECIAL.search(text)
    masked = text if plain else _masked(text)
    match = _IF.search(masked)
    main, condition = text[: match.start() if match else len(masked)], text[match.end() : len(masked)] if match else ""
    if plain and ("\t" in text or "  " in text):
        return _SPACES.sub(" ", main).strip(), _SPACES.sub(" ", condition).strip()
    return main.strip(), condition.strip()


def _masked(text: str) -> str:
    """A line up to its comment, with every character of strings and macros as NUL, at its old index."""
    parts, at = [], 0
    while match := _SPECIAL.search(text, at):
        parts.append(text[at : match.start()])
        at = match.start()
        if match[0] == "#":
            return "".join(parts)
        end = macro_end(text, at) if match[0] == "$(" else quote_end(text, at)
        parts.append("\0" * (end - at))
        at = end
    return "".join((*parts, text[at:]))
