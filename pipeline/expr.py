"""The value of Kconfig's expressions over a given .config, and who is to blame for it.

Pure. Never computes what an option would become, and never answers a macro such as $(cc-option,...): only conf can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.exprtree import (
    BARE,
    And,
    Compare,
    Constant,
    Expr,
    Not,
    Operand,
    Or,
    Symbol,
    Unknown,
    joined,
    parse,
    render,
    unquoted,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LEVELS", "And", "Compare", "Constant", "Expr", "Not", "Or", "Symbol", "Unknown", "blockers", "blocking_terms",
    "level", "parse", "render", "symbols", "unless",
]  # fmt: skip

LEVELS = {"n": 0, "m": 1, "y": 2}
_ANY = (0, 2)
_DIGITS = 18
_ZEROS = frozenset({"", "0", "0x0"})


def level(expr: Expr, values: Mapping[str, str]) -> int | None:
    """0 for n, 1 for m, 2 for y, with the values of a .config; None when it hangs on what is unknown.

    A symbol that the .config lacks is n. As a number or a string it is unknown: conf takes 0, "" or the symbol's name.
    """
    low, high = _span(expr, values)
    return low if low == high else None


def blockers(expr: Expr, values: Mapping[str, str], wanted: int = 1) -> tuple[str, ...]:
    """The symbols that hold an expression below a level (1 m, 2 y), sorted; none when it may well reach it.

    None, too, when constants alone hold it, as in `depends on n`.
    """
    return tuple(sorted(_holders(expr, values, wanted, below=True)))


def blocking_terms(expr: Expr, values: Mapping[str, str], wanted: int) -> tuple[Expr, ...]:
    """The operands of the topmost && that are surely below a level (1 m, 2 y), in order; without && the whole."""
    terms = expr.operands if isinstance(expr, And) else (expr,)
    return tuple(term for term in terms if _span(term, values)[1] < wanted)


def symbols(expr: Expr) -> frozenset[str]:
    """Every symbol that an expression names."""
    found: set[str] = set()
    left: list[Expr] = [expr]
    while left:
        match left.pop():
            case Symbol(name):
                found.add(name)
            case And(operands) | Or(operands):
                left.extend(operands)
            case Not(inner):
                left.append(inner)
            case Compare(one, _, other):
                left.extend((one, other))
    return frozenset(found)


def unless(expr: Expr, condition: Expr) -> Expr:
    """What `depends on A if B` asks for: A || (B = n), which is not A || !B when B is m.

    Source: menu_add_dep() in menu.c, expr_trans_compare() in expr.c, 7.3.
    """
    return joined(Or, [_is_n(condition), expr])


def _is_n(expr: Expr) -> Expr:
    if isinstance(expr, Symbol | Constant):
        return Compare(expr, "=", Constant("n"))
    if isinstance(expr, Not):
        return Not(_is_n(expr.inner))
    if isinstance(expr, And | Or):
        return joined(Or if isinstance(expr, And) else And, list(map(_is_n, expr.operands)))
    return Not(expr)


def _span(expr: Expr, values: Mapping[str, str]) -> tuple[int, int]:
    """The least and the greatest level that an expression can have, whatever its unknown parts are."""
    low, high = _ANY
    match expr:
        case Constant("m"):  # rewrite_m() in menu.c: m is m && MODULES
            low = high = int(values.get("MODULES") != "n")
        case Constant(text):
            low = high = LEVELS.get(text, 0)
        case Symbol(name):
            low = high = LEVELS.get(values.get(name, "n"), 0)
        case Compare():
            holds = _compared(expr, values)
            low, high = _ANY if holds is None else (2 * holds, 2 * holds)
        case Not(inner):
            least, most = _span(inner, values)
            low, high = 2 - most, 2 - least
        case And(operands) | Or(operands):
            pick = min if isinstance(expr, And) else max
            low, high = _span(operands[0], values)
            for operand in operands[1:]:
                least, most = _span(operand, values)
                low, high = pick(low, least), pick(high, most)
    return low, high


def _holders(expr: Expr, values: Mapping[str, str], limit: int, *, below: bool) -> frozenset[str]:
    """The symbols that hold an expression below a limit, or at it or above."""
    low, high = _span(expr, values)
    found: frozenset[str] = frozenset()
    if high >= limit if below else low < limit:
        return found
    match expr:
        case Constant("m") if not high:
            found = frozenset({"MODULES"})
        case Symbol() | Compare():
            found = symbols(expr)
        case Not(inner):
            found = _holders(inner, values, 3 - limit, below=not below)
        case And(operands) | Or(operands):
            for operand in operands:
                found |= _holders(operand, values, limit, below=below)
    return found


def _compared(expr: Compare, values: Mapping[str, str]) -> bool | None:
    """Whether a comparison holds: numbers as numbers, all else as strings (__expr_calc_value() in expr.c)."""
    if isinstance(expr.left, Unknown) or isinstance(expr.right, Unknown):
        return None
    left, right = _value(expr.left, values), _value(expr.right, values)
    present = left if right is None else right
    if (left is None or right is None) and present is not None and present not in LEVELS:
        # a symbol that is absent and no bool is 0, "" or its own name; which of them, .config does not say
        unsure = expr.sign not in {"=", "!="} or present in _ZEROS
        return None if unsure else expr.sign == "!="
    order = _order("n" if left is None else left, "n" if right is None else right)
    return {"=": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[
        expr.sign
    ]


def _value(side: Operand, values: Mapping[str, str]) -> str | None:
    if isinstance(side, Symbol):
        found = values.get(side.name)
        return None if found is None else unquoted(found)
    return side.text


def _order(left: str, right: str) -> int:
    one, other = _number(left), _number(right)
    if one is None or other is None:
        return (left > right) - (left < right)
    return (one > other) - (one < other)


def _number(text: str) -> int | None:
    """The number that a text is; None for another text, and for what a C long long does not hold."""
    if len(text) > _DIGITS or not BARE.fullmatch(text):
        return None
    return LEVELS[text] if text in LEVELS else int(text, 16 if text[:2] in {"0x", "0X"} else 10)
