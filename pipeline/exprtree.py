"""Kconfig's dependency expressions: text to a syntax tree and back.

Pure. Never gives an expression a value; expr.py does, over a .config.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

# Levels of the tree that parse() makes: every walk over it recurses once a level. No expression of the kernel's has 10.
DEPTH = 200
BARE = re.compile(r"[ymn]|-?[0-9]+|0[xX][0-9a-fA-F]+")  # a constant without quotes; no option is named so
_SIGNS = frozenset({"=", "!=", "<", ">", "<=", ">="})
_OPERATORS = _SIGNS | {"&&", "||", "!", "(", ")"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = re.compile(r"""["'\\$]""")
_PAREN = re.compile(r"[()]")
_IN_QUOTES = re.compile(r"""["'\\]|\$\(""")
_BLACK = re.compile(r"\S")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+|\$(?!\()")
_OPERATOR = re.compile(r"&&|\|\||!=|<=|>=|[=<>!()]")


@dataclass(frozen=True, slots=True)
class Symbol:
    """An option's name, without CONFIG_."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """y, m, n, a number or a string, without its quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What has no value here, as the file writes it: a macro, or a text that is no expression."""

    text: str


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values and one of =, !=, <, >, <=, >= between them; y or n, never m."""

    left: Operand
    sign: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Not:
    """y for n, m for m, n for y."""

    inner: Expr


@dataclass(frozen=True, slots=True)
class And:
    """The least of two or more operands; parse() makes none of them an And."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """The greatest of two or more operands; parse() makes none of them an Or."""

    operands: tuple[Expr, ...]


Operand: TypeAlias = Symbol | Constant | Unknown
Expr: TypeAlias = Operand | Compare | Not | And | Or


def macro_end(text: str, start: int) -> int:
    """The index after a macro whose `$(` is at start; the text's end when nothing closes it (preprocess.c)."""
    nested = 0
    for match in _PAREN.finditer(text, start + 1):
        nested += 1 if match[0] == "(" else -1
        if not nested:
            return match.end()
    return len(text)


def quote_end(text: str, start: int) -> int:
    """The index after a string whose quote is at start; the text's end when nothing closes it (STRING in lexer.l)."""
    at = start + 1
    while match := _IN_QUOTES.search(text, at):
        if match[0] == text[start]:
            return match.end()
        at = macro_end(text, match.start()) if match[0] == "$(" else match.end() + (match[0] == "\\")
    return len(text)


def unquoted(text: str) -> str:
    """What a string in quotes is; a text without quotes as it is."""
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return _ESCAPE.sub(r"\1", text[1:-1])
    return text


def is_string(text: str) -> bool:
    """Whether a text is one string in quotes, from its first character to its last."""
    return text[:1] in {'"', "'"} and len(text) == quote_end(text + " ", 0)


@lru_cache(maxsize=65536)
def parse(text: str) -> Expr:
    """The expression that a text is; Unknown(text) when it is none or is nested deeper than DEPTH. Raises nothing.

    `!A = B` is !(A = B): parser.y compares symbols only (6.1 to 7.3).
    """
    if _PLAIN.fullmatch(text):  # most are one symbol
        return _operand(text)
    found = _Parser(_tokens(text)).parse()
    return Unknown(text.strip()) if found is None else found


def render(expr: Expr) -> str:
    """The text of an expression, of which parse() makes that expression again."""
    match expr:
        case Symbol(text) | Unknown(text):
            return text
        case Constant(text):
            return text if BARE.fullmatch(text) else '"' + _ESCAPED.sub(r"\\\g<0>", text) + '"'
        case Compare(left, sign, right):
            return f"{render(left)} {sign} {render(right)}"
        case Not(inner):
            return f"!({render(inner)})" if isinstance(inner, And | Or | Compare) else f"!{render(inner)}"
    both, parts = isinstance(expr, And), []
    for operand in expr.operands:
        text = render(operand)
        parts.append(f"({text})" if both and isinstance(operand, Or) else text)
    return (" && " if both else " || ").join(parts)


def joined(kind: type[And | Or], parts: list[Expr]) -> Expr:
    """One or more parts under one And or Or, without those of their own kind."""
    flat: list[Expr] = []
    for part in parts:
        flat.extend(part.operands if isinstance(part, kind) else (part,))
    return kind(tuple(flat)) if len(flat) > 1 else flat[0]


def _tokens(text: str) -> list[str]:
    """The words of lexer.l; an empty one stands for a character that is in none."""
    tokens, at = [], 0
    while black := _BLACK.search(text, at):
        at = start = black.start()
        if text[at] in "\"'":
            at = quote_end(text, at)
        elif match := _OPERATOR.match(text, at):
            at = match.end()
        else:
            while (match := _PLAIN.match(text, at)) or text.startswith("$(", at):
                at = match.end() if match else macro_end(text, at)
        tokens.append(text[start:at])
        if at == start:
            break
    return tokens


def _operand(token: str) -> Operand:
    if "$(" in _ESCAPE.sub("", token):
        return Unknown(token)
    return Constant(unquoted(token)) if token[0] in "\"'" or BARE.fullmatch(token) else Symbol(token)


class _Group:
    """What stands between two parentheses: alternatives of conjuncts, all of them behind so many `!`."""

    def __init__(self, nots: int, depth: int) -> None:
        self.nots = nots
        self.depth = depth
        self.alternatives: list[list[Expr]] = [[]]

    def closed(self) -> Expr:
        return joined(Or, [joined(And, conjuncts) for conjuncts in self.alternatives])


class _Parser:
    """Reads tokens without recursion: each parenthesis opens a group."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.groups = [_Group(0, 0)]

    def parse(self) -> Expr | None:
        """The expression; None when the tokens are none."""
        while self._operand_read():
            while self._next() == ")" and len(self.groups) > 1:
                self.at += 1
                self._add(self.groups[-1].closed(), self.groups.pop().nots)
            if self._next() not in {"&&", "||"}:
                break
            if self._next() == "||":
                self.groups[-1].alternatives.append([])
            self.at += 1
        else:
            return None
        return self.groups[0].closed() if self.at == len(self.tokens) and len(self.groups) == 1 else None

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _add(self, expr: Expr, nots: int) -> None:
        for _ in range(nots):
            expr = Not(expr)
        self.groups[-1].alternatives[-1].append(expr)

    def _operand_read(self) -> bool:
        """Whether a symbol or a comparison was there, behind any number of `!` and `(`."""
        nots = 0
        while self._next() in {"!", "("}:
            nots += 1
            if self._next() == "(":  # adds an Or and an And at most
                self.groups.append(_Group(nots - 1, self.groups[-1].depth + nots + 1))
                nots = 0
            self.at += 1
            if self.groups[-1].depth + nots > DEPTH:
                return False
        left, sign, right = (*self.tokens[self.at : self.at + 3], "", "", "")[:3]
        compares = sign in _SIGNS
        if not _is_operand(left) or (compares and not _is_operand(right)):
            return False
        self._add(Compare(_operand(left), sign, _operand(right)) if compares else _operand(left), nots)
        self.at += 3 if compares else 1
        return True


def _is_operand(token: str) -> bool:
    return bool(token) and token not in _OPERATORS and (token[0] not in "\"'" or is_string(token))
