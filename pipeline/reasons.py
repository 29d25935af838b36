"""The rule of Kconfig that gives an option the value it has: what decides, where it stands, and what is above it.

Pure: two .configs and an index in, reasons out. Never claims what they do not show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import expr, kconfigtree
from pipeline.carried import SWITCHES, gives, heirs, level

if TYPE_CHECKING:
    from pipeline.carried import Carried
    from pipeline.kconfigtree import Condition, Default, Definition, Symbol

# The words for a cause.
GONE, RENAMED, TYPE, DEPENDENCY, INVISIBLE = "gone", "transitional", "type", "dependency", "invisible"
DERIVED, CHOICE, SELECT, MODULES, NEW = "derived", "choice", "select", "modules", "new"
REFUSED, ASKED_OFF, VALUE, UNKNOWN, HAZARD = "refused", "asked-off", "value", "unknown", "hazard"


@dataclass(frozen=True, slots=True)
class Reason:
    """A word for the cause, the cause in words, the file:line that decides, what stands there, and what is above it."""

    kind: str
    text: str
    where: str = ""
    line: str = ""
    parents: tuple[str, ...] = ()


def reason(case: Carried, name: str) -> Reason:
    """Why an option has the value that it has; also for one that nobody asked for, as the cause of another."""
    symbol = case.index.symbols.get(name)
    if symbol is None:
        return _undeclared(case)
    if symbol.transitional:
        return _renamed(case, symbol)
    if symbol.kind not in SWITCHES:
        return _number(case, symbol)
    asked, got = level(case.old.get(name, "n")), level(case.got(name))
    if got > asked:
        return _raised(case, symbol)
    if got and got == asked:
        return Reason(VALUE, f"is {case.got(name)}, as the old .config says", symbol.definitions[0].origin)
    wanted = min(max(asked, 1), 1 if symbol.kind == "bool" else 2)
    return _deselected(case, symbol, wanted) or _blocked(case, symbol, wanted) or _unblocked(case, symbol, wanted)


def _undeclared(case: Carried) -> Reason:
    if unread := next((one for one in case.index.problems if kconfigtree.NO_FILE in one), ""):
        return Reason(UNKNOWN, f"is in no Kconfig file that could be read; {unread}")
    return Reason(GONE, "this tree does not declare it")


def _unblocked(case: Carried, symbol: Symbol, wanted: int) -> Reason:
    if symbol.name in case.invalid or (symbol.kind == "bool" and case.old.get(symbol.name) == "m"):
        return _invalid(case, symbol)
    return _hidden(case, symbol, wanted) or _choice(case, symbol) or _off(case, symbol)


def _deselected(case: Carried, symbol: Symbol, wanted: int) -> Reason | None:
    """The select that held an option which nobody can set, and does no more; dependencies have no say in a select."""
    held = not symbol.prompted and level(case.old.get(symbol.name, "n"))
    for one in symbol.selected_by if held else ():
        given = gives(one)
        before, now = expr.level(given, case.old), expr.level(given, case.final)
        if (before is None or before >= wanted) and now is not None and now < wanted:
            by = f"{one.by} if {one.condition.text}" if one.condition else one.by
            return Reason(
                DERIVED, f"was selected by {by}: {case.shown(given, wanted)}", one.origin, f"select {symbol.name}",
                case.parents(given, wanted),
            )  # fmt: skip
    return None


def _blocked(case: Carried, symbol: Symbol, wanted: int) -> Reason | None:
    """The dependency that keeps it down; none when one of its definitions is free of it, or selects alone count."""
    if not (symbol.prompted or symbol.implied_by or any(one.defaults for one in symbol.definitions)):
        return None
    condition = case.closed([one.depends for one in symbol.definitions], wanted)
    return _dependency(case, condition, wanted) if condition else None


def _dependency(case: Carried, condition: Condition, wanted: int) -> Reason:
    return Reason(
        DEPENDENCY, f"depends on {condition.text}: {case.shown(condition.expr, wanted)}", condition.origin,
        f"depends on {condition.text}", case.parents(condition.expr, wanted),
    )  # fmt: skip


def _renamed(case: Carried, symbol: Symbol) -> Reason:
    """A transitional symbol is read from an old .config and never written (kconfig-language.rst, 6.18)."""
    names = heirs(case.index, symbol.name)
    values = ", ".join(f"{name}={case.final.get(name, 'n')}" for name in names) or "nobody"
    return Reason(
        RENAMED, f"is only read from old configs here; its value goes to {values}", symbol.definitions[0].origin,
        "transitional", tuple(name for name in names if not level(case.got(name))),
    )  # fmt: skip


def _invalid(case: Carried, symbol: Symbol) -> Reason:
    definition = symbol.definitions[0]
    asked = case.old.get(symbol.name, "m")
    text = f"is {symbol.kind} here: {asked} is invalid, and {_instead(case, symbol)}"
    return Reason(TYPE, text, definition.origin, _head(definition))


def _instead(case: Carried, symbol: Symbol) -> str:
    """What an option takes whose value is invalid: what it would have as a new one."""
    default, selected = case.default(symbol), case.selecting(symbol)
    if default and not level(case.got(symbol.name)):
        return f"{case.policy} does not take its default, {default.value} ({default.origin})"
    if default:
        return f"it took its default, {default.value} ({default.origin})"
    if selected:
        return f"it is selected by {selected.by} ({selected.origin})"
    off = symbol.kind in SWITCHES and not level(case.got(symbol.name))
    return "it took the value of a new option, n" if off else f"it is {case.got(symbol.name)} now"


def _hidden(case: Carried, symbol: Symbol, wanted: int) -> Reason | None:
    """The reason why nobody can set it: its prompt is hidden, or it has none."""
    shown = [one for one in symbol.definitions if one.prompt is not None]
    if not shown:
        return _derived(case, symbol, wanted)
    condition = case.closed([(*one.depends, *one.visible) for one in shown], wanted)
    if condition is None:
        return None
    if not any(condition in one.visible for one in shown):
        return _dependency(case, condition, wanted)
    return Reason(
        INVISIBLE, f"is hidden unless {condition.text}: {case.shown(condition.expr, wanted)}", condition.origin,
        f"if {condition.text}", case.parents(condition.expr, wanted),
    )  # fmt: skip


def _derived(case: Carried, symbol: Symbol, wanted: int) -> Reason:
    """A symbol without a prompt has what its defaults and the symbols that select it give it."""
    found = [
        _by_default(case, default, wanted) for definition in symbol.definitions for default in definition.defaults
    ]
    told = [one for one in found if one]
    if told:  # one whose symbols moved says more
        return min(told, key=lambda one: not any(map(case.moved, one.parents)))
    definition, got = symbol.definitions[0], level(case.got(symbol.name))
    text = f"what is on gives it {case.got(symbol.name)}" if got else "nothing that is on selects it"
    return Reason(DERIVED, f"has no prompt, and {text}", definition.origin, _head(definition))


def _by_default(case: Carried, default: Default, wanted: int) -> Reason | None:
    value, text = expr.parse(default.value), _default_text(default)
    whole = expr.And((value, default.condition.expr)) if default.condition else value
    parents, why = case.parents(whole, wanted), case.shown(whole, wanted)
    if expr.level(whole, case.final) is None:
        why = "conf alone can answer that"
    elif not parents:
        return None
    return Reason(DERIVED, f"is {text} by default: {why}", default.origin, f"default {text}", parents)


def _choice(case: Carried, symbol: Symbol) -> Reason | None:
    origin = next((one.choice for one in symbol.definitions if one.choice), "")
    taken = [name for name in case.index.choices.get(origin, ()) if case.got(name) == "y"]
    return Reason(CHOICE, f"the choice took {', '.join(taken)}", origin, "choice") if taken else None


def _off(case: Carried, symbol: Symbol) -> Reason:
    """Free to be on, and off: the old .config or the policy says so, or nobody said anything."""
    definition = symbol.definitions[0]
    asked = case.old.get(symbol.name)
    if asked == "n":
        return Reason(ASKED_OFF, "the old .config says n", definition.origin, f"# CONFIG_{symbol.name} is not set")
    unsure = case.unsure([(*one.depends, *one.visible) for one in symbol.definitions if one.prompt is not None])
    if unsure:
        return Reason(UNKNOWN, f"hangs on {unsure.text}, which conf alone can answer", unsure.origin)
    if asked is not None:
        text = f"was asked to be {asked}, could be, and is {case.got(symbol.name)} after {case.policy}"
        return Reason(UNKNOWN, text, definition.origin, _head(definition))
    default = case.default(symbol)
    if default:
        text = f"is not in the old .config, and {case.policy} does not take its default, {default.value}"
        return Reason(NEW, text, default.origin, f"default {_default_text(default)}")
    text = "is not in the old .config, and no default is seen to turn it on"
    return Reason(NEW, text, definition.origin, _head(definition))


def _raised(case: Carried, symbol: Symbol) -> Reason:
    """Higher than asked: selected, promoted, or an invalid m that took a default."""
    definition, asked, got = symbol.definitions[0], case.old.get(symbol.name), case.got(symbol.name)
    if symbol.kind == "bool" and asked == "m":
        return _invalid(case, symbol)
    if case.got("MODULES") != "y" and asked == "m":
        return Reason(MODULES, "there are no modules here, so that m became y", definition.origin, "", ("MODULES",))
    selected, default = case.selecting(symbol), case.default(symbol)
    if selected:
        return Reason(SELECT, f"is selected by {selected.by}", selected.origin, f"select {symbol.name}", (selected.by,))
    if origin := next((one.choice for one in symbol.definitions if one.choice), ""):
        return Reason(CHOICE, "is what the choice took", origin, "choice")
    if asked is None and default:
        text = f"is not in the old .config, and took its default, {default.value}"
        return Reason(NEW, text, default.origin, f"default {_default_text(default)}")
    return Reason(VALUE, f"became {got} after {case.policy}", definition.origin, _head(definition))


def _number(case: Carried, symbol: Symbol) -> Reason:
    """A number or a text: an invalid value, a hidden prompt, a limit, or a default of this tree."""
    definition, got = symbol.definitions[0], case.got(symbol.name)
    blocked = _blocked(case, symbol, 1)
    if blocked:
        return blocked
    if symbol.name in case.invalid:
        return _invalid(case, symbol)
    hidden = _hidden(case, symbol, 1) if symbol.prompted else None
    if hidden:
        return hidden
    default = case.default(symbol)
    if default and not symbol.prompted:
        text = f"has no prompt, and is {got} by default"
        return Reason(DERIVED, text, default.origin, f"default {_default_text(default)}")
    return Reason(VALUE, f"is {got} here: a default or a limit", definition.origin, _head(definition))


def _default_text(default: Default) -> str:
    return f"{default.value} if {default.condition.text}" if default.condition else default.value


def _head(definition: Definition) -> str:
    return definition.kind if definition.prompt is None else f'{definition.kind} "{definition.prompt}"'.strip()
