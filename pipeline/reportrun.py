"""A run as every report is made of it: its records, what is true of all of it, and its files by name.

Pure. The verdicts are those in the records; nothing here judges.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import markdown, safe
from pipeline.model import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Record = dict[str, Any]

# The least that a record must have to be told; replay.py looks at the rest.
NEEDED = (
    "cell", "source", "variant", "config", "config_origin", "policy", "toolchain", "machine", "requested", "resolved",
    "changes", "lost", "loudness", "required", "predicted", "observed", "outcome", "class", "status", "reason",
    "evidence", "seconds", "tools", "reached", "planned", "kernel", "build_failed", "booted",
)  # fmt: skip
TOOLS = ("compiler", "qemu", "accelerator", "engine", "host_image", "toolchain")
ORDER = (Status.FAIL, Status.ERROR, Status.SKIP, Status.PASS)
MOST_MISSING = 20
DEFAULT_FILE = "matrix.yaml"
AXES = ("policy", "toolchain", "machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: `note` is its run.json, `place` how a person names it, and `text` gives a file of a cell, or nothing.

    `text` takes `cells/NAME` or `controls/NAME`, and the file's name. `base` is where a page finds the run's folder, as
    the beginning of a link; empty where it cannot.
    """

    place: str
    note: Mapping[str, Any]
    cells: tuple[Record, ...]
    controls: tuple[Record, ...]
    text: Callable[[str, str], str]
    base: str = ""

    @property
    def name(self) -> str:
        """The run's name, which is its time in UTC."""
        return safe.line(self.note.get("run") or self.place)

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the cells that were asked for and of which no run that was merged has a record."""
        return tuple(safe.line(name) for name in self.note.get("missing") or ())

    @property
    def heads(self) -> list[str]:
        """What makes the run doubtful as a whole; nothing of a run that is well."""
        found = []
        if void := self.note.get("void"):
            found.append(f"VOID: the controls were wrong, and nothing is said of any boot: {safe.line(void)}")
        if (status := self.note.get("exit_status")) not in {0, 1, 69}:
            ended = "it was killed, or still runs" if status is None else f"exit status {safe.line(status)}"
            found.append(f"UNFINISHED: the run did not come to its end ({ended}); ./inv matrix goes on where it was")
        if self.missing:
            named = ", ".join(self.missing[:MOST_MISSING])
            found.append(f"INCOMPLETE: {len(self.missing)} cells are missing: {named}")
        return found


def axis(record: Record, name: str) -> str:
    """One of a cell's five words."""
    return safe.line(record["machine"]["name"] if name == "machine" else record[name])


def seen(record: Record) -> str:
    """The rung that a cell came to; in parentheses where that is what its .config promises."""
    return safe.line(record["observed"] or f"({record['predicted']})")


def shared(records: Sequence[Record]) -> dict[str, str]:
    """The words of policy, toolchain and machine that all cells have in common."""
    return {name: axis(records[0], name) for name in AXES if len({axis(one, name) for one in records}) == 1}


def totals(records: Sequence[Record]) -> str:
    """How many cells there are of each status and, among them, of each outcome."""
    statuses = Counter(str(one["status"]) for one in records)
    outcomes = Counter(str(one["outcome"]) for one in records)
    told = ", ".join(f"{statuses[word]} {word}" for word in Status if statuses[word])
    more = ", ".join(f"{outcomes[word]} {word}" for word in Outcome if outcomes[word])
    return f"{markdown.counted(len(records), 'cell')}: {told or 'none'}" + (f"; {more}" if more else "")


def remarkable(records: Iterable[Record]) -> list[Record]:
    """The cells that a reader must hear of: all that is no pass, the worst first, then what was lost as expected."""
    listed = [one for one in records if one["status"] != Status.PASS or one["outcome"] == Outcome.LOST]
    return sorted(listed, key=lambda one: ORDER.index(Status(one["status"])))


def sources(records: Iterable[Record]) -> dict[str, str]:
    """What each variant's tree is, exactly."""
    return {axis(one, "variant"): safe.line(one["source"]) for one in records}


def origins(records: Iterable[Record]) -> dict[str, str]:
    """What each config is, exactly."""
    return {axis(one, "config"): safe.line(one["config_origin"]) for one in records}


def again(run: Report, cells: Iterable[str] = ()) -> list[list[str]]:
    """The words of commands that do a run again: all of it, and of one of a matrix.yaml these cells alone."""
    typed = run.note.get("command")
    if isinstance(typed, list) and typed:
        return [[safe.line(word) for word in typed]]
    whole = ["./inv", "matrix", "--through", safe.line(run.note.get("through", "boot"))]
    if (file := safe.line(run.note.get("matrix", DEFAULT_FILE))) != DEFAULT_FILE:
        whole += ["--file", file]
    return [whole, *([*whole, "--cells", safe.line(name)] for name in cells)]


def tools(records: Iterable[Record]) -> dict[str, list[str]]:
    """What compiled and booted, by kind; several where cells differ."""
    found: dict[str, dict[str, None]] = {}
    for one in records:
        for kind in TOOLS:
            if value := one["tools"].get(kind):
                found.setdefault(kind, {})[safe.line(value)] = None
    return {kind: list(found[kind]) for kind in TOOLS if kind in found}
