"""Lists what the engine has of this project: images, object trees, kernel trees, compiler caches.

It only looks. What other projects have there is not seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline import atomic, ccache, enginedisk, images, leases, objecttrees, process, treestore
from pipeline.container import Limits
from pipeline.errors import HostError
from pipeline.items import CCACHE, IMAGE, OBJECTS, TREE, Item, identity, order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.enginedisk import Image

VOLUMES = "/volumes"
LIMITS = Limits(memory=1024, seconds=1800)
DU_SECONDS = 900
MOST_VOLUMES = 200  # that are looked into


def tools(found: Iterable[Image]) -> str:
    """An image with which volumes can be looked into: the toolchain's, or any current one; empty for none."""
    names = sorted({name for one in found for name in one.names} & images.current())
    return next((name for name in names if "toolchain" in name), next(iter(names), ""))


def strangers(engine: Engine, cache: Path) -> bool:
    """Whether a process computes in this engine that holds no lease here, so that its uses are not known."""
    others = enginedisk.holders(engine) - leases.owners(cache) - {process.identity()}
    return any(not process.gone(name) for name in others)


def of_images(found: Iterable[Image], cache: Path, *, quiet: bool, shared: bool) -> Iterator[Item]:
    """Images and object trees. Nobody notes the use of an image: without `quiet` all of them stay.

    With `shared`, an object tree that no note of this cache names is another's, and stays. One that has lost its name
    to a newer one of the same kernel is an image like others: nothing starts from it, though others may stand on it.
    """
    current, ids = images.current(), {"": ""}
    keys = set()
    for one in found:
        nameless = all(name.startswith("sha256:") for name in one.names)
        key, below = None if nameless else one.labels.get(objecttrees.LABEL), ids[one.parent]
        if key is None:
            theirs = not one.names[0].startswith((f"{images.NAMES}/", "sha256:"))  # labels are inherited
            fixed = theirs or not quiet or bool(current & set(one.names))
            on = (below,) if below else ()
            item = Item(kind=IMAGE, name=one.names[0], bytes=one.bytes, used=one.made, on=on, fixed=fixed)
        else:
            keys.add(key)
            item = _object(cache, key, one, below, shared=shared)
        ids[one.digest] = item.id
        yield item
    for key in sorted(objecttrees.keys(cache) - keys):
        yield _object(cache, key, None, "", shared=False)  # its image is gone


def _object(cache: Path, key: str, image: Image | None, below: str, *, shared: bool) -> Item:
    """An object tree; one that no note of this cache names is as old as its image."""
    paths = objecttrees.notes(cache, key)
    note: Any = atomic.read_json(paths[0])
    tree = identity(TREE, treestore.key(str(note["tree"]))) if isinstance(note, dict) and "tree" in note else ""
    there = [path.stat() for path in paths if path.exists()]
    used = there[0].st_mtime if there else image.made if image else 0.0
    return Item(
        kind=OBJECTS, name=key, bytes=sum(one.st_blocks * 512 for one in there) + (image.bytes if image else 0),
        used=used, on=tuple(name for name in (below, tree) if name), fixed=shared and not there,
    )  # fmt: skip


def of_volumes(
    engine: Engine, cache: Path, image: str, above: Sequence[Item], known: Mapping[str, Any], *, shared: bool,
) -> tuple[list[Item], dict[str, Any]]:  # fmt: skip
    """Kernel trees and compiler caches; `image` is that of `tools`, `above` what stands on trees.

    `known` is what was returned beside them the last time. With `shared`, all of them stay. Raises HostError when the
    engine fails, or has no disk for a container.
    """
    caches = dict(list(enginedisk.volumes(engine, ccache.PREFIX).items())[:MOST_VOLUMES])
    store = engine.volume(treestore.VOLUME)
    if not image or not (caches or store):
        return [], {}
    mounts = {name: {"bind": f"{VOLUMES}/{name}", "mode": "ro"} for name in caches}
    if store:
        mounts[treestore.VOLUME] = {"bind": treestore.FOLDER, "mode": "ro"}
    trees: list[Item] = []
    with engine.container(image, limits=LIMITS, volumes=mounts) as box:
        sizes = _du(box, [f"{VOLUMES}/{name}" for name in caches])
        if store:
            trees = list(_trees(cache, store.identity, treestore.present(box), shared=shared))
            known = _measured(box, cache, store.identity, [*above, *trees], known)
    for name in set(caches) - set(enginedisk.volumes(engine, ccache.PREFIX)):
        enginedisk.remove_volume(engine, name)  # removed by others meanwhile; for us, the engine made it again
    found = [replace(one, bytes=known["trees"].get(one.name, 0)) for one in trees]
    for name, changed in caches.items():
        note = ccache.note(cache, name)
        used = note.stat().st_mtime if note.exists() else changed
        fixed = shared or name == ccache.SHARED  # that one is trimmed
        size = sizes.get(f"{VOLUMES}/{name}", 0)
        found.append(Item(kind=CCACHE, name=name, bytes=size, used=used, fixed=fixed))
    return found, dict(known)


def _trees(cache: Path, volume: str, present: Mapping[str, float], *, shared: bool) -> Iterator[Item]:
    for name, changed in present.items():
        if name.startswith("."):
            continue  # being made, or removed
        path = treestore.memo(cache, name)
        note: Any = atomic.read_note(path)
        mine = isinstance(note, dict) and note.get("volume") == volume
        used = path.stat().st_mtime if mine else changed
        on = (identity(TREE, str(note["plain"])),) if mine and note.get("plain") else ()
        yield Item(kind=TREE, name=name, bytes=0, used=used, on=on, fixed=shared)


def _measured(
    box: Container, cache: Path, volume: str, found: Iterable[Item], known: Mapping[str, Any],
) -> Mapping[str, Any]:  # fmt: skip
    """The bytes of each tree that the more recently used ones do not share: what removing them in order frees.

    That takes seconds, for trees hold 100,000 files. So copies that are new are looked at by themselves, and all are
    counted only when one is gone, or there is a new one that is no copy.
    """
    names = [item.name for item in reversed(order(found)) if item.kind == TREE]
    trees: dict[str, int] = known.get("trees", {}) if known.get("volume") == volume else {}
    new = [name for name in names if name not in trees]
    if set(trees) <= set(names) and all(_copied(cache, name) for name in new):
        return {"volume": volume, "trees": trees | {name: _own(box, name) for name in new}}
    sizes = _du(box, [f"{treestore.FOLDER}/{name}" for name in names])
    return {"volume": volume, "trees": {name: sizes.get(f"{treestore.FOLDER}/{name}", 0) for name in names}}


def _copied(cache: Path, name: str) -> bool:
    """Whether a tree was made of another one, and shares files with it."""
    note: Any = atomic.read_note(treestore.memo(cache, name))
    return isinstance(note, dict) and bool(note.get("plain") or note.get("owner"))


def _own(box: Container, name: str) -> int:
    """The bytes of a tree that no other shares."""
    words = ["(", "-type", "d", "-o", "-links", "1", ")", "-printf", r"%b\n"]
    done = box.run(["find", f"{treestore.FOLDER}/{name}", *words], user=treestore.OWNER, seconds=DU_SECONDS)
    return sum(int(blocks) for blocks in done.stdout.split()) * 512


def _du(box: Container, paths: list[str]) -> dict[str, int]:
    """What folders take on their disk; what several of them share counts for the first."""
    if not paths:
        return {}
    done = box.run(["du", "-s", "-B1", "--", *paths], user=treestore.OWNER, seconds=DU_SECONDS)
    rows = [line.split("\t", 1) for line in done.stdout.splitlines()]
    if not rows:
        raise HostError("cannot see how much disk is used", details=done.stderr[-2000:])
    return {path: int(size) for size, path in rows}
