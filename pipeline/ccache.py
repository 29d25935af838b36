"""The compiler caches: volumes of the engine, and how ccache is to use them.

What a tree runs can write anything into the cache that it is given. So Debian's own trees, which apt has checked, share
one; every other tree only reads that one, and writes to one of its own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipeline import enginedisk

if TYPE_CHECKING:
    from pipeline.engine import Engine
    from pipeline.values import Tree

PREFIX = "hvmatrix-ccache"
SHARED = f"{PREFIX}-debian"
OWN_FOLDER, SHARED_FOLDER = "/ccache", "/ccache-debian"


def volume(tree: Tree) -> str:
    """The volume that builds of a tree write to."""
    if tree.digest.startswith("deb:"):
        return SHARED
    return f"{PREFIX}-{hashlib.sha256((tree.owner or tree.digest).encode()).hexdigest()[:12]}"


def mounted(engine: Engine, tree: Tree) -> dict[str, dict[str, str]]:
    """The volumes of a container that builds a tree, made if need be."""
    own = volume(tree)
    volumes = {own: {"bind": OWN_FOLDER, "mode": "rw"}}
    if own != SHARED:
        volumes[SHARED] = {"bind": SHARED_FOLDER, "mode": "ro"}
    for name in volumes:
        engine.ensure_volume(name)
    return volumes


def environment(tree: Tree) -> dict[str, str]:
    """What tells ccache where to look.

    Everything is in its "remote" storages, as only those can be several and read-only (ccache 4.11, CONFIGURATION).
    The direct mode is off: autoconf.h holds the kernel's own release, so it would never hit; and it cannot see a new
    header that takes another's place in an include path.
    """
    storages = [f"file:{OWN_FOLDER}"]
    if volume(tree) != SHARED:
        storages.append(f"file:{SHARED_FOLDER}|read-only")
    return {
        "CCACHE_DIR": "/tmp/ccache",  # noqa: S108 - in the container
        "CCACHE_CONFIGPATH": "/dev/null",
        "CCACHE_REMOTE_ONLY": "1",
        "CCACHE_REMOTE_STORAGE": " ".join(storages),
        "CCACHE_COMPILERCHECK": "content",
        "CCACHE_NODIRECT": "1",
    }


def forget(engine: Engine) -> None:
    """Remove every compiler cache that nobody uses now."""
    enginedisk.remove_volumes(engine, PREFIX)
