"""The far end of tests: a small model of conf that carries an old .config to a few lines of Kconfig.

Values are computed as sym_calc_value() and sym_calc_choice() of scripts/kconfig/symbol.c do (7.3): visibility, selects,
defaults, implies, m without modules, choices, transitional symbols. No ranges, no macros, no questions. 7.3's own
conf gave another value in 1 of 100 random trees of ten options, mostly by implies onto options that are defined twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline import explain, expr, kconfig, kconfigtree
from pipeline.values import Resolution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.kconfigtree import Condition, Select, Symbol
    from pipeline.values import Change

SWITCHES = {"bool", "tristate"}
NUMBER = {"int": r"-?\d+", "hex": r"(0[xX])?[0-9a-fA-F]+", "string": r'".*"'}
EMPTY = {"int": "0", "hex": "0x0", "string": '""'}
WORDS = "nmy"


class Conf(Mapping[str, str]):
    """The values of one run, each computed when it is asked for."""

    def __init__(self, index: kconfigtree.Index, old: str, new: str) -> None:
        self.index = index
        self.new = new
        self.user: dict[str, str] = {}
        self.warnings: list[str] = []
        self.known: dict[str, str] = {}
        for number, line in enumerate(old.splitlines(), 1):
            for option in kconfig.parse(line.encode(), "x").values() if "CONFIG_" in line else ():
                self._read(option.symbol, option.value, number)

    def _read(self, name: str, value: str, number: int) -> None:
        if symbol := self.index.symbols.get(name):
            valid = {"bool": "[ny]", "tristate": "[nmy]"}.get(symbol.kind) or NUMBER[symbol.kind]
            if re.fullmatch(valid, value):  # conf keeps what an earlier line set where a later one's value is invalid
                self.user[name] = value
            else:
                self.warnings.append(f".config:{number}:warning: symbol value '{value}' invalid for {name}")

    def __getitem__(self, name: str) -> str:
        symbol = self.index.symbols.get(name)
        if symbol is None:
            raise KeyError(name)
        if name not in self.known:
            self.known[name] = "n" if symbol.kind in SWITCHES else EMPTY[symbol.kind]  # for one that hangs on itself
            self.known[name] = self._switch(symbol) if symbol.kind in SWITCHES else self._number(symbol)
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.index.symbols)

    def __len__(self) -> int:
        return len(self.index.symbols)

    def all(self, conditions: Iterable[Condition | None]) -> int:
        return min((expr.level(one.expr, self) or 0 for one in conditions if one), default=2)

    def visible(self, symbol: Symbol) -> int:
        if symbol.transitional:
            return 2
        prompts = [one for one in symbol.definitions if one.prompt is not None]
        found = max((self.all((*one.depends, *one.visible)) for one in prompts), default=0)
        return 2 if found == 1 and not self._tristate(symbol) else found

    def _tristate(self, symbol: Symbol) -> bool:
        return symbol.kind == "tristate" and (symbol.name == "MODULES" or self.get("MODULES") == "y")

    def _from(self, symbol: Symbol, kind: str) -> int:
        """What the selects (or implies) of others give it, each with the dependencies of the one that does it."""
        makers = symbol.selected_by if kind == "selects" else symbol.implied_by
        levels = [0]
        for name in dict.fromkeys(one.by for one in makers):
            for definition in self.index.symbols[name].definitions:
                made: Sequence[Select] = getattr(definition, kind)
                limits = [(*definition.depends, one.condition) for one in made if one.target == symbol.name]
                levels += [min(WORDS.index(self[name]), self.all(conditions)) for conditions in limits]
        return max(levels)

    def default(self, symbol: Symbol) -> tuple[str, int]:
        """The default that counts, and the level at which its conditions are met."""
        for definition in symbol.definitions:
            for one in definition.defaults:
                if found := self.all((*definition.depends, one.condition)):
                    return one.value, found
        return "", 0

    def _switch(self, symbol: Symbol) -> str:
        visible, user = self.visible(symbol), self.user.get(symbol.name, self.new)
        if origin := next((one.choice for one in symbol.definitions if one.choice), ""):
            return "y" if visible and self._chosen(origin) == symbol.name else "n"
        if visible and user:
            value = min(WORDS.index(user), visible)
        else:
            text, limit = self.default(symbol)
            given = 1 if text == "m" else expr.level(expr.parse(text), self) or 0  # this m is no `m && MODULES`
            value = min(given, limit) if text else 0
            if implied := self._from(symbol, "implies"):
                value = min(max(value, implied), max(self.all(one.depends) for one in symbol.definitions))
        value = max(value, self._from(symbol, "selects"))
        return WORDS[2 if value == 1 and not self._tristate(symbol) else value]

    def _chosen(self, origin: str) -> str:
        shown = [name for name in self.index.choices[origin] if self.visible(self.index.symbols[name])]
        asked = [name for name in reversed(self.user) if name in shown and self.user[name] == "y"]
        free = [name for name in shown if name not in self.user]
        return next(iter((*asked, *free, *(name for name in self.user if name in shown))), "")

    def _number(self, symbol: Symbol) -> str:
        if self.visible(symbol) and symbol.name in self.user:
            return self.user[symbol.name]
        text, limit = self.default(symbol)
        return self.get(text, text) if limit else EMPTY[symbol.kind]

    def written(self, symbol: Symbol) -> bool:
        if symbol.transitional:
            return False
        off = symbol.kind in SWITCHES and self[symbol.name] == "n"
        implied = bool(self._from(symbol, "implies")) and not (self.visible(symbol) and symbol.name in self.user)
        given = symbol.kind in SWITCHES or self.default(symbol)[1]
        return bool(self.visible(symbol) or implied or (not off and given))

    def text(self) -> str:
        lines = [kconfig.line(name, self[name]) for name, one in self.index.symbols.items() if self.written(one)]
        return "".join(f"{line}\n" for line in lines)


class Tree:
    """A tree of a few lines of Kconfig; `new` is what an option without a value gets, `strict` refuses on a warning."""

    def __init__(
        self, text: str | Mapping[str, str], *, policy: str = "olddefconfig", new: str = "", strict: bool = False,
    ) -> None:  # fmt: skip
        self.index = kconfigtree.index({"Kconfig": text} if isinstance(text, str) else text)
        assert self.index.problems == ()
        self.policy, self.new, self.strict = policy, new, strict

    def carried(self, old: str, lines: Mapping[str, str] | None = None) -> Resolution:
        """What comes of an old .config with some lines laid over it, explained."""
        for symbol, value in (lines or {}).items():
            old = kconfig.replaced(old, symbol, value)
        ran = Conf(self.index, old, self.new)
        refused = self.strict and bool(ran.warnings)
        found = Resolution(
            old=old, final=old if refused else ran.text(), commands=(), stdout="",
            stderr="".join(f"{line}\n" for line in ran.warnings), exit_status=int(refused), seconds=0.0,
        )  # fmt: skip
        return explain.explained(found, self.index, self.policy)


def text(options: Mapping[str, str]) -> str:
    """A .config of these options."""
    return "".join(f"{kconfig.line(symbol, value)}\n" for symbol, value in options.items())


def changed(resolution: Resolution) -> dict[str, Change]:
    """The changes of a resolution by symbol."""
    return {change.symbol: change for change in resolution.changes}
