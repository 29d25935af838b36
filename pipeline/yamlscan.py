"""The text of a YAML file -> its parser's events, after everything that could hurt was refused.

Never builds a value and never recurses: the limits hold before anything that could be made to run away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 20_000
SHOWN = 60  # characters of the input that a message quotes at most

# Line breaks that editors do not count would shift every line number after them.
_NOT_TEXT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]|\r(?!\n)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a text, and the line (from 1) it is on."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A problem after which nothing more can be read."""

    problem: Problem


def decode(text: bytes) -> str | Problem:
    """Return a file's bytes as text, or why they are too many, not UTF-8 or not text; raises nothing."""
    if len(text) > MAX_BYTES:
        return Problem(line=1, message=f"the file is larger than {MAX_BYTES // 1024} KiB")
    if b"\0" in text:
        return Problem(line=_line_at(text, text.index(b"\0")), message="a NUL byte: this is not a text file")
    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte 0x{text[error.start]:02x} is not UTF-8: save the file as UTF-8"
        return Problem(line=_line_at(text, error.start), message=message)
    if found := _NOT_TEXT.search(plain):
        message = f"control character U+{ord(found[0]):04X}: this is not a text file"
        return Problem(line=plain.count("\n", 0, found.start()) + 1, message=message)
    return plain


def _line_at(text: bytes, offset: int) -> int:
    return text.count(b"\n", 0, offset) + 1


def scan(text: str) -> Iterator[Any]:
    """Yield the node events of the first document, a Problem before each refused one, at worst a Stop.

    Takes decoded text. Raises nothing: a syntax error or a broken limit is the Stop, and the last item.
    """
    depth = nodes = 0
    line = 1
    try:
        for event in _first_document(text):
            if isinstance(event, Problem):
                yield event
                return
            line = line_of(event)
            nodes += isinstance(event, NodeEvent)
            depth += isinstance(event, (MappingStartEvent, SequenceStartEvent))
            depth -= isinstance(event, (MappingEndEvent, SequenceEndEvent))
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                limit = f"{MAX_DEPTH} levels of nesting" if depth > MAX_DEPTH else f"{MAX_NODES} values"
                yield Stop(Problem(line=line, message=f"more than {limit}: refused"))
                return
            if isinstance(event, NodeEvent):
                yield from _refusals(event)
            yield event
    # PyYAML lets chr() and int() raise for escapes and directives that are out of range.
    except (ValueError, OverflowError):
        message = "this is not YAML: here or further down, a number in an escape or directive is too large"
        yield Stop(Problem(line=line, message=message))
    except yaml.YAMLError as error:
        yield Stop(_syntax(error))


def _first_document(text: str) -> Iterator[Any]:
    """Yield the events that matter, and a Problem at the end where another document follows."""
    documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        documents += isinstance(event, DocumentStartEvent)
        if documents > 1:
            yield Problem(line=line_of(event), message="a second document: only one is allowed in a file")
            return
        if isinstance(event, (NodeEvent, MappingEndEvent, SequenceEndEvent)):
            yield event


def line_of(event: Any) -> int:
    """Return the line, from 1, on which a PyYAML event begins."""
    return int(event.start_mark.line) + 1


def _refusals(event: Any) -> Iterator[Problem]:
    """Yield what is refused about a node by itself: aliases, anchors and tags."""
    if event.anchor is not None:
        sign = "*" if isinstance(event, AliasEvent) else "&"
        message = f"{sign}{short(event.anchor)}: aliases are not supported: write it out"
        yield Problem(line=line_of(event), message=message)
    tag = getattr(event, "tag", None)
    if tag is not None:
        written = short(tag.replace("tag:yaml.org,2002:", "!!"))
        yield Problem(line=line_of(event), message=f"the tag {written} is not supported: leave it out")


def _syntax(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    parts = (getattr(error, "context", None), getattr(error, "problem", None) or str(error))
    words = ": ".join(short(part, 200) for part in parts if part)
    return Problem(line=mark.line + 1 if mark else 1, message=f"this is not YAML: {words}")


def short(text: str, limit: int = SHOWN) -> str:
    """Return text cut to a length and safe to print on one line."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text[:limit])
    return plain + ("..." if len(text) > limit else "")
