"""Frees disk: images of this project that its files no longer name, and on demand all that can be made again.

Never touches what is not labelled as this project's, nor results/.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pipeline import atomic, bootstrap, host, images
from pipeline.engine import Engine

if TYPE_CHECKING:
    from pathlib import Path

CACHES = ("kernels", "boots", "resolutions", "sources")


def _trees(cache: Path) -> set[str]:
    """The trees that the sources of a matrix led to last; a patched or copied tree is quickly made again."""
    notes = (atomic.read_json(path) for path in (cache / "sources").glob("*.json"))
    return {str(note["image"]) for note in notes if isinstance(note, dict) and "image" in note}


def prune(*, everything: bool) -> int:
    """Remove images and, with `everything`, the caches as well; 0."""
    engine = Engine()
    cache = bootstrap.cache_folder()
    before = host.free_bytes(cache)
    engine.reap()
    keep = set() if everything else images.current() | _trees(cache)
    removed = engine.prune_images(keep)
    if everything:
        engine.prune_volumes()
        for name in CACHES:
            shutil.rmtree(cache / name, ignore_errors=True)
    freed = max(0, host.free_bytes(cache) - before) / 2**30
    bootstrap.say(f"removed {removed} image(s), freed {freed:.1f} GiB")
    return 0
