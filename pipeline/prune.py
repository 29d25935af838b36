"""Frees disk: images of this project that its files no longer name, and on demand all that can be made again.

Never touches what is not labelled as this project's, nor results/.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pipeline import atomic, bootstrap, enginedisk, host, images, treestore
from pipeline.engine import Engine

if TYPE_CHECKING:
    from pathlib import Path

CACHES = ("kernels", "boots", "resolutions", "slims", "sources", "configs", "trees", "folders", "git", "objects")


def _forget_trees(cache: Path) -> None:
    """Forget the trees that no Debian source led to last: a patched or copied one is quickly made again."""
    notes = (atomic.read_json(path) for path in (cache / "sources").glob("*.json"))
    keep = {treestore.key(str(note["digest"])) for note in notes if isinstance(note, dict) and "digest" in note}
    for path in (cache / "trees").glob("*.json"):
        if path.stem not in keep:
            path.unlink(missing_ok=True)


def prune(*, everything: bool) -> int:
    """Remove images and, with `everything`, the caches as well; 0."""
    engine = Engine()
    cache = bootstrap.cache_folder()
    before = host.free_bytes(cache)
    engine.reap()
    current = images.current()
    tools = next((tag for tag in sorted(current) if "toolchain" in tag and engine.labels(tag) is not None), None)
    if tools and not everything:
        _forget_trees(cache)
        treestore.remove_unknown(engine, tools, cache)
    removed = enginedisk.prune_images(engine, set() if everything else current)
    if everything:
        enginedisk.remove_volumes(engine)
        for name in CACHES:
            shutil.rmtree(cache / name, ignore_errors=True)
    freed = max(0, host.free_bytes(cache) - before) / 2**30
    bootstrap.say(f"removed {removed} image(s), freed {freed:.1f} GiB")
    return 0
