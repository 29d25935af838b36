"""Finds in kernel messages what killed a kernel, and which kernel it was.

Pure tables over lines: a new message is a new row. Never decides what it means for a verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# First match names the finding; panics before oopses, as a panic often ends an oops.
# Sources: kernel/panic.c, arch/x86/mm/fault.c, arch/x86/kernel/{traps,dumpstack}.c, lib/bug.c, arch/x86/hyperv/hv_vtl.c
PATTERNS = (
    ("vtl", re.compile(r"Failed to get VTL\(error.*")),
    ("panic", re.compile(r"Kernel panic - not syncing: .*")),
    ("oops", re.compile(r"(?:BUG: (?:unable to handle|kernel NULL pointer)|Oops: ).*")),
    ("oops", re.compile(r"general protection fault(?! ip:).*|kernel BUG at .*")),  # with `ip:` it is a process's
    ("oops", re.compile(r"(?:invalid opcode|double fault|divide error|stack guard page): .*")),
)
# A driver's or userspace's words that look like one and are none.
IGNORED = re.compile(r"[Cc]ommand line:|panic_on_(?!\w+ (?:set|is enabled))|oops=|panic=|ramoops|pstore|WARN_ON")
BANNER = re.compile(r"Linux version (?P<release>\S+) \(")
_STAMP = re.compile(r"^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])?\s?")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, its text without time stamp, and the 1-based number of its line."""

    kind: str
    text: str
    line: int


def scan(lines: Sequence[str]) -> tuple[Finding, ...]:
    """Everything deadly in the lines, in order."""
    found = []
    for number, line in enumerate(lines, 1):
        if IGNORED.search(line):
            continue
        for kind, pattern in PATTERNS:
            if match := pattern.search(line):
                found.append(Finding(kind, match[0].strip(), number))
                break
    return tuple(found)


def banner(lines: Sequence[str]) -> Finding | None:
    """The first `Linux version` line; its text is the release."""
    for number, line in enumerate(lines, 1):
        if match := BANNER.search(line):
            return Finding("banner", match["release"], number)
    return None


def find(lines: Sequence[str], text: str) -> Finding | None:
    """The first line that holds a text as the kernel prints it."""
    for number, line in enumerate(lines, 1):
        if text in line:
            return Finding("line", unstamped(line), number)
    return None


def unstamped(line: str) -> str:
    """A message without its time stamp."""
    return _STAMP.sub("", line)
