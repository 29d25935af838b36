"""Says why an option does not have the value that was asked for: each change with its cause, and the cause above it.

Pure: what conf printed and the tree's Kconfig text in, causes out. Values are conf's, rules are reasons.py's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import hyperv, kconfig, reasons, told
from pipeline.carried import Carried, heirs, level
from pipeline.values import Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.kconfigtree import Index
    from pipeline.values import Resolution


def explained(resolution: Resolution, index: Index, policy: str) -> Resolution:
    """The resolution with every change in it, and each option that is the cause of one.

    `policy` is the name of the way in which it was carried over. One that refused and made no new .config says nothing
    of any option but of those that it names.
    """
    if resolution.absent:
        return resolution
    printed = told.told(resolution.stdout, resolution.stderr)
    final = kconfig.values(resolution.final)
    invalid = frozenset(one.invalid for one in printed if one.invalid)
    case = Carried(index, kconfig.values(resolution.old), final, policy, invalid)
    meant = meant_by(case.old, index)
    found: dict[str, Change] = {}
    if not (resolution.exit_status and resolution.final in {"", resolution.old}):
        _explain(case, meant, printed, found)
    if resolution.exit_status:
        _refusals(case, printed, found)
    found |= {name: _hazard(case, name) for name in hyperv.HAZARDS if hyperv.core(final) and final.get(name) == "y"}
    declared = (index.symbols.get(symbol) for symbol in hyperv.SYMBOLS)
    names = tuple(symbol.name for symbol in declared if symbol and not symbol.transitional)
    return replace(resolution, changes=tuple(found.values()), declared=names)


def meant_by(old: Mapping[str, str], index: Index) -> dict[str, str]:
    """What an old .config asks of a tree for options that it has no line for, by what its own options stood for.

    The heirs of an option that is only read have its value; HYPERV stood for VMBus where that was no option (6.17).
    """
    found: dict[str, str] = {}
    for name, value in old.items():
        symbol = index.symbols.get(name)
        if symbol and symbol.transitional and value in {"y", "m"}:
            found |= {heir: "y" if index.symbols[heir].kind == "bool" else value for heir in heirs(index, name)}
    found |= hyperv.meant(old, index.symbols)
    return {name: value for name, value in found.items() if name not in old}


def _explain(
    case: Carried, meant: Mapping[str, str], printed: Sequence[told.Told], found: dict[str, Change],
) -> None:  # fmt: skip
    waiting = [symbol for symbol, _, _ in kconfig.differing(case.old, case.final)]
    waiting += [symbol for symbol, value in meant.items() if level(case.got(symbol)) < level(value)]
    while waiting:
        symbol = waiting.pop(0)
        if symbol not in found:
            found[symbol] = _change(case, symbol, meant, printed)
            waiting += found[symbol].parents


def _change(case: Carried, symbol: str, meant: Mapping[str, str], printed: Sequence[told.Told]) -> Change:
    why = reasons.reason(case, symbol)
    asked = case.old.get(symbol, meant.get(symbol, kconfig.ABSENT))
    return Change(
        symbol=symbol, asked=asked, got=case.got(symbol), kind=why.kind, cause=why.text, where=why.where,
        text=why.line, parents=tuple(name for name in why.parents if name != symbol), warning=_said(symbol, printed),
    )  # fmt: skip


def _said(symbol: str, printed: Sequence[told.Told]) -> str:
    return next((one.text for one in printed if symbol in one.symbols), "")


def _refusals(case: Carried, printed: Sequence[told.Told], found: dict[str, Change]) -> None:
    """The options that a policy named when it refused, and whose values tell nothing of that."""
    named = dict.fromkeys(name for one in printed for name in sorted(one.symbols) if name in case.old)
    for name in (name for name in named if name not in found):
        symbol, asked, what = case.index.symbols.get(name), case.old[name], "is named"
        if symbol is None:
            what = "is not declared in this tree"
        elif name in case.invalid:
            what = f"is {symbol.kind} here: {asked} is invalid"
        found[name] = Change(
            symbol=name, asked=asked, got=case.got(name), kind=reasons.REFUSED,
            cause=f"{what}, and {case.policy} refuses",
            where=symbol.definitions[0].origin if symbol else "", warning=_said(name, printed),
        )  # fmt: skip


def _hazard(case: Carried, name: str) -> Change:
    """An option that is on and keeps a guest from coming up."""
    symbol = case.index.symbols.get(name)
    origin = symbol.definitions[0].origin if symbol else ""
    asked = case.old.get(name, kconfig.ABSENT)
    return Change(
        symbol=name, asked=asked, got="y", kind=reasons.HAZARD, cause=hyperv.HAZARDS[name], where=origin,
    )  # fmt: skip
