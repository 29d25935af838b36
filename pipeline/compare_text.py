"""A comparison as text for a terminal or a mail, and as Markdown.

Pure. Never prints, and lets no control character of a record through.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from pipeline import hyperv
from pipeline.compare import SIDES, Word, first_line, judged
from pipeline.model import Ladder, Outcome, Status
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.compare import Comparison, Pair, Record

WIDTH = 72
GAP = "  "
CHANGE = " → ".join(SIDES)
NOTE = "note"
AXES = ("policy", "toolchain", "machine")  # the last of a name; said once where all cells share them
LEGEND = "(rung): what the .config predicts; this side was not booted"
# What hyperv.promised looks at, the lowest rung first: nothing else in a .config moves a cell on the ladder.
ROOTS = ("HYPERVISOR_GUEST", "HYPERV", "HYPERV_VMBUS", "ACPI", "HYPERV_BALLOON")
ON, OFF = frozenset({"y", "m"}), frozenset({"n", "-"})
_ACTIVE = re.compile(r"[\\`*<\[\]|~&]|\b_+|_+\b")  # an underscore inside a word is none of Markdown's

_Line = tuple[str, tuple[str, ...], str]  # a word, the cells, what there is to say


def as_text(found: Comparison, heads: Sequence[str] = ()) -> str:
    """A table of at most 72 columns, what was gained and lost below it, and the totals.

    `heads` are lines to stand above, which say what A and B are. Names that do not fit are cut, and told in full below
    the table. The lines in words are as long as they are.
    """
    names, shared = _shortened(found)
    cells = zip(map(_ascii, names), _rows(found), strict=True)
    rows = [("cell", *SIDES, CHANGE), *((name, *rest) for name, rest in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 3 * len(GAP))
    table: list[str] = []
    legend: list[str] = []
    for full, row in zip(("", *_names(found)), rows, strict=True):
        name = row[0]
        if len(name) > widths[0]:
            mark = f"~{len(legend) + 1}~"
            name = _cut(name, widths[0], mark)
            legend.append(f"{mark} {_line(full)}")
        padded = [text.ljust(width) for text, width in zip((name, *row[1:]), widths, strict=True)]
        table.append(GAP.join(padded).rstrip())
    common = textwrap.wrap(f"all cells: {', '.join(map(_ascii, shared))}", WIDTH) if shared else []
    told = [_line(f"{word} {', '.join(ones)}: {text}") for word, ones, text in _lines(found)]
    notes = [LEGEND] if any("(" in text for row in rows for text in row[1:3]) else []
    lines = [*map(_line, heads), *common, *table, *legend, *notes, *told, totals(found)]
    return "\n".join(lines) + "\n"


def as_markdown(found: Comparison, heads: Sequence[str] = ()) -> str:
    """The same in GitHub's Markdown, names in full."""
    rows = zip(_names(found), _rows(found), strict=True)
    table = [f"| {' | '.join(_escaped(text) for text in (name, *cells))} |" for name, cells in rows]
    told = [
        f"- **{_escaped(word)}** {', '.join(map(_escaped, cells))}: {_escaped(text)}"
        for word, cells, text in _lines(found)
    ]
    parts = [
        [f"- {_escaped(head)}" for head in heads],
        [f"| cell | {' | '.join(SIDES)} | {CHANGE} |", "|---|---|---|---|", *table],
        [LEGEND] if any("(" in text for row in _rows(found) for text in row[:2]) else [], told, [totals(found)],
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def totals(found: Comparison) -> str:
    """How many cells there are, and how many have each word; a cell with several counts for each."""
    counted = Counter(word for pair in found.pairs for word in pair.words)
    parts = [f"{counted[word]} {word}" for word in Word if counted[word]]
    alone = zip((found.only_left, found.only_right), SIDES, strict=True)
    parts += [f"{len(records)} only in {side}" for records, side in alone if records]
    count = len(_names(found))
    return f"{count} cell{'' if count == 1 else 's'}: {', '.join(parts) or 'nothing to compare'}"


def _names(found: Comparison) -> list[str]:
    return [*(pair.name for pair in found.pairs), *found.only_left, *found.only_right]


def _rows(found: Comparison) -> list[tuple[str, str, str]]:
    """A, B and the words of every cell, in the order of _names."""
    left, right = (f"only in {side}" for side in SIDES)
    return [
        *((_reached(pair.left), _reached(pair.right), ", ".join(pair.words)) for pair in found.pairs),
        *((_reached(record), "-", left) for record in found.only_left.values()),
        *(("-", _reached(record), right) for record in found.only_right.values()),
    ]


def _shortened(found: Comparison) -> tuple[list[str], list[str]]:
    """The names without what all of them share of policy, toolchain and machine, and what that is."""
    split = [name.split("/") for name in _names(found)]
    if len(split) == 1 or {len(parts) for parts in split} not in ({4}, {5}):  # without the variant, or with it
        return _names(found), []
    same = [place for place in range(-len(AXES), 0) if len({parts[place] for parts in split}) == 1]
    kept = [[part for place, part in enumerate(parts, -len(parts)) if place not in same] for parts in split]
    return ["/".join(parts) for parts in kept], [f"{AXES[place]} {split[0][place]}" for place in same]


def _reached(record: Record) -> str:
    """How far a side came, in one word; in parentheses where that is a prediction."""
    if not judged(record):
        return Status(record["status"]).lower()
    if record["refused"]:
        return "refused"
    if record["outcome"] == Outcome.UNKNOWN:
        return "not built"
    return Ladder(record["observed"]) if record["observed"] else f"({Ladder(record['predicted'])})"


def _lines(found: Comparison) -> list[_Line]:
    """What there is to say beyond the table: a line for each loss and gain, and one for each other thing."""
    lines: list[_Line] = [
        (word.upper(), (pair.name,), _story(pair, worse))
        for word, worse in ((Word.LOST, 1), (Word.GAINED, 0)) for pair in found.pairs if word in pair.words
    ]  # fmt: skip
    grouped: dict[tuple[str, str], list[str]] = {}
    for pair in found.pairs:
        for word, text in _rest(pair):
            grouped.setdefault((word, text), []).append(pair.name)
    order = [*Word, NOTE]
    for (word, text), names in sorted(grouped.items(), key=lambda one: order.index(one[0][0])):
        every = 1 < len(names) == len(_names(found))
        lines.append((word if "→" in word else word.upper(), ("all cells",) if every else tuple(names), text))
    return lines


def _story(pair: Pair, worse: int) -> str:
    """What was lost or gained, and the first cause; `worse` is the side that has less, 0 or 1."""
    left, right = pair.left, pair.right
    outcomes = [f"{one['outcome']} ({one['class']})" if one["class"] else one["outcome"] for one in (left, right)]
    cause = _cause((left, right)[worse], (left, right)[1 - worse], SIDES[worse], SIDES[1 - worse])
    return f"{_reached(left)} → {_reached(right)}, {' → '.join(outcomes)}. {cause}"


def _cause(worse: Record, better: Record, here: str, there: str) -> str:
    """The first option on the way up the ladder that one side lost, or that the other was given; else the reason."""
    blamed = not Ladder(worse["predicted"]).reaches(Ladder(better["predicted"]))
    if blamed and not worse["refused"]:
        gone = _changes(worse, ON, OFF), _changes(better, ON, OFF)
        new = _changes(better, OFF, ON), _changes(worse, OFF, ON)
        for (mine, others), side in ((gone, here), (new, there)):
            for change in (mine[symbol] for symbol in ROOTS if symbol in mine and symbol not in others):
                what = f"{change['symbol']} {change['asked']} → {change['got']} in {side}: {change['cause']}"
                return f"{what}. Told: {_warning(mine)}" if side == here else what
    return f"{here}: {first_line(worse['reason']) or 'no cause is recorded'}"


def _changes(record: Record, asked: frozenset[str], got: frozenset[str]) -> dict[str, Mapping[str, str]]:
    return {one["symbol"]: one for one in record["changes"] if one["asked"] in asked and one["got"] in got}


def _warning(lost: Mapping[str, Mapping[str, str]]) -> str:
    """What was said of the Hyper-V options that were lost: the first of it, as intent.loudness goes by any."""
    said = (lost[symbol]["warning"] for symbol in (*ROOTS, *hyperv.SYMBOLS) if symbol in lost)
    return next(filter(None, said), "nothing")


def _rest(pair: Pair) -> list[tuple[str, str]]:
    """Every word of a pair but LOST and GAINED with what there is to say of it, and its notes."""
    left, right = pair.left, pair.right
    found = [(str(word), ", ".join(symbols)) for word, symbols in pair.flips.items()]
    for word in pair.words:
        if word in {Word.LOUDER, Word.QUIETER}:
            found.append((word, f"told {left['loudness']} → {right['loudness']}"))
        elif word is Word.UNKNOWN:
            found.append((word, pair.why))
        elif word is Word.CHANGED:
            both = [(key, left[key] or "none", right[key] or "none") for key in ("outcome", "class", "status")]
            text = ", ".join(f"{key} {old} → {new}" for key, old, new in both if old != new)
            reason = first_line(right["reason"])
            found.append((word, f"{text}. B: {reason}" if reason else text))
    return [*found, *((NOTE, note) for note in pair.notes)]


def _cut(name: str, width: int, mark: str) -> str:
    """The name in `width` columns, its middle replaced by the mark."""
    kept = max(0, width - len(mark))
    return f"{name[: kept - kept // 2]}{mark}{name[len(name) - kept // 2 :]}"


def _line(text: str) -> str:
    """Text of a record on one line: no escapes, and nothing that is invisible or turns the text around."""
    return "".join(one if one.isprintable() else "?" for one in " ".join(clean(text).split()))


def _ascii(text: str) -> str:
    """A name whose length is its width; the names of a matrix.yaml are ASCII."""
    return "".join(one if one.isascii() else "?" for one in _line(text))


def _escaped(text: str) -> str:
    return _ACTIVE.sub(lambda match: "".join(f"\\{one}" for one in match.group()), _line(text))
