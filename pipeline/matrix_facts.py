"""What the checks of matrix.yaml look at: its document, the folder it is in, and which names are known.

Never assumes that the types are right: what is of another type is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.yamlscan import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from pipeline.yamltext import Document, Where

ROWS = 200  # as many as the schema allows, which reports it where there are more


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at: the document, its folder, and which names of each kind are known."""

    document: Document
    folder: Path
    known: Mapping[str, Collection[str]]

    @property
    def data(self) -> Any:
        """The document's data, of whatever types it is."""
        return self.document.data

    def problem(self, where: Where, message: str) -> Problem:
        """A problem with the value at a place, on its line."""
        return Problem(line=self.document.line(where), message=message)


def table(data: Any, key: str) -> dict[str, Any]:
    """The mapping under a key; an empty one where there is none."""
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def rows(data: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    """The mappings in the list under a key, each with its place in it."""
    found = data.get(key)
    listed = found[:ROWS] if isinstance(found, list) else []
    return [(at, row) for at, row in enumerate(listed) if isinstance(row, dict)]


def texts(value: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield the text at a place, or each text of the list there; whatever else is there is skipped."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        yield from (((*where, at), item) for at, item in enumerate(value) if isinstance(item, str))


def entries(facts: Facts, section: str, *keys: str) -> Iterator[tuple[Where, str]]:
    """Yield the texts at the same place of every entry of a section."""
    for name, entry in table(facts.data, section).items():
        found = entry
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        yield from texts(found, (section, name, *keys))
