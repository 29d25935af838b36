"""Frees disk: down to the cap, images that containers/ no longer names, and on demand all that can be made again.

Never touches what is not labelled as this project's, nor results/, nor what a running command uses.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pipeline import bootstrap, enginedisk, holdings, host, images, leases, objecttrees, space, treestore
from pipeline.engine import Engine

if TYPE_CHECKING:
    from pathlib import Path

CACHES = (
    "kernels", "boots", "resolutions", "slims", "sources", "configs", "trees", "folders", "git", "objects", "ccaches",
    "goals",
)  # fmt: skip


def prune(*, everything: bool) -> int:
    """Trim to the cap and remove images that are not current, or with `everything` all that nobody uses now; 0."""
    engine = Engine()
    cache = bootstrap.cache_folder()
    before = host.free_bytes(cache)
    engine.reap()
    with leases.starting(cache):
        idle = leases.since(cache) is None and not holdings.strangers(engine, cache)
        if not idle:
            bootstrap.say("a command is running: what it uses stays, and so do all images")
        removed = (_everything if everything else _unknown)(engine, cache) if idle else 0
    if not (everything and idle):
        space.trim(engine, cache, 0 if everything else space.cap(cache))
    freed = max(0, host.free_bytes(cache) - before) / 2**30
    bootstrap.say(f"removed {removed} image(s), freed {freed:.1f} GiB")
    return 0


def _unknown(engine: Engine, cache: Path) -> int:
    """Remove trees that no note names, and images that containers/ does not; how many images."""
    tools = holdings.tools(enginedisk.images(engine))
    if tools:
        treestore.remove_unknown(engine, tools, cache)
    return enginedisk.prune_images(engine, images.current(), objecttrees.LABEL)


def _everything(engine: Engine, cache: Path) -> int:
    removed = enginedisk.prune_images(engine, set())
    enginedisk.remove_volumes(engine)
    for name in CACHES:
        shutil.rmtree(cache / name, ignore_errors=True)
    (cache / "space.json").unlink(missing_ok=True)
    return removed
