"""What makes a command end with 1: a FAIL, or the words that a person named.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import showing
from pipeline.errors import UserError
from pipeline.model import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

WORDS = (*Outcome, *(status for status in Status if status is not Status.PASS))


def words(text: str) -> frozenset[str]:
    """The outcomes and statuses that a text names, with commas. Raises UserError for any other word."""
    asked = [word.strip() for word in text.split(",") if word.strip()]
    known = {word.lower(): str(word) for word in WORDS}
    if unknown := [word for word in asked if word.lower() not in known]:
        hint = f"with commas: {', '.join(WORDS)}"
        raise UserError(f"--fail-on {unknown[0]}: neither an outcome nor a status", hint=hint)
    return frozenset(known[word.lower()] for word in asked)


def caught(record: dict[str, Any], chosen: Collection[str]) -> bool:
    """Whether a cell makes the command fail: it has one of the words, or is a FAIL where none was chosen."""
    return bool({str(record["outcome"]), str(record["status"])} & set(chosen or {str(Status.FAIL)}))


def exit_status(records: Sequence[dict[str, Any]], chosen: Collection[str] = ()) -> int:
    """1 when any cell is caught, else 69 when anything could not be tried, else 0.

    With words, a cell that is not as expected fails for its words alone.
    """
    if any(caught(record, chosen) for record in records):
        return showing.FAILED
    untried = {Status.ERROR, Status.SKIP} & {record["status"] for record in records}
    return showing.UNAVAILABLE if untried else showing.PASSED
