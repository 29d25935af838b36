"""YAML text -> plain data, the line of every key and value, and everything that is wrong with the text.

Never constructs a Python object, never follows an alias, never opens a file, and never raises for any input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from pipeline.yamlscan import SHOWN, Problem, Stop, decode, line_of, scan, short

if TYPE_CHECKING:
    from collections.abc import Mapping

Where = tuple[str | int, ...]

_RESOLVER = cast("Any", Resolver())
_EMPTY = Problem(line=1, message="the file is empty")
_PLAIN_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
# An escape such as "\0" or "\n" reaches a path or a terminal as surely as the raw byte would.
_NOT_VALUE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unquoted:
    """A plain scalar that YAML reads as something other than what was typed, such as 6.10."""

    text: str
    reading: str

    @property
    def advice(self) -> str:
        """What to tell a person who meant the text."""
        return f"{self.text} is read by YAML as {self.reading}: quote it: '{self.text}'"


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands where a value was refused; its problem is already in the document's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was read; `whole` is False where the text could not be parsed to its end."""

    data: Any
    problems: tuple[Problem, ...]
    whole: bool = True
    lines: Mapping[Where, int] = field(default_factory=dict)
    key_lines: Mapping[Where, int] = field(default_factory=dict)

    def line(self, where: Where) -> int:
        """Return the line on which the value at a path begins, or that of its nearest known parent."""
        parents = (where[:end] for end in range(len(where), -1, -1))
        return next((self.lines[parent] for parent in parents if parent in self.lines), 1)

    def key_line(self, where: Where) -> int:
        """Return the line of the key at a path; for an item of a list, the line of the item."""
        return self.key_lines.get(where) or self.line(where)


def read(text: bytes) -> Document:
    """Return what a YAML text holds, as dicts, lists, str, int, bool, None, Unquoted and Refused.

    Takes the bytes of a file. Raises nothing: whatever is wrong is in `problems`.
    """
    plain = decode(text)
    if isinstance(plain, Problem):
        return Document(data=None, problems=(plain,), whole=False)
    problems: list[Problem] = []
    events: list[Any] = []
    for item in scan(plain):
        if isinstance(item, Stop):
            return Document(data=None, problems=(*problems, item.problem), whole=False)
        (problems if isinstance(item, Problem) else events).append(item)
    builder = _Builder(events, problems)
    data = builder.value(()) if events else None
    if data is None:
        return Document(data=None, problems=(*problems, _EMPTY), whole=False)
    return Document(
        data=data,
        problems=tuple(problems),
        lines=builder.lines,
        key_lines=builder.key_lines,
    )


def typed(value: object) -> Unquoted:
    """Return the marker for an int or a bool that stands where text was meant."""
    if isinstance(value, bool):
        return Unquoted(text=str(value).lower(), reading="a boolean")
    return Unquoted(text=str(value), reading="a number")


class _Builder:
    """Turns scanned events into data; it recurses, and `scan` has bounded how deep."""

    def __init__(self, events: list[Any], problems: list[Problem]) -> None:
        self._events = iter(events)
        self._problems = problems
        self.lines: dict[Where, int] = {}
        self.key_lines: dict[Where, int] = {}

    def value(self, where: Where | None) -> object:
        """Return the value that begins with the next event; a `where` of None leaves no trace of it."""
        return self._value(next(self._events), where)

    def _value(self, event: Any, where: Where | None) -> object:
        if where is not None:
            self.lines[where] = line_of(event)
        built: object = Refused()
        if isinstance(event, ScalarEvent):
            built = self._scalar(event)
        elif isinstance(event, SequenceStartEvent):
            built = self._sequence(where)
        elif isinstance(event, MappingStartEvent):
            built = self._mapping(where)
        return Refused() if getattr(event, "tag", None) is not None else built

    def _sequence(self, where: Where | None) -> list[object]:
        built: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            built.append(self._value(event, None if where is None else (*where, len(built))))
        return built

    def _mapping(self, where: Where | None) -> dict[str, object]:
        built: dict[str, object] = {}
        seen: dict[str, int] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._new_key(event, seen)
            inner = None if where is None or key is None else (*where, key)
            if inner is not None:
                self.key_lines[inner] = line_of(event)
            value = self.value(inner)
            if key is not None:
                built[key] = value
        return built

    def _new_key(self, event: Any, seen: dict[str, int]) -> str | None:
        """Return a key that this mapping does not have yet, or None where that was reported."""
        key = self._key(event)
        if key in seen:
            self._add(event, f"key '{short(str(key))}' is given twice: first on line {seen[str(key)]}")
            return None
        if key is not None:
            seen[key] = line_of(event)
        return key

    def _key(self, event: Any) -> str | None:
        """Return a key's text, or None for one that cannot be a key, which is reported here."""
        if isinstance(event, AliasEvent):
            return None
        if not isinstance(event, ScalarEvent):
            self._value(event, None)
            self._add(event, "a key must be one word, not a list or a mapping")
            return None
        if _tag(event).endswith(":merge"):
            self._add(event, "merge keys (<<) are not supported: write it out")
            return None
        value = self._scalar(event)
        if value is None:
            self._add(event, "a key is empty")
            return None
        if not isinstance(value, (str, Refused)):
            self._add(event, (value if isinstance(value, Unquoted) else typed(value)).advice)
        return str(event.value)

    def _scalar(self, event: Any) -> object:
        """Return a scalar's value as YAML 1.1 has it, except where that would surprise."""
        text = str(event.value)
        if found := _NOT_VALUE.search(text):
            self._add(event, f"a line break or control character (U+{ord(found[0]):04X}) inside a value")
            return Refused()
        value = _resolved(text, _tag(event))
        if isinstance(value, Refused):
            advice = f"quote it: '{text}' (or write true or false)"
            self._add(event, f"{text} is read by YAML as a boolean: {advice}")
        return value

    def _add(self, event: Any, message: str) -> None:
        self._problems.append(Problem(line=line_of(event), message=message))


def _tag(event: Any) -> str:
    """Return the tag that YAML 1.1 gives to a scalar, by its looks alone."""
    return str(_RESOLVER.resolve(ScalarNode, event.value, event.implicit))


def _resolved(text: str, tag: str) -> object:
    kind = tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true" if text.lower() in {"true", "false"} else Refused()
    if kind == "int" and _PLAIN_INT.fullmatch(text):
        return int(text)
    if kind in {"int", "float", "timestamp"}:
        return Unquoted(text=short(text), reading=_reading(text, kind))
    return text


def _reading(text: str, kind: str) -> str:
    """Return what YAML makes of a number or a date, in words."""
    if kind == "timestamp":
        return "a date"
    if len(text) > SHOWN:  # base-60 digits without end would be a long computation
        return "a number"
    constructor = cast("Any", SafeConstructor())
    node = ScalarNode(f"tag:yaml.org,2002:{kind}", text)
    try:
        return f"the number {getattr(constructor, f'construct_yaml_{kind}')(node)}"
    except (ValueError, OverflowError):
        return "a number"
