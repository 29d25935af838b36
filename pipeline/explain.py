"""Says why an option that was asked for was not got, and how loudly that was said.

Pure: conf's output and the tree's declarations in, causes out. Never claims what it cannot show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import hyperv, kconfig, tristate
from pipeline.model import Loudness
from pipeline.values import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.values import Resolution


def changes(resolution: Resolution) -> tuple[Change, ...]:
    """Every option that was asked for and has another value now, with its cause."""
    old, final = kconfig.values(resolution.old), kconfig.values(resolution.final)
    # that a value is invalid is the cause, whatever else is said of its symbol
    warned = sorted(kconfig.warnings(resolution.stderr), key=lambda one: not one.invalid)
    found = []
    for symbol, asked, got in kconfig.differing(old, final):
        said = next((one for one in warned if symbol in one.symbols), None)
        invalid = bool(said and said.invalid == symbol)
        cause = _cause(symbol, asked, got, resolution.declared.get(symbol), final, invalid=invalid)
        found.append(Change(symbol=symbol, asked=asked, got=got, cause=cause, warning=said.text if said else ""))
    return tuple(found)


def loudness(resolution: Resolution) -> Loudness:
    """What was said about Hyper-V options that were lost; `none` when none was, and none was refused."""
    if resolution.exit_status:  # conf that refuses leaves .config as it was, so that nothing differs
        return Loudness.REFUSED
    lost = [change for change in changes(resolution) if change.symbol in hyperv.SYMBOLS and change.got in {"n", "-"}]
    if not lost:
        return Loudness.NONE
    return Loudness.WARNED if any(change.warning for change in lost) else Loudness.SILENT


def _cause(
    symbol: str, asked: str, got: str, declared: str | None, final: Mapping[str, str], *, invalid: bool,
) -> str:  # fmt: skip
    if declared is None:
        return "this tree does not declare it"
    lines = declared.splitlines()
    where = lines[0].split(" ", 1)[1]
    kind = next((line[2:].split()[0] for line in lines if line.startswith(("> bool", "> tristate", "> def_bool"))), "")
    if invalid:
        return f"{symbol} is {kind or 'of another type'} here ({where}): {asked} is invalid, and it took its default"
    for text, place in _conditions(lines, where):
        blocking = tristate.blocking(text, final)
        if blocking:
            values = ", ".join(f"{name}={final.get(name, 'n')}" for name in blocking)
            return f"depends on {text} ({place}): {values}"
    if got in {"n", kconfig.ABSENT}:
        return f"not visible here ({where}); the condition is outside that file"
    return f"{got} by a select, a default or a limit of a dependency ({where})"


def _conditions(lines: list[str], where: str) -> list[tuple[str, str]]:
    found = []
    for line in lines[1:]:
        if line.startswith("| "):
            text, _, place = line[2:].rpartition(" ")
            found.append((text, place))
        elif line.startswith("> depends on "):
            found.append((line.removeprefix("> depends on "), where))
    return found
