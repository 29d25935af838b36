"""Evaluates Kconfig's dependency expressions over the values of a .config.

Pure. Grammar: Documentation/kbuild/kconfig-language.rst, "Menu dependencies".
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEVELS = {"n": 0, "m": 1, "y": 2}
DEPTH = 200
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_NOBODY = frozenset[str]()
_CONSTANT = re.compile(r"[ymn]|\d+|0x[0-9a-fA-F]+")
_TOKEN = re.compile(r"""\s*(&&|\|\||!=|<=|>=|=|<|>|!|\(|\)|"[^"]*"|'[^']*'|[A-Za-z0-9_./-]+)""")


@dataclass(frozen=True, slots=True)
class _Term:
    """A level, the symbols that hold it at n, and those that hold it at y."""

    level: int
    low: frozenset[str]
    high: frozenset[str]


def _term(level: int, low: frozenset[str], high: frozenset[str]) -> _Term:
    return _Term(level, low if level == 0 else _NOBODY, high if level == LEVELS["y"] else _NOBODY)


class _Parser:
    def __init__(self, text: str, values: Mapping[str, str]) -> None:
        self.tokens: list[str] = _TOKEN.findall(text)
        self.values = values

    def _next(self) -> str:
        return self.tokens.pop(0) if self.tokens else ""

    def _at(self, token: str) -> bool:
        return bool(self.tokens) and self.tokens[0] == token

    def either(self) -> _Term:
        term = self._both()
        while self._at("||"):
            self._next()
            other = self._both()
            term = _term(max(term.level, other.level), term.low | other.low, term.high | other.high)
        return term

    def _both(self) -> _Term:
        term = self._unary()
        while self._at("&&"):
            self._next()
            other = self._unary()
            term = _term(min(term.level, other.level), term.low | other.low, term.high | other.high)
        return term

    def _unary(self) -> _Term:
        word = self._next()
        if word == "!":
            inner = self._unary()
            return _term(LEVELS["y"] - inner.level, inner.high, inner.low)
        if word == "(":
            inner = self.either()
            self._next()
            return inner
        if self.tokens and self.tokens[0] in COMPARISONS:
            return self._comparison(word)
        return _term(LEVELS.get(self._value(word), 0), frozenset({word}), frozenset({word}))

    def _comparison(self, left: str) -> _Term:
        sign, right = self._next(), self._next()
        truth = _holds(sign, self._value(left), self._value(right))
        return _term(LEVELS["y"] if truth else 0, frozenset({left}), frozenset({left}))

    def _value(self, word: str) -> str:
        if word[:1] in {'"', "'"} or _CONSTANT.fullmatch(word):
            return word.strip("\"'")
        return self.values.get(word, "n").strip('"')


def _holds(sign: str, left: str, right: str) -> bool:
    if sign in {"=", "!="}:
        return (left == right) == (sign == "=")
    try:
        return COMPARISONS[sign](int(left, 0), int(right, 0))
    except ValueError:
        return True  # of no number nothing is claimed


def blocking(text: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The symbols that make an expression n; none when it is m or y, or when a trailing `if` does not apply."""
    if "$(" in text:  # a macro, such as a question to the compiler, which only conf can answer
        return ()
    if text.count("(") + text.count("!") > DEPTH:  # no expression of the kernel's comes near it
        return ()
    main, _, condition = text.partition(" if ")
    if condition and not _Parser(condition, values).either().level:
        return ()
    term = _Parser(main, values).either()
    return () if term.level else tuple(sorted(term.low))
