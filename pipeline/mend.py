"""Finds the smallest fragment that restores what an old .config asked for, by asking the tree's own conf.

Pure but for the `carry` it is given: it decides what to try; conf says what comes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import explain, expr, hyperv, intent, kconfig, reasons, safe
from pipeline.carried import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.kconfigtree import Index, Symbol
    from pipeline.model import Intent
    from pipeline.values import Change, Resolution

ROUNDS = 8
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A fragment and its proof.

    `needed` says for each line what is lost without it; `unmet` is what no line restores, and why; `gone` are options
    that the tree does not have any more.
    """

    lines: Mapping[str, str]
    needed: Mapping[str, str]
    unmet: Mapping[str, str]
    gone: tuple[str, ...]
    asked: Mapping[str, str]
    tries: int


class _Tried:
    """Fragments and what conf made of them, each asked once."""

    def __init__(self, carry: Callable[[Mapping[str, str]], Resolution]) -> None:
        self._carry = carry
        self._known: dict[frozenset[tuple[str, str]], Resolution] = {}

    def __call__(self, lines: Mapping[str, str]) -> Resolution:
        key = frozenset(lines.items())
        if key not in self._known:
            self._known[key] = self._carry(lines)
        return self._known[key]

    @property
    def count(self) -> int:
        return len(self._known)


def targets(meant: Intent, old: Mapping[str, str], index: Index) -> tuple[dict[str, str], tuple[str, ...]]:
    """The values that keep an old .config's intent on a tree, and what the tree has no more.

    The same meaning counts, not the same text: HYPERV=m of 6.17 and older had the core built in and the bus as a
    module, which is HYPERV=y and HYPERV_VMBUS=m where the two are apart (drivers/hv/Makefile, 6.12 and 6.18).
    """
    on = {symbol: old[symbol] for symbol, _ in meant.symbols if old.get(symbol, "n") in {"y", "m"}}
    there = {name for name in on if name in index.symbols and not index.symbols[name].transitional}
    renamed = {name for name in on if name in index.symbols and index.symbols[name].transitional}
    wanted = {name: "y" if index.symbols[name].kind == "bool" else on[name] for name in on if name in there}
    for name in renamed:
        asked = explain.meant_by({name: on[name]}, index)
        wanted |= {heir: value for heir, value in asked.items() if heir not in old}
    if meant.name == intent.HYPERV.name and hyperv.core(old):
        wanted |= hyperv.meant(old, index.symbols)
        wanted |= {name: "n" for name in hyperv.HAZARDS if old.get(name) == "y" and name in index.symbols}
    return wanted, tuple(name for name in on if name not in there | renamed)


def fix(
    meant: Intent, old: Mapping[str, str], index: Index, carry: Callable[[Mapping[str, str]], Resolution],
) -> Fix:  # fmt: skip
    """The fragment, no line of which can be left out; `carry` resolves the old .config with some lines over it."""
    wanted, gone = targets(meant, old, index)
    tried = _Tried(carry)
    lines: dict[str, str] = {}
    for _ in range(ROUNDS):
        found = tried(lines)
        unmet = _unmet(wanted, found)
        more = _more(found, unmet, wanted, index, lines) if unmet else {}
        if not more:
            break
        lines |= more
    unmet = _unmet(wanted, tried(lines))
    restorable = {name: value for name, value in wanted.items() if name not in unmet}
    needed = _least(lines, restorable, tried)
    left = tried({name: lines[name] for name in needed})
    return Fix(
        lines={name: lines[name] for name in needed}, needed=needed, gone=gone, asked=wanted, tries=tried.count,
        unmet={name: _why(name, left) for name in unmet},
    )  # fmt: skip


def _unmet(wanted: Mapping[str, str], found: Resolution) -> list[str]:
    """The options that a resolution does not give as wanted; all of them when it was refused."""
    final = kconfig.values(found.final)
    return [name for name, value in wanted.items() if found.exit_status or final.get(name, "n") != value]


def _more(
    found: Resolution, unmet: Sequence[str], wanted: Mapping[str, str], index: Index, lines: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """The lines that the causes of what is unmet call for; the causes first, as the rest often follows by itself."""
    by_name = {change.symbol: change for change in found.changes}
    lower = [name for name in unmet if name in by_name and (by_name[name].got, wanted[name]) != ("y", "m")]
    below = [by_name[name] for name in lower]  # of what is higher than wanted, no cause is to be taken away
    below += [change for change in found.changes if change.kind == reasons.REFUSED]
    made = {}
    for root in intent.causes(found.changes, below):
        name, value = _line(root, found, wanted, index, lines)
        if value and lines.get(name) != value:
            made[name] = value
    return made or {name: wanted[name] for name in unmet if lines.get(name) != wanted[name]}


def _line(
    root: Change, found: Resolution, wanted: Mapping[str, str], index: Index, lines: Mapping[str, str],
) -> tuple[str, str]:  # fmt: skip
    """The option to set against a cause, and its value: nothing where no line helps."""
    symbol = index.symbols.get(root.symbol)
    if symbol is None or symbol.transitional:
        return root.symbol, ""
    usual = "y" if "y" in wanted.values() else "m"
    if root.kind == reasons.REFUSED:
        return root.symbol, wanted.get(root.symbol) or _valid(symbol, root.asked)
    if symbol.kind in SWITCHES and not symbol.prompted:
        return _selector(symbol, found, index, lines, usual)
    return root.symbol, wanted.get(root.symbol) or _value(symbol, root, usual)


def _value(symbol: Symbol, root: Change, usual: str) -> str:
    if symbol.kind not in SWITCHES:
        return ""
    if root.got == "y":
        return "n"  # it stands in the way
    if symbol.kind == "bool" or root.got == "m":
        return "y"
    return root.asked if root.asked in {"y", "m"} else usual


def _valid(symbol: Symbol, asked: str) -> str:
    """A value that a policy need not refuse: what comes next to the one that was asked for, else the tree's default."""
    if symbol.kind in SWITCHES:
        return "y" if symbol.kind == "bool" and asked == "m" else asked if asked in {"y", "m"} else "n"
    values = [default.value for definition in symbol.definitions for default in definition.defaults]
    return next((value for value in values if re.fullmatch(r"-?[0-9]+|0[xX][0-9a-fA-F]+", value)), "")


def _selector(
    symbol: Symbol, found: Resolution, index: Index, lines: Mapping[str, str], value: str,
) -> tuple[str, str]:  # fmt: skip
    """The first option that a person can set and that selects one without a prompt; those tried before are left out."""
    values = kconfig.values(found.final)
    for one in symbol.selected_by:
        by = index.symbols[one.by]
        if one.by in lines or one.by in hyperv.HAZARDS:
            continue
        conditions = [one.condition] if one.condition else []
        ways = [(*way.depends, *way.visible, *conditions) for way in by.definitions if way.prompt is not None]
        if any(all(expr.level(condition.expr, values) != 0 for condition in way) for way in ways):
            return one.by, "y" if by.kind == "bool" else value
    return symbol.name, ""


def _least(lines: Mapping[str, str], wanted: Mapping[str, str], tried: _Tried) -> dict[str, str]:
    """The lines without which something is lost, each with what that is; leaving out any one is tried on the rest."""
    kept = dict(lines)
    while True:
        needed = {}
        for name in list(kept):
            rest = {other: value for other, value in kept.items() if other != name}
            found = tried(rest)
            lost = _unmet(wanted, found)
            if not lost:
                kept = rest
                break
            needed[name] = _lacking(found, lost)
        else:
            return needed


def _lacking(found: Resolution, lost: Sequence[str]) -> str:
    if found.exit_status:
        return "refused"
    final = kconfig.values(found.final)
    return ", ".join(f"{name}={final.get(name, 'n')}" for name in lost)


def _why(name: str, found: Resolution) -> str:
    if found.exit_status:
        named = [one for one in found.changes if one.kind == reasons.REFUSED]
        said = ", ".join(f"{one.symbol} {one.cause}" for one in named[:MOST_NAMED])
        return f"the policy refuses: {said}" if said else "the policy refuses"
    change = next((one for one in found.changes if one.symbol == name), None)
    return change.cause if change else found.absent or "no rule of ours explains it"


def fragment(fix_: Fix, title: Sequence[str]) -> str:
    """The fragment as a file that merge_config.sh takes, each line with what it is needed for."""
    made = [f"# {safe.line(line)}" for line in title]
    for name, value in fix_.lines.items():
        made += [f"# without it: {fix_.needed[name]}", kconfig.line(name, value)]
    return "\n".join(made) + "\n"
