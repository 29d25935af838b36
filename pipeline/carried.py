"""A carried .config beside its tree's Kconfig: which conditions are not met, who is to blame, what default counts.

Pure. Never computes an option's value: both .configs are given, and what hangs on a macro stays open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import expr, kconfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.kconfigtree import Condition, Default, Index, Selected, Symbol

LEVELS = {"n": 0, kconfig.ABSENT: 0, "m": 1, "y": 2}
SWITCHES = frozenset({"bool", "tristate"})
MOST_PARENTS = 4


def level(value: str) -> int:
    """0 for n and for no line, 1 for m, 2 for y and for every number and text."""
    return LEVELS.get(value, 2)


def heirs(index: Index, name: str) -> tuple[str, ...]:
    """The symbols that take a transitional one's value as their default (`default OLD`)."""
    return tuple(
        other.name for other in index.symbols.values()
        if any(default.value == name for one in other.definitions for default in one.defaults)
    )  # fmt: skip


def gives(selected: Selected) -> expr.Expr:
    """The level that a select gives its target: the selecting option's, behind the select's condition."""
    by = expr.Symbol(selected.by)
    return expr.And((by, selected.condition.expr)) if selected.condition else by


@dataclass(frozen=True, slots=True)
class Carried:
    """What every question about one resolution is answered from; `invalid` are the options whose value conf refused."""

    index: Index
    old: Mapping[str, str]
    final: Mapping[str, str]
    policy: str
    invalid: frozenset[str]

    def got(self, name: str) -> str:
        """The value that came out, `-` where there is no line."""
        return self.final.get(name, kconfig.ABSENT)

    def moved(self, name: str) -> bool:
        """Whether an option is on another level now than it was asked to be; no line counts as n."""
        return level(self.got(name)) != level(self.old.get(name, "n"))

    def closed(self, ways: Iterable[Sequence[Condition]], wanted: int) -> Condition | None:
        """The condition that closes the last of one or more ways to a level (1 m, 2 y); none while one is open."""
        failing = [self._failing(conditions, wanted) for conditions in ways]
        return self._telling([found[0] for found in failing], wanted)[0] if all(failing) else None

    def unsure(self, ways: Iterable[Sequence[Condition]]) -> Condition | None:
        """The condition that conf alone can answer and that the last of several ways hangs on, if any."""
        found = [next((one for one in way if expr.level(one.expr, self.final) is None), None) for way in ways]
        return next(iter(found), None) if all(found) else None

    def _failing(self, conditions: Sequence[Condition], wanted: int) -> list[Condition]:
        found = []
        for condition in conditions:
            reached = expr.level(condition.expr, self.final)
            if reached is not None and reached < wanted:
                found.append(condition)
        return self._telling(found, wanted)

    def _telling(self, failing: list[Condition], wanted: int) -> list[Condition]:
        """Conditions that are not met, first those whose symbols moved: they say more than one that was never met."""
        return sorted(failing, key=lambda one: not any(map(self.moved, expr.blockers(one.expr, self.final, wanted))))

    def shown(self, condition: expr.Expr, wanted: int) -> str:
        """Who keeps an expression below a level, with their values: those that moved, else all of them."""
        names = expr.blockers(condition, self.final, wanted)
        moved = [name for name in names if self.moved(name)] or list(names)
        return ", ".join(f"{name}={self.final.get(name, 'n')}" for name in moved[:MOST_PARENTS]) or "not met"

    def parents(self, condition: expr.Expr, wanted: int) -> tuple[str, ...]:
        """The options to ask about next: those that moved, else those that were never as they must be."""
        names = [name for name in expr.blockers(condition, self.final, wanted) if name in self.index.symbols]
        moved = [name for name in names if self.moved(name)]
        return tuple(moved or (names if len(names) <= MOST_PARENTS else ()))[:MOST_PARENTS]

    def default(self, symbol: Symbol) -> Default | None:
        """The default that counts, if it turns a switch on: the first whose conditions are met (symbol.c, 7.3)."""
        known = self._with_transitional(symbol)
        for definition in symbol.definitions:
            for default in definition.defaults:
                conditions = [*definition.depends, *([default.condition] if default.condition else [])]
                levels = [expr.level(one.expr, known) for one in conditions]
                if None in levels:
                    return None
                if all(levels):
                    on = symbol.kind not in SWITCHES or expr.level(expr.parse(default.value), known)
                    return default if on else None
        return None

    def _with_transitional(self, symbol: Symbol) -> dict[str, str]:
        """The values that defaults are computed from: a transitional symbol has its old one there, and no line."""
        known = dict(self.final)
        for definition in symbol.definitions:
            for default in definition.defaults:
                named = expr.symbols(expr.parse(default.value))
                named |= expr.symbols(default.condition.expr) if default.condition else frozenset()
                for name in named & self.old.keys() & self.index.symbols.keys():
                    if self.index.symbols[name].transitional:
                        known[name] = self.old[name]
        return known

    def selecting(self, symbol: Symbol) -> Selected | None:
        """The select that gives an option at least the level that it has."""
        least = 1 if symbol.kind == "bool" else max(level(self.got(symbol.name)), 1)
        return next((one for one in symbol.selected_by if (expr.level(gives(one), self.final) or 0) >= least), None)
