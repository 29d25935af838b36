"""Makes another patch of one: the same, with a comment line more in a file that it touches.

Pure: text in, text out. Applies nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = re.compile(r"^\+\+\+ b/(\S+)")
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$", re.DOTALL)


def touched(text: str) -> list[str]:
    """The files that a patch writes to, in order."""
    return [match[1] for line in text.splitlines() if (match := _FILE.match(line))]


def chosen(text: str) -> str:
    """The file whose change costs most to build: a header that is for all, else any header, else the first file.

    Raises UserError for a patch that writes to none.
    """
    files = touched(text)
    if not files:
        raise UserError("bench build: a patch that writes to no file cannot be changed")
    headers = [name for name in files if name.endswith(".h")]
    shared = [name for name in headers if name.startswith("include/")]
    return [*shared, *headers, *files][0]


def commented(text: str, name: str, remark: str) -> str:
    """The patch with one comment line more, right after the first change in the file `name`.

    A comment there is one in C as in Kconfig files and Makefiles. Raises UserError when the patch has no such file.
    """
    comment = f"+/* {remark} */\n" if name.endswith((".h", ".c", ".S")) else f"+# {remark}\n"
    lines = text.splitlines(keepends=True)
    found = _hunks(lines).get(name, [])
    if not found:
        raise UserError(f"bench build: the patch does not touch {name}")
    for number, (start, _) in enumerate(found):
        lines[start] = _moved(lines[start], longer=number == 0)
    start, end = found[0]
    changed = next(place for place in range(start + 1, end) if lines[place][0] in "+-")
    place = next((place for place in range(changed, end) if lines[place][0] not in "+-\\"), end)
    return "".join([*lines[:place], comment, *lines[place:]])


def _hunks(lines: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """The hunks of each file: the number of the hunk's head, and of the first line behind the hunk."""
    found: dict[str, list[tuple[int, int]]] = {}
    name, behind = "", 0
    for number, line in enumerate(lines):
        if number < behind:
            continue
        if match := _FILE.match(line):
            name = match[1]
        elif match := _HUNK.match(line):
            behind = _end(lines, number + 1, int(match[2] or 1), int(match[4] or 1))
            found.setdefault(name, []).append((number, behind))
    return found


def _end(lines: Sequence[str], place: int, old: int, new: int) -> int:
    """The first line behind a hunk that has so many lines of the old and of the new file."""
    while place < len(lines) and (old > 0 or new > 0 or lines[place].startswith("\\")):
        old -= lines[place][0] not in "+\\"
        new -= lines[place][0] not in "-\\"
        place += 1
    return place


def _moved(line: str, *, longer: bool) -> str:
    """A hunk's head when one line was added: in it, or somewhere above it."""
    match = _HUNK.match(line)
    if not match:
        return line
    old, before, new, after, rest = match.groups()
    if longer:
        return f"@@ -{old},{before or 1} +{new},{int(after or 1) + 1} @@{rest}"
    return f"@@ -{old},{before or 1} +{int(new) + 1},{after or 1} @@{rest}"
