"""A run as GitHub's Markdown, for a job summary: the verdict, what is not as expected, and every cell folded away.

Pure. Nothing of a record is taken up by Markdown or as HTML.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pipeline import markdown, reportrun, safe, table
from pipeline.model import Outcome, Status
from pipeline.reportrun import seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.reportrun import Record, Report

# A summary of more than 1 MiB is refused by GitHub as a whole.
MOST_BYTES = 1000 * 1024
GLYPHS = {
    Outcome.KEPT: "✅", Outcome.LOST: "❌", Outcome.GAINED: "➕", Outcome.SAME_OFF: "⚪", Outcome.CONTRADICTION: "⚡",
    Outcome.UNKNOWN: "❔",
}  # fmt: skip


def written(run: Report) -> str:
    """The document; what is folded is left out, and said to be, where GitHub would not take it all."""
    head = [f"## hvmatrix {markdown.plain(run.name)}", *(f"> **{markdown.plain(text)}**" for text in run.heads)]
    head.append(markdown.plain(reportrun.totals(run.cells)))
    parts = [*head, _wrong(run), _folded("Every cell", _all(run.cells)), _folded("Versions", _versions(run))]
    text = _joined(parts)
    if len(text.encode()) <= MOST_BYTES:
        return text
    note = f"The {len(run.cells)} cells are too many for this page; `--format html` has them."
    return _cut(_joined([*head, note, _wrong(run)]))


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _cut(text: str) -> str:
    lines, size = [], 0
    for line in text.splitlines():
        size += len(line.encode()) + 1
        if size > MOST_BYTES:
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _wrong(run: Report) -> str:
    """What a reader must hear of; cells with the same story stand together."""
    stories: dict[tuple[str, str], list[str]] = {}
    for one in reportrun.remarkable(run.cells):
        stories.setdefault((str(Status(one["status"])), table.story(one)), []).append(safe.line(one["cell"]))
    lines = []
    for (status, story), names in stories.items():
        shown = "<br>".join(markdown.code(name) for name in names)
        lines.append(f"- **{status}** {markdown.counted(len(names), 'cell')}: {markdown.plain(story)}"
                     f"<details><summary>cells</summary>{shown}</details>")  # fmt: skip
    return "\n".join(lines) or "Nothing was lost, and everything is as expected."


def _all(records: Sequence[Record]) -> str:
    rows = [
        (
            markdown.code(one["cell"]), Status(one["status"]), f"{GLYPHS[Outcome(one['outcome'])]} {one['outcome']}",
            markdown.plain(one["class"]), f"{markdown.plain(one['required'])}/{markdown.plain(seen(one))}",
            markdown.plain("" if one["loudness"] == "none" else one["loudness"]),
            f"{sum(one['seconds'].values()):.0f}",
        )
        for one in records
    ]  # fmt: skip
    return markdown.table(("cell", "status", "outcome", "class", "required/seen", "told", "s"), rows) if rows else ""


def _versions(run: Report) -> str:
    rows = [("tree", name, what) for name, what in reportrun.sources(run.cells).items()]
    rows += [("config", name, what) for name, what in reportrun.origins(run.cells).items()]
    rows += [("tool", kind, value) for kind, values in reportrun.tools(run.cells).items() for value in values]
    again = shlex.join(reportrun.again(run)[0])
    shown = [(kind, markdown.plain(name), markdown.plain(what)) for kind, name, what in rows]
    return markdown.table(("", "name", "what it is"), shown) + f"\nAgain: {markdown.code(again)}"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>" if text else ""
