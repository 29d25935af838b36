"""Kconfig's .config text: read it, lay fragments over it, compare two of them.

Pure: text in, values out. Never runs conf; resolve.py does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ABSENT = "-"
SIZE_LIMIT = 4 * 2**20

_SET = re.compile(r"CONFIG_([A-Za-z0-9_]+)=(.*)")
_UNSET = re.compile(r"# CONFIG_([A-Za-z0-9_]+) is not set\s*")
_HARMLESS = re.compile(r'[A-Za-z0-9-]*|"[A-Za-z0-9 _.,:/+=()-]*"')
_OPTION = re.compile(r'["\s]-')  # a word that begins so
_VALUE = re.compile(r'[ymn]|-?[0-9]+|0[xX][0-9a-fA-F]+|"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Option:
    """One symbol's value in a file, and the `file:line` that says so; `n` for `is not set`."""

    symbol: str
    value: str
    origin: str


def parse(data: bytes, name: str) -> dict[str, Option]:
    """The options of a .config or a fragment, later lines over earlier ones.

    Raises UserError when it is no such file: empty, binary, too large, or with lines that Kconfig does not read.
    """
    hint = "give a .config as the kernel's build writes it, or a fragment of such lines"
    if len(data) > SIZE_LIMIT:
        raise UserError(f"{name}: {len(data)} bytes is too large for a .config", hint=hint)
    if b"\0" in data:
        raise UserError(f"{name}: binary data, not a .config", hint=hint)
    options: dict[str, Option] = {}
    wrong = []
    for number, line in enumerate(_lines(data.decode("utf-8", errors="replace")), 1):
        match = _SET.fullmatch(line) or _UNSET.fullmatch(line)
        if match and (match.re is _UNSET or _VALUE.fullmatch(match[2])):
            value = "n" if match.re is _UNSET else match[2]
            options[match[1]] = Option(match[1], value, f"{name}:{number}")
        elif line.strip() and not line.lstrip().startswith("#"):
            wrong.append(f"{name}:{number}: not a .config line")
    if wrong:
        more = [f"... and {len(wrong) - 5} more"] if len(wrong) > 5 else []  # noqa: PLR2004 - enough to see
        raise UserError(f"{name} is not a .config", details="\n".join(wrong[:5] + more), hint=hint)
    if not options:
        raise UserError(f"{name}: no CONFIG_ line in it", hint=hint)
    return options


def repeating(data: bytes) -> str:
    """The lines of a .config as they stand, if an option is set twice in it; nothing of any other.

    Of such an option conf takes the last value that is valid, and warns of each one more: "override: reassigning to
    symbol" (conf_read_simple in confdata.c). Only conf can say what becomes of it.
    """
    lines = _lines(data.decode("utf-8", errors="replace"))
    names = [match[1] for line in lines if (match := _SET.fullmatch(line) or _UNSET.fullmatch(line))]
    return "\n".join(lines).rstrip("\n") + "\n" if len(set(names)) < len(names) else ""


def _lines(text: str) -> list[str]:
    """The lines as conf has them (conf_read_simple in confdata.c): no other sign ends one, such as a form feed."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def values(text: str, name: str = ".config") -> dict[str, str]:
    """Symbol to value of a .config that conf wrote; none of the empty one that a refusal leaves."""
    if not text:
        return {}
    return {option.symbol: option.value for option in parse(text.encode(), name).values()}


def compose(layers: Sequence[Mapping[str, Option]]) -> dict[str, Option]:
    """One set of options of a base and the fragments over it."""
    merged: dict[str, Option] = {}
    for layer in layers:
        merged.update(layer)
    return merged


def harmless(text: str) -> bool:
    """Whether no string of a .config is more than words where make or a shell expands it: no $, no quote, no ;.

    Nor an option of a program that is given it: usr/Makefile hands INITRAMFS_SOURCE to gen_initramfs.sh, whose -o
    names a file to write. A list of files for an initramfs is a program's input as well, and is never harmless.
    """
    found = values(text)
    words = all(  # CC_*: conf's own words for the compiler; they have no prompt, so no .config sets them
        _HARMLESS.fullmatch(value) and (name.startswith("CC_") or not _OPTION.search(value))
        for name, value in found.items()
    )
    return words and found.get("INITRAMFS_SOURCE", '""') == '""'


def render(options: Iterable[Option]) -> str:
    """The text of a .config with each option once."""
    return "".join(f"{line(option.symbol, option.value)}\n" for option in options)


def line(symbol: str, value: str) -> str:
    """One line of a .config, as conf writes it."""
    return f"# CONFIG_{symbol} is not set" if value == "n" else f"CONFIG_{symbol}={value}"


def replaced(text: str, symbol: str, value: str) -> str:
    """The text with one option set, in a line at its end and nowhere else."""
    kept = [
        old
        for old in _lines(text.removesuffix("\n"))
        if not ((match := _SET.fullmatch(old) or _UNSET.fullmatch(old)) and match[1] == symbol)
    ]
    return "\n".join([*kept, line(symbol, value)]) + "\n"


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Symbol, asked and got, for each option that was asked for (not n) and has another value now.

    The union of keys counts: a line that vanished is `-`, which differs from n.
    """
    pairs = ((symbol, value, new.get(symbol, ABSENT)) for symbol, value in old.items())
    return tuple((symbol, value, got) for symbol, value, got in pairs if value not in {"n", got})
