"""What each proposal costs: losses, gains that nobody asked for, modules that are built in, and the size of its patch.

Pure: records and patches in, numbers and Markdown out. Never counts a config that not every variant was given.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import markdown
from pipeline.answer_cells import Word, built_in, unasked, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.answer_cells import Record

BASE = "merged"
CARRIED = "olddefconfig"  # the policy under which every variant was tried with every config
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_SUBJECT = re.compile(r"^Subject: (?:\[[^\]]*\] )*(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Patch:
    """A unified diff: what its subject says, and for each of its files the lines that go and those that come."""

    subject: str
    files: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]

    @property
    def removed(self) -> int:
        """How many lines go."""
        return sum(len(old) for old, _ in self.files.values())

    @property
    def added(self) -> int:
        """How many lines come."""
        return sum(len(new) for _, new in self.files.values())


def patch(text: str) -> Patch:
    """Read a patch as git writes it; text outside of hunks is not counted."""
    files: dict[str, tuple[list[str], list[str]]] = {}
    name, old, new = "", 0, 0
    for line in text.splitlines():
        if old > 0 or new > 0:
            kind = line[:1]
            if kind in {"-", "+"}:
                files[name][kind == "+"].append(line[1:])
            old -= kind in {"-", " ", ""}
            new -= kind in {"+", " ", ""}
        elif line.startswith(("--- a/", "+++ b/")):
            name = line[6:]
            files.setdefault(name, ([], []))
        elif hunk := _HUNK.match(line):
            old, new = (int(count or 1) for count in hunk.groups())
    subject = _SUBJECT.search(text)
    return Patch(subject[1] if subject else "", {name: (tuple(old), tuple(new)) for name, (old, new) in files.items()})


def renamed(patches: Iterable[Patch], gone: str, heir: str) -> tuple[int, int]:
    """In how many files, and in how many lines of them, nothing changes but one option's name."""
    option = re.compile(rf"(?<![A-Z0-9_])(CONFIG_)?{re.escape(gone)}(?![A-Z0-9_])")
    counts = []
    for one in patches:
        for old, new in one.files.values():
            came = Counter(new)
            meant = Counter(option.sub(rf"\g<1>{heir}", line) for line in old if option.search(line))
            counts.append((meant & came).total())
    return sum(count > 0 for count in counts), sum(counts)


def names(variant: str, records: Sequence[Record]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The options that a variant's tree has no more, and has anew, beside the base; None where it is another tree.

    These are what configs, tools and code outside of the tree must know by another name.
    """
    trees = {record["variant"]: record for record in records}
    mine, base = trees[variant], trees[BASE]
    if mine["source"].partition(" + ")[0] != base["source"]:
        return None
    old, new = base["declared"], mine["declared"]
    return tuple(name for name in old if name not in new), tuple(name for name in new if name not in old)


def shared(records: Sequence[Record]) -> list[Record]:
    """The cells by which variants are compared: olddefconfig, and configs that every variant was given."""
    carried = [record for record in records if record["policy"] == CARRIED]
    variants = {record["variant"] for record in records}
    given: dict[str, set[str]] = {}
    for record in carried:
        given.setdefault(record["config"], set()).add(record["variant"])
    return [record for record in carried if given[record["config"]] == variants]


def table(records: Sequence[Record], patches: Mapping[str, Sequence[Patch]]) -> str:
    """The cost of each variant in a line."""
    head = (
        "variant", "lost", "silent", "warned", "refused", "gained unasked", "m→y", "patch", "names gone", "names new",
    )  # fmt: skip
    mine = shared(records)
    rows = []
    for variant in dict.fromkeys(record["variant"] for record in records):
        cells = [record for record in mine if record["variant"] == variant]
        found = Counter(map(word, cells))
        lost = [found[one] for one in (Word.SILENT, Word.WARNED, Word.REFUSED)]
        unlike = names(variant, records)
        rows.append([
            f"`{variant}`", f"{sum(lost)} of {len(cells)}", *map(str, lost), str(found[Word.GAINED]), _modules(cells),
            *(("another tree", "-", "-") if unlike is None else
              (_size(patches[variant]), *(", ".join(ones) or "none" for ones in unlike))),
        ])  # fmt: skip
    return markdown.table(head, rows)


def _modules(cells: Sequence[Record]) -> str:
    """In how many configs modules are built in now, and which."""
    found = [built_in(record) for record in cells if word(record) is Word.BUILT_IN]
    modules = dict.fromkeys(module for one in found for module in one)
    return f"{len(found)}: {', '.join(modules)}" if found else "0"


def _size(patches: Sequence[Patch]) -> str:
    if not patches:
        return "none"
    files = len({name for one in patches for name in one.files})
    added, removed = (sum(counts) for counts in zip(*((one.added, one.removed) for one in patches), strict=True))
    return f"{markdown.counted(files, 'file')}, +{added} -{removed}"


def notes(records: Sequence[Record], patches: Mapping[str, Sequence[Patch]]) -> list[str]:
    """What the numbers of the table stand for, a paragraph each: what is gained, and what has to follow a new name."""
    found = []
    for record in shared(records):
        if word(record) is Word.GAINED:
            asked, options = record["requested"]["HYPERV"], markdown.listed(unasked(record))
            said = "never mentions HYPERV" if asked == "-" else f"says HYPERV={asked}"
            found.append(f"`{record['variant']}` turns on {options} in `{record['config']}`, which {said}.")
    for variant in patches:
        gone, _ = names(variant, records) or ((), ())
        found += [_followers(variant, name, patches[variant], records) for name in gone]
    return found


def _followers(variant: str, gone: str, patches: Sequence[Patch], records: Sequence[Record]) -> str:
    """Who has to follow when an option is gone; what took its place is what the patch puts there most often."""
    declared = next(record["declared"] for record in records if record["variant"] == variant)
    counts = {heir: renamed(patches, gone, heir) for heir in declared}
    heir = max(counts, key=lambda name: counts[name][1])
    files, lines = counts[heir]
    return (
        f"`{variant}` has no {gone} that a .config can set. In {markdown.counted(lines, 'line')} of"
        f" {markdown.counted(files, 'file')} its patch only puts {heir} in its place. What says CONFIG_{gone} elsewhere"
        " is out of reach of any patch, and stays as it is until somebody changes it: distributions' policies, tools"
        " that read a .config, and code out of the tree."
    )
