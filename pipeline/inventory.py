"""Everything of this project that takes disk, in the cache and in the engine, with bytes and last use.

Never touches results/. An item is only removed when no running command and no container uses it.
"""

from __future__ import annotations

import shutil
import stat
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline import atomic, ccache, enginedisk, holdings, leases, objecttrees, treestore
from pipeline.errors import HostError
from pipeline.items import BOOT, CCACHE, IMAGE, KERNEL, LEFT, MIRROR, NOTE, OBJECTS, TREE, Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.engine import Engine

FOLDERS = {"kernels": KERNEL, "boots": BOOT, "git": MIRROR}
NOTES = ("resolutions", "slims", "configs", "folders", "goals")
OTHERS = ("objects", "trees", "ccaches")  # they stand for what the engine has


def items(engine: Engine, cache: Path, *, own: bool = True) -> list[Item]:
    """Everything that takes disk. The engine's answer is kept for `noted`.

    Without `own`, leases of this process do not count. Raises HostError when the engine fails.
    """
    found = enginedisk.images(engine)
    shared = holdings.strangers(engine, cache)
    quiet = not shared and leases.since(cache, own=own) is None
    held = list(holdings.of_images(found, cache, quiet=quiet, shared=shared))
    last = _last(cache)
    try:
        more, known = holdings.of_volumes(engine, cache, holdings.tools(found), held, last, shared=shared)
    except HostError:  # such as a disk too full for a container: what else there is can still be removed
        more, known = [one for one in _held(cache) if one.kind in {TREE, CCACHE}], last
    held += more
    with suppress(HostError):
        atomic.write_note(_memo(cache), {**known, "items": [asdict(one) for one in held]})
    return [*_of_cache(cache), *held]


def noted(cache: Path) -> list[Item]:
    """The same, with what the engine had when it was asked last; nothing is asked of it."""
    return [*_of_cache(cache), *_held(cache)]


def forget(cache: Path, gone: Sequence[Item]) -> None:
    """Take note that items are gone."""
    names = {one.id for one in gone}
    held = [asdict(one) for one in _held(cache) if one.id not in names]
    with suppress(HostError):
        atomic.write_note(_memo(cache), {**_last(cache), "items": held})


def sweep(cache: Path) -> None:
    """Remove what killed commands left half written; never what one that runs may be writing."""
    folders = (*FOLDERS, *NOTES, *OTHERS, "sources", "leases")
    written = (path for folder in folders for path in (cache / folder).glob(".*"))
    for path in (*cache.glob(".*.json.*"), *written):
        if path.name != ".lock" and (aside := leases.take(cache, path)):
            _delete(aside)


def remove(engine: Engine, cache: Path, item: Item, *, own: bool = True) -> bool:
    """Remove an item that is not fixed; False when a running command or a container uses it.

    Without `own`, what this process itself used is not spared. Raises HostError when the engine fails.
    """
    if item.kind == OBJECTS:
        return objecttrees.remove(engine, cache, item.name, own=own)
    if item.kind == TREE:
        return treestore.remove(engine, holdings.tools(enginedisk.images(engine)), cache, item.name, own=own)
    if item.kind == CCACHE:
        return ccache.remove(engine, cache, item.name, own=own)
    if item.kind == IMAGE:
        return leases.since(cache, own=own) is None and enginedisk.remove_image(engine, item.name)
    aside = leases.take(cache, cache / item.name, own=own)
    if aside is None:
        return False
    _delete(aside)
    return True


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _of_cache(cache: Path) -> Iterator[Item]:
    """What is in files, and what killed commands left beside it."""
    for folder in (*FOLDERS, *NOTES, *OTHERS):
        kind = FOLDERS.get(folder, NOTE)
        for path in _listed(cache / folder):
            left = path.name.startswith(".") and path.name != ".lock"
            mirrored = kind == MIRROR and not path.is_dir()  # the lock of one
            if not left and (path.name == ".lock" or folder in OTHERS or mirrored):
                continue
            with suppress(OSError):  # gone meanwhile
                name, used = f"{folder}/{path.name}", path.stat().st_mtime
                yield Item(kind=LEFT if left else kind, name=name, bytes=_bytes(path), used=used)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _bytes(path: Path) -> int:
    """What a file or folder takes on its disk."""
    status = path.lstat()
    inner = sum(_bytes(one) for one in _listed(path)) if stat.S_ISDIR(status.st_mode) else 0
    return status.st_blocks * 512 + inner


def _memo(cache: Path) -> Path:
    return cache / "space.json"


def _last(cache: Path) -> dict[str, Any]:
    found = atomic.read_note(_memo(cache))
    return found if isinstance(found, dict) else {}


def _held(cache: Path) -> list[Item]:
    """What the engine had when it was asked last."""
    try:
        return [Item(**{**one, "on": tuple(one["on"])}) for one in _last(cache)["items"]]
    except (KeyError, TypeError, ValueError):
        return []
