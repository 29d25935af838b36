"""Finished object trees, kept as images: the next kernel starts from a copy of the nearest one.

Never says which is the nearest; spanning.py does. A tree of one owner is never given to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import atomic, enginedisk, images, kconfig, leases, treestore
from pipeline.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine
    from pipeline.values import Kernel

LABEL = "org.hvmatrix.objects"
NAME = f"{images.NAMES}/objects"
DEEPEST = 100  # layers on the toolchain's; overlay2 mounts at most 128
DEPENDS_LIMIT = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectTree:
    """The object tree of a finished kernel; `image` names it, `tree` and `owner` say what it was made of."""

    key: str
    image: str
    tree: str
    owner: str
    toolchain: str
    options: Mapping[str, str]
    depth: int
    depends: Path


def kept(engine: Engine, cache: Path, toolchain: str) -> list[ObjectTree]:
    """The object trees of a toolchain that are there, least recently used first."""
    return [one for one in _all(cache, enginedisk.labelled(engine, LABEL)) if one.toolchain == toolchain]


def noted(cache: Path) -> list[ObjectTree]:
    """The object trees that there are notes of, there or not; nothing is asked of the engine."""
    return _all(cache, None)


def _all(cache: Path, there: Mapping[str, str] | None) -> list[ObjectTree]:
    found = (_read(path, there) for path in sorted((cache / "objects").glob("*.json"), key=_used))
    return [one for one in found if one]


def of(engine: Engine, cache: Path, key: str) -> ObjectTree | None:
    """One object tree, if it is still there; it and the tree that it was made of are noted as used."""
    if not leases.used(_note(cache, key)):
        return None
    found = _read(_note(cache, key), enginedisk.labelled(engine, LABEL))
    if found:
        leases.used(treestore.memo(cache, treestore.key(found.tree)))
    return found


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path, there: Mapping[str, str] | None) -> ObjectTree | None:
    note: Any = atomic.read_json(path)
    try:
        if there is not None and there.get(note["key"]) != note["image"]:
            return None
        return ObjectTree(
            key=str(note["key"]), image=tag(note["key"]), tree=str(note["tree"]), owner=str(note["owner"]),
            toolchain=str(note["toolchain"]), options=dict(note["options"]), depth=int(note["depth"]),
            depends=path.with_suffix(".depends"),
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def tag(key: str) -> str:
    """The tag of a kernel's object tree, there or not."""
    return f"{NAME}:{key[:24]}"


def keep(engine: Engine, box: Container, kernel: Kernel, start: ObjectTree | None, cache: Path) -> None:
    """Keep the object tree that a container holds, and which options its objects depend on.

    Raises HostError when the disk or the engine gives out.
    """
    depth = start.depth + 1 if start else 1
    if depth > DEEPEST:
        return
    listed = box.get("/build/depends", DEPENDS_LIMIT).get("depends")
    trimmed = box.run(["trim-objects"])
    if trimmed.exit_status or listed is None:
        raise HostError("cannot keep an object tree", details=trimmed.log[-2000:], hint="./inv doctor")
    name = tag(kernel.key)
    before = enginedisk.labelled(engine, LABEL).get(kernel.key)  # of a run that was killed before it noted it
    box.commit(name, {LABEL: kernel.key})
    if before:
        enginedisk.remove_image(engine, before)  # it has lost its name; one that others stand on stays
    path, depends = notes(cache, kernel.key)
    atomic.write(depends, listed)
    note = {
        "key": kernel.key, "image": engine.image_id(name), "tree": kernel.tree.digest, "owner": kernel.tree.owner,
        "toolchain": kernel.toolchain, "depth": depth, "options": options(kernel.config),
    }  # fmt: skip
    atomic.write(path, atomic.compact(note))


def options(config: str) -> dict[str, str]:
    """The options of a .config that are on or have a value; of the others nothing is built."""
    return {symbol: value for symbol, value in kconfig.values(config).items() if value != "n"}


def touch(tree: ObjectTree) -> None:
    """Note that an object tree is used now: that a build is planned which starts from it."""
    leases.used(tree.depends.with_suffix(".json"))


def remove(engine: Engine, cache: Path, key: str, *, own: bool = True) -> bool:
    """Remove one object tree with its notes, or what is left of it; False when a command or a container uses it.

    Without `own`, what this process itself used is not spared (leases.since).
    """
    note, depends = notes(cache, key)
    path = note if note.exists() else depends
    aside = leases.take(cache, path, own=own) if path.exists() else None
    if path.exists():
        return False
    if engine.labels(tag(key)) is not None and not enginedisk.remove_image(engine, tag(key)):
        if aside:
            leases.put_back(aside, path)
        return False
    for left in (aside, depends):
        if left:
            left.unlink(missing_ok=True)
    return True


def forget(engine: Engine) -> None:
    """Remove every object tree that no container uses."""
    for key in enginedisk.labelled(engine, LABEL):
        enginedisk.remove_image(engine, tag(key))


def notes(cache: Path, key: str) -> tuple[Path, Path]:
    """The files about an object tree: its note, whose time is that of its last use, and what depends on what."""
    note = _note(cache, key)
    return note, note.with_suffix(".depends")


def keys(cache: Path) -> set[str]:
    """The keys of all object trees that there are files about."""
    return {path.stem for path in (cache / "objects").glob("[!.]*")}


def _note(cache: Path, key: str) -> Path:
    return cache / "objects" / f"{key}.json"
