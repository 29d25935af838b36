"""Keeps what this project takes of the disk under a cap: what was used least recently is removed.

Never removes what a running command or a container uses.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import bootstrap, ccache, enginedisk, holdings, host, inventory, leases
from pipeline.errors import HostError, UserError
from pipeline.items import CCACHE, GIB, removable, told

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.items import Item

VARIABLE = "HVMATRIX_DISK"
DEFAULT = 30 * GIB
PART = 3  # of the disk that holds the cache: the default is at most its third
SHARE = 5  # a compiler cache has at most a fifth of the cap
ROOM = 0.8  # of that is left of one that grew over it: it is not trimmed after every build


def cap(cache: Path, environment: Mapping[str, str] = os.environ) -> int:
    """The most bytes that this project may take: HVMATRIX_DISK in GiB, else 30 GiB or a third of a smaller disk.

    Raises UserError for what is no number of GiB.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return min(DEFAULT, host.disk_bytes(cache) // PART)
    try:
        size = int(float(text) * GIB)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise UserError(f"{VARIABLE}={text}: not a size", hint=f"give a number of GiB above 0, such as {VARIABLE}=30")
    return size


def trim(
    engine: Engine, cache: Path, most: int, *, own: bool = True, keep: Collection[str] = (),
    say: Callable[[str], None] = bootstrap.say,
) -> int:  # fmt: skip
    """Remove what was used least recently until at most so many bytes are taken; the bytes that were freed.

    What a running command used since it began stays, and with `own` what this process used. So do kernels and object
    trees whose keys are in `keep`. Raises HostError when the engine fails.
    """
    there = [
        replace(item, fixed=item.fixed or item.name.rpartition("/")[2] in keep)
        for item in inventory.items(engine, cache, own=own)
    ]
    found = [_trimmed(engine, item, most // SHARE, int(most // SHARE * ROOM)) for item in there]
    left = sum(item.bytes for item in found)
    gone: list[Item] = []
    staying: set[str] = set()
    for item in removable(found, leases.since(cache, own=own)):
        if left <= most:
            break
        if item.id not in staying and _removed(engine, cache, item, own=own):
            gone.append(item)
            left -= item.bytes
        else:
            staying |= {item.id, *item.on}
    for item in found:
        if left > most and item.name == ccache.SHARED:
            left -= item.bytes - _trimmed(engine, item, 0, item.bytes - (left - most)).bytes
    freed = sum(item.bytes for item in there) - left
    if freed:
        inventory.forget(cache, gone)
        smaller = freed > sum(item.bytes for item in gone)
        parts = [f"removed {told(gone)}"] * bool(gone) + ["trimmed compiler caches"] * smaller
        say(f"disk: {' and '.join(parts)}, {freed / GIB:.2f} GiB; {left / GIB:.2f} GiB are in use")
    return freed


def _trimmed(engine: Engine, item: Item, most: int, target: int) -> Item:
    """A compiler cache with more than `most` bytes, trimmed to `target`; anything else as it is."""
    if item.kind != CCACHE or item.bytes <= most:
        return item
    try:
        size = ccache.trim(engine, holdings.tools(enginedisk.images(engine)), item.name, target)
    except HostError:  # such as no disk for a container
        return item
    return replace(item, bytes=min(size, item.bytes))


def _removed(engine: Engine, cache: Path, item: Item, *, own: bool) -> bool:
    try:
        return inventory.remove(engine, cache, item, own=own)
    except HostError:  # the same
        return False
