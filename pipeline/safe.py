"""Text of a guest, a tree or a config made fit to be written into something else.

Pure. What cannot be printed is shown as a question mark: escapes, lone surrogates, bidirectional overrides, and what
XML has no way to write.
"""

from __future__ import annotations

from pipeline.proof import clean


def line(text: object) -> str:
    """Text as one line of printable characters, its blanks folded."""
    return "".join(one if one.isprintable() else "?" for one in " ".join(clean(str(text)).split()))


def lines(text: object) -> list[str]:
    """Text as lines of printable characters, their blanks kept; tabs become four."""
    found = clean(str(text)).expandtabs(4).splitlines()
    return ["".join(one if one.isprintable() else "?" for one in row).rstrip() for row in found]


def tree(value: object) -> object:
    """A value of JSON with every text in it, keys too, as `block` gives it."""
    if isinstance(value, str):
        return block(value)
    if isinstance(value, dict):
        return {line(key): tree(one) for key, one in value.items()}
    return [tree(one) for one in value] if isinstance(value, list | tuple) else value


def block(text: object) -> str:
    """Text of several lines, each made printable."""
    return "\n".join(lines(text))
