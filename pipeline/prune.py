"""Frees disk: images of this project that its files no longer name, and on demand all that can be made again.

Never touches what is not labelled as this project's, nor results/.
"""

from __future__ import annotations

import shutil

from pipeline import bootstrap, build, host, images
from pipeline.engine import Engine

CACHES = ("kernels", "boots", "resolutions", "sources")


def prune(*, everything: bool) -> int:
    """Remove images and, with `everything`, the caches as well; 0."""
    engine = Engine()
    cache = bootstrap.cache_folder()
    before = host.free_bytes(cache)
    engine.reap()
    keep = set() if everything else images.current()
    removed = engine.prune_images(keep)
    if everything:
        engine.remove_volume(build.CCACHE_VOLUME)
        for name in CACHES:
            shutil.rmtree(cache / name, ignore_errors=True)
    freed = max(0, host.free_bytes(cache) - before) / 2**30
    bootstrap.say(f"removed {removed} image(s), freed {freed:.1f} GiB")
    return 0
