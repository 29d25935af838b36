"""Evaluates Kconfig's dependency expressions over the values of a .config.

Pure. Grammar: Documentation/kbuild/kconfig-language.rst, "Menu dependencies".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = {"n": 0, "m": 1, "y": 2}
COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">="})
_TOKEN = re.compile(r'\s*(&&|\|\||!=|<=|>=|=|<|>|!|\(|\)|"[^"]*"|[A-Za-z0-9_./-]+)')


@dataclass(frozen=True, slots=True)
class _Term:
    """A level, the symbols that hold it at n, and all symbols in it."""

    level: int
    low: frozenset[str]
    names: frozenset[str]


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
            level = max(term.level, other.level)
            low = frozenset[str]() if level else term.low | other.low
            term = _Term(level, low, term.names | other.names)
        return term

    def _both(self) -> _Term:
        term = self._unary()
        while self._at("&&"):
            self._next()
            other = self._unary()
            term = _Term(min(term.level, other.level), term.low | other.low, term.names | other.names)
        return term

    def _unary(self) -> _Term:
        word = self._next()
        if word == "!":
            inner = self._unary()
            level = 2 - inner.level
            return _Term(level, frozenset() if level else inner.names, inner.names)
        if word == "(":
            inner = self.either()
            self._next()
            return inner
        if self.tokens and self.tokens[0] in COMPARISONS:
            return self._comparison(word)
        level = LEVELS.get(self._value(word), 0)
        return _Term(level, frozenset() if level else frozenset({word}), frozenset({word}))

    def _comparison(self, left: str) -> _Term:
        operator, right = self._next(), self._next()
        equal = self._value(left) == self._value(right)
        # order comparisons are of numbers, which no option of ours depends on: taken as true, so never blamed
        truth = {"=": equal, "!=": not equal}.get(operator, True)
        names = frozenset({left})
        return _Term(2 if truth else 0, frozenset() if truth else names, names)

    def _value(self, word: str) -> str:
        return self.values.get(word, word if word in LEVELS else "n").strip('"')


def blocking(text: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The symbols that make an expression n; none when it is m or y, or when a trailing `if` does not apply."""
    main, _, condition = text.partition(" if ")
    if condition and not _Parser(condition, values).either().level:
        return ()
    term = _Parser(main, values).either()
    return () if term.level else tuple(sorted(term.low))
