"""The compiler caches: volumes of the engine, and how ccache is to use them.

What a tree runs can write anything into the cache that it is given. So Debian's own trees, which apt has checked, share
one; every other tree only reads that one, and writes to one of its own.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import atomic, bootstrap, enginedisk, kconfig, leases
from pipeline.container import Limits
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.engine import Engine
    from pipeline.values import Kernel, Tree

PREFIX = "hvmatrix-ccache"
SHARED = f"{PREFIX}-debian"
OWN_FOLDER, SHARED_FOLDER = "/ccache", "/ccache-debian"
TRIM_SECONDS = 1200


def volume(tree: Tree) -> str:
    """The volume that builds of a tree write to."""
    if _debian(tree):
        return SHARED
    return f"{PREFIX}-{hashlib.sha256((tree.owner or tree.digest).encode()).hexdigest()[:12]}"


def _debian(tree: Tree) -> bool:
    """Whether apt has checked every file of a tree."""
    return tree.digest.startswith("deb:")


def may_share(kernel: Kernel) -> bool:
    """Whether the build of a kernel may write to what a fleet reads: nothing of a stranger's is executed in it.

    Its tree is Debian's own, and no string of its .config can be more than a word where make or a shell expands it.
    """
    return _debian(kernel.tree) and kconfig.harmless(kernel.config)


def user(kernel: Kernel) -> Tree:
    """The tree in whose name a build uses the caches: of its own, where a .config brings more than words to it.

    Else what such a string does to them would reach the kernels of every other .config on that tree.
    """
    tree = kernel.tree
    if kconfig.harmless(kernel.config):
        return tree
    origin = f"{tree.origin}, strings of a .config executed"
    return replace(tree, digest=f"config:{kernel.key}", origin=origin, owner="")


def mounted(engine: Engine, tree: Tree, cache: Path) -> dict[str, dict[str, str]]:
    """The volumes of a container that builds a tree, made if need be, with their use noted in the cache."""
    own = volume(tree)
    volumes = {own: {"bind": OWN_FOLDER, "mode": "rw"}}
    if own != SHARED:
        volumes[SHARED] = {"bind": SHARED_FOLDER, "mode": "ro"}
    with _locked(cache):
        for name in volumes:
            atomic.write(note(cache, name), "" if name == SHARED else f"{tree.owner or tree.origin}\n")
            engine.ensure_volume(name)
    return volumes


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Keep others from removing a compiler cache between the note of its use and its use, or the other way round."""
    with atomic.writing(str(cache / "ccaches")), bootstrap.locked(cache / "ccaches" / ".lock"):
        yield


def note(cache: Path, name: str) -> Path:
    """The file whose time says when a compiler cache was used last; in it stands by whom."""
    return cache / "ccaches" / name


def environment(tree: Tree, more: str = "") -> dict[str, str]:
    """What tells ccache where to look; `more` is one more storage, the last to be asked.

    Everything is in its "remote" storages, as only those can be several and read-only (ccache 4.11, CONFIGURATION).
    The direct mode is off: autoconf.h holds the kernel's own release, so it would never hit; and it cannot see a new
    header that takes another's place in an include path.
    """
    storages = [f"file:{OWN_FOLDER}"]
    if volume(tree) != SHARED:
        storages.append(f"file:{SHARED_FOLDER}|read-only")
    storages += [more] * bool(more)
    return {
        "CCACHE_DIR": "/tmp/ccache",  # noqa: S108 - in the container
        "CCACHE_CONFIGPATH": "/dev/null",
        "CCACHE_REMOTE_ONLY": "1",
        "CCACHE_REMOTE_STORAGE": " ".join(storages),
        "CCACHE_COMPILERCHECK": "content",
        "CCACHE_EXTRAFILES": "/usr/bin/as",  # gcc runs it, and its digest says nothing of which it was
        "CCACHE_NODIRECT": "1",
    }


def forget(engine: Engine) -> None:
    """Remove every compiler cache that nobody uses now."""
    enginedisk.remove_volumes(engine, PREFIX)


def remove(engine: Engine, cache: Path, name: str, *, own: bool = True) -> bool:
    """Remove one compiler cache; False when a running command or a container uses it.

    Without `own`, what this process itself used is not spared (leases.since).
    """
    with _locked(cache):
        since, path = leases.since(cache, own=own), note(cache, name)
        if since is not None and path.exists() and path.stat().st_mtime >= since:
            return False
        if not enginedisk.remove_volume(engine, name):
            return False
        path.unlink(missing_ok=True)
    return True


def trim(engine: Engine, toolchain: str, name: str, most: int) -> int:
    """Remove what was used least recently until at most so many bytes are left; the bytes that are left.

    Builds may go on meanwhile: what is gone is a miss (ccache 4.11, --trim-dir). Raises HostError when it fails.
    """
    volumes = {name: {"bind": OWN_FOLDER, "mode": "rw"}}
    with engine.container(toolchain, limits=Limits(seconds=TRIM_SECONDS), volumes=volumes) as box:
        size = f"{max(1, most // 1024)}KiB"  # 0 would be no limit
        argv = ["ccache", "--trim-dir", OWN_FOLDER, "--trim-max-size", size, "--trim-method", "atime"]
        done = box.run(argv, seconds=TRIM_SECONDS, environment={"CCACHE_CONFIGPATH": "/dev/null"})
        if done.exit_status:
            raise HostError(f"cannot trim {name}", details=done.log[-2000:])
        return int(box.run(["du", "-s", "-B1", OWN_FOLDER]).stdout.split()[0])
