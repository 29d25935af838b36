"""Compares the records of two variants, or of two runs, cell by cell: what was gained, what was lost, what was told.

Pure. Never calls a cell gained or lost that one of the sides has no result for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.model import Ladder, Loudness, Outcome, Status
from pipeline.observe import DOUBTS
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Record = dict[str, Any]
SIDES = ("A", "B")  # left and right
# `none` says that no Hyper-V option was lost; where the cell is lost all the same, nobody was told.
TOLD = {Loudness.NONE: 0, Loudness.SILENT: 0, Loudness.WARNED: 1, Loudness.REFUSED: 2}


class PairedBy(StrEnum):
    """What two cells must share to be compared: all of their names (two runs), or all but the variant."""

    CELL = "variant/config/policy/toolchain/machine"
    REST = "config/policy/toolchain/machine"


class Word(StrEnum):
    """What became of a cell from A to B; one cell can have several."""

    GAINED = "gained"
    LOST = "lost"
    LOUDER = "louder"
    QUIETER = "quieter"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    M_TO_Y = "m→y"
    Y_TO_M = "y→m"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One cell on both sides. `flips` lists the symbols of M_TO_Y and Y_TO_M, `why` is the reason for UNKNOWN."""

    name: str
    left: Record
    right: Record
    words: tuple[Word, ...]
    flips: Mapping[Word, tuple[str, ...]]
    why: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All cells of both sides: those that have a partner, and by name those that have none."""

    pairs: tuple[Pair, ...]
    only_left: Mapping[str, Record]
    only_right: Mapping[str, Record]


def differences(left: Sequence[Record], right: Sequence[Record], paired_by: PairedBy) -> Comparison:
    """What differs from left (A) to right (B), both being records as in record.json.

    Raises UserError when two cells of one side have the same name, KeyError, TypeError or ValueError for no records.
    """
    lefts, rights = (_keyed(records, paired_by) for records in (left, right))
    return Comparison(
        pairs=tuple(_pair(name, lefts[name], rights[name], paired_by) for name in lefts if name in rights),
        only_left={name: record for name, record in lefts.items() if name not in rights},
        only_right={name: record for name, record in rights.items() if name not in lefts},
    )


def exit_status(found: Comparison) -> int:
    """1 when a cell was lost, else 69 when something or everything could not be compared, else 0."""
    words = {word for pair in found.pairs for word in pair.words}
    if Word.LOST in words:
        return 1
    return 69 if Word.UNKNOWN in words or found.only_left or found.only_right or not found.pairs else 0


def _keyed(records: Sequence[Record], paired_by: PairedBy) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for record in records:
        name = record["cell"] if paired_by is PairedBy.CELL else record["cell"].partition("/")[2]
        if name in found:
            raise UserError(f"{clean(name)}: two cells of one side", hint="compare one variant with one variant")
        found[name] = record
    return found


def _pair(name: str, left: Record, right: Record, paired_by: PairedBy) -> Pair:
    words, why = _climbed(left, right)
    refused = left["refused"] or right["refused"]
    if not why and left["outcome"] == right["outcome"] == Outcome.LOST:
        words += _told(left, right)
    fields = ("outcome", "status") if refused else ("outcome", "class", "status")
    differ = judged(left) and judged(right) and any(left[field] != right[field] for field in fields)
    if differ and not {Word.GAINED, Word.LOST} & set(words):
        words.append(Word.CHANGED)
    flips = {} if refused else _flips(left["resolved"], right["resolved"])  # a refused .config stays as it was
    words += flips
    notes = (*_basis(left, right, why), *_asked(left, right, paired_by))
    return Pair(
        name=name, left=left, right=right, words=tuple(words) or (Word.UNCHANGED,), flips=flips, why=why, notes=notes,
    )  # fmt: skip


def judged(record: Record) -> bool:
    """Whether a record has a verdict; ERROR and SKIP are none."""
    return record["status"] in {Status.PASS, Status.FAIL}


def _climbed(left: Record, right: Record) -> tuple[list[Word], str]:
    """GAINED, LOST or nothing; or UNKNOWN and why."""
    hindered = zip(SIDES, (_hindrance(left, right), _hindrance(right, left)), strict=True)
    if why := "; ".join(f"{side}: {text}" for side, text in hindered if text):
        return [Word.UNKNOWN], why
    if left["refused"] or right["refused"]:  # no kernel came of it: it has no rung, and has lost whatever it had
        ranks = [int(one["outcome"] != Outcome.LOST) for one in (left, right)]
    else:
        ranks = [_rung(one, booted=bool(left["observed"] and right["observed"])).rank for one in (left, right)]
    if ranks[0] == ranks[1]:
        ranks = _drivers(left, right)
    if ranks[0] == ranks[1]:
        return [], ""
    return [Word.GAINED if ranks[0] < ranks[1] else Word.LOST], ""


def _drivers(left: Record, right: Record) -> list[int]:
    """On the same rung, a side that has lost an option which QEMU cannot show has less (decisions/007)."""
    outcomes = [left["outcome"], right["outcome"]]
    if outcomes.count(Outcome.LOST) != 1 or Outcome.CONTRADICTION in outcomes:
        return [1, 1]
    return [int(one["class"] != "OPTION_LOST") for one in (left, right)]


def _hindrance(record: Record, other: Record) -> str:
    """Why it is not known what a side reaches that could be held against the other; empty when it is."""
    why = first_line(record["reason"])
    if not judged(record) or record["outcome"] == Outcome.UNKNOWN:
        return f"{record['status']}: {why or 'no reason is recorded'}"
    if record["class"] in DOUBTS or (
        record["outcome"] == Outcome.CONTRADICTION and not (record["observed"] and other["observed"])
    ):
        return f"contradiction: {why}"
    foretold = record["observed"] in {None, record["predicted"]} or other["observed"] or other["refused"]
    return "" if foretold else f"booted alone, and not as its .config predicts: {why}"


def _rung(record: Record, *, booted: bool) -> Ladder:
    """The rung that a side counts as; a contradiction counts as the lower one of what was predicted and seen."""
    predicted = Ladder(record["predicted"])
    if not booted:
        return predicted
    seen = Ladder(record["observed"])
    return min(seen, predicted, key=lambda one: one.rank) if record["outcome"] == Outcome.CONTRADICTION else seen


def _told(left: Record, right: Record) -> list[Word]:
    before, after = TOLD[left["loudness"]], TOLD[right["loudness"]]
    if before == after:
        return []
    return [Word.LOUDER if before < after else Word.QUIETER]


def _flips(left: Mapping[str, str], right: Mapping[str, str]) -> dict[Word, tuple[str, ...]]:
    """The Hyper-V symbols that went from m to y, and from y to m."""
    values = {symbol: (left[symbol], right[symbol]) for symbol in left if symbol in right}
    wanted = ((Word.M_TO_Y, ("m", "y")), (Word.Y_TO_M, ("y", "m")))
    found = {word: tuple(symbol for symbol, both in values.items() if both == flip) for word, flip in wanted}
    return {word: symbols for word, symbols in found.items() if symbols}


def _basis(left: Record, right: Record, why: str) -> list[str]:
    """What a reader must know of how the two were compared."""
    if why or left["refused"] or right["refused"]:
        return []
    if bool(left["observed"]) != bool(right["observed"]):
        return [f"only {SIDES[0] if left['observed'] else SIDES[1]} was booted: predictions are compared"]
    return [
        f"{side} contradicts its .config ({one['predicted']} predicted, {one['observed']} seen): the lower one counts"
        for side, one in zip(SIDES, (left, right), strict=True) if one["outcome"] == Outcome.CONTRADICTION
    ]  # fmt: skip


def _asked(left: Record, right: Record, paired_by: PairedBy) -> list[str]:
    """What is not the same question on both sides although its name is."""
    found = []
    for title, key in (("the machine differs", "machine"), ("the config asks otherwise", "requested")):
        texts = _unlike(left[key], right[key])
        found += [f"{title}: {', '.join(texts)}"] if texts else []
    if paired_by is PairedBy.CELL and left["source"] != right["source"]:
        found.append(f"the source differs: {left['source']} → {right['source']}")
    return found


def _unlike(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    unlike = [key for key in left if key in right and left[key] != right[key]]
    return [f"{key} {_word(left[key])} → {_word(right[key])}" for key in unlike]


def _word(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def first_line(text: str) -> str:
    """The first line of a text, empty where there is none."""
    return (text.splitlines() or [""])[0]
