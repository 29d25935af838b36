"""GitHub's Markdown that can be read as plain text too: tables in columns, paragraphs of bounded width.

Pure: text in, text out. Lets no control character of a record through.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from pipeline import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 98
_ACTIVE = re.compile(r"[\\`*<>|~\[\]]|\b_+|_+\b|&(?=#?\w+;)")  # an underscore inside a word is none of Markdown's

_STARTS = re.compile(r" (?=(?:[-+*>]|#+|=+|\d+[.)])(?: |$))")


def plain(text: str) -> str:
    """Text of a record for a paragraph or a table: one line, and nothing in it that Markdown takes up."""
    return _ACTIVE.sub(lambda match: "".join(f"\\{one}" for one in match.group()), safe.line(text))


def code(text: str) -> str:
    """Text of a record as code; also in a table, where GitHub takes a bar for a column's end even there."""
    return f"`{safe.line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns are aligned in the text as well; its cells are Markdown already."""
    listed = [head, *rows]
    widths = [max(3, *(len(row[column]) for row in listed)) for column in range(len(head))]
    lines = [_row([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]) for row in listed]
    return "\n".join([lines[0], _row(["-" * width for width in widths]), *lines[1:]]) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def paragraph(text: str) -> str:
    """Markdown in lines of at most WIDTH columns; a longer word has a line of its own."""
    return _filled(text)


def bullets(texts: Iterable[str]) -> str:
    """A list of paragraphs."""
    return "".join(_filled(text, "- ", "  ") for text in texts)


def _filled(text: str, first: str = "", rest: str = "") -> str:
    """Wrapped text in which no line begins with what would make it a list, a heading or a quotation."""
    bound = _STARTS.sub("\0", text)
    lines = textwrap.fill(
        bound, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return lines.replace("\0", " ") + "\n"


def counted(count: int, word: str) -> str:
    """A number with its noun, such as `1 cell` and `2 cells`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def listed(words: Iterable[str]) -> str:
    """Words in one phrase: `a, b and c`."""
    *most, last = list(words) or ["none"]
    return f"{', '.join(most)} and {last}" if most else last
