"""Works out the value of a text of make's language: references, and the functions that kernel files use.

Pure: a function of its arguments. Never runs `shell`, `call` or `eval`; what only make can know is marked as unknown.

The functions are those of GNU make's manual, "Functions for Transforming Text".
"""

from __future__ import annotations

import posixpath
import re
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UNKNOWN = "$(?)"
NESTED = 20
SIZE_LIMIT = 2**16
OPAQUE = frozenset({
    "call", "shell", "wildcard", "eval", "value", "origin", "flavor", "error", "warning", "info", "word", "words",
    "wordlist", "firstword", "lastword", "realpath", "abspath", "file", "guile", "let", "intcmp", "join", "suffix",
})  # fmt: skip
_FUNCTION = re.compile(r"([a-z-]+)[ \t]+(.*)", re.DOTALL)


def closing(text: str, start: int) -> int:
    """The index of the bracket that closes the one at `start`; the end of the text when none does."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "({") - (text[at] in ")}")
        if depth == 0:
            return at
    return len(text)


def split(text: str) -> list[str]:
    """The arguments of a call: parted at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "({") - (character in ")}")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def expand(text: str, look: Callable[[str], str]) -> str:
    """The text with its references and functions replaced; `look` gives a variable's value, UNKNOWN marks the rest."""
    parts, at = [], 0
    while (start := text.find("$", at)) >= 0:
        parts.append(text[at:start])
        if text[start + 1 : start + 2] in {"(", "{"}:
            end = closing(text, start + 1)
            parts.append(_evaluated(text[start + 2 : end], look))
            at = end + 1
        else:
            parts.append("$" if text[start + 1 : start + 2] == "$" else UNKNOWN)
            at = start + 2
    found = "".join([*parts, text[at:]])
    return found if len(found) <= SIZE_LIMIT else UNKNOWN


def _evaluated(inner: str, look: Callable[[str], str]) -> str:
    match = _FUNCTION.match(inner)
    if (match and match[1] in OPAQUE) or _deep(inner):
        return UNKNOWN
    if match and match[1] == "foreach":
        return _each([*split(match[2]), "", "", ""][:3], look)
    if match and match[1] in FUNCTIONS:
        return FUNCTIONS[match[1]]([expand(part, look) for part in split(match[2])])
    name, colon, change = expand(inner, look).partition(":")
    if not colon:
        return look(name)
    old, _, new = change.partition("=")
    return _patsubst([old, new, look(name)] if "%" in old else [f"%{old}", f"%{new}", look(name)])


def _deep(text: str) -> bool:
    depth = 0
    for character in text if text.count("(") + text.count("{") > NESTED else "":
        depth += (character in "({") - (character in ")}")
        if depth > NESTED:
            return True
    return False


def _each(parts: Sequence[str], look: Callable[[str], str]) -> str:
    name, words, body = parts
    return " ".join(expand(body, partial(_bound, {name.strip(): word}, look)) for word in expand(words, look).split())


def _bound(names: Mapping[str, str], look: Callable[[str], str], asked: str) -> str:
    return names[asked] if asked in names else look(asked)


def _matched(pattern: str, word: str) -> str | None:
    """What `%` stands for when a word matches a pattern; the word itself for a pattern without `%`."""
    head, percent, tail = pattern.partition("%")
    if not percent:
        return word if word == pattern else None
    fits = word.startswith(head) and word.endswith(tail) and len(word) >= len(head) + len(tail)
    return word[len(head) : len(word) - len(tail)] if fits else None


def _patsubst(parts: Sequence[str]) -> str:
    old, new, text = [*parts, "", ""][:3]
    stems = [(word, _matched(old.strip(), word)) for word in text.split()]
    return " ".join(word if stem is None else new.strip().replace("%", stem, 1) for word, stem in stems)


def _filtered(parts: Sequence[str], *, kept: bool) -> str:
    patterns, text = parts[0].split(), ",".join(parts[1:])
    if UNKNOWN in parts[0]:
        return UNKNOWN if text.strip() else ""
    return " ".join(
        word for word in text.split()
        if UNKNOWN in word or any(_matched(pattern, word) is not None for pattern in patterns) == kept
    )  # fmt: skip


def _chosen(parts: Sequence[str]) -> str:
    condition, yes, no = [*parts, "", ""][:3]
    if UNKNOWN in condition and yes != no:
        return UNKNOWN
    return yes if condition.strip() else no


FUNCTIONS: Mapping[str, Callable[[list[str]], str]] = {
    "subst": lambda parts: ",".join(parts[2:]).replace(parts[0], parts[1]) if parts[0] else ",".join(parts[2:]),
    "patsubst": _patsubst,
    "filter": lambda parts: _filtered(parts, kept=True),
    "filter-out": lambda parts: _filtered(parts, kept=False),
    "findstring": lambda parts: UNKNOWN if UNKNOWN in parts[-1] else parts[0] if parts[0] in parts[-1] else "",
    "if": _chosen,
    "or": lambda parts: next((part.strip() for part in parts if part.strip()), ""),
    "and": lambda parts: parts[-1].strip() if all(part.strip() for part in parts) else "",
    "strip": lambda parts: " ".join(parts[0].split()),
    "sort": lambda parts: " ".join(sorted(set(parts[0].split()))),
    "addprefix": lambda parts: " ".join(parts[0].strip() + word for word in ",".join(parts[1:]).split()),
    "addsuffix": lambda parts: " ".join(word + parts[0].strip() for word in ",".join(parts[1:]).split()),
    "notdir": lambda parts: " ".join(posixpath.basename(word) for word in parts[0].split()),
    "dir": lambda parts: " ".join(f"{posixpath.dirname(word) or '.'}/" for word in parts[0].split()),
    "basename": lambda parts: " ".join(posixpath.splitext(word)[0] for word in parts[0].split()),
}
