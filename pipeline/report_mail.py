"""A run as a plain text of at most 72 columns, ready for a reply on a list.

Pure. The verdict comes first, what is not as expected next, then what was lost; every cell stands in the list below,
and after it what ran and how to do it again.
"""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING

from pipeline import markdown, reportrun, safe, table
from pipeline.model import Status
from pipeline.reportrun import axis, seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.reportrun import Record, Report

WIDTH = 72
MOST_COMMANDS = 10


def written(run: Report) -> str:
    """The mail's text, without headers."""
    parts = [_head(run), _told(run), _cells(run), _versions(run), _again(run)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(run: Report) -> list[str]:
    through = safe.line(run.note.get("through", "boot"))
    question = (
        f"Does Hyper-V still come up with these configs on these trees? hvmatrix run {run.name}, through {through}: "
        f"{reportrun.totals(run.cells)}."
    )
    return [*_filled(question), *(line for head in run.heads for line in _filled(head))]


def _told(run: Report) -> list[str]:
    """What went otherwise than expected, and what was lost; cells with the same story stand together."""
    stories: dict[tuple[str, str], list[str]] = {}
    common = reportrun.shared(run.cells) if run.cells else {}
    for one in reportrun.remarkable(run.cells):
        stories.setdefault((str(Status(one["status"])), safe.line(table.story(one))), []).append(_name(common, one))
    lines: list[str] = []
    for number, ((status, story), names) in enumerate(stories.items(), 1):
        lines += ["", *_filled(f"{number}. {status}, {markdown.counted(len(names), 'cell')}:")]
        lines += [row for name in names for row in _broken(name, "   ")]
        lines += _filled(story, "   ", "   ")
    return ["What is not as expected, and what was lost", *lines] if lines else ["Nothing was lost."]


def _cells(run: Report) -> list[str]:
    """Every cell, a variant after the other: verdict, how far it came, and its name."""
    lines = ["All cells: status, outcome, required/seen; (rung): what the .config", "promises where nothing was booted"]
    common = reportrun.shared(run.cells) if run.cells else {}
    lines += _filled(f"each with {', '.join(f'{axis} {word}' for axis, word in common.items())}") if common else []
    for variant in dict.fromkeys(axis(one, "variant") for one in run.cells):
        lines += ["", *_broken(variant, "", ":")]
        for one in (one for one in run.cells if axis(one, "variant") == variant):
            verdict = f"  {one['status']:5} {one['outcome']:13} {safe.line(one['required'])}/{seen(one)}"
            name = _name(common, one).partition("/")[2]
            row = f"{verdict:44} {name}"
            lines += [row] if len(row) <= WIDTH else [verdict, *_broken(name, "        ")]
    return lines


def _versions(run: Report) -> list[str]:
    lines = ["Trees"]
    for kind, known in (("", reportrun.sources(run.cells)), ("Configs", reportrun.origins(run.cells))):
        lines += [kind] if kind else []
        lines += [row for name, what in known.items() for row in _filled(f"{name}: {what}", "  ", "    ")]
    known_tools = reportrun.tools(run.cells)
    lines += ["Tools"] if known_tools else []
    lines += [
        row for kind, values in known_tools.items() for value in values
        for row in _filled(f"{kind}: {value}", "  ", "    ")
    ]  # fmt: skip
    return lines


def _again(run: Report) -> list[str]:
    """Commands that do it again; one that does not fit is continued as a shell takes it."""
    shown = [str(one["cell"]) for one in reportrun.remarkable(run.cells)[:MOST_COMMANDS]]
    digest = safe.line(run.note.get("digest", ""))[:12]
    of = "" if run.note.get("command") else f" ({safe.line(run.note.get('matrix', ''))}, sha256 {digest}...)"
    lines = [f"How to reproduce{of}"]
    lines = [row for line in lines for row in ([line] if len(line) <= WIDTH else _broken(line, ""))]
    return [*lines, *(row for words in reportrun.again(run, shown) for row in _command(words))]


def _command(words: Sequence[str]) -> Iterator[str]:
    """A command in lines that fit, continued as a shell takes it; each piece of a long word is quoted by itself."""
    line = "  " + shlex.quote(words[0])
    for rest in words[1:]:
        if len(line) + len(shlex.quote(rest)) + len("  \\") <= WIDTH:
            line += f" {shlex.quote(rest)}"
            continue
        yield f"{line} \\"
        line = "    "
        while len(line) + len(shlex.quote(rest)) + len(" \\") > WIDTH:
            piece = _longest(rest, WIDTH - len(line) - len("\\"))
            yield f"{line}{shlex.quote(piece)}\\"
            line, rest = "", rest[len(piece) :]  # noqa: PLW2901 - not indented, or it would be another word
        line += shlex.quote(rest)
    yield line


def _longest(word: str, most: int) -> str:
    """The longest beginning of a word that has so many characters when it is quoted; one character at least."""
    fits = (count for count in range(min(len(word), most), 0, -1) if len(shlex.quote(word[:count])) <= most)
    return word[: next(fits, 1)]


def _name(common: Mapping[str, str], record: Record) -> str:
    """A cell's name without what all cells share."""
    return "/".join(axis(record, name) for name in ("variant", "config", *reportrun.AXES) if name not in common)


def _broken(text: str, indent: str, end: str = "") -> Iterator[str]:
    """A name in lines that fit, broken after a slash where it can be."""
    line = indent
    for word in _words(text, WIDTH - len(indent) - len(end)):
        if len(line) + len(word) > WIDTH - len(end) and line.strip():
            yield line
            line = indent
        line += word
    yield line + end


def _words(text: str, most: int) -> Iterator[str]:
    """A text in pieces of at most so many characters, each up to a slash."""
    for piece in text.replace("/", "/\0").split("\0"):
        yield from (piece[start : start + most] for start in range(0, len(piece), most))


def _filled(text: str, first: str = "", rest: str = "") -> list[str]:
    return list(_wrapped(text, first, rest))


def _wrapped(text: str, first: str, rest: str) -> Iterable[str]:
    return textwrap.wrap(
        safe.line(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False,
    )  # fmt: skip
