"""Shows what an audit found, and says of a built kernel whether the code is really in it.

Pure: findings, a .config's values and names of objects in, text and verdicts out. Never opens an archive.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pipeline.makevalues import UNKNOWN
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pipeline.audit import Finding

SHOWN = 2
HYPERV = re.compile(r"HYPERV(?!ISOR)|MSHV_")


class Seen(StrEnum):
    """What a built tree shows of a finding."""

    CONFIRMED = "confirmed"
    ABSENT = "not there"
    NOT_M = "not m"
    UNNAMED = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A finding, what was seen of it, and what that rests on."""

    finding: Finding
    seen: Seen
    detail: str


def check(findings: Sequence[Finding], config: Mapping[str, str], members: Collection[str]) -> tuple[Checked, ...]:
    """Whether the code of each finding is in a kernel although its option is m.

    `config` is the tree's .config, option without CONFIG_ to value. `members` are the root-relative names of the
    objects that its archives list: `ar t vmlinux.a`, or of every built-in.a and lib.a. These are thin archives (`ar
    cDPrST` in scripts/Makefile.build, 6.1 to 7.3) that name each object that goes into the kernel and none that only
    goes into a module. The .o files that lie in a tree cannot be told apart so, and must not be passed. Names of
    archives are passed over: a folder that holds only modules has an empty built-in.a too. For a folder one object
    below it is enough. Confirmed means that the code is there, not that this line alone brought it.
    """
    names = sorted({posixpath.normpath(name) for name in members if not name.endswith(".a")})
    return tuple(_checked(finding, config, names, frozenset(names)) for finding in findings)


def _checked(finding: Finding, config: Mapping[str, str], names: Sequence[str], known: Collection[str]) -> Checked:
    values = {symbol: config.get(symbol, "n") for symbol in finding.symbols}
    told = ", ".join(f"{symbol}={value}" for symbol, value in values.items())
    if "m" not in values.values() or "y" in values.values():
        return Checked(finding=finding, seen=Seen.NOT_M, detail=told)
    builds = [name for name in finding.builds if UNKNOWN not in name]
    if not builds:
        return Checked(finding=finding, seen=Seen.UNNAMED, detail="only make knows the names of its objects")
    folders = tuple(name for name in builds if name.endswith("/"))
    found = [name for name in names if name.startswith(folders)] if folders else []
    found += [name for name in builds if name in known]
    if found:
        return Checked(finding=finding, seen=Seen.CONFIRMED, detail=f"{told}, and in the kernel: {_few(found)}")
    also = [f"{symbol}={config.get(symbol, 'n')}" for symbol in finding.follows if config.get(symbol, "n") != "y"]
    detail = f"{told}, and no archive lists {_few(builds)}" + (f" ({', '.join(also)})" if also else "")
    return Checked(finding=finding, seen=Seen.ABSENT, detail=detail)


def hyperv(finding: Finding) -> bool:
    """Whether one of a finding's options is Hyper-V's."""
    return any(HYPERV.search(symbol) for symbol in finding.symbols)


def summary(findings: Sequence[Finding]) -> str:
    """The counts: all places, then those of each idiom."""
    idioms = Counter(finding.idiom for finding in findings)
    parts = [f"{idiom} {_counts([one for one in findings if one.idiom == idiom])}" for idiom in sorted(idioms)]
    alone = sum(not finding.follows and not finding.noop for finding in findings)
    return f"{_counts(findings)}, {alone} by m alone" + (f": {'; '.join(parts)}" if parts else "")


def _counts(findings: Sequence[Finding]) -> str:
    others, noops = sum(not hyperv(one) for one in findings), sum(one.noop for one in findings)
    return f"{len(findings)} ({others} not Hyper-V, {noops} no-ops)"


def table(findings: Sequence[Finding]) -> list[str]:
    """Lines for a terminal: a finding each, in columns, and the counts last."""
    rows = [("place", "idiom", "option", "built in", "note"), *map(_row, findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    widths.append(0)  # the note is the last and has no neighbour
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [clean(line).rstrip() for line in (*lines, summary(findings))]


def markdown(findings: Sequence[Finding]) -> str:
    """The same as a table of a Markdown text, with each line as the file has it, and the counts below."""
    lines = ["| place | line | option | built in | note |", "|---|---|---|---|---|"]
    for one in findings:
        place, _, option, builds, note = _row(one)
        text = one.text + (f" ({one.condition})" if one.condition else "")
        lines.append("| " + " | ".join([place, _code(text), option, _code(builds), note]).replace("\n", " ") + " |")
    return clean("\n".join([*lines, "", summary(findings)])) + "\n"


def _row(one: Finding) -> tuple[str, str, str, str, str]:
    option = ", ".join(f"{symbol} {kind or '?'}" for symbol, kind in zip(one.symbols, one.kinds, strict=True))
    note = "no-op" if one.noop else f"when {', '.join(one.follows)}=y" if one.follows else ""
    return one.origin, one.idiom, option, _few(one.builds), note


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return " ".join(names[:SHOWN]) + more


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"
