"""What JSON Schema finds wrong with matrix.yaml -> a person's words, each with its line.

Never reads matrix.yaml itself, and never looks beyond its types, keys and patterns.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator

from pipeline.yamlscan import Problem, short
from pipeline.yamltext import Refused, Unquoted, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pipeline.yamltext import Document, Where

SCHEMA = Path(__file__).with_name("matrix.schema.json")

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "array": "a list",
    "object": "a mapping (key: value)",
}
_LISTED = 40  # names that a message lists at most
_COMPARED = 500  # names, and characters of a name, that are compared at most: difflib is slow


def problems(document: Document, schema: Path = SCHEMA) -> Iterator[Problem]:
    """Yield what a schema finds wrong with a document, in words; raises nothing."""
    for error in cast("Iterator[Any]", _validator(schema).iter_errors(document.data)):
        # A refused value has its problem already, and any other would only follow from it.
        if not isinstance(error.instance, Refused):
            yield from _translated(error, document)


@cache
def _validator(schema: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema.read_text("utf-8")))


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return `; did you mean 'x'?` for the known name that is nearest to a word, or nothing."""
    near = difflib.get_close_matches(word[:_COMPARED], sorted(known)[:_COMPARED], n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def listed(known: Collection[str]) -> str:
    """Return known names as one line of text, in the order given."""
    names = list(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more


def quoted(value: object) -> str:
    """Return a value of the file as a message shows it: on one line, short, text in quotes."""
    if isinstance(value, str):
        return f"'{short(value)}'"
    if isinstance(value, Unquoted):
        return value.text
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else typed(value).text


def _translated(error: Any, document: Document) -> Iterator[Problem]:
    where: Where = tuple(error.absolute_path)
    kind = str(error.validator)
    if kind == "additionalProperties":
        for key in sorted(set(error.instance) - set(error.schema["properties"])):
            yield Problem(line=document.key_line((*where, key)), message=_unknown_key(key, error.schema))
    elif kind == "required":
        for key in sorted(set(error.validator_value) - set(error.instance)):
            about = error.schema["properties"][key]["description"]
            message = f"{_label(where)}: missing key '{key}': {about}"
            yield Problem(line=document.key_line(where), message=message)
    elif "propertyNames" in error.absolute_schema_path:
        line = document.key_line((*where, error.instance))
        yield Problem(line=line, message=f"{_label(where)}: {_message(error)}")
    else:
        line = document.line(where) if kind in _OF_VALUES else document.key_line(where)
        yield Problem(line=line, message=f"{_label(where)}: {_message(error)}")


def _label(where: Where) -> str:
    """Return what an editor would show as the place: `machines.hyperv.memory`, `cells[0].policies[1]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{short(part)}" for part in where)
    return "".join(parts).removeprefix(".") or "the file"


def _unknown_key(key: str, schema: Any) -> str:
    known = schema["properties"]
    return f"unknown key '{short(key)}'{did_you_mean(key, known) or f'; known: {listed(sorted(known))}'}"


def _message(error: Any) -> str:
    write = _WORDS.get(str(error.validator))
    return write(error) if write else short(error.message, 200)


def _type(error: Any) -> str:
    value, wanted = error.instance, error.validator_value
    several = [wanted] if isinstance(wanted, str) else wanted
    if "string" in several and isinstance(value, Unquoted):
        return value.advice
    if "string" in several and isinstance(value, int):
        return typed(value).advice
    words = " or ".join(_TYPES[one] for one in several)
    return f"is empty: expected {words}" if value is None else f"expected {words}, not {quoted(value)}"


def _pattern(error: Any) -> str:
    value, schema = str(error.instance), error.schema
    article = "an" if schema["title"][0] in "aeiou" else "a"
    not_it = f"{quoted(value)} is not {article} {schema['title']}"
    if ".." in value or value.startswith("/") or ("/" in value and "/" not in error.validator_value):
        return f"{not_it}: path traversal is refused ('/' and '..'), because names become folders"
    if value.startswith("CONFIG_"):
        return f"{not_it}: leave out the prefix CONFIG_: write '{short(value.removeprefix('CONFIG_'))}'"
    return f"{not_it}: {schema['description']}"


def _choice(error: Any) -> str:
    value, known = error.instance, error.validator_value
    return f"{'is empty' if value is None else f'unknown value {quoted(value)}'}{_nearest(value, known)}"


def _flag(error: Any) -> str:
    value = error.instance
    known = [*error.validator_value[0]["enum"], "vendor-id=TEXT", "spinlocks=NUMBER"]
    if isinstance(value, str) and value.startswith(("hv-", "hv_")):
        return f"{quoted(value)}: leave out the prefix hv-: write '{short(value[3:])}'"
    return f"unknown flag {quoted(value)}{_nearest(value, known)}"


def _nearest(value: object, known: Collection[str]) -> str:
    near = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"{near or ';'} known: {listed(known)}"


def _fewest_keys(error: Any) -> str:
    if not error.instance and "properties" not in error.schema:
        return "is empty: at least one is needed"
    about = str(error.schema["description"])
    return f"give {about[0].lower()}{about[1:]}"


def _at_least(error: Any) -> str:
    return f"must be {error.validator_value} or more, not {quoted(error.instance)}"


def _at_most(error: Any) -> str:
    return f"must be {error.validator_value} or less, not {quoted(error.instance)}"


def _most(error: Any) -> str:
    if error.validator == "maxProperties" and "properties" in error.schema:
        return _fewest_keys(error)
    return f"has {len(error.instance)} entries: {error.validator_value} are allowed"


_OF_VALUES = {"type", "pattern", "enum", "const", "anyOf", "minimum", "maximum", "minLength", "maxLength"}
_WORDS: dict[str, Callable[[Any], str]] = {
    "type": _type,
    "pattern": _pattern,
    "enum": _choice,
    "const": lambda error: f"must be {error.validator_value}, not {quoted(error.instance)}",
    "anyOf": _flag,
    "minimum": _at_least,
    "maximum": _at_most,
    "minItems": lambda _: "is empty: at least one is needed",
    "minLength": lambda _: "is empty",
    "maxLength": lambda error: f"is longer than {error.validator_value} characters",
    "minProperties": _fewest_keys,
    "maxProperties": _most,
    "maxItems": _most,
    "oneOf": _fewest_keys,
}
