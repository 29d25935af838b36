"""The table of a run for a terminal, and one line in words for each loss.

Pure but for printing; the numbers are those of the records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from pipeline import chain, reasons
from pipeline.model import Outcome, Status
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

MOST_REFUSED = 3
AXES = ("variant", "config", "policy", "toolchain")
COLUMNS = ("cell", "HYPERV", "VMBUS", "told", "required/seen", "outcome", "status", "s")
SPARED = ("s", "told", "VMBUS", "HYPERV")  # in this order, where a terminal is narrow
STYLES = {Status.PASS: "green", Status.FAIL: "bold red", Status.ERROR: "bold yellow", Status.SKIP: "dim"}


def show(console: Console, records: Sequence[dict[str, Any]], void: str) -> None:
    """Print the table, what all cells have in common above it, and below it what was lost and why."""
    shared = [axis for axis in (*AXES[2:], "machine") if len({_axis(record, axis) for record in records}) == 1]
    if records and shared:
        common = ", ".join(f"{axis} {_axis(records[0], axis)}" for axis in shared)
        console.print(f"all cells: {clean(common)}", markup=False, highlight=False)
    rows = [[*_row(record, shared), f"{sum(record['seconds'].values()):.0f}"] for record in records]
    kept = _fitting(rows, console.width)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for place in kept:
        least = None if place == 0 else _width(rows, place)  # where it is too narrow, names are cut, and no verdict
        table.add_column(COLUMNS[place], no_wrap=True, overflow="ellipsis", min_width=least)
        table.columns[-1].justify = "right" if COLUMNS[place] == "s" else "left"
    for record, row in zip(records, rows, strict=True):
        table.add_row(*(row[place] for place in kept), style=STYLES.get(Status(record["status"]), ""))
    console.print(table)
    for text in lines(records, void):
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _width(rows: Sequence[Sequence[str]], place: int) -> int:
    return max(len(COLUMNS[place]), *(len(row[place]) for row in rows), 0)


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns that a terminal has room for: those that the lines below the table tell in words go first."""
    kept = list(range(len(COLUMNS)))
    for name in SPARED:
        if sum(_width(rows, place) + 1 for place in kept) - 1 <= width:
            break
        kept.remove(COLUMNS.index(name))
    return kept


def lines(records: Sequence[dict[str, Any]], void: str) -> list[str]:
    """What a reader must know beyond the table: losses with their cause, and everything that is no pass."""
    found = [clean(f"VOID: {void}")] if void else []
    errors: dict[str, list[str]] = {}
    for one in records:
        if one["status"] == Status.ERROR and not void:
            errors.setdefault(one["reason"], []).append(one["cell"])
        elif one["outcome"] == Outcome.LOST or one["status"] != Status.PASS:
            found.append(clean(f"{one['status']} {one['cell']}: {story(one)}"))
    for reason, cells in errors.items():
        first, *rest = reason.splitlines() or [""]
        found += [clean(f"ERROR {', '.join(cells)}: {first}"), *(clean(f"      {line}") for line in rest)]
    return found


def totals(records: Sequence[dict[str, Any]]) -> str:
    """The closing line: how many cells of each status."""
    counted = {status: sum(record["status"] == status for record in records) for status in Status}
    return f"{len(records)} cells: " + ", ".join(f"{count} {status}" for status, count in counted.items() if count)


def _axis(record: dict[str, Any], axis: str) -> str:
    return str(record["machine"]["name"] if axis == "machine" else record[axis])


def _row(record: dict[str, Any], shared: Sequence[str]) -> list[str]:
    name = "/".join(_axis(record, axis) for axis in (*AXES, "machine") if axis not in shared)
    asked, got = record["requested"], record["resolved"]
    got = {**got, "HYPERV": got.get("HYPERV_CORE", "-")} if got.get("HYPERV_CORE", "-") != "-" else got
    values = [f"{asked.get(symbol, '?')} → {got.get(symbol, '?')}" for symbol in ("HYPERV", "HYPERV_VMBUS")]
    seen = record["observed"] or f"({record['predicted']})"
    told = record["loudness"] if record["loudness"] != "none" else ""
    cells = [name, *values, told, f"{record['required']}/{seen}", record["outcome"], record["status"]]
    return [escape(clean(text)) for text in cells]  # a .config may hold any string


def _roots(record: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The changes at the top of what was lost, in order, and all on the way; in a ring the lost ones are the top."""
    by_name = {change["symbol"]: change for change in record["changes"]}
    parents = {name: change["parents"] for name, change in by_name.items()}
    lost = [name for name in record["lost"] if name in by_name]
    lost += [name for name, change in by_name.items() if change["kind"] == reasons.HAZARD]
    lost += [name for name, change in by_name.items() if change["kind"] == reasons.REFUSED][:MOST_REFUSED]
    roots, met = chain.tops(lost, parents), chain.above(lost, parents)
    return [by_name[name] for name in roots], [by_name[name] for name in met]


def story(record: dict[str, Any]) -> str:
    """In one sentence what came of a cell: outcome, class, reason, and of a loss its causes and what was printed."""
    text = str(record["outcome"])
    if record["class"]:
        text += f" ({record['class']})"
    if record["reason"]:
        text += f": {record['reason'].splitlines()[0]}"
    tops, met = _roots(record)
    if record["outcome"] == Outcome.LOST and tops:
        text += ". " + "; ".join(_told(change) for change in tops)
        named = {change["symbol"] for change in tops}
        gone = [symbol for symbol in record["lost"] if symbol not in named]
        text += f"; {len(gone)} more went with it: {', '.join(gone)}" if gone else ""
    if record["outcome"] == Outcome.LOST and record["loudness"] in ("silent", "warned"):
        text += f". Told: {next((one['warning'] for one in (*tops, *met) if one['warning']), 'nothing')}"
    return text


def roots(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes at the top of what was lost, in order."""
    return _roots(record)[0]


def _told(change: dict[str, Any]) -> str:
    return f"{change['symbol']} {change['cause']}" + (f" ({change['where']})" if change["where"] else "")

