"""What takes disk, as values: which of it was used least recently, and what stands on what.

Pure. Never asks what is used now; leases.py does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GIB = 2**30
MIB = 2**20
# Kinds, as they are told; an `s` makes them several.
OBJECTS, KERNEL, BOOT, CCACHE, TREE = "object tree", "kernel", "boot", "compiler cache", "kernel tree"
MIRROR, NOTE, LEFT, IMAGE = "git copy", "note", "left-over", "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that can be made again: `name` is a path in the cache, or what the engine's part is called.

    `used` is when it was used last (seconds since 1970). `on` are the ids of what must stay as long as it is there.
    What is `fixed` counts, and is not removed: every run needs it, or it is not ours to judge.
    """

    kind: str
    name: str
    bytes: int
    used: float
    on: tuple[str, ...] = ()
    fixed: bool = False

    @property
    def id(self) -> str:
        """What names it among all items."""
        return identity(self.kind, self.name)


def identity(kind: str, name: str) -> str:
    """The id of an item."""
    return f"{kind} {name}"


def order(items: Iterable[Item]) -> list[Item]:
    """The items, least recently used first. What others stand on was used when they were, and comes after them."""
    known = {item.id: item for item in items}
    used = {name: item.used for name, item in known.items()}
    depth = dict.fromkeys(known, 0)
    for item in known.values():
        level = {item.id}
        while level and depth[item.id] < len(known):  # damaged notes could go in circles
            level = {below for one in level for below in known[one].on if below in known}
            depth[item.id] += bool(level)
            used |= {below: max(used[below], item.used) for below in level}
    return sorted(known.values(), key=lambda item: (used[item.id], -depth[item.id], item.id))


def removable(items: Sequence[Item], since: float | None) -> list[Item]:
    """What could be removed, in order: not fixed, not used since, and nothing that stays stands on it."""
    carried = Counter(below for item in items for below in item.on)
    found = []
    for item in order(items):
        if not item.fixed and (since is None or item.used < since) and not carried[item.id]:
            carried.subtract(item.on)
            found.append(item)
    return found


def told(items: Iterable[Item]) -> str:
    """How many of each kind, in words."""
    kinds = [item.kind for item in items]
    return ", ".join(f"{kinds.count(kind)} {kind}{'s' * (kinds.count(kind) > 1)}" for kind in dict.fromkeys(kinds))
