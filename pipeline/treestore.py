"""Keeps kernel trees in one volume of the engine, a folder a tree, whole or not at all.

A patched tree shares the files it has in common with its plain one. Nothing of a tree is executed here.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline import atomic
from pipeline.container import Limits
from pipeline.errors import HostError
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.container import Container
    from pipeline.engine import Engine

VOLUME = "hvmatrix-trees"
FOLDER = "/trees"
OWNER = "1001:1001"
LIMITS = Limits(memory=4096, seconds=1800)
COPY_SECONDS = 600
DISK = "./inv doctor says how full the disk is"
STALE_MINUTES = "240"  # a half-made tree that is older was left by a killed run


def known(engine: Engine, toolchain: str, variant: str, digest: str, cache: Path) -> Tree | None:
    """A tree that is there already; None when it must be made."""
    note = atomic.read_json(_memo(cache, digest))
    made = engine.volume(VOLUME)
    if made is None or not isinstance(note, dict) or note.get("volume") != made.identity:
        return None
    mount = f"{made.folder}/{key(digest)}"
    # where the engine is on this machine, its folder can be seen; it would make an empty one for a tree that is gone
    if os.path.isdir(made.folder) and not os.path.lexists(f"{mount}/Kconfig"):  # noqa: PTH112 - Path raises on EACCES
        return None
    code = str(note.get("code", ""))
    return Tree(variant=variant, image=toolchain, digest=digest, origin=str(note["origin"]), mount=mount, code=code)


@contextmanager
def making(
    engine: Engine, toolchain: str, *, network: bool = False, capabilities: Sequence[str] = (),
) -> Iterator[tuple[Container, str]]:  # fmt: skip
    """A container and a new folder in it for a tree that is to be made; `keep` makes it one, else it is removed."""
    engine.ensure_volume(VOLUME)
    target = f"{FOLDER}/.new-{secrets.token_hex(8)}"
    volumes = {VOLUME: {"bind": FOLDER, "mode": "rw"}}
    with engine.container(
        toolchain, limits=LIMITS, network=network, capabilities=capabilities, volumes=volumes,
    ) as box:  # fmt: skip
        stale = ["find", FOLDER, "-mindepth", "1", "-maxdepth", "1", "-name", ".new-*", "-mmin", f"+{STALE_MINUTES}"]
        box.run([*stale, "-exec", "rm", "-rf", "{}", "+"], user=OWNER)
        _must(box, ["mkdir", target], "make a folder for a tree")
        try:
            yield box, target
        except BaseException:
            clear(box, target)
            raise


def keep(engine: Engine, box: Container, target: str, tree: Tree, cache: Path) -> Tree:
    """Give a finished folder its name; the tree with the place where it can be mounted from."""
    final = f"{FOLDER}/{key(tree.digest)}"
    moved = box.run(["mv", "-T", target, final], user=OWNER)  # takes the place of an empty folder, and of no other
    if moved.exit_status:
        _must(box, ["test", "-f", f"{final}/Kconfig"], f"keep a tree: {moved.stderr.strip()}")
        clear(box, target)  # made by somebody else meanwhile, of the same content
    made = engine.volume(VOLUME)
    if made is None:
        raise HostError(f"the volume {VOLUME} was removed while a tree was made", hint="run this again")
    note = {"volume": made.identity, "origin": tree.origin, "code": tree.code}
    atomic.write_json(_memo(cache, tree.digest), note)
    return replace(tree, mount=f"{made.folder}/{key(tree.digest)}")


def copy(box: Container, plain: Tree, target: str) -> None:
    """Fill a folder with a tree that is there; files are shared until somebody replaces them."""
    source = f"{FOLDER}/{key(plain.digest)}"
    _must(box, ["cp", "-al", f"{source}/.", target], f"copy the tree {plain.origin}")


def noted_code(cache: Path, digest: str) -> str:
    """What is noted of a tree's code (values.Tree.code); empty when the tree was never here."""
    note = atomic.read_json(_memo(cache, digest))
    return str(note.get("code", "")) if isinstance(note, dict) else ""


def mounted(tree: Tree) -> dict[str, dict[str, str]]:
    """The volumes of a container that has the tree at /src and cannot write to it."""
    return {tree.mount: {"bind": "/src", "mode": "ro"}}


def remove_unknown(engine: Engine, toolchain: str, cache: Path) -> None:
    """Remove the trees that no note in the cache names, but for those that another run builds from or makes now."""
    volume = engine.volume(VOLUME)
    if volume is None:
        return
    names = {path.stem for path in (cache / "trees").glob("*.json")}
    used = engine.mounts()
    with engine.container(toolchain, limits=LIMITS, volumes={VOLUME: {"bind": FOLDER, "mode": "rw"}}) as box:
        there = box.run(["ls", "-A", FOLDER], user=OWNER).stdout.split()
        for name in there:
            made_now = name.startswith(".new-") and volume.folder in used
            if name not in names and not made_now and f"{volume.folder}/{name}" not in used:
                clear(box, f"{FOLDER}/{name}")


def clear(box: Container, folder: str) -> None:
    """Remove a folder of the store, if the engine still answers."""
    try:
        box.run(["rm", "-rf", folder], user=OWNER, seconds=COPY_SECONDS)
    except HostError:
        return  # the engine is gone; what is left is removed once it is stale


def _must(box: Container, argv: list[str], doing: str) -> None:
    done = box.run(argv, user=OWNER, seconds=COPY_SECONDS)
    if done.exit_status:
        raise HostError(f"cannot {doing}", details=done.log[-2000:], hint=DISK)


def key(digest: str) -> str:
    """The name of a tree's folder and note."""
    return hashlib.sha256(digest.encode()).hexdigest()[:24]


def _memo(cache: Path, digest: str) -> Path:
    return cache / "trees" / f"{key(digest)}.json"
