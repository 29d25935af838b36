"""What became of one cell, in a word with a glyph, and the cause that decided it.

Pure: a judged record in, words out. Never calls a prediction a sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipeline import hyperv, intent, markdown
from pipeline.model import Ladder, Loudness, Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Record = dict[str, Any]


class Word(StrEnum):
    """What became of a cell; a glyph first, so that a column can be read at a glance."""

    KEPT = "✓ kept"
    BUILT_IN = "✓ kept m→y"
    SILENT = "✗ lost silent"
    WARNED = "✗ lost warned"
    REFUSED = "✗ refused"
    GAINED = "+ gained"
    OFF = "· same-off"
    CONTRADICTION = "! contradiction"
    UNBUILT = "? not built"
    SKIPPED = "– skipped"


MEANINGS = {
    Word.KEPT: "Hyper-V comes up as far as the old config asks",
    Word.BUILT_IN: "likewise, and something that was a module is built in",
    Word.SILENT: "it comes up less far, exit status 0, and nothing was printed about an option that was lost",
    Word.WARNED: "it comes up less far, exit status 0, and a printed line names an option that was lost",
    Word.REFUSED: "the policy ended with an error, so that no kernel comes of it",
    Word.GAINED: "Hyper-V comes up, and the old config did not ask for it",
    Word.OFF: "off before, and off now",
    Word.CONTRADICTION: "what was built or booted is not as the .config says",
    Word.UNBUILT: "the kernel did not compile",
    Word.SKIPPED: "no boot of this kernel could show anything, or the tree has no such policy",
}
LOST = frozenset({Word.SILENT, Word.WARNED, Word.REFUSED})
_FORETOLD = frozenset({Word.KEPT, Word.BUILT_IN, Word.SILENT, Word.WARNED, Word.GAINED, Word.OFF})
# What moves a cell on the ladder, the lowest rung first (hyperv.promised).
_LADDER = ("HYPERVISOR_GUEST", hyperv.CORE, hyperv.RENAMED_CORE, hyperv.VMBUS, "ACPI", "HYPERV_BALLOON")


# What a kind of change comes to, in a sentence; explain.py says the rest.
_SENTENCES = {
    "type": "The option is a bool now, and m is no value for it",
    "asked-off": "The old config says n to the new option, and no default changes that",
    "new, with a default": "The option is new, and the policy leaves new options off whatever their default",
    "new": "The option is new, and nothing turns it on",
    "dependency": "A dependency is not met by what the old config has",
    "hazard": "An option is on that keeps an ordinary guest from coming up",
    Word.REFUSED: "The policy ended with an error, so that nobody can miss it",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a cell is not kept. Cells with the same `key` share it; `text` is explain's, the judge's reason, or empty."""

    key: tuple[str, ...]
    text: str

    @property
    def sentence(self) -> str:
        """What it comes to, where there is a sentence for it."""
        return _SENTENCES.get(self.key[0], "")


def word(record: Record) -> Word:
    """The word for a judged record. Raises ValueError for one that has no result."""
    if record["status"] == Status.SKIP:
        return Word.SKIPPED
    if record["class"] == "BUILD_FAILED":
        return Word.UNBUILT
    words = {
        Outcome.KEPT: Word.BUILT_IN if built_in(record) else Word.KEPT,
        Outcome.LOST: Word.WARNED if record["loudness"] == Loudness.WARNED else Word.SILENT,
        Outcome.GAINED: Word.GAINED, Outcome.SAME_OFF: Word.OFF, Outcome.CONTRADICTION: Word.CONTRADICTION,
    }  # fmt: skip
    if record["refused"]:
        return Word.REFUSED
    if record["outcome"] not in words or record["status"] == Status.ERROR:
        raise ValueError(f"{record['cell']} has no result: {record['reason']}")
    return words[Outcome(record["outcome"])]


def foretold(record: Record) -> bool:
    """Whether the word for a record is a prediction that no boot has confirmed."""
    return record["observed"] is None and word(record) in _FORETOLD


def entry(record: Record, marks: Mapping[tuple[str, ...], str]) -> str:
    """The word, in parentheses where it is a prediction, with the mark of its cause where it has one."""
    found = cause(record)
    text = f"{word(record)} {marks[found.key]}" if found else str(word(record))
    return f"({text})" if foretold(record) else text


def built_in(record: Record) -> tuple[str, ...]:
    """The modules of an old config that are built in now.

    HYPERV itself is none of them: before 6.18 its m built the core in all the same ($(subst m,y,...) in
    drivers/Makefile and arch/x86/Kbuild), and was a module of VMBus alone.
    """
    old, new = (_given(record[side]) for side in ("requested", "resolved"))
    found = [hyperv.VMBUS_MODULE] if (hyperv.vmbus(old), hyperv.vmbus(new)) == ("m", "y") else []
    values = ((name, old.get(symbol), new.get(symbol)) for symbol, name in hyperv.MODULES.items())
    return (*found, *(name for name, asked, got in values if (asked, got) == ("m", "y")))


def unasked(record: Record) -> tuple[str, ...]:
    """The intent's options that are on and that the old config did not ask to be on."""
    old, new = (_given(record[side]) for side in ("requested", "resolved"))
    return tuple(
        symbol for symbol in record["intent"]["symbols"]
        if new.get(symbol, "n") not in intent.OFF and old.get(symbol, "n") in intent.OFF
    )  # fmt: skip


def _given(values: Mapping[str, str]) -> dict[str, str]:
    """The options that have a line; a record has `-` for the others."""
    return {symbol: value for symbol, value in values.items() if value != "-"}


def cause(record: Record) -> Cause | None:
    """What decided it, for a cell that is lost or has no rung; None for any other."""
    found = word(record)
    blamed = record["class"] == "OPTION_LOST" or not Ladder(record["predicted"]).reaches(Ladder(record["required"]))
    if found in {Word.SILENT, Word.WARNED} and blamed and (change := decisive(record)):
        # a new option that has a default is another cause than one without
        default = ", with a default" if change["kind"] == "new" and change["text"].startswith("default ") else ""
        return Cause((change["kind"] + default, change["symbol"]), told(change))
    if found in _FORETOLD - LOST:
        return None
    if found is Word.REFUSED:
        return Cause((found,), "")
    first = (record["reason"].splitlines() or ["no reason is recorded"])[0]
    return Cause((found, record["class"]), markdown.plain(first))


def decisive(record: Record) -> dict[str, Any] | None:
    """The change that decides how far a lost cell comes: a hazard, or the lowest rung that is off."""
    changes = {change["symbol"]: change for change in record["changes"]}
    hazards = [change for change in changes.values() if change["kind"] == "hazard"]
    rungs = [changes[symbol] for symbol in (*_LADDER, *record["lost"]) if symbol in changes]
    # a transitional option is read and never written: the one that takes its value decides
    off = [one for one in rungs if one["got"] in intent.OFF and one["kind"] not in {"transitional", "gone"}]
    return next(iter((*hazards, *off)), None)


def told(change: Mapping[str, Any]) -> str:
    """A change in explain's words, with the place in the tree that decides."""
    where = f" ({change['where']})" if change["where"] else ""
    return f"{change['symbol']} ({change['asked']} → {change['got']}): {markdown.plain(change['cause'])}{where}"


def marks(records: Iterable[Record]) -> dict[tuple[str, ...], str]:
    """A mark for each cause, `[a]` for that of the first cell which has one."""
    keys = dict.fromkeys(found.key for found in map(cause, records) if found)
    return {key: f"[{_letters(number)}]" for number, key in enumerate(keys)}


def _letters(number: int) -> str:
    first, last = divmod(number, 26)
    return (_letters(first - 1) if first else "") + chr(ord("a") + last)


def grid(
    records: Sequence[Record], rows: tuple[str, Sequence[str]], columns: tuple[str, Sequence[str]],
    shown: Mapping[tuple[str, ...], str],
) -> list[list[str]]:  # fmt: skip
    """The entries of a table: a line for each value of one axis, a column for each of another; empty without a cell."""
    (row_axis, lines), (column_axis, heads) = rows, columns
    found = {(record[row_axis], record[column_axis]): entry(record, shown) for record in records}
    return [[found.get((line, head), "") for head in heads] for line in lines]
