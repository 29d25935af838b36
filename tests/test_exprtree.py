from __future__ import annotations

from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import expr
from pipeline.exprtree import DEPTH

Kind = TypeVar("Kind", expr.And, expr.Or)
NAMES = st.sampled_from(["A", "B", "C", "D"])
VALUES = st.dictionaries(st.sampled_from(["A", "B", "C", "D", "MODULES"]), st.sampled_from("ymn"))
CONSTANTS = st.one_of(st.sampled_from(["y", "m", "n", "5", "0x1f", ""]), st.text(max_size=5)).map(expr.Constant)
OPERANDS = st.one_of(NAMES.map(expr.Symbol), CONSTANTS, st.just(expr.Unknown("$(x,(y) z)")))


def joined(kind: type[Kind]) -> st.SearchStrategy[expr.Expr]:
    parts = st.deferred(lambda: EXPRS).filter(lambda part: not isinstance(part, kind))
    return st.lists(parts, min_size=2, max_size=3).map(lambda found: kind(tuple(found)))


EXPRS: st.SearchStrategy[expr.Expr] = st.deferred(
    lambda: st.one_of(
        OPERANDS,
        st.builds(expr.Compare, OPERANDS, st.sampled_from(["=", "!=", "<", ">", "<=", ">="]), OPERANDS),
        st.builds(expr.Not, EXPRS),
        joined(expr.And),
        joined(expr.Or),
    )
)


def test_precedence_and_flat_operands() -> None:
    a, b, c = map(expr.Symbol, "ABC")
    assert expr.parse("A || B && C") == expr.Or((a, expr.And((b, c))))
    assert expr.parse("((A) && ((B && C)))") == expr.And((a, b, c))
    assert expr.parse("!A = B || C") == expr.Or((expr.Not(expr.Compare(a, "=", b)), c))
    assert expr.parse("64BIT") == expr.Symbol("64BIT")
    assert expr.parse("\t A  \t") == a


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "&&", "(", ")", "A &&", "((A)", "!", "A =", "A B", "A = B = C", "(A) = B", "A && & B", "A if B", '"A',
        "A.B", "é", "A || ()", "= A", "A # B",
    ],
)  # fmt: skip
def test_nonsense_is_unknown(text: str) -> None:
    assert expr.parse(text) == expr.Unknown(text.strip())


@pytest.mark.parametrize("text", ["$(cc-option,-mfoo -mbar)", "$(a,(b) $(c,'d'))", "$(m64-flag)x", '"$(shell,"a")"'])
def test_a_macro_is_one_word(text: str) -> None:
    assert expr.parse(f"A && {text}") == expr.And((expr.Symbol("A"), expr.Unknown(text)))


def test_an_open_macro_takes_the_rest() -> None:
    assert expr.parse("A && $(b,( && c)") == expr.And((expr.Symbol("A"), expr.Unknown("$(b,( && c)")))


def test_no_depth_exhausts_the_stack() -> None:
    for opening, closing in (("(", ")"), ("!", ""), ("!(A && (B || ", "))"), ("(A || ", ")")):
        deep = opening * 5000 + "A" + closing * 5000
        assert expr.parse(deep) == expr.Unknown(deep)
        for many in (50, 66, 67, 99, 100, 101, DEPTH - 1, DEPTH, DEPTH + 1):
            parsed = expr.parse(opening * many + "A" + closing * many)
            expr.blockers(parsed, {}, 2)
            expr.level(expr.unless(parsed, parsed), {})
            assert expr.parse(expr.render(parsed)) == parsed
    wide = " && ".join(["A"] * 20000)
    assert expr.symbols(expr.parse(wide)) == {"A"}


def test_symbols() -> None:
    assert expr.symbols(expr.parse('A && !(B = C || D > 5) && "E" && y && $(F)')) == {"A", "B", "C", "D"}


@given(EXPRS)
def test_what_is_rendered_is_parsed_again(one: expr.Expr) -> None:
    assert expr.parse(expr.render(one)) == one


@given(st.text(alphabet="AB ymn5&|!()=<>\"'$,\\#\n\tif-", max_size=40), VALUES)
def test_no_text_raises(text: str, values: dict[str, str]) -> None:
    parsed = expr.parse(text)
    found = expr.level(parsed, values)
    below = expr.blocking_terms(parsed, values, 2)
    assert (found is None) or (found < 2) == bool(below)
    assert set(expr.blockers(parsed, values)) <= expr.symbols(parsed) | {"MODULES"}
    assert expr.parse(expr.render(parsed)) == parsed
