"""The chain of causes above a change, and the changes of a resolution as a tree: what was lost, under its cause.

Pure: changes in, names and lines out. Never says why; that is in the changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.proof import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MOST_DEPTH = 50
ALWAYS = frozenset({reasons.HAZARD, reasons.REFUSED})


@dataclass(frozen=True, slots=True)
class Node:
    """A change and those that it is the cause of."""

    change: Mapping[str, Any]
    below: tuple[Node, ...]


def above(names: Iterable[str], parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names and all that stands above them, each once, from below.

    `parents` has every change with what took it along, and with that the names; a parent that is no change is left out.
    """
    found = dict.fromkeys(names)
    waiting = list(found)
    while waiting:
        more = [name for name in parents[waiting.pop(0)] if name in parents and name not in found]
        found |= dict.fromkeys(more)
        waiting += more
    return tuple(found)


def tops(names: Sequence[str], parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Those of `above` with nothing above them; the names themselves in a ring, which no tree's conf takes."""
    found = (name for name in above(names, parents) if not any(parent in parents for parent in parents[name]))
    return tuple(found) or tuple(names)


def forest(changes: Sequence[Mapping[str, Any]], wanted: Iterable[str]) -> tuple[Node, ...]:
    """The trees that hold the changes whose symbol matches one of the globs, and what stands above them.

    What keeps a guest from coming up, and what a policy refused, is shown whatever the globs are.
    """
    by_name = {str(change["symbol"]): change for change in changes}
    words = set(wanted)
    globs = [word for word in words if not word.replace("_", "").isalnum()]  # the others mean one name each
    shown = {name for name in by_name if name in words or any(fnmatchcase(name, glob) for glob in globs)}
    shown |= {name for name, change in by_name.items() if change["kind"] in ALWAYS}
    shown = set(above(shown, {name: change["parents"] for name, change in by_name.items()}))
    under: dict[str, list[str]] = {}
    roots = []
    for name in (name for name in by_name if name in shown):
        parents = [parent for parent in by_name[name]["parents"] if parent in shown]
        if parents:
            under.setdefault(parents[0], []).append(name)
        else:
            roots.append(name)
    placed: set[str] = set()
    found = [_node(name, by_name, under, placed, 0) for name in roots]
    # what is left hangs on itself in a ring; it is shown all the same
    found += [_node(name, by_name, under, placed, 0) for name in by_name if name in shown and name not in placed]
    return tuple(found)


def _node(
    name: str, by_name: Mapping[str, Mapping[str, Any]], under: Mapping[str, list[str]], placed: set[str], depth: int,
) -> Node:  # fmt: skip
    placed.add(name)
    names = [one for one in under.get(name, ()) if one not in placed] if depth < MOST_DEPTH else []
    below = [_node(one, by_name, under, placed, depth + 1) for one in names if one not in placed]
    return Node(by_name[name], tuple(below))


def lines(nodes: Iterable[Node]) -> list[str]:
    """The trees as text for a terminal, each option with what was asked where, what came of it, and why."""
    return [clean(line) for node in nodes for line in _lines(node, "")]


def _lines(node: Node, indent: str) -> Iterator[str]:
    change = node.change
    asked = f", asked at {change['asked_at']}" if change.get("asked_at") else ""
    yield f"{indent}{change['symbol']}: {change['asked']} → {change['got']}{asked}"
    yield f"{indent}    {change['kind']}: {change['cause']}"
    if change["where"]:
        yield f"{indent}    {change['where']}: {change['text']}".rstrip(": ")
    if change["warning"]:
        yield f"{indent}    printed: {change['warning']}"
    if len(change["parents"]) > 1:
        yield f"{indent}    above it: {', '.join(change['parents'])}"
    for below in node.below:
        yield from _lines(below, indent + "  ")
